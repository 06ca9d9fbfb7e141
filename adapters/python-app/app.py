"""The app's own sign-in logic: it keeps the SDK's user equal to the app's user.

An app calls `reconcile` at launch, after each change of its user, and whenever it comes to the foreground. It may
fail or be killed at any step. Each call compares the current states and stores no plan, so the next call
continues where the last one ended.

It uses four calls of the SDK (`status`, `current_user_id`, `sign_in`, `sign_out`) and one of the app's backend
(`sign_in_token`). An exception of a call is passed to the caller of `reconcile`.
"""

import threading
from enum import Enum

_WANTS_TOKEN = frozenset(["useApiKey", "pendingReauthentication"])


class Drift(Enum):
    """The difference between the app's user and the SDK's user."""

    NONE = "nothing"
    SIGN_IN = "the SDK has nobody, is on hold, or still uses the API key"
    SIGN_OUT = "the app has nobody"
    SIGN_OUT_THEN_IN = "they have different users"


class UserChanged(Exception):
    """The app's user changed during a reconciliation."""


class App:
    """`notes` is the app's storage over launches; see `notes.py`."""

    def __init__(self, notes, sdk, backend):
        self._notes = notes
        self._sdk = sdk
        self._backend = backend
        self._one_at_a_time = threading.Lock()

    def set_user(self, user):
        """Sets the app's user; None is a sign-out. Does not wait for a reconciliation in progress."""
        self._notes.set_user(user)

    def reconcile(self):
        """Compares the users, and signs the SDK in or out if necessary. Concurrent calls wait for each other."""
        with self._one_at_a_time:
            stay = self._notes.stay
            status, sdk_user = self._sdk.status(), self._sdk.current_user_id()
            drift = self._drift(self._user_of(stay), status, sdk_user)
            if drift in (Drift.SIGN_OUT, Drift.SIGN_OUT_THEN_IN):
                self._sdk.sign_out()
            if drift in (Drift.SIGN_IN, Drift.SIGN_OUT_THEN_IN):
                self._sign_in(stay)

    def _drift(self, user, status, sdk_user):
        if user is None:
            return Drift.NONE if sdk_user is None else Drift.SIGN_OUT
        if sdk_user is None:
            return Drift.SIGN_IN
        if not self._is_same_user(user, sdk_user):
            return Drift.SIGN_OUT_THEN_IN
        return Drift.NONE if _WANTS_TOKEN.isdisjoint(status) else Drift.SIGN_IN

    def _is_same_user(self, user, sdk_user):
        """If the app does not know its user's vendor id, it compares with the vendor user of its last sign-in.
        In doubt the users count as different: an extra sign-in is better than another user's data."""
        expected = user.user_id or self._notes.led_to(user)
        return expected is not None and expected.lower() == sdk_user.lower()

    def _sign_in(self, stay):
        """The token is for the app's user at the time of the request. It is used only if this is still the user
        of this reconciliation."""
        user = self._user_of(stay)
        token = self._backend.sign_in_token()
        self._user_of(stay)
        self._sdk.sign_in(token)
        self._notes.remember(user, self._sdk.current_user_id())

    def _user_of(self, stay):
        """The app's user, who must not have changed since the start of the reconciliation."""
        now, user = self._notes.now()
        if now != stay:
            raise UserChanged("the app's user changed during the reconciliation")
        return user
