"""The library `vouch_adapter`, driven over a socket, and the template as a program."""

import contextlib
import io
import json
import socket
import subprocess
import sys
import threading
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(HERE))

from vouch_adapter import LINE_LIMIT, Adapter, CallError, LineChannel, Sdk, serve_channel  # noqa: E402

LAUNCH = {
    "profile": "junction",
    "storage": {"secure": "/s", "plain": "/p", "volatile": "/v", "locked": False},
    "endpoints": [{"environment": "production", "region": "us", "api": "http://127.0.0.1:1", "auth": "http://127.0.0.1:2"}],
    "requestTimeoutMs": 1000,
    "now": 5000,
}


class Harness:
    """Vouch's end of a stream of lines."""

    def __init__(self, reader, write):
        self.reader, self.write, self.last = reader, write, 0

    def send(self, **message):
        self.write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")

    def request(self, method, params=None):
        self.last += 1
        self.send(id=self.last, method=method, params={} if params is None else params)
        return self.last

    def next(self):
        return json.loads(self.reader.readline())

    def call(self, method, params=None):
        self.request(method, params)
        return self.next()


class Library(unittest.TestCase):
    def serve(self, calls, capabilities=("clock",), start=True, kind_of=None):
        """An adapter on a thread; `calls` are methods of its `Sdk`."""
        test = self

        class Tested(Adapter):
            sdk = {"name": "test", "version": "1", "platform": "python"}

            def kind_of(self, error):
                return kind_of(error) if kind_of else "internal"

            def start(self, launch, host):
                test.launch, test.host = launch, host
                return type("Calls", (Sdk,), {name: staticmethod(call) for name, call in calls.items()})()

        Tested.capabilities = capabilities
        ours, theirs = socket.socketpair()
        ours.settimeout(5)
        served = threading.Thread(
            target=serve_channel,
            args=(Tested(), LineChannel.over_socket(theirs), lambda: theirs.shutdown(socket.SHUT_RDWR)),
            daemon=True,
        )
        served.start()

        def end():
            ours.shutdown(socket.SHUT_RDWR)
            served.join(5)
            self.assertFalse(served.is_alive(), "it ends with its input")
            reader.close()
            ours.close()
            theirs.close()

        self.addCleanup(end)
        reader = ours.makefile("rb")
        harness = Harness(reader, ours.sendall)
        if start:
            self.assertEqual({}, harness.call("start", LAUNCH)["result"])
        return harness


class Messages(Library):
    def test_initialize_and_the_versions(self):
        vouch = self.serve({}, start=False)
        sdk = {"name": "test", "version": "1", "platform": "python"}
        self.assertEqual(
            {"protocol": 1, "sdk": sdk, "capabilities": ["clock"]}, vouch.call("initialize", {"protocol": 1})["result"]
        )
        self.assertEqual(-32602, vouch.call("initialize", {"protocol": 0})["error"]["code"])
        self.assertEqual(-32602, vouch.call("initialize", {"protocol": 3, "minProtocol": 2})["error"]["code"])
        self.assertEqual(1, vouch.call("initialize", {"protocol": 3, "minProtocol": 1})["result"]["protocol"])

    def test_mistakes_are_answered_with_the_codes_of_json_rpc_and_reading_goes_on(self):
        vouch = self.serve({"status": lambda call: []}, start=False)
        self.assertEqual(-32600, vouch.call("status")["error"]["code"], "before start")
        self.assertEqual(-32602, vouch.call("start", {**LAUNCH, "endpoints": [7]})["error"]["code"])
        self.assertEqual(-32602, vouch.call("start", {**LAUNCH, "now": None})["error"]["code"], "with `clock`")
        vouch.call("start", LAUNCH)
        self.assertEqual(-32600, vouch.call("start", LAUNCH)["error"]["code"], "started already")
        self.assertEqual(-32601, vouch.call("dance")["error"]["code"])
        for params in ({"token": 7}, {"token": "\ud800"}, []):
            self.assertEqual(-32602, vouch.call("signIn", params)["error"]["code"])
        deep = b"[" * 100_000
        for line, code in ((b"{", -32700), (b"7", -32600), (b'{"id":1}', -32600), (b"\xff", -32700), (deep, -32700)):
            vouch.write(line + b"\n")
            answer = vouch.next()
            self.assertEqual((None, code), (answer["id"], answer["error"]["code"]), line[:20])
        vouch.send(id=True, method="status")
        self.assertEqual(-32600, vouch.next()["error"]["code"])
        vouch.send(method="weather", params={})
        vouch.send(id=99, result={})
        vouch.send(id="a", method="status")
        self.assertEqual("a", vouch.next()["id"])

    def test_a_line_of_1_mib_is_read_and_a_longer_one_is_refused(self):
        vouch = self.serve({"status": lambda call: []})
        shortest = b'{"jsonrpc":"2.0","id":1,"method":""}\n'
        for size, code in ((LINE_LIMIT, -32601), (LINE_LIMIT + 1, -32600)):
            vouch.write(shortest.replace(b'""', b'"' + b"x" * (size - len(shortest)) + b'"'))
            self.assertEqual(code, vouch.next()["error"]["code"], size)
        self.assertEqual({"status": []}, vouch.call("status")["result"])

    def test_an_answer_that_is_too_long_for_a_line_becomes_an_error(self):
        vouch = self.serve({"request": lambda request, call: (200, "x" * LINE_LIMIT)})
        error = vouch.call("request", {"method": "GET", "path": "/"})["error"]
        self.assertEqual(("internal", True), (error["data"]["kind"], "1 MiB" in error["message"]))


