"""The identity provider's token endpoint: exchange and refresh."""

from . import bodies
from .answers import UNCACHED, Answer, Refusal
from .sessions import ACCESS_LIFETIME, InvalidToken, ReauthenticationRequired

_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
_SIGN_IN_TOKEN = "urn:junction:sign-in-token"


def token(realm, request):
    try:
        access_token, refresh_token = _granted(realm, bodies.form(request))
    except InvalidToken:
        raise _refusal("invalid_token", "the token is not valid") from None
    except ReauthenticationRequired:
        raise _refusal("reauthentication_required", "the session is over") from None
    return Answer(
        {
            "access_token": access_token,
            "refresh_token": refresh_token,
            "expires_in": ACCESS_LIFETIME,
            "token_type": "Bearer",
        },
        headers=UNCACHED,
    )


def _granted(realm, fields):
    grant_type = bodies.form_field(fields, "grant_type")
    if grant_type == "refresh_token":
        return realm.refresh(bodies.form_field(fields, "refresh_token"))
    if grant_type != _EXCHANGE:
        raise _refusal("unsupported_grant_type", "that grant type is not known here")
    if bodies.form_field(fields, "subject_token_type") != _SIGN_IN_TOKEN:
        raise _refusal("invalid_request", "that type of subject token is not known here")
    return realm.exchange(bodies.form_field(fields, "subject_token"))


def _refusal(error_type, message):
    return Refusal(400, error_type, message, UNCACHED)
