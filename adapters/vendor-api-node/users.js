// The users of one team.

import { randomUUID } from 'node:crypto';

/** The client user id has a user already. */
export class Taken extends Error {
  constructor(user) {
    super('the client user id has a user already');
    this.user = user;
  }
}

export class Users {
  #byId = new Map(); // with deleted users
  #byClientId = new Map(); // without them

  create(clientUserId) {
    this.#requireFree(clientUserId);
    const user = { id: randomUUID(), clientUserId, createdOn: new Date().toISOString(), deleted: false, deletions: 0 };
    this.#byId.set(user.id, user);
    this.#byClientId.set(clientUserId, user);
    return user;
  }

  /** The user, deleted or not. */
  known(id) {
    return this.#byId.get(id.toLowerCase());
  }

  find(id) {
    const user = this.known(id);
    return user?.deleted ? undefined : user;
  }

  resolve(clientUserId) {
    return this.#byClientId.get(clientUserId);
  }

  /** Frees the client user id. */
  delete(user) {
    this.#byClientId.delete(user.clientUserId);
    user.deleted = true;
    user.deletions += 1;
  }

  bringBack(user) {
    this.#requireFree(user.clientUserId);
    this.#byClientId.set(user.clientUserId, user);
    user.deleted = false;
  }

  all() {
    return [...this.#byClientId.values()];
  }

  #requireFree(clientUserId) {
    const user = this.#byClientId.get(clientUserId);
    if (user) throw new Taken(user);
  }
}
