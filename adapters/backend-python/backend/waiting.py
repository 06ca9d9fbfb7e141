"""Runs work on another thread, and waits for it until a deadline."""

from concurrent.futures import Future
from threading import Lock, Thread


def within(seconds, work):
    """Returns the result of `work()`, or raises TimeoutError. Late work continues, and its result is ignored."""
    future = Future()
    Thread(target=_fly, args=(future, work), daemon=True).start()
    return future.result(seconds)


class Flights:
    """Merges concurrent calls with the same key into one; they share its result or exception."""

    def __init__(self):
        self._lock = Lock()
        self._flights = {}

    def join(self, key, seconds, work):
        with self._lock:
            flight = self._flights.get(key)
            leads = flight is None
            if leads:
                flight = self._flights[key] = Future()
        if leads:
            # It ends before the waiting requests continue: a later request then starts a new one.
            _fly(flight, work, before_landing=lambda: self._flights.pop(key))
        return flight.result(seconds)


def _fly(future, work, before_landing=lambda: None):
    try:
        result = work()
    except Exception as error:
        before_landing()
        future.set_exception(error)
    else:
        before_landing()
        future.set_result(result)
