"""The program that Vouch starts: `python3 -I -S adapter.py`.

It stays this short because Python compiles the file it is given anew each time; what it imports is
compiled once. `-I` keeps this folder off the path, so it is put there by hand, with the neighbour's: the frame
(`bridge/peer.py`) is the same for every role.
"""

import os
import signal
import sys

_HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [_HERE, os.path.join(os.path.dirname(_HERE), "python")]

from app_adapter import AppAdapter  # noqa: E402

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C in the terminal ends us without a traceback
    AppAdapter().run()
