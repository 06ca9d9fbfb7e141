/**
 * Waits for a promise, or for the first of these signals, whose reason it then throws. What the promise stands for
 * goes on: others may wait for it too.
 * @template T
 * @param {Promise<T>} promise
 * @param {(AbortSignal | undefined)[]} signals
 * @returns {Promise<T>}
 */
export async function until(promise, ...signals) {
  const watch = new AbortController();
  const aborted = new Promise((_, reject) => {
    for (const signal of signals) {
      if (signal?.aborted) reject(signal.reason);
      signal?.addEventListener('abort', () => reject(signal.reason), { signal: watch.signal });
    }
  });
  try {
    return /** @type {T} */ (await Promise.race([promise, aborted]));
  } finally {
    watch.abort();
  }
}

/** Calls that run one at a time, in the order in which they came. A caller who is cancelled leaves the queue. */
export class Queue {
  /** @type {Promise<void>} */
  #last = Promise.resolve();

  /**
   * @template T
   * @param {AbortSignal | undefined} signal
   * @param {() => Promise<T> | T} action
   * @returns {Promise<T>}
   */
  async run(signal, action) {
    const before = this.#last;
    /** @type {() => void} */
    let leave = () => {};
    const left = new Promise((resolve) => (leave = () => resolve(undefined)));
    this.#last = before.then(() => left);
    try {
      await until(before, signal);
      return await action();
    } finally {
      leave();
    }
  }
}
