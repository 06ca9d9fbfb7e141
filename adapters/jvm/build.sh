#!/bin/sh
# Compiles the kit into build/: the classes, a jar, and an archive of loaded classes that makes each start faster.
set -eu
cd "$(dirname "$0")"
rm -rf build
mkdir -p build/classes
find lib worked template test -name '*.java' >build/sources
javac -J-Xshare:auto -J-XX:TieredStopAtLevel=1 -J-XX:+UseSerialGC --release 17 -Xlint:all,-serial -Werror \
    -d build/classes @build/sources
jar --create --file build/kit.jar --no-compress -C build/classes .
sh run.sh -XX:ArchiveClassesAtExit=build/kit.jsa -Xlog:disable test.Training
