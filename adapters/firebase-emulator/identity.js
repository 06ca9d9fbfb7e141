// The identity provider: the Auth emulator of firebase-tools with one project, in which each realm is a tenant. Sign-in
// tokens are custom tokens. A deleted user is a disabled account, as Google's guides advise where a deletion can be undone.

import { createRequire } from 'node:module';
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { epochSeconds } from '../vendor-api-node/clock.js';
import { envelope } from '../vendor-api-node/realms.js';

const require = createRequire(import.meta.url);
const { default: specification } = require('firebase-tools/lib/emulator/auth/apiSpec.js');
const { createApp } = require('firebase-tools/lib/emulator/auth/server.js');
const { logger } = require('firebase-tools/lib/logger.js');
const jwt = require(require.resolve('jsonwebtoken', { paths: [require.resolve('firebase-tools/package.json')] }));

const PROJECT = 'demo-vouch'; // `demo-`: the emulator never asks Google about such a project
const AUDIENCE = 'https://identitytoolkit.googleapis.com/google.identity.identitytoolkit.v1.IdentityToolkit';
const SIGN_IN_SECONDS = 300;
const { privateKey: SIGNING_KEY } = generateKeyPairSync('rsa', { modulusLength: 2048 });

/** The paths of Google's two hosts, as the SDKs write them without the host. */
const HOSTS = [
  ['/v1/accounts:', '/identitytoolkit.googleapis.com'],
  ['/v1/token', '/securetoken.googleapis.com'],
];

/** The operations that SDKs and this program use. The emulator compiles each at its start: all 80 take ten seconds. */
const OPERATIONS = [
  '/v1/accounts:signInWithCustomToken',
  '/v1/accounts:lookup',
  '/v1/token',
  '/v1/projects/{targetProjectId}/tenants/{tenantId}/accounts',
  '/v1/projects/{targetProjectId}/tenants/{tenantId}/accounts:update',
];

export class Emulator {
  static async start() {
    logger.silent = true;
    specification.paths = Object.fromEntries(OPERATIONS.map((path) => [path, specification.paths[path]]));
    const app = await createApp(PROJECT);
    const server = await new Promise((resolve) => {
      const listening = app.listen(0, '127.0.0.1', () => resolve(listening));
    });
    return new Emulator(app, `http://127.0.0.1:${server.address().port}`);
  }

  constructor(app, url) {
    this.app = app;
    this.url = url;
  }

  identity(realm) {
    return new Identity(realm, this);
  }

  /** Calls the emulator, by default with the rights of the project's owner. */
  async call(path, body, headers = { authorization: 'Bearer owner' }) {
    const response = await fetch(`${this.url}/identitytoolkit.googleapis.com/v1/${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    });
    return { ok: response.ok, body: await response.json() };
  }
}

class Identity {
  #emulator;

  constructor(realm, emulator) {
    this.realm = realm;
    this.#emulator = emulator;
  }

  handle(request, response) {
    const [, host] = HOSTS.find(([start]) => request.url.startsWith(start)) ?? ['', ''];
    request.url = host + request.url;
    this.#emulator.app(request, response);
  }

  async issueSignInToken(user) {
    const now = epochSeconds();
    const claims = {
      iss: this.realm.signInIssuer,
      sub: this.realm.signInIssuer,
      aud: AUDIENCE,
      iat: now,
      exp: now + SIGN_IN_SECONDS,
      jti: randomUUID(),
      uid: user.id,
      tenant_id: this.realm.tenant,
      claims: { vital_team_id: this.realm.team },
    };
    return envelope(this.realm, jwt.sign(claims, SIGNING_KEY, { algorithm: 'RS256' }));
  }

  /** What firebase-admin checks with `verifyIdToken(token, true)` when it is pointed at the emulator. */
  async userIdOf(token) {
    const { header, payload: claims, signature } = jwt.decode(token, { complete: true }) ?? {};
    if (header?.alg !== 'none' || signature !== '' || typeof claims !== 'object') return undefined;
    const ours = claims.aud === PROJECT && claims.iss === `https://securetoken.google.com/${PROJECT}`;
    if (!ours || !(claims.exp > epochSeconds()) || claims.firebase?.tenant !== this.realm.tenant) return undefined;
    const { ok, body } = await this.#emulator.call(`accounts:lookup?key=${this.realm.publicKey}`, { idToken: token }, {});
    return ok ? body.users?.[0]?.localId : undefined;
  }

  async userCreated(user) {
    await this.#admin('accounts', { localId: user.id });
  }

  async userDeleted(user) {
    await this.#admin('accounts:update', { localId: user.id, disableUser: true });
  }

  async userBroughtBack(user) {
    await this.#admin('accounts:update', { localId: user.id, disableUser: false, validSince: String(epochSeconds()) });
  }

  /** What firebase-admin does in `revokeRefreshTokens`. */
  async endSessions(user) {
    await this.#admin('accounts:update', { localId: user.id, validSince: String(epochSeconds()) });
  }

  async #admin(path, body) {
    const answer = await this.#emulator.call(`projects/${PROJECT}/tenants/${this.realm.tenant}/${path}`, body);
    if (!answer.ok) throw new Error(`the emulator refused ${path}: ${JSON.stringify(answer.body)}`);
  }
}
