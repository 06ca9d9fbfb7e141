import { LineChannel } from './channel.mjs';
import { HarnessClock, SystemClock } from './clock.mjs';
import { CALL_FAILED, CallError, INVALID_PARAMS, INVALID_REQUEST, KINDS, METHOD_NOT_FOUND, RpcError } from './errors.mjs';
import { checked } from './params.mjs';
import { Peer } from './peer.mjs';

/** @typedef {import('../vouch-adapter.d.mts').Adapter} Adapter */
/** @typedef {import('../vouch-adapter.d.mts').SdkCalls} SdkCalls */

const PROTOCOL = 1;

const nothing = () => ({});

/**
 * The calls of the protocol that go to the SDK, and the result of each as the protocol wants it.
 * @type {Map<string, (value: any) => object>}
 */
const CALLS = new Map(
  Object.entries({
    signIn: nothing,
    signOut: nothing,
    configure: nothing,
    setUserId: nothing,
    identify: nothing,
    refresh: nothing,
    lockStorage: nothing,
    foreground: nothing,
    status: (/** @type {Iterable<string>} */ words) => ({ status: [...words] }),
    currentUserId: (/** @type {string | null | undefined} */ userId) => ({ userId: userId ?? null }),
    request: (/** @type {any} */ { status, body }) => ({ status, body: body ?? null }),
    storage: (/** @type {import('../vouch-adapter.d.mts').StorageItem[]} */ items) => ({ items: items.map(storageItem) }),
  }),
);

/**
 * Lets Vouch drive an SDK. Returns at once; the process ends when Vouch ends it.
 * @param {Adapter} adapter
 * @param {{ channel?: import('../vouch-adapter.d.mts').Channel, onClose?: () => void }} [options] `channel` is the transport, by default standard
 *   input and output. `onClose` is called after `stop` was answered and when the input ends; by default the process exits
 * @returns {void}
 */
export function serve(adapter, { channel = LineChannel.overStdio(), onClose = () => process.exit(0) } = {}) {
  const peer = new Peer(channel);
  const server = new AdapterServer(adapter, peer, onClose);
  peer.open({
    request: (method, params, id) => server.request(method, params, id),
    notification: (method, params) => server.notification(method, params),
    end: onClose,
  });
}

class AdapterServer {
  #adapter;
  #peer;
  #onClose;
  /** @type {Promise<SdkCalls> | null} */
  #launch = null;
  /** @type {SdkCalls | null} set when the launch is complete: calls then begin as soon as they are read */
  #sdk = null;
  /** @type {HarnessClock | SystemClock} */
  #clock = new SystemClock();
  /** @type {Map<number | string, AbortController>} the calls that Vouch may cancel */
  #running = new Map();

  /**
   * @param {Adapter} adapter
   * @param {Peer} peer
   * @param {() => void} onClose
   */
  constructor(adapter, peer, onClose) {
    this.#adapter = adapter;
    this.#peer = peer;
    this.#onClose = onClose;
  }

  /**
   * @param {string} method
   * @param {any} params
   * @param {number | string} id
   */
  async request(method, params, id) {
    checked(method, params);
    if (method === 'initialize') return this.#initialize(params);
    if (method === 'start') return this.#guarded(() => this.#start(params));
    if (method === 'stop') return this.#guarded(() => this.#stop());
    if (method !== 'clock' && !CALLS.has(method)) throw new RpcError(METHOD_NOT_FOUND, 'no such method');
    if (this.#launch === null) throw new RpcError(INVALID_REQUEST, '`start` comes first');
    if (method === 'clock') return this.#moveClock(params);
    return this.#call(method, params, id, this.#launch);
  }

  /**
   * @param {string} method
   * @param {any} params
   */
  notification(method, params) {
    if (method === 'cancel') this.#running.get(params?.id)?.abort(new CallError('cancelled', 'the call was cancelled'));
  }

  /** @param {{ protocol: number, minProtocol?: number }} params Vouch speaks each version between these two */
  #initialize({ protocol, minProtocol = protocol }) {
    if (protocol < PROTOCOL || minProtocol > PROTOCOL) throw new RpcError(INVALID_PARAMS, `this adapter speaks protocol ${PROTOCOL}`);
    const { sdk, capabilities, tokenStorage } = this.#adapter;
    return { protocol: PROTOCOL, sdk, capabilities, tokenStorage };
  }

