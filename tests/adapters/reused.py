"""The example SDK of adapters/python, which claims `reuse` and breaks the claim in the way that the first argument names."""

import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../adapters/python"))

from vouch_adapter import serve  # noqa: E402
from vouch_adapter.server import AdapterServer  # noqa: E402
from worked import WorkedAdapter  # noqa: E402

MODE = sys.argv[1]
stop = AdapterServer._stop
latest = kept = None


class Adapter(WorkedAdapter):
    def start(self, launch, host):
        global latest
        calls = super().start(launch, host)
        latest = calls.sdk._installation
        if kept is not None:
            # As a singleton does that outlives its app: the user of the earlier case is signed in.
            latest._loaded, latest._session = True, kept
        if MODE == "leaks-outside":
            calls.sign_in = leaking(calls.sign_in)
        return calls


def leaking(sign_in):
    def leak(token, call):
        sign_in(token, call)
        with open(sys.argv[2], "w") as file:
            file.write(latest.session.refresh_token)

    return leak


def stopped(self, params, identity):
    global kept
    if params.get("reuse") is True:
        if MODE == "hangs":
            time.sleep(3600)
        if MODE == "exits":
            os._exit(3)
        if MODE == "remembers":
            kept = latest.session or kept
    stop(self, params, identity)


AdapterServer._stop = stopped
serve(Adapter(with_clock=True, reuse=True))
