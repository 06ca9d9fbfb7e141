"""The single refresh in flight.

Refresh tokens rotate: a second refresh with the same token could end the session. Therefore all callers who
need a new access token share one refresh. It runs on its own thread, so that the others still get their
token if the caller who started it is cancelled.
"""

import os
import threading
import time

from .errors import SignInError, TemporaryError, as_sign_in_error, invalid_user

_RETRIES = 2
_FIRST_PAUSE = 500
_REAL_TIME_BUDGET_S = 8.0


class _Flight:
    def __init__(self, tenure):
        self.tenure = tenure
        self.calls = []
        self.done = False
        self.error = None
        self.session = None


class Refresher:
    """`patience` is the longest Retry-After, in milliseconds, that is waited for while callers wait."""

    def __init__(self, installation, provider, clock, timeout, patience, log):
        self._installation = installation
        self._provider = provider
        self._clock = clock
        self._timeout = timeout
        self._patience = patience
        self._log = log
        self._flight = None

    def renew(self, tenure, stale, call):
        """Returns a session whose access token differs from `stale`, after a refresh if necessary.

        A caller whose token was refused passes that token. If it has been replaced in the meantime,
        the current session is returned and no second refresh is sent.
        """
        with self._installation.lock:
            session = self._installation.signed_in(tenure)
            if session.access_token != stale and self.is_fresh(session):
                return session
            flight = self._flight
            if flight is None:
                self._check_gate(tenure)
                self._installation.require_writable()
                flight = _Flight(tenure)
                threading.Thread(target=self._fly, args=(flight, session), daemon=True).start()
                self._flight = flight  # the thread waits for the lock, so this is in time
            flight.calls.append(call)
        try:
            call.wait_until(lambda: flight.done)
        finally:
            with self._installation.lock:
                flight.calls.remove(call)
        if flight.error is not None:
            raise flight.error.again()
        return flight.session

    def is_fresh(self, session):
        return self._clock.now() < session.fresh_until

    def abandon(self, reason):
        """Ends the refresh after a sign-out (lock held): waiting callers get an error, and the response is dropped."""
        if self._flight is not None:
            self._finish(self._flight, reason)

    # -- the thread of the refresh -----------------------------------------------------------------

    def _fly(self, flight, session):
        error = None
        try:
            self._attempt_until_answered(flight, session)
        except BaseException as caught:  # the waiting callers must get any error
            error = as_sign_in_error(caught)
        try:
            self._installation.deliver()
        finally:
            with self._installation.lock:
                self._finish(flight, error)

    def _finish(self, flight, error):
        if flight.done:
            return
        flight.error = error
        flight.done = True
        self._close(flight)
        for call in flight.calls:
            call.wake()

    def _close(self, flight):
        """Closes this refresh for further callers (lock held)."""
        if self._flight is flight:
            self._flight = None

    def _attempt_until_answered(self, flight, session):
        began = time.monotonic()
        attempt = 0
        while True:
            try:
                return self._attempt(flight, session)
            except TemporaryError as trouble:
                pause = self._pause(flight, attempt, trouble, began)
                if pause is None:
                    raise
            self._log(f"refresh failed for the moment, next attempt in {pause} ms")
            self._clock.sleep(pause)
            attempt += 1

    def _attempt(self, flight, session):
        def still_wanted():
            return self._installation.guard(flight.tenure.check)

        with self._installation.refresh_turn():
            with still_wanted():  # checked before connecting, and again before sending
                self._installation.follow()
                current = self._installation.signed_in(flight.tenure)
                if current.access_token != session.access_token:
                    self._close(flight)
                    flight.session = current  # another process has refreshed
                    return
            try:
                tokens = self._provider.refresh(session, still_wanted)
            except SignInError as refusal:
                with still_wanted():
                    self._refused(flight, refusal)
                raise
            with still_wanted(), self._installation.section():
                self._installation.follow()
                flight.tenure.check()  # another process may have signed out
                self._close(flight)
                renewed = self._installation.session.with_tokens(tokens, self._clock.now())
                self._installation.adopt(renewed)
                flight.session = self._installation.signed_in(flight.tenure)  # `storage` if it is not durable

    def _refused(self, flight, refusal):
        """The identity provider refused the refresh (lock held)."""
        if refusal.kind == "invalidUser":
            self._close(flight)
            self._log("the user is no longer valid and was signed out")
            self._installation.adopt(None, invalid_user())
        elif refusal.kind == "needsReauthentication":
            self._close(flight)
            self._log("the session is on hold")
            self._installation.adopt(self._installation.session.put_on_hold())

    # -- waiting -----------------------------------------------------------------------------------

    def _pause(self, flight, attempt, trouble, began):
        """Milliseconds until the next attempt, or None to give up. Retry-After takes precedence."""
        wish = trouble.retry_after
        last = attempt >= _RETRIES or time.monotonic() - began + self._timeout > _REAL_TIME_BUDGET_S
        if wish is not None:
            if last or wish > self._patience:
                now = self._clock.now()
                flight.tenure.refresh_gate = (now, now + wish)
                return None
            return wish + _jitter(250)
        pause = _FIRST_PAUSE * 2**attempt
        pause = pause // 2 + _jitter(pause // 2)
        return None if last else pause

    def _check_gate(self, tenure):
        """Fails without a request during the Retry-After time."""
        if tenure.refresh_gate is None:
            return
        since, until = tenure.refresh_gate
        if since <= self._clock.now() < until:
            raise TemporaryError("the identity provider asked to wait")
        tenure.refresh_gate = None  # over, or the clock was set back


def _jitter(limit):
    """A random number of milliseconds up to `limit`, so that many devices do not retry at the same time."""
    return int.from_bytes(os.urandom(4), "big") % (limit + 1)
