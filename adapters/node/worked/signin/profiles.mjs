/**
 * The wire profiles. The scheme is always the same: a sign-in token is exchanged, a refresh token is renewed. A profile
 * says what the requests and answers look like. It has no state and sends nothing.
 *
 * @typedef {import('./session.mjs').TokenSession} TokenSession
 * @typedef {import('./token.mjs').SignInToken} SignInToken
 *
 * @typedef {object} TokenRequest one POST to the identity provider
 * @property {string} path
 * @property {string} type the content type
 * @property {Buffer} body
 *
 * @typedef {object} Profile
 * @property {string} name
 * @property {[string, string, string]} exchangeFields what the answer calls access token, refresh token and lifetime
 * @property {[string, string, string]} refreshFields the same at a refresh
 * @property {string[]} badSignInToken error words at an exchange: the sign-in token is refused
 * @property {string[]} invalidUser error words at a refresh: the user is no longer valid
 * @property {string[]} onHold error words at a refresh: the user must sign in again
 * @property {(token: SignInToken) => void} check throws if the token lacks what this profile sends
 * @property {(token: SignInToken) => TokenRequest} exchange
 * @property {(session: TokenSession) => TokenRequest} refresh
 * @property {(body: any) => unknown} errorWord
 * @property {(token: SignInToken) => { publicKey: string | null, tenantId: string | null }} kept what a refresh needs later
 * @property {(session: TokenSession) => boolean} canContinue whether a stored session can go on with this profile
 */
import { malformedToken } from './errors.mjs';
import { FORM, JSON_TYPE, form } from './http.mjs';

/** Current releases: an OAuth 2.0 token endpoint for each environment and region. @type {Profile} */
const junction = {
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

/** Older releases: one host for all, and the public key of the sign-in token in every request. @type {Profile} */
const gcip = {
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
    body: Buffer.from(JSON.stringify({ token: userToken, tenantId, returnSecureToken: true })),
  }),
  refresh: ({ refreshToken, publicKey }) =>
    formRequest(withKey('/v1/token', /** @type {string} */ (publicKey)), {
      grant_type: 'refresh_token',
      refresh_token: refreshToken,
    }),
  // A text for people may follow the word: `INVALID_CUSTOM_TOKEN : Invalid assertion format`.
  errorWord: (body) => (typeof body.error?.message === 'string' ? body.error.message.split(' ')[0] : undefined),
  kept: ({ publicKey, tenantId }) => ({ publicKey, tenantId }),
  canContinue: ({ profile, publicKey, tenantId }) => profile === 'gcip' && Boolean(publicKey) && Boolean(tenantId),
};

/** @type {Map<string, Profile>} */
export const PROFILES = new Map([junction, gcip].map((profile) => [profile.name, profile]));

/**
 * @param {string} path
 * @param {Record<string, string>} fields
 */
function formRequest(path, fields) {
  return { path, type: FORM, body: form(fields) };
}

/**
 * @param {string} path
 * @param {string} publicKey
 */
function withKey(path, publicKey) {
  return `${path}?key=${encodeURIComponent(publicKey)}`;
}
