#!/bin/sh
# The tests of the kit. It is built first if it is not.
set -eu
cd "$(dirname "$0")"
[ -f build/kit.jar ] || sh build.sh
exec sh run.sh test.AllTests
