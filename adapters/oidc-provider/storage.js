// The storage that oidc-provider asks for (its `adapter`), in memory. The library's own keeps 1,000 entries and is for
// development; a customer writes one for its database.

export class Storage {
  #entries = new Map();

  /** What the library calls an adapter: the entries of one of its models. */
  adapter(model) {
    const key = (id) => `${model}:${id}`;
    const entries = this.#entries;
    return {
      async upsert(id, payload) {
        entries.set(key(id), payload);
      },
      async find(id) {
        return entries.get(key(id));
      },
      async destroy(id) {
        entries.delete(key(id));
      },
      async consume(id) {
        entries.get(key(id)).consumed = Math.floor(Date.now() / 1000);
      },
      async revokeByGrantId(grantId) {
        for (const [name, payload] of entries) {
          if (payload.grantId === grantId && name.startsWith(`${model}:`)) entries.delete(name);
        }
      },
    };
  }

  /** The ids of the grants of a user. */
  grantsOf(userId) {
    const grants = [...this.#entries].filter(([name, { accountId }]) => name.startsWith('Grant:') && accountId === userId);
    return grants.map(([name]) => name.slice('Grant:'.length));
  }
}
