// The HTTP server: `/{environment}/{region}/api` is the vendor API, `/{environment}/{region}/auth` the identity server,
// `/control` the hooks of Vouch. It listens on loopback only.

import { createServer } from 'node:http';
import { Refusal, jsonObject, send, textMember } from './answers.js';
import { Api } from './api.js';
import { advance } from './clock.js';
import { REALMS } from './realms.js';
import { Users } from './users.js';

/** `identityOf(realm, users, base)` makes the identity server of a realm; its `handle` answers what comes to `auth`. */
export async function serve(port, identityOf) {
  const base = `http://127.0.0.1:${port}`;
  const realms = new Map();
  for (const realm of REALMS) {
    const users = new Users();
    const identity = await identityOf(realm, users, base);
    realms.set(realm.prefix, { users, identity, api: new Api(realm, users, identity) });
  }
  const server = createServer((request, response) => {
    answer(realms, request, response).catch((error) => {
      if (!(error instanceof Refusal)) console.error(error);
      const refusal = error instanceof Refusal ? error : new Refusal(500, 'INTERNAL_ERROR', 'something went wrong');
      if (!response.headersSent) send(response, refusal.status, refusal.body, refusal.headers);
    });
  });
  server.keepAliveTimeout = 60_000; // longer than the connections of a load run idle
  await new Promise((resolve) => server.listen(port, '127.0.0.1', resolve));
  return server;
}

async function answer(realms, request, response) {
  const [path] = request.url.split('?');
  if (path === '/healthz') return send(response, 200, { status: 'ok' });
  if (path.startsWith('/control/')) return control(realms, request, response, path.slice('/control/'.length));
  const [, environment, region, service, ...rest] = path.split('/');
  const prefix = `/${environment}/${region}`;
  const realm = realms.get(prefix);
  if (realm && service === 'auth') {
    request.originalUrl = request.url; // as express does for what is mounted below a path
    request.url = request.url.slice(`${prefix}/auth`.length) || '/';
    return realm.identity.handle(request, response);
  }
  if (realm && service === 'api' && rest[0] === 'v2') {
    return realm.api.answer(request, response, rest.slice(1).map(unescape));
  }
  throw new Refusal(404, 'NOT_FOUND', 'nothing is here');
}

function unescape(segment) {
  try {
    return decodeURIComponent(segment);
  } catch {
    throw new Refusal(400, 'INVALID_REQUEST', 'the path cannot be decoded');
  }
}

/** What Vouch asks for and the API does not offer. */
async function control(realms, request, response, hook) {
  if (request.method !== 'POST') throw new Refusal(405, 'METHOD_NOT_ALLOWED', 'not by that method');
  const body = await jsonObject(request);
  if (hook === 'advance') {
    advance(Number(body.seconds));
  } else {
    const realm = realms.get(`/${body.environment}/${body.region}`);
    const action = { revoke: 'endSessions', refuseAccessTokens: 'refuseAccessTokens' }[hook];
    const user = realm?.users.known(textMember(body, 'userId'));
    if (!user || !action) throw new Refusal(404, 'NOT_FOUND', 'no such hook, realm or user');
    await realm.identity[action](user);
  }
  send(response, 200, {});
}
