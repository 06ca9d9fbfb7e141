"""An HTTP/1.1 client that uses one connection per request.

It does not use `http.client`, which doubles the start-up time of the process, has a timeout per read but
none for the whole response, and cannot be cancelled.

Redirects are not followed: they would send credentials to a host that was not configured.
"""

import socket
import time
from collections import namedtuple

from .errors import TemporaryError, unexpected_answer

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"

_HEAD_LIMIT = 64 * 1024
_BODY_LIMIT = 4 * 1024 * 1024

_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_VISIBLE = frozenset(range(0x21, 0x7F))
_NO_BODY = (204, 304)


class Answer(namedtuple("Answer", "status headers body")):
    """Status, headers by lower-case name, body as bytes."""

    __slots__ = ()

    def __repr__(self):
        return f"Answer(status={self.status})"


class Base(namedtuple("Base", "secure host port prefix")):
    """The parsed base URL of a server."""

    __slots__ = ()

    @classmethod
    def parse(cls, url):
        scheme, separator, rest = url.partition("://")
        if not separator or scheme not in ("http", "https"):
            raise ValueError("not an http or https URL")
        authority, _, path = rest.partition("/")
        host, colon, port = authority.rpartition(":")
        if not colon or authority.endswith("]"):  # the colons of an IPv6 address
            host, port = authority, "443" if scheme == "https" else "80"
        host = host.strip("[]")
        if not host or not host.isascii() or not port.isdecimal() or not is_header_safe(host):
            raise ValueError("not a usable host and port")
        prefix = "/" + path.rstrip("/") if path.rstrip("/") else ""
        return cls(scheme == "https", host, int(port), prefix)

    @property
    def authority(self):
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.secure else 80) else f"{host}:{self.port}"


def percent_encode(text):
    """Encodes a value for a form or a query: everything except the unreserved characters, so also `+`, `/` and `=`."""
    return "".join(chr(byte) if byte in _UNRESERVED else "%%%02X" % byte for byte in text.encode("utf-8"))


def form(**fields):
    return "&".join(f"{name}={percent_encode(value)}" for name, value in fields.items()).encode("ascii")


def is_header_safe(text):
    """Whether a string is allowed in a header, so that it cannot start another header."""
    return bool(text) and text.isascii() and _VISIBLE.issuperset(text.encode("ascii"))


def exchange(base, method, path, timeout, submit, call=None):
    """Sends one request and reads its response, within `timeout` seconds of real time.

    `submit(send)` is called when the connection is established, and must call `send(headers, body)` once.
    It can therefore choose the credentials at the last moment, and check under a lock that its user is
    still signed in. Sending takes microseconds; connecting takes longer.

    Raises `TemporaryError` if the network fails, `unexpectedAnswer` if the response is not HTTP,
    and the errors of `submit`.
    """
    deadline = time.monotonic() + timeout
    try:
        connection = _connect(base, timeout)
    except OSError:
        raise TemporaryError("no connection to the server") from None
    try:
        if call is not None:
            call.attach(connection)
        submit(lambda headers, body=None: _send(connection, base, method, path, headers, body, deadline))
        answer = _Reader(connection, deadline).answer(method)
        if call is not None:
            call.check()  # closing it looks like the end of a body without a length
        return answer
    except OSError as error:
        if call is not None:
            call.check()  # a connection that was closed by a cancellation is not a network error
        if isinstance(error, TimeoutError):
            raise TemporaryError("the server did not answer in time") from None
        raise TemporaryError("the connection was lost") from None
    finally:
        if call is not None:
            call.detach()
        connection.close()


def _connect(base, timeout):
    # As bytes the host skips the `idna` codec, whose import would cost more than the connection.
    connection = socket.create_connection((base.host.encode("ascii"), base.port), timeout)
    if not base.secure:
        return connection
    try:
        import ssl  # slow to import, and only needed here

        return ssl.create_default_context().wrap_socket(connection, server_hostname=base.host)
    except BaseException:
        connection.close()
        raise


