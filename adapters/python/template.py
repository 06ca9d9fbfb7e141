"""A template: connect your SDK to Vouch here. Copy this file and fill in each place marked FILL IN, from the top to the bottom.

Run `vouch run --target vouch.toml --filter first-sign-in` as soon as `start`, `sign_in`, `status` and `request` work.

The adapter is test code: keep it thin. It must not repair what the SDK does: no retry of its own, no default for a missing value,
no error that is caught and dropped. Otherwise Vouch tests the adapter and not the SDK.
"""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))  # `python3 -I` does not look beside this file

from vouch_adapter import Adapter, CallError, Sdk, serve  # noqa: E402


def fill_in(what):
    """Delete this when the template is filled in."""
    return CallError("unsupported", f"template.py: fill in {what}")


class MyAdapter(Adapter):
    # FILL IN: what reports call the build.
    sdk = {"name": "my-sdk", "version": "0.0.0", "platform": "python"}

    # FILL IN, one at a time, when all the rest works. `clock` first: hours then pass at once. Claim only what works.
    #   "clock"         the SDK takes its time from `host.clock.now()` and waits by `host.clock.sleep()` only
    #   "reuse"         after `stop` nothing is left of the SDK, so that this process can start it again for another case
    #   "refresh"       `refresh` works
    #   "statusStream"  `host.status_changed` is called for each change
    #   "apiKey"        the older scheme: `configure` and `set_user_id` work
    #   "identify"      `identify` works
    #   "cancel"        each call ends when its `call` is cancelled
    #   "requestBody"   `request` sends the body
    #   "storageFiles"  everything that the SDK keeps is files in the folders of `launch.storage`
    #   "storageLock"   `lock_storage` and `launch.storage.locked` work
    #   "secondProcess" two processes may use one storage at the same time, such as the app and a widget
    #   "wake"          `launch.background` and `foreground` work: the app can be launched without a user interface
    #   "gcip"          the SDK speaks the wire format of older releases
    capabilities = []

    def kind_of(self, error):
        # FILL IN: what the app can do after an error that your SDK raises. docs/adapter-protocol.md lists the kinds,
        # docs/sdk-authors.md maps the errors of platforms. An error that you do not know is "internal", and Vouch reports it as a
        # failure: never map it to "network".
        # if isinstance(error, NotSignedIn): return "notSignedIn"
        if isinstance(error, (ConnectionError, TimeoutError)):
            return "network"
        return "internal"

    def start(self, launch, host):
        # `junction` is the wire format of current releases. Refuse one that your SDK does not speak.
        if launch.profile != "junction":
            raise CallError("unsupported", f"the SDK does not speak {launch.profile}")
        # FILL IN: create the SDK as an app does at launch. A user who was signed in before is signed in now, without a call.
        #
        # launch.storage.secure      a folder in place of the keychain
        # launch.storage.plain       a folder in place of preferences, files and databases
        # launch.storage.volatile    a folder in place of what a reboot clears
        # launch.endpoints           each with environment, region, api, auth: give ALL of them to the SDK, in place of its table
        #                            of hosts. The SDK must choose, by its token or configuration
        # launch.request_timeout_ms  set the SDK's HTTP client to it
        # host.clock                 now() and sleep(milliseconds): real time until you claim `clock`
        # host.status_changed        to be called with the status words from the SDK's own status stream
        # host.log                   to be called with each line of the SDK's own log
        #
        # return Calls(MySdk(launch.storage.secure, launch.endpoints, host.clock))
        return Calls()


class Calls(Sdk):
    """FILL IN each call. It returns or raises when the SDK's own call does. A call that your SDK does not have: delete it."""

    def sign_in(self, token, call):
        """Exchanges the sign-in token. Returns when the user is signed in."""
        raise fill_in("sign_in")

    def sign_out(self, call):
        """Erases the session and the configuration."""
        raise fill_in("sign_out")

    def status(self, call):
        # FILL IN: a list of: configured, signedIn, useApiKey, useSignInToken, pendingReauthentication. As written here nobody is
        # ever signed in.
        return []

    def current_user_id(self, call):
        # FILL IN: the id of the signed-in user, or None.
        return None

    def request(self, request, call):
        """One call to the vendor API, with the SDK's own choice of host and credentials: `request.method`, `request.path`, and
        `request.body` if `request.has_body`. Returns the HTTP status and the parsed JSON, or None. An HTTP status is a result, not
        an error."""
        raise fill_in("request")

    def storage(self, call):
        # FILL IN: everything that the SDK keeps: a list of (area, key, value), the area `secure`, `plain` or `volatile`. As written
        # here nothing is kept. Delete this call when you claim `storageFiles`.
        return []

    def refresh(self, call):
        """Refreshes the access token now."""
        raise fill_in("refresh")

    # More calls, if your SDK has them: configure, set_user_id, identify, lock_storage, foreground, clock_moved, stop. See vouch_adapter.Sdk.


if __name__ == "__main__":
    serve(MyAdapter(), sys.argv[1:])
