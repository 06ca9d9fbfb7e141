#!/bin/sh
# A session through the proxy of `vouch capture`, with the API key of the mock cloud's sandbox eu team.
set -e
API_KEY=$(awk '/environment = "sandbox"/ { sandbox = 1 } /^\[\[/ { sandbox = eu = 0 } /region = "eu"/ { eu = 1 }
  sandbox && eu && /^apiKey/ { gsub(/"/, "", $3); print $3 }' "$VOUCH_TARGET")
export API_KEY
exec python3 "$(dirname "$0")/../proxy/clients/sign_in.py" ada
