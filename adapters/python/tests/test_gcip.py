"""The older wire profile: how it is spelled, what its error words mean, and what an app's update finds."""

import binascii
import json
import sys
import unittest
from urllib.parse import urlsplit

from support import (
    ADA, BOB, BY_KEY, BY_TOKEN, HERE, HOUR, KEY, ON_HOLD, OUT, CallFailed, Case, Cloud, fields_of, sign_in_token,
)  # fmt: skip

sys.path.insert(0, str(HERE))

from signin.gcip import Gcip as GcipProfile  # noqa: E402
from signin.sdk import SignInSdk  # noqa: E402
from signin.storage import Area, SessionStore  # noqa: E402

PUBLIC_KEY = "AIza+/=&?"
REQUEST = {"method": "GET", "path": "/v2/user/me"}


def refusal(message, status=400):
    reasons = [{"message": message, "domain": "global", "reason": "invalid"}]
    return (status, {}, {"error": {"code": status, "message": message, "errors": reasons}})


class GcipCloud(Cloud):
    """The same cloud, behind the older wire."""

    profile = "gcip"
    revoked = (400, refusal("INVALID_REFRESH_TOKEN")[2])

    def read(self, path, body):
        target = urlsplit(path)
        assert fields_of(target.query) == {"key": PUBLIC_KEY}, path
        if target.path == "/v1/token":
            return fields_of(body.decode())
        assert target.path == "/v1/accounts:signInWithCustomToken", path
        return {"grant_type": "custom token", "body": json.loads(body)}

    def grant(self, form):
        granted = super().grant(form)
        access, refresh, life = granted["access_token"], granted["refresh_token"], str(self.lifetime)
        if form["grant_type"] == "custom token":
            return {"kind": "x", "idToken": access, "refreshToken": refresh, "expiresIn": life, "isNewUser": False}
        return {
            "access_token": access,
            "id_token": access,
            "refresh_token": refresh,
            "expires_in": life,
            "token_type": "Bearer",
            "user_id": ADA,
            "project_id": "7",
        }


class Gcip(Case):
    def setUp(self):
        super().setUp()
        self.cloud.close()
        self.cloud = GcipCloud()

    def record(self):
        return json.loads((self.folder / "secure/session").read_bytes().split(b" ", 2)[2])

    def store(self, fields):
        body = json.dumps(fields).encode()
        (self.folder / "secure/session").write_bytes(b"1 %08x %s\n" % (binascii.crc32(body), body))
        (self.folder / "plain/installed").write_bytes(b"")


