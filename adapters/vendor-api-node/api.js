// The vendor API of one realm: users, sign-in tokens, one kind of user-level resource.
//
// `identity` is the identity server of the realm:
//   userIdOf(accessToken)        the user id of a good access token, or undefined
//   issueSignInToken(user)       a sign-in token
//   userCreated(user), userDeleted(user), userBroughtBack(user)

import { Refusal, jsonObject, send, textMember } from './answers.js';
import { Taken } from './users.js';

const TEAM = 'team';
const OWN_USER = 'own user';

// The first match counts, so fixed names come before user ids.
const ROUTES = [
  { path: ['user'], methods: { GET: [TEAM, listUsers], POST: [TEAM, createUser] } },
  { path: ['user', 'metrics'], methods: { GET: [TEAM, metrics] } },
  { path: ['user', 'undo_delete'], methods: { POST: [TEAM, undoDelete] } },
  { path: ['user', 'resolve', ':clientUserId'], methods: { GET: [TEAM, resolveUser] } },
  { path: ['user', ':userId'], methods: { GET: [OWN_USER, getUser], DELETE: [TEAM, deleteUser] } },
  { path: ['user', ':userId', 'sign_in_token'], methods: { POST: [TEAM, signInToken] } },
  { path: ['summary', ':resource', ':userId'], methods: { GET: [OWN_USER, summary] } },
];

export class Api {
  constructor(realm, users, identity) {
    this.realm = realm;
    this.users = users;
    this.identity = identity;
  }

  /** `segments`: of the path, after `/v2`. */
  async answer(request, response, segments) {
    for (const { path, methods } of ROUTES) {
      const names = match(path, segments);
      if (!names) continue;
      const [audience, handler] = methods[request.method] ?? [];
      if (!handler) throw new Refusal(405, 'METHOD_NOT_ALLOWED', 'not by that method', {}, { allow: Object.keys(methods).join(', ') });
      const ownUser = await authenticate(this, request);
      // Before the existence of a user, so that the answer does not reveal it.
      if (ownUser && (audience === TEAM || ownUser.id !== names.userId?.toLowerCase())) {
        throw new Refusal(403, 'FORBIDDEN', 'these credentials do not reach that far');
      }
      const { status = 200, headers, ...body } = await handler(this, names, request);
      return send(response, status, body, headers);
    }
    throw new Refusal(404, 'NOT_FOUND', 'nothing is here');
  }
}

/** The user of an access token, or undefined for the team. With both credentials, the access token decides. */
async function authenticate({ realm, users, identity }, request) {
  const { authorization } = request.headers;
  if (authorization !== undefined) {
    const [, token] = /^bearer +(\S+)$/i.exec(authorization) ?? [];
    const id = token && (await identity.userIdOf(token));
    const user = id && users.find(id);
    if (user) return user;
  } else if (request.headers['x-vital-api-key'] === realm.apiKey) {
    return undefined;
  }
  throw new Refusal(401, 'UNAUTHORIZED', 'the credentials are missing or not valid here', {}, { 'www-authenticate': 'Bearer' });
}

// -- the calls -------------------------------------------------------------------------------------

async function createUser(api, _, request) {
  const clientUserId = textMember(await jsonObject(request), 'client_user_id');
  const user = orConflict(() => api.users.create(clientUserId));
  await api.identity.userCreated(user);
  return { status: 201, ...described(api, user) };
}

function listUsers(api) {
  const users = api.users.all();
  return { users: users.map((user) => described(api, user)), total: users.length, offset: 0, limit: users.length };
}

function metrics(api) {
  return { total_connected_users: api.users.all().length, total_connected_sources: 0 };
}

function resolveUser(api, { clientUserId }) {
  return described(api, found(api.users.resolve(clientUserId)));
}

function getUser(api, { userId }) {
  return described(api, found(api.users.find(userId)));
}

async function deleteUser(api, { userId }) {
  const user = found(api.users.find(userId));
  api.users.delete(user);
  await api.identity.userDeleted(user);
  return { success: true };
}

async function undoDelete(api, _, request) {
  const user = found(api.users.known(textMember(await jsonObject(request), 'user_id')));
  if (user.deleted) {
    orConflict(() => api.users.bringBack(user));
    await api.identity.userBroughtBack(user);
  }
  return { success: true };
}

async function signInToken(api, { userId }) {
  const user = found(api.users.find(userId));
  const token = await api.identity.issueSignInToken(user);
  return { headers: { 'cache-control': 'no-store' }, user_id: user.id, sign_in_token: token };
}

function summary(api, { resource, userId }) {
  found(api.users.find(userId));
  return { [resource]: [] };
}

function found(user) {
  if (!user) throw new Refusal(404, 'NOT_FOUND', 'no such user');
  return user;
}

function orConflict(change) {
  try {
    return change();
  } catch (error) {
    if (!(error instanceof Taken)) throw error;
    const more = { user_id: error.user.id, created_on: error.user.createdOn };
    throw new Refusal(400, 'INVALID_REQUEST', error.message, more);
  }
}

function described(api, user) {
  return {
    user_id: user.id,
    team_id: api.realm.team,
    client_user_id: user.clientUserId,
    created_on: user.createdOn,
    connected_sources: [],
  };
}

function match(path, segments) {
  if (path.length !== segments.length) return undefined;
  const names = {};
  for (const [index, part] of path.entries()) {
    if (part.startsWith(':') && segments[index] !== '') names[part.slice(1)] = segments[index];
    else if (part !== segments[index]) return undefined;
  }
  return names;
}
