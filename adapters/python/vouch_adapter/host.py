"""What one launch of the SDK says to Vouch, and its clock."""

import threading
import time

from .errors import CallError, Refused


class LaunchHost:
    """What an app gives to its SDK, beside the `Launch`. After `close` it says nothing more, whatever its threads still do."""

    def __init__(self, peer, now):
        self._peer = peer
        self._guard = threading.Lock()
        self._closed = False
        self._open = set()
        self.clock = SystemClock() if now is None else HarnessClock(self, now)
        """Vouch's clock with the capability `clock`, else that of this machine."""

    def status_changed(self, words):
        """Reports that the status has become another one: before the call that caused it returns, and in order."""
        self._notify("statusChanged", {"status": list(words)})

    def log(self, text):
        """A line of the SDK's own log. Vouch searches it for secrets."""
        self._notify("log", {"text": text})

    def ask(self, method, params, call=None, on_result=None):
        """Asks Vouch and waits. The end of `call` or of the launch ends the wait. Raises a `CallError` for a refusal."""
        with self._guard:
            if self._closed:
                raise CallError("cancelled", "the app has ended")
            question = self._peer.send(method, params, on_result)
            self._open.add(question)
        if call is not None:
            call.end_when_cancelled(question)
        try:
            return question.wait()
        except Refused as refused:
            raise CallError(refused.kind or "network", str(refused)) from None
        finally:
            self._peer.forget(question)
            with self._guard:
                self._open.discard(question)

    def close(self):
        with self._guard:
            self._closed = True
            questions = list(self._open)
        for question in questions:
            question.end(_ended)

    def _notify(self, method, params):
        with self._guard:
            if not self._closed:
                self._peer.notify(method, params)


def _ended():
    raise CallError("cancelled", "the app has ended")


class HarnessClock:
    """Vouch's clock: time stands still until Vouch moves it, and a wait is a request to Vouch."""

    def __init__(self, host, now):
        self._host = host
        self._now = now

    def now(self):
        """Milliseconds since 1970."""
        return self._now

    def move(self, now):
        self._now = now

    def sleep(self, milliseconds, call=None, background=False):
        """Waits. A cancelled `call` ends the wait with its error. `background` marks a timer that no call waits for."""
        params = {"milliseconds": max(0, -int(-milliseconds // 1))}
        if background:
            params["background"] = True
        self._host.ask("sleep", params, call, self._arrive)

    def _arrive(self, result):
        now = result.get("now") if isinstance(result, dict) else None
        if isinstance(now, (int, float)) and not isinstance(now, bool):
            self._now = now


class SystemClock:
    """The clock of this machine."""

    def now(self):
        """Milliseconds since 1970."""
        return time.time_ns() // 1_000_000

    def sleep(self, milliseconds, call=None, background=False):
        """Waits. A cancelled `call` ends the wait with its error."""
        woken = threading.Event()
        if call is not None:
            call.on_cancel(woken.set)
        woken.wait(max(0, milliseconds) / 1000)
        if call is not None:
            call.check()
