"""The program that Vouch starts: `python3 -I -S adapter.py`.

The file is short because Python compiles the main file at every start, and imported files only once.
`-I` removes this folder from the path, so it is added here, with the folder of the Python kit, whose
`vouch_adapter/peer.py` is used for every role.
"""

import os
import signal
import sys

_HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [_HERE, os.path.join(os.path.dirname(_HERE), "python")]

from app_adapter import AppAdapter  # noqa: E402

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends the process without a traceback
    AppAdapter().run()
