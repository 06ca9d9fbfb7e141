"""The users of one realm's team. The realm holds the lock around every call."""

import uuid


class User:
    def __init__(self, client_user_id, created_on):
        self.id = str(uuid.uuid4())
        self.client_user_id = client_user_id
        self.created_on = created_on
        self.deleted = False
        # Each counts how often sessions or tokens of this user were ended. Those of an earlier count are
        # invalid for ever.
        self.deletions = 0
        self.revocations = 0
        self.access_refusals = 0


class Taken(Exception):
    """The client user id already has a user."""

    def __init__(self, user):
        super().__init__("the client user id has a user already")
        self.user = user


class Directory:
    def __init__(self):
        self._by_id = {}  # includes deleted users
        self._by_client_id = {}  # without deleted users

    def create(self, client_user_id, now):
        self._require_free(client_user_id)
        user = User(client_user_id, now)
        self._by_id[user.id] = user
        self._by_client_id[client_user_id] = user
        return user

    def known(self, user_id):
        """The user, deleted or not, or None."""
        return self._by_id.get(user_id.lower())

    def find(self, user_id):
        user = self.known(user_id)
        return None if user is None or user.deleted else user

    def resolve(self, client_user_id):
        return self._by_client_id.get(client_user_id)

    def delete(self, user):
        """Deletes a user. The client user id can then be used for a new user."""
        del self._by_client_id[user.client_user_id]
        user.deleted = True
        user.deletions += 1

    def bring_back(self, user):
        if user.deleted:
            self._require_free(user.client_user_id)
            self._by_client_id[user.client_user_id] = user
            user.deleted = False

    def everyone(self):
        return list(self._by_client_id.values())

    def _require_free(self, client_user_id):
        user = self._by_client_id.get(client_user_id)
        if user is not None:
            raise Taken(user)
