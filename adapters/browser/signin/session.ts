/**
 * The record of an installation. There is ONE: a migration or a rotation replaces it as a whole, so a killed tab leaves
 * the old record or the new one, never a mixture.
 */
import { parseObject } from './json.ts';
import type { Tokens } from './provider.ts';
import { type Realm, isRealm } from './token.ts';

/** The older scheme. */
export interface ApiKeySession {
  scheme: 'apiKey';
  realm: Realm;
  apiKey: string;
  /** Null between `configure` and `setUserId`. */
  userId: string | null;
  /** See {@link TokenSession.tenure}. */
  tenure: string;
}

/** The sign-in-token scheme. On hold both tokens are empty, as neither is valid any more. */
export interface TokenSession {
  scheme: 'signInToken';
  realm: Realm;
  userId: string;
  teamId: string | null;
  /** The app's user, if `identify` signed in. */
  externalUserId: string | null;
  accessToken: string;
  refreshToken: string;
  /** Until when the access token is used, in milliseconds since 1970. */
  freshUntil: number;
  onHold: boolean;
  /** The wire profile of the tokens. */
  profile: string;
  /** Only where the profile needs it. */
  publicKey: string | null;
  /** Only where the profile needs it. */
  tenantId: string | null;
  /** The name of the time from this user's sign-in to the sign-out: all tabs know by it whether the session is still theirs. */
  tenure: string;
}

export type Session = ApiKeySession | TokenSession;

const VERSION = 1;
const LONGEST_MARGIN_MS = 30_000;

/**
 * Until when an access token that arrived now is used. It counts from its arrival by the device's own clock, so a wrong
 * clock does not matter. The margin covers the way to the server: 30 s, or a tenth of a short lifetime.
 */
export function freshUntil(now: number, lifetime: number): number {
  return now + lifetime - Math.min(LONGEST_MARGIN_MS, Math.floor(lifetime / 10));
}

/** The session with new tokens. */
export function renewed(session: TokenSession, { accessToken, refreshToken, lifetime }: Tokens, now: number): TokenSession {
  return { ...session, accessToken, refreshToken, freshUntil: freshUntil(now, lifetime) };
}

export function onHold(session: TokenSession): TokenSession {
  return { ...session, accessToken: '', refreshToken: '', freshUntil: 0, onHold: true };
}

/** The status words of a session: only documented combinations. */
export function statusOf(session: Session | null): string[] {
  if (session === null) return [];
  if (session.userId === null) return ['configured'];
  if (session.scheme === 'apiKey') return ['configured', 'signedIn', 'useApiKey'];
  return ['configured', 'signedIn', 'useSignInToken', ...(session.onHold ? ['pendingReauthentication'] : [])];
}

/** The bytes that are sealed. Sealing shows damage, so there is no checksum. */
export function encode(session: Session): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(JSON.stringify({ version: VERSION, ...session }));
}

/** Null if the record is of another version. */
export function decode(bytes: BufferSource): Session | null {
  const { version, ...session } = parseObject(bytes) ?? {};
  return version === VERSION && isSound(session) ? (session as unknown as Session) : null;
}

function isSound(session: Record<string, any>): boolean {
  if (!isRealm(session.realm) || !all('string', session.tenure)) return false;
  if (session.scheme === 'apiKey') {
    return all('string', session.apiKey) && (session.userId === null || all('string', session.userId));
  }
  return (
    session.scheme === 'signInToken' &&
    all('string', session.userId, session.accessToken, session.refreshToken, session.profile) &&
    all('number', session.freshUntil) &&
    all('boolean', session.onHold)
  );
}

function all(type: string, ...values: unknown[]): boolean {
  return values.every((value) => typeof value === type);
}
