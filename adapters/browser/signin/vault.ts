/**
 * The one record of the installation in IndexedDB, which all tabs of the origin share.
 *
 * - A write is one transaction, so a tab that is killed leaves the old record or the new one.
 * - A write names the version that it replaces (compare and set). A tab that lost a race reads again and decides again.
 * - The record is sealed with AES-GCM under a key of its own. Scripts can use the key and cannot export it: a copy of the
 *   records alone is worth nothing. A script in this page and a copy of the whole browser profile still get the session.
 * - The sign-outs are counted: a sign-in that began before one, in whatever tab, cannot end after it.
 */
import { storageFailed } from './errors.ts';

/** What a write replaces. */
export interface Version {
  /** Null where there is no record. */
  revision: string | null;
  /** How often the app has signed out. */
  signOuts: number;
}

/** What is stored now. `bytes` are null where nothing is, or nothing that can be read. */
export interface Content extends Version {
  bytes: Uint8Array<ArrayBuffer> | null;
}

interface Sealed {
  revision: string;
  key: CryptoKey;
  iv: Uint8Array<ArrayBuffer>;
  data: ArrayBuffer;
}

const STORE = 'session';
const RECORD = 'record';
const SIGN_OUTS = 'signOuts';

export class Vault {
  #database: Promise<IDBDatabase>;

  /** @param name of the database */
  constructor(name: string) {
    this.#database = guarded(() => opened(name));
    this.#database.catch(() => {}); // each call reports it
  }

  async read(): Promise<Content> {
    const { version, sealed } = await guarded(() => this.#transaction('readonly', stored));
    return { ...version, bytes: sealed === null ? null : await unsealed(sealed) };
  }

  /**
   * Replaces the record, or erases it, unless another version than the expected one is stored.
   * @param bytes null: erase
   * @param signsOut counts a sign-out
   * @returns what is stored after that, or null if it was another version
   */
  async replace(expected: Version, bytes: Uint8Array<ArrayBuffer> | null, signsOut = false): Promise<Version | null> {
    return guarded(async () => {
      const sealed = bytes === null ? null : await seal(bytes);
      return this.#transaction('readwrite', async (store) => {
        const { version } = await stored(store);
        if (version.revision !== expected.revision || version.signOuts !== expected.signOuts) return null;
        const signOuts = version.signOuts + (signsOut ? 1 : 0);
        if (signsOut) store.put(signOuts, SIGN_OUTS);
        if (sealed === null) store.delete(RECORD);
        else store.put(sealed, RECORD);
        return { revision: sealed?.revision ?? null, signOuts };
      });
    });
  }

  /** Runs an action that waits for nothing but requests of its store, and returns when its writes are durable. */
  async #transaction<T>(mode: IDBTransactionMode, action: (store: IDBObjectStore) => Promise<T>): Promise<T> {
    const transaction = (await this.#database).transaction(STORE, mode, { durability: 'strict' });
    const complete = new Promise<void>((resolve, reject) => {
      transaction.oncomplete = () => resolve();
      transaction.onabort = () => reject(transaction.error);
    });
    const [result] = await Promise.all([action(transaction.objectStore(STORE)), complete]);
    return result;
  }
}

function opened(name: string): Promise<IDBDatabase> {
  const request = indexedDB.open(name, 1);
  request.onupgradeneeded = () => request.result.createObjectStore(STORE);
  return answered(request);
}

async function stored(store: IDBObjectStore): Promise<{ version: Version; sealed: Sealed | null }> {
  const [sealed, signOuts] = await Promise.all([answered(store.get(RECORD)), answered(store.get(SIGN_OUTS))]);
  return { version: { revision: sealed?.revision ?? null, signOuts: signOuts ?? 0 }, sealed: sealed ?? null };
}

async function seal(bytes: Uint8Array<ArrayBuffer>): Promise<Sealed> {
  const key = await crypto.subtle.generateKey({ name: 'AES-GCM', length: 256 }, false, ['encrypt', 'decrypt']);
  const iv = crypto.getRandomValues(new Uint8Array(12));
  const data = await crypto.subtle.encrypt({ name: 'AES-GCM', iv }, key, bytes);
  return { revision: crypto.randomUUID(), key, iv, data };
}

async function unsealed({ key, iv, data }: Sealed): Promise<Uint8Array<ArrayBuffer> | null> {
  try {
    return new Uint8Array(await crypto.subtle.decrypt({ name: 'AES-GCM', iv }, key, data));
  } catch {
    return null; // it is damaged
  }
}

function answered<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/** Every failure of the browser's storage is an error of the kind `storage`. */
async function guarded<T>(action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch {
    throw storageFailed();
  }
}
