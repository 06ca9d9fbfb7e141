"""What the tests share: an emulator in this process, and the steps of an app, its backend and its SDK."""

import base64
import http.client
import json
import sys
import threading
import unittest
from pathlib import Path
from urllib.parse import urlencode, urlsplit

HERE = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(HERE))

from cloud.http import Server  # noqa: E402
from cloud.realm import Cloud  # noqa: E402
from cloud.realms import PLACES, Place  # noqa: E402, F401
from cloud.routes import Router  # noqa: E402

US = Place("production", "us")
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
SIGN_IN_TOKEN = "urn:junction:sign-in-token"
FORM = "application/x-www-form-urlencoded"
_serial = iter(range(1, 1_000_000))


class Reply:
    def __init__(self, status, headers, content):
        self.status, self.headers, self.content = status, headers, content
        self.body = json.loads(content) if content else None

    @property
    def error(self):
        return self.status, self.body.get("detail", {}).get("error_type")


class Client:
    """One connection, kept alive. For one thread."""

    def __init__(self, url):
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=10)

    def close(self):
        self._connection.close()

    def send(self, method, path, body=None, headers=None):
        self._connection.request(method, path, body, headers or {})
        answer = self._connection.getresponse()
        return Reply(answer.status, answer.headers, answer.read())

    # -- the backend's calls ---------------------------------------------------------------------

    def team(self, method, path, body=None, place=US):
        content = None if body is None else json.dumps(body)
        headers = {"x-vital-api-key": place.api_key, "Content-Type": "application/json"}
        return self.send(method, f"{place.prefix}/api/v2/{path}", content, headers)

    def create(self, client_user_id=None, place=US):
        body = {"client_user_id": client_user_id or f"app-user-{next(_serial)}"}
        return self.team("POST", "user", body, place).body["user_id"]

    def user_token(self, user_id, place=US):
        envelope = self.team("POST", f"user/{user_id}/sign_in_token", place=place).body["sign_in_token"]
        return json.loads(base64.b64decode(envelope, validate=True))["user_token"]

    # -- the SDK's calls -------------------------------------------------------------------------

    def token(self, fields, place=US, content_type=FORM):
        body = fields if isinstance(fields, (str, bytes)) else urlencode(fields)
        return self.send("POST", f"{place.prefix}/auth/v1/token", body, {"Content-Type": content_type})

    def exchange(self, user_token, place=US):
        fields = {"grant_type": EXCHANGE, "subject_token_type": SIGN_IN_TOKEN, "subject_token": user_token}
        return self.token(fields, place)

    def refresh(self, refresh_token, place=US):
        return self.token({"grant_type": "refresh_token", "refresh_token": refresh_token}, place)

    def get(self, path, access_token, place=US, method="GET", body=None):
        headers = {"Authorization": f"Bearer {access_token}"}
        return self.send(method, f"{place.prefix}/api/v2/{path}", body, headers)

    def signed_in(self, place=US):
        """(user id, access token, refresh token)."""
        user_id = self.create(place=place)
        return (user_id, *tokens(self.exchange(self.user_token(user_id, place), place)))

    # -- the hooks -------------------------------------------------------------------------------

    def control(self, hook, body):
        return self.send("POST", f"/control/{hook}", json.dumps(body), {"Content-Type": "application/json"})

    def befall(self, hook, user_id, place=US):
        return self.control(hook, {"environment": place.environment, "region": place.region, "userId": user_id})


def tokens(reply):
    assert reply.status == 200, reply.content
    return reply.body["access_token"], reply.body["refresh_token"]


def claims(jwt):
    body = jwt.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))


class Case(unittest.TestCase):
    """An emulator of its own for each test."""

    def setUp(self):
        self.cloud = Cloud()
        self.server = Server(0, Router(self.cloud), self.cloud.clock)
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)
        self.client = self.connect()

    def connect(self):
        client = Client(self.server.url)
        self.addCleanup(client.close)
        return client

    def at_once(self, count, action):
        """What `action(client)` returns to each of this many threads that start together."""
        results, start = [], threading.Barrier(count)

        def act(client):
            start.wait()
            results.append(action(client))

        interval = sys.getswitchinterval()
        sys.setswitchinterval(1e-6)  # or each would mostly be done before the next one gets to run
        try:
            threads = [threading.Thread(target=act, args=(self.connect(),)) for _ in range(count)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        finally:
            sys.setswitchinterval(interval)
        return results

    def own_status(self, user_id, access_token, place=US):
        return self.client.get(f"user/{user_id}", access_token, place).status
