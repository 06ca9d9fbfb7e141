/**
 * The sign-in token, read without a network call: standard base64 of `{"public_key", "user_token": JWT}`.
 *
 * The signature is not verified, as the SDK has no key for it. The identity provider verifies it.
 */
import { malformedToken } from './errors.ts';
import { parseObject } from './json.ts';

/** An environment and a region. Each pair has its own hosts and credentials. */
export interface Realm {
  environment: string;
  region: string;
}

export interface SignInToken {
  userId: string;
  realm: Realm;
  /** The JWT that is exchanged. */
  userToken: string;
  publicKey: string;
  tenantId: string | null;
  teamId: string | null;
}

const REGIONS = ['us', 'eu'];
/** The name of each environment in an issuer. */
const ENVIRONMENTS: Record<string, string> = { production: 'prd', sandbox: 'stg', dev: 'dev' };
const ISSUER = /^id-signer-(prd|stg|dev)-(us|eu)@vital-id-(prd|stg|dev)-(us|eu)\.iam\.gserviceaccount\.com$/;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const BASE64 = /^[A-Za-z0-9+/]+$/;

/** @throws {SignInError} `invalidSignInToken` */
export function readSignInToken(text: string): SignInToken {
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

/** Whether two user ids are the same: they are UUIDs, in either letter case. */
export function sameUser(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase();
}

export function sameRealm(one: Realm, other: Realm): boolean {
  return one.environment === other.environment && one.region === other.region;
}

export function isRealm(realm: any): realm is Realm {
  return Object.hasOwn(ENVIRONMENTS, realm?.environment) && REGIONS.includes(realm.region);
}

function realmOf(issuer: unknown): Realm {
  const match = typeof issuer === 'string' ? ISSUER.exec(issuer) : null;
  if (match === null || match[1] !== match[3] || match[2] !== match[4]) throw malformedToken('its issuer is not known');
  const environment = Object.keys(ENVIRONMENTS).find((name) => ENVIRONMENTS[name] === match[1]) as string;
  return { environment, region: match[2] };
}

function readJwt(jwt: string) {
  const parts = jwt.split('.');
  if (parts.length !== 3 || parts.includes('')) throw malformedToken('its user token is not a JWT');
  const [header, claims] = parts.slice(0, 2).map((part) => objectOf(part, 'its user token is not a JWT'));
  bytesOf(parts[2], 'its user token is not a JWT');
  return { header, claims };
}

function objectOf(text: string, problem: string): Record<string, any> {
  const object = parseObject(bytesOf(text, problem));
  if (object === null) throw malformedToken(problem);
  return object;
}

/** Decodes both alphabets of base64, with any padding: issuers differ in both. */
function bytesOf(text: string, problem: string): Uint8Array<ArrayBuffer> {
  const bare = text.replace(/=+$/, '').replaceAll('-', '+').replaceAll('_', '/');
  if (!BASE64.test(bare) || bare.length % 4 === 1) throw malformedToken(problem);
  return Uint8Array.from(atob(bare), (character) => character.charCodeAt(0));
}

function stringOrNull(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}
