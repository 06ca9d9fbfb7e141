"""The session record on disk.

This file handles three problems:

* A write must be atomic if the process is killed: a temporary file, then a rename.
* Secure storage may be locked, which is different from empty.
* A keychain outlives its app. A session without the marker in the app's own files belongs to a deleted
  installation, so the app starts signed out.
"""

import contextlib
import fcntl
import os
import threading
import time

from . import session as records
from .errors import SignInError
from .releases import RELEASES

SESSION = "session"
MARKER = "installed"
_MARKER_TEXT = b"This app is installed; what secure storage holds is its own.\n"
_TEMPORARY = ".tmp"
_LONGEST_TURN_S = 8.0


class Area:
    """The files of one directory. Every failure of the disk is an error of kind `storage`."""

    def __init__(self, directory):
        self._directory = directory
        self._mutex = threading.Lock()
        self._locked = False

    @property
    def locked(self):
        return self._locked

    def set_locked(self, locked):
        """Uses the mutex of reads and writes, so none is in progress when it returns."""
        with self._mutex:
            self._locked = locked

    def read(self, name):
        """The bytes of a file, or None if it does not exist."""
        return self._guarded(self._read, name)

    def write(self, name, data):
        self._guarded(self._write, name, data)

    def remove(self, name):
        """Removes the file and the remains of an interrupted write. Neither has to exist."""
        self._guarded(self._remove, name)

    def tidy(self, name):
        """Removes the remains of interrupted writes, which contain secrets."""
        self._guarded(self._unlink, name + _TEMPORARY)

    def items(self):
        """Every file here, as (name, bytes)."""
        return self._guarded(self._items)

    def section(self, patience=None):
        """Keeps other processes on this storage out; without `patience` (seconds) for as long as it takes.

        The lock is one of the directory itself, so no file stays behind, and it ends with its process.
        """
        return _Section(self._directory, patience)

    def _guarded(self, action, *arguments):
        with self._mutex:
            if self._locked:
                raise SignInError("storage", "secure storage is locked")
            try:
                return action(*arguments)
            except OSError as error:
                raise SignInError("storage", f"storage failed: {type(error).__name__}") from None

    def _path(self, name):
        return os.path.join(self._directory, name)

    def _read(self, name):
        try:
            with open(self._path(name), "rb") as file:
                return file.read()
        except FileNotFoundError:
            return None

    def _write(self, name, data):
        temporary = self._path(name + _TEMPORARY)
        try:
            file = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            try:
                _write_all(file, data)
                os.fsync(file)  # a rename that is durable before its data would leave an empty file
            finally:
                os.close(file)
            os.replace(temporary, self._path(name))
        except OSError:
            self._unlink_quietly(temporary)
            raise
        self._sync_directory()

    def _remove(self, name):
        gone = self._unlink(name)
        left = self._unlink(name + _TEMPORARY)
        if gone or left:
            self._sync_directory()

    def _unlink(self, name):
        try:
            os.unlink(self._path(name))
            return True
        except FileNotFoundError:
            return False

    @staticmethod
    def _unlink_quietly(path):
        try:
            os.unlink(path)
        except OSError:
            pass

    def _sync_directory(self):
        """Makes the change survive a power loss, if possible; it already survives a kill of the process."""
        try:
            directory = os.open(self._directory, os.O_RDONLY)
            try:
                os.fsync(directory)
            finally:
                os.close(directory)
        except OSError:
            pass

    def _items(self):
        found = []
        for folder, _, names in os.walk(self._directory):
            for name in sorted(names):
                path = os.path.join(folder, name)
                with open(path, "rb") as file:
                    found.append((os.path.relpath(path, self._directory), file.read()))
        return found


class _Section:
    def __init__(self, directory, patience):
        self._directory = directory
        self._patience = patience
        self._file = None

    def __enter__(self):
        try:
            self._file = os.open(self._directory, os.O_RDONLY)
            if self._patience is None:
                fcntl.flock(self._file, fcntl.LOCK_EX)
            else:
                self._wait(time.monotonic() + self._patience)
        except OSError:
            pass  # a file system without locks
        return self

    def _wait(self, until):
        while time.monotonic() < until:
            try:
                return fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                time.sleep(0.005)

    def __exit__(self, *_):
        if self._file is not None:
            os.close(self._file)


