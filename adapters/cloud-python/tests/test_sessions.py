"""Exchange, refresh, and the ends that a session can come to."""

import base64
import json
import unittest

from support import EXCHANGE, PLACES, SIGN_IN_TOKEN, US, Case, Place, tokens

EU = Place("production", "eu")
INVALID = (400, "invalid_token")
REAUTHENTICATE = (400, "reauthentication_required")


class Exchange(Case):
    def test_a_sign_in_token_becomes_a_session(self):
        user_id = self.client.create()
        reply = self.client.exchange(self.client.user_token(user_id))
        self.assertEqual({"access_token", "refresh_token", "expires_in", "token_type"}, set(reply.body))
        self.assertEqual((200, 3600, "Bearer"), (reply.status, reply.body["expires_in"], reply.body["token_type"]))
        self.assertEqual(("no-store", "no-cache"), (reply.headers["Cache-Control"], reply.headers["Pragma"]))
        self.assertEqual(200, self.own_status(user_id, reply.body["access_token"]))

    def test_it_is_good_once(self):
        jwt = self.client.user_token(self.client.create())
        self.assertEqual(200, self.client.exchange(jwt).status)
        reply = self.client.exchange(jwt)
        self.assertEqual(INVALID, reply.error)
        self.assertEqual("no-store", reply.headers["Cache-Control"])

    def test_of_concurrent_exchanges_one_succeeds(self):
        user_id = self.client.create()
        for _ in range(10):
            jwt = self.client.user_token(user_id)
            statuses = self.at_once(10, lambda client, jwt=jwt: client.exchange(jwt).status)
            self.assertEqual([200] + [400] * 9, sorted(statuses))

    def test_it_expires(self):
        user_id = self.client.create()
        early, late = self.client.user_token(user_id), self.client.user_token(user_id)
        self.client.control("advance", {"seconds": 295})
        self.assertEqual(200, self.client.exchange(early).status)
        self.client.control("advance", {"seconds": 5})
        self.assertEqual(INVALID, self.client.exchange(late).error)
        self.assertEqual(200, self.client.exchange(self.client.user_token(user_id)).status)

    def test_another_realm_refuses_it_and_does_not_use_it_up(self):
        for place in PLACES:
            jwt = self.client.user_token(self.client.create(place=place), place)
            for other in PLACES:
                if other != place:
                    self.assertEqual(INVALID, self.client.exchange(jwt, other).error)
            self.assertEqual(200, self.client.exchange(jwt, place).status)

    def test_a_token_that_was_touched_is_refused(self):
        user_id, access, refresh = self.client.signed_in()
        jwt = self.client.user_token(user_id)
        head, body, signature = jwt.split(".")
        claims = json.loads(base64.urlsafe_b64decode(body + "==="))
        claims["uid"] = self.client.create()
        forged = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
        none = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').decode().rstrip("=")
        touched = [
            f"{head}.{forged}.{signature}",
            f"{none}.{body}.",
            f"{head}.{body}.",
            f"{head}.{body}",
            f"{head}.{body}.{signature}=",
            f"{head}.{body}.{signature} ",
            *(jwt[:-1] + letter for letter in "ABCDQgw_" if letter != jwt[-1]),
            *("x", ".", "..", "...", "ü.ü.ü", access, refresh),
            base64.b64encode(json.dumps({"public_key": "k", "user_token": jwt}).encode()).decode(),
        ]
        for token in touched:
            self.assertEqual(INVALID, self.client.exchange(token).error, token)
        self.assertEqual(200, self.client.exchange(jwt).status)

    def test_what_the_endpoint_asks_of_a_request(self):
        full = {"grant_type": EXCHANGE, "subject_token_type": SIGN_IN_TOKEN, "subject_token": "x"}
        invalid = (400, "invalid_request")
        for name in full:
            without = {key: value for key, value in full.items() if key != name}
            self.assertEqual(invalid, self.client.token(without).error, name)
            self.assertEqual(invalid, self.client.token({**full, name: ""}).error, name)
        twice = "grant_type=refresh_token&grant_type=refresh_token"
        for body in ["", "x", b"\xff=1", "grant_type=%FF", twice, "&" * 500]:
            self.assertEqual(invalid, self.client.token(body).error, body)
        self.assertEqual(invalid, self.client.token({"grant_type": "refresh_token"}).error)
        self.assertEqual(invalid, self.client.token({**full, "subject_token_type": "jwt"}).error)
        self.assertEqual((400, "unsupported_grant_type"), self.client.token({"grant_type": "password"}).error)
        self.assertEqual((415, "invalid_request"), self.client.token(full, content_type="application/json").error)
        reply = self.client.send("GET", f"{US.prefix}/auth/v1/token")
        self.assertEqual((405, "POST"), (reply.status, reply.headers["Allow"]))
        spelled_oddly = "Application/X-WWW-Form-Urlencoded; charset=utf-8"
        self.assertEqual((400, "invalid_token"), self.client.token(full, content_type=spelled_oddly).error)


