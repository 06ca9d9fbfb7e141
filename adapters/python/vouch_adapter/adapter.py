"""What you write: the adapter, and the calls of your SDK."""

from .errors import CallError


class Adapter:
    """Your SDK, as Vouch sees it."""

    sdk = {"name": "my-sdk", "version": "0.0.0", "platform": "python"}
    """What reports call the build."""

    capabilities = ()
    """Claim only what works: a case that needs another capability is skipped. docs/adapter-protocol.md lists them."""

    token_storage = None
    """The areas that the platform protects well enough for tokens; None for `["secure"]`."""

    def kind_of(self, error):
        """The kind of an exception that your SDK raises. A `CallError` has one already. What you do not know is `internal`."""
        return "internal"

    def start(self, launch, host):
        """The app is launched: set your SDK up on this storage, and return its calls, an `Sdk`.

        `launch` is a `Launch`, `host` a `LaunchHost`. A user who was signed in before is signed in now, without a call.
        """
        raise NotImplementedError


class ApiRequest:
    """One call to the vendor API. `body` is the JSON to send; it counts only if `has_body`."""

    __slots__ = ("method", "path", "has_body", "body")

    def __init__(self, method, path, has_body, body):
        self.method = method
        self.path = path
        self.has_body = has_body
        self.body = body


def _absent(method):
    return CallError("unsupported", f"the SDK has no call {method}")


class Sdk:
    """The calls of your SDK. Write blocking code: each call has a thread of its own. It returns or raises when the SDK's own call
    does. What you leave out is answered with the kind `unsupported`.

    `call` is the `Call`: it says whether the app has cancelled it.
    """

    def begin(self, call):
        """Optional. A call was read. This runs on the thread that reads, in the order of the messages, before the call has a
        thread. It must not wait. What it leaves in `call.context` is for the call."""

    def sign_in(self, token, call):
        """Exchanges the sign-in token."""
        raise _absent("signIn")

    def sign_out(self, call):
        """Erases the session and the configuration."""
        raise _absent("signOut")

    def status(self, call):
        """Some of: configured, signedIn, useApiKey, useSignInToken, pendingReauthentication."""
        raise _absent("status")

    def current_user_id(self, call):
        """The id of the signed-in user, or None."""
        raise _absent("currentUserId")

    def request(self, request, call):
        """One call to the vendor API, an `ApiRequest`, with the SDK's own choice of host and credentials. Returns the HTTP status
        and the parsed JSON, or None. An HTTP status is a result, not an error."""
        raise _absent("request")

    def refresh(self, call):
        """Refreshes the access token now."""
        raise _absent("refresh")

    def configure(self, api_key, environment, region, call):
        """The API-key scheme."""
        raise _absent("configure")

    def set_user_id(self, user_id, call):
        """The API-key scheme."""
        raise _absent("setUserId")

    def identify(self, external_user_id, call):
        """Signs in as the app's user. `call.authenticate(external_user_id)` returns a sign-in token."""
        raise _absent("identify")

    def storage(self, call):
        """All that the SDK keeps: (area, key, value) for each item; the area is `secure`, `plain` or `volatile`, the value a
        string or bytes. Not needed with the capability `storageFiles`."""
        raise _absent("storage")

    def lock_storage(self, locked, call):
        """Secure storage can be neither read nor written until it is unlocked."""
        raise _absent("lockStorage")

    def foreground(self, call):
        """The app, which was launched with `launch.background`, comes to the foreground."""
        raise _absent("foreground")

    def clock_moved(self, now):
        """Vouch has moved its clock. `host.clock` shows the new time already."""

    def stop(self):
        """The app is closed. With the capability `reuse` another one may start in this process: end every thread, timer and
        connection, and forget all that is in memory."""
