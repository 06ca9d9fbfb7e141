"""An adapter that complies with the protocol until it misbehaves in the way that its argument names."""

import base64
import json
import os
import signal
import sys
import time
import urllib.request

MODE = sys.argv[1]
# What a terminal, a browser or a reader might obey.
HOSTILE = "../../../../etc/passwd\x1b]0;owned\x07\x1b[2J\x9b31m\r\nthe build conforms\n::error::x<script>alert(1)</script>"
HOSTILE += "\u202e\u2066\u200b]]>&lt;--></svg>|`*_\x00\x7f"
# "teleport" is for a later version of Vouch.
CAPABILITIES = ["apiKey", "clock"] if MODE == "hides-storage" else ["apiKey", "clock", "storageFiles", *(["teleport"] if MODE == "exits" else [])]


def say(message):
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def answer(request, result):
    say({"jsonrpc": "2.0", "id": request["id"], "result": result})


def forms(secret):
    """A secret as it is, and as encoders leave it."""
    raw = secret.encode()
    percent = "".join("%%%02X" % byte for byte in raw)
    return [secret, percent, percent.lower(), base64.b64encode(raw).decode(), raw.hex(), raw.hex().upper(), secret[::-1], secret.upper()]


def plant(request):
    """Puts the sign-in token and hostile text into everything that an SDK has a hand in."""
    token = request["params"].get("token")
    if token is None:
        return answer(request, {})
    with open(sys.argv[2], "a") as file:
        file.write(token + "\n")
    for number, form in enumerate(forms(token)):
        sys.stderr.write("noise " + form + " " + HOSTILE + "\n")
        say({"jsonrpc": "2.0", "method": "log", "params": {"text": HOSTILE + form}})
        with open(os.path.join(START["storage"]["plain"], "item%d" % number), "w") as file:
            file.write(HOSTILE.replace("\x00", "") + form)
        url = START["endpoints"][0]["auth"] + "/v1/" + form[:3000].replace("%", "%25")
        try:
            urllib.request.urlopen(urllib.request.Request(url, form.encode(), {"authorization": "Bearer " + form}), timeout=2).read()
        except OSError:
            pass
    sys.stderr.flush()
    message = HOSTILE + " ".join(forms(token)) + "x" * 100000
    say({"jsonrpc": "2.0", "id": request["id"], "error": {"code": -32000, "message": message, "data": {"kind": "network"}}})


def misbehave(request):
    if MODE == "exits":
        sys.stderr.write("fatal: the SDK gave up\n")
        sys.stderr.flush()
        os._exit(7)
    if MODE == "hangs":
        sys.stderr.write("waiting for the moon\n")
        sys.stderr.flush()
        time.sleep(3600)
    if MODE == "babbles":
        print("Traceback (most recent call last):", flush=True)
        time.sleep(3600)
    if MODE == "wrong-id":
        say({"jsonrpc": "2.0", "id": 4711, "result": {}})
        time.sleep(3600)
    if MODE == "wrong-type":
        answer(request, {"status": "signed in, honestly"})
        time.sleep(3600)
    if MODE == "no-kind":
        say({"jsonrpc": "2.0", "id": request["id"], "error": {"code": -1, "message": "oops"}})
        time.sleep(3600)
    if MODE == "floods":
        while True:
            say({"jsonrpc": "2.0", "method": "log", "params": {"text": "x"}})
    if MODE == "long-line":
        sys.stdout.write("x" * (3 << 20))
        sys.stdout.flush()
        time.sleep(3600)
    if MODE == "closes-stdin":
        os.close(0)
        time.sleep(3600)
    if MODE == "leaks-before-much-else":
        sys.stderr.write("debug: my parameters were " + json.dumps(request["params"]) + "\n" + "noise\n" * 40000)
        sys.stderr.flush()
        answer(request, {})
    if MODE == "leaks-to-a-temporary-file":
        with open(os.path.join(os.environ["TMPDIR"], "request.json"), "w") as file:
            json.dump(request["params"], file)
        answer(request, {})
    if MODE == "leaks-outside":
        with open(sys.argv[2], "w") as file:
            json.dump(request["params"], file)
        answer(request, {})
    if MODE.startswith("freezes-the-harness"):
        marker = sys.argv[2]
        if MODE == "freezes-the-harness-always" or not os.path.exists(marker):
            open(marker, "w").close()
            os.kill(os.getppid(), signal.SIGSTOP)
            time.sleep(1)
            os.kill(os.getppid(), signal.SIGCONT)
        error = {"code": -32000, "message": "no answer", "data": {"kind": "network"}}
        say({"jsonrpc": "2.0", "id": request["id"], "error": error})
    if MODE == "hides-storage":
        error = {"code": -32000, "message": "no listing", "data": {"kind": "unsupported"}}
        say({"jsonrpc": "2.0", "id": request["id"], "error": error})
    if MODE == "busy-with-nothing":
        error = {"code": -32000, "message": "later", "data": {"kind": "busy"}}
        say({"jsonrpc": "2.0", "id": request["id"], "error": error})
    if MODE == "mumbles":
        say({"jsonrpc": "2.0", "method": "statusChanged", "params": {"status": "signed in, honestly"}})
        answer(request, {})
    if MODE == "leaks-in-a-preflight":
        url = START["endpoints"][0]["auth"] + "/v1/token?t=" + request["params"].get("token", "")
        headers = {"Origin": "http://app.localhost", "Access-Control-Request-Method": "POST"}
        urllib.request.urlopen(urllib.request.Request(url, None, headers, method="OPTIONS"), timeout=2).read()
        answer(request, {})
    if MODE == "plants":
        plant(request)
    if MODE == "daemon":
        os.spawnlp(os.P_NOWAIT, "setsid", "setsid", "sleep", sys.argv[2])
        answer(request, {})
    if MODE == "leaks":
        sys.stderr.write("debug: my parameters were " + json.dumps(request["params"]) + "\n")
        sys.stderr.flush()
        answer(request, {})


if MODE == "dies-at-start":
    sys.stderr.write("ModuleNotFoundError: no module named 'sdk'\n")
    sys.exit(1)

START = {}
for line in sys.stdin:
    request = json.loads(line)
    method = request.get("method")
    if method == "initialize":
        name = HOSTILE + "n" * 100000 if MODE == "plants" else "rogue"
        sdk = {"name": name, "version": MODE, "platform": "python"}
        answer(request, {"protocol": 1, "sdk": sdk, "capabilities": CAPABILITIES})
    elif method in ("start", "clock"):
        START = request["params"] if method == "start" else START
        answer(request, {})
    elif method == "stop" and MODE == "will-not-end":
        answer(request, {})
        time.sleep(3600)
    elif method == "stop":
        answer(request, {})
    elif method == "status" and MODE != "wrong-type":
        answer(request, {"status": []})
    elif method == "currentUserId":
        answer(request, {"userId": None})
    elif MODE == "will-not-end":
        answer(request, {})
    else:
        misbehave(request)
