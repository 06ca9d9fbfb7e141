"""A client that knows only the vendor's real host names: creates a user, signs it in, refreshes, reads it.

Standard library only; the proxy and the CA come from HTTPS_PROXY and SSL_CERT_FILE. API_KEY is a team's key.
"""

import base64
import json
import os
import sys
import urllib.error
import urllib.parse
import urllib.request

API = "https://api.sandbox.eu.junction.com"
AUTH = "https://auth.sandbox.eu.junction.com/v1/token"
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"


def call(url, method="POST", headers=(), body=b""):
    request = urllib.request.Request(url, data=body or None, method=method, headers=dict(headers))
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)


def main():
    key = {"x-vital-api-key": os.environ["API_KEY"], "content-type": "application/json"}
    user = call(f"{API}/v2/user", headers=key, body=json.dumps({"client_user_id": sys.argv[1]}).encode())
    issued = call(f"{API}/v2/user/{user['user_id']}/sign_in_token", headers=key)
    token = json.loads(base64.b64decode(issued["sign_in_token"]))["user_token"]

    def ask(**fields):
        form = {"content-type": "application/x-www-form-urlencoded"}
        return call(AUTH, headers=form, body=urllib.parse.urlencode(fields).encode())

    tokens = ask(grant_type=EXCHANGE, subject_token_type="urn:junction:sign-in-token", subject_token=token)
    tokens = ask(grant_type="refresh_token", refresh_token=tokens["refresh_token"])
    bearer = {"authorization": f"Bearer {tokens['access_token']}"}
    read = call(f"{API}/v2/user/{user['user_id']}", method="GET", headers=bearer)
    print(f"signed in as {read['client_user_id']}")


try:
    main()
except urllib.error.URLError as error:
    sys.exit(f"failed: {error}")
