"""What is remembered of an installation, and its bytes at rest.

There is ONE record. A move from the API key to tokens, or a rotation of the refresh token, replaces the
record as a whole; so a crash leaves the old one or the new one, never half of each.
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


class TokenSession(namedtuple("TokenSession", f"{_TOKEN_FIELDS} {_PROFILE_FIELDS}", defaults=("junction", None, None))):
    """The sign-in-token scheme.

    `fresh_until` (milliseconds since 1970, by the device's clock) is when to stop using the access token;
    see `freshness`. On hold both tokens are blank: they are of no more use, so they are not kept.
    `profile` is the wire profile that the tokens came by, and what follows it is kept where that profile wants it;
    a record from before there were profiles is of today's.
    """

    __slots__ = ()

    def __repr__(self):
        return f"TokenSession(place={self.place!r}, user_id={self.user_id!r}, on_hold={self.on_hold})"

    def is_sound(self):
        return (
            _all(str, self.user_id, self.access_token, self.refresh_token, self.profile)
            and _all(_STR_OR_NONE, self.external_user_id, self.public_key, self.tenant_id)
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

    Counted from when it arrived here, by the clock that will be read later, so a device whose clock is off
    is off on both sides and nothing breaks. The leeway covers the way to the server: 30 s, or
    a tenth of a short life.
    """
    return now + lifetime - min(30_000, lifetime // 10)


def status_of(session):
    """The documented combinations, and no other."""
    if session is None:
        return []
    if session.user_id is None:
        return ["configured"]
    if isinstance(session, ApiKeySession):
        return ["configured", "signedIn", "useApiKey"]
    return ["configured", "signedIn", "useSignInToken"] + (["pendingReauthentication"] if session.on_hold else [])


def encode(session):
    """The record as bytes: a version, a checksum, JSON. The checksum tells a damaged token from a good one."""
    fields = session._asdict()
    fields["scheme"] = "apiKey" if isinstance(session, ApiKeySession) else "signInToken"
    fields["place"] = list(session.place)
    body = jsontext.write(fields)
    return b"%s %08x %s\n" % (_VERSION, binascii.crc32(body), body)


def decode(data):
    """The session in these bytes; ValueError if they are damaged, cut short or not of this release's shape."""
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