class Calls(Library):
    def test_the_results_have_the_form_of_the_protocol(self):
        vouch = self.serve(
            {
                "sign_out": lambda call: "ignored",
                "current_user_id": lambda call: None,
                "request": lambda request, call: (201, [request.path, request.has_body, request.body]),
                "storage": lambda call: [("plain", "k", b"\xff"), ("secure", "s", b"text")],
            }
        )
        self.assertEqual({}, vouch.call("signOut")["result"])
        self.assertEqual({"userId": None}, vouch.call("currentUserId")["result"])
        asked = {"method": "PUT", "path": "/x"}
        self.assertEqual({"status": 201, "body": ["/x", True, [1]]}, vouch.call("request", {**asked, "body": [1]})["result"])
        self.assertEqual(["/x", False, None], vouch.call("request", asked)["result"]["body"])
        items = [(item["area"], item["key"], item["value"]) for item in vouch.call("storage")["result"]["items"]]
        self.assertEqual([("plain", "k", "/w=="), ("secure", "s", "text")], items)

    def test_calls_run_in_parallel_and_cancel_ends_one(self):
        def refresh(call):
            woken = threading.Event()
            call.on_cancel(woken.set)
            woken.wait(5)
            call.check()

        vouch = self.serve({"refresh": refresh, "status": lambda call: []})
        first, second = vouch.request("refresh"), vouch.request("refresh")
        self.assertEqual({"status": []}, vouch.call("status")["result"])
        for identity in (second, first):
            vouch.send(method="cancel", params={"id": identity})
            answer = vouch.next()
            self.assertEqual((identity, "cancelled"), (answer["id"], answer["error"]["data"]["kind"]))
            vouch.send(method="cancel", params={"id": identity})  # it has ended

    def test_calls_are_begun_in_the_order_of_their_lines(self):
        begun = []
        vouch = self.serve(
            {"begin": lambda call: begun.append(call), "refresh": lambda call: None, "status": lambda call: [begun.index(call)]}
        )
        vouch.request("refresh")
        vouch.request("status")
        answers = {answer["id"]: answer["result"] for answer in (vouch.next(), vouch.next())}
        self.assertEqual({"status": [1]}, answers[vouch.last])

    def test_identify_asks_the_app_or_learns_that_its_backend_failed(self):
        tokens = []
        vouch = self.serve({"identify": lambda user, call: tokens.append(call.authenticate(user))})
        question = vouch.call("identify", {"externalUserId": "ada"})
        self.assertEqual(("authenticate", {"externalUserId": "ada"}), (question["method"], question["params"]))
        vouch.send(id=question["id"], result={"token": "abc"})
        self.assertEqual(({}, ["abc"]), (vouch.next()["result"], tokens))
        for error, kind in (({"data": {"kind": "unexpectedAnswer"}}, "unexpectedAnswer"), ({}, "network"), (7, "network")):
            question = vouch.call("identify", {"externalUserId": "ada"})
            vouch.send(id=question["id"], error=error)
            self.assertEqual(kind, vouch.next()["error"]["data"]["kind"])
        identity = vouch.request("identify", {"externalUserId": "ada"})
        vouch.next()
        vouch.send(method="cancel", params={"id": identity})
        self.assertEqual("cancelled", vouch.next()["error"]["data"]["kind"])

    def test_exceptions_get_their_kinds(self):
        def fail(error):
            raise error

        vouch = self.serve(
            {
                "sign_in": lambda token, call: fail(CallError("incompatible", "other region")),
                "sign_out": lambda call: fail(OSError("no network")),
                "status": lambda call: fail(ConnectionResetError()),
            },
            kind_of=lambda error: "network" if isinstance(error, OSError) else "an unknown word",
        )

        def refused(method, params=None):
            error = vouch.call(method, params)["error"]
            return error["code"], error["data"]["kind"], error["message"]

        self.assertEqual((-32000, "incompatible", "other region"), refused("signIn", {"token": "t"}))
        self.assertEqual((-32000, "network", "no network"), refused("signOut"))
        self.assertEqual((-32000, "network", "ConnectionResetError"), refused("status"))
        self.assertEqual((-32000, "unsupported", "the SDK has no call refresh"), refused("refresh"))


    def test_a_call_that_fails_in_an_odd_way_is_answered_too(self):
        def kind_of(error):
            raise KeyError("a mistake of the adapter")

        vouch = self.serve(
            {
                "sign_out": lambda call: sys.exit(3),
                "current_user_id": lambda call: {"a", "set"},
                "request": lambda request, call: (200, float("nan") if request.path == "/nan" else "lone \ud800"),
            },
            kind_of=kind_of,
        )
        with contextlib.redirect_stderr(io.StringIO()) as errors:
            for method, params in (("signOut", {}), ("currentUserId", {}), ("request", {"method": "GET", "path": "/nan"})):
                self.assertEqual("internal", vouch.call(method, params)["error"]["data"]["kind"], method)
        self.assertIn("a mistake of the adapter", errors.getvalue())
        self.assertEqual("lone ?", vouch.call("request", {"method": "GET", "path": "/"})["result"]["body"])


