#!/bin/sh
# Starts a class of the kit: sh run.sh CLASS [ARGUMENT …]. More classes, of your SDK, in the variable VOUCH_CLASSPATH.
here=${0%/*}
[ "$here" = "$0" ] && here=$PWD
case $here in /*) ;; *) here=$PWD/$here ;; esac
if [ ! -f "$here/build/kit.jar" ]; then
    echo "$here/build/kit.jar is missing: run sh build.sh in $here" >&2
    exit 1
fi
# Without the archive the JVM must not be told of it: it would then use none at all.
archive=-Xshare:auto
[ -f "$here/build/kit.jsa" ] && archive=-XX:SharedArchiveFile=$here/build/kit.jsa
# - The JVM ignores TMPDIR.
# - Its own warnings go to standard output, where only messages may be, unless -Xlog moves them. Those about the archive say
#   only that the start is slower.
# - With -XX:-UsePerfData it writes nothing to /tmp.
exec java -Djava.io.tmpdir="${TMPDIR:-/tmp}" -Xlog:disable -Xlog:all=warning,cds*=off:stderr \
    -Xshare:auto "$archive" \
    -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -XX:-UsePerfData \
    -cp "$here/build/kit.jar${VOUCH_CLASSPATH:+:$VOUCH_CLASSPATH}" "$@"
