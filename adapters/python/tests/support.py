"""What the tests share: a tiny vendor cloud in this process, and a driver for the adapter as a subprocess."""

import base64
import json
import os
import queue
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs

HERE = Path(__file__).resolve().parent.parent
ADA = "aaaaaaaa-0000-4000-8000-00000000000a"
BOB = "bbbbbbbb-0000-4000-8000-00000000000b"
START = 1_767_225_600_000
HOUR = 3_600_000
CODES = {"production": "prd", "sandbox": "stg", "dev": "dev"}
PLACES = [(environment, region) for environment in CODES for region in ("us", "eu")]
_serial = iter(range(1, 1_000_000))


def b64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def sign_in_token(
    user=ADA, environment="production", region="us", *, header=None, padded=True, public_key="AIza+/=&?", **claims
):
    name = f"{CODES[environment]}-{region}"
    claims = {
        "iss": f"id-signer-{name}@vital-id-{name}.iam.gserviceaccount.com",
        "uid": user,
        "tenant_id": "t",
        "claims": {"vital_team_id": "team"},
        "jti": next(_serial),
        "iat": 1,
        "exp": 2,
        **claims,
    }
    header = {"alg": "RS256", "typ": "JWT"} if header is None else header
    parts = [json.dumps(header).encode(), json.dumps(claims).encode(), b"secret-sig\xfb\xff"]
    jwt = ".".join(b64url(part) for part in parts)
    text = base64.b64encode(json.dumps({"public_key": public_key, "user_token": jwt}).encode()).decode()
    return text if padded else text.rstrip("=")


class Cloud:
    """Exchange, refresh and one API resource. `script` holds what the next token requests meet instead."""

    profile = "junction"
    revoked = (401, {"detail": {"error_type": "reauthentication_required"}})

    def __init__(self):
        self.script = []
        self.requests = []  # (kind, headers, form)
        self.access, self.refreshes = {}, {}
        self.lifetime = 3600
        self.api_status = None
        self.hold = None  # an Event: token requests wait for it
        self.arrived = threading.Event()
        cloud = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_POST(self):
                cloud.token(self, cloud.read(self.path, self.rfile.read(int(self.headers["Content-Length"]))))

            def do_GET(self):
                cloud.api(self)

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 64

            def handle_error(self, *_):
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def count(self, kind):
        return sum(1 for request in self.requests if request[0] == kind)

    def read(self, path, body):
        """The fields of a token request."""
        assert path == "/v1/token", path
        return fields_of(body.decode())

    def token(self, handler, form):
        kind = "refresh" if form["grant_type"] == "refresh_token" else "exchange"
        self.requests.append((kind, dict(handler.headers), form))
        self.arrived.set()
        if self.hold is not None:
            self.hold.wait(5)
        step = self.script.pop(0) if self.script else None
        if callable(step):
            return step(handler)
        if step is not None:
            status, headers, body = step
            return self.answer(handler, status, body, headers)
        if kind == "refresh" and form["refresh_token"] not in self.refreshes:
            return self.answer(handler, *self.revoked)
        self.answer(handler, 200, self.grant(form))

    def grant(self, form):
        number = next(_serial)
        self.refreshes.pop(form.get("refresh_token"), None)
        self.access = {f"secret-access-{number}": True}
        self.refreshes[f"secret-refresh+/={number}"] = True
        return {
            "access_token": f"secret-access-{number}",
            "refresh_token": f"secret-refresh+/={number}",
            "expires_in": self.lifetime,
            "token_type": "Bearer",
        }

    def api(self, handler):
        key, bearer = handler.headers.get("x-vital-api-key"), handler.headers.get("Authorization")
        self.requests.append(("api", dict(handler.headers), handler.path))
        if self.api_status is not None:
            return self.answer(handler, self.api_status, {"detail": "x"})
        known = key is not None or (bearer or "").removeprefix("Bearer ") in self.access
        self.answer(handler, 200 if known else 401, {"ok": known})

    @staticmethod
    def answer(handler, status, body, headers=()):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        handler.send_response(status)
        for name, value in dict(headers).items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data)


def fields_of(form):
    return {name: values[0] for name, values in parse_qs(form, strict_parsing=True).items()}


def raw(data):
    """A scripted answer of these very bytes, after which the connection closes."""

    def step(handler):
        handler.wfile.write(data)
        handler.wfile.flush()
        handler.connection.shutdown(socket.SHUT_RDWR)
        handler.close_connection = True

    return step


class CallFailed(Exception):
    def __init__(self, error):
        super().__init__(error)
        self.code = error["code"]
        self.kind = error.get("data", {}).get("kind")


