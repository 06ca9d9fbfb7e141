"""The truth about this installation: the session in memory and on disk, its lock, and its status.

Two rules are kept here so that no other file need think of them:

* What the *app* decides (signing in or out, configuring) is written first and true afterwards: if it cannot
  be written, nothing has happened.
* What the *server* has already done (rotated a token, ended a user) is true at once, and written as soon as
  storage allows. Until then nothing new is built upon it: a rotated token is not used before it is durable.

The lock is held for memory, disk and handing a request to the kernel; never while waiting for a
server, for the app or for a time to pass.
"""

import threading
from collections import deque

from .errors import SignInError, needs_reauthentication, not_signed_in, signed_out_meanwhile
from .session import status_of
from .token import same_user


class Tenure:
    """One user's stay, from sign-in to sign-out; or a stay without a user.

    Work that began in a tenure may only finish in it. That is how an exchange or a refresh in flight
    cannot bring back a user who has left, and how everyone who waited learns the same reason.
    """

    def __init__(self):
        self._ended = None
        self.refresh_gate = None
        """(from, until) in milliseconds: between these, the server wants no refresh."""

    def end(self, reason):
        self._ended = reason

    def check(self):
        if self._ended is not None:
            raise self._ended.again()


class Guard:
    """The lock, held while something is decided or handed to the kernel; but only if every check still passes."""

    def __init__(self, lock, checks):
        self._lock = lock
        self._checks = checks

    def __enter__(self):
        self._lock.acquire()
        try:
            for check in self._checks:
                check()
        except BaseException:
            self._lock.release()
            raise

    def __exit__(self, *_):
        self._lock.release()


class Installation:
    """All methods but `guard` and `deliver` are called with `lock` held."""

    def __init__(self, store, profile, on_status):
        self.lock = threading.RLock()
        self.tenure = Tenure()
        self.sign_outs = 0
        """How often the app has signed out. A sign-in that began before the last time is no longer wanted."""
        self._store = store
        self._profile = profile
        self._session = None
        self._loaded = False
        self._unsaved = False
        self._on_status = on_status
        self._reported = None
        self._changes = deque()
        self._delivery = threading.RLock()

    def guard(self, *checks):
        return Guard(self.lock, checks)

    # -- looking ---------------------------------------------------------------------------------

    def load(self):
        """Reads the stored session if that has not been done; `storage` while it cannot be.

        Every call begins with it. So an app launched before the first unlock comes to life
        with the first call that finds storage open.
        """
        if not self._loaded:
            self._session = self._store.load(self._profile)
            self._loaded = True
            self._note_status()
        elif self._unsaved:
            try:
                self._save_now()
            except SignInError:
                pass  # still locked; what must not go on without it asks `current`

    @property
    def session(self):
        """The session, or None. Call `load` first."""
        return self._session

    @property
    def user_id(self):
        return None if self._session is None else self._session.user_id

    def signed_in(self, tenure):
        """The session of this tenure's user, fit for a request."""
        tenure.check()
        if self.user_id is None:
            raise not_signed_in()
        if self._session.on_hold:
            raise needs_reauthentication()
        if self._unsaved:
            self._save_now()
        return self._session

    def require_writable(self):
        """Asked before anything is sent whose answer must be kept: better no token than one that is lost."""
        if self._store.locked:
            raise SignInError("storage", "secure storage is locked")

    # -- changing --------------------------------------------------------------------------------

    def commit(self, session):
        """The app's decision to be (or stay) signed in: durable, then true."""
        self._store.save(session)
        self._unsaved = False
        self._become(session, signed_out_meanwhile())

    def sign_out(self):
        """The app's decision to leave. Also sweeps where there seems to be nothing, and ends what is in flight."""
        known_empty = self._loaded and self._session is None and not self._unsaved
        if not (known_empty and self._store.locked):
            self._store.erase()
        self._unsaved = False
        self.sign_outs += 1
        self._become(None, signed_out_meanwhile())

    def adopt(self, session, reason=None):
        """The server's decision: true, then durable. `reason` is reported to the user's waiting callers."""
        self._unsaved = True
        self._become(session, reason or signed_out_meanwhile())
        try:
            self._save_now()
        except SignInError:
            pass

    def _save_now(self):
        if self._session is None:
            self._store.erase()
        else:
            self._store.save(self._session)
        self._unsaved = False

    def _become(self, session, reason):
        before, after = self.user_id, None if session is None else session.user_id
        if before is None or after is None or not same_user(before, after):
            self.tenure.end(reason)
            self.tenure = Tenure()
        self._loaded = True
        self._session = session
        self._note_status()

    # -- telling ---------------------------------------------------------------------------------

    def begin_reporting(self):
        """Changes are reported from here on. The state restored at launch is not a change."""
        if self._loaded:
            self._reported = status_of(self._session)
            self._changes.clear()
        else:
            self._reported = []  # unknown: once it can be read, that is news

    def _note_status(self):
        status = status_of(self._session)
        if self._reported is not None and status != self._reported:
            self._reported = status
            self._changes.append(status)

    def deliver(self):
        """Tells the app of changes, in order. Called WITHOUT the lock, so that the app may call back;
        once it returns, every earlier change has been reported."""
        with self._delivery:
            while self._changes:
                try:
                    self._on_status(self._changes.popleft())
                except Exception:
                    pass  # the app's own mistake must not fail the call that happened to tell it