def _send(connection, base, method, path, headers, body, deadline):
    lines = [
        f"{method} {base.prefix}{_visible(path)} HTTP/1.1",
        f"Host: {base.authority}",
        "Accept: application/json",
        "Connection: close",
    ]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if body is not None or method in ("POST", "PUT", "PATCH"):
        lines.append(f"Content-Length: {len(body or b'')}")
    head = "\r\n".join(lines) + "\r\n\r\n"
    _set_deadline(connection, deadline)
    connection.sendall(head.encode("ascii") + (body or b""))


def _visible(path):
    """Escapes spaces, line ends and non-ASCII letters of a path; existing escapes stay."""
    return "".join(chr(byte) if byte in _VISIBLE else "%%%02X" % byte for byte in path.encode("utf-8"))


def _set_deadline(connection, deadline):
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    connection.settimeout(left)


class _Reader:
    """Reads one response. An early end is an OSError (a network error); invalid HTTP is an error of the server."""

    def __init__(self, connection, deadline):
        self._connection = connection
        self._deadline = deadline
        self._buffer = bytearray()

    def answer(self, method):
        while True:
            status = self._status()
            headers = self._headers()
            if status >= 200:  # 1xx are interim responses
                break
        body = b"" if method == "HEAD" or status in _NO_BODY else self._body(headers)
        return Answer(status, headers, body)

    def _status(self):
        try:
            words = self._line().split(b" ", 2)
        except ConnectionError:
            if self._buffer[:7] != b"HTTP/1."[: len(self._buffer)]:
                raise unexpected_answer("it is not HTTP") from None
            raise
        if len(words) < 2 or not words[0].startswith(b"HTTP/1.") or len(words[1]) != 3 or not words[1].isdigit():
            raise unexpected_answer("it is not HTTP")
        status = int(words[1])
        if status < 100 or status == 101:
            raise unexpected_answer("its status is odd")
        return status

    def _headers(self):
        headers = {}
        size = 0
        while True:
            line = self._line()
            if not line:
                return headers
            size += len(line)
            name, colon, value = line.decode("latin-1").partition(":")
            if not colon or size > _HEAD_LIMIT:
                raise unexpected_answer("its headers are odd")
            name, value = name.strip().lower(), value.strip()
            if name == "content-length" and headers.get(name, value) != value:
                raise unexpected_answer("it has two lengths")
            headers[name] = value

    def _body(self, headers):
        if "transfer-encoding" in headers:
            if headers["transfer-encoding"].lower() != "chunked":
                raise unexpected_answer("its transfer encoding is odd")
            return self._chunks()
        if "content-length" in headers:
            return self._exactly(self._length(headers["content-length"], 10))
        return self._rest()

    def _chunks(self):
        body = bytearray()
        while True:
            size = self._length(self._line().partition(b";")[0].strip().decode("latin-1"), 16)
            if size == 0:
                while self._line():  # trailers
                    pass
                return bytes(body)
            body += self._exactly(size)
            if self._line():
                raise unexpected_answer("its chunks are odd")
            self._limit(len(body))

    def _length(self, text, base):
        digits = "0123456789abcdefABCDEF" if base == 16 else "0123456789"
        if not 0 < len(text) <= 16 or text.strip(digits):
            raise unexpected_answer("its length is odd")
        size = int(text, base)
        self._limit(size)
        return size

    @staticmethod
    def _limit(size):
        if size > _BODY_LIMIT:
            raise unexpected_answer("it is too large")

    def _line(self):
        """The next line, without its end."""
        start = 0
        while True:
            end = self._buffer.find(b"\n", start)
            if end >= 0:
                line = bytes(self._buffer[:end]).rstrip(b"\r")
                del self._buffer[: end + 1]
                return line
            start = len(self._buffer)
            if start > _HEAD_LIMIT:
                raise unexpected_answer("a line of it is too long")
            self._more()

    def _exactly(self, size):
        while len(self._buffer) < size:
            self._more()
        data = bytes(self._buffer[:size])
        del self._buffer[:size]
        return data

    def _rest(self):
        """A body without a length ends with the connection."""
        while True:
            data = self._receive()
            if not data:
                return bytes(self._buffer)
            self._buffer += data
            self._limit(len(self._buffer))

    def _more(self):
        data = self._receive()
        if not data:
            raise ConnectionError("the answer ended too early")
        self._buffer += data

    def _receive(self):
        _set_deadline(self._connection, self._deadline)
        return self._connection.recv(65536)
