import type { ErrorKind } from '../../node/vouch-adapter.mjs';

/**
 * The error of every call. Its text is shown to users and written to logs. So it is a text of this SDK, and never
 * has a text of the server, a token or a key in it.
 */
export class SignInError extends Error {
  /** What the app can do next. */
  readonly kind: ErrorKind;

  constructor(kind: ErrorKind, message: string) {
    super(message);
    this.name = 'SignInError';
    this.kind = kind;
  }
}

/** The same call may succeed later. */
export class TemporaryError extends SignInError {
  /** The server's Retry-After in milliseconds. */
  readonly retryAfter: number | null;

  constructor(message: string, retryAfter: number | null = null) {
    super('network', message);
    this.retryAfter = retryAfter;
  }
}

export const notSignedIn = () => new SignInError('notSignedIn', 'no user is signed in');
export const signedOutMeanwhile = () => new SignInError('notSignedIn', 'the user was signed out meanwhile');
export const signInOvertaken = () => new SignInError('cancelled', 'the app signed out during the sign-in');
export const invalidUser = () => new SignInError('invalidUser', 'the user no longer exists and was signed out');
export const otherUser = () => new SignInError('alreadySignedIn', 'another user is signed in');
export const storageFailed = () => new SignInError('storage', 'the browser could not read or write its storage');
export const needsReauthentication = () =>
  new SignInError('needsReauthentication', 'the session is on hold until the user signs in again');
export const ofAnotherRealm = () =>
  new SignInError('incompatible', 'the sign-in token is of another environment or region than this installation');
export const unexpectedAnswer = (what: string) =>
  new SignInError('unexpectedAnswer', `the server's answer is malformed: ${what}`);
export const malformedToken = (what: string) =>
  new SignInError('invalidSignInToken', `the sign-in token is malformed: ${what}`);
