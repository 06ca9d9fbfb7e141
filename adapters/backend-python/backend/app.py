"""The HTTP endpoints for the app, and the login of its users."""

import json
import secrets
import sys

from flask import Flask, request
from werkzeug.exceptions import BadRequest, HTTPException, RequestEntityTooLarge

from .vendor import VendorError

_PASSWORD = "correct horse"  # of every test user
_LONGEST_NAME = 200


def create_app(vendor):
    app = Flask(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = 16 * 1024
    app.url_map.merge_slashes = False  # it would redirect `//login`
    sessions = {}  # session id to app user; lost when the process ends

    def app_user():
        """The logged-in user, or None. Nothing else in a request identifies the user."""
        # A repeated header arrives as one value with a comma, which is not a session id.
        scheme, _, session = request.headers.get("Authorization", "").partition(" ")
        return sessions.get(session) if scheme.lower() == "bearer" else None

    @app.get("/healthz")
    def health():
        return {"status": "ok"}

    @app.post("/login")
    def log_in():
        username = _username(_json_object(request.get_data()))
        if username is None:
            return {"error": "wrong username or password"}, 401
        session = secrets.token_urlsafe(32)
        sessions[session] = username
        return {"session": session}

    @app.post("/v1/sign-in-token")
    def sign_in_token():
        user = app_user()
        if user is None:
            return {"error": "please log in"}, 401, {"WWW-Authenticate": "Bearer"}
        return {"sign_in_token": vendor.sign_in_token(user)}

    @app.after_request
    def keep_out_of_caches(answer):
        answer.headers["Cache-Control"] = "no-store"
        return answer

    @app.errorhandler(VendorError)
    def no_token(error):
        _note(f"no sign-in token: {error}")
        headers = {} if error.retry_after is None else {"Retry-After": error.retry_after}
        return {"error": "the sign-in token cannot be had now; try again later"}, error.status, headers

    @app.errorhandler(RequestEntityTooLarge)
    def too_large(_):
        return {"error": "the request is too large"}, 400

    @app.errorhandler(HTTPException)
    def refused(error):
        answer = error.get_response()  # keeps the `Allow` header
        answer.data = json.dumps({"error": error.name.lower()})
        answer.content_type = "application/json"
        return answer

    @app.errorhandler(Exception)
    def broken(error):
        # Only the type: the text of another library's error may contain secrets.
        _note(f"unexpected {type(error).__name__}")
        return {"error": "internal error"}, 500

    return app


def _note(line):
    sys.stderr.write(line + "\n")  # in one write, because other threads write too


def _json_object(data):
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        raise BadRequest from None
    if not isinstance(value, dict):
        raise BadRequest
    return value


def _username(login):
    """The name of the user who logs in, or None."""
    username = login.get("username")
    if not isinstance(username, str) or not 0 < len(username) <= _LONGEST_NAME or login.get("password") != _PASSWORD:
        return None
    try:
        username.encode()  # JSON allows lone surrogates, which cannot be sent to the vendor
    except UnicodeEncodeError:
        return None
    return username
