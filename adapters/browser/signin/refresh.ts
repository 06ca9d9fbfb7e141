/**
 * The one refresh in flight. Refresh tokens rotate: a second refresh with the same token could end the session. So all
 * callers who need a new access token wait for the same refresh. It belongs to none of them: if one is cancelled, the
 * others still get their token. Other tabs wait for the lock, and find the new token when they have it.
 */
import { TemporaryError } from './errors.ts';
import type { Installation, Tenure } from './installation.ts';
import type { Clock, IdentityProvider } from './provider.ts';
import { type Session, type TokenSession, onHold, renewed } from './session.ts';
import { locked, until } from './wait.ts';

const RETRIES = 2;
const FIRST_PAUSE_MS = 500;
const JITTER_MS = 250;
const REAL_TIME_BUDGET_MS = 8_000;

export interface RefreshOptions {
  /** The name of the lock. */
  lock: string;
  /** For one answer, in milliseconds. */
  timeout: number;
  /** The longest Retry-After that is waited for while callers wait, in milliseconds. */
  patience: number;
  log: (text: string) => void;
}

export class Refresher {
  #installation: Installation;
  #provider: IdentityProvider;
  #clock: Clock;
  #options: RefreshOptions;
  #flight: { tenure: Tenure; ended: Promise<void> } | null = null;

  constructor(installation: Installation, provider: IdentityProvider, clock: Clock, options: RefreshOptions) {
    this.#installation = installation;
    this.#provider = provider;
    this.#clock = clock;
    this.#options = options;
  }

  isFresh(session: TokenSession): boolean {
    return this.#clock.now() < session.freshUntil;
  }

  /**
   * Waits until the access token is another one than `stale`. If it has been replaced in the meantime, nothing is sent.
   * @param stale the access token that is expired or was refused
   * @param signal ends the wait, not the refresh
   */
  async renew(tenure: Tenure, stale: string, signal: AbortSignal | undefined): Promise<void> {
    tenure.signal.throwIfAborted();
    if (this.#flight?.tenure !== tenure) this.#takeOff(tenure, stale);
    await until(this.#flight!.ended, signal, tenure.signal);
  }

  #takeOff(tenure: Tenure, stale: string): void {
    const ended = locked(this.#options.lock, tenure.signal, () => this.#attempts(tenure, stale));
    const flight = { tenure, ended };
    this.#flight = flight;
    const land = () => {
      if (this.#flight === flight) this.#flight = null;
    };
    ended.then(land, land);
  }

  async #attempts(tenure: Tenure, stale: string): Promise<void> {
    const began = performance.now();
    for (let attempt = 0; ; attempt += 1) {
      const session = await this.#installation.signedIn(tenure);
      if (this.#isRenewed(session, stale)) return;
      this.#checkGate(tenure);
      try {
        return await this.#attempt(tenure, session as TokenSession);
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

  /** Whether nothing needs to be sent any more. */
  #isRenewed(session: Session, stale: string): boolean {
    return session.scheme === 'apiKey' || (session.accessToken !== stale && this.isFresh(session));
  }

  async #attempt(tenure: Tenure, session: TokenSession): Promise<void> {
    let tokens;
    try {
      tokens = await this.#provider.refresh(session, [tenure.signal]);
    } catch (error) {
      await this.#adoptRefusal(tenure, session, (error as { kind?: string }).kind);
      throw error;
    }
    tenure.signal.throwIfAborted();
    await this.#installation.adopt(tenure, (current) =>
      sameTokens(current, session) ? renewed(current, tokens, this.#clock.now()) : undefined,
    );
    tenure.signal.throwIfAborted();
  }

  async #adoptRefusal(tenure: Tenure, session: TokenSession, kind: string | undefined): Promise<void> {
    tenure.signal.throwIfAborted();
    if (kind === 'invalidUser') {
      this.#options.log('the user is no longer valid and was signed out');
      await this.#installation.adopt(tenure, (current) => (sameTokens(current, session) ? null : undefined));
    } else if (kind === 'needsReauthentication') {
      this.#options.log('the session is on hold');
      await this.#installation.adopt(tenure, (current) => (sameTokens(current, session) ? onHold(current) : undefined));
    }
  }

  /** @returns milliseconds until the next attempt, or null to give up */
  #pauseAfter({ retryAfter }: TemporaryError, attempt: number, tenure: Tenure, last: boolean): number | null {
    if (retryAfter === null) {
      const pause = FIRST_PAUSE_MS * 2 ** attempt;
      return last ? null : Math.ceil(pause / 2 + (Math.random() * pause) / 2);
    }
    if (!last && retryAfter <= this.#options.patience) return Math.ceil(retryAfter + Math.random() * JITTER_MS);
    const now = this.#clock.now();
    tenure.refreshGate = { since: now, until: now + retryAfter };
    return null;
  }

  /** Fails without a request while a Retry-After lasts. A clock that was set back does not make it longer. */
  #checkGate(tenure: Tenure): void {
    const [gate, now] = [tenure.refreshGate, this.#clock.now()];
    if (gate === null) return;
    if (gate.since <= now && now < gate.until) throw new TemporaryError('the identity provider asked to wait');
    tenure.refreshGate = null;
  }
}

/** Whether the session is still the one that was refreshed: a sign-in may have replaced its tokens meanwhile. */
function sameTokens(current: Session | null, session: TokenSession): current is TokenSession {
  return current?.scheme === 'signInToken' && current.refreshToken === session.refreshToken;
}
