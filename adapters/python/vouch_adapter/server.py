"""The methods of the protocol, and the calls of the SDK behind them."""

import binascii
import sys
import threading
import time

from .adapter import ApiRequest
from .call import Call
from .errors import CALL_FAILED, INVALID_PARAMS, INVALID_REQUEST, KINDS, METHOD_NOT_FOUND, CallError, RpcError
from .host import HarnessClock, LaunchHost
from .launch import Launch

PROTOCOL = 1

_LONGEST_END_S = 3

_REQUIRED = {
    "initialize": {"protocol": "number"},
    "start": {"profile": "string", "storage": "object", "endpoints": "list", "requestTimeoutMs": "number"},
    "signIn": {"token": "string"},
    "configure": {"apiKey": "string", "environment": "string", "region": "string"},
    "setUserId": {"userId": "string"},
    "identify": {"externalUserId": "string"},
    "request": {"method": "string", "path": "string"},
    "lockStorage": {"locked": "boolean"},
    "clock": {"now": "number"},
}
"""What each request must have: method, then names with their types."""


def _request(sdk, params, call):
    request = ApiRequest(params["method"], params["path"], "body" in params, params.get("body"))
    status, body = sdk.request(request, call)
    return {"status": status, "body": body}


_CALLS = {
    "signIn": lambda sdk, params, call: _done(sdk.sign_in(params["token"], call)),
    "signOut": lambda sdk, params, call: _done(sdk.sign_out(call)),
    "configure": lambda sdk, params, call: _done(
        sdk.configure(params["apiKey"], params["environment"], params["region"], call)
    ),
    "setUserId": lambda sdk, params, call: _done(sdk.set_user_id(params["userId"], call)),
    "identify": lambda sdk, params, call: _done(sdk.identify(params["externalUserId"], call)),
    "refresh": lambda sdk, params, call: _done(sdk.refresh(call)),
    "lockStorage": lambda sdk, params, call: _done(sdk.lock_storage(params["locked"], call)),
    "foreground": lambda sdk, params, call: _done(sdk.foreground(call)),
    "status": lambda sdk, params, call: {"status": list(sdk.status(call))},
    "currentUserId": lambda sdk, params, call: {"userId": sdk.current_user_id(call)},
    "request": _request,
    "storage": lambda sdk, params, call: {"items": [_item(*item) for item in sdk.storage(call)]},
}
"""The calls that go to the SDK, and the result of each as the protocol wants it."""


class _Launched:
    """One launch of the SDK."""

    def __init__(self, host):
        self.host = host
        self.calls = {}
        self._started = threading.Event()
        self._sdk = None
        self._failure = None

    def start(self, adapter, launch):
        try:
            self._sdk = adapter.start(launch, self.host)
        except BaseException as error:
            self._failure = error
            raise
        finally:
            self._started.set()

    @property
    def sdk(self):
        """The SDK once it is started. Waits for that."""
        self._started.wait()
        if self._failure is not None:
            raise self._failure
        return self._sdk

    def begin(self, call):
        """Whether the SDK is started already, and was given the call."""
        if self._sdk is not None:
            self._sdk.begin(call)
            return True
        return False

    def end(self):
        """From now on this launch says nothing of its own, and its calls end."""
        self.host.close()
        for call in list(self.calls.values()):
            call.cancel()

    def await_answers(self):
        """After the answer to `stop` nothing may be sent. A call that does not end in time is a fault that Vouch reports."""
        deadline = time.monotonic() + _LONGEST_END_S
        for call in list(self.calls.values()):
            call.answered.wait(max(0, deadline - time.monotonic()))


