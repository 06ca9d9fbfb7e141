"""Refresh: one flight, patience, and the server's verdicts."""

import threading
import time
import unittest

from support import ADA, BOB, BY_TOKEN, HOUR, ON_HOLD, OUT, Case, raw, sign_in_token

DEAD = (401, {}, {"detail": {"error_type": "invalid_token"}})
REAUTH = (400, {}, {"detail": {"error_type": "reauthentication_required"}})
REQUEST = {"method": "GET", "path": "/v2/user/me"}


class Refresh(Case):
    def used(self):
        return [form["refresh_token"] for kind, _, form in self.cloud.requests if kind == "refresh"]

    def test_an_expired_token_is_never_sent(self):
        app = self.signed_in()
        app.move(HOUR)
        self.assertEqual((200, 1, 1), (app.get(), self.cloud.count("refresh"), self.cloud.count("api")))
        app.move(-2 * HOUR)  # the clock is set back
        self.assertEqual((200, 1), (app.get(), self.cloud.count("refresh")))

    def test_concurrent_callers_share_one_refresh_and_a_cancelled_one_leaves(self):
        app = self.signed_in()
        app.move(HOUR)
        self.cloud.hold = threading.Event()
        self.cloud.arrived.clear()
        leader = app.send("request", **REQUEST)
        self.assertTrue(self.cloud.arrived.wait(5))
        others = [app.send("request", **REQUEST) for _ in range(6)] + [app.send("refresh")]
        app.status()
        app.cancel(leader)
        self.assertEqual("cancelled", app.kind_of(leader))
        time.sleep(0.05)
        self.cloud.hold.set()
        for call in others:
            app.wait(call)
        self.assertEqual(1, self.cloud.count("refresh"))

    def test_a_401_is_refreshed_and_tried_once_more(self):
        app = self.signed_in()
        self.cloud.access = {}
        calls = [app.send("request", **REQUEST) for _ in range(5)]
        self.assertEqual([200] * 5, [app.wait(call)["status"] for call in calls])
        self.assertEqual(1, self.cloud.count("refresh"))
        self.cloud.api_status = 401
        before = len(self.cloud.requests)
        self.assertEqual("unauthorized", app.kind("request", **REQUEST))
        self.assertEqual(3, len(self.cloud.requests) - before)
        self.cloud.api_status = 403
        self.assertEqual(403, app.get())

    def test_rotated_tokens_replace_the_old_across_kills(self):
        app = self.signed_in()
        for _ in range(3):
            app.call("refresh")
            app.kill()
            app = self.launch()
            self.assertEqual(200, app.get())
        self.assertEqual(3, len(set(self.used())))

    def test_trouble_is_waited_out_and_then_reported(self):
        app = self.signed_in()
        self.cloud.script = [(503, {}, {}), raw(b"")]
        app.call("refresh")
        self.assertEqual(2, len(app.sleeps))
        self.assertEqual(1, len(set(self.used())))
        for step in ((503, {}, {}), (429, {}, b"?"), raw(b""), raw(b"HTTP/1.1 200 OK\r\n")):
            self.cloud.script = [step] * 3
            before = self.cloud.count("refresh")
            self.assertEqual("network", app.kind("refresh"))
            self.assertEqual(before + 3, self.cloud.count("refresh"))
        self.assertEqual((BY_TOKEN, 200), (app.status(), app.get()))

    def test_retry_after_is_honoured(self):
        app = self.signed_in()
        self.cloud.script = [(429, {"Retry-After": "7"}, {})]
        app.call("refresh")
        self.assertGreaterEqual(app.sleeps[0], 7000)
        date = {"Date": "Thu, 29 Feb 2024 23:59:00 GMT", "Retry-After": "Fri, 01 Mar 2024 00:00:00 GMT"}
        self.cloud.script = [(503, date, {})]
        before = self.cloud.count("refresh")
        self.assertEqual("network", app.kind("refresh"))
        app.move(59_000)
        self.assertEqual("network", app.kind("refresh"))
        self.assertEqual((before + 1, 200), (self.cloud.count("refresh"), app.get()))
        app.move(1_001)
        app.call("refresh")

    def test_odd_answers_are_errors_that_keep_the_session(self):
        app = self.signed_in()
        good = {"access_token": "a", "refresh_token": "r", "expires_in": 60}
        for step in (
            (404, {}, {}), (400, {}, b"nonsense"), (401, {}, {"detail": "text"}), (403, {}, [1]), (200, {}, b""),
            (200, {}, b"[" * 100_000), (200, {}, b"NaN"), (200, {}, good | {"expires_in": "1e3"}), (204, {}, b""),
            (200, {}, good | {"expires_in": True}), (200, {}, good | {"expires_in": 0}), (200, {}, {"detail": {}}),
            (200, {}, good | {"access_token": "a\r\nb: c"}), (200, {}, good | {"refresh_token": 7}), (201, {}, good),
            (200, {}, b'{"access_token":"a","refresh_token":"\\ud800","expires_in":60}'),
            raw(b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"), raw(b"HTTP/1.1 banana\r\n\r\n"),
            raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"), (302, {"Location": "/"}, {}),
        ):  # fmt: skip
            self.cloud.script = [step]
            self.assertEqual("unexpectedAnswer", app.kind("refresh"), step)
        self.assertEqual((BY_TOKEN, 200), (app.status(), app.get()))

    def test_answers_in_other_clothes_are_understood(self):
        app = self.signed_in()
        body = b'{"access_token":"a","refresh_token":"r","expires_in":"3600","extra":{}}'
        self.cloud.script = [
            raw(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\n"
                + body[:5] + b"\r\n%X\r\n" % len(body[5:]) + body[5:] + b"\r\n0\r\nTrailer: 1\r\n\r\n"),
            raw(b"HTTP/1.0 200 OK\r\n\r\n" + body),
        ]  # fmt: skip
        app.call("refresh")
        app.call("refresh")

    def test_a_revoked_token_puts_the_session_on_hold(self):
        app = self.signed_in()
        self.cloud.script = [REAUTH]
        self.assertEqual("needsReauthentication", app.kind("refresh"))
        self.assertEqual([BY_TOKEN, ON_HOLD], app.statuses)
        app.kill()
        app = self.launch()
        for method, params in (("refresh", {}), ("request", REQUEST)):
            self.assertEqual("needsReauthentication", app.kind(method, **params))
        self.assertEqual((1, ON_HOLD, ADA), (self.cloud.count("refresh"), app.status(), app.user()))
        self.assertEqual("alreadySignedIn", app.kind("signIn", token=sign_in_token(BOB)))
        app.call("signIn", token=sign_in_token(ADA.upper()))
        self.assertEqual((BY_TOKEN, 200), (app.status(), app.get()))

    def test_a_deleted_user_is_signed_out_for_all_who_wait(self):
        app = self.signed_in()
        self.cloud.access = {}
        self.cloud.script = [DEAD]
        calls = [app.send("request", **REQUEST) for _ in range(8)]
        self.assertEqual({"invalidUser"}, {app.kind_of(call) for call in calls} - {"notSignedIn"})
        self.assertEqual((OUT, None, []), (app.status(), app.user(), self.files()))
        self.assertEqual(([BY_TOKEN, OUT], 1), (app.statuses, self.cloud.count("refresh")))
        self.assertEqual("notSignedIn", app.kind("request", **REQUEST))
        app.call("signIn", token=sign_in_token(BOB))

    def test_sign_out_ends_a_refresh_in_flight(self):
        app = self.signed_in()
        self.cloud.hold = threading.Event()
        self.cloud.arrived.clear()
        pending = app.send("refresh")
        self.assertTrue(self.cloud.arrived.wait(5))
        app.call("signOut")
        self.assertEqual("notSignedIn", app.kind_of(pending))
        self.cloud.hold.set()
        time.sleep(0.05)
        self.assertEqual((OUT, []), (app.status(), self.files()))

    def test_sign_out_during_a_pause_sends_nothing_more(self):
        app = self.signed_in()
        app.sleep_gate = threading.Event()
        self.cloud.script = [(503, {}, {})]
        pending = app.send("refresh")
        self.until(lambda: app.sleeps)
        app.call("signOut")
        self.assertEqual("notSignedIn", app.kind_of(pending))
        app.sleep_gate.set()
        time.sleep(0.05)
        self.assertEqual(1, self.cloud.count("refresh"))

    def test_a_slow_answer_is_a_time_out(self):
        app = self.signed_in(timeout=100)
        self.cloud.hold = threading.Event()
        self.assertEqual("network", app.kind("refresh"))
        self.cloud.hold.set()
        self.cloud.hold = None
        time.sleep(0.05)
        self.assertEqual(3, len(app.sleeps) + 1)


class Protocol(Case):
    def test_real_time_without_the_clock(self):
        self.cloud.lifetime = 1
        app = self.signed_in(clock=False)
        self.assertNotIn("clock", app.hello["capabilities"])
        self.assertEqual((200, 0), (app.get(), self.cloud.count("refresh")))
        time.sleep(1)
        self.cloud.script = [(503, {}, {})]
        self.assertEqual((200, 2, []), (app.get(), self.cloud.count("refresh"), app.sleeps))

    def test_unknown_methods_bad_params_and_the_end(self):
        app = self.launch(start=False)
        self.assertEqual(-32601, app.kind("dance"))
        self.assertEqual(-32600, app.kind("status"))
        self.assertEqual(-32602, app.kind("start", storage=7))
        app.process.stdin.close()
        self.assertEqual(0, app.process.wait(2))

    def test_the_storage_dump_shows_what_is_kept(self):
        app = self.signed_in()
        before = len(app.transcript)
        items = app.call("storage")["items"]
        del app.transcript[before:]  # the one answer that may show secrets
        self.assertEqual([("secure", "session"), ("plain", "installed")], [(i["area"], i["key"]) for i in items])
        app.stop()


if __name__ == "__main__":
    unittest.main()
