"""The program that Vouch starts: `python3 -I -S adapter.py [--no-clock] [--no-reuse] [--release=1|2]`, and the options of `serve`.

The file is short because Python compiles the main file at every start, and imported files only once.
`-I` and `-S` exclude the packages of user and site, which makes the start faster.
"""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from vouch_adapter import serve  # noqa: E402
from worked import WorkedAdapter  # noqa: E402

if __name__ == "__main__":
    options = sys.argv[1:]
    with_clock = "--no-clock" not in options and os.environ.get("VOUCH_NO_CLOCK") != "1"
    release = next((int(option[-1]) for option in options if option in ("--release=1", "--release=2")), None)
    serve(WorkedAdapter(with_clock, reuse="--no-reuse" not in options, release=release), options)
