"""The sessions of one realm: sign-in tokens waiting to be exchanged, refresh tokens, access tokens.

Rotation of refresh tokens: each response of the token endpoint is a `Grant`, a refresh token and an access
token. A response may get lost, and the installation then has only the previous refresh token. Therefore the
previous token stays valid until either token of one of its grants is used. Until then each use of it creates
another grant, and all of them are valid, because it is unknown which one arrived. After that only the used
grant is valid. The use of an older refresh token means that it was copied, and ends the session.

This file does not depend on signatures or HTTP. The realm holds the lock around every call.
"""

import base64
import os

SIGN_IN_LIFETIME = 300
ACCESS_LIFETIME = 3600


class InvalidToken(Exception):
    """An invalid sign-in token, or the refresh token of a deleted user."""


class ReauthenticationRequired(Exception):
    """The session has ended; its user may sign in again."""


class Grant:
    def __init__(self, session, now):
        self.session = session
        self.refresh_token = _opaque()
        self.access_id = _identity()
        self.issued = now
        self.access_until = now + ACCESS_LIFETIME
        self.access_refusals = session.user.access_refusals


class Session:
    def __init__(self, user):
        self.id = _identity()
        self.user = user
        self.deletions = user.deletions
        self.revocations = user.revocations
        self.misused = False
        self.previous = None  # the grant that was last refreshed, until one of its successors is used
        self.latest = []  # its unused successors, or the used one
        self.grants = {}  # by access token

    @property
    def died_with_its_user(self):
        return self.deletions != self.user.deletions

    @property
    def revoked(self):
        return self.misused or self.revocations != self.user.revocations

    def grant(self, now):
        self.grants = {name: grant for name, grant in self.grants.items() if now < grant.access_until}
        grant = Grant(self, now)
        self.latest.append(grant)
        self.grants[grant.access_id] = grant
        return grant

    def see(self, grant):
        """A token of the grant was used, so its response has arrived."""
        if grant in self.latest:
            self.previous = None
            self.latest = [grant]


class Sessions:
    def __init__(self):
        self._waiting = {}  # sign-in tokens not yet exchanged: identity -> (user, deletions, until)
        self._by_id = {}
        self._by_refresh_token = {}  # includes used tokens, to detect their reuse

    def issue(self, user, now):
        """The identity of a new sign-in token."""
        self._forget_expired(now)
        # Characters whose base64url encoding contains `-` and `_`. The vendor's claims have them only by chance;
        # here they always occur, so that a client that cannot decode them always fails.
        identity = "~~~???" + _identity()
        self._waiting[identity] = (user, user.deletions, now + SIGN_IN_LIFETIME)
        return identity

    def exchange(self, identity, now):
        """Raises `InvalidToken`. A sign-in token is valid once."""
        user, deletions, until = self._waiting.pop(identity, (None, 0, 0))
        if user is None or deletions != user.deletions or now >= until:
            raise InvalidToken
        session = Session(user)
        self._by_id[session.id] = session
        return self._grant(session, now)

    def refresh(self, refresh_token, now):
        """Raises `InvalidToken` or `ReauthenticationRequired`."""
        grant = self._by_refresh_token.get(refresh_token)
        if grant is None:
            raise ReauthenticationRequired
        session = grant.session
        if session.died_with_its_user:
            raise InvalidToken
        if session.revoked:
            raise ReauthenticationRequired
        if grant in session.latest:
            session.previous = grant
            session.latest = []
        elif grant is not session.previous:
            session.misused = True
            raise ReauthenticationRequired
        return self._grant(session, now)

    def user_of(self, session_id, access_id, now):
        """The user of an access token, or None if it is no longer valid."""
        session = self._by_id.get(session_id)
        grant = session and session.grants.get(access_id)
        if not grant:
            return None
        session.see(grant)
        user = session.user
        if session.died_with_its_user or session.revoked or grant.access_refusals != user.access_refusals:
            return None
        return user if now < grant.access_until else None

    def _grant(self, session, now):
        grant = session.grant(now)
        self._by_refresh_token[grant.refresh_token] = grant
        return grant

    def _forget_expired(self, now):
        """Entries are in order of time, so the expired ones come first."""
        while self._waiting:
            identity = next(iter(self._waiting))
            if now < self._waiting[identity][2]:
                return
            del self._waiting[identity]


def _identity():
    return os.urandom(16).hex()


def _opaque():
    """A token that always contains `+`, `/` and `=`, so that a client that does not encode them always fails."""
    return "rt+/" + base64.b64encode(os.urandom(32)).decode("ascii")