  /** @param {import('../vouch-adapter.d.mts').Launch} launch */
  async #start(launch) {
    if (this.#launch !== null) throw new RpcError(INVALID_REQUEST, 'started already');
    if (typeof launch.now === 'number') this.#clock = new HarnessClock(this.#peer, launch.now);
    const host = {
      clock: this.#clock,
      statusChanged: (/** @type {Iterable<string>} */ words) => this.#peer.notify('statusChanged', { status: [...words] }),
      log: (/** @type {string} */ text) => this.#peer.notify('log', { text }),
    };
    this.#launch = Promise.resolve(this.#adapter.start(launch, host));
    this.#sdk = await this.#launch;
    return {};
  }

  /** @param {{ now: number }} params */
  async #moveClock({ now }) {
    if (this.#clock instanceof HarnessClock) this.#clock.moveTo(now);
    (await this.#launch)?.clockMoved?.(now);
    return {};
  }

  async #stop() {
    await (await this.#launch)?.stop?.();
    setTimeout(() => this.#peer.flush().then(this.#onClose)); // after the answer
    return {};
  }

  /**
   * @param {string} method
   * @param {any} params
   * @param {number | string} id
   * @param {Promise<SdkCalls>} launch
   */
  async #call(method, params, id, launch) {
    const controller = new AbortController();
    this.#running.set(id, controller);
    try {
      return await this.#guarded(async () => {
        const calls = /** @type {any} */ (this.#sdk ?? (await launch));
        if (calls[method] === undefined) throw new CallError('unsupported', `the SDK has no call ${method}`);
        const value = await calls[method](params, this.#context(controller.signal));
        return /** @type {any} */ (CALLS.get(method))(value);
      }, controller.signal);
    } finally {
      this.#running.delete(id);
    }
  }

  /** @param {AbortSignal} signal */
  #context(signal) {
    return {
      signal,
      authenticate: (/** @type {string} */ externalUserId) => this.#authenticate(externalUserId, signal),
    };
  }

  /**
   * Asks the app for a sign-in token. An SDK may pass on to the app what the app's own callback threw: so this error has
   * the kind that Vouch gave it.
   * @param {string} externalUserId
   * @param {AbortSignal} signal
   */
  async #authenticate(externalUserId, signal) {
    try {
      return (await this.#peer.ask('authenticate', { externalUserId }, { signal })).token;
    } catch (error) {
      if (!(error instanceof RpcError)) throw error;
      throw new CallError(KINDS.find((kind) => kind === error.data?.kind) ?? 'network', error.message);
    }
  }

  /**
   * Runs the SDK, and turns what it throws into an error of the protocol.
   * @template T
   * @param {() => Promise<T>} action
   * @param {AbortSignal} [signal]
   */
  async #guarded(action, signal) {
    try {
      return await action();
    } catch (error) {
      const fault = /** @type {any} */ (error);
      if (fault instanceof RpcError && fault.code !== CALL_FAILED) throw fault;
      const kind = this.#kindOf(fault, signal);
      if (kind === 'internal') console.error(fault?.stack ?? fault);
      throw new RpcError(CALL_FAILED, `${fault?.message ?? fault}`, { kind });
    }
  }

  /**
   * @param {any} error
   * @param {AbortSignal} [signal]
   */
  #kindOf(error, signal) {
    if (error instanceof CallError) return error.kind;
    const kind = this.#adapter.kindOf?.(error) ?? 'internal';
    if (kind === 'internal' && signal?.aborted && error?.name === 'AbortError') return 'cancelled';
    return KINDS.includes(kind) ? kind : 'internal';
  }
}

/** @param {import('../vouch-adapter.d.mts').StorageItem} item */
function storageItem({ area, key, value }) {
  return { area, key, value: typeof value === 'string' ? value : btoa(Array.from(value, (byte) => String.fromCharCode(byte)).join('')) };
}
