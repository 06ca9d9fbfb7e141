"""The worked adapter as an HTTP test service: `python3 over_http.py PORT`.

Each POST brings one message. The adapter's messages leave in the answer to GET, which stays open. `adapter.py --listen` and
`--dial` are for lines over TCP.
"""

import os
import queue
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from vouch_adapter import serve_channel  # noqa: E402
from worked import WorkedAdapter  # noqa: E402


class HttpChannel:
    """In place of a `LineChannel`: lines come from bodies of POST, and go into one body of GET."""

    def __init__(self):
        self.incoming, self.outgoing = queue.Queue(), queue.Queue()
        self.sent = threading.Event()

    def lines(self):
        while (line := self.incoming.get()) is not None:
            yield line

    def write(self, line):
        self.outgoing.put(line)

    def end(self):
        """The process has ended, when what it wrote is sent."""
        self.outgoing.put(None)
        self.sent.wait(5)
        self.incoming.put(None)


def service(channel):
    class Service(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            channel.incoming.put(self.rfile.read(int(self.headers["Content-Length"])).rstrip())
            self.send_response(202)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "application/jsonl")
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            while (line := channel.outgoing.get()) is not None:
                self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
            self.wfile.write(b"0\r\n\r\n")
            channel.sent.set()

        def log_message(self, *_):
            pass

    return Service


def main():
    channel = HttpChannel()
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), service(channel))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    serve_channel(WorkedAdapter(with_clock=True), channel, channel.end)
    os._exit(0)


if __name__ == "__main__":
    main()
