/** Vouch's clock: time stands still until Vouch moves it, and a wait is a request to Vouch. */
export class HarnessClock {
  #peer;
  #now;

  /**
   * @param {import('./peer.mjs').Peer} peer
   * @param {number} now milliseconds since 1970
   */
  constructor(peer, now) {
    this.#peer = peer;
    this.#now = now;
  }

  now() {
    return this.#now;
  }

  /** @param {number} now milliseconds since 1970 */
  moveTo(now) {
    this.#now = now;
  }

  /**
   * @param {number} milliseconds
   * @param {{ background?: boolean, signal?: AbortSignal }} [options]
   */
  async sleep(milliseconds, { background = false, signal } = {}) {
    const duration = { milliseconds: Math.max(0, Math.ceil(milliseconds)) };
    await this.#peer.ask('sleep', background ? { ...duration, background } : duration, {
      signal,
      onResult: (result) => this.moveTo(result.now),
    });
  }
}

/** The clock of this machine, where the adapter does not claim `clock`. */
export class SystemClock {
  now() {
    return Date.now();
  }

  /**
   * @param {number} milliseconds
   * @param {{ background?: boolean, signal?: AbortSignal }} [options]
   */
  sleep(milliseconds, { signal } = {}) {
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      const abort = () => {
        clearTimeout(timer);
        reject(signal?.reason);
      };
      const timer = setTimeout(() => {
        signal?.removeEventListener('abort', abort);
        resolve(undefined);
      }, milliseconds);
      signal?.addEventListener('abort', abort, { once: true });
    });
  }
}
