"""The client of the vendor's API: the calls for a sign-in token, and the meaning of their responses.

Only user ids, the token and a number of seconds leave this file, because the vendor's error text may repeat
the request with the API key.
"""

import concurrent.futures
import json
import re
import time
from collections import namedtuple
from http.cookiejar import DefaultCookiePolicy
from urllib.parse import quote

import requests

from .waiting import Flights, within

_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_SECONDS = re.compile(r"[0-9]{1,9}")


class VendorError(Exception):
    """A token could not be issued. `status` is for the app; the text contains no secrets and can be logged."""

    def __init__(self, text, status, retry_after=None):
        super().__init__(text)
        self.status = status
        self.retry_after = retry_after


class Vendor:
    def __init__(self, url, api_key, timeout):
        self._url = url.rstrip("/")
        self._timeout = timeout
        self._flights = Flights()
        self._http = requests.Session()
        self._http.trust_env = False  # ignores proxies and .netrc of this machine
        self._http.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))  # users share this session
        for scheme in ("http://", "https://"):
            self._http.mount(scheme, requests.adapters.HTTPAdapter(pool_maxsize=32, max_retries=0))
        self._http.headers["x-vital-api-key"] = api_key

    def sign_in_token(self, app_user):
        """A new sign-in token for the app user's vendor user, within the timeout of two vendor calls."""
        deadline = time.monotonic() + 2 * self._timeout
        try:
            # Concurrent first requests of a user make one lookup and one creation. Concurrent requests in other
            # processes get the conflict response.
            user_id = self._flights.join(
                app_user, deadline - time.monotonic(), lambda: self._find_or_create(app_user, deadline)
            )
        except concurrent.futures.TimeoutError:
            raise VendorError("waiting for another lookup of the user: too long", 503) from None
        what = "issuing the token"
        answer = self._call(what, "POST", f"/v2/user/{user_id}/sign_in_token", None, deadline)
        token = answer.fields.get("sign_in_token")
        if answer.status != 200:
            raise _refused(what, answer)
        whose = _user_id(answer.fields)
        # Case-insensitive: the vendor may return a user id in another letter case.
        if whose is None or whose.lower() != user_id.lower() or not isinstance(token, str) or not token:
            raise _nonsense(what)
        return token

    def _find_or_create(self, app_user, deadline):
        # HTTP clients resolve a path segment `..`, percent-encoded or not, as the parent folder. Such a user is
        # found by the conflict response.
        if app_user not in (".", ".."):
            what = "looking the user up"
            answer = self._call(what, "GET", f"/v2/user/resolve/{quote(app_user, safe='')}", None, deadline)
            if answer.status == 200:
                return _owned_user_id(what, answer, app_user)
            if answer.status != 404:  # after a failure it is unknown whether the user exists
                raise _refused(what, answer)
        what = "creating the user"
        answer = self._call(what, "POST", "/v2/user", {"client_user_id": app_user}, deadline)
        if answer.status in (200, 201):
            return _owned_user_id(what, answer, app_user)
        detail = answer.fields.get("detail")
        existing = _user_id(detail) if answer.status == 400 and isinstance(detail, dict) else None
        if existing is None:
            raise _refused(what, answer)
        return existing

    def _call(self, what, method, path, body, deadline):
        patience = min(self._timeout, deadline - time.monotonic())
        if patience <= 0:
            raise VendorError(f"{what}: no time left", 503)
        try:
            # The timeout of `requests` is per read, so a slow body could take forever.
            return within(patience, lambda: self._exchange(method, path, body, patience))
        except (concurrent.futures.TimeoutError, requests.Timeout):
            raise VendorError(f"{what}: no answer in time", 503) from None
        except Exception as error:
            # Only the type: the texts of `requests` contain URLs and invalid headers.
            raise VendorError(f"{what}: {type(error).__name__}", 503) from None

    def _exchange(self, method, path, body, patience):
        # Redirects are not followed: they would send the API key to a host that was not configured.
        answer = self._http.request(method, self._url + path, json=body, timeout=patience, allow_redirects=False)
        return _Answer(answer.status_code, _object(answer.content), answer.headers.get("Retry-After", ""))


_Answer = namedtuple("_Answer", "status fields retry_after")


def _object(content):
    """The JSON object of a body, or an empty one; every field is checked later."""
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _user_id(fields):
    """Checks that a user id is a UUID, because it becomes part of a path."""
    value = fields.get("user_id")
    return value if isinstance(value, str) and _UUID.fullmatch(value) else None


def _owned_user_id(what, answer, app_user):
    user_id = _user_id(answer.fields)
    if user_id is None or answer.fields.get("client_user_id") != app_user:
        raise _nonsense(what)
    return user_id


def _nonsense(what):
    return VendorError(f"{what}: the answer makes no sense", 502)


def _refused(what, answer):
    text = f"{what}: status {answer.status}"
    if answer.status == 429:
        return VendorError(text, 503, answer.retry_after if _SECONDS.fullmatch(answer.retry_after) else None)
    return VendorError(text, 503 if answer.status >= 500 else 502)
