#!/bin/sh
# Installs the server (the first time) and starts it: `PORT=8787 ./start.sh`.
set -eu
cd "$(dirname "$0")"
[ -d node_modules/oidc-provider ] || npm ci --no-audit --no-fund --loglevel=error
exec node server.js
