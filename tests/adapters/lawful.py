"""The example SDK of adapters/python with one additional behaviour, named by the first argument. Every behaviour is permitted."""

import os
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../adapters/python"))

from signin import http, provider, sdk  # noqa: E402
from signin.errors import SignInError  # noqa: E402
from vouch_adapter import serve  # noqa: E402
from worked import Calls, WorkedAdapter  # noqa: E402

HABIT = sys.argv[1]
sign_in = sdk.SignInSdk._sign_in


def refresh_if_due(build):
    """Refreshes an expired access token in the background; who calls meanwhile shares it."""

    def work():
        try:
            with build._using() as installation:
                tenure, session = installation.tenure, installation.session
                due = session is not None and hasattr(session, "access_token") and not session.on_hold
                due = due and not build._refresher.is_fresh(session)
            if due:
                build._refresher.renew(tenure, session.access_token, sdk.Call())
        except SignInError:
            pass
        finally:
            build._installation.deliver()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(1)


def look_after_user(build):
    try:
        user = build.current_user_id()
        if user and "useSignInToken" in build.status():
            build.request("GET", "/v2/user/" + user)
    except SignInError:
        pass


def with_timer(build, clock):
    def run():
        while True:
            clock.sleep(50 * 60 * 1000, background=True)
            refresh_if_due(build)

    threading.Thread(target=run, daemon=True).start()


class Adapter(WorkedAdapter):
    def start(self, launch, host):
        plain = launch.storage.plain
        if HABIT == "pipe" and not os.path.exists(os.path.join(plain, "ipc")):
            os.mkfifo(os.path.join(plain, "ipc"))
            os.symlink("..", os.path.join(plain, "up"))
        calls = super().start(launch, host)
        if HABIT == "refreshes-at-launch":
            refresh_if_due(calls.sdk)
        if HABIT == "asks-at-launch":
            asking = threading.Thread(target=look_after_user, args=(calls.sdk,), daemon=True)
            asking.start()
            asking.join(1)
        if HABIT == "tells-first-status":
            try:
                host.status_changed(calls.sdk.status())
            except SignInError:
                pass  # locked for the moment
        if HABIT == "timer":
            with_timer(calls.sdk, host.clock)
        return calls


def moved(self, now):
    if HABIT == "refreshes-when-time-passes":
        refresh_if_due(self.sdk)


def signed_in(self, token, *more):
    sign_in(self, token, *more)
    look_after_user(self)


def looks_up(self, place, request, *more):
    """Also looks up the account, as the public JavaScript SDK of `gcip` does, and fetches the keys of access tokens."""
    answer = post(self, place, request, *more)
    base = self._endpoints.auth(place, request.home)
    for method, path, body in (("POST", "/v1/accounts:lookup", b"{}"), ("GET", "/.well-known/jwks.json", None)):
        # The response does not matter: some providers have no such call.
        http.exchange(base, method, path, self._timeout, lambda send, body=body: send({}, body))
    return answer


class LateShow:
    """Reads the storage before a sign-out that is in flight erases it, and shows it after that has been answered."""

    def __init__(self):
        self.begun, self.read, self.erased = threading.Event(), threading.Event(), threading.Event()
        self.show, self.erase = Calls.storage, Calls.sign_out

    def storage(self, calls, call):
        items = self.show(calls, call)
        if self.begun.is_set() and not self.erased.is_set():
            self.read.set()
            self.erased.wait(1)
            time.sleep(0.1)
        return items

    def sign_out(self, calls, call):
        self.begun.set()
        self.read.wait(0.3)
        try:
            self.erase(calls, call)
        finally:
            self.erased.set()


Calls.clock_moved = moved
if HABIT == "shows-storage-late":
    late = LateShow()
    Calls.storage = lambda calls, call: late.storage(calls, call)
    Calls.sign_out = lambda calls, call: late.sign_out(calls, call)
if HABIT == "asks-after-sign-in":
    sdk.SignInSdk._sign_in = signed_in
if HABIT == "exchanges-again":
    needed = sdk.SignInSdk._exchange_needed
    sdk.SignInSdk._exchange_needed = staticmethod(lambda session, token: needed(session, token) or True)
if HABIT == "looks-up":
    post, provider.IdentityProvider._post = provider.IdentityProvider._post, looks_up
if HABIT == "other-letter-case":
    plain_credentials, http.FORM = sdk._credentials, "Application/X-WWW-Form-Urlencoded; charset=utf-8"
    form = http.form
    http.form = lambda **fields: form(client_id="mobile", **fields)

    def credentials(session):
        headers = plain_credentials(session)
        bearer = headers.pop("Authorization", None) or headers.pop("authorization", None)
        return headers if bearer is None else {**headers, "authorization": bearer.replace("Bearer", "bearer")}

    sdk._credentials = credentials

adapter = Adapter(with_clock=True)
if HABIT == "shows-storage-late":
    adapter.capabilities.remove("storageFiles")
serve(adapter)
