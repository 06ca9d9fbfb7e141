/**
 * The calls that an app makes. Each reads the state, waits for a server, reads the state again, and decides.
 *
 * - `signIn`, `configure` and `setUserId` run one at a time, because each says who the user is.
 * - `signOut` does not wait. It ends the calls in flight.
 * - `request` and `refresh` overlap freely and share one refresh.
 */
import { SignInError, ofAnotherRealm, otherUser } from './errors.mjs';
import { JSON_TYPE, exchange as httpExchange, isHeaderSafe } from './http.mjs';
import { Installation } from './installation.mjs';
import { parse } from './json.mjs';
import { Endpoints, IdentityProvider } from './provider.mjs';
import { Refresher } from './refresh.mjs';
import { freshUntil, statusOf } from './session.mjs';
import { readSignInToken, sameRealm, sameUser } from './token.mjs';
import { Queue, until } from './wait.mjs';

/** @type {Record<string, string[]>} */
const KEY_PREFIXES = { production: ['pk'], sandbox: ['sk'], dev: ['pk', 'sk'] };

/**
 * @typedef {import('./session.mjs').Session} Session
 * @typedef {import('./token.mjs').SignInToken} SignInToken
 *
 * @typedef {object} Options
 * @property {import('./storage.mjs').SessionStore} store
 * @property {import('./profiles.mjs').Profile} profile
 * @property {{ environment: string, region: string, api: string, auth: string }[]} endpoints
 * @property {{ now(): number, sleep(milliseconds: number): Promise<void> }} clock
 * @property {number} timeout of one HTTP answer, in milliseconds
 * @property {number} patience the longest Retry-After that a call waits for, in milliseconds
 * @property {(words: string[]) => void} onStatus is called for every change of the status
 * @property {(text: string) => void} log
 */

export class SignInSdk {
  #profile;
  #endpoints;
  #clock;
  #timeout;
  #log;
  #installation;
  #provider;
  #refresher;
  #users = new Queue();
  #identifications = new Queue();

  /**
   * The launch: it restores the signed-in user. If storage is locked, the first call after that does.
   * @param {Options} options
   */
  constructor({ store, profile, endpoints, clock, timeout, patience, onStatus, log }) {
    this.#profile = profile;
    this.#endpoints = new Endpoints(endpoints);
    this.#clock = clock;
    this.#timeout = timeout;
    this.#log = log;
    const usable = (/** @type {Session} */ session) => session.scheme === 'apiKey' || profile.canContinue(session);
    this.#installation = new Installation(store, usable, onStatus);
    this.#provider = new IdentityProvider(profile, this.#endpoints, timeout, clock);
    this.#refresher = new Refresher(this.#installation, this.#provider, clock, { timeout, patience, log });
    this.storageAvailable();
  }

  /** To be called when the device was unlocked: the app then gets its status at once. */
  storageAvailable() {
    try {
      this.#installation.load();
    } catch {
      this.#log('storage cannot be read now');
    }
  }

