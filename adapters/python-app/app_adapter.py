"""Connects the app of `app.py` to Vouch: each message of the app protocol, and the SDK and backend that Vouch simulates.

`start` and `setUser` are fast and run on the reading thread, so they take effect before the next message.
A reconciliation waits for Vouch's responses, and runs on its own thread.
"""

import os
import sys
import threading

from app import App, UserChanged
from notes import Notes, User
from vouch_adapter.channel import LineChannel
from vouch_adapter.errors import CALL_FAILED, INVALID_PARAMS, INVALID_REQUEST, METHOD_NOT_FOUND, Refused
from vouch_adapter.peer import Peer


_MISSING = object()


class _BadParams(Exception):
    pass


class _Failed(Exception):
    """A call of the app failed. Its kind is reported to the harness."""

    def __init__(self, kind, message):
        super().__init__(message)
        self.kind = kind


class AppAdapter:
    def __init__(self):
        self._peer = Peer(LineChannel.over_stdio())
        self._app = None
        self._at_once = {"initialize": self._initialize, "start": self._start, "setUser": self._set_user}

    def run(self):
        self._peer.read(self._handle)
        os._exit(0)  # the input has ended

    def _handle(self, method, identity, params):
        if identity is None:
            return  # notifications are ignored
        if method == "stop":
            self._peer.answer(identity, {})
            os._exit(0)
        elif method not in self._at_once and method != "reconcile":
            self._peer.refuse(identity, METHOD_NOT_FOUND, "no such method")
        elif self._app is None and method in ("setUser", "reconcile"):
            self._peer.refuse(identity, INVALID_REQUEST, "`start` comes first")
        elif method == "reconcile":
            arguments = (self._reconcile, identity, params)
            threading.Thread(target=self._perform, args=arguments, daemon=True).start()
        else:
            self._perform(self._at_once[method], identity, params)

    def _perform(self, action, identity, params):
        try:
            if not isinstance(params, dict):
                raise _BadParams("params must be an object")
            result = action(params)
        except _BadParams as problem:
            self._peer.refuse(identity, INVALID_PARAMS, str(problem))
        except _Failed as problem:
            self._peer.refuse(identity, CALL_FAILED, str(problem), problem.kind)
        except UserChanged as problem:
            self._peer.refuse(identity, CALL_FAILED, str(problem), "cancelled")
        except OSError as problem:
            self._peer.refuse(identity, CALL_FAILED, f"the app's storage failed: {type(problem).__name__}", "storage")
        except Exception as problem:
            # The place of the exception without its text, which may contain a token.
            print(f"unexpected {type(problem).__name__}, line {_line_of(problem)}", file=sys.stderr)
            self._peer.refuse(identity, CALL_FAILED, f"unexpected {type(problem).__name__}", "internal")
        else:
            self._peer.answer(identity, result)

    # -- the messages ------------------------------------------------------------------------------

    def _initialize(self, params):
        if params.get("protocol") != 1:
            raise _BadParams("this adapter speaks protocol 1")
        app = {"name": "python-example-app", "version": "1.0.0", "platform": "python"}
        return {"protocol": 1, "app": app, "capabilities": []}

    def _start(self, params):
        if self._app is not None:
            raise _BadParams("started already")
        self._app = App(Notes(_text(params.get("storage"), "storage")), _Sdk(self._peer), _Backend(self._peer))
        return {}

    def _set_user(self, params):
        if "user" not in params:  # null means no user; a missing field is an error
            raise _BadParams("`user` must be an object or null")
        self._app.set_user(None if params["user"] is None else _user(params["user"]))
        return {}

    def _reconcile(self, params):
        self._app.reconcile()
        return {}


class _Sdk:
    """The SDK for the app."""

    def __init__(self, peer):
        self._peer = peer

    def status(self):
        words = _ask(self._peer, "sdk.status").get("status")
        if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
            raise _odd("sdk.status")
        return words

    def current_user_id(self):
        user_id = _ask(self._peer, "sdk.currentUserId").get("userId", _MISSING)
        if not isinstance(user_id, (str, type(None))):  # null means no user; a missing field is an error
            raise _odd("sdk.currentUserId")
        return user_id

    def sign_in(self, token):
        _ask(self._peer, "sdk.signIn", {"token": token})

    def sign_out(self):
        _ask(self._peer, "sdk.signOut")


class _Backend:
    """The app's backend. It identifies the user by the app's session, so requests name no user."""

    def __init__(self, peer):
        self._peer = peer

    def sign_in_token(self):
        token = _ask(self._peer, "backend.signInToken").get("token")
        if not isinstance(token, str):
            raise _odd("backend.signInToken")
        return token


def _ask(peer, method, params=None):
    try:
        result = peer.ask(method, params or {})
    except Refused as refused:
        raise _Failed(refused.kind or "internal", f"{method}: {refused}") from None
    if not isinstance(result, dict):
        raise _odd(method)
    return result


def _odd(method):
    return _Failed("unexpectedAnswer", f"{method}: the answer makes no sense")


def _user(fields):
    if not isinstance(fields, dict):
        raise _BadParams("`user` must be an object or null")
    user_id = fields.get("userId")
    return User(
        _text(fields.get("externalUserId"), "externalUserId"), None if user_id is None else _text(user_id, "userId")
    )


def _text(value, name):
    if not isinstance(value, str) or not value:
        raise _BadParams(f"`{name}` must be a string that is not empty")
    return value


def _line_of(problem):
    trace = problem.__traceback__
    while trace.tb_next is not None:
        trace = trace.tb_next
    return f"{os.path.basename(trace.tb_frame.f_code.co_filename)}:{trace.tb_lineno}"