class SessionStore:
    """The one session record in `secure`, with its install marker in `plain`."""

    def __init__(self, secure, plain, log=lambda text: None):
        self._secure = secure
        self._plain = plain
        self._log = log

    @property
    def locked(self):
        return self._secure.locked

    def load(self, profile):
        """The stored session if it is usable with this wire profile, or None.

        A session that is damaged, of a deleted installation or of another profile is erased, so that the
        next launch does not find it again. Locked storage raises an error.
        """
        self._secure.tidy(SESSION)
        self._take_over()
        data = self._secure.read(SESSION)
        if data is None:
            self._plain.remove(MARKER)
            return None
        if self._plain.read(MARKER) is None:
            self._log("a session of an earlier installation was erased")
            self.erase()
            return None
        try:
            session = records.decode(data)
        except ValueError:
            self._log("the stored session is damaged and was erased")
            self.erase()
            return None
        if isinstance(session, records.TokenSession) and not profile.can_go_on(session):
            self._log("the stored session came by another wire profile and was erased")
            self.erase()
            return None
        return session

    def peek(self):
        """The stored record as bytes, or None: to see whether another process has changed it."""
        return self._secure.read(SESSION)

    def refresh_turn(self):
        """Held during a refresh, which only one process on this storage may do at a time."""
        return self._secure.section(_LONGEST_TURN_S)

    def section(self):
        """Held between a look at the record and the write that depends on it. It takes milliseconds."""
        return self._plain.section()

    def _take_over(self):
        """Converts what an earlier release stored, newest format first: one write, and only then it is erased.

        If both formats are there, either this release was killed between the two, and they are equal; or the
        earlier release was installed again and ran since, and what it stored is newer.
        """
        for release in sorted(RELEASES, reverse=True):
            old = RELEASES[release](self._secure, self._plain)
            if not old.left_something():
                continue
            try:
                session = old.read() if self._plain.read(MARKER) is not None else None
            except ValueError:
                self._log(f"the session of release {release} is damaged and was erased")
                session = None
            if session is not None and self._secure.read(SESSION) != records.encode(session):
                self.save(session)
            old.erase()

    def save(self, session):
        """Writes the marker first: a marker without a session is harmless, a session without a marker is erased."""
        first = self._plain.read(MARKER) is None
        if first:
            self._plain.write(MARKER, _MARKER_TEXT)
        try:
            self._secure.write(SESSION, records.encode(session))
        except SignInError:
            if first:
                self._remove_marker()
            raise

    def erase(self):
        """Erases the session first: without it the user is signed out, whatever happens to the marker."""
        self._secure.remove(SESSION)
        self._remove_marker()

    def _remove_marker(self):
        try:
            self._plain.remove(MARKER)
        except SignInError:
            self._log("the install marker could not be removed; the next launch will")


class EarlierStore:
    """The store of an earlier release, for tests of updates. It knows its own format only, and one process."""

    def __init__(self, release, secure, plain):
        self._release = RELEASES[release](secure, plain)
        self._secure = secure
        self._plain = plain

    @property
    def locked(self):
        return self._secure.locked

    def peek(self):
        return None

    def refresh_turn(self):
        return contextlib.nullcontext()

    section = refresh_turn

    def load(self, profile):
        try:
            session = self._release.read()
        except ValueError:
            session = None
        if session is None or self._plain.read(MARKER) is None:
            self.erase()
            return None
        return session

    def save(self, session):
        self._plain.write(MARKER, _MARKER_TEXT)
        self._release.write(session)

    def erase(self):
        self._release.erase()
        self._plain.remove(MARKER)


def _write_all(file, data):
    view = memoryview(data)
    while view:
        view = view[os.write(file, view):]