  status() {
    return statusOf(this.#loaded().session);
  }

  currentUserId() {
    return this.#loaded().userId;
  }

  /**
   * Exchanges a sign-in token. Migrates an API-key installation of the same user, and restores a session on hold.
   * @param {string} text
   * @param {AbortSignal} [signal]
   */
  async signIn(text, signal) {
    const token = this.#read(text);
    await this.#signIn(token, null, this.#installation.untilSignOut, signal);
  }

  /** Erases session and configuration. Needs no network, and may be repeated. */
  signOut() {
    this.#installation.signOut();
  }

  /**
   * Signs the app's user in, unless this user is signed in already.
   * @param {string} externalUserId
   * @param {(externalUserId: string) => Promise<string>} authenticate asks the app's backend for a sign-in token
   * @param {AbortSignal} [signal]
   */
  async identify(externalUserId, authenticate, signal) {
    await this.#identifications.run(signal, async () => {
      const session = this.#loaded().session;
      const known = session?.scheme === 'signInToken' ? session.externalUserId : null;
      if (known === externalUserId && session?.scheme === 'signInToken' && !session.onHold) return;
      if (known !== null && known !== externalUserId) this.#installation.signOut();
      let wanted = this.#installation.untilSignOut;
      const token = this.#read(await this.#authenticate(authenticate, externalUserId, wanted, signal));
      // Who was signed in by another call may be the app's user or another: the token decides.
      const { userId } = this.#loaded();
      if (userId !== null && !sameUser(userId, token.userId)) {
        this.#installation.signOut();
        wanted = this.#installation.untilSignOut;
      }
      await this.#signIn(token, externalUserId, wanted, signal);
    });
  }

  /**
   * Sets the API key. A new key of the same environment and region keeps the user.
   * @param {string} apiKey
   * @param {import('./token.mjs').Realm} realm
   * @param {AbortSignal} [signal]
   */
  async configure(apiKey, realm, signal) {
    checkApiKey(apiKey, realm);
    await this.#users.run(signal, () => {
      const { session } = this.#loaded();
      if (session?.scheme === 'signInToken') throw new SignInError('alreadySignedIn', 'a user is signed in with a sign-in token');
      const userId = session?.userId ?? null;
      if (session !== null && userId !== null && !sameRealm(session.realm, realm)) {
        throw new SignInError('alreadySignedIn', 'a user of another environment or region is signed in');
      }
      if (session === null || session.apiKey !== apiKey || !sameRealm(session.realm, realm)) {
        this.#installation.commit({ scheme: 'apiKey', realm, apiKey, userId });
      }
    });
  }

  /**
   * @param {string} userId
   * @param {AbortSignal} [signal]
   */
  async setUserId(userId, signal) {
    await this.#users.run(signal, () => {
      const { session } = this.#loaded();
      if (session === null) throw new SignInError('notConfigured', 'configure the SDK before you set the user');
      if (session.userId !== null && !sameUser(session.userId, userId)) throw otherUser();
      if (session.scheme === 'apiKey' && session.userId === null) this.#installation.commit({ ...session, userId });
    });
  }

  /**
   * Refreshes the access token now, or joins the refresh in flight.
   * @param {AbortSignal} [signal]
   */
  async refresh(signal) {
    const { tenure } = this.#loaded();
    const session = this.#installation.signedIn(tenure);
    if (session.scheme === 'apiKey') throw new SignInError('unsupported', 'the API-key scheme has no access token');
    await this.#refresher.renew(tenure, session.accessToken, signal);
  }

  /**
   * One call to the vendor API with the credentials of the user who is signed in now, never of the next one.
   * @param {{ method: string, path: string, body?: unknown }} call
   * @param {AbortSignal} [signal]
   * @returns {Promise<{ status: number, body: unknown }>}
   */
  async request(call, signal) {
    const { tenure } = this.#loaded();
    const session = this.#installation.signedIn(tenure);
    if (session.scheme === 'signInToken' && !this.#refresher.isFresh(session)) {
      await this.#refresher.renew(tenure, session.accessToken, signal);
    }
    let { answer, credentials } = await this.#send(tenure, call, signal);
    if (answer.status === 401 && credentials.scheme === 'signInToken') {
      await this.#refresher.renew(tenure, credentials.accessToken, signal);
      ({ answer } = await this.#send(tenure, call, signal));
      if (answer.status === 401) throw new SignInError('unauthorized', 'the API refuses a new access token, too');
    }
    return { status: answer.status, body: parse(answer.body) ?? null };
  }

  /** The installation, read from storage. */
  #loaded() {
    this.#installation.load();
    return this.#installation;
  }

  /** @param {string} text */
  #read(text) {
    const token = readSignInToken(text);
    this.#profile.check(token);
    return token;
  }

  /**
   * @param {SignInToken} token
   * @param {string | null} externalUserId
   * @param {AbortSignal} wanted aborted when the app signs out
   * @param {AbortSignal} [signal]
   */
  async #signIn(token, externalUserId, wanted, signal) {
    const signals = signal === undefined ? [wanted] : [wanted, signal];
    await this.#users.run(signal, async () => {
      wanted.throwIfAborted();
      const { session } = this.#loaded();
      if (!exchangeNeeded(session, token)) {
        this.#rememberExternalUser(externalUserId);
        return;
      }
      this.#installation.requireWritable();
      const tokens = await this.#provider.exchange(token, signals);
      for (const each of signals) each.throwIfAborted();
      this.#installation.commit(this.#sessionOf(token, tokens, externalUserId));
      this.#installation.tenure.refreshGate = null;
      this.#log('signed in with a sign-in token');
    });
  }

  /**
   * @param {SignInToken} token
   * @param {import('./provider.mjs').Tokens} tokens
   * @param {string | null} externalUserId
   * @returns {import('./session.mjs').TokenSession}
   */
  #sessionOf(token, { accessToken, refreshToken, lifetime }, externalUserId) {
    const before = this.#loaded().session;
    return {
      scheme: 'signInToken',
      realm: token.realm,
      userId: token.userId,
      teamId: token.teamId,
      externalUserId: externalUserId ?? (before?.scheme === 'signInToken' ? before.externalUserId : null),
      accessToken,
      refreshToken,
      freshUntil: freshUntil(this.#clock.now(), lifetime),
      onHold: false,
      profile: this.#profile.name,
      ...this.#profile.kept(token),
    };
  }

  /** @param {string | null} externalUserId */
  #rememberExternalUser(externalUserId) {
    const { session } = this.#installation;
    if (session?.scheme !== 'signInToken' || externalUserId === null || session.externalUserId === externalUserId) return;
    this.#installation.commit({ ...session, externalUserId });
  }

  /**
   * @param {(externalUserId: string) => Promise<string>} authenticate
   * @param {string} externalUserId
   * @param {AbortSignal} wanted
   * @param {AbortSignal} [signal]
   */
  async #authenticate(authenticate, externalUserId, wanted, signal) {
    try {
      return await until(authenticate(externalUserId), wanted, signal);
    } catch {
      for (const each of [wanted, signal]) each?.throwIfAborted();
      throw new SignInError('network', "the app's backend gave no sign-in token");
    }
  }

  /**
   * @param {import('./installation.mjs').Tenure} tenure
   * @param {{ method: string, path: string, body?: unknown }} call
   * @param {AbortSignal} [signal]
   */
  async #send(tenure, { method, path, body }, signal) {
    let credentials = this.#installation.signedIn(tenure);
    const answer = await httpExchange({
      method,
      base: this.#endpoints.of(credentials.realm).api,
      path,
      timeout: this.#timeout,
      submit: () => {
        credentials = this.#installation.signedIn(tenure);
        return { headers: headersOf(credentials, body), body: body === undefined ? null : Buffer.from(JSON.stringify(body)) };
      },
      signals: signal === undefined ? [] : [signal],
    });
    return { answer, credentials };
  }
}

