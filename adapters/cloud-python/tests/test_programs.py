"""The two programs as Vouch starts them, and the target file that names them."""

import os
import signal
import socket
import subprocess
import sys
import time
import tomllib
import unittest
from urllib.parse import urlsplit

from support import HERE, PLACES, US, Client, tokens


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Programs(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        port = free_port()
        cls.url = f"http://127.0.0.1:{port}"
        cls.process = cls.start(port)
        cls.first_line = cls.process.stdout.readline().strip()

    @classmethod
    def tearDownClass(cls):
        cls.process.send_signal(signal.SIGTERM)
        cls.process.wait(5)
        cls.process.stdout.close()
        cls.process.stderr.close()

    @staticmethod
    def start(port):
        return subprocess.Popen(
            [sys.executable, "emulator.py"],
            cwd=HERE,
            env={**os.environ, "PORT": str(port)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def setUp(self):
        self.client = Client(self.url)
        self.addCleanup(self.client.close)

    def hook(self, name, **more):
        env = {"PATH": os.environ["PATH"], "EMULATOR_URL": self.url, "VOUCH_HOOK": name, **more}
        command = [sys.executable, "-I", "-S", "control.py"]
        return subprocess.run(command, cwd=HERE, env=env, capture_output=True, text=True, timeout=20)

    def befall(self, name, user_id, place=US):
        done = self.hook(name, VOUCH_ENVIRONMENT=place.environment, VOUCH_REGION=place.region, VOUCH_USER_ID=user_id)
        self.assertEqual((0, "", ""), (done.returncode, done.stdout, done.stderr))

    def test_it_says_where_it_listens(self):
        self.assertEqual(f"listening on {self.url}", self.first_line)

    def test_a_port_that_is_taken_is_said_in_one_line(self):
        for port in [urlsplit(self.url).port, "nonsense"]:
            process = self.start(port)
            _, said = process.communicate(timeout=10)
            self.assertEqual((1, 1), (process.returncode, said.count("\n")), said)

    def test_the_hooks_do_what_they_say(self):
        for place in PLACES:
            user_id, access, refresh = self.client.signed_in(place)
            self.befall("refuseAccessTokens", user_id.upper(), place)
            self.assertEqual(401, self.client.get(f"user/{user_id}", access, place).status)
            access, refresh = tokens(self.client.refresh(refresh, place))
            self.befall("revoke", user_id, place)
            self.assertEqual((400, "reauthentication_required"), self.client.refresh(refresh, place).error)
            self.befall("deleteUser", user_id, place)
            self.assertEqual(404, self.client.team("GET", f"user/{user_id}", place=place).status)
            self.assertEqual((400, "invalid_token"), self.client.refresh(refresh, place).error)
            self.befall("undoDelete", user_id, place)
            self.assertEqual(200, self.client.team("GET", f"user/{user_id}", place=place).status)

    def test_advance_moves_the_clock(self):
        jwt = self.client.user_token(self.client.create())
        self.assertEqual(0, self.hook("advance", VOUCH_SECONDS="300").returncode)
        self.assertEqual((400, "invalid_token"), self.client.exchange(jwt).error)

    def test_a_hook_that_fails_says_why_in_one_line(self):
        whom = {"VOUCH_ENVIRONMENT": "production", "VOUCH_REGION": "us", "VOUCH_USER_ID": "nobody"}
        for done in [
            self.hook("nonsense"),
            self.hook("revoke"),
            self.hook("revoke", **whom),
            self.hook("deleteUser", **whom),
            self.hook("undoDelete", **{**whom, "VOUCH_USER_ID": "a/b"}),
            self.hook("revoke", **{**whom, "VOUCH_REGION": "mars"}),
            self.hook("advance"),
            self.hook("advance", VOUCH_SECONDS="soon"),
            self.hook("advance", VOUCH_SECONDS="-1"),
            self.hook("advance", VOUCH_SECONDS="nan"),
            self.hook("advance", VOUCH_SECONDS="1", EMULATOR_URL=f"http://127.0.0.1:{free_port()}"),
            self.hook("advance", VOUCH_SECONDS="1", EMULATOR_URL="nonsense"),
        ]:
            self.assertEqual((1, 1), (done.returncode, done.stderr.count("\n")), done.stderr)
            self.assertNotIn("Traceback", done.stderr)

    def test_a_hook_is_quick(self):
        best = min(self._timed() for _ in range(5))
        self.assertLess(best, 0.5)

    def _timed(self):
        start = time.monotonic()
        self.hook("advance", VOUCH_SECONDS="0")
        return time.monotonic() - start

    def test_the_target_file_names_the_realms_as_they_are(self):
        cloud = tomllib.loads((HERE / "vouch.toml").read_text())["cloud"]
        port = str(urlsplit(self.url).port)
        self.assertEqual(PLACES, [(realm["environment"], realm["region"]) for realm in cloud["realms"]])
        for realm in cloud["realms"]:
            path = urlsplit(realm["api"].replace("$port", port)).path
            headers = {"x-vital-api-key": realm["apiKey"]}
            self.assertEqual(200, self.client.send("GET", f"{path}/v2/user", headers=headers).status)
            path = urlsplit(realm["auth"].replace("$port", port)).path
            self.assertEqual(415, self.client.send("POST", f"{path}/v1/token").status)
        self.assertEqual(200, self.client.send("GET", urlsplit(cloud["ready"]).path).status)


if __name__ == "__main__":
    unittest.main()
