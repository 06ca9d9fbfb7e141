"""The same adapter over a connection, in place of standard input and output:

    python3 over_connection.py --listen 9777        # lines over TCP; Vouch connects
    python3 over_connection.py --dial 127.0.0.1:9778 ID   # lines over TCP; Vouch listens
    python3 over_connection.py --http 9779          # an HTTP test service

The adapter itself stays as it is: this program gives it the connection as its standard input and output.
"""

import json
import os
import queue
import socket
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))


def use(source, sink):
    """Makes two file descriptors standard input and output."""
    os.dup2(source, 0)
    os.dup2(sink, 1)


def listen(port):
    with socket.create_server(("127.0.0.1", port)) as server:
        connection, _ = server.accept()
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    use(connection.fileno(), connection.fileno())
    return connection  # it closes when nobody holds it


def dial(address, installation):
    host, port = address.removeprefix("ws://").removeprefix("tcp://").rstrip("/").rsplit(":", 1)
    connection = socket.create_connection((host, int(port)))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    hello = {"jsonrpc": "2.0", "method": "hello", "params": {"installation": installation}}
    connection.sendall(json.dumps(hello).encode() + b"\n")
    use(connection.fileno(), connection.fileno())
    return connection


def serve_http(port):
    """Each POST brings one message. The adapter's messages leave in the answer to GET, which stays open. The adapter is a
    process of its own, so that what it said last is sent although it has ended."""
    to_adapter, from_vouch = os.pipe()
    from_adapter, to_vouch = os.pipe()
    if os.fork() == 0:
        os.close(from_vouch)
        use(to_adapter, to_vouch)
        os.close(to_vouch)
        return
    os.close(to_adapter)
    os.close(to_vouch)
    lines, sent = queue.Queue(), threading.Event()

    def read_adapter():
        with os.fdopen(from_adapter, "rb") as adapter:
            for line in adapter:
                lines.put(line)
        lines.put(None)

    class Service(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            message = self.rfile.read(int(self.headers["Content-Length"]))
            os.write(from_vouch, message.rstrip() + b"\n")
            self.send_response(202)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "application/jsonl")
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            while line := lines.get():
                self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
            self.wfile.write(b"0\r\n\r\n")
            sent.set()

        def log_message(self, *_):
            pass

    threading.Thread(target=read_adapter, daemon=True).start()
    server = ThreadingHTTPServer(("127.0.0.1", port), Service)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sent.wait()
    os._exit(0)


def main():
    way, value, *rest = sys.argv[1:]
    if way == "--listen":
        held = listen(int(value))
    elif way == "--dial":
        held = dial(value, rest[0])
    else:
        held = serve_http(int(value))  # returns in the adapter's process
    from bridge.adapter import Adapter

    adapter = Adapter(with_clock=True)
    adapter.connection = held
    adapter.run()


if __name__ == "__main__":
    main()