class Refresh(Case):
    def test_it_rotates(self):
        user_id, access, refresh = self.client.signed_in()
        newer_access, newer = tokens(self.client.refresh(refresh))
        self.assertEqual(4, len({access, newer_access, refresh, newer}))
        for token in (refresh, newer):
            self.assertTrue({"+", "/", "="} <= set(token), token)
        self.assertEqual([200, 200], [self.own_status(user_id, token) for token in (access, newer_access)])

    def test_a_lost_answer_does_not_lock_out(self):
        user_id, _, refresh = self.client.signed_in()
        lost = [tokens(self.client.refresh(refresh)) for _ in range(3)]
        access, newer = tokens(self.client.refresh(refresh))
        self.assertEqual(200, self.own_status(user_id, access))
        self.assertEqual(200, self.client.refresh(newer).status)
        self.assertEqual(REAUTHENTICATE, self.client.refresh(lost[0][1]).error)

    def test_an_answer_that_arrives_late_is_as_good_as_its_twin(self):
        _, _, refresh = self.client.signed_in()
        late = tokens(self.client.refresh(refresh))
        tokens(self.client.refresh(refresh))
        self.assertEqual(200, self.client.refresh(late[1]).status)

    def test_the_previous_token_ends_the_session_once_its_successor_was_used(self):
        user_id, _, refresh = self.client.signed_in()
        access, newer = tokens(self.client.refresh(refresh))
        newest_access, newest = tokens(self.client.refresh(newer))
        self.assertEqual(REAUTHENTICATE, self.client.refresh(refresh).error)
        self.assertEqual([401, 401], [self.own_status(user_id, token) for token in (access, newest_access)])
        self.assertEqual([REAUTHENTICATE] * 3, [self.client.refresh(t).error for t in (refresh, newer, newest)])

    def test_the_access_token_beside_it_counts_as_its_use(self):
        user_id, _, refresh = self.client.signed_in()
        access, newer = tokens(self.client.refresh(refresh))
        self.assertEqual(200, self.own_status(user_id, access))
        self.assertEqual(REAUTHENTICATE, self.client.refresh(refresh).error)
        self.assertEqual(REAUTHENTICATE, self.client.refresh(newer).error)

    def test_an_older_access_token_says_nothing_of_the_newer_answer(self):
        user_id, access, refresh = self.client.signed_in()
        _, newer = tokens(self.client.refresh(refresh))
        self.assertEqual(200, self.own_status(user_id, access))
        self.assertEqual([200, 200], [self.client.refresh(token).status for token in (refresh, newer)])

    def test_sessions_of_one_user_do_not_touch_each_other(self):
        user_id, _, first = self.client.signed_in()
        _, second = tokens(self.client.exchange(self.client.user_token(user_id)))
        _, newer = tokens(self.client.refresh(first))
        self.client.refresh(newer)
        self.assertEqual(REAUTHENTICATE, self.client.refresh(first).error)
        self.assertEqual(200, self.client.refresh(second).status)

    def test_an_access_token_expires_and_its_session_does_not(self):
        user_id, access, refresh = self.client.signed_in()
        self.client.control("advance", {"seconds": 3595})
        self.assertEqual(200, self.own_status(user_id, access))
        self.client.control("advance", {"seconds": 5})
        self.assertEqual(401, self.own_status(user_id, access))
        self.client.control("advance", {"seconds": 90 * 86400})
        access, _ = tokens(self.client.refresh(refresh))
        self.assertEqual(200, self.own_status(user_id, access))

    def test_unknown_and_foreign_tokens_ask_for_a_new_sign_in(self):
        _, access, refresh = self.client.signed_in()
        for token in ["x", access, refresh[:-1], refresh.replace("+", " ")]:
            self.assertEqual(REAUTHENTICATE, self.client.refresh(token).error)
        self.assertEqual(REAUTHENTICATE, self.client.refresh(refresh, EU).error)
        self.assertEqual(200, self.client.refresh(refresh).status)


