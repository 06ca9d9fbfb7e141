"""JSON-RPC in both directions over standard input and output, one message per line.

It does not depend on the methods. One thread reads; any thread may send responses and requests.
"""

import json
import os
import sys
import threading

from signin.call import Call

_LINE_LIMIT = 1024 * 1024

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
SDK_ERROR = -32000


class Refused(Exception):
    """The other side returned an error to a request. `kind` is the kind of the error, or None."""

    def __init__(self, error):
        error = error if isinstance(error, dict) else {}
        data, message = error.get("data"), error.get("message")
        kind = data.get("kind") if isinstance(data, dict) else None
        super().__init__(message if isinstance(message, str) else "no reason given")
        self.kind = kind if isinstance(kind, str) else None


class _Question:
    def __init__(self, call, on_result):
        self.identity = None
        self.call = call
        self.on_result = on_result
        self.answered = False
        self.result = None
        self.failed = False
        self.error = None


class Peer:
    def __init__(self):
        # A stray `print` anywhere must not break the protocol: it goes to standard error instead.
        self._out = os.dup(1)
        os.dup2(2, 1)
        self._writing = threading.Lock()
        self._guard = threading.Lock()
        self._questions = {}
        self._last_id = 0

    def read_forever(self, handle):
        """Passes each request and notification to `handle(method, id, params)`; a notification's id is None.
        Ends the process when standard input ends."""
        for line in sys.stdin.buffer:
            try:
                message = json.loads(line)
            except (ValueError, RecursionError):
                self.refuse(None, PARSE_ERROR, "not JSON")
                continue
            self._take(message, handle)
        os._exit(0)

    def _take(self, message, handle):
        if not isinstance(message, dict) or message.get("jsonrpc") != "2.0":
            self.refuse(None, INVALID_REQUEST, "not a JSON-RPC 2.0 message")
        elif isinstance(message.get("method"), str):
            handle(message["method"], message.get("id"), message.get("params", {}))
        elif "result" in message or "error" in message:
            self._settle(message)
        else:
            self.refuse(message.get("id"), INVALID_REQUEST, "neither a request nor an answer")

    # -- answering ---------------------------------------------------------------------------------

    def answer(self, identity, result):
        self._write({"jsonrpc": "2.0", "id": identity, "result": result})

    def refuse(self, identity, code, message, kind=None):
        error = {"code": code, "message": message}
        if kind is not None:
            error["data"] = {"kind": kind}
        self._write({"jsonrpc": "2.0", "id": identity, "error": error})

    def notify(self, method, params):
        self._write({"jsonrpc": "2.0", "method": method, "params": params})

    def _write(self, message):
        line = json.dumps(message, separators=(",", ":")).encode("ascii") + b"\n"
        if len(line) > _LINE_LIMIT:
            self.refuse(message.get("id"), SDK_ERROR, "the answer is too large for a line", "unexpectedAnswer")
            return
        with self._writing:
            view = memoryview(line)
            try:
                while view:
                    view = view[os.write(self._out, view) :]
            except OSError:
                os._exit(0)  # the other side has closed the stream

    # -- asking ------------------------------------------------------------------------------------

    def ask(self, method, params, call=None, on_result=None):
        """Sends a request and waits for its result. Raises `Refused` if the response is an error.

        The wait ends when `call` is cancelled. `on_result` runs on the reading thread, so it takes effect
        before any later message is handled.
        """
        return self.wait(self.send(method, params, call, on_result))

    def send(self, method, params, call, on_result):
        """Sends a request. Returns what `wait` needs."""
        question = _Question(call or Call(), on_result)
        with self._guard:
            self._last_id += 1
            question.identity = self._last_id
            self._questions[question.identity] = question
        self._write({"jsonrpc": "2.0", "id": question.identity, "method": method, "params": params})
        return question

    def wait(self, question):
        try:
            question.call.wait_until(lambda: question.answered)
        finally:
            with self._guard:
                self._questions.pop(question.identity, None)
        if question.failed:
            raise Refused(question.error)
        return question.result

    def give_up(self):
        """Ends the wait for every response. One that still comes is ignored."""
        with self._guard:
            questions = list(self._questions.values())
            self._questions.clear()
        for question in questions:
            question.failed = question.answered = True
            question.call.wake()

    def _settle(self, message):
        with self._guard:
            identity = message.get("id")
            question = self._questions.get(identity) if isinstance(identity, (int, float, str)) else None
        if question is None:
            return  # its caller was cancelled
        question.failed = "result" not in message
        question.result = message.get("result")
        question.error = message.get("error")
        if question.on_result is not None and not question.failed:
            question.on_result(question.result)
        question.answered = True
        question.call.wake()


class Channel:
    """What one launch of the SDK says to Vouch. After `close` it says nothing more, whatever its threads still do."""

    def __init__(self, peer):
        self._peer = peer
        self._guard = threading.Lock()
        self._open = True

    def notify(self, method, params):
        with self._guard:
            if self._open:
                self._peer.notify(method, params)

    def ask(self, method, params, call=None, on_result=None):
        with self._guard:
            if not self._open:
                raise Refused({"message": "the app has ended"})
            question = self._peer.send(method, params, call, on_result)
        return self._peer.wait(question)

    def close(self):
        with self._guard:
            self._open = False
        self._peer.give_up()
