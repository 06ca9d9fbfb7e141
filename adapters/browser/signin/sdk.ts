/**
 * The calls that an app makes. Each reads the state, waits for a server, reads the state again, and decides.
 *
 * - `signIn`, `configure` and `setUserId` run one at a time in all tabs, because each says who the user is.
 * - `signOut` does not wait. It ends the calls in flight, in other tabs too.
 * - `request` and `refresh` overlap freely and share one refresh.
 */
import { SignInError, ofAnotherRealm, otherUser } from './errors.ts';
import { type Answer, JSON_TYPE, exchange as httpExchange, isHeaderSafe } from './http.ts';
import { type Era, Installation, type Tenure, tenureOf } from './installation.ts';
import { parse } from './json.ts';
import type { Profile } from './profiles.ts';
import { type Clock, type Endpoint, Endpoints, IdentityProvider, type Tokens } from './provider.ts';
import { Refresher } from './refresh.ts';
import { type Session, type TokenSession, freshUntil, statusOf } from './session.ts';
import { type Realm, type SignInToken, readSignInToken, sameRealm, sameUser } from './token.ts';
import { Vault } from './vault.ts';
import { locked, until } from './wait.ts';

const KEY_PREFIXES: Record<string, string[]> = { production: ['pk'], sandbox: ['sk'], dev: ['pk', 'sk'] };

export interface ApiCall {
  method: string;
  path: string;
  /** JSON to send, if there is any. */
  body?: unknown;
}

export interface SdkOptions {
  /** The name of the database, the locks and the channel that the tabs share. */
  name: string;
  profile: Profile;
  endpoints: Endpoint[];
  clock: Clock;
  /** For one HTTP answer, in milliseconds. */
  timeout: number;
  /** The longest Retry-After that a call waits for, in milliseconds. */
  patience: number;
  /** Is called for every change of the status, also if another tab has made it. */
  onStatus: (words: string[]) => void;
  log: (text: string) => void;
}

export class SignInSdk {
  #name: string;
  #profile: Profile;
  #endpoints: Endpoints;
  #clock: Clock;
  #timeout: number;
  #log: (text: string) => void;
  #vault: Vault;
  #channel: BroadcastChannel;
  #installation: Installation;
  #provider: IdentityProvider;
  #refresher: Refresher;

  private constructor({ name, profile, endpoints, clock, timeout, patience, onStatus, log }: SdkOptions) {
    this.#name = name;
    this.#profile = profile;
    this.#endpoints = new Endpoints(endpoints);
    this.#clock = clock;
    this.#timeout = timeout;
    this.#log = log;
    this.#vault = new Vault(name);
    this.#channel = new BroadcastChannel(name);
    const usable = (session: Session) => session.scheme === 'apiKey' || profile.canContinue(session);
    this.#installation = new Installation({ vault: this.#vault, channel: this.#channel, usable, onStatus, log });
    this.#provider = new IdentityProvider(profile, this.#endpoints, timeout, clock);
    const options = { lock: `${name}-refresh`, timeout, patience, log };
    this.#refresher = new Refresher(this.#installation, this.#provider, clock, options);
  }

  /** The launch: it restores the signed-in user. */
  static async launch(options: SdkOptions): Promise<SignInSdk> {
    const sdk = new SignInSdk(options);
    await sdk.#installation.load().catch(() => options.log('storage cannot be read now'));
    return sdk;
  }

