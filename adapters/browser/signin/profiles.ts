/**
 * The wire profiles. The scheme is always the same: a sign-in token is exchanged, a refresh token is renewed. A profile
 * says what the requests and answers look like. It has no state and sends nothing.
 */
import { malformedToken } from './errors.ts';
import { FORM, JSON_TYPE, form } from './http.ts';
import type { TokenSession } from './session.ts';
import type { SignInToken } from './token.ts';

/** One POST to the identity provider. */
export interface TokenRequest {
  path: string;
  /** The content type. */
  type: string;
  body: string;
}

/** What an answer calls access token, refresh token and lifetime. */
export type FieldNames = readonly [string, string, string];

export interface Profile {
  name: string;
  exchangeFields: FieldNames;
  refreshFields: FieldNames;
  /** Error words at an exchange: the sign-in token is refused. */
  badSignInToken: string[];
  /** Error words at a refresh: the user is no longer valid. */
  invalidUser: string[];
  /** Error words at a refresh: the user must sign in again. */
  onHold: string[];
  /** Throws if the token lacks what this profile sends. */
  check(token: SignInToken): void;
  exchange(token: SignInToken): TokenRequest;
  refresh(session: TokenSession): TokenRequest;
  errorWord(body: Record<string, any>): unknown;
  /** What a refresh needs later. */
  kept(token: SignInToken): Pick<TokenSession, 'publicKey' | 'tenantId'>;
  /** Whether a stored session can go on with this profile. */
  canContinue(session: TokenSession): boolean;
}

/** Current releases: an OAuth 2.0 token endpoint for each environment and region. */
const junction: Profile = {
  name: 'junction',
  exchangeFields: ['access_token', 'refresh_token', 'expires_in'],
  refreshFields: ['access_token', 'refresh_token', 'expires_in'],
  badSignInToken: ['invalid_token'],
  invalidUser: ['invalid_token'],
  onHold: ['reauthentication_required'],
  check() {},
  exchange: ({ userToken }) =>
    formRequest('/v1/token', {
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      subject_token_type: 'urn:junction:sign-in-token',
      subject_token: userToken,
    }),
  refresh: ({ refreshToken }) => formRequest('/v1/token', { grant_type: 'refresh_token', refresh_token: refreshToken }),
  errorWord: (body) => body.detail?.error_type,
  kept: () => ({ publicKey: null, tenantId: null }),
  // Sessions of `gcip` go on: both refresh at the same identity provider, by other names and at another host.
  canContinue: ({ profile }) => profile === 'junction' || profile === 'gcip',
};

/** Older releases: one host for all, and the public key of the sign-in token in every request. */
const gcip: Profile = {
  name: 'gcip',
  exchangeFields: ['idToken', 'refreshToken', 'expiresIn'],
  refreshFields: ['id_token', 'refresh_token', 'expires_in'],
  badSignInToken: [
    'INVALID_CUSTOM_TOKEN',
    'CREDENTIAL_MISMATCH',
    'TOKEN_EXPIRED',
    'USER_DISABLED',
    'USER_NOT_FOUND',
    'TENANT_ID_MISMATCH',
    'INVALID_TENANT_ID',
  ],
  invalidUser: ['USER_DISABLED', 'USER_NOT_FOUND'],
  onHold: ['TOKEN_EXPIRED', 'INVALID_REFRESH_TOKEN'],
  check({ publicKey, tenantId }) {
    if (publicKey === '') throw malformedToken('its public key is empty');
    if (!tenantId) throw malformedToken('it names no tenant');
  },
  exchange: ({ userToken, tenantId, publicKey }) => ({
    path: withKey('/v1/accounts:signInWithCustomToken', publicKey),
    type: JSON_TYPE,
    body: JSON.stringify({ token: userToken, tenantId, returnSecureToken: true }),
  }),
  refresh: ({ refreshToken, publicKey }) =>
    formRequest(withKey('/v1/token', publicKey ?? ''), { grant_type: 'refresh_token', refresh_token: refreshToken }),
  // A text for people may follow the word: `INVALID_CUSTOM_TOKEN : Invalid assertion format`.
  errorWord: (body) => (typeof body.error?.message === 'string' ? body.error.message.split(' ')[0] : undefined),
  kept: ({ publicKey, tenantId }) => ({ publicKey, tenantId }),
  canContinue: ({ profile, publicKey, tenantId }) => profile === 'gcip' && Boolean(publicKey) && Boolean(tenantId),
};

export const PROFILES: ReadonlyMap<string, Profile> = new Map([junction, gcip].map((profile) => [profile.name, profile]));

function formRequest(path: string, fields: Record<string, string>): TokenRequest {
  return { path, type: FORM, body: form(fields) };
}

function withKey(path: string, publicKey: string): string {
  return `${path}?key=${encodeURIComponent(publicKey)}`;
}