class AdapterServer:
    def __init__(self, adapter, peer, on_stop):
        """`on_stop()` is called after the answer to a `stop` that ends the process."""
        self._adapter = adapter
        self._peer = peer
        self._on_stop = on_stop
        self._launched = None

    def handle(self, method, identity, params):
        """One message, on the thread that reads."""
        if identity is None:
            if method == "cancel":
                self._cancel(params)
            return  # unknown notifications are ignored
        params = _checked(method, params)
        if method == "initialize":
            self._peer.answer(identity, self._initialize(params))
        elif method == "start":
            self._start(params, identity)
        elif method == "stop":
            _on_a_thread(self._stop, params, identity)
        elif method == "clock":
            self._move_clock(params, identity)
        elif method not in _CALLS:
            raise RpcError(METHOD_NOT_FOUND, "no such method")
        else:
            self._call(self._now(), method, params, identity)

    def close(self):
        """The connection has ended: nothing may go on."""
        last, self._launched = self._launched, None
        if last is not None:
            last.end()
            try:
                last.sdk.stop()
            except Exception as error:
                _explain(error)

    def _initialize(self, params):
        newest, oldest = params["protocol"], params.get("minProtocol", params["protocol"])
        if newest < PROTOCOL or not _is("number", oldest) or oldest > PROTOCOL:
            raise RpcError(INVALID_PARAMS, f"this adapter speaks protocol {PROTOCOL}")
        adapter = self._adapter
        answer = {"protocol": PROTOCOL, "sdk": adapter.sdk, "capabilities": list(adapter.capabilities)}
        if adapter.token_storage is not None:
            answer["tokenStorage"] = list(adapter.token_storage)
        return answer

    def _start(self, params, identity):
        if self._launched is not None:
            raise RpcError(INVALID_REQUEST, "started already")
        launch, now = Launch(params), None
        if "clock" in self._adapter.capabilities:
            now = params.get("now")
            if not _is("number", now):
                raise RpcError(INVALID_PARAMS, "`now` must be a number")
        launched = _Launched(LaunchHost(self._peer, now))
        self._launched = launched

        def work(call):
            try:
                launched.start(self._adapter, launch)
            except BaseException:
                self._launched = None  # another `start` may follow
                raise
            return {}

        self._perform(launched, identity, work, Call(launched.host))

    def _move_clock(self, params, identity):
        launched, now = self._now(), params["now"]
        if isinstance(launched.host.clock, HarnessClock):
            launched.host.clock.move(now)  # here, so that the next call finds the new time
        self._perform(launched, identity, lambda call: _done(launched.sdk.clock_moved(now)), Call(launched.host))

    def _call(self, launched, method, params, identity):
        call = Call(launched.host)
        try:
            begun = launched.begin(call)
        except Exception as error:
            self._refuse(identity, error)
            return

        def work(call):
            sdk = launched.sdk
            if not begun:
                sdk.begin(call)
            return _CALLS[method](sdk, params, call)

        self._perform(launched, identity, work, call)

    def _stop(self, params, identity):
        launched, failure = self._launched, None
        reuse = params.get("reuse") is True and "reuse" in self._adapter.capabilities
        if launched is not None and reuse:
            launched.end()
        try:
            if launched is not None:
                launched.sdk.stop()
        except BaseException as error:
            failure = error
        if launched is not None and reuse:
            launched.await_answers()
        self._launched = None
        if failure is None:
            self._peer.answer(identity, {})
        else:
            self._refuse(identity, failure)
        if not reuse:
            self._on_stop()

    def _cancel(self, params):
        identity = params.get("id") if isinstance(params, dict) else None
        launched = self._launched
        if launched is not None and isinstance(identity, (int, float, str)):
            call = launched.calls.get(identity)
            if call is not None:
                call.cancel()

    def _now(self):
        if self._launched is None:
            raise RpcError(INVALID_REQUEST, "`start` comes first")
        return self._launched

    def _perform(self, launched, identity, work, call):
        """Runs on a thread of its own, and answers."""
        launched.calls[identity] = call

        def run():
            try:
                self._peer.answer(identity, work(call))
            except BaseException as error:  # a call that calls sys.exit is answered, too
                self._refuse(identity, error)
            finally:
                launched.calls.pop(identity, None)
                call.answered.set()

        _on_a_thread(run)

    def _refuse(self, identity, error):
        """What the SDK has raised, as an error of the protocol."""
        if isinstance(error, RpcError):
            self._peer.refuse(identity, error.code, str(error))
            return
        self._peer.refuse(identity, CALL_FAILED, str(error) or type(error).__name__, self._kind_of(error))

    def _kind_of(self, error):
        if isinstance(error, CallError):
            return error.kind if error.kind in KINDS else "internal"
        try:
            kind = self._adapter.kind_of(error)
        except Exception as mistake:
            _explain(mistake)
            kind = "internal"
        if kind in KINDS and kind != "internal":
            return kind
        _explain(error)
        return "internal"


def _on_a_thread(action, *arguments):
    threading.Thread(target=action, args=arguments, daemon=True).start()


def _done(_):
    return {}


def _item(area, key, value):
    if not isinstance(value, str):
        try:
            value = bytes(value).decode("utf-8")
        except UnicodeDecodeError:
            value = binascii.b2a_base64(value, newline=False).decode("ascii")
    return {"area": area, "key": key, "value": value}


def _checked(method, params):
    if not isinstance(params, dict):
        raise RpcError(INVALID_PARAMS, "params must be an object")
    for name, kind in _REQUIRED.get(method, {}).items():
        if not _is(kind, params.get(name)):
            raise RpcError(INVALID_PARAMS, f"`{name}` must be a {kind}")
    return params


def _is(kind, value):
    if kind == "string":
        return isinstance(value, str) and _is_unicode(value)
    if kind == "number":
        return isinstance(value, (int, float)) and not isinstance(value, bool) and value - value == 0  # finite
    if kind == "boolean":
        return isinstance(value, bool)
    return isinstance(value, dict if kind == "object" else list)


def _is_unicode(text):
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:  # a lone surrogate, which cannot be written
        return False
    return True


def _explain(error):
    """The traceback of an unexpected exception, on standard error, which Vouch shows."""
    import traceback  # late: it is seldom needed

    traceback.print_exception(type(error), error, error.__traceback__, file=sys.stderr)