  async status(): Promise<string[]> {
    return statusOf(await this.#installation.load());
  }

  async currentUserId(): Promise<string | null> {
    return (await this.#installation.load())?.userId ?? null;
  }

  /** Exchanges a sign-in token. Migrates an API-key installation of the same user, and restores a session on hold. */
  async signIn(text: string, signal?: AbortSignal): Promise<void> {
    const token = this.#read(text);
    await this.#installation.load();
    await this.#signIn(token, null, this.#installation.era, signal);
  }

  /** Erases session and configuration. Needs no network, and may be repeated. */
  async signOut(): Promise<void> {
    await this.#installation.signOut();
  }

  /**
   * Signs the app's user in, unless this user is signed in already.
   * @param authenticate asks the app's backend for a sign-in token
   */
  async identify(externalUserId: string, authenticate: (externalUserId: string) => Promise<string>, signal?: AbortSignal): Promise<void> {
    await locked(`${this.#name}-identify`, signal, async () => {
      const session = await this.#installation.load();
      const known = session?.scheme === 'signInToken' ? session.externalUserId : null;
      if (known === externalUserId && session?.scheme === 'signInToken' && !session.onHold) return;
      if (known !== null && known !== externalUserId) await this.#installation.signOut();
      let wanted = this.#installation.era;
      const token = this.#read(await this.#authenticate(authenticate, externalUserId, wanted.signal, signal));
      // Who was signed in by another call may be the app's user or another: the token decides.
      const userId = (await this.#installation.load())?.userId ?? null;
      this.#installation.requireWanted(wanted);
      if (userId !== null && !sameUser(userId, token.userId)) {
        await this.#installation.signOut();
        wanted = this.#installation.era;
      }
      await this.#signIn(token, externalUserId, wanted, signal);
    });
  }

  /** Sets the API key. A new key of the same environment and region keeps the user. */
  async configure(apiKey: string, realm: Realm, signal?: AbortSignal): Promise<void> {
    checkApiKey(apiKey, realm);
    await this.#alone(signal, () =>
      this.#installation.commit((session) => {
        if (session?.scheme === 'signInToken') throw new SignInError('alreadySignedIn', 'a user is signed in with a sign-in token');
        const userId = session?.userId ?? null;
        if (session !== null && userId !== null && !sameRealm(session.realm, realm)) {
          throw new SignInError('alreadySignedIn', 'a user of another environment or region is signed in');
        }
        if (session !== null && session.apiKey === apiKey && sameRealm(session.realm, realm)) return undefined;
        return { scheme: 'apiKey', realm, apiKey, userId, tenure: tenureOf(session, userId) };
      }),
    );
  }

