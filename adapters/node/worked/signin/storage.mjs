/**
 * The session record on disk. Three problems are solved here:
 *
 * - A write must be atomic if the process is killed: a temporary file, `fsync`, then a rename.
 * - Secure storage may be locked, which is something else than empty.
 * - A keychain outlives its app. A session without the marker among the app's own files is of a deleted installation,
 *   so the app starts signed out.
 *
 * All calls of the file system are synchronous: the files are small, and no other code can run between two of them.
 */
import fs from 'node:fs';
import path from 'node:path';
import { SignInError, storageLocked } from './errors.mjs';
import { decode, encode } from './session.mjs';

const SESSION = 'session';
const MARKER = 'installed';
const TEMPORARY = '.tmp';

/** The files of one folder. Every failure of the disk is an error of the kind `storage`. */
export class Area {
  #folder;
  locked = false;

  /** @param {string} folder */
  constructor(folder) {
    this.#folder = folder;
  }

  /**
   * @param {string} name
   * @returns {Buffer | null} null if there is no such file
   */
  read(name) {
    return this.#guarded(() => {
      try {
        return fs.readFileSync(this.#path(name));
      } catch (error) {
        if (isMissing(error)) return null;
        throw error;
      }
    });
  }

  /**
   * Replaces a file as a whole, durably.
   * @param {string} name
   * @param {Buffer} bytes
   */
  write(name, bytes) {
    const temporary = this.#path(name + TEMPORARY);
    this.#guarded(() => {
      try {
        const file = fs.openSync(temporary, 'w', 0o600);
        try {
          fs.writeFileSync(file, bytes);
          fs.fsyncSync(file); // a rename that is durable before its data would leave an empty file
        } finally {
          fs.closeSync(file);
        }
        fs.renameSync(temporary, this.#path(name));
      } catch (error) {
        quietly(() => fs.unlinkSync(temporary));
        throw error;
      }
      this.#syncFolder();
    });
  }

  /**
   * Removes a file and what an interrupted write of it left. Neither has to exist.
   * @param {string} name
   */
  remove(name) {
    this.#guarded(() => {
      const gone = [this.#unlink(name), this.#unlink(name + TEMPORARY)];
      if (gone.includes(true)) this.#syncFolder();
    });
  }

  /**
   * Removes what an interrupted write left: it has secrets in it.
   * @param {string} name
   */
  tidy(name) {
    this.#guarded(() => this.#unlink(name + TEMPORARY));
  }

  /** @param {string} name */
  #path(name) {
    return path.join(this.#folder, name);
  }

  /**
   * @param {string} name
   * @returns {boolean} whether the file was there
   */
  #unlink(name) {
    try {
      fs.unlinkSync(this.#path(name));
      return true;
    } catch (error) {
      if (isMissing(error)) return false;
      throw error;
    }
  }

  /** Lets the change survive a loss of power, where the file system can; it survives a kill of the process anyway. */
  #syncFolder() {
    quietly(() => {
      const folder = fs.openSync(this.#folder, 'r');
      try {
        fs.fsyncSync(folder);
      } finally {
        fs.closeSync(folder);
      }
    });
  }

  /**
   * @template T
   * @param {() => T} action
   */
  #guarded(action) {
    if (this.locked) throw storageLocked();
    try {
      return action();
    } catch (error) {
      throw new SignInError('storage', `storage failed: ${/** @type {any} */ (error).code}`);
    }
  }
}

/** The one session record in `secure`, and the marker of the installation in `plain`. */
export class SessionStore {
  #secure;
  #plain;
  #log;

  /**
   * @param {Area} secure
   * @param {Area} plain
   * @param {(text: string) => void} log
   */
  constructor(secure, plain, log) {
    this.#secure = secure;
    this.#plain = plain;
    this.#log = log;
  }

  get locked() {
    return this.#secure.locked;
  }

  /**
   * The stored session, or null. One that is damaged, of a deleted installation or that `usable` refuses is erased, so
   * that the next launch does not find it again.
   * @param {(session: import('./session.mjs').Session) => boolean} usable
   */
  load(usable) {
    this.#secure.tidy(SESSION);
    const bytes = this.#secure.read(SESSION);
    if (bytes === null) {
      this.#plain.remove(MARKER);
      return null;
    }
    if (this.#plain.read(MARKER) === null) return this.#discard('is of an earlier installation');
    const session = decode(bytes);
    if (session === null) return this.#discard('is damaged');
    return usable(session) ? session : this.#discard('is of another wire profile');
  }

  /**
   * The marker first: alone it is harmless, while a session without it would be erased.
   * @param {import('./session.mjs').Session} session
   */
  save(session) {
    const first = this.#plain.read(MARKER) === null;
    if (first) this.#plain.write(MARKER, Buffer.from('This app is installed: what secure storage holds is its own.\n'));
    try {
      this.#secure.write(SESSION, encode(session));
    } catch (error) {
      if (first) quietly(() => this.#plain.remove(MARKER));
      throw error;
    }
  }

  /** The session first: without it the user is signed out, whatever happens to the marker. */
  erase() {
    this.#secure.remove(SESSION);
    quietly(() => this.#plain.remove(MARKER)); // else the next launch removes it
  }

  /** @param {string} why */
  #discard(why) {
    this.#log(`the stored session ${why} and was erased`);
    this.erase();
    return null;
  }
}

/** @param {unknown} error */
function isMissing(error) {
  return /** @type {any} */ (error).code === 'ENOENT';
}

/**
 * Does something that is good to have, and whose failure nobody can act on.
 * @param {() => void} action
 */
function quietly(action) {
  try {
    action();
  } catch {
    // see above
  }
}
