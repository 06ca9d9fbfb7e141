"""The storage formats of earlier releases, which an update meets.

Release 1 kept a session in several items, release 2 in one JSON item. This release (3) uses neither name again, so an
earlier release that is installed again never reads a format that it cannot know.
"""

from . import jsontext
from . import session as records
from .token import Place


class Release2:
    """Secure item `account`: the fields of the session as JSON."""

    def __init__(self, secure, plain):
        self._secure = secure

    def read(self):
        """The stored session, or None. Raises ValueError if it is damaged."""
        data = self._secure.read("account")
        return None if data is None else _session(jsontext.parse_object(data))

    def write(self, session):
        self._secure.write("account", jsontext.write(_fields(session)))

    def left_something(self):
        return self._secure.read("account") is not None

    def erase(self):
        self._secure.remove("account")


class Release1:
    """Plain item `account.json` for what is no secret, and one secure item for each secret."""

    _SECRETS = ("api_key", "access_token", "refresh_token")

    def __init__(self, secure, plain):
        self._secure = secure
        self._plain = plain

    def read(self):
        data = self._plain.read("account.json")
        if data is None:
            return None
        fields = jsontext.parse_object(data)
        for name in self._SECRETS:
            secret = self._secure.read(name)
            if secret is not None:
                fields[name] = secret.decode("utf-8")
        return _session(fields)

    def write(self, session):
        fields = _fields(session)
        for name in self._SECRETS:
            secret = fields.pop(name, None)
            if secret is None:
                self._secure.remove(name)
            else:
                self._secure.write(name, secret.encode("utf-8"))
        self._plain.write("account.json", jsontext.write(fields))

    def left_something(self):
        if self._plain.read("account.json") is not None:
            return True
        return any(self._secure.read(name) is not None for name in self._SECRETS)

    def erase(self):
        for name in self._SECRETS:
            self._secure.remove(name)
        self._plain.remove("account.json")


RELEASES = {1: Release1, 2: Release2}


def _fields(session):
    fields = {name: value for name, value in session._asdict().items() if value is not None}
    fields["place"] = list(session.place)
    return fields


def _session(fields):
    try:
        fields["place"] = Place(*fields["place"])
        kind = records.ApiKeySession if "api_key" in fields else records.TokenSession
        if kind is records.ApiKeySession:
            fields.setdefault("user_id", None)
        else:
            fields.setdefault("external_user_id", None)
        session = kind(**fields)
    except (KeyError, TypeError):
        raise ValueError("fields are missing or odd") from None
    if not session.is_sound():
        raise ValueError("fields hold something odd")
    return session