class Clock(Library):
    def test_it_stands_still_moves_by_clock_and_waits_by_sleep(self):
        vouch = self.serve(
            {
                "refresh": lambda call: self.host.clock.sleep(250.5),
                "current_user_id": lambda call: str(self.host.clock.now()),
                "clock_moved": lambda now: self.host.log(f"{now} {self.host.clock.now()}"),
            }
        )
        self.assertEqual("5000", vouch.call("currentUserId")["result"]["userId"])
        sleep = vouch.call("refresh")
        self.assertEqual(("sleep", {"milliseconds": 251}), (sleep["method"], sleep["params"]))
        vouch.send(id=sleep["id"], result={"now": 7000})
        identity = vouch.request("currentUserId")
        answers = {answer["id"]: answer["result"] for answer in (vouch.next(), vouch.next())}
        self.assertEqual("7000", answers[identity]["userId"], "before the next message is read")
        self.assertEqual({"text": "9000 9000"}, vouch.call("clock", {"now": 9000})["params"])
        self.assertEqual({}, vouch.next()["result"])

    def test_a_timer_says_that_it_is_in_the_background(self):
        vouch = self.serve({"refresh": lambda call: self.host.clock.sleep(9, call, background=True)})
        self.assertEqual({"milliseconds": 9, "background": True}, vouch.call("refresh")["params"])
        vouch.send(method="cancel", params={"id": vouch.last})
        self.assertEqual("cancelled", vouch.next()["error"]["data"]["kind"])

    def test_without_the_capability_time_is_that_of_the_machine(self):
        vouch = self.serve({"refresh": lambda call: self.host.clock.sleep(20_000, call)}, capabilities=())
        self.assertGreater(self.host.clock.now(), 1_700_000_000_000)
        vouch.send(method="cancel", params={"id": vouch.request("refresh")})
        self.assertEqual("cancelled", vouch.next()["error"]["data"]["kind"])


