"""One cancellable call of the app, and the queue in which such calls wait.

Every long wait uses the `Call`, so that a cancelled caller returns at once, while work that is shared
with other callers continues.
"""

import socket
import threading

from .errors import cancelled


class Call:
    """A call from its start to its result."""

    def __init__(self):
        self._guard = threading.Lock()
        self._event = threading.Event()
        self._cancelled = False
        self._connection = None
        self.tenure = None
        """On whose behalf, where that was settled when the call was made; see `SignInSdk.begin`."""

    def cancel(self):
        """Cancels the call. May be called from any thread, at any time."""
        with self._guard:
            self._cancelled = True
            if self._connection is not None:
                try:
                    self._connection.shutdown(socket.SHUT_RDWR)  # wakes a thread that reads from it
                except OSError:
                    pass
        self._event.set()

    def wake(self):
        """Makes the call check its condition again."""
        self._event.set()

    def check(self):
        if self._cancelled:
            raise cancelled()

    def wait_until(self, done):
        """Waits until `done()`, or raises `cancelled`. Code that makes it true must `wake` this call afterwards."""
        while True:
            self._event.clear()  # before the check, so that a change after the check is not missed
            self.check()
            if done():
                return
            self._event.wait()

    def attach(self, connection):
        """Registers a connection of this call alone. It is closed when the call is cancelled."""
        with self._guard:
            self.check()
            self._connection = connection

    def detach(self):
        with self._guard:
            self._connection = None


class Turn:
    """A mutex in order of arrival, which a cancelled call can leave."""

    def __init__(self):
        self._guard = threading.Lock()
        self._queue = []

    def of(self, call):
        return _Place(self, call)

    def _is_first(self, call):
        with self._guard:
            return self._queue[0] is call

    def _join(self, call):
        with self._guard:
            self._queue.append(call)

    def _leave(self, call):
        with self._guard:
            self._queue.remove(call)
            if self._queue:
                self._queue[0].wake()


class _Place:
    """A call's place in the queue, for `with`."""

    def __init__(self, turn, call):
        self._turn = turn
        self._call = call

    def __enter__(self):
        self._turn._join(self._call)
        try:
            self._call.wait_until(lambda: self._turn._is_first(self._call))
        except BaseException:
            self._turn._leave(self._call)
            raise

    def __exit__(self, *_):
        self._turn._leave(self._call)
