"""The program that Vouch starts: `python3 -I -S adapter.py [--no-clock]`.

It stays this short because Python compiles the file it is given anew each time; what it imports is
compiled once. `-I` and `-S` keep the user's and the site's packages out, and the start quick.
"""

import os
import signal
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from bridge.adapter import Adapter  # noqa: E402

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C in the terminal ends us without a traceback
    Adapter(with_clock="--no-clock" not in sys.argv[1:] and os.environ.get("VOUCH_NO_CLOCK") != "1").run()
