"""An HTTP/1.1 server with keep-alive and one thread per connection.

The standard library parses the head of a request. Bodies, responses and the end of a connection are handled
here, because the library's errors are HTML, and it supports neither chunked bodies nor a size limit.
"""

import json
import os
import socket
import socketserver
import sys
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler

from .answers import Refusal
from .routes import Request

_BODY_LIMIT = 64 * 1024
_LINGER_BYTES = 1024 * 1024
_LINGER_S = 1
_LINE_LIMIT = 64 * 1024
_IDLE_S = 120
_STATUS = {status.value: status.phrase for status in HTTPStatus}


class Server(socketserver.ThreadingTCPServer):
    """Not `http.server.HTTPServer`, which resolves the host's own name; that may take seconds."""

    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 512

    def __init__(self, port, router, clock):
        self.router = router
        self.clock = clock
        super().__init__(("127.0.0.1", port), _Connection)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request, client_address):
        """Ignores clients that close the connection; reports other errors without the request."""
        problem = sys.exc_info()[1]
        if not isinstance(problem, OSError):
            _explain(problem)


class _BadFraming(Refusal):
    """The start of the next request is unknown, so the connection is closed after this response."""


class _Connection(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = _IDLE_S
    disable_nagle_algorithm = True

    def handle_one_request(self):
        self.close_connection = True  # until the request has been read to its end
        try:
            self._handle()
        except (ConnectionError, TimeoutError):
            self.close_connection = True

    def _handle(self):
        line = self.rfile.readline(_LINE_LIMIT + 1)
        if line in (b"\r\n", b"\n"):  # old clients send one after a body
            line = self.rfile.readline(_LINE_LIMIT + 1)
        self.raw_requestline, self.requestline = line, ""
        self.command, self.request_version = None, "HTTP/1.1"  # `send_error` needs them before the head is parsed
        if len(line) > _LINE_LIMIT:
            return self.send_error(414)
        if not line or not self.parse_request():  # it reports errors to `send_error`
            return
        try:
            answer = self._answer()
        except _BadFraming as refusal:
            self.close_connection = True
            self._send(refusal.answer())
            return self._linger()
        except Refusal as refusal:
            answer = refusal.answer()
        except OSError:
            raise
        except Exception as problem:  # an error of the emulator: its place is only logged
            _explain(problem)
            answer = Refusal(500, "INTERNAL", "the emulator is at fault, see its standard error").answer()
        self._send(answer)

    def _answer(self):
        body = self._body()
        loopback = self.client_address[0].startswith("127.")
        return self.server.router.answer(Request(self.command, self.path, self.headers, body, loopback))

    # -- bodies --------------------------------------------------------------------------------------

    def _body(self):
        lengths = self.headers.get_all("Content-Length", [])
        codings = self.headers.get_all("Transfer-Encoding", [])
        if codings:
            if lengths or [coding.strip().lower() for coding in codings] != ["chunked"]:
                raise _BadFraming(400, "INVALID_REQUEST", "the length of the body is not clear")
            self._invite()
            return self._chunks()
        if not lengths:
            return b""
        text = lengths[0].strip()
        if len(lengths) > 1 or not (text.isascii() and text.isdecimal()):
            raise _BadFraming(400, "INVALID_REQUEST", "the length of the body is not clear")
        if len(text) > 18 or int(text) > _BODY_LIMIT:
            raise _too_large()
        self._invite()
        return self._read(int(text))

    def _chunks(self):
        body = b""
        while size := self._chunk_size():
            if len(body) + size > _BODY_LIMIT:
                raise _too_large()
            body += self._read(size)
            if self._read(2) != b"\r\n":
                raise _BadFraming(400, "INVALID_REQUEST", "a chunk does not end where it should")
        while self._line() != b"":
            pass  # trailers
        return body

    def _chunk_size(self):
        digits = self._line().partition(b";")[0].strip()
        if not digits or len(digits) > 15 or digits.strip(b"0123456789abcdefABCDEF"):
            raise _BadFraming(400, "INVALID_REQUEST", "a chunk has no size")
        return int(digits, 16)

    def _line(self):
        line = self.rfile.readline(1024)
        if not line.endswith(b"\n"):
            raise _BadFraming(400, "INVALID_REQUEST", "a line of the body is too long or cut off")
        return line.rstrip(b"\r\n")

    def _read(self, size):
        data = self.rfile.read(size)
        if len(data) < size:
            raise ConnectionError("the request was cut off")
        return data

    def handle_expect_100(self):
        return True  # `_invite` responds after the length was checked

    def _is_waiting_for_us(self):
        return self.request_version >= "HTTP/1.1" and self.headers.get("Expect", "").lower() == "100-continue"

    def _invite(self):
        if self._is_waiting_for_us():
            self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    # -- answers -------------------------------------------------------------------------------------

    def send_error(self, code, message=None, explain=None):
        """Called by the standard library for a request head that it cannot parse."""
        self.close_connection = True
        self._send(Refusal(code, "INVALID_REQUEST", "the head of the request is not acceptable").answer())

    def _send(self, answer):
        """Sends a response in one write: a second write could wait for the acknowledgement of the first."""
        body = json.dumps(answer.body, separators=(",", ":")).encode("ascii")
        headers = {
            "Content-Type": "application/json",
            "Content-Length": len(body),
            "Date": self.date_time_string(self.server.clock.now()),  # clients may use it as the current time
            **answer.headers,
        }
        if self.close_connection:
            headers["Connection"] = "close"
        elif self.request_version == "HTTP/1.0":
            headers["Connection"] = "keep-alive"
        head = [f"HTTP/1.1 {answer.status} {_STATUS[answer.status]}"]
        head += [f"{name}: {value}" for name, value in headers.items()]
        text = "\r\n".join(head).encode("ascii") + b"\r\n\r\n"
        self.wfile.write(text if self.command == "HEAD" else text + body)

    def _linger(self):
        """Reads what the client still sends, up to a limit.

        A connection that is closed with unread bytes is reset, and the client may not receive the response.
        """
        self.connection.shutdown(socket.SHUT_WR)
        self.connection.settimeout(_LINGER_S)
        left = _LINGER_BYTES
        while left > 0 and (data := self.rfile.read1(_BODY_LIMIT)):
            left -= len(data)

    def log_message(self, *_):
        pass  # standard error is not read while this runs, and a full pipe would block


def _too_large():
    return _BadFraming(413, "INVALID_REQUEST", f"a body has {_BODY_LIMIT} bytes at most")


def _explain(problem):
    """The place of an unexpected exception, without its text, which may contain a secret."""
    print(f"unexpected {type(problem).__name__}", file=sys.stderr)
    trace = problem.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        print(f"  {os.path.basename(code.co_filename)}:{trace.tb_lineno} in {code.co_name}", file=sys.stderr)
        trace = trace.tb_next
