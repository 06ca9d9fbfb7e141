#!/bin/sh
# Installs the emulator (the first time) and starts it: `PORT=8787 ./start.sh`.
set -eu
cd "$(dirname "$0")"
[ -d node_modules/firebase-tools ] || npm ci --no-audit --no-fund --loglevel=error
exec node server.js
