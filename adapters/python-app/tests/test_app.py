"""The app against a fake SDK: each row of the table, failures at each step, and what is remembered."""

import shutil
import sys
import tempfile
import threading
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(HERE))

from app import App, UserChanged  # noqa: E402
from notes import Notes, User  # noqa: E402

ADA = "aaaaaaaa-0000-4000-8000-00000000000a"
BOB = "bbbbbbbb-0000-4000-8000-00000000000b"
APP_ADA, APP_BOB = User("app-user-ada", ADA), User("app-user-bob", BOB)
SOME_ADA, SOME_BOB = User("app-user-ada", None), User("app-user-bob", None)
BY_KEY = ["configured", "signedIn", "useApiKey"]
BY_TOKEN = ["configured", "signedIn", "useSignInToken"]
ON_HOLD = BY_TOKEN + ["pendingReauthentication"]


class Trouble(Exception):
    pass


class FakeSdk:
    """SDK and backend in one. `harm` is ("before" or "after", call): it fails once, without or with its effect."""

    def __init__(self):
        self.words, self.user, self.did, self.harm = [], None, [], None
        self.vendor_user = None  # of the app's signed-in user, as the backend knows it
        self.meanwhile = {}  # what happens while a call is under way

    def signed_in(self, user, words=BY_TOKEN):
        self.user, self.words = user, words

    def status(self):
        return self._do("status", lambda: self.words)

    def current_user_id(self):
        return self._do("currentUserId", lambda: self.user)

    def sign_out(self):
        self._do("signOut", lambda: self.signed_in(None, []))

    def sign_in_token(self):
        return self._do("token", lambda: f"token of {self.vendor_user}")

    def sign_in(self, token):
        self._do("signIn", lambda: self._sign_in(token.removeprefix("token of ")))

    def _sign_in(self, user):
        if self.user is not None and self.user.lower() != user.lower():
            raise AssertionError("signed in over another user")
        self.signed_in(user)

    def _do(self, name, effect):
        self.did.append(name)
        self._harm("before", name)
        result = effect()
        if name in self.meanwhile:
            self.meanwhile.pop(name)()
        self._harm("after", name)
        return result

    def _harm(self, moment, name):
        if self.harm == (moment, name):
            self.harm = None
            raise Trouble(name)