class Ends(Case):
    def test_a_deleted_user_is_gone_everywhere(self):
        user_id, access, refresh = self.client.signed_in()
        waiting = self.client.user_token(user_id)
        self.assertEqual(200, self.client.team("DELETE", f"user/{user_id.upper()}").status)
        self.assertEqual(401, self.own_status(user_id, access))
        self.assertEqual(INVALID, self.client.refresh(refresh).error)
        self.assertEqual(INVALID, self.client.exchange(waiting).error)
        for method, path in [("GET", ""), ("DELETE", ""), ("POST", "/sign_in_token")]:
            self.assertEqual(404, self.client.team(method, f"user/{user_id}{path}").status)
        self.assertEqual(0, self.client.team("GET", "user").body["total"])

    def test_brought_back_a_user_starts_afresh(self):
        user_id, access, refresh = self.client.signed_in()
        waiting = self.client.user_token(user_id)
        self.client.team("DELETE", f"user/{user_id}")
        for _ in range(2):
            self.assertEqual(200, self.client.team("POST", "user/undo_delete", {"user_id": user_id.upper()}).status)
        self.assertEqual(401, self.own_status(user_id, access))
        self.assertEqual(INVALID, self.client.refresh(refresh).error)
        self.assertEqual(INVALID, self.client.exchange(waiting).error)
        access, refresh = tokens(self.client.exchange(self.client.user_token(user_id)))
        self.assertEqual((200, 200), (self.own_status(user_id, access), self.client.refresh(refresh).status))

    def test_a_client_user_id_is_free_after_the_deletion(self):
        first = self.client.create("ada")
        self.client.team("DELETE", f"user/{first}")
        self.assertEqual(404, self.client.team("GET", "user/resolve/ada").status)
        second = self.client.create("ada")
        self.assertNotEqual(first, second)
        undone = self.client.team("POST", "user/undo_delete", {"user_id": first})
        self.assertEqual((400, second), (undone.status, undone.body["detail"]["user_id"]))

    def test_revoking_ends_every_session_but_not_the_user(self):
        user_id, access, refresh = self.client.signed_in()
        bystander = self.client.signed_in()
        waiting = self.client.user_token(user_id)
        self.assertEqual(200, self.client.befall("revoke", user_id.upper()).status)
        self.assertEqual(401, self.own_status(user_id, access))
        self.assertEqual(REAUTHENTICATE, self.client.refresh(refresh).error)
        self.assertEqual((200, 200), (self.own_status(*bystander[:2]), self.client.refresh(bystander[2]).status))
        access, refresh = tokens(self.client.exchange(waiting))
        self.assertEqual((200, 200), (self.own_status(user_id, access), self.client.refresh(refresh).status))
        self.client.team("DELETE", f"user/{user_id}")
        self.assertEqual(INVALID, self.client.refresh(refresh).error)

    def test_refused_access_tokens_leave_the_refresh_token_good(self):
        user_id, access, refresh = self.client.signed_in()
        self.client.befall("refuse-access-tokens", user_id)
        self.assertEqual(401, self.own_status(user_id, access))
        access, _ = tokens(self.client.refresh(refresh))
        self.assertEqual(200, self.own_status(user_id, access))

    def test_what_the_hooks_ask_of_a_request(self):
        user_id = self.client.create()
        self.assertEqual(404, self.client.befall("revoke", "nobody").status)
        self.assertEqual(404, self.client.befall("revoke", user_id, EU).status)
        self.assertEqual(404, self.client.befall("nonsense", user_id).status)
        self.assertEqual(422, self.client.befall("revoke", user_id, Place("production", "mars")).status)
        self.assertEqual(405, self.client.send("GET", "/control/revoke").status)
        for seconds in [-1, True, "1", None, 1e300, 10**400]:
            self.assertEqual(422, self.client.control("advance", {"seconds": seconds}).status, seconds)
        self.assertEqual(422, self.client.send("POST", "/control/advance", b'{"seconds": 1e999}').status)
        self.assertEqual(200, self.client.control("advance", {"seconds": 0}).status)


if __name__ == "__main__":
    unittest.main()
