/**
 * One HTTP request, with a deadline for the whole answer, by `node:http` with connections that are kept open.
 *
 * Redirects are not followed: they would send credentials to a host that was not configured. Nothing is sent again:
 * only the caller knows whether a request may be repeated.
 */
import http from 'node:http';
import { urlToHttpOptions } from 'node:url';
import { TemporaryError, unexpectedAnswer } from './errors.mjs';

export const FORM = 'application/x-www-form-urlencoded';
export const JSON_TYPE = 'application/json';

const BODY_LIMIT = 4 * 1024 * 1024;

/**
 * @typedef {{ status: number, headers: http.IncomingHttpHeaders, body: Buffer }} Answer
 *
 * @typedef {object} Outgoing
 * @property {string} method
 * @property {string} base the URL of the server
 * @property {string} path
 * @property {number} timeout milliseconds of real time until the end of the answer
 * @property {() => { headers: Record<string, string>, body: Buffer | null }} submit is called when the connection stands,
 *   at the last moment before anything is sent. So it chooses credentials that are valid now, or throws
 * @property {AbortSignal[]} signals each ends the exchange with its reason
 */

const plainAgent = new http.Agent({ keepAlive: true });
/** @type {Promise<{ request: typeof http.request, agent: http.Agent }> | null} */
let secureClient = null;

/**
 * Sends a request and reads its answer.
 * @param {Outgoing} outgoing
 * @returns {Promise<Answer>}
 * @throws {TemporaryError} if the network fails
 * @throws {import('./errors.mjs').SignInError} `unexpectedAnswer` if the answer is not HTTP; what `submit` throws
 */
export async function exchange(outgoing) {
  const url = new URL(outgoing.base);
  const client = url.protocol === 'https:' ? await secure() : { request: http.request, agent: plainAgent };
  for (const signal of outgoing.signals) signal.throwIfAborted();
  const request = client.request({
    ...urlToHttpOptions(url),
    agent: client.agent,
    method: outgoing.method,
    path: url.pathname.replace(/\/$/, '') + visible(outgoing.path),
    headers: { Accept: JSON_TYPE },
  });
  return new Attempt(request, outgoing).answer;
}

/** The client for `https`, which is slow to load and not needed by every app. */
function secure() {
  secureClient ??= import('node:https').then(({ default: https }) => ({
    request: https.request,
    agent: new https.Agent({ keepAlive: true }),
  }));
  return secureClient;
}

class Attempt {
  #request;
  #outgoing;
  #settled = new AbortController();
  #timer;
  /** @type {(error: unknown) => void} */
  #reject = () => {};
  /** @type {(answer: Answer) => void} */
  #resolve = () => {};
  /** @type {Promise<Answer>} */
  answer;

  /**
   * @param {http.ClientRequest} request
   * @param {Outgoing} outgoing
   */
  constructor(request, outgoing) {
    this.#request = request;
    this.#outgoing = outgoing;
    this.answer = new Promise((resolve, reject) => ([this.#resolve, this.#reject] = [resolve, reject]));
    this.#timer = setTimeout(() => this.#fail(new TemporaryError('the server did not answer in time')), outgoing.timeout);
    for (const signal of outgoing.signals) {
      signal.addEventListener('abort', () => this.#fail(signal.reason), { signal: this.#settled.signal });
    }
    request.on('socket', (socket) => this.#whenConnected(socket, () => this.#submit()));
    request.on('response', (response) => this.#read(response));
    request.on('error', (error) => this.#fail(networkError(error)));
    request.on('close', () => this.#fail(new TemporaryError('the connection was lost')));
  }

  /**
   * @param {import('node:net').Socket} socket
   * @param {() => void} action
   */
  #whenConnected(socket, action) {
    if (socket.connecting) socket.once('encrypted' in socket ? 'secureConnect' : 'connect', action);
    else action(); // a connection that was kept open
  }

  #submit() {
    if (this.#settled.signal.aborted) return;
    try {
      const { headers, body } = this.#outgoing.submit();
      for (const [name, value] of Object.entries(headers)) this.#request.setHeader(name, value);
      if (body !== null) this.#request.setHeader('Content-Length', body.length);
      this.#request.end(body ?? undefined);
    } catch (error) {
      this.#fail(error);
    }
  }

  /** @param {http.IncomingMessage} response */
  #read(response) {
    /** @type {Buffer[]} */
    const parts = [];
    let size = 0;
    response.on('data', (part) => {
      parts.push(part);
      size += part.length;
      if (size > BODY_LIMIT) this.#fail(unexpectedAnswer('it is too large'));
    });
    response.on('error', (error) => this.#fail(networkError(error)));
    response.on('end', () => {
      const { statusCode = 0, headers } = response;
      this.#settle();
      this.#resolve({ status: statusCode, headers, body: Buffer.concat(parts) });
    });
  }

  #settle() {
    clearTimeout(this.#timer);
    this.#settled.abort();
  }

  /** @param {unknown} error */
  #fail(error) {
    if (this.#settled.signal.aborted) return;
    this.#settle();
    this.#reject(error);
    this.#request.destroy();
  }
}

/** @param {any} error */
function networkError(error) {
  return `${error.code}`.startsWith('HPE_') ? unexpectedAnswer('it is not HTTP') : new TemporaryError('the connection was lost');
}

/**
 * Whether a text may stand in a header, so that it cannot begin another header.
 * @param {string} text
 */
export function isHeaderSafe(text) {
  return /^[\x21-\x7e]+$/.test(text);
}

/**
 * A form: every character but the unreserved ones is percent-encoded, so also `+`, `/` and `=`.
 * @param {Record<string, string>} fields
 */
export function form(fields) {
  return Buffer.from(Object.entries(fields).map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join('&'));
}

/**
 * Escapes what may not stand in a request line; escapes that are there stay.
 * @param {string} path
 */
function visible(path) {
  return path.toWellFormed().replace(/[^\x21-\x7e]+/g, encodeURIComponent);
}