class Wire(Gcip):
    def test_the_capability_is_claimed(self):
        self.assertIn("gcip", self.launch().hello["capabilities"])

    def test_exchange_refresh_and_a_relaunch(self):
        token = sign_in_token(region="eu", environment="sandbox", tenant_id="tenant-Ä")
        app = self.launch()
        app.call("signIn", token=token)
        kind, headers, form = self.cloud.requests[0]
        self.assertEqual(("exchange", "application/json"), (kind, headers["Content-Type"]))
        self.assertEqual({"token", "tenantId", "returnSecureToken"}, set(form["body"]))
        self.assertEqual(("tenant-Ä", True), (form["body"]["tenantId"], form["body"]["returnSecureToken"]))
        self.assertEqual(3, len(form["body"]["token"].split(".")))
        self.assertEqual((BY_TOKEN, ADA, 200), (app.status(), app.user(), app.get()))
        self.assertNotIn(form["body"]["token"], json.dumps(self.record()))
        app.kill()
        app = self.launch()
        app.move(HOUR)
        self.assertEqual((200, 1, 1), (app.get(), self.cloud.count("exchange"), self.cloud.count("refresh")))
        self.assertEqual("application/x-www-form-urlencoded", self.cloud.requests[2][1]["Content-Type"])
        app.call("refresh")
        used = [form["refresh_token"] for kind, _, form in self.cloud.requests if kind == "refresh"]
        self.assertEqual((2, 200), (len(set(used)), app.get()))

    def test_a_token_without_key_or_tenant_is_refused_without_a_call(self):
        app = self.launch()
        for token in (
            sign_in_token(public_key=""), sign_in_token(tenant_id=None), sign_in_token(tenant_id=""),
            sign_in_token(tenant_id=7), sign_in_token(public_key=None), "e30=",
        ):  # fmt: skip
            self.assertEqual("invalidSignInToken", app.kind("signIn", token=token))
        self.assertEqual([], self.cloud.requests)

    def test_the_words_of_a_refused_exchange(self):
        app = self.launch()
        for message, kind in (
            ("INVALID_CUSTOM_TOKEN : Invalid assertion format", "invalidSignInToken"),
            ("INVALID_CUSTOM_TOKEN", "invalidSignInToken"), ("CREDENTIAL_MISMATCH", "invalidSignInToken"),
            ("TOKEN_EXPIRED", "invalidSignInToken"), ("USER_DISABLED", "invalidSignInToken"),
            ("USER_NOT_FOUND", "invalidSignInToken"), ("TENANT_ID_MISMATCH", "invalidSignInToken"),
            ("INVALID_TENANT_ID : x", "invalidSignInToken"), ("INVALID_REFRESH_TOKEN", "unexpectedAnswer"),
            ("INVALID_CUSTOM_TOKENS", "unexpectedAnswer"), ("API key not valid.", "unexpectedAnswer"),
            ("", "unexpectedAnswer"), (None, "unexpectedAnswer"), (["TOKEN_EXPIRED"], "unexpectedAnswer"),
        ):  # fmt: skip
            self.cloud.script = [refusal(message)]
            self.assertEqual(kind, app.kind("signIn", token=sign_in_token()), message)
            self.assertEqual([], self.files())
        for step, kind in (
            (refusal("TOKEN_EXPIRED", 429), "network"), (refusal("USER_DISABLED", 503), "network"),
            ((400, {}, {"error": "TOKEN_EXPIRED"}), "unexpectedAnswer"), ((400, {}, b"?"), "unexpectedAnswer"),
            ((401, {}, {"detail": {"error_type": "invalid_token"}}), "unexpectedAnswer"),
            ((200, {}, {"access_token": "a", "refresh_token": "r", "expires_in": 60}), "unexpectedAnswer"),
        ):  # fmt: skip
            self.cloud.script = [step]
            self.assertEqual(kind, app.kind("signIn", token=sign_in_token()), step)
        app.call("signIn", token=sign_in_token())

    def test_a_revoked_or_expired_session_is_on_hold(self):
        app = self.signed_in()
        for message in ("TOKEN_EXPIRED", "INVALID_REFRESH_TOKEN : gone"):
            self.cloud.script = [refusal(message)]
            self.assertEqual("needsReauthentication", app.kind("refresh"))
            app.kill()
            app = self.launch()
            self.assertEqual((ON_HOLD, ADA), (app.status(), app.user()))
            self.assertEqual("alreadySignedIn", app.kind("signIn", token=sign_in_token(BOB)))
            app.call("signIn", token=sign_in_token())
            self.assertEqual((BY_TOKEN, 200), (app.status(), app.get()))
            app.call("refresh")

    def test_a_user_who_is_gone_is_signed_out(self):
        for message in ("USER_NOT_FOUND", "USER_DISABLED : by an admin"):
            app = self.signed_in()
            self.cloud.script = [refusal(message)]
            self.assertEqual("invalidUser", app.kind("refresh"))
            self.assertEqual((OUT, None, []), (app.status(), app.user(), self.files()))
            app.kill()

    def test_odd_answers_at_refresh_keep_the_session(self):
        app = self.signed_in()
        good = {"id_token": "a", "refresh_token": "r", "expires_in": "60"}
        for step in (
            refusal("INVALID_CUSTOM_TOKEN"), refusal("PROJECT_NUMBER_MISMATCH", 404), (400, {}, {"error": []}),
            (200, {}, {"access_token": "a", "refresh_token": "r", "expires_in": "60"}),
            (200, {}, good | {"expires_in": "soon"}), (200, {}, good | {"refresh_token": None}),
        ):  # fmt: skip
            self.cloud.script = [step]
            self.assertEqual("unexpectedAnswer", app.kind("refresh"), step)
        for step in (refusal("USER_DISABLED", 429), refusal("TOKEN_EXPIRED", 500)):
            self.cloud.script = [step] * 3
            self.assertEqual("network", app.kind("refresh"), step)
        self.assertEqual((BY_TOKEN, 200), (app.status(), app.get()))
        self.cloud.script = [(200, {}, good | {"expires_in": 60})]
        app.call("refresh")

    def test_an_api_key_installation_migrates(self):
        app = self.launch()
        app.call("configure", **KEY)
        app.call("setUserId", userId=ADA)
        app.call("signIn", token=sign_in_token())
        self.assertEqual((BY_TOKEN, 200), (app.status(), app.get()))
        self.assertNotIn(b"secret-key", (self.folder / "secure/session").read_bytes())


