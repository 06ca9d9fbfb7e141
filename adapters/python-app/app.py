"""The app's own sign-in logic: it keeps the SDK's user in step with its own.

An app calls `reconcile` at launch, after each change of its user, and whenever it comes to the foreground. It may
fail at any step, or be killed there: what is out of step is found by looking, not by remembering what was
planned, so the next call goes on from wherever the last one ended.

It knows the SDK by four calls (`status`, `current_user_id`, `sign_in`, `sign_out`) and the app's backend by one
(`sign_in_token`). A call that fails raises; what it raises goes through to the caller of `reconcile`.
"""

import threading
from enum import Enum

_WANTS_TOKEN = frozenset(["useApiKey", "pendingReauthentication"])


class Drift(Enum):
    """What is out of step."""

    NONE = "nothing"
    SIGN_IN = "the SDK has nobody, is on hold, or still uses the API key"
    SIGN_OUT = "the app has nobody"
    SIGN_OUT_THEN_IN = "they have different users"


class UserChanged(Exception):
    """Somebody else signed in to the app, or the user signed out, during a reconciliation."""


class App:
    """`notes` is where the app remembers things over launches; see `notes.py`."""

    def __init__(self, notes, sdk, backend):
        self._notes = notes
        self._sdk = sdk
        self._backend = backend
        self._one_at_a_time = threading.Lock()

    def set_user(self, user):
        """A person signs in to the app, or out of it (None). Waits for no reconciliation in progress."""
        self._notes.set_user(user)

    def reconcile(self):
        """Looks what is out of step, and mends that. Whoever calls meanwhile waits, and then finds it mended."""
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
        """An app that does not know its user's vendor id knows whom its own last sign-in led to. Anybody
        else is taken for another user: one sign-in too many is a lesser harm than someone else's data."""
        expected = user.user_id or self._notes.led_to(user)
        return expected is not None and expected.lower() == sdk_user.lower()

    def _sign_in(self, stay):
        """The token is of whoever was signed in to the app when the backend was asked: it is used only if
        that is still the user of this reconciliation."""
        user = self._user_of(stay)
        token = self._backend.sign_in_token()
        self._user_of(stay)
        self._sdk.sign_in(token)
        self._notes.remember(user, self._sdk.current_user_id())

    def _user_of(self, stay):
        """The app's user, who must be in the same stay as when the reconciliation began."""
        now, user = self._notes.now()
        if now != stay:
            raise UserChanged("the app's user changed during the reconciliation")
        return user
