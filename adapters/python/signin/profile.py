"""What differs between wire profiles.

The scheme is one: a sign-in token is exchanged, a refresh token is renewed, an answer grants, refuses or
is about load. A profile says how that is spelled. It sends nothing, keeps nothing and decides nothing; so a new one
is a class like `junction.py`, and no other file need ask which profile is in use.
"""

from collections import namedtuple


class Request(namedtuple("Request", "home path content_type body")):
    """One POST to the identity provider. `home` is the URL where the real one is, for an app without overrides."""

    __slots__ = ()

    def __repr__(self):
        return f"Request(home={self.home!r})"  # all else may hold a token


class Profile:
    name = None

    exchange_fields = refresh_fields = ("access_token", "refresh_token", "expires_in")
    """What an answer calls the access token, the refresh token and the lifetime."""

    bad_sign_in_token = frozenset()
    """Error words at exchange: the sign-in token is refused."""

    invalid_user = frozenset()
    """Error words at refresh: the user is no longer valid."""

    on_hold = frozenset()
    """Error words at refresh: the user must sign in again."""

    def check(self, token):
        """Raises `invalidSignInToken` if a well-formed token lacks what this profile sends."""

    def exchange(self, token):
        raise NotImplementedError

    def refresh(self, session):
        raise NotImplementedError

    def error_word(self, fields):
        """The word of an error answer, or None if these fields hold none."""
        raise NotImplementedError

    def kept(self, token):
        """Fields of the `TokenSession` that this profile wants at the next refresh, besides the refresh token."""
        return {"profile": self.name}

    def can_go_on(self, session):
        """Whether a stored token session is one of this profile. An update of the app may have changed profiles."""
        return session.profile == self.name
