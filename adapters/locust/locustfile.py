"""What a Locust master needs to know about Vouch's workers: the user classes that its web page offers.

The users themselves live in `vouch worker`; each class stands for the workload of the same name. A workload of your own
(`workloads:` in a load file) gets a class here too: `morning` is `Morning`. See `docs/load-on-a-cluster.md`.
"""

import locust
from locust import User, events, task


class Workload(User):
    """A user of a `vouch worker`. Locust's own workers have no such users."""

    abstract = True

    @task
    def not_here(self):
        raise locust.exception.StopTest("these users are those of `vouch worker`; do not start Locust's own workers")


class Exchange(Workload):
    """Exchanges a sign-in token that was made before the test, until there are no more."""


class Refresh(Workload):
    """Refreshes; each installation has a chain of tokens of its own."""


class SignIn(Workload):
    """Has a sign-in token issued, and exchanges it."""


class Launch(Workload):
    """Relaunches after the access token's time: a refresh, then an API call."""


class Migration(Workload):
    """Moves an installation of the API-key scheme over: sign-in token, exchange, first API call."""


class Issue(Workload):
    """Has a sign-in token issued."""


@events.init_command_line_parser.add_listener
def _(parser):
    parser.add_argument(
        "--vouch-load", default="", metavar="FILE", help="load file of the workers, by its path on their machines"
    )
    parser.add_argument(
        "--vouch-wait", default="", metavar="TIME", help='pause of users between two rounds: "500ms", "1s..3s"'
    )
    # Messages to workers do not say the master's version; this does.
    parser.add_argument("--vouch-locust", default=locust.__version__, include_in_web_ui=False, help="leave as it is")
