"""The methods of the adapter protocol, each mapped to a call of the SDK.

Messages that must take effect before the next one (start, time, the storage lock) are handled on the reading
thread, and are fast. Every call of the SDK has its own thread: it may wait for a server, for Vouch or for
another call, while Vouch sends further messages.
"""

import binascii
import os
import sys
import threading

from signin import http, jsontext
from signin.call import Call
from signin.clock import SystemClock
from signin.errors import SignInError, as_sign_in_error
from signin.gcip import Gcip
from signin.junction import Junction
from signin.provider import Endpoints
from signin.sdk import SignInSdk
from signin.storage import Area, SessionStore
from signin.token import ENVIRONMENTS, REGIONS, Place

from .clock import HarnessClock
from .peer import INVALID_PARAMS, INVALID_REQUEST, METHOD_NOT_FOUND, SDK_ERROR, Channel, Peer

_CAPABILITIES = [
    "apiKey", "identify", "statusStream", "storageFiles", "storageLock", "refresh", "cancel", "requestBody", "gcip",
]
_PROFILES = {profile.name: profile for profile in (Junction(), Gcip())}
_AREAS = ("secure", "plain", "volatile")

# Without Vouch's clock a call must end within its deadline (10 s of real time).
_REAL_TIME_PATIENCE_MS = 2_000
_PATIENCE_MS = 10_000


class _BadParams(Exception):
    pass


class Adapter:
    def __init__(self, with_clock, reuse=False):
        self._peer = Peer()
        self._with_clock = with_clock
        self._reuse = reuse
        self._channel = None
        self._clock = None
        self._areas = {}
        self._sdk = None
        self._calls = {}
        self._guard = threading.Lock()
        self._at_once = {
            "initialize": self._initialize,
            "start": self._start,
            "clock": self._move_clock,
            "lockStorage": self._lock_storage,
        }
        self._on_a_thread = {
            "signIn": self._sign_in,
            "signOut": self._sign_out,
            "status": self._status,
            "currentUserId": self._current_user_id,
            "configure": self._configure,
            "setUserId": self._set_user_id,
            "identify": self._identify,
            "request": self._request,
            "refresh": self._refresh,
            "storage": self._storage,
        }

    def run(self):
        self._peer.read_forever(self._handle)

    # -- from message to call ----------------------------------------------------------------------

    def _handle(self, method, identity, params):
        if identity is None:
            if method == "cancel":
                self._cancel(params)
            return  # unknown notifications are ignored
        if not isinstance(identity, (int, float, str)):
            self._peer.refuse(None, INVALID_REQUEST, "an id is a number or a string")
        elif method == "stop":
            again = self._reuse and isinstance(params, dict) and params.get("reuse") is True
            if again:
                self._end_launch()
            self._peer.answer(identity, {})
            if not again:
                os._exit(0)
        elif method in self._at_once:
            self._perform(self._at_once[method], identity, params, Call())
        elif method not in self._on_a_thread:
            self._peer.refuse(identity, METHOD_NOT_FOUND, "no such method")
        elif self._sdk is None:
            self._peer.refuse(identity, INVALID_REQUEST, "`start` comes first")
        else:
            call = self._sdk.begin()
            with self._guard:
                self._calls[identity] = call
            arguments = (self._on_a_thread[method], identity, params, call)
            threading.Thread(target=self._perform, args=arguments, daemon=True).start()

    def _perform(self, action, identity, params, call):
        try:
            if not isinstance(params, dict):
                raise _BadParams("params must be an object")
            result = action(params, call)
        except _BadParams as problem:
            self._peer.refuse(identity, INVALID_PARAMS, str(problem))
        except Exception as problem:
            error = as_sign_in_error(problem)
            if error.kind == "internal":
                _explain(problem)
            self._peer.refuse(identity, SDK_ERROR, str(error), error.kind)
        else:
            self._peer.answer(identity, result)
        finally:
            with self._guard:
                self._calls.pop(identity, None)

    def _cancel(self, params):
        identity = params.get("id") if isinstance(params, dict) else None
        with self._guard:
            call = self._calls.get(identity) if isinstance(identity, (int, float, str)) else None
        if call is not None:
            call.cancel()

    # -- the life of the process -------------------------------------------------------------------

    def _initialize(self, params, call):
        if params.get("protocol") != 1:
            raise _BadParams("this adapter speaks protocol 1")
        return {
            "protocol": 1,
            "sdk": {"name": "python-example", "version": "1.0.0", "platform": "python"},
            "capabilities": _CAPABILITIES
            + (["clock"] if self._with_clock else [])
            + (["reuse"] if self._reuse else []),
        }

    def _start(self, params, call):
        if self._sdk is not None:
            raise _BadParams("started already")
        profile = _profile(params)
        storage = _object(params, "storage")
        locked = storage.get("locked", False)
        timeout = _number(params, "requestTimeoutMs") / 1000
        endpoints = _endpoints(params)
        self._areas = {name: Area(_text(storage, name)) for name in _AREAS}
        self._areas["secure"].set_locked(locked is True)
        self._channel = channel = Channel(self._peer)
        self._clock = HarnessClock(channel, _number(params, "now")) if self._with_clock else SystemClock()

        def log(text):
            channel.notify("log", {"text": text})

        self._sdk = SignInSdk(
            SessionStore(self._areas["secure"], self._areas["plain"], log),
            profile=profile,
            endpoints=endpoints,
            clock=self._clock,
            timeout=timeout,
            patience=_PATIENCE_MS if self._with_clock else _REAL_TIME_PATIENCE_MS,
            on_status=lambda words: channel.notify("statusChanged", {"status": words}),
            log=log,
        )
        return {}

    def _end_launch(self):
        """The next message is the `start` of another case, which must find nothing of this one."""
        if self._sdk is None:
            return
        self._channel.close()
        self._sdk.close()
        self._sdk = self._clock = self._channel = None
        self._areas = {}

    def _move_clock(self, params, call):
        now = _number(params, "now")
        if isinstance(self._clock, HarnessClock):
            self._clock.move(now)
        return {}

    def _lock_storage(self, params, call):
        locked = params.get("locked")
        if not isinstance(locked, bool):
            raise _BadParams("`locked` must be true or false")
        if self._sdk is None:
            raise _BadParams("`start` comes first")
        self._areas["secure"].set_locked(locked)
        if not locked:
            self._sdk.storage_available()
        return {}

    # -- the SDK's calls ---------------------------------------------------------------------------

    def _sign_in(self, params, call):
        self._sdk.sign_in(_text(params, "token"), call)
        return {}

    def _sign_out(self, params, call):
        self._sdk.sign_out()
        return {}

    def _status(self, params, call):
        return {"status": self._sdk.status()}

    def _current_user_id(self, params, call):
        return {"userId": self._sdk.current_user_id()}

    def _configure(self, params, call):
        place = _place(params)
        self._sdk.configure(_text(params, "apiKey"), place, call)
        return {}

    def _set_user_id(self, params, call):
        self._sdk.set_user_id(_text(params, "userId"), call)
        return {}

    def _identify(self, params, call):
        def authenticate(external_user_id):
            return self._channel.ask("authenticate", {"externalUserId": external_user_id}, call)["token"]

        self._sdk.identify(_text(params, "externalUserId"), authenticate, call)
        return {}

    def _request(self, params, call):
        method, path = _text(params, "method"), _text(params, "path")
        if not (method.isascii() and method.isalpha()):
            raise _BadParams("`method` must be a word")
        if not path.startswith("/"):
            raise _BadParams("`path` must begin with /")
        body = params.get("body")
        data = None if body is None else jsontext.write(body)
        status, answer = self._sdk.request(method.upper(), path, call, data)
        return {"status": status, "body": answer}

    def _refresh(self, params, call):
        self._sdk.refresh(call)
        return {}

    def _storage(self, params, call):
        items = []
        for area in _AREAS:
            for key, value in self._areas[area].items():
                items.append({"area": area, "key": key, "value": _readable(value)})
        return {"items": items}


