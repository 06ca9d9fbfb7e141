"""The program that Vouch starts: `python3 -I -S adapter.py [--no-clock]`.

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
    Adapter(with_clock="--no-clock" not in sys.argv[1:] and os.environ.get("VOUCH_NO_CLOCK") != "1").run()
