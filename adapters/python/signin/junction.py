"""The wire profile of current releases: an OAuth 2.0 token endpoint for each environment and region."""

from . import http
from .profile import Profile, Request

_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
_SIGN_IN_TOKEN = "urn:junction:sign-in-token"


class Junction(Profile):
    name = "junction"
    bad_sign_in_token = frozenset(["invalid_token"])
    invalid_user = frozenset(["invalid_token"])
    on_hold = frozenset(["reauthentication_required"])

    def exchange(self, token):
        return _request(
            token.place, grant_type=_EXCHANGE, subject_token_type=_SIGN_IN_TOKEN, subject_token=token.user_token
        )

    def refresh(self, session):
        return _request(session.place, grant_type="refresh_token", refresh_token=session.refresh_token)

    def can_go_on(self, session):
        """Sessions of `gcip` go on: both refresh at the same identity provider, by other names and at another host."""
        return session.profile in (self.name, "gcip")

    def error_word(self, fields):
        """`{"detail": {"error_type": WORD}}`"""
        detail = fields.get("detail")
        return detail.get("error_type") if isinstance(detail, dict) else None


def _request(place, **fields):
    return Request(f"https://auth.{place.domain}", "/v1/token", http.FORM, http.form(**fields))
