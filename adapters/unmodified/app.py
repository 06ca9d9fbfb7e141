"""A small health app for the command line. It knows the vendor's real host names only, and nothing of Vouch.

    app.py sign-in        reads a sign-in token from standard input
    app.py sign-out | status | whoami
    app.py get PATH       reads from the vendor API with curl

It keeps its session in $XDG_DATA_HOME/acme/session.json, and in $XDG_CONFIG_HOME/acme the id of this installation. The exit code says what went wrong; see ERRORS.
"""

import base64
import fcntl
import json
import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid

ERRORS = {"bad-token": 2, "other-user": 3, "offline": 4, "on-hold": 5, "user-gone": 6, "signed-out": 7, "odd-answer": 8, "refused": 9, "disk": 10}
LABELS = {"prd": "", "stg": "sandbox.", "dev": "dev."}
ISSUER = re.compile(
    r"id-signer-(?P<environment>prd|stg|dev)-(?P<region>us|eu)"
    r"@vital-id-(?P=environment)-(?P=region)\.iam\.gserviceaccount\.com"
)
TIMEOUT_S = 2
FIELDS = {"access": str, "refresh": str, "until": float, "user": str, "place": str, "installation": str}
EXCHANGE = {
    "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
    "subject_token_type": "urn:junction:sign-in-token",
}


class AppError(Exception):
    """Something that the app tells its user."""


class Store:
    """The session on disk. One command at a time uses it."""

    def __init__(self):
        folder, config = (os.path.join(os.environ[name], "acme") for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME"))
        os.makedirs(folder, mode=0o700, exist_ok=True)
        os.makedirs(config, mode=0o700, exist_ok=True)
        self.marker = os.path.join(config, "installation")
        self.path = os.path.join(folder, "session.json")
        self.lock = open(os.path.join(folder, "lock"), "w")
        fcntl.flock(self.lock, fcntl.LOCK_EX)

    def load(self):
        """The session, if it is whole and of this installation."""
        try:
            with open(self.path) as file:
                session = json.load(file)
        except FileNotFoundError:
            return None
        except ValueError:
            session = None
        whole = isinstance(session, dict) and all(isinstance(session.get(name), kind) for name, kind in FIELDS.items())
        if not whole or session["installation"] != self.installation():
            self.clear()
            return None
        return session

    def installation(self):
        """The id of this installation. The app was reinstalled where a session has another one."""
        try:
            with open(self.marker, errors="replace") as file:
                return file.read()
        except FileNotFoundError:
            return None

    def mark(self):
        """Makes an id for this installation, if it has none."""
        if not self.installation():
            write(self.marker, uuid.uuid4().hex)
        return self.installation()

    def save(self, session):
        write(self.path, json.dumps(session))

    def clear(self):
        if os.path.exists(self.path):
            os.remove(self.path)


def write(path, text):
    """Replaces a file at once."""
    new = path + ".new"
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(new, path)


def read_token(text):
    """The JWT of a sign-in token, its user, its team, and the part of the host names that says where the user lives."""
    try:
        jwt = json.loads(base64.b64decode(text.strip(), validate=True))["user_token"]
        head, claims, _ = jwt.split(".")
        head, claims = (json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))) for part in (head, claims))
        if head["alg"] != "RS256":
            raise AppError("bad-token")
        environment, region = ISSUER.fullmatch(claims["iss"]).group("environment", "region")
        team = claims.get("claims", {}).get("vital_team_id")
        return jwt, claims["uid"].lower(), team, f"{LABELS[environment]}{region}.junction.com"
    except (ValueError, KeyError, IndexError, TypeError, AttributeError):
        raise AppError("bad-token") from None


class NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


def ask(place, fields, invalid):
    """Asks the identity provider for tokens. `invalid`: what it means if it calls the token invalid."""
    request = urllib.request.Request(f"https://auth.{place}/v1/token", data=urllib.parse.urlencode(fields).encode())
    try:
        with urllib.request.build_opener(NoRedirects).open(request, timeout=TIMEOUT_S) as answer:
            body = json.load(answer)
    except urllib.error.HTTPError as error:
        if error.code == 429 or error.code >= 500:
            raise AppError("offline") from None
        try:
            word = json.load(error)["detail"]["error_type"]
        except (OSError, ValueError, KeyError, TypeError):
            word = None
        raise AppError({"invalid_token": invalid, "reauthentication_required": "on-hold"}.get(word, "odd-answer")) from None
    except ValueError:
        raise AppError("odd-answer") from None
    except OSError:
        raise AppError("offline") from None
    try:
        access, refresh = body["access_token"], body["refresh_token"]
        if not (isinstance(access, str) and isinstance(refresh, str) and access and refresh):
            raise AppError("odd-answer")
        return {"access": access, "refresh": refresh, "until": time.time() + float(body["expires_in"])}
    except (KeyError, TypeError, ValueError):
        raise AppError("odd-answer") from None


def refreshed(store, session):
    try:
        tokens = ask(session["place"], {"grant_type": "refresh_token", "refresh_token": session["refresh"]}, "user-gone")
    except AppError as error:
        if str(error) == "user-gone":
            store.clear()
        if str(error) == "on-hold":
            store.save({**session, "hold": True})
        raise
    session = {**session, **tokens}
    store.save(session)
    return session


def sign_in(store):
    jwt, user, team, place = read_token(sys.stdin.read())
    session = store.load()
    if session and (session["user"], session.get("team"), session["place"]) != (user, team, place):
        raise AppError("other-user")
    if session and not session.get("hold"):
        return
    about = {"user": user, "team": team, "place": place, "installation": store.mark()}
    store.save({**ask(place, {**EXCHANGE, "subject_token": jwt}, "bad-token"), **about})


def get(store, path):
    session = store.load()
    if not session:
        raise AppError("signed-out")
    if session.get("hold"):
        raise AppError("on-hold")
    if session["until"] <= time.time():
        session = refreshed(store, session)
    status, body = curl(session, path)
    if status == 401:
        session = refreshed(store, session)
        status, body = curl(session, path)
        if status == 401:
            raise AppError("refused")
    print(status)
    print(body)


def curl(session, path):
    args = ["curl", "-sS", "--max-time", str(TIMEOUT_S), "-H", "@-", "-w", "\n%{http_code}", f"https://api.{session['place']}{path}"]
    # The credential goes by standard input: arguments can be read by others.
    header = f"authorization: Bearer {session['access']}\n"
    done = subprocess.run(args, input=header, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise AppError("offline")
    body, status = done.stdout.rsplit("\n", 1)
    return int(status), body


def main(verb, *args):
    store = Store()
    session = store.load()
    if verb == "sign-in":
        sign_in(store)
    elif verb == "sign-out":
        store.clear()
    elif verb == "status":
        print("signed out" if not session else "on hold" if session.get("hold") else "signed in")
    elif verb == "whoami":
        print(session["user"] if session else "")
    else:
        get(store, *args)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except AppError as problem:
        sys.exit(ERRORS[str(problem)])
    except OSError as problem:
        print(problem, file=sys.stderr)
        sys.exit(ERRORS["disk"])
