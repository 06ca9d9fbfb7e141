"""The app as Vouch runs it: a subprocess that exchanges lines of JSON-RPC."""

import json
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
ADA = "aaaaaaaa-0000-4000-8000-00000000000a"
USER = {"externalUserId": "app-user-ada", "userId": None}
BY_TOKEN = ["configured", "signedIn", "useSignInToken"]


class RunningApp:
    """One process. `sdk_user` is whom the SDK that is played here has; `fail` what the next such call meets."""

    def __init__(self, folder):
        pipe = subprocess.PIPE
        arguments = [sys.executable, "-I", "-S", "adapter.py"]
        self.process = subprocess.Popen(arguments, cwd=HERE, stdin=pipe, stdout=pipe, stderr=pipe)
        self.last, self.did, self.sdk_user, self.fail = 0, [], None, {}
        self.results = {}
        self.hello = self.call("initialize", protocol=1, harness={"name": "test", "version": "1"})
        if folder is not None:
            self.call("start", storage=str(folder))

    def write(self, message):
        data = message if isinstance(message, bytes) else json.dumps({"jsonrpc": "2.0", **message}).encode()
        self.process.stdin.write(data + b"\n")
        self.process.stdin.flush()

    def send(self, name, /, **params):
        self.last += 1
        self.write({"id": self.last, "method": name, "params": params})
        return self.last

    def wait(self, identity):
        """The answer, or its error; what the app asks meanwhile is answered."""
        while identity not in self.results:
            message = json.loads(self.process.stdout.readline())
            if "method" in message:
                self.write({"id": message["id"], **self.play(message["method"], message["params"])})
            else:
                self.results[message["id"]] = message
        message = self.results[identity]
        return message["result"] if "result" in message else message["error"]

    def call(self, name, /, **params):
        return self.wait(self.send(name, **params))

    def play(self, method, params):
        self.did.append(method)
        if method in self.fail:
            return self.fail.pop(method)
        if method == "sdk.status":
            return {"result": {"status": BY_TOKEN if self.sdk_user else []}}
        if method == "sdk.currentUserId":
            return {"result": {"userId": self.sdk_user}}
        if method == "backend.signInToken":
            return {"result": {"token": f"secret token of {ADA}"}}
        self.sdk_user = params["token"].split()[-1] if method == "sdk.signIn" else None
        return {"result": {}}

    def deeds(self):
        return [method for method in self.did if method not in ("sdk.status", "sdk.currentUserId")]

    def close(self):
        self.process.kill()
        self.process.wait(5)
        errors = self.process.stderr.read()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            try:
                stream.close()
            except OSError:
                pass
        return errors


class AppAdapterTest(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="app-adapter-"))
        self.addCleanup(shutil.rmtree, self.folder)

    def launch(self, start=True):
        app = RunningApp(self.folder if start else None)
        self.addCleanup(lambda: self.assertEqual(b"", app.close()))
        return app

    def test_it_introduces_itself(self):
        app = {"name": "python-example-app", "version": "1.0.0", "platform": "python"}
        self.assertEqual({"protocol": 1, "app": app, "capabilities": []}, self.launch(start=False).hello)

    def test_it_reconciles_over_a_kill_and_a_stop(self):
        app = self.launch()
        self.assertEqual(({}, {}), (app.call("setUser", user=USER), app.call("reconcile")))
        self.assertEqual(["backend.signInToken", "sdk.signIn"], app.deeds())
        app.process.kill()
        app = self.launch()
        app.sdk_user = ADA.upper()
        self.assertEqual(({}, []), (app.call("reconcile"), app.deeds()))
        app.call("setUser", user=None)
        self.assertEqual(({}, ["sdk.signOut"]), (app.call("reconcile"), app.deeds()))
        self.assertEqual({}, app.call("stop"))
        self.assertEqual(0, app.process.wait(5))
        app = self.launch()
        self.assertEqual(({}, []), (app.call("reconcile"), app.deeds()))

    def test_a_refusal_is_passed_on_with_its_kind(self):
        app = self.launch()
        app.call("setUser", user=USER)
        for method in ("sdk.status", "sdk.currentUserId", "backend.signInToken", "sdk.signIn"):
            for error, kind in (
                ({"code": -32000, "message": "no", "data": {"kind": "network"}}, "network"),
                ({"code": -32000, "message": "no", "data": {"kind": "invalidSignInToken"}}, "invalidSignInToken"),
                ({"code": -32601, "message": "no"}, "internal"),
                ("?", "internal"),
            ):
                app.fail = {method: {"error": error}}
                answer = app.call("reconcile")
                self.assertEqual((-32000, kind), (answer["code"], answer["data"]["kind"]))
        for method in ("sdk.status", "sdk.currentUserId", "backend.signInToken"):
            for result in ([], None, {}, {"status": "x", "userId": 7, "token": None}):
                app.fail = {method: {"result": result}}
                self.assertEqual("unexpectedAnswer", app.call("reconcile")["data"]["kind"], (method, result))
        self.assertIsNone(app.sdk_user)
        self.assertEqual(({}, ADA), (app.call("reconcile"), app.sdk_user))

    def test_two_at_once_do_the_work_once(self):
        app = self.launch()
        app.send("setUser", user=USER)
        both = [app.send("reconcile"), app.send("reconcile")]
        self.assertEqual([{}, {}], [app.wait(identity) for identity in both])
        self.assertEqual(["backend.signInToken", "sdk.signIn"], app.deeds())

    def test_it_answers_and_stops_during_a_reconciliation(self):
        app = self.launch()
        app.send("reconcile")
        self.assertEqual("sdk.status", json.loads(app.process.stdout.readline())["method"])
        self.assertEqual({}, app.call("setUser", user=USER))
        self.assertEqual({}, app.call("stop"))
        self.assertEqual(0, app.process.wait(5))

    def test_mistakes_of_the_harness_are_refused(self):
        app = self.launch(start=False)
        for method, params, code in (
            ("dance", {}, -32601), ("reconcile", {}, -32600), ("setUser", {"user": None}, -32600),
            ("initialize", {"protocol": 2}, -32602), ("start", {}, -32602), ("start", {"storage": 7}, -32602),
        ):  # fmt: skip
            self.assertEqual(code, app.call(method, **params)["code"], method)
        self.assertEqual({}, app.call("start", storage=str(self.folder)))
        for params in ({}, {"user": "ada"}, {"user": {}}, {"user": {"externalUserId": "a", "userId": 7}}):
            self.assertEqual(-32602, app.call("setUser", **params)["code"], params)
        self.assertEqual(-32602, app.call("start", storage=str(self.folder))["code"])
        app.write(b"what?")
        self.assertEqual(-32700, app.wait(None)["code"])
        app.process.stdin.close()
        self.assertEqual(0, app.process.wait(5))


if __name__ == "__main__":
    unittest.main()