class Updates(Gcip):
    def assert_signed_out(self, **options):
        app = self.launch(**options)
        self.assertEqual((OUT, None, []), (app.status(), app.user(), self.files()))
        self.assertEqual("notSignedIn", app.kind("request", **REQUEST))
        app.kill()

    def test_a_session_goes_on_under_the_current_profile(self):
        self.signed_in().kill()
        app = self.launch(profile="junction")
        self.assertEqual((BY_TOKEN, ADA, 200), (app.status(), app.user(), app.get()))

    def test_a_session_of_a_later_profile_means_signed_out_cleanly(self):
        self.signed_in().kill()
        of_gcip = self.record()
        of_junction = of_gcip | {"profile": "junction", "public_key": None, "tenant_id": None}
        self.store(of_junction)
        self.assert_signed_out()
        self.assertEqual(0, self.cloud.count("refresh"))
        app = self.signed_in()
        self.assertEqual((BY_TOKEN, 200), (app.status(), app.get()))

    def test_a_session_on_hold_stays_on_hold_under_the_current_profile(self):
        app = self.signed_in()
        self.cloud.script = [refusal("TOKEN_EXPIRED")]
        self.assertEqual("needsReauthentication", app.kind("refresh"))
        app.kill()
        app = self.launch(profile="junction")
        self.assertEqual(("needsReauthentication", ADA), (app.kind("request", **REQUEST), app.user()))

    def test_an_api_key_is_of_no_profile(self):
        app = self.launch(profile="junction")
        app.call("configure", **KEY)
        app.call("setUserId", userId=ADA)
        app.kill()
        app = self.launch()
        self.assertEqual((BY_KEY, 200), (app.status(), app.get()))

    def test_a_record_from_before_there_were_profiles_is_todays(self):
        self.signed_in().kill()
        older = self.record()
        for name in ("profile", "public_key", "tenant_id"):
            del older[name]
        self.store(older)
        app = self.launch(profile="junction")
        self.assertEqual((BY_TOKEN, 200), (app.status(), app.get()))
        app.kill()
        self.assert_signed_out()

    def test_a_record_with_odd_fields_means_signed_out_cleanly(self):
        self.signed_in().kill()
        whole = self.record()
        odd = [whole | {name: value} for name in whole for value in ([], {}, ["dev", []])]
        odd += [whole | {name: 7} for name in whole if name != "fresh_until"]
        odd += [whole | {name: None} for name in whole if name not in ("external_user_id", "team_id")]
        odd += [{name: whole[name] for name in whole if name != missing} for missing in whole if missing != "team_id"]
        odd += [whole | {"place": ["mars", "us"]}, whole | {"scheme": "apiKey"}, whole | {"extra": 1}, {}]
        odd += [whole | {"profile": "morse"}, whole | {"public_key": ""}, whole | {"tenant_id": ""}]
        for fields in odd:
            self.store(fields)
            areas = [Area(str(self.folder / name)) for name in ("secure", "plain")]
            sdk = SignInSdk(SessionStore(*areas), profile=GcipProfile())
            self.assertEqual((OUT, None, []), (sdk.status(), sdk.current_user_id(), self.files()), fields)

    def test_an_unknown_profile_is_refused_and_a_known_one_may_follow(self):
        app = self.launch(start=False)
        with self.assertRaises(CallFailed) as refused:
            app.start(self.cloud, self.folder, profile="morse")
        self.assertEqual((-32000, "unsupported"), (refused.exception.code, refused.exception.kind))
        app.start(self.cloud, self.folder)
        self.assertEqual(OUT, app.status())


if __name__ == "__main__":
    unittest.main()
