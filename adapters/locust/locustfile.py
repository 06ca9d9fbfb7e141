"""The locustfile for a master with Vouch workers: it declares the user classes for the web page.

`vouch worker` runs the users; each class is the workload of the same name. A custom workload (`workloads:` in a
load file) needs a class here too: `Morning` for `morning`. See `docs/load-on-a-cluster.md`.
"""

import locust
from locust import User, events, task


class Workload(User):
    """A user that `vouch worker` runs. Locust's own workers cannot run it."""

    abstract = True

    @task
    def not_here(self):
        raise locust.exception.StopTest("these users are those of `vouch worker`; do not start Locust's own workers")


class Exchange(Workload):
    """Exchanges a sign-in token that was issued before the test, until all are used."""


class Refresh(Workload):
    """Refreshes; each installation uses its own latest refresh token."""


class SignIn(Workload):
    """Requests a sign-in token and exchanges it."""


class Launch(Workload):
    """Relaunches with an expired access token: a refresh, then an API call."""


class Migration(Workload):
    """Migrates an installation from the API-key scheme: sign-in token, exchange, first API call."""


class Issue(Workload):
    """Requests a sign-in token."""


@events.init_command_line_parser.add_listener
def _(parser):
    parser.add_argument(
        "--vouch-load", default="", metavar="FILE", help="load file of the workers, by its path on their machines"
    )
    parser.add_argument(
        "--vouch-wait", default="", metavar="TIME", help='pause of users between two rounds: "500ms", "1s..3s"'
    )
    # Messages to workers do not contain the master's version, so it is sent here.
    parser.add_argument("--vouch-locust", default=locust.__version__, include_in_web_ui=False, help="leave as it is")
