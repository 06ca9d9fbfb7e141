/** The identity provider: exchange and refresh, and what its answers mean. It keeps no state and does not retry. */
import { SignInError, TemporaryError, invalidUser, needsReauthentication, unexpectedAnswer } from './errors.ts';
import { type Answer, exchange as httpExchange, isHeaderSafe } from './http.ts';
import { parseObject } from './json.ts';
import type { FieldNames, Profile, TokenRequest } from './profiles.ts';
import type { TokenSession } from './session.ts';
import { type Realm, type SignInToken, sameRealm } from './token.ts';

export interface Tokens {
  accessToken: string;
  refreshToken: string;
  /** In milliseconds. */
  lifetime: number;
}

export interface Endpoint extends Realm {
  api: string;
  auth: string;
}

export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  sleep(milliseconds: number): Promise<void>;
}

const LONGEST_LIFETIME_S = 1e9;
const LONGEST_WAIT_MS = 24 * 3600 * 1000;

/** The hosts of every environment and region. */
export class Endpoints {
  #entries: Endpoint[];

  constructor(entries: Endpoint[]) {
    this.#entries = entries;
  }

  of(realm: Realm): Endpoint {
    const entry = this.#entries.find((candidate) => sameRealm(candidate, realm));
    if (entry === undefined) throw new SignInError('incompatible', 'this app has no hosts of that environment and region');
    return entry;
  }
}

export class IdentityProvider {
  #profile: Profile;
  #endpoints: Endpoints;
  #timeout: number;
  #clock: Clock;

  /** @param timeout milliseconds for one answer */
  constructor(profile: Profile, endpoints: Endpoints, timeout: number, clock: Clock) {
    this.#profile = profile;
    this.#endpoints = endpoints;
    this.#timeout = timeout;
    this.#clock = clock;
  }

  /** Exchanges a sign-in token. It is sent once only: the provider may accept it once only. */
  async exchange(token: SignInToken, signals: AbortSignal[]): Promise<Tokens> {
    const answer = await this.#post(token.realm, this.#profile.exchange(token), signals);
    if (answer.status === 200) return tokensOf(answer.body, this.#profile.exchangeFields);
    if (this.#profile.badSignInToken.includes(this.#errorWord(answer))) {
      throw new SignInError('invalidSignInToken', 'the sign-in token was refused');
    }
    throw this.#failure(answer);
  }

  async refresh(session: TokenSession, signals: AbortSignal[]): Promise<Tokens> {
    const answer = await this.#post(session.realm, this.#profile.refresh(session), signals);
    if (answer.status === 200) return tokensOf(answer.body, this.#profile.refreshFields);
    const word = this.#errorWord(answer);
    if (this.#profile.invalidUser.includes(word)) throw invalidUser();
    if (this.#profile.onHold.includes(word)) throw needsReauthentication();
    throw this.#failure(answer);
  }

  /** The error word of a 4xx, or an empty one. A 429 always means overload, whatever its body says. */
  #errorWord({ status, body }: Answer): string {
    const object = status >= 400 && status < 500 && status !== 429 ? parseObject(body) : null;
    const word = object === null ? null : this.#profile.errorWord(object);
    return typeof word === 'string' ? word : '';
  }

  /** @param answer one that says nothing about the token */
  #failure({ status, headers }: Answer): SignInError {
    if (status === 429 || status >= 500) {
      return new TemporaryError('the identity provider is overloaded or out of order', retryAfter(headers, this.#clock.now()));
    }
    return unexpectedAnswer(`status ${status}`);
  }

  #post(realm: Realm, { path, type, body }: TokenRequest, signals: AbortSignal[]): Promise<Answer> {
    return httpExchange({
      method: 'POST',
      base: this.#endpoints.of(realm).auth,
      path,
      headers: { 'Content-Type': type },
      body,
      timeout: this.#timeout,
      signals,
    });
  }
}

function tokensOf(body: BufferSource, names: FieldNames): Tokens {
  const object = parseObject(body);
  if (object === null) throw unexpectedAnswer('no JSON object');
  const [accessToken, refreshToken, lifetime] = names.map((name) => object[name]);
  if (typeof accessToken !== 'string' || !isHeaderSafe(accessToken)) throw unexpectedAnswer('no usable access token');
  if (typeof refreshToken !== 'string' || refreshToken === '') throw unexpectedAnswer('no usable refresh token');
  return { accessToken, refreshToken, lifetime: Math.floor(secondsOf(lifetime) * 1000) };
}

/** @param value a number, or a string of digits */
function secondsOf(value: unknown): number {
  const seconds = typeof value === 'string' && /^\d{1,10}$/.test(value) ? Number(value) : value;
  if (typeof seconds !== 'number' || !(seconds > 0 && seconds <= LONGEST_LIFETIME_S)) {
    throw unexpectedAnswer('no usable lifetime');
  }
  return seconds;
}

/**
 * `Retry-After` in milliseconds, or null. A date counts from the answer's own `Date`, so a wrong clock does not matter.
 * A page sees both headers only where the server lists them in `Access-Control-Expose-Headers`.
 */
function retryAfter(headers: Headers, now: number): number | null {
  const value = headers.get('retry-after') ?? '';
  if (/^\d+$/.test(value)) return Math.min(Number(value) * 1000, LONGEST_WAIT_MS);
  const until = Date.parse(value);
  if (Number.isNaN(until)) return null;
  const since = Date.parse(headers.get('date') ?? '');
  return Math.min(Math.max(0, until - (Number.isNaN(since) ? now : since)), LONGEST_WAIT_MS);
}
