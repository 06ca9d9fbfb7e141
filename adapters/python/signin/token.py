"""The sign-in token, which the app gets from its backend and passes to `sign_in`.

It is standard base64 of `{"public_key": ..., "user_token": JWT}`. The SDK reads user, environment and region
(from the issuer) before it sends anything. It does not verify the signature, because it has no key. The
identity provider verifies signature and expiry, with a correct clock.
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
    """An environment and region. Each has its own hosts and credentials."""

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


class SignInToken(namedtuple("SignInToken", "user_id place user_token public_key tenant_id team_id")):
    """A parsed token: its user, environment and region, and the JWT to exchange.

    The public key and the tenant are optional; only some profiles need them. The team is None if the token does not name it.
    """

    __slots__ = ()

    def __repr__(self):
        return f"SignInToken(user_id={self.user_id!r}, place={self.place!r})"


def same_user(one, other):
    """User ids are UUIDs, in either letter case."""
    return one.lower() == other.lower()


def read_sign_in_token(text):
    """Parses a token without network calls, or raises `invalidSignInToken`."""
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
        # These are texts of this file, or of `json`, which contain only a position.
        raise SignInError("invalidSignInToken", f"the sign-in token is malformed: {error}") from None
    team_id = claims["claims"].get("vital_team_id") if isinstance(claims.get("claims"), dict) else None
    team_id = team_id if isinstance(team_id, str) else None
    return SignInToken(user_id, place, user_token, public_key, claims.get("tenant_id"), team_id)


def _read_jwt(jwt):
    parts = jwt.split(".")
    if len(parts) != 3 or not all(parts):
        raise ValueError("its user token is not a JWT")
    header, claims, _signature = [_from_base64(part) for part in parts]
    return jsontext.parse_object(header), jsontext.parse_object(claims)


def _from_base64(text):
    """Decodes both base64 alphabets with any padding, because issuers differ in both."""
    bare = text.rstrip("=").replace("-", "+").replace("_", "/")
    if not bare or len(bare) % 4 == 1 or not _ALPHABET.issuperset(bare):
        raise ValueError("it is not base64")
    return binascii.a2b_base64(bare + "=" * (-len(bare) % 4))


def _is_uuid(value):
    if not isinstance(value, str):
        return False
    groups = value.split("-")
    return [len(group) for group in groups] == [8, 4, 4, 4, 12] and _HEX.issuperset("".join(groups))
