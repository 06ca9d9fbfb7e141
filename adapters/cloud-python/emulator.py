"""The program that Vouch starts: `PORT=8787 python3 emulator.py`.

Six realms of a vendor cloud (API and identity provider), in memory, on one port of loopback.
"""

import os
import signal
import sys

from cloud.http import Server
from cloud.realm import Cloud
from cloud.routes import Router

_ANY_WILL_DO = "8787"  # for a manual start; Vouch sets a port


def main():
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends the process without a traceback
    text = os.environ.get("PORT", _ANY_WILL_DO)
    if not (text.isascii() and text.isdecimal() and int(text) < 65536):
        sys.exit("PORT must be a port number")
    cloud = Cloud()
    try:
        server = Server(int(text), Router(cloud), cloud.clock)
    except OSError as problem:
        sys.exit(f"port {text} cannot be had: {problem.strerror}")
    print(f"listening on {server.url}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
