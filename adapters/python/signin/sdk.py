"""The calls that an app makes.

Each method reads the state under the lock, calls a server without the lock, reads the state again, and decides.
Concurrency of calls:

* `sign_in`, `configure` and `set_user_id` run one at a time, because each determines the user.
* `sign_out` does not wait. It ends the user's tenure, which ends the calls in flight.
* `request` and `refresh` overlap freely and share one refresh.
"""

from . import http, jsontext
from .call import Call, Turn
from .clock import SystemClock
from .errors import SignInError, other_user, signed_out_meanwhile
from .installation import Installation
from .junction import Junction
from .provider import Endpoints, IdentityProvider
from .refresh import Refresher
from .session import ApiKeySession, TokenSession, freshness, status_of
from .token import read_sign_in_token, same_user

_KEY_PREFIXES = {"production": ("pk",), "sandbox": ("sk",), "dev": ("pk", "sk")}


class SignInSdk:
    """The sign-in of one app. Creating it is the launch, which restores the signed-in user.

    `store` is a `SessionStore`. `profile` is a `Profile`, by default that of current releases. `timeout` is the time
    for one HTTP response in seconds, `patience` is in milliseconds (see `Refresher`). `on_status(words)` is called
    for every status change, `log(text)` for log lines, which contain no secrets.
    A method can be given a `Call`, with which the app can cancel it.
    """

    def __init__(
        self,
        store,
        profile=None,
        endpoints=None,
        clock=None,
        timeout=30.0,
        patience=10_000,
        on_status=lambda words: None,
        log=lambda text: None,
    ):
        self._profile = profile or Junction()
        self._clock = clock or SystemClock()
        self._endpoints = endpoints or Endpoints()
        self._timeout = timeout
        self._log = log
        self._provider = IdentityProvider(self._profile, self._endpoints, timeout, self._clock)
        self._installation = Installation(store, self._profile, on_status)
        self._refresher = Refresher(self._installation, self._provider, self._clock, timeout, patience, log)
        self._turn = Turn()
        self._identify_turn = Turn()
        with self._installation.lock:
            try:
                self._installation.load()
            except SignInError:
                log("secure storage cannot be read yet")
            self._installation.begin_reporting()

    def close(self):
        """Ends the app while the process lives. Work in flight ends at its next step: it sends and stores nothing more."""
        with self._installation.lock:
            self._installation.close()
            self._refresher.abandon(signed_out_meanwhile())

    # -- looking ---------------------------------------------------------------------------------

    def status(self):
        with self._using() as installation:
            return status_of(installation.session)

    def current_user_id(self):
        with self._using() as installation:
            return installation.user_id

    def storage_available(self):
        """To be called when the device was unlocked. Optional, but the app then gets its status earlier."""
        try:
            with self._using():
                pass
        except SignInError:
            pass

    # -- signing in and out ----------------------------------------------------------------------

    def sign_in(self, text, call=None):
        """Exchanges a sign-in token. Migrates an API-key installation of the same user; restores a session on hold."""
        token = self._read(text)
        with self._installation.lock:
            still_wanted = self._until_sign_out()
        self._sign_in(token, call or Call(), None, still_wanted)

    def _read(self, text):
        token = read_sign_in_token(text)
        self._profile.check(token)
        return token

    def _until_sign_out(self):
        """A check for a sign-in that starts now (lock held): it raises if the app has signed out since."""
        sign_outs = self._installation.sign_outs

        def check():
            if self._installation.sign_outs != sign_outs:
                raise SignInError("cancelled", "the app signed out during the sign-in")

        return check

    def _sign_in(self, token, call, external_user_id, still_wanted):
        with self._turn.of(call):
            with self._using() as installation:
                still_wanted()
                if not self._exchange_needed(installation.session, token):
                    self._remember_external_user(external_user_id)
                    return
                installation.require_writable()
            tokens = self._provider.exchange(token, lambda: self._installation.guard(still_wanted, call.check), call)
            with self._using() as installation, installation.section():
                installation.follow()
                still_wanted()
                call.check()
                before = installation.session
                if external_user_id is None and before is not None:
                    external_user_id = before.external_user_id
                installation.commit(
                    TokenSession(
                        place=token.place,
                        user_id=token.user_id,
                        access_token=tokens.access_token,
                        refresh_token=tokens.refresh_token,
                        fresh_until=freshness(self._clock.now(), tokens.lifetime),
                        on_hold=False,
                        external_user_id=external_user_id,
                        team_id=token.team_id,
                        **self._profile.kept(token),
                    )
                )
                installation.tenure.refresh_gate = None
                self._log("signed in with a sign-in token")

    @staticmethod
    def _exchange_needed(session, token):
        """Whether this token must be exchanged; raises if it is not allowed. Decided before anything is sent."""
        if session is None:
            return True
        if isinstance(session, ApiKeySession):
            if session.place != token.place:
                raise _of_another_place()
            if session.user_id is not None and not same_user(session.user_id, token.user_id):
                raise other_user()
            return True
        if not same_user(session.user_id, token.user_id):
            raise other_user()
        if session.place != token.place:
            raise _of_another_place()
        if None not in (session.team_id, token.team_id) and session.team_id != token.team_id:
            raise SignInError("incompatible", "the sign-in token is of another team than this installation")
        return session.on_hold

    def sign_out(self):
        """Erases session and configuration. Needs no network, and may be repeated."""
        with self._using(load=False):
            self._leave()

    def identify(self, external_user_id, authenticate, call=None):
        """Signs the app's user in, unless this user is signed in already.

        `authenticate(external_user_id)` requests a sign-in token from the app's backend. It is called only
        if a token is needed; any exception means that the backend failed.
        """
        call = call or Call()
        with self._identify_turn.of(call):
            with self._using() as installation:
                session = installation.session
                known = None if session is None else session.external_user_id
                if known == external_user_id and isinstance(session, TokenSession) and not session.on_hold:
                    return
                if known is not None and known != external_user_id:
                    self._leave()
                still_wanted = self._until_sign_out()
            token = self._authenticate(authenticate, external_user_id, call)
            with self._using() as installation:
                still_wanted()
                # A user who was signed in by another call may be the app's user or another; the token decides.
                if installation.user_id is not None and not same_user(installation.user_id, token.user_id):
                    self._leave()
                    still_wanted = self._until_sign_out()
            self._sign_in(token, call, external_user_id, still_wanted)

    def _leave(self):
        self._installation.sign_out()
        self._refresher.abandon(signed_out_meanwhile())

    def _authenticate(self, authenticate, external_user_id, call):
        try:
            text = authenticate(external_user_id)
        except SignInError:
            raise
        except Exception:
            raise SignInError("network", "the app's backend gave no sign-in token") from None
        call.check()
        if not isinstance(text, str):
            raise SignInError("invalidSignInToken", "the app's backend gave something else than a token")
        return self._read(text)

    def _remember_external_user(self, external_user_id):
        session = self._installation.session
        if external_user_id is not None and session.external_user_id != external_user_id:
            self._installation.commit(session._replace(external_user_id=external_user_id))

    # -- the API-key scheme ------------------------------------------------------------------------

    def configure(self, api_key, place, call=None):
        """Sets the API key. A new key for the same realm keeps the user; a signed-in user cannot change the realm."""
        _check_api_key(api_key, place)
        with self._turn.of(call or Call()), self._using() as installation:
            session = installation.session
            if session is None:
                session = ApiKeySession(place, api_key, None)
            elif isinstance(session, TokenSession):
                raise SignInError("alreadySignedIn", "a user is signed in with a sign-in token")
            elif session.user_id is not None and session.place != place:
                raise SignInError("alreadySignedIn", "a user of another environment or region is signed in")
            else:
                session = session._replace(place=place, api_key=api_key)
            if session != installation.session:
                installation.commit(session)

    def set_user_id(self, user_id, call=None):
        with self._turn.of(call or Call()), self._using() as installation:
            session = installation.session
            if session is None:
                raise SignInError("notConfigured", "configure the SDK before you set the user")
            if session.user_id is None:
                installation.commit(session._replace(user_id=user_id))
            elif not same_user(session.user_id, user_id):
                raise other_user()

    # -- using the session -------------------------------------------------------------------------

    def begin(self):
        """A `Call` of the current user. `request` and `refresh` with it never run for the next user; after the end
        of the session they raise the error that ended it."""
        call = Call()
        with self._installation.lock:
            call.tenure = self._installation.tenure
        return call

    def refresh(self, call=None):
        """Refreshes the access token now, or joins the refresh in flight."""
        call = call or Call()
        with self._using() as installation:
            tenure = call.tenure or installation.tenure
            session = installation.signed_in(tenure)
            if isinstance(session, ApiKeySession):
                raise SignInError("unsupported", "the API-key scheme has no access token to refresh")
        try:
            self._refresher.renew(tenure, session.access_token, call)
        finally:
            self._installation.deliver()

    def request(self, method, path, call=None, body=None):
        """One call to the vendor API, with a JSON body in bytes; returns (status, JSON body or None)."""
        call = call or Call()
        with self._using() as installation:
            tenure = call.tenure or installation.tenure
            session = installation.signed_in(tenure)
        try:
            if isinstance(session, TokenSession) and not self._refresher.is_fresh(session):
                self._refresher.renew(tenure, session.access_token, call)
            sent, answer = self._send(tenure, method, path, body, call)
            if answer.status == 401 and isinstance(sent, TokenSession):
                self._refresher.renew(tenure, sent.access_token, call)
                sent, answer = self._send(tenure, method, path, body, call)
                if answer.status == 401:
                    raise SignInError("unauthorized", "the API refuses a new access token, too")
        finally:
            self._installation.deliver()
        return answer.status, _json_or_none(answer.body)

    def _send(self, tenure, method, path, body, call):
        """Sends with the current credentials, never with those before a rotation, a migration or a sign-out."""
        sent = None

        def submit(send):
            nonlocal sent
            with self._installation.guard(tenure.check, call.check):
                sent = self._installation.signed_in(tenure)
                headers = _credentials(sent)
                if body is not None:
                    headers["Content-Type"] = "application/json"
                send(headers, body)

        with self._installation.lock:
            place = self._installation.signed_in(tenure).place
        base = self._endpoints.api(place)
        answer = http.exchange(base, method, path, self._timeout, submit, call)
        return sent, answer

    def _using(self, load=True):
        return _Using(self._installation, load)


