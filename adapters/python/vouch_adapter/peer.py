"""JSON-RPC 2.0 in both directions over a `LineChannel`.

It does not depend on the methods, and serves adapters of SDKs and of apps. One thread reads; any thread may answer and ask.
"""

import json
import threading

from .channel import LINE_LIMIT, TOO_LONG
from .errors import CALL_FAILED, INVALID_REQUEST, PARSE_ERROR, Refused, RpcError

_LONGEST_REASON = 20_000


def _refuse_constant(word):
    raise ValueError("not JSON")


_decoder = json.JSONDecoder(parse_constant=_refuse_constant)


class Question:
    """A request of ours that is not answered yet."""

    def __init__(self, identity, on_result):
        self.identity = identity
        self.on_result = on_result
        self._over = threading.Event()
        self._outcome = None

    def end(self, outcome):
        """Ends the wait with this function, which returns the result or raises. The first one counts."""
        if self._outcome is None:
            self._outcome = outcome
            self._over.set()

    def wait(self):
        self._over.wait()
        return self._outcome()


class Peer:
    def __init__(self, channel):
        self._channel = channel
        self._guard = threading.Lock()
        self._questions = {}
        self._last_id = 0

    def read(self, handle):
        """Passes each request and notification to `handle(method, id, params)`, as its line is read; a notification's id is
        None. `handle` must not wait; an `RpcError` that it raises refuses the request. Returns when the input ends."""
        for line in self._channel.lines():
            if line is TOO_LONG:
                self.refuse(None, INVALID_REQUEST, "a line is at most 1 MiB")
                continue
            try:
                message = _decoder.decode(line.decode("utf-8"))
            except (ValueError, RecursionError):
                self.refuse(None, PARSE_ERROR, "not JSON")
                continue
            self._take(message, handle)
        self.give_up(RuntimeError("the connection has ended"))

    def _take(self, message, handle):
        if not isinstance(message, dict) or message.get("jsonrpc") != "2.0":
            self.refuse(None, INVALID_REQUEST, "not a JSON-RPC 2.0 message")
        elif not isinstance(message.get("method"), str):
            self._settle(message)
        elif "id" not in message:
            handle(message["method"], None, message.get("params", {}))
        elif not _is_id(message["id"]):
            self.refuse(None, INVALID_REQUEST, "an id is a number or a string")
        else:
            try:
                handle(message["method"], message["id"], message.get("params", {}))
            except RpcError as error:
                self.refuse(message["id"], error.code, str(error))

    # -- answering ---------------------------------------------------------------------------------

    def answer(self, identity, result):
        line = _line({"id": identity, "result": result})
        if len(line) > LINE_LIMIT:
            self.refuse(identity, CALL_FAILED, "the answer is longer than 1 MiB", "internal")
        else:
            self._channel.write(line)

    def refuse(self, identity, code, message, kind=None):
        if len(message) > _LONGEST_REASON:  # it may be a whole server answer
            message = message[:_LONGEST_REASON] + "…"
        error = {"code": code, "message": message}
        if kind is not None:
            error["data"] = {"kind": kind}
        self._channel.write(_line({"id": identity, "error": error}))

    def notify(self, method, params):
        self._channel.write(_line({"method": method, "params": params}))

    # -- asking ------------------------------------------------------------------------------------

    def ask(self, method, params):
        """Sends a request and waits for its result. Raises `Refused` if the answer is an error."""
        return self.send(method, params).wait()

    def send(self, method, params, on_result=None):
        """Sends a request, and returns the `Question` to wait for. `on_result(result)` runs on the thread that reads, so that it
        takes effect before any later message."""
        with self._guard:
            self._last_id += 1
            question = Question(self._last_id, on_result)
            self._questions[question.identity] = question
        self._channel.write(_line({"id": question.identity, "method": method, "params": params}))
        return question

    def forget(self, question):
        """Nobody waits for this answer any more. One that still comes is ignored."""
        with self._guard:
            self._questions.pop(question.identity, None)

    def give_up(self, error):
        """Ends the wait for every answer."""
        with self._guard:
            questions = list(self._questions.values())
            self._questions.clear()
        for question in questions:
            question.end(raising(error))

    def _settle(self, message):
        identity = message.get("id")
        with self._guard:
            question = self._questions.pop(identity, None) if _is_id(identity) else None
        if question is None:
            if "result" not in message and "error" not in message:
                self.refuse(None, INVALID_REQUEST, "neither a request nor an answer")
            return  # else its caller was cancelled
        if "result" not in message:
            question.end(raising(Refused(message.get("error"))))
            return
        result = message["result"]
        if question.on_result is not None:
            question.on_result(result)
        question.end(lambda: result)


def raising(error):
    """A function that raises this error."""

    def outcome():
        raise error

    return outcome


def _is_id(value):
    return isinstance(value, (int, float, str)) and not isinstance(value, bool)


def _line(message):
    text = json.dumps({"jsonrpc": "2.0", **message}, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8", "replace") + b"\n"  # a lone surrogate cannot be written
