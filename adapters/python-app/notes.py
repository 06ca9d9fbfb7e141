"""The app's storage over launches: its signed-in user, and the vendor user of each sign-in of the SDK.

It is one file, which is replaced as a whole, so a kill leaves the old or the new content. It has no secrets.
"""

import json
import os
import threading
from collections import namedtuple

_FILE = "app.json"


class User(namedtuple("User", "external_id user_id")):
    """A user of the app. `user_id` is the vendor's id of the user, or None if the app does not know it."""

    __slots__ = ()


class Notes:
    """Creating it reads the file. A damaged file means that no user is signed in to the app; a file that cannot
    be read raises OSError."""

    def __init__(self, directory):
        os.makedirs(directory, exist_ok=True)
        self._directory = directory
        self._path = os.path.join(directory, _FILE)
        self._guard = threading.Lock()
        self._stay = 0
        self._user, self._led_to = self._read()

    @property
    def stay(self):
        """A number that changes whenever the app's user changes."""
        return self._stay

    def now(self):
        """The number of the stay, and its user."""
        with self._guard:
            return self._stay, self._user

    def set_user(self, user):
        """First writes the file, then applies the change. On OSError nothing has changed."""
        with self._guard:
            self._write(user, self._led_to)
            if _external_id(user) != _external_id(self._user):
                self._stay += 1
            self._user = user

    def led_to(self, user):
        """The vendor user of the last sign-in for this user of the app, or None."""
        with self._guard:
            return self._led_to.get(user.external_id)

    def remember(self, user, vendor_user_id):
        with self._guard:
            led_to = self._led_to | {user.external_id: vendor_user_id}
            if led_to != self._led_to:
                self._write(self._user, led_to)
            self._led_to = led_to

    def _read(self):
        try:
            with open(self._path, "rb") as file:
                return _decode(file.read())
        except (FileNotFoundError, ValueError, RecursionError):
            return None, {}

    def _write(self, user, led_to):
        temporary = self._path + ".tmp"
        with open(temporary, "wb") as file:
            file.write(_encode(user, led_to))
            file.flush()
            os.fsync(file.fileno())  # a rename that is durable before its data would leave an empty file
        os.replace(temporary, self._path)
        directory = os.open(self._directory, os.O_RDONLY)
        try:
            os.fsync(directory)  # needed to survive a power loss, but not a kill
        finally:
            os.close(directory)


def _external_id(user):
    return None if user is None else user.external_id


def _encode(user, led_to):
    signed_in = None if user is None else {"externalUserId": user.external_id, "userId": user.user_id}
    return json.dumps({"user": signed_in, "ledTo": led_to}).encode("ascii")


def _decode(data):
    """Raises ValueError if the text is not in the format of `_encode`."""
    try:
        fields = json.loads(data)
        user, led_to = fields["user"], fields["ledTo"]
        if user is not None:
            user = User(user["externalUserId"], user["userId"])
            if not isinstance(user.external_id, str) or not isinstance(user.user_id, (str, type(None))):
                raise ValueError("an odd user")
        if not all(isinstance(value, (str, type(None))) for value in led_to.values()):
            raise ValueError("an odd vendor user")
    except (KeyError, TypeError, AttributeError):
        raise ValueError("fields are missing or odd") from None
    return user, led_to
