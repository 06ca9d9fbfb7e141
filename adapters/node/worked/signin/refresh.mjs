/**
 * The one refresh in flight. Refresh tokens rotate: a second refresh with the same token could end the session. So all
 * callers who need a new access token wait for the same refresh. It belongs to none of them: if one is cancelled, the
 * others still get their token.
 */
import { TemporaryError } from './errors.mjs';
import { onHold, renewed } from './session.mjs';
import { until } from './wait.mjs';

const RETRIES = 2;
const FIRST_PAUSE_MS = 500;
const JITTER_MS = 250;
const REAL_TIME_BUDGET_MS = 8_000;

/** @typedef {import('./session.mjs').TokenSession} TokenSession */
/** @typedef {import('./installation.mjs').Tenure} Tenure */

export class Refresher {
  #installation;
  #provider;
  #clock;
  #options;
  /** @type {{ tenure: Tenure, ended: Promise<void> } | null} */
  #flight = null;

  /**
   * @param {import('./installation.mjs').Installation} installation
   * @param {import('./provider.mjs').IdentityProvider} provider
   * @param {{ now(): number, sleep(milliseconds: number): Promise<void> }} clock
   * @param {{ timeout: number, patience: number, log: (text: string) => void }} options `timeout` of one answer;
   *   `patience` is the longest Retry-After that is waited for while callers wait; both in milliseconds
   */
  constructor(installation, provider, clock, options) {
    this.#installation = installation;
    this.#provider = provider;
    this.#clock = clock;
    this.#options = options;
  }

  /** @param {TokenSession} session */
  isFresh(session) {
    return this.#clock.now() < session.freshUntil;
  }

  /**
   * Waits until the access token is another one than `stale`. If it has been replaced in the meantime, nothing is sent.
   * @param {Tenure} tenure
   * @param {string} stale the access token that is expired or was refused
   * @param {AbortSignal | undefined} signal ends the wait, not the refresh
   */
  async renew(tenure, stale, signal) {
    const session = /** @type {TokenSession} */ (this.#installation.signedIn(tenure));
    if (session.accessToken !== stale && this.isFresh(session)) return;
    if (this.#flight?.tenure !== tenure) this.#takeOff(tenure, session);
    await until(/** @type {any} */ (this.#flight).ended, signal, tenure.signal);
  }

  /**
   * @param {Tenure} tenure
   * @param {TokenSession} session
   */
  #takeOff(tenure, session) {
    this.#checkGate(tenure);
    this.#installation.requireWritable();
    const flight = { tenure, ended: this.#attempts(tenure, session) };
    this.#flight = flight;
    const land = () => {
      if (this.#flight === flight) this.#flight = null;
    };
    flight.ended.then(land, land);
  }

  /**
   * @param {Tenure} tenure
   * @param {TokenSession} session
   */
  async #attempts(tenure, session) {
    const began = performance.now();
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await this.#attempt(tenure, session);
      } catch (error) {
        if (!(error instanceof TemporaryError)) throw error;
        const last = attempt === RETRIES || performance.now() - began + this.#options.timeout > REAL_TIME_BUDGET_MS;
        const pause = this.#pauseAfter(error, attempt, tenure, last);
        if (pause === null) throw error;
        this.#options.log(`a refresh failed for the moment; the next attempt is in ${pause} ms`);
        await this.#clock.sleep(pause);
      }
    }
  }

  /**
   * @param {Tenure} tenure
   * @param {TokenSession} session
   */
  async #attempt(tenure, session) {
    tenure.signal.throwIfAborted();
    let tokens;
    try {
      tokens = await this.#provider.refresh(session, [tenure.signal]);
    } catch (error) {
      this.#adoptRefusal(tenure, /** @type {any} */ (error).kind);
      throw error;
    }
    tenure.signal.throwIfAborted();
    const current = /** @type {TokenSession} */ (this.#installation.session);
    this.#installation.adopt(renewed(current, tokens, this.#clock.now()));
    this.#installation.signedIn(tenure); // throws `storage` if the new tokens are not durable
  }

  /**
   * @param {Tenure} tenure
   * @param {string} kind
   */
  #adoptRefusal(tenure, kind) {
    tenure.signal.throwIfAborted();
    if (kind === 'invalidUser') {
      this.#options.log('the user is no longer valid and was signed out');
      this.#installation.adopt(null);
    } else if (kind === 'needsReauthentication') {
      this.#options.log('the session is on hold');
      this.#installation.adopt(onHold(/** @type {TokenSession} */ (this.#installation.session)));
    }
  }

  /**
   * @param {TemporaryError} error
   * @param {number} attempt
   * @param {Tenure} tenure
   * @param {boolean} last
   * @returns {number | null} milliseconds until the next attempt, or null to give up
   */
  #pauseAfter({ retryAfter }, attempt, tenure, last) {
    if (retryAfter === null) {
      const pause = FIRST_PAUSE_MS * 2 ** attempt;
      return last ? null : Math.ceil(pause / 2 + (Math.random() * pause) / 2);
    }
    if (!last && retryAfter <= this.#options.patience) return Math.ceil(retryAfter + Math.random() * JITTER_MS);
    const now = this.#clock.now();
    tenure.refreshGate = { since: now, until: now + retryAfter };
    return null;
  }

  /**
   * Fails without a request while a Retry-After lasts. A clock that was set back does not make it longer.
   * @param {Tenure} tenure
   */
  #checkGate(tenure) {
    const [gate, now] = [tenure.refreshGate, this.#clock.now()];
    if (gate === null) return;
    if (gate.since <= now && now < gate.until) throw new TemporaryError('the identity provider asked to wait');
    tenure.refreshGate = null;
  }
}
