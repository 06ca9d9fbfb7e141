"""The error type of the SDK.

Its text is shown to users and written to logs. Therefore it is always a text of this SDK, and never
contains a server's text, a token, a key or the text of another exception.
"""


class SignInError(Exception):
    """A call was refused or failed. `kind` is for the app, `str(error)` is for people."""

    def __init__(self, kind, message):
        super().__init__(message)
        self.kind = kind

    def again(self):
        """A copy: several waiting callers each raise their own, so that they share no traceback."""
        return SignInError(self.kind, str(self))


class TemporaryError(SignInError):
    """The same call may succeed later. `retry_after` is the server's Retry-After in milliseconds, or None."""

    def __init__(self, message, retry_after=None):
        super().__init__("network", message)
        self.retry_after = retry_after


def not_signed_in():
    return SignInError("notSignedIn", "no user is signed in")


def signed_out_meanwhile():
    return SignInError("notSignedIn", "the user was signed out meanwhile")


def invalid_user():
    return SignInError("invalidUser", "the user no longer exists and was signed out")


def needs_reauthentication():
    return SignInError("needsReauthentication", "the session is on hold until the user signs in again")


def other_user():
    return SignInError("alreadySignedIn", "another user is signed in")


def cancelled():
    return SignInError("cancelled", "the call was cancelled")


def unexpected_answer(what):
    return SignInError("unexpectedAnswer", f"the server's answer makes no sense: {what}")


def as_sign_in_error(error):
    """Converts any exception. Only type and place of a foreign exception are reported; its text may hold secrets."""
    if isinstance(error, SignInError):
        return error
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = "" if trace is None else f" at {trace.tb_frame.f_code.co_name}:{trace.tb_lineno}"
    return SignInError("internal", f"unexpected {type(error).__name__}{place}")
