"""A call of the app, from its request to its answer."""

import threading

from .errors import CallError
from .peer import raising


class Call:
    """May be cancelled by the app, from another thread, at any time."""

    def __init__(self, host):
        self.context = None
        """Free for the SDK: see `Sdk.begin`."""
        self.answered = threading.Event()
        self._host = host
        self._guard = threading.Lock()
        self._cancelled = False
        self._on_cancel = []

    @property
    def cancelled(self):
        """Whether the app has cancelled this call. Then end it, best with the kind `cancelled`: `check` does."""
        return self._cancelled

    def check(self):
        """Raises the error of a cancelled call if this one is cancelled."""
        if self._cancelled:
            raise _cancelled()

    def on_cancel(self, action):
        """Runs `action()` when the app cancels this call; now, if it has. It wakes whatever the call waits for."""
        with self._guard:
            if not self._cancelled:
                self._on_cancel.append(action)
                return
        action()

    def authenticate(self, external_user_id):
        """Asks the app for a sign-in token. Raises a `CallError` if the app's backend failed."""
        result = self._host.ask("authenticate", {"externalUserId": external_user_id}, self)
        token = result.get("token") if isinstance(result, dict) else None
        if not isinstance(token, str):
            raise CallError("network", "the app's backend gave no sign-in token")
        return token

    def cancel(self):
        with self._guard:
            if self._cancelled:
                return
            self._cancelled = True
            actions = list(self._on_cancel)
        for action in actions:
            action()

    def end_when_cancelled(self, question):
        self.on_cancel(lambda: question.end(raising(_cancelled())))


def _cancelled():
    return CallError("cancelled", "the call was cancelled")