class Driver:
    """The adapter as Vouch sees it."""

    def __init__(self, cloud, folder, *, locked=False, clock=True, timeout=1000, start=True, profile=None):
        arguments = [sys.executable, "-I", "-S", "adapter.py"] + ([] if clock else ["--no-clock"])
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(arguments, cwd=HERE, stdin=pipe, stdout=pipe, stderr=pipe)
        self.waiting, self.statuses, self.logs, self.sleeps, self.asked = {}, [], [], [], []
        self.now, self.last, self.authenticate, self.transcript = START, 0, None, []
        self.sleep_gate = None
        self.events = queue.Queue()
        threading.Thread(target=self.read, daemon=True).start()
        self.hello = self.call("initialize", protocol=1, harness={"name": "test", "version": "1"})
        if start:
            self.start(cloud, folder, locked, timeout, profile)

    def start(self, cloud, folder, locked=False, timeout=1000, profile=None):
        places = {area: str(Path(folder, area)) for area in ("secure", "plain", "volatile")}
        ends = [{"environment": e, "region": r, "api": cloud.url, "auth": cloud.url} for e, r in PLACES]
        self.call(
            "start",
            profile=profile or cloud.profile,
            storage={**places, "locked": locked},
            endpoints=ends,
            now=self.now,
            requestTimeoutMs=timeout,
        )

    def read(self):
        for line in self.process.stdout:
            self.transcript.append(line.decode())
            message = json.loads(line)
            method = message.get("method")
            if method == "statusChanged":
                self.statuses.append(message["params"]["status"])
            elif method == "log":
                self.logs.append(message["params"]["text"])
            elif method == "sleep":
                self.sleeps.append(message["params"]["milliseconds"])
                threading.Thread(target=self.slept, args=(message,), daemon=True).start()
            elif method == "authenticate":
                self.asked.append(message["params"]["externalUserId"])
                answer = self.authenticate(message["params"]["externalUserId"]) if self.authenticate else None
                body = {"result": {"token": answer}} if answer else {"error": {"code": -1, "message": "backend"}}
                self.write({"jsonrpc": "2.0", "id": message["id"], **body})
            else:
                self.waiting[message["id"]].put((message, list(self.statuses)))

    def slept(self, message):
        if self.sleep_gate is not None:
            self.sleep_gate.wait(5)
        self.now += message["params"]["milliseconds"]
        self.write({"jsonrpc": "2.0", "id": message["id"], "result": {"now": self.now}})

    def write(self, message):
        try:
            self.process.stdin.write(json.dumps(message).encode() + b"\n")
            self.process.stdin.flush()
        except (OSError, ValueError):
            pass  # the process was killed: that is one of the tests

    def send(self, name, /, **params):
        self.last += 1
        self.waiting[self.last] = queue.Queue()
        self.write({"jsonrpc": "2.0", "id": self.last, "method": name, "params": params})
        return self.last

    def wait(self, identity, timeout=9):
        message, self.statuses_then = self.waiting[identity].get(timeout=timeout)
        if "error" in message:
            raise CallFailed(message["error"])
        return message["result"]

    def call(self, name, /, **params):
        return self.wait(self.send(name, **params))

    def kind(self, name, /, **params):
        """The kind of the error that this call ends with, or None."""
        return self.kind_of(self.send(name, **params))

    def kind_of(self, identity):
        try:
            self.wait(identity)
        except CallFailed as failed:
            return failed.kind or failed.code

    def cancel(self, identity):
        self.write({"jsonrpc": "2.0", "method": "cancel", "params": {"id": identity}})

    def status(self):
        return self.call("status")["status"]

    def user(self):
        return self.call("currentUserId")["userId"]

    def get(self, path="/v2/user/me"):
        return self.call("request", method="GET", path=path)["status"]

    def move(self, milliseconds):
        self.now += milliseconds
        self.call("clock", now=self.now)

    def stop(self):
        self.call("stop")
        assert self.process.wait(5) == 0
        self.close()

    def kill(self):
        self.process.kill()
        self.process.wait(5)
        self.close()

    def close(self):
        for stream in (self.process.stdin, self.process.stderr):
            try:
                stream.close()
            except OSError:
                pass


KEY = {"apiKey": "pk_us_secret-key", "environment": "production", "region": "us"}
OUT = []
BY_KEY = ["configured", "signedIn", "useApiKey"]
BY_TOKEN = ["configured", "signedIn", "useSignInToken"]
ON_HOLD = BY_TOKEN + ["pendingReauthentication"]


class Case(unittest.TestCase):
    """A cloud, a device's storage and as many processes as a test launches."""

    def setUp(self):
        self.cloud = Cloud()
        self.addCleanup(self.cloud.close)
        self.folder = Path(tempfile.mkdtemp(prefix="signin-"))
        self.addCleanup(shutil.rmtree, self.folder)
        for area in ("secure", "plain", "volatile"):
            (self.folder / area).mkdir()
        self.running = []
        self.addCleanup(self.end_all)

    def end_all(self):
        for driver in self.running:
            if driver.process.poll() is None:
                driver.process.kill()
                driver.process.wait(5)
            if not driver.process.stderr.closed:
                self.assertEqual(b"", driver.process.stderr.read())
            driver.close()
            driver.process.stdout.close()
            self.assertNotIn("secret", "".join(driver.transcript))

    def launch(self, **options):
        driver = Driver(self.cloud, self.folder, **options)
        self.running.append(driver)
        return driver

    def signed_in(self, user=ADA, **options):
        driver = self.launch(**options)
        driver.call("signIn", token=sign_in_token(user))
        return driver

    def files(self):
        return sorted(
            str(Path(root, name).relative_to(self.folder)) for root, _, names in os.walk(self.folder) for name in names
        )

    def until(self, condition):
        deadline = time.monotonic() + 5
        while not condition():
            self.assertLess(time.monotonic(), deadline, "it did not come about")
            time.sleep(0.005)
