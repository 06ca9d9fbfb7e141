"""The sessions of one realm: sign-in tokens waiting to be exchanged, refresh tokens, access tokens.

How refresh tokens rotate. Each answer of the token endpoint is a `Grant`: a refresh token and the access
token beside it. An answer may be lost on its way, and the installation then still has the previous refresh
token only; so that one stays good until a grant that came of it is seen in use, by either of its tokens.
Until then each use of it makes one more grant, and all of them are good: nobody knows which of them arrived.
From then on the seen grant alone counts. A refresh token that is shown after its time has been copied, by
whomever, and ends the session.

Not known here: signatures and HTTP. The realm holds the lock around every call.
"""

import base64
import os

SIGN_IN_LIFETIME = 300
ACCESS_LIFETIME = 3600


class InvalidToken(Exception):
    """No good, and no second chance: a bad sign-in token, or the refresh token of a user who is gone."""


class ReauthenticationRequired(Exception):
    """The session is over, its user may still sign in afresh."""


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
        self.previous = None  # the grant that was last refreshed, until one of its successors is seen
        self.latest = []  # its successors, none seen yet; or the one that was
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
        """One of the grant's tokens was shown to us: the answer that carried it has arrived."""
        if grant in self.latest:
            self.previous = None
            self.latest = [grant]


class Sessions:
    def __init__(self):
        self._waiting = {}  # sign-in tokens not yet exchanged: identity -> (user, deletions, until)
        self._by_id = {}
        self._by_refresh_token = {}  # the spent ones too, or nobody would notice their return

    def issue(self, user, now):
        """The identity of a new sign-in token."""
        self._forget_expired(now)
        # Characters whose base64url encoding has `-` and `_` in it. Claims of the vendor's kind have them by
        # chance or never; so that a client which cannot read them is found out each time, ours always do.
        identity = "~~~???" + _identity()
        self._waiting[identity] = (user, user.deletions, now + SIGN_IN_LIFETIME)
        return identity

    def exchange(self, identity, now):
        """Raises `InvalidToken`. A sign-in token is good once."""
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
        """The user whom an access token of ours stands for, or None if it is good no longer."""
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
        """They were put in by time, so the expired ones come first."""
        while self._waiting:
            identity = next(iter(self._waiting))
            if now < self._waiting[identity][2]:
                return
            del self._waiting[identity]


def _identity():
    return os.urandom(16).hex()


def _opaque():
    """Always with a `+`, a `/` and a `=`: a client that leaves one bare in a form fails here every time."""
    return "rt+/" + base64.b64encode(os.urandom(32)).decode("ascii")
