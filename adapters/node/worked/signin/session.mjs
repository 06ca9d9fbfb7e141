/**
 * The record of an installation. There is ONE: a migration or a rotation replaces it as a whole, so a crash leaves the
 * old record or the new one, never a mixture.
 *
 * @typedef {import('./token.mjs').Realm} Realm
 *
 * @typedef {object} ApiKeySession the older scheme; `userId` is null between `configure` and `setUserId`
 * @property {'apiKey'} scheme
 * @property {Realm} realm
 * @property {string} apiKey
 * @property {string | null} userId
 *
 * @typedef {object} TokenSession the sign-in-token scheme; on hold both tokens are empty, as neither is valid any more
 * @property {'signInToken'} scheme
 * @property {Realm} realm
 * @property {string} userId
 * @property {string | null} teamId
 * @property {string | null} externalUserId the app's user, if `identify` signed in
 * @property {string} accessToken
 * @property {string} refreshToken
 * @property {number} freshUntil until when the access token is used, in milliseconds since 1970
 * @property {boolean} onHold
 * @property {string} profile the wire profile of the tokens
 * @property {string | null} publicKey only where the profile needs it
 * @property {string | null} tenantId only where the profile needs it
 *
 * @typedef {ApiKeySession | TokenSession} Session
 */
import { createHash } from 'node:crypto';
import { parseObject } from './json.mjs';
import { isRealm } from './token.mjs';

const VERSION = '1';
const LONGEST_MARGIN_MS = 30_000;

/**
 * Until when an access token that arrived now is used. It counts from its arrival by the device's own clock, so a wrong
 * clock does not matter. The margin covers the way to the server: 30 s, or a tenth of a short lifetime.
 * @param {number} now milliseconds since 1970
 * @param {number} lifetime milliseconds
 */
export function freshUntil(now, lifetime) {
  return now + lifetime - Math.min(LONGEST_MARGIN_MS, Math.floor(lifetime / 10));
}

/**
 * The session with new tokens.
 * @param {TokenSession} session
 * @param {import('./provider.mjs').Tokens} tokens
 * @param {number} now
 * @returns {TokenSession}
 */
export function renewed(session, { accessToken, refreshToken, lifetime }, now) {
  return { ...session, accessToken, refreshToken, freshUntil: freshUntil(now, lifetime) };
}

/**
 * @param {TokenSession} session
 * @returns {TokenSession}
 */
export function onHold(session) {
  return { ...session, accessToken: '', refreshToken: '', freshUntil: 0, onHold: true };
}

/**
 * The status words of a session: only documented combinations.
 * @param {Session | null} session
 */
export function statusOf(session) {
  if (session === null) return [];
  if (session.userId === null) return ['configured'];
  if (session.scheme === 'apiKey') return ['configured', 'signedIn', 'useApiKey'];
  return ['configured', 'signedIn', 'useSignInToken', ...(session.onHold ? ['pendingReauthentication'] : [])];
}

/**
 * The bytes of a record: a version, a checksum that shows damage, JSON.
 * @param {Session} session
 */
export function encode(session) {
  const body = JSON.stringify(session);
  return Buffer.from(`${VERSION} ${checksum(body)} ${body}\n`);
}

/**
 * @param {Buffer} bytes
 * @returns {Session | null} null if the record is damaged, cut off or of another version
 */
export function decode(bytes) {
  const match = /^(\S+) (\S+) (.*)\n$/s.exec(bytes.toString());
  if (match === null || match[1] !== VERSION || match[2] !== checksum(match[3])) return null;
  const session = parseObject(Buffer.from(match[3]));
  return isSound(session) ? session : null;
}

/** @param {string} body */
function checksum(body) {
  return createHash('sha256').update(body).digest('hex').slice(0, 16);
}

/** @param {any} session */
function isSound(session) {
  if (session === null || !isRealm(session.realm)) return false;
  if (session.scheme === 'apiKey') return all('string', session.apiKey) && (session.userId === null || all('string', session.userId));
  return (
    session.scheme === 'signInToken' &&
    all('string', session.userId, session.accessToken, session.refreshToken, session.profile) &&
    all('number', session.freshUntil) &&
    all('boolean', session.onHold)
  );
}

/**
 * @param {string} type
 * @param {unknown[]} values
 */
function all(type, ...values) {
  return values.every((value) => typeof value === type);
}