class TheEnd(Library):
    def test_with_reuse_another_start_finds_a_quiet_process(self):
        stopped = []
        vouch = self.serve(
            {"refresh": lambda call: self.host.clock.sleep(1), "stop": lambda: stopped.append(True)},
            capabilities=("clock", "reuse"),
        )
        refresh = vouch.request("refresh")
        sleep, first = vouch.next(), self.host
        stop = vouch.request("stop", {"reuse": True})
        answers = [vouch.next(), vouch.next()]
        self.assertEqual([refresh, stop], [answer["id"] for answer in answers], "nothing comes after the answer to `stop`")
        self.assertEqual(("cancelled", [True]), (answers[0]["error"]["data"]["kind"], stopped))
        vouch.send(id=sleep["id"], error={"data": {"kind": "cancelled"}})
        self.assertEqual({}, vouch.call("start", LAUNCH)["result"])
        first.log("from the other side of the grave")
        self.assertRaises(CallError, first.clock.sleep, 1)
        self.assertEqual("unsupported", vouch.call("signOut")["error"]["data"]["kind"])
        self.assertEqual({}, vouch.call("stop")["result"])
        self.assertEqual(b"", vouch.reader.readline(), "without `reuse` the process ends")

    def test_a_failure_of_stop_and_of_start_is_answered(self):
        def stop():
            raise CallError("storage", "the disk is full")

        vouch = self.serve({"stop": stop})
        self.assertEqual("storage", vouch.call("stop")["error"]["data"]["kind"])


class Programs(unittest.TestCase):
    def start(self, *arguments):
        pipe = subprocess.PIPE
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", *arguments], cwd=HERE, stdin=pipe, stdout=pipe, stderr=pipe, bufsize=0
        )
        for stream in (process.stdin, process.stdout, process.stderr):
            self.addCleanup(stream.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)  # first: the last one that is added
        return process, Harness(process.stdout, process.stdin.write)

    def test_the_template_claims_nothing_says_what_to_fill_in_and_ends_with_its_input(self):
        process, vouch = self.start("template.py")
        self.assertEqual([], vouch.call("initialize", {"protocol": 1})["result"]["capabilities"])
        self.assertEqual({}, vouch.call("start", LAUNCH)["result"])
        self.assertEqual({"status": []}, vouch.call("status")["result"])
        error = vouch.call("signIn", {"token": "x"})["error"]
        self.assertEqual(("template.py: fill in sign_in", "unsupported"), (error["message"], error["data"]["kind"]))
        process.stdin.close()
        self.assertEqual((0, b""), (process.wait(5), process.stderr.read()))

    def test_what_the_sdk_prints_goes_to_standard_error(self):
        program = (
            "import sys; sys.path.insert(0, '.')\n"
            "from vouch_adapter import *\n"
            "class Loud(Adapter):\n"
            "    def start(self, launch, host):\n"
            "        print('hello')\n"
            "        print('there', end='')\n"
            "        return Sdk()\n"
            "serve(Loud())"
        )
        process, vouch = self.start("-c", program)
        self.assertEqual({}, vouch.call("start", LAUNCH)["result"])
        self.assertEqual(b"hello\n", process.stderr.readline(), "at once")
        self.assertEqual({}, vouch.call("stop")["result"])
        self.assertEqual((0, b"there", b""), (process.wait(5), process.stderr.read(), process.stdout.read()))

    def test_wrong_addresses_are_explained(self):
        for arguments in (("--listen", "here"), ("--dial", "ws://127.0.0.1:1/"), ("--dial", "127.0.0.1")):
            process, _ = self.start("template.py", *arguments)
            self.assertEqual(1, process.wait(5))
            self.assertIn(b"vouch_adapter: ", process.stderr.read())

    def test_an_adapter_listens_for_one_connection_after_the_other_and_dials_in(self):
        process, _ = self.start("template.py", "--listen", "0", "--forever")
        port = int(process.stderr.readline().rsplit(b":", 1)[1])
        for _ in range(2):
            with socket.create_connection(("127.0.0.1", port), 5) as connection, connection.makefile("rb") as reader:
                vouch = Harness(reader, connection.sendall)
                self.assertEqual({}, vouch.call("start", LAUNCH)["result"])
                self.assertEqual({}, vouch.call("stop")["result"])
                self.assertEqual(b"", reader.readline())
        with socket.create_server(("127.0.0.1", 0)) as server:
            url = "ws://127.0.0.1:{}/".format(server.getsockname()[1])
            process, _ = self.start("template.py", "--dial", url, "--installation", "pixel")
            connection, _ = server.accept()
            with connection, connection.makefile("rb") as reader:
                vouch = Harness(reader, connection.sendall)
                self.assertEqual({"installation": "pixel"}, vouch.next()["params"])
                self.assertEqual("my-sdk", vouch.call("initialize", {"protocol": 1})["result"]["sdk"]["name"])
        self.assertEqual(0, process.wait(5))


if __name__ == "__main__":
    unittest.main()
