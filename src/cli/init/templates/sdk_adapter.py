"""The adapter between Vouch and your SDK: `python3 -I -S adapter.py`.

It speaks JSON-RPC 2.0 over standard input and output, one message per line; docs/adapter-protocol.md of Vouch describes each
message. As written here it answers `initialize`, `start` and `stop`, says that nobody is signed in, and refuses the SDK's other
calls with `unsupported`. Fill in the places marked FILL IN, from the top to the bottom, and run
`vouch run --target vouch.toml --filter first-sign-in` after `sign_in`, `status` and `request`.

Keep it thin: no retry of its own, no default for a missing value, no error that is caught and dropped. Otherwise Vouch tests the
adapter and not the SDK.
"""

import json
import os
import signal
import sys
import threading


class Refused(Exception):
    """The SDK refuses a call. `kind` is a word of the table of kinds in docs/adapter-protocol.md."""

    def __init__(self, kind, message):
        super().__init__(message)
        self.kind = kind


class Calls:
    """The calls of the SDK. Each method takes the params of its request and returns the result."""

    def __init__(self, params):
        # FILL IN: the app is launched. Create the SDK as the app does. `params["storage"]` has the folders `secure`, `plain` and
        # `volatile`; `params["endpoints"]` has the hosts; `params["requestTimeoutMs"]` is the limit for one HTTP answer.
        # A user who was signed in before is signed in again now, without a call.
        self.params = params

    def sign_in(self, params):
        # FILL IN: exchange the sign-in token `params["token"]`, and return {}.
        raise Refused("unsupported", "signIn is not filled in")

    def status(self, params):
        # FILL IN: return some of: configured, signedIn, useApiKey, useSignInToken, pendingReauthentication. As written here nobody
        # is ever signed in.
        return {"status": []}

    def current_user_id(self, params):
        # FILL IN: the id of the signed-in user, or None. As written here nobody is ever signed in.
        return {"userId": None}

    def request(self, params):
        # FILL IN: call the vendor API with `params["method"]` and `params["path"]`; return {"status": ..., "body": JSON or None}.
        raise Refused("unsupported", "request is not filled in")

    def sign_out(self, params):
        # FILL IN: erase the session and the configuration, and return {}.
        raise Refused("unsupported", "signOut is not filled in")

    def storage(self, params):
        # FILL IN: everything that the SDK keeps, as {"area": "secure", "plain" or "volatile", "key": ..., "value": ...}. As written
        # here nothing is kept.
        return {"items": []}


# What `initialize` answers. FILL IN the name and version, and the capabilities, one at a time, when all the rest works:
# claim only what works. docs/adapter-protocol.md lists them.
INITIALIZED = {
    "protocol": 1,
    "sdk": {"name": "my-sdk", "version": "0.0.0", "platform": "python"},
    "capabilities": [],
}

METHODS = {
    "signIn": Calls.sign_in,
    "signOut": Calls.sign_out,
    "status": Calls.status,
    "currentUserId": Calls.current_user_id,
    "request": Calls.request,
    "storage": Calls.storage,
}

# Add the calls that your SDK has to METHODS; until then they are refused with `unsupported`.
OPTIONAL = {"refresh", "configure", "setUserId", "identify", "lockStorage", "clock"}

INVALID_REQUEST, METHOD_NOT_FOUND, INVALID_PARAMS, SDK_ERROR = -32600, -32601, -32602, -32000

_output = threading.Lock()


def send(identity, **outcome):
    line = json.dumps({"jsonrpc": "2.0", "id": identity, **outcome})
    with _output:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


def refuse(identity, code, message, **data):
    send(identity, error={"code": code, "message": message, **data})


def call(sdk, identity, method, params):
    """One call of the SDK, on a thread of its own: Vouch sends several requests without waiting for answers."""
    try:
        if method not in METHODS:
            raise Refused("unsupported", f"the SDK has no call {method}")
        result = METHODS[method](sdk, params)
    except Refused as refused:
        refuse(identity, SDK_ERROR, str(refused), data={"kind": refused.kind})
    except Exception as error:  # FILL IN: the errors of your SDK become `Refused`; what is left is a failure of the SDK
        # The name of the exception without its text, which may contain a token.
        refuse(identity, SDK_ERROR, f"unexpected {type(error).__name__}", data={"kind": "internal"})
    else:
        send(identity, result=result)


def main():
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    sdk = None
    for line in sys.stdin:
        try:
            message = json.loads(line)
        except ValueError:
            refuse(None, -32700, "not JSON")
            continue
        if not isinstance(message, dict) or not isinstance(message.get("method"), str):
            refuse(None, INVALID_REQUEST, "not a request")
            continue
        if "id" not in message:
            continue  # a notification; `cancel` comes only where it is claimed
        identity, method, params = message["id"], message["method"], message.get("params", {})
        if isinstance(identity, bool) or not isinstance(identity, (int, float, str)):
            refuse(None, INVALID_REQUEST, "an id is a number or a string")
        elif not isinstance(params, dict):
            refuse(identity, INVALID_PARAMS, "params must be an object")
        elif method == "initialize":
            send(identity, result=INITIALIZED)
        elif method == "start" and sdk is not None:
            refuse(identity, INVALID_REQUEST, "started already")
        elif method == "start":
            if params.get("profile", "junction") != "junction":
                refuse(identity, SDK_ERROR, "the SDK speaks junction only", data={"kind": "unsupported"})
                continue
            sdk = Calls(params)
            send(identity, result={})
        elif method == "stop":
            send(identity, result={})
            os._exit(0)
        elif method not in METHODS and method not in OPTIONAL:
            refuse(identity, METHOD_NOT_FOUND, "no such method")
        elif sdk is None:
            refuse(identity, INVALID_REQUEST, "`start` comes first")
        else:
            threading.Thread(target=call, args=(sdk, identity, method, params), daemon=True).start()
    os._exit(0)  # standard input has ended


if __name__ == "__main__":
    main()