  async setUserId(userId: string, signal?: AbortSignal): Promise<void> {
    await this.#alone(signal, () =>
      this.#installation.commit((session) => {
        if (session === null) throw new SignInError('notConfigured', 'configure the SDK before you set the user');
        if (session.userId !== null && !sameUser(session.userId, userId)) throw otherUser();
        if (session.scheme !== 'apiKey' || session.userId !== null) return undefined;
        return { ...session, userId, tenure: tenureOf(session, userId) };
      }),
    );
  }

  /** Refreshes the access token now, or joins the refresh in flight. */
  async refresh(signal?: AbortSignal): Promise<void> {
    const { tenure, session } = await this.#signedIn();
    if (session.scheme === 'apiKey') throw new SignInError('unsupported', 'the API-key scheme has no access token');
    await this.#refresher.renew(tenure, session.accessToken, signal);
  }

  /** One call to the vendor API with the credentials of the user who is signed in now, never of the next one. */
  async request(call: ApiCall, signal?: AbortSignal): Promise<{ status: number; body: unknown }> {
    const { tenure, session } = await this.#signedIn();
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

  /** What the SDK keeps in this browser: the sealed record as it is inside, and the count of sign-outs. For tests. */
  async stored(): Promise<{ session: Uint8Array | null; signOuts: number }> {
    const { bytes, signOuts } = await this.#vault.read();
    return { session: bytes, signOuts };
  }

  /** The session of the user who is signed in now. */
  async #signedIn(): Promise<{ tenure: Tenure; session: Session }> {
    await this.#installation.load();
    const tenure = this.#installation.tenure;
    return { tenure, session: await this.#installation.signedIn(tenure) };
  }

  /** Runs an action that says who the user is. */
  #alone<T>(signal: AbortSignal | undefined, action: () => Promise<T>): Promise<T> {
    return locked(`${this.#name}-users`, signal, action);
  }

  #read(text: string): SignInToken {
    const token = readSignInToken(text);
    this.#profile.check(token);
    return token;
  }

  /** @param wanted ends when the app signs out */
  async #signIn(token: SignInToken, externalUserId: string | null, wanted: Era, signal?: AbortSignal): Promise<void> {
    const signals = signal === undefined ? [wanted.signal] : [wanted.signal, signal];
    await this.#alone(signal, async () => {
      const session = await this.#installation.load();
      this.#installation.requireWanted(wanted);
      if (!exchangeNeeded(session, token)) {
        await this.#rememberExternalUser(externalUserId);
        return;
      }
      const tokens = await this.#provider.exchange(token, signals);
      await this.#installation.commit((before) => {
        signal?.throwIfAborted();
        return this.#sessionOf(before, token, tokens, externalUserId);
      }, wanted);
      this.#installation.tenure.refreshGate = null;
      this.#log('signed in with a sign-in token');
    });
  }

  #sessionOf(before: Session | null, token: SignInToken, tokens: Tokens, externalUserId: string | null): TokenSession {
    return {
      scheme: 'signInToken',
      realm: token.realm,
      userId: token.userId,
      teamId: token.teamId,
      externalUserId: externalUserId ?? (before?.scheme === 'signInToken' ? before.externalUserId : null),
      accessToken: tokens.accessToken,
      refreshToken: tokens.refreshToken,
      freshUntil: freshUntil(this.#clock.now(), tokens.lifetime),
      onHold: false,
      profile: this.#profile.name,
      ...this.#profile.kept(token),
      tenure: tenureOf(before, token.userId),
    };
  }

  async #rememberExternalUser(externalUserId: string | null): Promise<void> {
    await this.#installation.commit((session) => {
      if (session?.scheme !== 'signInToken' || externalUserId === null || session.externalUserId === externalUserId) return undefined;
      return { ...session, externalUserId };
    });
  }

  async #authenticate(
    authenticate: (externalUserId: string) => Promise<string>,
    externalUserId: string,
    wanted: AbortSignal,
    signal?: AbortSignal,
  ): Promise<string> {
    try {
      return await until(authenticate(externalUserId), wanted, signal);
    } catch {
      for (const each of [wanted, signal]) each?.throwIfAborted();
      throw new SignInError('network', "the app's backend gave no sign-in token");
    }
  }

  async #send(tenure: Tenure, { method, path, body }: ApiCall, signal?: AbortSignal): Promise<{ answer: Answer; credentials: Session }> {
    const credentials = await this.#installation.signedIn(tenure);
    const answer = await httpExchange({
      method,
      base: this.#endpoints.of(credentials.realm).api,
      path,
      headers: headersOf(credentials, body),
      body: body === undefined ? null : JSON.stringify(body),
      timeout: this.#timeout,
      signals: signal === undefined ? [] : [signal],
    });
    return { answer, credentials };
  }
}

/** Whether this token must be exchanged; throws if it may not be. Decided before anything is sent. */
function exchangeNeeded(session: Session | null, token: SignInToken): boolean {
  if (session === null) return true;
  if (session.userId !== null && !sameUser(session.userId, token.userId)) throw otherUser();
  if (!sameRealm(session.realm, token.realm)) throw ofAnotherRealm();
  if (session.scheme === 'apiKey') return true;
  if (session.teamId !== null && token.teamId !== null && session.teamId !== token.teamId) {
    throw new SignInError('incompatible', 'the sign-in token is of another team than this installation');
  }
  return session.onHold;
}

function headersOf(session: Session, body: unknown): Record<string, string> {
  const credentials: Record<string, string> =
    session.scheme === 'apiKey' ? { 'x-vital-api-key': session.apiKey } : { Authorization: `Bearer ${session.accessToken}` };
  return body === undefined ? credentials : { ...credentials, 'Content-Type': JSON_TYPE };
}

/** The prefix of a key says its environment and region: `pk` production, `sk` sandbox; in `dev` either. */
function checkApiKey(apiKey: string, { environment, region }: Realm): void {
  if (!isHeaderSafe(apiKey)) throw new SignInError('invalidApiKey', 'the API key is malformed');
  const prefixes = (KEY_PREFIXES[environment] ?? []).map((kind) => `${kind}_${region}_`);
  if (!prefixes.some((prefix) => apiKey.startsWith(prefix) && apiKey !== prefix)) {
    throw new SignInError('invalidApiKey', 'the API key is not of this environment and region');
  }
}