/**
 * Whether this token must be exchanged; throws if it may not be. Decided before anything is sent.
 * @param {Session | null} session
 * @param {SignInToken} token
 */
function exchangeNeeded(session, token) {
  if (session === null) return true;
  if (session.userId !== null && !sameUser(session.userId, token.userId)) throw otherUser();
  if (!sameRealm(session.realm, token.realm)) throw ofAnotherRealm();
  if (session.scheme === 'apiKey') return true;
  if (session.teamId !== null && token.teamId !== null && session.teamId !== token.teamId) {
    throw new SignInError('incompatible', 'the sign-in token is of another team than this installation');
  }
  return session.onHold;
}

/**
 * @param {Session} session
 * @param {unknown} body
 * @returns {Record<string, string>}
 */
function headersOf(session, body) {
  /** @type {Record<string, string>} */
  const credentials =
    session.scheme === 'apiKey' ? { 'x-vital-api-key': session.apiKey } : { Authorization: `Bearer ${session.accessToken}` };
  return body === undefined ? credentials : { ...credentials, 'Content-Type': JSON_TYPE };
}

/**
 * The prefix of a key says its environment and region: `pk` production, `sk` sandbox; in `dev` either.
 * @param {string} apiKey
 * @param {import('./token.mjs').Realm} realm
 */
function checkApiKey(apiKey, { environment, region }) {
  if (!isHeaderSafe(apiKey)) throw new SignInError('invalidApiKey', 'the API key is malformed');
  const prefixes = KEY_PREFIXES[environment].map((kind) => `${kind}_${region}_`);
  if (!prefixes.some((prefix) => apiKey.startsWith(prefix) && apiKey !== prefix)) {
    throw new SignInError('invalidApiKey', 'the API key is not of this environment and region');
  }
}
