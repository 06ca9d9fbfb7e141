"""The program that Vouch starts: `python3 server.py`, configured by four environment variables.

The file is short because Python compiles the main file at every start, and imported files only once.
"""

import os
import sys

from waitress import create_server

from backend.app import create_app
from backend.vendor import Vendor

try:
    port = int(os.environ["PORT"])
    timeout = int(os.environ["VENDOR_TIMEOUT_MS"]) / 1000
    vendor = Vendor(os.environ["VENDOR_API_URL"], os.environ["VENDOR_API_KEY"], timeout)
except (KeyError, ValueError):
    # Without the text of the error, which may contain a value.
    sys.exit("set PORT, VENDOR_API_URL, VENDOR_API_KEY and VENDOR_TIMEOUT_MS")

create_server(
    create_app(vendor),
    host="127.0.0.1",
    port=port,
    threads=32,  # each may wait for the vendor
    ident=None,  # no `Server` header
    max_request_body_size=16 * 1024 * 1024,  # bodies that Flask does not read are received without memory
).run()
