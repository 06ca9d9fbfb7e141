"""The hook program that `vouch.toml` names: it runs the one hook that the environment names, then exits.

    VOUCH_HOOK         revoke, advance, refuseAccessTokens, deleteUser or undoDelete
    VOUCH_ENVIRONMENT, VOUCH_REGION, VOUCH_USER_ID   the realm and the user (except advance)
    VOUCH_SECONDS      the time to advance by (advance)
    EMULATOR_URL       the URL of the emulator

Vouch runs it once for each hook of each case, so it imports few modules: a socket instead of `http.client`.
"""

import json
import os
import socket
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))  # `-I` removes it

from cloud.realms import PLACES, Place  # noqa: E402

_TIMEOUT_S = 10


class Failure(Exception):
    pass


def main():
    hook = _required("VOUCH_HOOK")
    if hook == "revoke":
        _ask("POST", "/control/revoke", _whom())
    elif hook == "refuseAccessTokens":
        _ask("POST", "/control/refuse-access-tokens", _whom())
    elif hook == "advance":
        _ask("POST", "/control/advance", {"seconds": _seconds()})
    elif hook == "deleteUser":
        _ask("DELETE", f"{_place().prefix}/api/v2/user/{_user_id()}", api_key=_place().api_key)
    elif hook == "undoDelete":
        _ask("POST", f"{_place().prefix}/api/v2/user/undo_delete", {"user_id": _user_id()}, _place().api_key)
    else:
        raise Failure(f"no such hook: {hook}")


# -- what the environment says ---------------------------------------------------------------------


def _required(name):
    value = os.environ.get(name)
    if not value:
        raise Failure(f"{name} is not set")
    return value


def _whom():
    place = _place()
    return {"environment": place.environment, "region": place.region, "userId": _user_id()}


def _place():
    place = Place(_required("VOUCH_ENVIRONMENT"), _required("VOUCH_REGION"))
    if place not in PLACES:
        raise Failure("VOUCH_ENVIRONMENT and VOUCH_REGION name no realm")
    return place


def _user_id():
    user_id = _required("VOUCH_USER_ID")
    if not (user_id.isascii() and user_id.replace("-", "").isalnum()):  # it becomes part of a path
        raise Failure("VOUCH_USER_ID is no user id")
    return user_id


def _seconds():
    try:
        return float(_required("VOUCH_SECONDS"))
    except ValueError:
        raise Failure("VOUCH_SECONDS is no number") from None


# -- asking the emulator ---------------------------------------------------------------------------


def _ask(method, path, body=None, api_key=None):
    host, port = _address()
    content = b"" if body is None else json.dumps(body).encode("ascii")
    head = [f"{method} {path} HTTP/1.1", f"Host: {host}:{port}", "Connection: close", f"Content-Length: {len(content)}"]
    if content:
        head.append("Content-Type: application/json")
    if api_key:
        head.append(f"x-vital-api-key: {api_key}")
    request = "\r\n".join(head).encode("ascii") + b"\r\n\r\n" + content
    answer = b""
    try:
        with socket.create_connection((host, port), _TIMEOUT_S) as connection:
            connection.sendall(request)
            while data := connection.recv(65536):
                answer += data
    except OSError as problem:
        raise Failure(f"the emulator at {host}:{port} cannot be reached: {problem}") from None
    status, _, rest = answer.partition(b"\r\n")
    if status.split()[1:2] != [b"200"]:
        said = rest.partition(b"\r\n\r\n")[2]
        raise Failure(f"{method} {path}: {status.decode('ascii', 'replace')} {said.decode('ascii', 'replace')}")


def _address():
    url = _required("EMULATOR_URL")
    scheme, _, rest = url.partition("://")
    host, _, port = rest.partition("/")[0].rpartition(":")
    if scheme != "http" or not host or not port.isdecimal():
        raise Failure("EMULATOR_URL must be http://HOST:PORT")
    return host, int(port)


if __name__ == "__main__":
    try:
        main()
    except Failure as failure:
        sys.exit(f"control.py: {failure}")
