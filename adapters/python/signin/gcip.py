"""The wire profile of older releases: Google Cloud Identity Platform, one address for all environments and regions.

Every request, also a refresh, names its project by the public key of the sign-in token. Therefore the session
record keeps the key and the tenant. Neither is a secret.
"""

from . import http, jsontext
from .errors import SignInError
from .profile import Profile, Request

_EXCHANGE_HOME = "https://identitytoolkit.googleapis.com"
_REFRESH_HOME = "https://securetoken.googleapis.com"


class Gcip(Profile):
    name = "gcip"
    exchange_fields = ("idToken", "refreshToken", "expiresIn")
    refresh_fields = ("id_token", "refresh_token", "expires_in")  # its `access_token` is the same as its `id_token`
    bad_sign_in_token = frozenset(
        [
            "INVALID_CUSTOM_TOKEN",
            "CREDENTIAL_MISMATCH",
            "TOKEN_EXPIRED",
            "USER_DISABLED",
            "USER_NOT_FOUND",
            "TENANT_ID_MISMATCH",
            "INVALID_TENANT_ID",
        ]
    )
    invalid_user = frozenset(["USER_DISABLED", "USER_NOT_FOUND"])
    on_hold = frozenset(["TOKEN_EXPIRED", "INVALID_REFRESH_TOKEN"])

    def check(self, token):
        if not token.public_key:
            raise SignInError("invalidSignInToken", "the sign-in token is malformed: its public key is empty")
        if not isinstance(token.tenant_id, str) or not token.tenant_id:
            raise SignInError("invalidSignInToken", "the sign-in token is malformed: it names no tenant")

    def exchange(self, token):
        body = jsontext.write({"token": token.user_token, "tenantId": token.tenant_id, "returnSecureToken": True})
        path = _path("/v1/accounts:signInWithCustomToken", token.public_key)
        return Request(_EXCHANGE_HOME, path, http.JSON, body)

    def refresh(self, session):
        body = http.form(grant_type="refresh_token", refresh_token=session.refresh_token)
        return Request(_REFRESH_HOME, _path("/v1/token", session.public_key), http.FORM, body)

    def error_word(self, fields):
        """`{"error": {"message": WORD}}`, where a text for people may follow: `INVALID_CUSTOM_TOKEN : Invalid ...`"""
        error = fields.get("error")
        message = error.get("message") if isinstance(error, dict) else None
        return message.partition(" ")[0] if isinstance(message, str) else None

    def kept(self, token):
        return super().kept(token) | {"public_key": token.public_key, "tenant_id": token.tenant_id}

    def can_go_on(self, session):
        return super().can_go_on(session) and bool(session.public_key) and bool(session.tenant_id)


def _path(path, public_key):
    return f"{path}?key={http.percent_encode(public_key)}"
