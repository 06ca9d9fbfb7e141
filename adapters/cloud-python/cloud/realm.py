"""One realm: its users, their sessions and its two signing keys. All methods are thread-safe.

The lock protects only the state. Signing is slow and is done without the lock, so that threads can sign in
parallel.
"""

import base64
import json
import threading

from .clock import Clock
from .jwt import Signer
from .realms import PLACES
from .sessions import ACCESS_LIFETIME, SIGN_IN_LIFETIME, Sessions
from .users import Directory


class Cloud:
    def __init__(self):
        self.clock = Clock()
        self.realms = {place: Realm(place, self.clock) for place in PLACES}


class Realm:
    def __init__(self, place, clock):
        self.place = place
        self._clock = clock
        self._lock = threading.Lock()
        self._directory = Directory()
        self._sessions = Sessions()
        self._sign_in_signer = Signer()
        self._access_signer = Signer()

    # -- users: None if there is no such user --------------------------------------------------------

    def create_user(self, client_user_id):
        """Raises `Taken`."""
        with self._lock:
            return self._directory.create(client_user_id, self._clock.now())

    def find_user(self, user_id):
        with self._lock:
            return self._directory.find(user_id)

    def resolve_user(self, client_user_id):
        with self._lock:
            return self._directory.resolve(client_user_id)

    def delete_user(self, user_id):
        with self._lock:
            user = self._directory.find(user_id)
            if user is not None:
                self._directory.delete(user)
            return user

    def bring_user_back(self, user_id):
        """Raises `Taken` if the client user id has a new user meanwhile."""
        with self._lock:
            user = self._directory.known(user_id)
            if user is not None:
                self._directory.bring_back(user)
            return user

    def users(self):
        with self._lock:
            return self._directory.everyone()

    # -- tokens --------------------------------------------------------------------------------------

    def issue_sign_in_token(self, user_id):
        """(user, token), or None."""
        now = self._clock.now()
        with self._lock:
            user = self._directory.find(user_id)
            if user is None:
                return None
            identity = self._sessions.issue(user, now)
        user_token = self._sign_in_signer.sign(
            {
                "iss": self.place.sign_in_issuer,
                "uid": user.id,
                "tenant_id": self.place.tenant_id,
                "claims": {"vital_team_id": self.place.team_id},
                **_period(now, SIGN_IN_LIFETIME),
                "jti": identity,
            }
        )
        envelope = json.dumps({"public_key": self.place.public_key, "user_token": user_token})
        return user, base64.b64encode(envelope.encode("ascii")).decode("ascii")

    def exchange(self, user_token):
        """(access token, refresh token). Raises `InvalidToken`."""
        claims = self._sign_in_signer.read(user_token)
        identity = claims["jti"] if claims else None
        now = self._clock.now()
        with self._lock:
            grant = self._sessions.exchange(identity, now)
        return self._tokens(grant)

    def refresh(self, refresh_token):
        """(access token, refresh token). Raises `InvalidToken` or `ReauthenticationRequired`."""
        now = self._clock.now()
        with self._lock:
            grant = self._sessions.refresh(refresh_token, now)
        return self._tokens(grant)

    def user_of(self, access_token):
        """The user of an access token, or None if it is not valid in this realm now."""
        claims = self._access_signer.read(access_token)
        if claims is None:
            return None
        now = self._clock.now()
        with self._lock:
            return self._sessions.user_of(claims["sid"], claims["jti"], now)

    def _tokens(self, grant):
        access_token = self._access_signer.sign(
            {
                "iss": self.place.access_issuer,
                "sub": grant.session.user.id,
                "sid": grant.session.id,
                "vital_team_id": self.place.team_id,
                **_period(grant.issued, ACCESS_LIFETIME),
                "jti": grant.access_id,
            }
        )
        return access_token, grant.refresh_token

    # -- hooks for tests -----------------------------------------------------------------------------

    def revoke(self, user_id):
        with self._lock:
            user = self._directory.known(user_id)
            if user is not None:
                user.revocations += 1
            return user

    def refuse_access_tokens(self, user_id):
        with self._lock:
            user = self._directory.known(user_id)
            if user is not None:
                user.access_refusals += 1
            return user


def _period(now, lifetime):
    """Whole seconds, as in the claims. The emulator itself compares with fractions."""
    return {"iat": int(now), "exp": int(now) + lifetime}
