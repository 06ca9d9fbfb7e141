// The client of the vendor's API: the calls for a sign-in token, and the meaning of their responses.
//
// Only user ids, the token and a number of seconds leave this file, because the vendor's error text may repeat
// the request with the API key.
import { existsSync } from "node:fs";

const built = existsSync(new URL("build/sdk.js", import.meta.url));
const { VitalClient } = await import(built ? "./build/sdk.js" : "./sdk.js");

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const SECONDS = /^[0-9]{1,9}$/;

/** No token this time. `status` is for the app; the message is our own, and fit for a log. */
export class VendorError extends Error {
  constructor(message, status, retryAfter) {
    super(message);
    this.status = status;
    this.retryAfter = retryAfter;
  }
}

export class Vendor {
  #client;
  #timeoutMs;
  /** App user to the promise of a vendor user id: twenty first requests make one lookup and one creation. */
  #flights = new Map();

  constructor({ url, apiKey, timeoutMs }) {
    this.#timeoutMs = timeoutMs;
    this.#client = new VitalClient({
      apiKey,
      baseUrl: url,
      // The SDK would wait up to a minute before a retry, and that wait cannot be cancelled. The app retries instead.
      maxRetries: 0,
      timeoutInSeconds: timeoutMs / 1000,
      // The SDK would follow a redirect, and send the API key to a host that was not configured.
      fetch: (url, init) => fetch(url, { ...init, redirect: "error" }),
    });
  }

  /** A fresh token of the app user's own vendor user. Takes no longer than two vendor calls may. */
  async signInToken(appUser) {
    const deadline = performance.now() + 2 * this.#timeoutMs;
    const userId = await this.#vendorUser(appUser, deadline);
    const what = "issuing the token";
    const answer = await this.#call(what, deadline, (options) => this.#client.user.getUserSignInToken(userId, options));
    // Case-insensitive: the vendor may return a user id in another letter case.
    if (answer.userId.toLowerCase() !== userId.toLowerCase() || answer.signInToken === "") throw nonsense(what);
    return answer.signInToken;
  }

  #vendorUser(appUser, deadline) {
    let flight = this.#flights.get(appUser);
    if (flight === undefined) {
      flight = this.#findOrCreate(appUser, deadline);
      this.#flights.set(appUser, flight);
      // Runs first: the lookup ends before the waiting requests continue, and a later request starts a new one.
      const landed = () => this.#flights.delete(appUser);
      flight.then(landed, landed);
    }
    return flight;
  }

  async #findOrCreate(appUser, deadline) {
    const { user } = this.#client;
    // `fetch` resolves a path segment `..`, percent-encoded or not, as the folder above. Such a user is found by
    // the conflict answer.
    if (appUser !== "." && appUser !== "..") {
      const what = "looking the user up";
      try {
        const found = await this.#call(what, deadline, (options) => user.getByClientUserId(appUser, options));
        return ownedUserId(what, found, appUser);
      } catch (error) {
        // After any other failure it is unknown whether the user exists.
        if (error.cause?.statusCode !== 404) throw error;
      }
    }
    const what = "creating the user";
    try {
      const request = { clientUserId: appUser };
      const created = await this.#call(what, deadline, (options) => user.create(request, options));
      return ownedUserId(what, created, appUser);
    } catch (error) {
      // Another process created the user: the conflict response contains its id.
      const existing = error.cause?.statusCode === 400 ? error.cause.body?.detail?.user_id : undefined;
      if (!isUserId(existing)) throw error;
      return existing;
    }
  }

  /** One call of the SDK. The cause of its VendorError is the SDK's error: for this file only. */
  async #call(what, deadline, call) {
    const patienceMs = Math.floor(Math.min(this.#timeoutMs, deadline - performance.now()));
    if (patienceMs <= 0) throw new VendorError(`${what}: no time left`, 503);
    // The timeout of the SDK does not cover the body of a response, which may never end.
    const abortSignal = AbortSignal.timeout(patienceMs);
    try {
      return await call({ abortSignal });
    } catch (error) {
      throw vendorError(what, error, abortSignal.aborted);
    }
  }
}

function vendorError(what, cause, late) {
  const { statusCode } = cause;
  let error;
  if (statusCode !== undefined) {
    error = new VendorError(`${what}: status ${statusCode}`, statusCode === 429 || statusCode >= 500 ? 503 : 502);
    const retryAfter = cause.rawResponse?.headers.get("retry-after") ?? "";
    if (statusCode === 429 && SECONDS.test(retryAfter)) error.retryAfter = retryAfter;
  } else if (late) {
    error = new VendorError(`${what}: no answer in time`, 503);
  } else if (cause.rawResponse !== undefined) {
    error = new VendorError(`${what}: no answer`, 503); // or one that `fetch` refused: a redirect, a broken message
  } else {
    error = nonsense(what); // the SDK could not make what it promises of the body
  }
  error.cause = cause;
  return error;
}

function nonsense(what) {
  return new VendorError(`${what}: the answer makes no sense`, 502);
}

/** It becomes part of a path, so nothing but a UUID will do. */
function isUserId(value) {
  return typeof value === "string" && UUID.test(value);
}

function ownedUserId(what, { userId, clientUserId }, appUser) {
  if (!isUserId(userId) || clientUserId !== appUser) throw nonsense(what);
  return userId;
}
