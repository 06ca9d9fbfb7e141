"""The vendor API: users, and who may see what."""

import unittest

from support import PLACES, US, Case, claims


class Users(Case):
    def test_a_user_is_created_once_for_a_client_user_id(self):
        made = self.client.team("POST", "user", {"client_user_id": "ada"})
        self.assertEqual(201, made.status)
        self.assertEqual({"user_id", "team_id", "client_user_id", "created_on", "connected_sources"}, set(made.body))
        again = self.client.team("POST", "user", {"client_user_id": "ada"})
        self.assertEqual((400, "INVALID_REQUEST"), again.error)
        self.assertEqual(made.body["user_id"], again.body["detail"]["user_id"])
        self.assertEqual(made.body["created_on"], again.body["detail"]["created_on"])
        self.assertEqual(made.body, self.client.team("GET", "user/resolve/ada").body)
        self.assertEqual(made.body, self.client.team("GET", f"user/{made.body['user_id'].upper()}").body)

    def test_of_concurrent_creations_one_wins_and_the_others_learn_who(self):
        for turn in range(10):
            body = {"client_user_id": f"ada-{turn}"}
            replies = self.at_once(12, lambda client, body=body: client.team("POST", "user", body))
            self.assertEqual([201] + [400] * 11, sorted(reply.status for reply in replies))
            named = {(reply.body.get("detail") or reply.body)["user_id"] for reply in replies}
            self.assertEqual(1, len(named))

    def test_realms_share_nothing(self):
        ids = {place: self.client.create("ada", place) for place in PLACES}
        self.assertEqual(6, len(set(ids.values())))
        for place in PLACES:
            for other in PLACES:
                status = self.client.team("GET", f"user/{ids[place]}", place=other).status
                self.assertEqual(200 if place == other else 404, status)

    def test_a_key_of_another_realm_is_no_key(self):
        self.assertEqual(6, len({place.api_key for place in PLACES}))
        for place in PLACES[1:]:
            path = f"{US.prefix}/api/v2/user/metrics"
            reply = self.client.send("GET", path, headers={"x-vital-api-key": place.api_key})
            self.assertEqual((401, "UNAUTHORIZED"), reply.error)

    def test_an_odd_client_user_id_survives_its_way_through_a_path(self):
        user_id = self.client.create("a/b c?ä")
        self.assertEqual(user_id, self.client.team("GET", "user/resolve/a%2Fb%20c%3F%C3%A4").body["user_id"])

    def test_unknown_ids_are_not_found(self):
        nobody = "00000000-0000-4000-8000-000000000000"
        for method, path in [
            ("GET", f"user/{nobody}"),
            ("GET", "user/nonsense"),
            ("GET", "user/resolve/nobody"),
            ("DELETE", f"user/{nobody}"),
            ("POST", f"user/{nobody}/sign_in_token"),
            ("GET", f"summary/sleep/{nobody}"),
            ("GET", "nothing/of/the/kind"),
        ]:
            self.assertEqual((404, "NOT_FOUND"), self.client.team(method, path).error, path)
        self.assertEqual(404, self.client.team("POST", "user/undo_delete", {"user_id": nobody}).status)

    def test_the_list_comes_in_pages(self):
        ids = [self.client.create() for _ in range(5)]
        page = self.client.team("GET", "user?offset=1&limit=2").body
        self.assertEqual(ids[1:3], [user["user_id"] for user in page["users"]])
        self.assertEqual((5, 1, 2), (page["total"], page["offset"], page["limit"]))
        self.assertEqual(422, self.client.team("GET", "user?limit=-1").status)
        self.assertEqual(5, self.client.team("GET", "user/metrics").body["total_connected_users"])

    def test_malformed_bodies_are_unprocessable(self):
        headers = {"x-vital-api-key": US.api_key, "Content-Type": "application/json"}
        members = [b'{"client_user_id":%s}' % value for value in (b"7", b'""', b"NaN", b"null")]
        for body in [b"", b"{", b"[]", b"null", b"{}", b"\xff\xfe", b"[" * 60_000, b"9" * 60_000, *members]:
            reply = self.client.send("POST", f"{US.prefix}/api/v2/user", body, headers)
            self.assertEqual((422, "INVALID_REQUEST"), reply.error, body[:20])
        reply = self.client.send("POST", f"{US.prefix}/api/v2/user", b"{}", {**headers, "Content-Type": "text/plain"})
        self.assertEqual(422, reply.status)


