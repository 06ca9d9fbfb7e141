"""The adapter between Vouch and your app: `python3 -I -S adapter.py`.

It speaks JSON-RPC 2.0 over standard input and output, one message per line; docs/app-protocol.md of Vouch describes each message.
As written here it answers `initialize`, `start` and `stop`, and refuses each other call with `unsupported`. Fill in the places
marked FILL IN. During `reconcile`, `ask` calls the SDK and the backend, which Vouch plays.
"""

import itertools
import json
import os
import queue
import signal
import sys
import threading


class Refused(Exception):
    """A call fails. `kind` is a word of the table of kinds in docs/adapter-protocol.md."""

    def __init__(self, kind, message):
        super().__init__(message)
        self.kind = kind


class App:
    """The app. Each method takes the params of its request and returns the result."""

    def __init__(self, params):
        # FILL IN: the app is launched. `params["storage"]` is its folder; restore the signed-in user from it.
        self.params = params

    def set_user(self, params):
        # FILL IN: store the user `params["user"]`, which is None when nobody is signed in, and return {}.
        raise Refused("unsupported", "setUser is not filled in")

    def reconcile(self, params):
        # FILL IN: compare the app's user with the SDK's, and bring the SDK into agreement. For example:
        #   status = ask("sdk.status")["status"]
        #   ask("sdk.signIn", {"token": ask("backend.signInToken")["token"]})
        raise Refused("unsupported", "reconcile is not filled in")


# What `initialize` answers. FILL IN the name and version.
INITIALIZED = {
    "protocol": 1,
    "app": {"name": "my-app", "version": "0.0.0", "platform": "python"},
    "capabilities": [],
}

METHODS = {"setUser": App.set_user, "reconcile": App.reconcile}

INVALID_REQUEST, METHOD_NOT_FOUND, INVALID_PARAMS, SDK_ERROR = -32600, -32601, -32602, -32000

_output = threading.Lock()
_ids = itertools.count(1)
_waiting = {}


def send(message):
    line = json.dumps({"jsonrpc": "2.0", **message})
    with _output:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


def refuse(identity, code, message, **data):
    send({"id": identity, "error": {"code": code, "message": message, **data}})


def ask(method, params=None):
    """Calls the SDK or the backend, and returns the result. An error has the kind with which `reconcile` must end."""
    identity = next(_ids)
    _waiting[identity] = answer = queue.Queue(1)
    send({"id": identity, "method": method, "params": params or {}})
    message = answer.get()
    if "error" in message:
        error = message["error"]
        raise Refused(error.get("data", {}).get("kind", "internal"), error.get("message", ""))
    return message["result"]


def call(app, identity, method, params):
    """One call of the app, on a thread of its own: `setUser` may arrive during a `reconcile`."""
    try:
        result = METHODS[method](app, params)
    except Refused as refused:
        refuse(identity, SDK_ERROR, str(refused), data={"kind": refused.kind})
    except Exception as error:
        # The name of the exception without its text, which may contain a token.
        refuse(identity, SDK_ERROR, f"unexpected {type(error).__name__}", data={"kind": "internal"})
    else:
        send({"id": identity, "result": result})


def handle(app, identity, method, params):
    """Handles one request, and returns the app."""
    if isinstance(identity, bool) or not isinstance(identity, (int, float, str)):
        refuse(None, INVALID_REQUEST, "an id is a number or a string")
    elif not isinstance(params, dict):
        refuse(identity, INVALID_PARAMS, "params must be an object")
    elif method == "initialize":
        send({"id": identity, "result": INITIALIZED})
    elif method == "start" and app is None:
        app = App(params)
        send({"id": identity, "result": {}})
    elif method == "start":
        refuse(identity, INVALID_REQUEST, "started already")
    elif method == "stop":
        send({"id": identity, "result": {}})
        os._exit(0)
    elif method not in METHODS:
        refuse(identity, METHOD_NOT_FOUND, "no such method")
    elif app is None:
        refuse(identity, INVALID_REQUEST, "`start` comes first")
    else:
        threading.Thread(target=call, args=(app, identity, method, params), daemon=True).start()
    return app


def main():
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    app = None
    for line in sys.stdin:
        try:
            message = json.loads(line)
        except ValueError:
            refuse(None, -32700, "not JSON")
            continue
        if not isinstance(message, dict):
            refuse(None, INVALID_REQUEST, "not a request")
        elif "method" in message and "id" in message:
            app = handle(app, message["id"], message["method"], message.get("params", {}))
        elif message.get("id") in _waiting:
            _waiting.pop(message["id"]).put(message)
    os._exit(0)  # standard input has ended


if __name__ == "__main__":
    main()
