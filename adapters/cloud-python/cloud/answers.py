"""Responses: an `Answer`, or a `Refusal` that is raised where the error is detected."""

from collections import namedtuple

UNCACHED = {"Cache-Control": "no-store", "Pragma": "no-cache"}


class Answer(namedtuple("Answer", "status body headers")):
    """`body` is encoded as JSON."""

    __slots__ = ()

    def __new__(cls, body, status=200, headers=None):
        return super().__new__(cls, status, body, headers or {})


class Refusal(Exception):
    """An error of the caller. `more` has further members of the detail."""

    def __init__(self, status, error_type, message, headers=None, more=None):
        super().__init__(message)
        self.status = status
        self.detail = {"error_type": error_type, "error_message": message, **(more or {})}
        self.headers = headers or {}

    def answer(self):
        return Answer({"detail": self.detail}, self.status, self.headers)
