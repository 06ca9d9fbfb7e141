/**
 * The sign-in token, read without a network call: standard base64 of `{"public_key", "user_token": JWT}`.
 *
 * The signature is not verified, as the SDK has no key for it. The identity provider verifies it.
 */
import { parseObject } from './json.mjs';
import { malformedToken } from './errors.mjs';

export const REGIONS = ['us', 'eu'];
/** The name of each environment in an issuer. @type {Record<string, string>} */
export const ENVIRONMENTS = { production: 'prd', sandbox: 'stg', dev: 'dev' };

/**
 * An environment and a region. Each pair has its own hosts and credentials.
 * @typedef {{ environment: string, region: string }} Realm
 *
 * @typedef {object} SignInToken
 * @property {string} userId
 * @property {Realm} realm
 * @property {string} userToken the JWT that is exchanged
 * @property {string} publicKey
 * @property {string | null} tenantId
 * @property {string | null} teamId
 */

const ISSUER = /^id-signer-(prd|stg|dev)-(us|eu)@vital-id-(prd|stg|dev)-(us|eu)\.iam\.gserviceaccount\.com$/;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const BASE64 = /^[A-Za-z0-9+/]+$/;

/**
 * @param {string} text
 * @returns {SignInToken}
 * @throws {import('./errors.mjs').SignInError} `invalidSignInToken`
 */
export function readSignInToken(text) {
  const outer = objectOf(text.trim(), 'it is not base64 of a JSON object');
  const { public_key: publicKey, user_token: userToken } = outer;
  if (typeof publicKey !== 'string') throw malformedToken('it has no public key');
  if (typeof userToken !== 'string') throw malformedToken('it has no user token');
  const { header, claims } = readJwt(userToken);
  if (header.alg !== 'RS256') throw malformedToken('its algorithm is not RS256');
  if (typeof claims.uid !== 'string' || !UUID.test(claims.uid)) throw malformedToken('it names no user');
  return {
    userId: claims.uid,
    realm: realmOf(claims.iss),
    userToken,
    publicKey,
    tenantId: stringOrNull(claims.tenant_id),
    teamId: stringOrNull(claims.claims?.vital_team_id),
  };
}

/**
 * Whether two user ids are the same: they are UUIDs, in either letter case.
 * @param {string} one
 * @param {string} other
 */
export function sameUser(one, other) {
  return one.toLowerCase() === other.toLowerCase();
}

/**
 * @param {Realm} one
 * @param {Realm} other
 */
export function sameRealm(one, other) {
  return one.environment === other.environment && one.region === other.region;
}

/** @param {any} realm */
export function isRealm(realm) {
  return Object.hasOwn(ENVIRONMENTS, realm?.environment) && REGIONS.includes(realm.region);
}

/** @param {unknown} issuer */
function realmOf(issuer) {
  const match = typeof issuer === 'string' ? ISSUER.exec(issuer) : null;
  if (match === null || match[1] !== match[3] || match[2] !== match[4]) throw malformedToken('its issuer is not known');
  const environment = Object.keys(ENVIRONMENTS).find((name) => ENVIRONMENTS[name] === match[1]);
  return { environment: /** @type {string} */ (environment), region: match[2] };
}

/** @param {string} jwt */
function readJwt(jwt) {
  const parts = jwt.split('.');
  if (parts.length !== 3 || parts.includes('')) throw malformedToken('its user token is not a JWT');
  const [header, claims] = parts.slice(0, 2).map((part) => objectOf(part, 'its user token is not a JWT'));
  bytesOf(parts[2], 'its user token is not a JWT');
  return { header, claims };
}

/**
 * @param {string} text
 * @param {string} problem
 */
function objectOf(text, problem) {
  const object = parseObject(bytesOf(text, problem));
  if (object === null) throw malformedToken(problem);
  return object;
}

/**
 * Decodes both alphabets of base64, with any padding: issuers differ in both.
 * @param {string} text
 * @param {string} problem
 */
function bytesOf(text, problem) {
  const bare = text.replace(/=+$/, '').replaceAll('-', '+').replaceAll('_', '/');
  if (!BASE64.test(bare) || bare.length % 4 === 1) throw malformedToken(problem);
  return Buffer.from(bare, 'base64');
}

/** @param {unknown} value */
function stringOrNull(value) {
  return typeof value === 'string' ? value : null;
}
