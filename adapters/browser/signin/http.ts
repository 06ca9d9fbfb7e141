/**
 * One HTTP request by `fetch`, with a deadline for the whole answer.
 *
 * Redirects are not followed: they would send credentials to a host that was not configured. Nothing is sent again by this
 * code: only the caller knows whether a request may be repeated.
 */
import { TemporaryError, unexpectedAnswer } from './errors.ts';

export const FORM = 'application/x-www-form-urlencoded';
export const JSON_TYPE = 'application/json';

const BODY_LIMIT = 4 * 1024 * 1024;

export interface Answer {
  status: number;
  headers: Headers;
  body: Uint8Array<ArrayBuffer>;
}

export interface Outgoing {
  method: string;
  /** The URL of the server. */
  base: string;
  path: string;
  headers: Record<string, string>;
  body: string | null;
  /** Milliseconds of real time until the end of the answer. */
  timeout: number;
  /** Each ends the exchange with its reason. */
  signals: AbortSignal[];
}

/**
 * Sends a request and reads its answer.
 * @throws {TemporaryError} if the network fails: a page is not told how
 * @throws {SignInError} `unexpectedAnswer` for a redirect, and for an answer that is too large
 */
export async function exchange(outgoing: Outgoing): Promise<Answer> {
  const ended = new AbortController();
  const late = setTimeout(() => ended.abort(new TemporaryError('the server did not answer in time')), outgoing.timeout);
  const signal = AbortSignal.any([ended.signal, ...outgoing.signals]);
  signal.throwIfAborted();
  try {
    const response = await fetch(urlOf(outgoing), {
      method: outgoing.method,
      headers: { Accept: JSON_TYPE, ...outgoing.headers },
      body: outgoing.body,
      cache: 'no-store',
      credentials: 'omit',
      redirect: 'manual',
      referrerPolicy: 'no-referrer',
      signal,
    });
    if (response.type === 'opaqueredirect') throw unexpectedAnswer('a redirect');
    return { status: response.status, headers: response.headers, body: await bodyOf(response, ended) };
  } catch (error) {
    signal.throwIfAborted();
    throw error instanceof TypeError ? new TemporaryError('the connection was lost') : error;
  } finally {
    clearTimeout(late);
  }
}

function urlOf({ base, path }: Outgoing): string {
  return base.replace(/\/$/, '') + visible(path);
}

async function bodyOf(response: Response, ended: AbortController): Promise<Uint8Array<ArrayBuffer>> {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  for (let reader = response.body?.getReader(); reader !== undefined; ) {
    const { value, done } = await reader.read();
    if (done) break;
    parts.push(value);
    size += value.length;
    if (size > BODY_LIMIT) ended.abort(unexpectedAnswer('it is too large'));
  }
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

/** Whether a text may stand in a header, so that it cannot begin another header. */
export function isHeaderSafe(text: string): boolean {
  return /^[\x21-\x7e]+$/.test(text);
}

/** A form: every character but the unreserved ones is percent-encoded, so also `+`, `/` and `=`. */
export function form(fields: Record<string, string>): string {
  return Object.entries(fields).map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join('&');
}

/** Escapes what may not stand in a request line; escapes that are there stay. */
function visible(path: string): string {
  return path.toWellFormed().replace(/[^\x21-\x7e]+/g, encodeURIComponent);
}
