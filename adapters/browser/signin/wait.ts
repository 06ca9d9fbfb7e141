/**
 * Waits for a promise, or for the first of these signals, whose reason it then throws. What the promise stands for
 * goes on: others may wait for it too.
 */
export async function until<T>(promise: Promise<T>, ...signals: (AbortSignal | undefined)[]): Promise<T> {
  const watch = new AbortController();
  const aborted = new Promise<never>((_, reject) => {
    for (const signal of signals) {
      if (signal?.aborted) reject(signal.reason);
      signal?.addEventListener('abort', () => reject(signal.reason), { signal: watch.signal });
    }
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    watch.abort();
  }
}

/** Actions of this tab that run one at a time, in the order in which they came. */
export class Queue {
  #last: Promise<unknown> = Promise.resolve();

  run<T>(action: () => Promise<T>): Promise<T> {
    const result = this.#last.then(action);
    this.#last = result.catch(() => {});
    return result;
  }
}

/**
 * A lock that all tabs of the origin share (Web Locks). The browser gives it back when the tab that holds it ends, also if
 * its process is killed.
 * @param signal ends the wait for the lock, with its reason
 */
export function locked<T>(name: string, signal: AbortSignal | undefined, action: () => Promise<T>): Promise<T> {
  return navigator.locks.request(name, signal === undefined ? {} : { signal }, action) as Promise<T>;
}
