#!/bin/sh
# Compiles the helper for JUnit 5 and runs a class with JUnit's console: sh junit5/run.sh [CLASS] [OPTION …], by default
# example.ConformanceTest. It needs the variable JUNIT_JAR, the path of junit-platform-console-standalone-VERSION.jar; on Debian,
# `apt-get install junit5` brings it.
set -eu
cd "$(dirname "$0")/.."
jar=${JUNIT_JAR:-/usr/share/java/junit-platform-console-standalone.jar}
[ -f "$jar" ] || { echo "JUNIT_JAR: there is no file $jar" >&2; exit 2; }
[ -f build/kit.jar ] || sh build.sh
mkdir -p build/junit5
# The console carries annotations of a library that is not in it.
javac --release 17 -Xlint:all,-classfile -Werror -cp "build/kit.jar:$jar" -d build/junit5 \
    junit5/vouch/junit5/*.java junit5/example/*.java junit5/test/*.java
class=example.ConformanceTest
case ${1:-} in "" | -*) ;; *) class=$1 && shift ;; esac
exec java -jar "$jar" -cp "build/kit.jar:build/junit5" --select-class "$class" --disable-banner "$@"
