"""The interface of wire profiles.

The scheme is always the same: a sign-in token is exchanged, a refresh token is renewed, and a response grants
tokens, refuses, or reports overload. A profile defines the requests and the format of responses. It has no
state and sends nothing. A new profile is a class like that in `junction.py`; no other file depends on it.
"""

from collections import namedtuple


class Request(namedtuple("Request", "home path content_type body")):
    """One POST to the identity provider. `home` is the URL of the real one, used without overrides."""

    __slots__ = ()

    def __repr__(self):
        return f"Request(home={self.home!r})"  # all other fields may contain a token


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
        """Raises `invalidSignInToken` if a well-formed token lacks a value that this profile sends."""

    def exchange(self, token):
        raise NotImplementedError

    def refresh(self, session):
        raise NotImplementedError

    def error_word(self, fields):
        """The error code of a response, or None if these fields have none."""
        raise NotImplementedError

    def kept(self, token):
        """The fields of the `TokenSession` that this profile needs for a refresh, besides the refresh token."""
        return {"profile": self.name}

    def can_go_on(self, session):
        """Whether a stored token session is of this profile. An app update may have changed the profile."""
        return session.profile == self.name