class Case(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="app-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.sdk = FakeSdk()
        self.launch()

    def launch(self):
        self.app = App(Notes(str(self.folder)), self.sdk, self.sdk)

    def set_user(self, user, vendor_user=None):
        self.sdk.vendor_user = vendor_user or (None if user is None else user.user_id)
        self.app.set_user(user)

    def reconcile(self):
        """What it did, looking left out."""
        self.sdk.did.clear()
        self.app.reconcile()
        return self.deeds()

    def deeds(self):
        return [name for name in self.sdk.did if name not in ("status", "currentUserId")]

    def assert_in_step(self, user):
        for _ in range(2):
            self.assertEqual([], self.reconcile())
            self.assertEqual(user, self.sdk.user)
            self.launch()


class Table(Case):
    def test_rec_1_nothing_out_of_step(self):
        self.assert_in_step(None)
        self.sdk.words = ["configured"]  # by an API key, without a user
        self.assert_in_step(None)
        self.set_user(APP_ADA)
        for user in (ADA, ADA.upper()):
            self.sdk.signed_in(user)
            self.assert_in_step(user)

    def test_rec_2_app_in_sdk_out(self):
        for words in ([], ["configured"]):
            self.sdk.signed_in(None, words)
            self.set_user(APP_ADA)
            self.assertEqual(["token", "signIn"], self.reconcile())
            self.assert_in_step(ADA)

    def test_rec_3_app_out_sdk_in(self):
        for words in (BY_TOKEN, BY_KEY, ON_HOLD):
            self.sdk.signed_in(ADA, words)
            self.assertEqual(["signOut"], self.reconcile())
            self.assert_in_step(None)

    def test_rec_4_different_users(self):
        self.set_user(APP_BOB)
        for words in (BY_TOKEN, BY_KEY, ON_HOLD):
            self.sdk.signed_in(ADA, words)
            self.assertEqual(["signOut", "token", "signIn"], self.reconcile())
            self.assert_in_step(BOB)

    def test_rec_5_an_upgraded_app_brings_the_sdk_in_once(self):
        for user in (APP_ADA, SOME_ADA):
            self.set_user(user, ADA)
            self.sdk.signed_in(None, [])
            self.launch()
            self.assertEqual(["token", "signIn"], self.reconcile())
            self.assert_in_step(ADA)

    def test_rec_6_a_failure_at_any_step_converges(self):
        for user, vendor in ((APP_BOB, None), (SOME_BOB, BOB)):
            for step in ("status", "currentUserId", "signOut", "token", "signIn"):
                for moment in ("before", "after"):
                    for relaunched in (False, True):
                        self.set_user(user, vendor)
                        self.sdk.signed_in(ADA)
                        self.sdk.harm = (moment, step)
                        self.assertRaises(Trouble, self.app.reconcile)
                        if relaunched:
                            self.launch()
                        self.reconcile()
                        self.assert_in_step(BOB)

    def test_rec_7_the_same_user_by_api_key_or_on_hold_signs_in_without_signing_out(self):
        self.set_user(APP_ADA)
        for words in (BY_KEY, ON_HOLD):
            for user in (ADA, ADA.upper()):
                self.sdk.signed_in(user, words)
                self.assertEqual(["token", "signIn"], self.reconcile())
                self.assert_in_step(ADA)


class UnknownVendorUser(Case):
    def test_whom_its_own_sign_in_led_to_is_its_user(self):
        self.set_user(SOME_ADA, ADA)
        self.assertEqual(["token", "signIn"], self.reconcile())
        self.sdk.signed_in(ADA.upper())
        self.assert_in_step(ADA.upper())
        self.sdk.signed_in(ADA, ON_HOLD)
        self.assertEqual(["token", "signIn"], self.reconcile())
        self.assert_in_step(ADA)

    def test_anybody_else_is_another_user(self):
        self.set_user(SOME_ADA, ADA)
        for known_before in (False, True):
            self.sdk.signed_in(BOB)
            self.assertEqual(["signOut", "token", "signIn"], self.reconcile(), known_before)
            self.assert_in_step(ADA)

    def test_each_user_of_the_app_is_remembered(self):
        for _ in range(2):
            for user, vendor in ((SOME_ADA, ADA), (SOME_BOB, BOB)):
                self.set_user(user, vendor)
                self.reconcile()
                self.assert_in_step(vendor)
                self.set_user(None)
                self.assertEqual(["signOut"], self.reconcile())
        for user, vendor in ((SOME_ADA, ADA), (SOME_BOB, BOB)):
            self.sdk.signed_in(vendor)
            self.set_user(user, vendor)
            self.assert_in_step(vendor)

    def test_a_vendor_user_made_anew_replaces_the_one_remembered(self):
        self.set_user(SOME_ADA, ADA)
        self.reconcile()
        self.sdk.signed_in(None, [])  # deleted
        self.set_user(SOME_ADA, BOB)
        self.reconcile()
        self.assert_in_step(BOB)

    def test_what_the_app_learns_counts_more_than_what_it_remembers(self):
        self.set_user(SOME_ADA, BOB)
        self.reconcile()
        self.set_user(APP_ADA)
        self.assertEqual(["signOut", "token", "signIn"], self.reconcile())
        self.assert_in_step(ADA)

    def test_a_failure_to_learn_whom_it_led_to_converges(self):
        self.set_user(SOME_ADA, ADA)
        self.sdk.meanwhile["signIn"] = lambda: setattr(self.sdk, "harm", ("before", "currentUserId"))
        self.assertRaises(Trouble, self.app.reconcile)
        self.reconcile()
        self.assert_in_step(ADA)


class AtOnce(Case):
    def test_two_at_once_do_the_work_once(self):
        self.set_user(APP_ADA)
        entered, go_on = threading.Event(), threading.Event()
        self.sdk.meanwhile["token"] = lambda: (entered.set(), go_on.wait(5))
        threads = [threading.Thread(target=self.app.reconcile) for _ in range(4)]
        for thread in threads:
            thread.start()
        self.assertTrue(entered.wait(5))
        go_on.set()
        for thread in threads:
            thread.join(5)
        self.assertEqual(["token", "signIn"], self.deeds())

    def test_a_token_of_another_user_is_not_used(self):
        for user, vendor in ((SOME_BOB, BOB), (APP_BOB, None), (None, None)):
            for moment in ("status", "currentUserId", "token"):
                self.set_user(SOME_ADA, ADA)
                self.sdk.signed_in(None, [])
                self.sdk.meanwhile[moment] = lambda user=user, vendor=vendor: self.set_user(user, vendor)
                self.assertRaises(UserChanged, self.reconcile)
                self.assertNotIn("signIn", self.sdk.did)
                self.reconcile()
                self.assert_in_step(None if user is None else BOB)

    def test_a_change_and_back_is_a_change(self):
        self.set_user(SOME_ADA, ADA)
        self.sdk.meanwhile["token"] = lambda: (self.set_user(SOME_BOB, BOB), self.set_user(SOME_ADA, ADA))
        self.assertRaises(UserChanged, self.reconcile)
        self.reconcile()
        self.assert_in_step(ADA)

    def test_learning_the_vendor_id_is_no_change(self):
        self.set_user(SOME_ADA, ADA)
        self.sdk.meanwhile["token"] = lambda: self.set_user(APP_ADA)
        self.assertEqual(["token", "signIn"], self.reconcile())
        self.assert_in_step(ADA)

    def test_a_user_who_changes_during_the_sign_in_is_not_mixed_up(self):
        self.set_user(SOME_ADA, ADA)
        self.sdk.meanwhile["signIn"] = lambda: self.set_user(SOME_BOB, BOB)
        self.reconcile()
        self.assertEqual(["signOut", "token", "signIn"], self.reconcile())
        self.assert_in_step(BOB)


class Remembering(Case):
    def test_who_is_signed_in_survives_a_relaunch(self):
        for user in (APP_ADA, SOME_BOB, None):
            self.app.set_user(user)
            self.assertEqual(user, Notes(str(self.folder)).now()[1])

    def test_damage_means_that_nobody_is_signed_in(self):
        self.set_user(APP_ADA)
        path = self.folder / "app.json"
        whole = path.read_bytes()
        for damage in (
            b"", b"7", b"{}", b"null", whole[:-1], b"\xff" * 9, b"[" * 100_000, b'{"user":7,"ledTo":{}}',
            b'{"user":null,"ledTo":[]}', b'{"user":null,"ledTo":{"a":7}}', whole.replace(b'"app-user-ada"', b"7"),
        ):  # fmt: skip
            path.write_bytes(damage)
            self.sdk.signed_in(ADA)
            self.launch()
            self.assertEqual(["signOut"], self.reconcile(), damage[:40])
        self.set_user(APP_ADA)
        self.launch()
        self.reconcile()
        self.assert_in_step(ADA)

    def test_what_an_interrupted_write_left_is_no_matter(self):
        self.set_user(APP_ADA)
        (self.folder / "app.json.tmp").write_bytes(b"half")
        self.launch()
        self.set_user(APP_BOB)
        self.assertEqual(["app.json"], [path.name for path in self.folder.iterdir()])

    def test_a_change_that_cannot_be_written_has_not_happened(self):
        self.set_user(APP_ADA)
        self.sdk.signed_in(ADA)
        (self.folder / "app.json.tmp").mkdir()
        self.assertRaises(OSError, self.app.set_user, None)
        self.assertEqual([], self.reconcile())


if __name__ == "__main__":
    unittest.main()