# -- params ----------------------------------------------------------------------------------------


def _text(params, name):
    value = params.get(name)
    if not isinstance(value, str):
        raise _BadParams(f"`{name}` must be a string")
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        raise _BadParams(f"`{name}` must be Unicode text") from None
    return value


def _number(params, name):
    value = params.get(name)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise _BadParams(f"`{name}` must be a number")
    return int(value)


def _object(params, name):
    value = params.get(name)
    if not isinstance(value, dict):
        raise _BadParams(f"`{name}` must be an object")
    return value


def _profile(params):
    profile = _PROFILES.get(_text(params, "profile"))
    if profile is None:
        raise SignInError("unsupported", "this SDK does not speak that wire profile")
    return profile


def _place(params):
    place = Place(_text(params, "environment"), _text(params, "region"))
    if place.environment not in ENVIRONMENTS or place.region not in REGIONS:
        raise _BadParams("no such environment or region")
    return place


def _endpoints(params):
    entries = params.get("endpoints")
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise _BadParams("`endpoints` must be a list of objects")
    try:
        return Endpoints(
            {
                _place(entry): (http.Base.parse(_text(entry, "api")), http.Base.parse(_text(entry, "auth")))
                for entry in entries
            }
        )
    except ValueError as problem:
        raise _BadParams(f"an endpoint is {problem}") from None


# -- output ----------------------------------------------------------------------------------------


def _readable(value):
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return binascii.b2a_base64(value, newline=False).decode("ascii")


def _explain(problem):
    """The place of an unexpected exception, without its text, which may contain a secret."""
    print(f"unexpected {type(problem).__name__}", file=sys.stderr)
    trace = problem.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        print(f"  {os.path.basename(code.co_filename)}:{trace.tb_lineno} in {code.co_name}", file=sys.stderr)
        trace = trace.tb_next
