/**
 * The state of this installation: the session in memory and on disk, and its status. Two rules for all other files:
 *
 * - What the *app* decides (sign in or out, configure) is first written, then applied. If it cannot be written, nothing
 *   changes.
 * - What the *server* decides (a rotated token, a deleted user) is applied at once, and written as soon as storage
 *   allows it. A rotated token is not used before it is durable.
 *
 * Every method is synchronous: between two `await`s of a caller nothing else changes the state.
 *
 * @typedef {import('./session.mjs').Session} Session
 */
import { invalidUser, needsReauthentication, notSignedIn, signInOvertaken, signedOutMeanwhile, storageLocked } from './errors.mjs';
import { statusOf } from './session.mjs';
import { sameUser } from './token.mjs';

/**
 * The time from a user's sign-in to the sign-out, or a time without a user. Work that began in a tenure ends with it:
 * so no late answer brings a session back, and all callers get the same error.
 */
export class Tenure {
  #end = new AbortController();
  /** The server wants no refresh between these two, in milliseconds. @type {{ since: number, until: number } | null} */
  refreshGate = null;

  /** Aborted when the tenure ends, with the error that its callers get. */
  get signal() {
    return this.#end.signal;
  }

  /** @param {Error} reason */
  end(reason) {
    this.#end.abort(reason);
  }
}

export class Installation {
  #store;
  #usable;
  #onStatus;
  /** @type {Session | null} */
  #session = null;
  #loaded = false;
  #unsaved = false;
  #reported = '[]';
  #era = new AbortController();
  tenure = new Tenure();

  /**
   * Reads the stored session, which is the launch. If storage is locked, a later call reads it.
   * @param {import('./storage.mjs').SessionStore} store
   * @param {(session: Session) => boolean} usable whether a stored session can be continued
   * @param {(words: string[]) => void} onStatus is called for every change of the status
   */
  constructor(store, usable, onStatus) {
    this.#store = store;
    this.#usable = usable;
    this.#onStatus = onStatus;
  }

  /** Reads the stored session unless it was read before. Throws `storage` if it cannot be read. Every call begins so. */
  load() {
    if (!this.#loaded) this.#become(this.#store.load(this.#usable), notSignedIn());
    else if (this.#unsaved) this.#trySave();
    this.#report();
  }

  /** The session, or null. `load` comes first. */
  get session() {
    return this.#session;
  }

  get userId() {
    return this.#session?.userId ?? null;
  }

  /** Aborted when the app signs out: a sign-in that began before is no longer wanted. */
  get untilSignOut() {
    return this.#era.signal;
  }

  /**
   * The session of this tenure's user, ready for a request.
   * @param {Tenure} tenure
   */
  signedIn(tenure) {
    tenure.signal.throwIfAborted();
    const session = this.#session;
    if (session === null || session.userId === null) throw notSignedIn();
    if (session.scheme === 'signInToken' && session.onHold) throw needsReauthentication();
    if (this.#unsaved) this.#save();
    return session;
  }

  /** To be called before a request whose answer must be stored, so that no token is lost. */
  requireWritable() {
    if (this.#store.locked) throw storageLocked();
  }

  /**
   * Applies what the app has decided: first on disk, then in memory.
   * @param {Session} session
   */
  commit(session) {
    this.#store.save(session);
    this.#unsaved = false;
    this.#become(session, signedOutMeanwhile());
    this.#report();
  }

  /** Signs out, which ends the calls in flight. Erases storage that seems to be empty, too. */
  signOut() {
    const knownEmpty = this.#loaded && this.#session === null && !this.#unsaved;
    if (!(knownEmpty && this.#store.locked)) this.#store.erase();
    this.#unsaved = false;
    this.#era.abort(signInOvertaken());
    this.#era = new AbortController();
    this.#become(null, signedOutMeanwhile());
    this.#report();
  }

  /**
   * Applies what the server has decided: first in memory, then on disk.
   * @param {Session | null} session null: the user is no longer valid
   */
  adopt(session) {
    this.#unsaved = true;
    this.#become(session, invalidUser());
    this.#trySave();
    this.#report();
  }

  #trySave() {
    try {
      this.#save();
    } catch {
      // Storage is locked or full. `signedIn` tries again, and fails until it succeeds.
    }
  }

  #save() {
    if (this.#session === null) this.#store.erase();
    else this.#store.save(this.#session);
    this.#unsaved = false;
  }

  /**
   * @param {Session | null} session
   * @param {Error} reason what the callers of the last user get, if this one is another
   */
  #become(session, reason) {
    const [before, after] = [this.userId, session?.userId ?? null];
    if (before === null || after === null || !sameUser(before, after)) {
      this.tenure.end(reason);
      this.tenure = new Tenure();
    }
    this.#loaded = true;
    this.#session = session;
  }

  /** Reports the status if it is another than the last one. At launch that is the one that was restored. */
  #report() {
    const words = statusOf(this.#session);
    const report = JSON.stringify(words);
    if (report === this.#reported) return;
    this.#reported = report;
    try {
      this.#onStatus(words);
    } catch {
      // A fault of the app's listener is not a fault of the call that changed the status.
    }
  }
}
