"""Connects the worked SDK of `signin/` to Vouch."""

from signin import http, jsontext
from signin.errors import SignInError
from signin.gcip import Gcip
from signin.junction import Junction
from signin.provider import Endpoints
from signin.sdk import SignInSdk
from signin.storage import Area, EarlierStore, SessionStore
from signin.token import ENVIRONMENTS, REGIONS, Place
from vouch_adapter import Adapter, CallError, Sdk
from vouch_adapter.errors import INVALID_PARAMS, RpcError

_CAPABILITIES = (
    "apiKey", "identify", "statusStream", "storageFiles", "storageLock", "refresh", "cancel", "requestBody", "gcip",
    "secondProcess", "wake",
)  # fmt: skip
_PROFILES = {profile.name: profile for profile in (Junction(), Gcip())}

# Without Vouch's clock a call must end within its deadline (10 s of real time).
_REAL_TIME_PATIENCE_MS = 2_000
_PATIENCE_MS = 10_000


class WorkedAdapter(Adapter):
    sdk = {"name": "python-example", "version": "1.0.0", "platform": "python"}

    def __init__(self, with_clock=True, reuse=False, release=None):
        self._release = release
        more = (["clock"] if with_clock else []) + (["reuse"] if reuse else [])
        self.capabilities = [*_CAPABILITIES, *more]
        self._patience = _PATIENCE_MS if with_clock else _REAL_TIME_PATIENCE_MS

    def kind_of(self, error):
        return error.kind if isinstance(error, SignInError) else "internal"

    def start(self, launch, host):
        profile = _PROFILES.get(launch.profile)
        if profile is None:
            raise CallError("unsupported", "this SDK does not speak that wire profile")
        areas = {name: Area(getattr(launch.storage, name)) for name in ("secure", "plain", "volatile")}
        areas["secure"].set_locked(launch.storage.locked)
        sdk = SignInSdk(
            self._store(areas["secure"], areas["plain"], host.log),
            profile=profile,
            endpoints=_endpoints(launch),
            clock=host.clock,
            timeout=launch.request_timeout_ms / 1000,
            patience=self._patience,
            on_status=host.status_changed,
            log=host.log,
        )
        return Calls(sdk, areas)

    def _store(self, secure, plain, log):
        return SessionStore(secure, plain, log) if self._release is None else EarlierStore(self._release, secure, plain)


class Calls(Sdk):
    """The calls of the SDK. Each is given the SDK's own `Call`, which the app's cancellation reaches."""

    def __init__(self, sdk, areas):
        self.sdk = sdk
        self.areas = areas

    def begin(self, call):
        call.context = self.sdk.begin()
        call.on_cancel(call.context.cancel)

    def sign_in(self, token, call):
        self.sdk.sign_in(token, call.context)

    def sign_out(self, call):
        self.sdk.sign_out()

    def status(self, call):
        return self.sdk.status()

    def current_user_id(self, call):
        return self.sdk.current_user_id()

    def configure(self, api_key, environment, region, call):
        self.sdk.configure(api_key, _place(environment, region), call.context)

    def set_user_id(self, user_id, call):
        self.sdk.set_user_id(user_id, call.context)

    def identify(self, external_user_id, call):
        self.sdk.identify(external_user_id, call.authenticate, call.context)

    def request(self, request, call):
        body = jsontext.write(request.body) if request.has_body else None
        return self.sdk.request(request.method.upper(), request.path, call.context, body)

    def refresh(self, call):
        self.sdk.refresh(call.context)

    def storage(self, call):
        return [(name, key, value) for name, area in self.areas.items() for key, value in area.items()]

    def lock_storage(self, locked, call):
        self.areas["secure"].set_locked(locked)
        if not locked:
            self.sdk.storage_available()

    def foreground(self, call):
        # The SDK does the same in the background.
        pass

    def stop(self):
        self.sdk.close()


def _place(environment, region):
    if environment not in ENVIRONMENTS or region not in REGIONS:
        raise RpcError(INVALID_PARAMS, "no such environment or region")
    return Place(environment, region)


def _endpoints(launch):
    return Endpoints(
        {
            _place(end.environment, end.region): (http.Base.parse(end.api), http.Base.parse(end.auth))
            for end in launch.endpoints
        }
    )
