"""The identity provider: exchange and refresh, and the meaning of its responses.

The `Profile` defines URLs, forms and error codes; this file defines their meaning. It has no state and does
not retry, because only the caller knows whether a request may be repeated.
"""

from collections import namedtuple

from . import http, jsontext
from .errors import SignInError, TemporaryError, invalid_user, needs_reauthentication, unexpected_answer

_LONGEST_LIFE_S = 10**9
_LONGEST_WAIT_MS = 24 * 3600 * 1000
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class Tokens(namedtuple("Tokens", "access_token refresh_token lifetime")):
    """The granted tokens, and the lifetime of the access token in milliseconds."""

    __slots__ = ()

    def __repr__(self):
        return f"Tokens(lifetime={self.lifetime})"


class Endpoints:
    """The hosts of every environment and region. Without overrides, those of the vendor."""

    def __init__(self, overrides=None):
        self._overrides = overrides

    def api(self, place):
        return self._of(place, 0, f"https://api.{place.domain}")

    def auth(self, place, home):
        """The base URL of the identity provider. `home` is the profile's default."""
        return self._of(place, 1, home)

    def _of(self, place, index, home):
        if self._overrides is None:
            return http.Base.parse(home)
        if place not in self._overrides:
            raise SignInError("incompatible", "this app is not set up for that environment and region")
        return self._overrides[place][index]


class IdentityProvider:
    def __init__(self, profile, endpoints, timeout, clock):
        self._profile = profile
        self._endpoints = endpoints
        self._timeout = timeout
        self._clock = clock

    def exchange(self, token, still_wanted, call):
        """Exchanges a sign-in token. Sent only once, because the token may be valid for one use only."""
        answer = self._post(token.place, self._profile.exchange(token), still_wanted, call)
        if answer.status == 200:
            return _tokens(answer, self._profile.exchange_fields)
        if self._error_word(answer) in self._profile.bad_sign_in_token:
            raise SignInError("invalidSignInToken", "the sign-in token was refused")
        raise self._other(answer)

    def refresh(self, session, still_wanted):
        """Exchanges the session's refresh token for new tokens."""
        answer = self._post(session.place, self._profile.refresh(session), still_wanted, None)
        if answer.status == 200:
            return _tokens(answer, self._profile.refresh_fields)
        word = self._error_word(answer)
        if word in self._profile.invalid_user:
            raise invalid_user()
        if word in self._profile.on_hold:
            raise needs_reauthentication()
        raise self._other(answer)

    def _error_word(self, answer):
        """The error code of a 4xx, or None. A 429 always means overload, whatever its body is."""
        if not 400 <= answer.status < 500 or answer.status == 429:
            return None
        try:
            word = self._profile.error_word(jsontext.parse_object(answer.body))
        except ValueError:
            return None
        return word if isinstance(word, str) else None

    def _other(self, answer):
        """The error for a response that is not about the token."""
        if answer.status == 429:
            return TemporaryError("the identity provider is busy", self._retry_after(answer))
        if answer.status >= 500:
            return TemporaryError("the identity provider has trouble", self._retry_after(answer))
        return unexpected_answer(f"status {answer.status}")

    def _retry_after(self, answer):
        return _retry_after(answer.headers, self._clock.now() / 1000)

    def _post(self, place, request, still_wanted, call):
        """Sends a request. `still_wanted` is the lock to hold while sending; it raises if the request is obsolete."""

        def submit(send):
            with still_wanted():
                send({"Content-Type": request.content_type}, request.body)

        base = self._endpoints.auth(place, request.home)
        return http.exchange(base, "POST", request.path, self._timeout, submit, call)


def _tokens(answer, names):
    try:
        fields = jsontext.parse_object(answer.body)
    except ValueError:
        raise unexpected_answer("no JSON object") from None
    access_token, refresh_token, lifetime = [fields.get(name) for name in names]
    lifetime = _seconds(lifetime)
    if not isinstance(access_token, str) or not http.is_header_safe(access_token):
        raise unexpected_answer("no usable access token")
    if not isinstance(refresh_token, str) or not refresh_token:
        raise unexpected_answer("no usable refresh token")
    if lifetime is None:
        raise unexpected_answer("no usable lifetime")
    return Tokens(access_token, refresh_token, int(lifetime * 1000))


def _seconds(value):
    """A lifetime in seconds: a number, or a string of digits."""
    if isinstance(value, str):
        value = int(value) if value.isascii() and value.isdigit() and len(value) <= 10 else None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value <= _LONGEST_LIFE_S:
        return None
    return value


def _retry_after(headers, now):
    """`Retry-After` in milliseconds, or None. A date is relative to the response's `Date` header, if it has one."""
    value = headers.get("retry-after", "")
    if value.isascii() and value.isdigit():
        return min(int(value[:12]) * 1000, _LONGEST_WAIT_MS)
    until = _http_date(value)
    if until is None:
        return None
    since = _http_date(headers.get("date", "")) or now
    return min(max(0, int((until - since) * 1000)), _LONGEST_WAIT_MS)


def _http_date(text):
    """Seconds since 1970 of `Wed, 21 Oct 2015 07:28:00 GMT`, or None."""
    try:
        _, day, month, year, clock, zone = text.split()
        hour, minute, second = [int(part) for part in clock.split(":")]
        day, month, year = int(day), _MONTHS.index(month) + 1, int(year)
        if zone != "GMT" or not 1970 <= year <= 9999:
            return None
    except ValueError:
        return None
    # Days since 1970, counting years from March so that the leap day comes last.
    shifted, years = (month + 9) % 12, year - (month < 3)
    days = years * 365 + years // 4 - years // 100 + years // 400 + (shifted * 306 + 5) // 10 + day - 719_469
    return days * 86_400 + hour * 3_600 + minute * 60 + second
