/** Plays Vouch over a pair of streams in memory. */
import { PassThrough } from 'node:stream';
import { LineChannel, serve } from '../vouch-adapter.mjs';

/** A `start` that names two folders and one host. */
export const LAUNCH = {
  profile: 'junction',
  storage: { secure: '/s', plain: '/p', volatile: '/v', locked: false },
  endpoints: [{ environment: 'production', region: 'us', api: 'http://127.0.0.1:1', auth: 'http://127.0.0.1:2' }],
  requestTimeoutMs: 1000,
};

/** The other end of a pair of streams: it writes messages, and reads them one at a time. */
export class Harness {
  #output;
  #lines = [];
  #waiting = [];
  #lastId = 0;

  constructor(input, output) {
    this.#output = output;
    let rest = '';
    input.setEncoding('utf8').on('data', (text) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop();
      for (const line of lines) this.#take(JSON.parse(line));
    });
  }

  /** Writes text as it is. */
  raw(text) {
    this.#output.write(text);
  }

  send(message) {
    this.raw(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
  }

  /** Sends a request and returns its id. */
  request(method, params = {}) {
    this.#lastId += 1;
    this.send({ id: this.#lastId, method, params });
    return this.#lastId;
  }

  /** Sends a request, and returns the next message that comes. */
  call(method, params) {
    this.request(method, params);
    return this.next();
  }

  /** The next message. */
  next() {
    if (this.#lines.length > 0) return Promise.resolve(this.#lines.shift());
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  end() {
    this.#output.end();
  }

  #take(message) {
    const waiting = this.#waiting.shift();
    if (waiting === undefined) this.#lines.push(message);
    else waiting(message);
  }
}

/**
 * An adapter over streams in memory, launched.
 * @returns the harness, what `start` gave to the SDK, and a promise of the end
 */
export async function launched(calls, { now, adapter = {} } = {}) {
  const pair = unlaunched({ ...adapter, start: (launch, host) => ((pair.launch = launch), (pair.host = host), calls) });
  await pair.harness.call('start', { ...LAUNCH, ...(now === undefined ? {} : { now }) });
  return pair;
}

/** An adapter over streams in memory. */
export function unlaunched(adapter) {
  const [toAdapter, fromAdapter] = [new PassThrough(), new PassThrough()];
  const pair = { harness: new Harness(fromAdapter, toAdapter) };
  pair.closed = new Promise((resolve) => {
    const complete = { sdk: { name: 'test', version: '1', platform: 'node' }, capabilities: ['clock'], ...adapter };
    serve(complete, { channel: new LineChannel(toAdapter, fromAdapter), onClose: () => resolve('closed') });
  });
  return pair;
}
