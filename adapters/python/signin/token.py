"""The sign-in token: what the app's backend hands to the app, and the app to `sign_in`.

It is standard base64 of `{"public_key": ..., "user_token": JWT}`. The SDK reads whose it is, and where
it belongs, before it sends anything: the issuer names the environment and region that must be asked.
The signature is not checked, since the SDK holds no key; the identity provider checks it, and the expiry
too, by a clock that is right.
"""

import binascii
from collections import namedtuple

from . import jsontext
from .errors import SignInError

ENVIRONMENTS = {"production": "prd", "sandbox": "stg", "dev": "dev"}
REGIONS = ("us", "eu")

_ALPHABET = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
_HEX = frozenset("0123456789abcdefABCDEF")


class Place(namedtuple("Place", "environment region")):
    """Where a user lives. Each place has hosts of its own, and a credential of one is worth nothing in another."""

    __slots__ = ()

    @property
    def domain(self):
        label = "" if self.environment == "production" else f"{self.environment}."
        return f"{label}{self.region}.junction.com"


def _issuer(place):
    name = f"{ENVIRONMENTS[place.environment]}-{place.region}"
    return f"id-signer-{name}@vital-id-{name}.iam.gserviceaccount.com"


PLACES = [Place(environment, region) for environment in ENVIRONMENTS for region in REGIONS]
_PLACE_OF_ISSUER = {_issuer(place): place for place in PLACES}


class SignInToken(namedtuple("SignInToken", "user_id place user_token public_key tenant_id")):
    """A token that was read: whose it is, where it belongs, and the JWT to exchange.

    The public key and the tenant, which may be missing, are for a profile that wants them.
    """

    __slots__ = ()

    def __repr__(self):
        return f"SignInToken(user_id={self.user_id!r}, place={self.place!r})"


def same_user(one, other):
    """User ids are UUIDs, and come in either letter case."""
    return one.lower() == other.lower()


def read_sign_in_token(text):
    """Reads a token, or raises `invalidSignInToken`; never touches the network."""
    try:
        outer = jsontext.parse_object(_from_base64(text.strip()))
        public_key = outer.get("public_key")
        if not isinstance(public_key, str):
            raise ValueError("it has no public key")
        user_token = outer.get("user_token")
        if not isinstance(user_token, str):
            raise ValueError("it has no user token")
        header, claims = _read_jwt(user_token)
        if header.get("alg") != "RS256":
            raise ValueError("its algorithm is not RS256")
        issuer = claims.get("iss")
        place = _PLACE_OF_ISSUER.get(issuer) if isinstance(issuer, str) else None
        if place is None:
            raise ValueError("its issuer is not known")
        user_id = claims.get("uid")
        if not _is_uuid(user_id):
            raise ValueError("it names no user")
    except UnicodeDecodeError:
        raise SignInError("invalidSignInToken", "the sign-in token is malformed: not UTF-8") from None
    except ValueError as error:
        # Only sentences of ours get here with words worth repeating; json's quote nothing but a position.
        raise SignInError("invalidSignInToken", f"the sign-in token is malformed: {error}") from None
    return SignInToken(user_id, place, user_token, public_key, claims.get("tenant_id"))


def _read_jwt(jwt):
    parts = jwt.split(".")
    if len(parts) != 3 or not all(parts):
        raise ValueError("its user token is not a JWT")
    header, claims, _signature = [_from_base64(part) for part in parts]
    return jsontext.parse_object(header), jsontext.parse_object(claims)


def _from_base64(text):
    """Decodes either alphabet with any padding. Issuers differ in both, and all of them are well-formed."""
    bare = text.rstrip("=").replace("-", "+").replace("_", "/")
    if not bare or len(bare) % 4 == 1 or not _ALPHABET.issuperset(bare):
        raise ValueError("it is not base64")
    return binascii.a2b_base64(bare + "=" * (-len(bare) % 4))


def _is_uuid(value):
    if not isinstance(value, str):
        return False
    groups = value.split("-")
    return [len(group) for group in groups] == [8, 4, 4, 4, 12] and _HEX.issuperset("".join(groups))
