import { LINE_LIMIT } from './channel.mjs';
import { CALL_FAILED, INVALID_REQUEST, PARSE_ERROR, RpcError } from './errors.mjs';

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * JSON-RPC 2.0 in both directions over a channel. It does not know the methods of the protocol. It needs no Node.
 */
export class Peer {
  #channel;
  #lastId = 0;
  /** @type {Map<unknown, { resolve: (result: any) => void, reject: (error: Error) => void }>} */
  #questions = new Map();
  /** @type {import('../vouch-adapter.d.mts').MessageHandler | null} */
  #handler = null;

  /** @param {import('../vouch-adapter.d.mts').Channel} channel */
  constructor(channel) {
    this.#channel = channel;
  }

  /**
   * Starts to read. Each request and notification is passed on as its line is read, in order, without waiting for
   * the answers of those before it.
   * @param {import('../vouch-adapter.d.mts').MessageHandler} handler
   */
  open(handler) {
    this.#handler = handler;
    this.#channel.open({
      line: (line) => this.#read(line),
      tooLong: () => this.#refuse(null, new RpcError(INVALID_REQUEST, 'a line is at most 1 MiB')),
      end: () => this.#close(),
    });
  }

  /**
   * Sends a request.
   * @param {string} method
   * @param {object} params
   * @param {{ signal?: AbortSignal, onResult?: (result: any) => void }} [options] `signal` ends the wait; `onResult`
   *   runs before the next message is read, so that its effect cannot come late
   * @returns {Promise<any>} the result; rejects with an `RpcError` if the other side answers with an error
   */
  ask(method, params, { signal, onResult } = {}) {
    signal?.throwIfAborted();
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      const abort = () => {
        this.#questions.delete(id);
        reject(signal?.reason);
      };
      const settle = () => signal?.removeEventListener('abort', abort);
      this.#questions.set(id, {
        resolve: (result) => {
          settle();
          onResult?.(result);
          resolve(result);
        },
        reject: (error) => {
          settle();
          reject(error);
        },
      });
      signal?.addEventListener('abort', abort, { once: true });
      this.#write({ jsonrpc: '2.0', id, method, params });
    });
  }

  /**
   * Sends a notification.
   * @param {string} method
   * @param {object} params
   */
  notify(method, params) {
    this.#write({ jsonrpc: '2.0', method, params });
  }

  /** Resolves when everything that was sent has been handed to the operating system. */
  flush() {
    return this.#channel.flush();
  }

  /** @param {Uint8Array} line */
  #read(line) {
    let message;
    try {
      message = JSON.parse(UTF8.decode(line));
    } catch {
      this.#refuse(null, new RpcError(PARSE_ERROR, 'not JSON'));
      return;
    }
    this.#dispatch(message);
  }

  /** @param {any} message */
  #dispatch(message) {
    if (message?.jsonrpc !== '2.0') {
      this.#refuse(null, new RpcError(INVALID_REQUEST, 'not a message of JSON-RPC 2.0'));
    } else if (typeof message.method !== 'string') {
      this.#settle(message);
    } else if (!('id' in message)) {
      this.#handler?.notification(message.method, message.params ?? {});
    } else if (typeof message.id === 'number' || typeof message.id === 'string') {
      this.#perform(message);
    } else {
      this.#refuse(null, new RpcError(INVALID_REQUEST, 'an id is a number or a string'));
    }
  }

  /** @param {{ id: number | string, method: string, params?: any }} message */
  async #perform({ id, method, params = {} }) {
    try {
      const result = await this.#handler?.request(method, params, id);
      this.#write({ jsonrpc: '2.0', id, result });
    } catch (error) {
      this.#refuse(id, error);
    }
  }

  /** @param {any} message the answer to a question of ours */
  #settle(message) {
    const question = this.#questions.get(message.id);
    this.#questions.delete(message.id);
    if (question === undefined) return; // its caller was cancelled
    if ('result' in message) question.resolve(message.result);
    else question.reject(new RpcError(message.error?.code, `${message.error?.message}`, message.error?.data));
  }

  /**
   * @param {number | string | null} id
   * @param {any} error
   */
  #refuse(id, error) {
    const { code = CALL_FAILED, data = { kind: 'internal' } } = error instanceof RpcError ? error : {};
    const details = code === CALL_FAILED ? { code, message: error.message, data } : { code, message: error.message };
    this.#write({ jsonrpc: '2.0', id, error: details });
  }

  /** @param {object} message */
  #write(message) {
    const line = JSON.stringify(message);
    if (new TextEncoder().encode(line).length >= LINE_LIMIT) throw new RangeError('the message is longer than 1 MiB');
    this.#channel.write(line);
  }

  #close() {
    for (const { reject } of this.#questions.values()) reject(new Error('the connection has ended'));
    this.#questions.clear();
    this.#handler?.end();
  }
}