class Scope(Case):
    def test_an_installation_sees_its_own_user_and_nothing_else(self):
        user_id, access, _ = self.client.signed_in()
        other = self.client.create()
        self.client.team("DELETE", f"user/{(gone := self.client.create())}")
        for path in [f"user/{user_id}", f"user/{user_id.upper()}", f"summary/activity/{user_id}"]:
            self.assertEqual(200, self.client.get(path, access).status, path)
        for stranger in [other, gone, "00000000-0000-4000-8000-000000000000", "nonsense"]:
            for path in [f"user/{stranger}", f"summary/sleep/{stranger}"]:
                self.assertEqual((403, "FORBIDDEN"), self.client.get(path, access).error, path)
        for method, path in [
            ("GET", "user"),
            ("GET", "user/metrics"),
            ("GET", "user/resolve/ada"),
            ("POST", "user"),
            ("POST", "user/undo_delete"),
            ("DELETE", f"user/{user_id}"),
            ("POST", f"user/{user_id}/sign_in_token"),
        ]:
            reply = self.client.get(path, access, method=method)
            self.assertEqual((403, "FORBIDDEN"), reply.error, path)
        self.assertEqual(200, self.own_status(user_id, access))

    def test_an_access_token_is_good_in_its_own_realm_only(self):
        for place in PLACES:
            user_id, access, _ = self.client.signed_in(place)
            for other in PLACES:
                self.assertEqual(200 if other == place else 401, self.own_status(user_id, access, other))

    def test_whatever_is_no_access_token_is_unauthorized(self):
        user_id, access, refresh = self.client.signed_in()
        sign_in = self.client.user_token(user_id)
        last = "Q" if access[-1] == "A" else "A"
        for token in ["", "x", "a.b.c", "..", "é.b.c", refresh, sign_in, US.api_key, access[:-1] + last, access + "A"]:
            headers = {"Authorization": f"Bearer {token}".encode("latin-1")}
            reply = self.client.send("GET", f"{US.prefix}/api/v2/user/{user_id}", headers=headers)
            self.assertEqual((401, "UNAUTHORIZED"), reply.error, token)
            self.assertEqual("Bearer", reply.headers["WWW-Authenticate"])
        for headers in [{}, {"Authorization": access}, {"Authorization": f"Basic {access}"}, {"x-vital-api-key": "x"}]:
            self.assertEqual(401, self.client.send("GET", f"{US.prefix}/api/v2/user", headers=headers).status)

    def test_beside_an_access_token_the_api_key_widens_nothing(self):
        _, access, _ = self.client.signed_in()
        headers = {"Authorization": f"bearer {access}", "x-vital-api-key": US.api_key}
        self.assertEqual(403, self.client.send("GET", f"{US.prefix}/api/v2/user", headers=headers).status)

    def test_a_sign_in_token_names_its_realm_team_and_user(self):
        for place in PLACES:
            user_id = self.client.create(place=place)
            jwt = self.client.user_token(user_id, place)
            code = {"production": "prd", "sandbox": "stg", "dev": "dev"}[place.environment]
            name = f"{code}-{place.region}"
            said = claims(jwt)
            self.assertEqual(f"id-signer-{name}@vital-id-{name}.iam.gserviceaccount.com", said["iss"])
            self.assertEqual((user_id, place.team_id), (said["uid"], said["claims"]["vital_team_id"]))
            self.assertEqual(300, said["exp"] - said["iat"])
            self.assertIn("-", jwt.split(".")[1])
            self.assertIn("_", jwt.split(".")[1])
        reply = self.client.team("POST", f"user/{user_id}/sign_in_token", place=place)
        self.assertEqual("no-store", reply.headers["Cache-Control"])

    def test_the_team_reads_user_level_resources_too(self):
        self.assertEqual({"sleep": []}, self.client.team("GET", f"summary/sleep/{self.client.create()}").body)


if __name__ == "__main__":
    unittest.main()
