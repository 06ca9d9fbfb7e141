/**
 * The identity provider: exchange and refresh, and what its answers mean. It keeps no state and does not retry.
 *
 * @typedef {{ accessToken: string, refreshToken: string, lifetime: number }} Tokens lifetime in milliseconds
 */
import { SignInError, TemporaryError, invalidUser, needsReauthentication, unexpectedAnswer } from './errors.mjs';
import { exchange as httpExchange, isHeaderSafe } from './http.mjs';
import { parseObject } from './json.mjs';
import { sameRealm } from './token.mjs';

const LONGEST_LIFETIME_S = 1e9;
const LONGEST_WAIT_MS = 24 * 3600 * 1000;

/** The hosts of every environment and region. */
export class Endpoints {
  #entries;

  /** @param {{ environment: string, region: string, api: string, auth: string }[]} entries */
  constructor(entries) {
    this.#entries = entries;
  }

  /** @param {import('./token.mjs').Realm} realm */
  of(realm) {
    const entry = this.#entries.find((candidate) => sameRealm(candidate, realm));
    if (entry === undefined) throw new SignInError('incompatible', 'this app has no hosts of that environment and region');
    return entry;
  }
}

export class IdentityProvider {
  #profile;
  #endpoints;
  #timeout;
  #clock;

  /**
   * @param {import('./profiles.mjs').Profile} profile
   * @param {Endpoints} endpoints
   * @param {number} timeout milliseconds for one answer
   * @param {{ now(): number }} clock
   */
  constructor(profile, endpoints, timeout, clock) {
    this.#profile = profile;
    this.#endpoints = endpoints;
    this.#timeout = timeout;
    this.#clock = clock;
  }

  /**
   * Exchanges a sign-in token. It is sent once only: the provider may accept it once only.
   * @param {import('./token.mjs').SignInToken} token
   * @param {AbortSignal[]} signals
   * @returns {Promise<Tokens>}
   */
  async exchange(token, signals) {
    const answer = await this.#post(token.realm, this.#profile.exchange(token), signals);
    if (answer.status === 200) return tokensOf(answer.body, this.#profile.exchangeFields);
    if (this.#profile.badSignInToken.includes(this.#errorWord(answer))) {
      throw new SignInError('invalidSignInToken', 'the sign-in token was refused');
    }
    throw this.#failure(answer);
  }

  /**
   * @param {import('./session.mjs').TokenSession} session
   * @param {AbortSignal[]} signals
   * @returns {Promise<Tokens>}
   */
  async refresh(session, signals) {
    const answer = await this.#post(session.realm, this.#profile.refresh(session), signals);
    if (answer.status === 200) return tokensOf(answer.body, this.#profile.refreshFields);
    const word = this.#errorWord(answer);
    if (this.#profile.invalidUser.includes(word)) throw invalidUser();
    if (this.#profile.onHold.includes(word)) throw needsReauthentication();
    throw this.#failure(answer);
  }

  /**
   * The error word of a 4xx, or an empty one. A 429 always means overload, whatever its body says.
   * @param {import('./http.mjs').Answer} answer
   */
  #errorWord({ status, body }) {
    const object = status >= 400 && status < 500 && status !== 429 ? parseObject(body) : null;
    const word = object === null ? null : this.#profile.errorWord(object);
    return typeof word === 'string' ? word : '';
  }

  /** @param {import('./http.mjs').Answer} answer one that says nothing about the token */
  #failure({ status, headers }) {
    if (status === 429 || status >= 500) {
      return new TemporaryError('the identity provider is overloaded or out of order', retryAfter(headers, this.#clock.now()));
    }
    return unexpectedAnswer(`status ${status}`);
  }

  /**
   * @param {import('./token.mjs').Realm} realm
   * @param {import('./profiles.mjs').TokenRequest} request
   * @param {AbortSignal[]} signals
   */
  #post(realm, { path, type, body }, signals) {
    return httpExchange({
      method: 'POST',
      base: this.#endpoints.of(realm).auth,
      path,
      timeout: this.#timeout,
      submit: () => ({ headers: { 'Content-Type': type }, body }),
      signals,
    });
  }
}

/**
 * @param {Buffer} body
 * @param {[string, string, string]} names
 * @returns {Tokens}
 */
function tokensOf(body, names) {
  const object = parseObject(body);
  if (object === null) throw unexpectedAnswer('no JSON object');
  const [accessToken, refreshToken, lifetime] = names.map((name) => object[name]);
  if (typeof accessToken !== 'string' || !isHeaderSafe(accessToken)) throw unexpectedAnswer('no usable access token');
  if (typeof refreshToken !== 'string' || refreshToken === '') throw unexpectedAnswer('no usable refresh token');
  return { accessToken, refreshToken, lifetime: Math.floor(secondsOf(lifetime) * 1000) };
}

/** @param {unknown} value a number, or a string of digits */
function secondsOf(value) {
  const seconds = typeof value === 'string' && /^\d{1,10}$/.test(value) ? Number(value) : value;
  if (typeof seconds !== 'number' || !(seconds > 0 && seconds <= LONGEST_LIFETIME_S)) {
    throw unexpectedAnswer('no usable lifetime');
  }
  return seconds;
}

/**
 * `Retry-After` in milliseconds, or null. A date counts from the answer's own `Date`, so a wrong clock does not matter.
 * @param {import('node:http').IncomingHttpHeaders} headers
 * @param {number} now
 */
function retryAfter(headers, now) {
  const value = headers['retry-after'] ?? '';
  if (/^\d+$/.test(value)) return Math.min(Number(value) * 1000, LONGEST_WAIT_MS);
  const until = Date.parse(value);
  if (Number.isNaN(until)) return null;
  const since = Date.parse(headers.date ?? '');
  return Math.min(Math.max(0, until - (Number.isNaN(since) ? now : since)), LONGEST_WAIT_MS);
}
