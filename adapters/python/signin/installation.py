"""The state of this installation: the session in memory and on disk, its lock, and its status.

This file keeps two rules for all others:

* A decision of the *app* (signing in or out, configuring) is first written and then applied. If it cannot
  be written, nothing changes.
* A change by the *server* (a rotated token, a deleted user) is applied at once, and written as soon as
  storage allows. A rotated token is not used before it is durable.

The lock is held while memory and disk are accessed and while a request is passed to the kernel, but never
while waiting for a server, for the app or for a time.
"""

import threading
from collections import deque

from .errors import SignInError, needs_reauthentication, not_signed_in, signed_out_meanwhile
from . import session as records
from .session import status_of
from .token import same_user


class Tenure:
    """The period from a user's sign-in to the sign-out, or a period without a user.

    Work that started in a tenure may only finish in it. Therefore an exchange or a refresh in flight
    cannot sign a user in again after the sign-out, and all waiting callers get the same error.
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
    """The lock, acquired only if every check still passes."""

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
        """How often the app has signed out, in whichever process. A sign-in that began before the last time is no longer wanted."""
        self._store = store
        self._profile = profile
        self._session = None
        self._loaded = False
        self._unsaved = False
        self._stored = None
        self._on_status = on_status
        self._reported = None
        self._changes = deque()
        self._delivery = threading.RLock()

    def guard(self, *checks):
        return Guard(self.lock, checks)

    # -- looking ---------------------------------------------------------------------------------

    def load(self):
        """Reads the stored session unless it was read before; raises `storage` if it cannot be read.

        Every call starts with it. An app that was launched before the first unlock therefore reads its
        session with the first call after the unlock.
        """
        if not self._loaded:
            self._session = self._store.load(self._profile)
            self._loaded = True
            self._note_stored()
            self._note_status()
        elif self._unsaved:
            try:
                self._save_now()
            except SignInError:
                pass  # still locked; code that needs the session uses `current`
        else:
            self.follow()

    def follow(self):
        """Takes over what another process on this storage has stored: renewed tokens, a sign-out, another user."""
        try:
            stored = self._store.peek()
            if stored == self._stored or self._unsaved:
                return
            session = None if stored is None else records.decode(stored)
        except (SignInError, ValueError):
            return  # locked, or damaged: no other process of this SDK wrote that
        self._stored = stored
        if session is None and self._session is not None:
            self.sign_outs += 1
        # A user whom another process signed in was there before the call that looks, which may go on.
        self._become(session, not_signed_in(), ends_calls=self.user_id is not None)

    def _note_stored(self):
        try:
            self._stored = self._store.peek()
        except SignInError:
            pass  # locked: nothing was written either

    @property
    def session(self):
        """The session, or None. Call `load` first."""
        return self._session

    @property
    def user_id(self):
        return None if self._session is None else self._session.user_id

    def signed_in(self, tenure):
        """The session of this tenure's user, usable for a request."""
        tenure.check()
        if self.user_id is None:
            raise not_signed_in()
        if self._session.on_hold:
            raise needs_reauthentication()
        if self._unsaved:
            self._save_now()
        return self._session

    def refresh_turn(self):
        """See `SessionStore.refresh_turn`."""
        return self._store.refresh_turn()

    def section(self):
        """See `SessionStore.section`."""
        return self._store.section()

    def require_writable(self):
        """Called before a request whose response must be stored, so that no token is lost."""
        if self._store.locked:
            raise SignInError("storage", "secure storage is locked")

    # -- changing --------------------------------------------------------------------------------

    def commit(self, session):
        """Applies a session that the app has decided on: first durable, then in memory."""
        self._store.save(session)
        self._note_stored()
        self._unsaved = False
        self._become(session, signed_out_meanwhile())

    def sign_out(self):
        """Signs out. Also erases storage that seems empty, and ends the calls in flight."""
        known_empty = self._loaded and self._session is None and not self._unsaved
        if not (known_empty and self._store.locked):
            with self._store.section():
                self._store.erase()
                self._note_stored()
        self._unsaved = False
        self.sign_outs += 1
        self._become(None, signed_out_meanwhile())

    def close(self):
        """Ends the calls in flight, and nothing else: what is stored stays."""
        self.sign_outs += 1
        self.tenure.end(signed_out_meanwhile())
        self._changes.clear()

    def adopt(self, session, reason=None):
        """Applies a change by the server: in memory, then durable. Waiting callers get the error `reason`."""
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
        self._note_stored()
        self._unsaved = False

    def _become(self, session, reason, ends_calls=True):
        before, after = self.user_id, None if session is None else session.user_id
        if ends_calls and (before is None or after is None or not same_user(before, after)):
            self.tenure.end(reason)
            self.tenure = Tenure()
        self._loaded = True
        self._session = session
        self._note_status()

    # -- telling ---------------------------------------------------------------------------------

    def begin_reporting(self):
        """Starts to report changes. The state that was restored at launch is not a change."""
        if self._loaded:
            self._reported = status_of(self._session)
            self._changes.clear()
        else:
            self._reported = []  # unknown: a change is reported when it can be read

    def _note_status(self):
        status = status_of(self._session)
        if self._reported is not None and status != self._reported:
            self._reported = status
            self._changes.append(status)

    def deliver(self):
        """Reports changes to the app, in order. Called WITHOUT the lock, so that the app may call back.
        When it returns, every earlier change has been reported."""
        with self._delivery:
            while self._changes:
                try:
                    self._on_status(self._changes.popleft())
                except Exception:
                    pass  # an error in the app's callback must not fail the current call
