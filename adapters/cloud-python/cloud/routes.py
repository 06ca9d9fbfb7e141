"""Maps path and method of a request to its handler and the allowed credentials.

The checks are, in this order: path, method, credentials, body.
"""

from urllib.parse import parse_qs, unquote

from . import api, hooks, identity
from .answers import Answer, Refusal
from .realms import Place

# The first match is used, so fixed names come before user ids. Each method states who may use it: only
# the team, or also an installation of the user.
_TEAM, _OWN_USER = "team", "own user"
_API = [
    ("user", {"GET": (_TEAM, api.list_users), "POST": (_TEAM, api.create_user)}),
    ("user/metrics", {"GET": (_TEAM, api.metrics)}),
    ("user/undo_delete", {"POST": (_TEAM, api.undo_delete)}),
    ("user/resolve/{client_user_id}", {"GET": (_TEAM, api.resolve_user)}),
    ("user/{user_id}", {"GET": (_OWN_USER, api.get_user), "DELETE": (_TEAM, api.delete_user)}),
    ("user/{user_id}/sign_in_token", {"POST": (_TEAM, api.sign_in_token)}),
    ("summary/{resource}/{user_id}", {"GET": (_OWN_USER, api.summary)}),
]
_CONTROL = {
    "revoke": hooks.revoke,
    "advance": hooks.advance,
    "refuse-access-tokens": hooks.refuse_access_tokens,
}


class Request:
    """`headers` is the message object of `http.client`, `body` is bytes."""

    def __init__(self, method, target, headers, body, loopback):
        if target.startswith(("http://", "https://")):  # the absolute form, which clients send to a proxy
            target = "/" + target.partition("://")[2].partition("/")[2]
        path, _, self._query = target.partition("?")
        self.method = method
        self.segments = [unquote(segment) for segment in path.removeprefix("/").split("/")]
        self.body = body
        self.loopback = loopback
        self._headers = headers

    def header(self, name):
        """A header, or None if it is missing. A repeated header has no single value and equals no text."""
        values = self._headers.get_all(name)
        return None if values is None else "".join(values) if len(values) == 1 else ""

    def content_type(self):
        value = self.header("Content-Type")
        return None if value is None else value.partition(";")[0].strip().lower()

    def count(self, name, default):
        """A number in the query."""
        text = parse_qs(self._query, keep_blank_values=True).get(name, [None])[-1]
        if text is None:
            return default
        if not (text.isascii() and text.isdecimal() and len(text) <= 9):
            raise Refusal(422, "INVALID_REQUEST", f"`{name}` must be a number")
        return int(text)


class Router:
    def __init__(self, cloud):
        self._cloud = cloud

    def answer(self, request):
        """Raises `Refusal`."""
        first, *rest = request.segments
        if request.segments == ["healthz"]:
            _method(request, {"GET"})
            return Answer({"status": "ok"})
        if first == "control" and request.loopback:
            return self._control(request, rest)
        if len(request.segments) > 3:
            realm = self._cloud.realms.get(Place(first, request.segments[1]))
            service, rest = request.segments[2], request.segments[3:]
            if realm is not None and service == "api" and rest[0] == "v2":
                return _api(realm, request, rest[1:])
            if realm is not None and service == "auth" and rest == ["v1", "token"]:
                _method(request, {"POST"})
                return identity.token(realm, request)
        raise _nothing_here()

    def _control(self, request, rest):
        hook = _CONTROL.get("/".join(rest))
        if hook is None:
            raise _nothing_here()
        _method(request, {"POST"})
        return hook(self._cloud, request)


def _api(realm, request, segments):
    for pattern, methods in _API:
        names = _match(pattern, segments)
        if names is None:
            continue
        _method(request, methods)
        audience, handler = methods[request.method]
        user = api.authenticate(realm, request)
        if audience is _TEAM:
            api.require_team(user)
        else:
            api.require_own(user, names["user_id"])
        return handler(realm, request, **names)
    raise _nothing_here()


def _match(pattern, segments):
    """The named segments, or None. A name matches any segment that is not empty."""
    wanted = pattern.split("/")
    if len(wanted) != len(segments):
        return None
    names = {}
    for want, segment in zip(wanted, segments, strict=True):
        if want.startswith("{") and segment:
            names[want.strip("{}")] = segment
        elif want != segment:
            return None
    return names


def _method(request, allowed):
    if request.method not in allowed:
        raise Refusal(405, "METHOD_NOT_ALLOWED", "not by that method", {"Allow": ", ".join(sorted(allowed))})


def _nothing_here():
    return Refusal(404, "NOT_FOUND", "nothing is here")
