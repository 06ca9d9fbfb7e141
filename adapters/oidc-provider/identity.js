// The identity provider of one realm: an oidc-provider issuer with a token-exchange grant (RFC 8693) for sign-in tokens.
// Grants, tokens, rotation, reuse detection, introspection and errors are the library's.

import { randomUUID } from 'node:crypto';
import { SignJWT, exportJWK, generateKeyPair, jwtVerify } from 'jose';
import Provider, { errors } from 'oidc-provider';
import { epochSeconds } from '../vendor-api-node/clock.js';
import { envelope } from '../vendor-api-node/realms.js';
import { Storage } from './storage.js';

const EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
const SIGN_IN_TOKEN = 'urn:junction:sign-in-token';
const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token';
const KEY_ID = 'sign-in-tokens';
const SIGN_IN_SECONDS = 300;
const ACCESS_SECONDS = 3600;
const SESSION_SECONDS = 90 * 24 * 3600;
const SCOPE = 'user offline_access';

// A confidential client: its secret shows how Vouch authenticates. In a real SDK everybody can read it (RFC 8252 section 8.5).
// The API asks about access tokens with a secret of its own.
const SDK = {
  client_id: 'health-sdk',
  client_secret: 'example+secret/of the SDK',
  token_endpoint_auth_method: 'client_secret_basic',
  grant_types: [EXCHANGE, 'refresh_token'],
};
const API = { client_id: 'vendor-api', client_secret: 'example-secret-of-the-vendor-api', grant_types: [] };

export class Identity {
  static async create(realm, users, base) {
    const signer = await generateKeyPair('RS256', { extractable: true }); // of sign-in tokens; `/jwks` publishes it
    const storage = new Storage();
    const provider = new Provider(`${base}${realm.prefix}/auth`, {
      adapter: (model) => storage.adapter(model),
      clients: [SDK, API].map((client) => ({ redirect_uris: [], response_types: [], ...client })),
      cookies: { keys: [randomUUID()] },
      jwks: { keys: [{ ...(await exportJWK(signer.privateKey)), use: 'sig', alg: 'RS256', kid: KEY_ID }] },
      features: {
        devInteractions: { enabled: false },
        introspection: { enabled: true, allowedPolicy: (_, client) => client.clientId === API.client_id },
      },
      findAccount: (_, id) => users.find(id) && { accountId: id, claims: () => ({ sub: id }) },
      rotateRefreshToken: true, // the library's default only for public clients
      scopes: ['user', 'offline_access'],
      ttl: { AccessToken: ACCESS_SECONDS, RefreshToken: SESSION_SECONDS, Grant: SESSION_SECONDS },
    });
    const identity = new Identity(realm, users, provider, storage, signer);
    provider.registerGrantType(EXCHANGE, (context) => identity.exchange(context), ['subject_token', 'subject_token_type']);
    provider.on('server_error', (_, error) => console.error(error));
    return identity;
  }

  constructor(realm, users, provider, storage, signer) {
    Object.assign(this, { realm, users, provider, storage, signer });
    this.handle = provider.callback();
  }

  async issueSignInToken(user) {
    const claims = { uid: user.id, tenant_id: this.realm.tenant, claims: { vital_team_id: this.realm.team } };
    claims.deletions = user.deletions; // so that tokens from before a deletion stay bad after `undo_delete`
    const now = epochSeconds();
    const jwt = new SignJWT(claims).setProtectedHeader({ alg: 'RS256', kid: KEY_ID, typ: 'JWT' });
    jwt.setIssuer(this.realm.signInIssuer).setAudience(this.provider.issuer).setJti(randomUUID());
    jwt.setIssuedAt(now).setExpirationTime(now + SIGN_IN_SECONDS);
    return envelope(this.realm, await jwt.sign(this.signer.privateKey));
  }

  /** The token-exchange grant. */
  async exchange(context) {
    const { client, params } = context.oidc;
    const { AccessToken, Grant, RefreshToken } = this.provider;
    if (!params.subject_token || params.subject_token_type !== SIGN_IN_TOKEN) {
      throw new errors.InvalidRequest(`subject_token is missing, or its type is not ${SIGN_IN_TOKEN}`);
    }
    const accountId = await this.redeem(params.subject_token);
    const grant = new Grant({ accountId, clientId: client.clientId });
    grant.addOIDCScope(SCOPE);
    const grantId = await grant.save();
    const of = { accountId, client, grantId, gty: 'token_exchange', scope: SCOPE };
    const access = new AccessToken(of);
    context.body = {
      access_token: await access.save(),
      issued_token_type: ACCESS_TOKEN,
      token_type: 'Bearer',
      expires_in: access.expiration,
      refresh_token: await new RefreshToken(of).save(),
      scope: SCOPE,
    };
  }

  /** The user of a sign-in token, which is good once. */
  async redeem(token) {
    let claims;
    try {
      const { issuer } = this.provider;
      const checks = { algorithms: ['RS256'], issuer: this.realm.signInIssuer, audience: issuer, currentDate: new Date() };
      const required = { requiredClaims: ['exp', 'jti', 'uid'] };
      ({ payload: claims } = await jwtVerify(token, this.signer.publicKey, { ...checks, ...required }));
    } catch (error) {
      throw new errors.InvalidGrant(`sign-in token: ${error.message}`);
    }
    const user = this.users.find(String(claims.uid));
    if (!user || claims.deletions !== user.deletions) throw new errors.InvalidGrant('sign-in token of a deleted user');
    if (!(await this.provider.ReplayDetection.unique(claims.iss, claims.jti, claims.exp))) {
      throw new errors.InvalidGrant('sign-in token used before');
    }
    return user.id;
  }

  /** Asks the introspection endpoint (RFC 7662). */
  async userIdOf(token) {
    const credentials = Buffer.from(`${API.client_id}:${API.client_secret}`).toString('base64');
    const response = await fetch(`${this.provider.issuer}/token/introspection`, {
      method: 'POST',
      headers: { authorization: `Basic ${credentials}` },
      body: new URLSearchParams({ token, token_type_hint: 'access_token' }),
    });
    const answer = await response.json();
    return answer.active && answer.client_id === SDK.client_id && answer.token_type === 'Bearer' ? answer.sub : undefined;
  }

  async refuseAccessTokens(user) {
    const grants = this.storage.grantsOf(user.id);
    await Promise.all(grants.map((grant) => this.provider.AccessToken.revokeByGrantId(grant)));
  }

  async endSessions(user) {
    await this.refuseAccessTokens(user);
    for (const grant of this.storage.grantsOf(user.id)) {
      await this.provider.RefreshToken.revokeByGrantId(grant);
      await this.provider.Grant.adapter.destroy(grant);
    }
  }

  async userCreated() {}

  async userDeleted(user) {
    await this.endSessions(user);
  }

  async userBroughtBack() {}
}
