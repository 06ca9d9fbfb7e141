"""HTTP as such: keep-alive, bodies of every framing, and nothing that brings the emulator down."""

import json
import random
import socket
import time
import unittest
from email.utils import parsedate_to_datetime

from support import FORM, US, Case

TOKEN = f"{US.prefix}/auth/v1/token"


class Http(Case):
    def raw(self, data, finish=True):
        """Everything that comes back for these bytes."""
        with socket.create_connection(self.server.server_address, 10) as connection:
            connection.sendall(data)
            if finish:
                connection.shutdown(socket.SHUT_WR)
            answer = b""
            try:
                while data := connection.recv(65536):
                    answer += data
            except ConnectionResetError:
                pass
            return answer

    def status(self, data, finish=True):
        return int(self.raw(data, finish).split()[1])

    def post(self, *head, body=b""):
        lines = [f"POST {TOKEN} HTTP/1.1", "Host: x", f"Content-Type: {FORM}", *head]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + body

    def test_a_connection_serves_many_requests_through_errors(self):
        self.client.send("GET", "/healthz")
        connection = self.client._connection.sock
        for method, path in [("GET", "/"), ("PUT", "/healthz"), ("HEAD", "/healthz"), ("BREW", "/x"), ("POST", TOKEN)]:
            self.assertIn(self.client.send(method, path, b"x" if method == "PUT" else None).status, (404, 405, 415))
        self.assertEqual(200, self.client.send("GET", "/healthz").status)
        self.assertIs(connection, self.client._connection.sock)

    def test_requests_may_come_in_one_go(self):
        one = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
        self.assertEqual(3, self.raw(one * 3).count(b"HTTP/1.1 200 OK"))

    def test_old_clients_and_proxies_are_served(self):
        self.assertIn(b"Connection: close", self.raw(b"GET /healthz HTTP/1.0\r\n\r\n", finish=False))
        self.assertEqual(200, self.status(b"GET http://127.0.0.1/healthz HTTP/1.1\r\nConnection: close\r\n\r\n"))

    def test_chunked_bodies_are_read(self):
        chunks = b"b;x=y\r\ngrant_type=\r\n8\r\npassword\r\n0\r\nTrailer: x\r\n\r\n"
        answer = self.raw(self.post("Transfer-Encoding: chunked", body=chunks + self.post("Content-Length: 0")))
        self.assertEqual((1, 1), (answer.count(b"unsupported_grant_type"), answer.count(b"`grant_type` is missing")))

    def test_expect_is_answered_before_the_body_comes(self):
        with socket.create_connection(self.server.server_address, 10) as connection:
            connection.sendall(self.post("Content-Length: 19", "Expect: 100-continue"))
            self.assertEqual(b"HTTP/1.1 100 Continue\r\n\r\n", connection.recv(100))
            connection.sendall(b"grant_type=password")
            self.assertIn(b"unsupported_grant_type", connection.recv(4096))

    def test_unclear_framing_ends_the_connection(self):
        for head in [
            ["Content-Length: x"],
            ["Content-Length: -1"],
            ["Content-Length: 1", "Content-Length: 2"],
            ["Content-Length: 1", "Transfer-Encoding: chunked"],
            ["Transfer-Encoding: gzip"],
        ]:
            answer = self.raw(self.post(*head, body=b"0\r\n\r\n"), finish=False)
            self.assertTrue(answer.startswith(b"HTTP/1.1 400 "), head)
            self.assertEqual(1, answer.count(b"HTTP/1.1"), head)
        for body in [b"zz\r\n", b"\r\n", b"1\r\nab\r\n0\r\n\r\n", b"-1\r\n", b"1" * 2000]:
            self.assertEqual(400, self.status(self.post("Transfer-Encoding: chunked", body=body)), body)

    def test_large_bodies_are_refused_and_the_answer_arrives(self):
        large = b"x" * 900_000
        self.assertEqual(413, self.status(self.post("Content-Length: 900000", body=large), finish=False))
        self.assertEqual(413, self.status(self.post("Content-Length: 65537", body=large[:65537]), finish=False))
        self.assertEqual(413, self.status(self.post("Content-Length: 65537", "Expect: 100-continue"), finish=False))
        self.assertEqual(413, self.status(self.post("Content-Length: " + "9" * 5000), finish=False))
        chunks = b"8000\r\n" + b"x" * 32768 + b"\r\n"
        self.assertEqual(413, self.status(self.post("Transfer-Encoding: chunked", body=chunks * 3), finish=False))
        self.assertEqual(400, self.status(self.post("Content-Length: 65536", body=large[:65536])))

    def test_a_client_that_is_still_sending_hears_of_it_too(self):
        with socket.create_connection(self.server.server_address, 10) as connection:
            connection.sendall(self.post("Content-Length: 500000"))
            for _ in range(5):
                connection.sendall(b"x" * 100_000)  # a connection that was reset would fail here
                time.sleep(0.02)
            self.assertIn(b" 413 ", connection.recv(4096))

    def test_heads_that_cannot_be_read_get_an_error_in_json(self):
        for data, status in [
            (b"nonsense\r\n\r\n", 400),
            (b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\n\r\n", 414),
            (b"GET / HTTP/9.9\r\n\r\n", 505),
            (b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 200 + b"\r\n", 431),
        ]:
            answer = self.raw(data)
            self.assertEqual(status, int(answer.split()[1]))
            self.assertIn("detail", json.loads(answer.partition(b"\r\n\r\n")[2]))

    def test_the_date_is_that_of_the_emulators_clock(self):
        before = parsedate_to_datetime(self.client.send("GET", "/healthz").headers["Date"])
        self.client.control("advance", {"seconds": 86400})
        after = parsedate_to_datetime(self.client.send("GET", "/healthz").headers["Date"])
        self.assertIn((after - before).total_seconds(), range(86400, 86410))

    def test_noise_is_never_answered_with_an_error_of_ours(self):
        noise = random.Random(7)
        user_id, access, refresh = self.client.signed_in()
        words = [user_id, access, refresh, US.api_key, "user", "%00", "%ff", "..", "", "{}", "\x7f", "a" * 300]
        seeds = [
            self.post("Content-Length: 40", body=f"grant_type=refresh_token&refresh_token={refresh}".encode()[:40]),
            f"GET {US.prefix}/api/v2/user/{user_id} HTTP/1.1\r\nAuthorization: Bearer {access}\r\n\r\n".encode(),
            f"POST {US.prefix}/api/v2/user HTTP/1.1\r\nx-vital-api-key: {US.api_key}\r\nContent-Length: 24\r\n\r\n"
            '{"client_user_id":"ada"}'.encode(),
        ]
        for _ in range(600):
            data = bytearray(noise.choice(seeds))
            for _ in range(noise.randrange(1, 5)):
                at = noise.randrange(len(data))
                word = noise.choice([noise.randbytes(3), noise.choice(words).encode()])
                data[at : at + noise.randrange(4)] = word
            answer = self.raw(bytes(data))
            self.assertNotIn(b"HTTP/1.1 5", answer.replace(b"HTTP/1.1 505", b""), bytes(data))
            self.assertNotIn(b"Traceback", answer)
        self.assertEqual(200, self.client.send("GET", "/healthz").status)


if __name__ == "__main__":
    unittest.main()
