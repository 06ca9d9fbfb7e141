"""The program that Vouch starts: `python3 -I -S adapter.py [--no-clock] [--no-reuse]`.

The file is short because Python compiles the main file at every start, and imported files only once.
`-I` and `-S` exclude the packages of user and site, which makes the start faster.
"""

import os
import signal
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from bridge.adapter import Adapter  # noqa: E402

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends the process without a traceback
    options = sys.argv[1:]
    with_clock = "--no-clock" not in options and os.environ.get("VOUCH_NO_CLOCK") != "1"
    Adapter(with_clock, reuse="--no-reuse" not in options).run()