class _Using:
    """Locks and loads the installation; on exit, changes are reported to the app."""

    def __init__(self, installation, load):
        self._installation = installation
        self._load = load

    def __enter__(self):
        self._installation.lock.acquire()
        if self._load:
            try:
                self._installation.load()
            except BaseException:
                self._installation.lock.release()
                raise
        return self._installation

    def __exit__(self, *_):
        self._installation.lock.release()
        self._installation.deliver()


def _credentials(session):
    if isinstance(session, ApiKeySession):
        return {"x-vital-api-key": session.api_key}
    return {"Authorization": f"Bearer {session.access_token}"}


def _check_api_key(api_key, place):
    """Checks the prefix of a key: `pk` production, `sk` sandbox, then the region. For `dev` only the region."""
    prefixes = [f"{kind}_{place.region}_" for kind in _KEY_PREFIXES[place.environment]]
    if not http.is_header_safe(api_key):
        raise SignInError("invalidApiKey", "the API key is malformed")
    if not any(api_key.startswith(prefix) and api_key != prefix for prefix in prefixes):
        raise SignInError("invalidApiKey", "the API key is not one of this environment and region")


def _of_another_place():
    return SignInError("incompatible", "the sign-in token is of another environment or region than this installation")


def _json_or_none(body):
    try:
        return jsontext.parse(body)
    except ValueError:
        return None
