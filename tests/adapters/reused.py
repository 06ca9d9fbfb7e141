"""The example SDK of adapters/python, which claims `reuse` and breaks the claim in the way that the first argument names."""

import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../adapters/python"))

from bridge.adapter import Adapter  # noqa: E402

MODE = sys.argv[1]
start, end_launch = Adapter._start, Adapter._end_launch
kept = None


def started(self, params, call):
    result = start(self, params, call)
    if kept is not None:
        # As a singleton does that outlives its app: the user of the earlier case is signed in.
        self._sdk._installation._loaded, self._sdk._installation._session = True, kept
    return result


def ended(self):
    global kept
    if MODE == "hangs":
        time.sleep(3600)
    if MODE == "exits":
        os._exit(3)
    if MODE == "remembers":
        kept = self._sdk._installation.session or kept
    end_launch(self)


Adapter._start, Adapter._end_launch = started, ended
Adapter(with_clock=True, reuse=True).run()
