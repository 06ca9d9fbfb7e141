"""A backend that asks the vendor for something before it listens, as one does that reads its team's settings at the start."""

import http.server
import os
import urllib.error
import urllib.request

request = urllib.request.Request(os.environ["VENDOR_URL"] + "/v2/user/resolve/nobody")
request.add_header("x-vital-api-key", os.environ["VENDOR_KEY"])
try:
    urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=3)
except urllib.error.HTTPError as error:
    # Nobody of this name is there, and the key is known.
    assert error.code == 404, error.code

http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), http.server.BaseHTTPRequestHandler).serve_forever()
