"""Signing in and out, and what survives the process."""

import threading
import unittest

from support import ADA, BOB, BY_KEY, BY_TOKEN, KEY, ON_HOLD, OUT, Case, raw, sign_in_token


class SignIn(Case):
    def test_a_token_signs_its_user_in_and_is_told_before_the_answer(self):
        app = self.launch()
        identity = app.send("signIn", token=sign_in_token())
        app.wait(identity)
        self.assertEqual([BY_TOKEN], app.statuses_then)
        self.assertEqual((BY_TOKEN, ADA, 200), (app.status(), app.user(), app.get()))
        self.assertEqual(["plain/installed", "secure/session"], self.files())

    def test_every_well_formed_token_is_accepted(self):
        for token in (
            sign_in_token(padded=False),
            sign_in_token() + "==",
            sign_in_token(note="???>>>~~~ÿÿÿ"),
            sign_in_token().replace("+", "-").replace("/", "_"),
            "  " + sign_in_token() + "\n",
        ):
            app = self.launch()
            app.call("signIn", token=token)
            app.call("signOut")
        self.assertEqual(5, self.cloud.count("exchange"))

    def test_a_malformed_token_is_refused_without_a_call(self):
        app = self.launch()
        good = sign_in_token()
        for token in (
            "", "!", "secret", good[:40], "e30=", sign_in_token(header={"alg": "none"}), sign_in_token(header=[]),
            sign_in_token(iss="id-signer-prd-us@vital-id-prd-eu.iam.gserviceaccount.com"), sign_in_token(iss=7),
            sign_in_token(user="nobody"), sign_in_token(user=None), good[:9] + "*" + good[10:], "W" * 5000, "=",
        ):  # fmt: skip
            self.assertEqual("invalidSignInToken", app.kind("signIn", token=token), token)
        self.assertEqual([], self.cloud.requests)
        self.assertEqual(-32602, app.kind("signIn"))

    def test_a_failed_exchange_leaves_nothing_and_is_not_sent_twice(self):
        app = self.launch()
        for step, kind in (
            ((401, {}, {"detail": {"error_type": "invalid_token"}}), "invalidSignInToken"),
            ((418, {}, {}), "unexpectedAnswer"),
            ((200, {}, b""), "unexpectedAnswer"),
            ((200, {}, {"access_token": "x"}), "unexpectedAnswer"),
            ((302, {"Location": "/v1/token"}, {}), "unexpectedAnswer"),
            ((503, {"Retry-After": "1"}, {}), "network"),
            (raw(b""), "network"),
            (raw(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{}"), "network"),
            (raw(b"\x16\x03 what?"), "unexpectedAnswer"),
        ):
            self.cloud.script = [step]
            before = self.cloud.count("exchange")
            self.assertEqual(kind, app.kind("signIn", token=sign_in_token()))
            self.assertEqual(before + 1, self.cloud.count("exchange"))
            self.assertEqual([], self.files())
        app.call("signIn", token=sign_in_token())

    def test_the_same_user_again_is_quiet_and_another_is_refused(self):
        app = self.signed_in()
        app.call("signIn", token=sign_in_token(ADA.upper()))
        self.assertEqual("alreadySignedIn", app.kind("signIn", token=sign_in_token(BOB)))
        self.assertEqual("alreadySignedIn", app.kind("configure", **KEY))
        self.assertEqual("alreadySignedIn", app.kind("setUserId", userId=BOB))
        self.assertEqual((1, ADA), (self.cloud.count("exchange"), app.user()))
        self.assertEqual([BY_TOKEN], app.statuses)

    def test_concurrent_sign_ins_end_with_one_session(self):
        app = self.launch()
        calls = [app.send("signIn", token=sign_in_token(user)) for user in (ADA, BOB, ADA, BOB)]
        kinds = [app.kind_of(call) for call in calls]
        self.assertEqual({None, "alreadySignedIn"}, set(kinds))
        self.assertEqual([BY_TOKEN], app.statuses)
        self.assertEqual(1, self.cloud.count("exchange"))

    def test_sign_out_drops_an_exchange_in_flight(self):
        app = self.launch()
        self.cloud.hold = threading.Event()
        pending = app.send("signIn", token=sign_in_token())
        self.assertTrue(self.cloud.arrived.wait(5))
        app.call("signOut")
        self.cloud.hold.set()
        self.assertEqual("cancelled", app.kind_of(pending))
        self.assertEqual((OUT, []), (app.status(), self.files()))
        app.call("signIn", token=sign_in_token(BOB))

    def test_a_cancelled_sign_in_has_no_effect(self):
        app = self.launch()
        self.cloud.hold = threading.Event()
        pending = app.send("signIn", token=sign_in_token())
        queued = app.send("signIn", token=sign_in_token())
        self.assertTrue(self.cloud.arrived.wait(5))
        self.until(lambda: len(self.cloud.requests) == 1)
        for call in (queued, pending):
            app.cancel(call)
            self.assertIn(app.kind_of(call), ("cancelled",))
        self.cloud.hold.set()
        self.assertEqual((OUT, []), (app.status(), self.files()))

    def test_sign_out_leaves_nothing_and_works_offline_and_twice(self):
        app = self.signed_in()
        self.cloud.close()
        for _ in range(2):
            app.call("signOut")
            self.assertEqual([], self.files())
        self.assertEqual([BY_TOKEN, OUT], app.statuses)
        self.assertEqual("notSignedIn", app.kind("request", method="GET", path="/"))
        self.assertEqual("notSignedIn", app.kind("refresh"))


class ApiKey(Case):
    def by_key(self):
        app = self.launch()
        self.assertEqual("notConfigured", app.kind("setUserId", userId=ADA))
        app.call("configure", **KEY)
        self.assertEqual(["configured"], app.status())
        self.assertEqual("notSignedIn", app.kind("request", method="GET", path="/"))
        app.call("setUserId", userId=ADA)
        return app

    def test_it_signs_in_and_is_restored(self):
        app = self.by_key()
        self.assertEqual(200, app.get())
        app.stop()
        app = self.launch()
        self.assertEqual((BY_KEY, ADA, 200), (app.status(), app.user(), app.get()))
        self.assertEqual("pk_us_secret-key", self.cloud.requests[-1][1]["x-vital-api-key"])
        self.assertEqual("alreadySignedIn", app.kind("setUserId", userId=BOB))
        app.call("setUserId", userId=ADA.upper())
        self.cloud.api_status = 401
        self.assertEqual(401, app.get())
        app.call("signOut")
        self.assertEqual([], self.files())

    def test_a_key_that_contradicts_its_place_is_refused(self):
        app = self.launch()
        for key, environment, region in (
            ("pk_eu_x", "production", "us"), ("sk_us_x", "production", "us"), ("pk_us_x", "sandbox", "us"),
            ("pk_us_", "production", "us"), ("pk_us_x\r\ny: z", "production", "us"), ("", "dev", "eu"),
        ):  # fmt: skip
            self.assertEqual(
                "invalidApiKey", app.kind("configure", apiKey=key, environment=environment, region=region), key
            )
        self.assertEqual(-32602, app.kind("configure", apiKey="x", environment="mars", region="us"))
        self.assertEqual(OUT, app.status())

    def test_a_token_of_the_same_user_migrates(self):
        app = self.by_key()
        self.cloud.script = [(500, {}, {})]
        self.assertEqual("network", app.kind("signIn", token=sign_in_token(ADA.upper())))
        self.assertEqual(BY_KEY, app.status())
        app.call("signIn", token=sign_in_token(ADA.upper()))
        self.assertEqual([["configured"], BY_KEY, BY_TOKEN], app.statuses)
        app.kill()
        app = self.launch()
        self.assertEqual((BY_TOKEN, 200), (app.status(), app.get()))
        self.assertNotIn(b"secret-key", (self.folder / "secure/session").read_bytes())
        self.assertNotIn("x-vital-api-key", self.cloud.requests[-1][1])

    def test_a_token_of_another_user_or_place_leaves_it_intact(self):
        app = self.by_key()
        self.assertEqual("alreadySignedIn", app.kind("signIn", token=sign_in_token(BOB)))
        self.assertEqual("incompatible", app.kind("signIn", token=sign_in_token(region="eu")))
        self.assertEqual("incompatible", app.kind("signIn", token=sign_in_token(environment="sandbox")))
        self.assertEqual((BY_KEY, 200, 0), (app.status(), app.get(), self.cloud.count("exchange")))


class Storage(Case):
    def test_a_session_survives_relaunch_and_kill_without_a_call(self):
        app = self.signed_in()
        app.stop()
        app = self.launch()
        self.assertEqual((BY_TOKEN, ADA, 200), (app.status(), app.user(), app.get()))
        app.kill()
        (self.folder / "secure/session.tmp").write_bytes(b"half a secret")
        app = self.launch()
        self.assertEqual(["plain/installed", "secure/session"], self.files())
        self.assertEqual((BY_TOKEN, 1, []), (app.status(), self.cloud.count("exchange"), app.statuses))

    def test_a_reinstalled_app_starts_signed_out(self):
        app = self.signed_in()
        app.kill()
        (self.folder / "plain/installed").unlink()
        app = self.launch()
        self.assertEqual((OUT, []), (app.status(), self.files()))

    def test_damage_means_signed_out_cleanly(self):
        self.signed_in().stop()
        path = self.folder / "secure/session"
        whole = path.read_bytes()
        half = len(whole) // 2
        flipped = whole[:half] + bytes([whole[half] ^ 1]) + whole[half + 1 :]
        for damage in (b"", b"{}", b"\xff\x00" * 40, whole[:half], whole[:-1], flipped, b"2" + whole[1:]):
            path.write_bytes(damage)
            (self.folder / "plain/installed").write_bytes(b"")
            app = self.launch()
            self.assertEqual((OUT, None, []), (app.status(), app.user(), self.files()))
            app.kill()

    def test_locked_storage_is_not_taken_for_signed_out(self):
        self.signed_in().stop()
        app = self.launch(locked=True)
        for method in ("status", "currentUserId", "refresh", "signOut", "storage"):
            self.assertEqual("storage", app.kind(method))
        self.assertEqual("storage", app.kind("signIn", token=sign_in_token()))
        self.assertEqual("storage", app.kind("configure", **KEY))
        self.assertEqual(["plain/installed", "secure/session"], self.files())
        app.call("lockStorage", locked=False)
        self.assertEqual((BY_TOKEN, 200), (app.status(), app.get()))

    def test_storage_locked_later_keeps_what_is_known_and_refreshes_nothing(self):
        app = self.signed_in()
        app.call("lockStorage", locked=True)
        self.assertEqual((BY_TOKEN, 200), (app.status(), app.get()))
        self.assertEqual("storage", app.kind("refresh"))
        self.assertEqual("storage", app.kind("signOut"))
        self.assertEqual(0, self.cloud.count("refresh"))
        app.call("lockStorage", locked=False)
        app.call("refresh")

    def test_a_rotated_token_waits_for_storage(self):
        app = self.signed_in()
        self.cloud.hold = threading.Event()
        self.cloud.arrived.clear()
        pending = app.send("refresh")
        self.assertTrue(self.cloud.arrived.wait(5))
        app.call("lockStorage", locked=True)
        self.cloud.hold.set()
        self.assertEqual("storage", app.kind_of(pending))
        self.assertEqual("storage", app.kind("request", method="GET", path="/"))
        app.call("lockStorage", locked=False)
        app.kill()
        app = self.launch()
        self.assertEqual((200, 1), (app.get(), self.cloud.count("refresh")))

    def test_a_kill_at_any_moment_leaves_one_whole_state(self):
        for delay in range(12):
            app = self.launch()
            app.call("configure", **KEY)
            app.call("setUserId", userId=ADA)
            app.send("signIn", token=sign_in_token())
            threading.Event().wait(delay * 0.0007)
            app.kill()
            app = self.launch()
            status = app.status()
            self.assertIn(status, (BY_KEY, BY_TOKEN))
            self.assertEqual(200, app.get())
            self.assertEqual(["plain/installed", "secure/session"], self.files())
            app.call("signOut")
            app.kill()


class Reuse(Case):
    def test_after_stop_the_process_takes_the_start_of_another_installation(self):
        app = self.launch()
        self.assertIn("reuse", app.hello["capabilities"])
        app.call("signIn", token=sign_in_token())
        # A refresh waits for its next attempt: it must not go on for the next app.
        app.sleep_gate = threading.Event()
        self.cloud.script = [(503, {}, {})]
        refreshing = app.send("refresh")
        self.until(lambda: app.sleeps)
        app.call("stop", reuse=True)
        self.assertIn(app.kind_of(refreshing), ("cancelled", "notSignedIn"))
        app.sleep_gate.set()
        (self.folder / "secure").rename(self.folder / "first")
        (self.folder / "secure").mkdir()
        (self.folder / "plain" / "installed").unlink()
        seen = len(app.transcript)
        app.start(self.cloud, self.folder)
        self.assertEqual((OUT, None), (app.status(), app.user()))
        app.call("signIn", token=sign_in_token(BOB))
        self.assertEqual((BOB, 200), (app.user(), app.get()))
        self.assertEqual(1, self.cloud.count("refresh"))
        self.assertNotIn("sleep", "".join(app.transcript[seen:]))
        app.stop()


class Identify(Case):
    def test_the_table(self):
        app = self.launch()
        app.authenticate = lambda external: sign_in_token({"ada": ADA, "bob": BOB}[external])
        app.call("identify", externalUserId="ada")
        app.call("identify", externalUserId="ada")
        self.assertEqual((["ada"], ADA), (app.asked, app.user()))
        app.call("identify", externalUserId="bob")
        self.assertEqual((["ada", "bob"], BOB), (app.asked, app.user()))
        self.assertEqual([BY_TOKEN, OUT, BY_TOKEN], app.statuses)
        app.kill()
        app = self.launch()
        app.call("identify", externalUserId="bob")
        self.assertEqual(([], 2), (app.asked, self.cloud.count("exchange")))

    def test_concurrent_callers_ask_once(self):
        app = self.launch()
        app.authenticate = lambda external: sign_in_token()
        for call in [app.send("identify", externalUserId="ada") for _ in range(4)]:
            app.wait(call)
        self.assertEqual(["ada"], app.asked)

    def test_a_failed_callback_is_temporary(self):
        app = self.launch()
        app.authenticate = lambda external: sign_in_token()
        app.call("identify", externalUserId="ada")
        app.authenticate = None
        self.assertEqual("network", app.kind("identify", externalUserId="bob"))
        self.assertEqual(OUT, app.status())
        app.authenticate = lambda external: sign_in_token(BOB)
        app.call("identify", externalUserId="bob")
        self.assertEqual(BOB, app.user())

    def test_it_migrates_adopts_and_restores(self):
        app = self.launch()
        app.authenticate = lambda external: sign_in_token()
        app.call("configure", **KEY)
        app.call("setUserId", userId=ADA)
        app.call("identify", externalUserId="ada")
        self.assertEqual([["configured"], BY_KEY, BY_TOKEN], app.statuses)
        app.call("signOut")
        app.call("signIn", token=sign_in_token())
        app.call("identify", externalUserId="ada")
        self.assertEqual(2, self.cloud.count("exchange"))
        app.call("identify", externalUserId="ada")
        self.assertEqual(2, len(app.asked))
        self.cloud.script = [(401, {}, {"detail": {"error_type": "reauthentication_required"}})]
        self.assertEqual("needsReauthentication", app.kind("refresh"))
        self.assertEqual(ON_HOLD, app.status())
        app.call("identify", externalUserId="ada")
        self.assertEqual((BY_TOKEN, 3), (app.status(), len(app.asked)))


if __name__ == "__main__":
    unittest.main()
