"""A Locust user for comparing load generators."""

import os

from locust import FastHttpUser, constant, task

with open(os.environ["PEER_BODY"], encoding="ascii") as file:
    BODY = file.read()


class Peer(FastHttpUser):
    wait_time = constant(0)

    @task
    def exchange(self):
        self.client.post("/v1/token", data=BODY, headers={"content-type": "application/x-www-form-urlencoded"})
