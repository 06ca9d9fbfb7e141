"""The session record of an installation, and its encoding.

There is ONE record. A migration or a rotation replaces it as a whole, so a crash leaves the old record or
the new one, never a mixture.
"""

import binascii
from collections import namedtuple

from . import jsontext
from .token import PLACES, Place

_VERSION = b"1"
_STR_OR_NONE = (str, type(None))


class ApiKeySession(namedtuple("ApiKeySession", "place api_key user_id")):
    """The older scheme. `user_id` is None between `configure` and `set_user_id`."""

    __slots__ = ()
    on_hold = False
    external_user_id = None

    def __repr__(self):
        return f"ApiKeySession(place={self.place!r}, user_id={self.user_id!r})"

    def is_sound(self):
        return _all(str, self.api_key) and _all(_STR_OR_NONE, self.user_id)


_TOKEN_FIELDS = "place user_id access_token refresh_token fresh_until on_hold external_user_id"
_PROFILE_FIELDS = "profile public_key tenant_id"
_DEFAULTS = ("junction", None, None, None)


class TokenSession(namedtuple("TokenSession", f"{_TOKEN_FIELDS} {_PROFILE_FIELDS} team_id", defaults=_DEFAULTS)):
    """The sign-in-token scheme.

    The access token is used until `fresh_until` (milliseconds since 1970, by the device's clock; see `freshness`).
    On hold both tokens are empty, because they are no longer valid.
    `profile` is the wire profile of the tokens. The fields after it are stored only if the profile needs them.
    A record without a profile is of the current one. One without a team is older, or its sign-in token named none.
    """

    __slots__ = ()

    def __repr__(self):
        return f"TokenSession(place={self.place!r}, user_id={self.user_id!r}, on_hold={self.on_hold})"

    def is_sound(self):
        return (
            _all(str, self.user_id, self.access_token, self.refresh_token, self.profile)
            and _all(_STR_OR_NONE, self.external_user_id, self.public_key, self.tenant_id, self.team_id)
            and _all((int, float), self.fresh_until)
            and _all(bool, self.on_hold)
        )

    def with_tokens(self, tokens, now):
        return self._replace(
            access_token=tokens.access_token,
            refresh_token=tokens.refresh_token,
            fresh_until=freshness(now, tokens.lifetime),
        )

    def put_on_hold(self):
        return self._replace(access_token="", refresh_token="", fresh_until=0, on_hold=True)


def freshness(now, lifetime):
    """Until when a token that arrived now is used, in milliseconds.

    It counts from the arrival, by the device's own clock, so a wrong clock does not matter. The margin
    covers the time to the server: 30 s, or a tenth of a short lifetime.
    """
    return now + lifetime - min(30_000, lifetime // 10)


def status_of(session):
    """The status words of a session: only documented combinations."""
    if session is None:
        return []
    if session.user_id is None:
        return ["configured"]
    if isinstance(session, ApiKeySession):
        return ["configured", "signedIn", "useApiKey"]
    return ["configured", "signedIn", "useSignInToken"] + (["pendingReauthentication"] if session.on_hold else [])


def encode(session):
    """Encodes the record: a version, a checksum, JSON. The checksum detects damage."""
    fields = session._asdict()
    fields["scheme"] = "apiKey" if isinstance(session, ApiKeySession) else "signInToken"
    fields["place"] = list(session.place)
    body = jsontext.write(fields)
    return b"%s %08x %s\n" % (_VERSION, binascii.crc32(body), body)


def decode(data):
    """Decodes a record. Raises ValueError if it is damaged, truncated or of another version."""
    version, _, rest = data.partition(b" ")
    checksum, _, body = rest.partition(b" ")
    if version != _VERSION or not body.endswith(b"\n"):
        raise ValueError("not a session record")
    body = body[:-1]
    if checksum != b"%08x" % binascii.crc32(body):
        raise ValueError("the checksum does not match")
    fields = jsontext.parse_object(body)
    try:
        scheme = fields.pop("scheme")
        fields["place"] = Place(*fields["place"])
        session = {"apiKey": ApiKeySession, "signInToken": TokenSession}[scheme](**fields)
    except (KeyError, TypeError):
        raise ValueError("fields are missing or odd") from None
    if session.place not in PLACES or not session.is_sound():
        raise ValueError("fields hold something odd")
    return session


def _all(types, *values):
    return all(isinstance(value, types) for value in values)
