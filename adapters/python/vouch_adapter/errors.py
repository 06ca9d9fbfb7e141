"""The errors of calls, and those of the protocol itself."""

KINDS = frozenset(
    (
        "alreadySignedIn",
        "invalidSignInToken",
        "incompatible",
        "notConfigured",
        "notSignedIn",
        "invalidUser",
        "needsReauthentication",
        "network",
        "unauthorized",
        "invalidApiKey",
        "unexpectedAnswer",
        "storage",
        "cancelled",
        "unsupported",
        "internal",
    )
)
"""What the app can do after a call that failed. docs/adapter-protocol.md says when to use which."""

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
CALL_FAILED = -32000


class CallError(Exception):
    """A call of the SDK that is refused or failed. `kind` is one of `KINDS`; the message is shown, and searched for secrets."""

    def __init__(self, kind, message):
        super().__init__(message)
        self.kind = kind


class RpcError(Exception):
    """An error of JSON-RPC itself, with its code."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


class Refused(Exception):
    """The other side answered a request with an error. `kind` is its kind, or None if it has none of `KINDS`."""

    def __init__(self, error):
        error = error if isinstance(error, dict) else {}
        data, message = error.get("data"), error.get("message")
        kind = data.get("kind") if isinstance(data, dict) else None
        super().__init__(message if isinstance(message, str) else "no reason given")
        self.kind = kind if isinstance(kind, str) and kind in KINDS else None
