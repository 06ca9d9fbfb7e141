"""What an app gives to its SDK at launch."""

from .errors import INVALID_PARAMS, RpcError


class Storage:
    """Three folders that exist.

    `secure` stands for the keychain; `plain` for preferences, files and databases; `volatile` for what a reboot clears. `locked`,
    only with the capability `storageLock`: secure storage can be neither read nor written.
    """

    __slots__ = ("secure", "plain", "volatile", "locked")

    def __init__(self, fields):
        self.secure = _text(fields, "secure")
        self.plain = _text(fields, "plain")
        self.volatile = _text(fields, "volatile")
        self.locked = fields.get("locked") is True


class Endpoint:
    """The addresses of one environment and region."""

    __slots__ = ("environment", "region", "api", "auth")

    def __init__(self, fields):
        if not isinstance(fields, dict):
            raise RpcError(INVALID_PARAMS, "an endpoint must be an object")
        self.environment = _text(fields, "environment")
        self.region = _text(fields, "region")
        self.api = _text(fields, "api")
        self.auth = _text(fields, "auth")


class Launch:
    """`profile` is the wire format: `junction` for current releases, `gcip` for older ones. `storage` is a `Storage`. `endpoints`
    has an `Endpoint` for each environment and region: give all of them to the SDK, it must choose. `background`,
    only with the capability `wake`: the app has no user interface until `foreground`. `request_timeout_ms` is how long the SDK may wait for one HTTP answer, in milliseconds of real time. `params` is the message as it came.
    """

    __slots__ = ("profile", "storage", "background", "endpoints", "request_timeout_ms", "params")

    def __init__(self, params):
        self.profile = params["profile"]
        self.storage = Storage(params["storage"])
        self.background = params.get("background") is True
        self.endpoints = [Endpoint(entry) for entry in params["endpoints"]]
        self.request_timeout_ms = params["requestTimeoutMs"]
        self.params = params


def _text(fields, name):
    value = fields.get(name)
    if not isinstance(value, str):
        raise RpcError(INVALID_PARAMS, f"`{name}` must be a string")
    return value
