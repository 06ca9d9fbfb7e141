"""Vouch's clock: only Vouch advances it, and a wait is a `sleep` request to Vouch."""

import threading

from .peer import Refused


class HarnessClock:
    def __init__(self, peer, now):
        self._peer = peer
        self._now = now
        self._guard = threading.Lock()

    def now(self):
        return self._now

    def move(self, now):
        with self._guard:
            self._now = now

    def sleep(self, milliseconds):
        try:
            self._peer.ask("sleep", {"milliseconds": milliseconds}, on_result=self._arrive)
        except Refused:
            pass  # the waiting caller reads the clock again

    def _arrive(self, result):
        now = result.get("now") if isinstance(result, dict) else None
        if isinstance(now, int):
            self.move(now)
