/**
 * The state of this installation. IndexedDB has it, for all tabs; this tab keeps nothing but the last state that it saw,
 * to notice what another tab has changed. So every call reads, and every change is decided on what is stored now.
 *
 * - What the *app* decides (sign in or out, configure) is written first. If it cannot be written, nothing changes.
 * - What the *server* decides (a rotated token, a deleted user) is kept until it can be written. A rotated token is not
 *   used before it is durable.
 */
import { invalidUser, needsReauthentication, notSignedIn, signInOvertaken, signedOutMeanwhile } from './errors.ts';
import { type Session, decode, encode, statusOf } from './session.ts';
import { type Content, type Vault, type Version } from './vault.ts';
import { sameUser } from './token.ts';
import { Queue } from './wait.ts';

/**
 * The time from a user's sign-in to the sign-out, or a time without a user, as this tab sees it. Work that began in a
 * tenure ends with it: so no late answer brings a session back, and all callers get the same error.
 */
export class Tenure {
  #end = new AbortController();
  readonly name: string | null;
  /** The server wants no refresh between these two, in milliseconds. */
  refreshGate: { since: number; until: number } | null = null;

  constructor(name: string | null) {
    this.name = name;
  }

  /** Aborted when the tenure ends, with the error that its callers get. */
  get signal(): AbortSignal {
    return this.#end.signal;
  }

  end(reason: Error): void {
    this.#end.abort(reason);
  }
}

/** The app's wish to sign in. A sign-out ends it, in whatever tab. */
export interface Era {
  signOuts: number;
  signal: AbortSignal;
}

/** What a change makes of the session: another one, none, or nothing to change. */
type Change = (session: Session | null) => Session | null | undefined;

export interface Options {
  vault: Vault;
  /** Joins the tabs: what one has changed, the others read. */
  channel: BroadcastChannel;
  /** Whether a stored session can be continued. */
  usable: (session: Session) => boolean;
  onStatus: (words: string[]) => void;
  log: (text: string) => void;
}

export class Installation {
  #options: Options;
  #queue = new Queue();
  #session: Session | null = null;
  #signOuts = 0;
  #unsaved: Change | null = null;
  #reported = '[]';
  #era = new AbortController();
  tenure = new Tenure(null);

  constructor(options: Options) {
    this.#options = options;
    options.channel.onmessage = () => void this.load().catch(() => {});
  }

  /** The session that is stored now, or null. Throws `storage` if it cannot be read. */
  load(): Promise<Session | null> {
    return this.#queue.run(async () => {
      const unsaved = this.#unsaved;
      if (unsaved !== null) await this.#write(unsaved, invalidUser());
      else await this.#read(notSignedIn());
      return this.#session;
    });
  }

  /** The user of the session that this tab saw last. */
  get userId(): string | null {
    return this.#session?.userId ?? null;
  }

  /** To be asked for when the app wants to sign in, right after `load`. */
  get era(): Era {
    return { signOuts: this.#signOuts, signal: this.#era.signal };
  }

  /** Throws if the app has signed out since. */
  requireWanted({ signal, signOuts }: Era): void {
    signal.throwIfAborted();
    if (signOuts !== this.#signOuts) throw signInOvertaken();
  }

  /** The session of this tenure's user, ready for a request. */
  async signedIn(tenure: Tenure): Promise<Session & { userId: string }> {
    const session = await this.load();
    tenure.signal.throwIfAborted();
    if (session === null || session.userId === null) throw notSignedIn();
    if (session.scheme === 'signInToken' && session.onHold) throw needsReauthentication();
    return { ...session, userId: session.userId };
  }

  /** Applies what the app has decided. `change` may be called again, on what another tab has stored meanwhile. */
  async commit(change: Change, era: Era | null = null): Promise<void> {
    await this.#queue.run(() =>
      this.#write((session) => {
        if (era !== null) this.requireWanted(era);
        return change(session);
      }, signedOutMeanwhile()),
    );
  }

  /** Applies what the server has decided in a tenure; nothing if the tenure has ended. */
  async adopt(tenure: Tenure, change: Change): Promise<void> {
    const here: Change = (session) => (this.tenure === tenure && session !== null ? change(session) : undefined);
    await this.#queue.run(async () => {
      try {
        await this.#write(here, invalidUser());
      } catch (error) {
        this.#unsaved = here; // the next call tries again, and fails until it succeeds
        throw error;
      }
    });
  }

  /** Signs out, which ends the calls in flight. Erases storage that seems to be empty, too. */
  async signOut(): Promise<void> {
    this.#era.abort(signInOvertaken());
    this.#era = new AbortController();
    this.#unsaved = null;
    this.tenure.end(signedOutMeanwhile());
    await this.#queue.run(() => this.#write(() => null, signedOutMeanwhile(), true));
  }

  async #read(reason: Error): Promise<Version> {
    const content = await this.#options.vault.read();
    const session = this.#sessionOf(content);
    if (session === null && content.revision !== null) {
      this.#options.log('the stored session cannot be continued and was erased');
      await this.#options.vault.replace(content, null);
      return this.#read(reason);
    }
    this.#become(session, content, reason);
    return content;
  }

  async #write(change: Change, reason: Error, signsOut = false): Promise<void> {
    for (;;) {
      const before = await this.#read(reason);
      const session = change(this.#session);
      const written =
        session === undefined
          ? before
          : await this.#options.vault.replace(before, session === null ? null : encode(session), signsOut);
      if (written === null) continue; // another tab was faster
      this.#unsaved = null;
      if (session === undefined) return;
      if (signsOut) this.#signOuts = written.signOuts; // `signOut` has ended its era already
      this.#become(session, written, reason);
      this.#options.channel.postMessage('changed');
      return;
    }
  }

  #sessionOf({ bytes }: Content): Session | null {
    const session = bytes === null ? null : decode(bytes);
    return session !== null && this.#options.usable(session) ? session : null;
  }

  /** @param reason what the callers of the last user get, if this one is another */
  #become(session: Session | null, { signOuts }: Version, reason: Error): void {
    if (signOuts !== this.#signOuts) {
      this.#signOuts = signOuts;
      this.#era.abort(signInOvertaken());
      this.#era = new AbortController();
    }
    const name = session?.tenure ?? null;
    if (name !== this.tenure.name || this.tenure.signal.aborted) {
      this.tenure.end(reason);
      this.tenure = new Tenure(name);
    }
    this.#session = session;
    this.#report();
  }

  /** Reports the status if it is another than the last one. At launch that is the one that was restored. */
  #report(): void {
    const words = statusOf(this.#session);
    const report = JSON.stringify(words);
    if (report === this.#reported) return;
    this.#reported = report;
    try {
      this.#options.onStatus(words);
    } catch {
      // A fault of the app's listener is not a fault of the call that changed the status.
    }
  }
}

/** The tenure of a user: that of the session before, if it is the same user's. */
export function tenureOf(before: Session | null, userId: string | null): string {
  const goesOn = before !== null && before.userId !== null && userId !== null && sameUser(before.userId, userId);
  return goesOn ? before.tenure : crypto.randomUUID();
}
