"""The emulator's clock, in seconds since 1970. It runs with real time, and a hook can move it forward."""

import threading
import time
from datetime import datetime, timezone

_YEAR_9000 = 221_845_392_000  # the calendar of `datetime` ends not long after


class Clock:
    def __init__(self):
        self._lock = threading.Lock()
        # Uses the monotonic clock, so that a change of the machine's time does not affect token lifetimes.
        self._offset = time.time() - time.monotonic()

    def now(self):
        return time.monotonic() + self._offset

    def advance(self, seconds):
        """Raises `ValueError` unless it is a step forward within the range of the calendar."""
        with self._lock:
            if not 0 <= seconds <= _YEAR_9000 - self.now():
                raise ValueError("not a step forward within the calendar")
            self._offset += seconds


def as_text(moment):
    return datetime.fromtimestamp(moment, timezone.utc).isoformat(timespec="seconds")
