#!/bin/sh
# The gate that every CI system calls; it needs a POSIX shell only. docs/ci.md explains it.
#
#   vouch-gate.sh install     make `vouch` available, from the cache or by building it
#   vouch-gate.sh shard I/N   run one shard; its record goes to $VOUCH_OUT
#   vouch-gate.sh merge       join the records in $VOUCH_OUT; reports, certificate, verdict
#   vouch-gate.sh all         all of it on this machine, in $VOUCH_SHARDS shards (default 1)
#
# Settings, all in the environment:
#   VOUCH_TARGET        the target file, which describes your build; empty: the built-in parts
#   VOUCH_ARGS          further arguments of `vouch run`, the same for all shards, separated by blanks
#   VOUCH_OUT           the folder of records and reports (default vouch-results)
#   VOUCH_KEY           the private key as text; with it, a run that conforms gets a certificate
#   VOUCH_CERTIFY_ARGS  further arguments of `vouch certify`, for example --allow-warnings
#   VOUCH               the program to use, in place of building one
#   VOUCH_SOURCE        the source of Vouch (default: the repository that this script is in)
#   VOUCH_CACHE         where built programs are kept (default ~/.cache/vouch)
#
# Exit codes of `merge` and `all`: 0 conforms (a filtered run: its cases passed), 1 does not, or the certificate is refused,
# 2 wrong usage or records that are not of one run, 3 harness or environment failed, 4 inconclusive, 130 interrupted.
# `shard` exits with 0 also where cases failed: the verdict follows from all shards.
set -eu

# Only `vouch certify` gets the key: no build, no adapter and no build under test finds it in its environment.
key=${VOUCH_KEY:-}
unset VOUCH_KEY

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
out=${VOUCH_OUT:-vouch-results}
source=${VOUCH_SOURCE:-$here/../..}
cache=${VOUCH_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/vouch}

fail() {
    echo "vouch-gate: $1" >&2
    exit 2
}

# Equal for equal sources: a program in the cache is used as long as nothing of it changed.
source_digest() {
    cd "$source"
    # shellcheck disable=SC2086 # the list is one of words
    find Cargo.toml Cargo.lock build.rs src crates scenarios -type f | LC_ALL=C sort | xargs cat | cksum | tr -s ' ' '-'
}

program() {
    if [ -n "${VOUCH:-}" ]; then
        echo "$VOUCH"
    else
        echo "$cache/$(source_digest)/bin/vouch"
    fi
}

install() {
    vouch=$(program)
    if [ ! -x "$vouch" ]; then
        [ -z "${VOUCH:-}" ] || fail "VOUCH is $VOUCH, which is no program"
        command -v cargo >/dev/null || fail "building Vouch needs cargo (https://rustup.rs); or set VOUCH to a program"
        echo "vouch-gate: building Vouch, which takes some minutes" >&2
        root=${vouch%/bin/vouch}
        # Not --profile dist: it takes three times as long, for a gate that tests nothing faster.
        cargo install --quiet --locked --path "$source" --root "$root" --target-dir "$cache/target"
        rm -rf "$cache/target"
    fi
    "$vouch" --version >&2
}

shard() {
    vouch=$(program)
    mkdir -p "$out"
    code=0
    # shellcheck disable=SC2086 # VOUCH_ARGS is a list of words
    "$vouch" run --ci ${VOUCH_TARGET:+--target "$VOUCH_TARGET"} ${VOUCH_ARGS:-} \
        --shard "$1" --record "$out/shard-${1%/*}.vouch" || code=$?
    case $code in
    0) ;;
    1 | 4) echo "vouch-gate: shard $1 ended with code $code; the merged record has the verdict" >&2 ;;
    *) exit $code ;;
    esac
}

merge() {
    vouch=$(program)
    set -- "$out"/shard-*.vouch
    [ -e "$1" ] || fail "there is no record $out/shard-*.vouch; run \`vouch-gate.sh shard 1/N\` first"
    # What an earlier run left is not reported again.
    rm -f "$out/run.vouch" "$out/certificate.json"
    code=0
    "$vouch" merge "$@" --record "$out/run.vouch" --report "junit=$out/junit.xml" --report "html=$out/report.html" \
        --report "github-summary=$out/summary.md" --report "gitlab-code-quality=$out/code-quality.json" || code=$?
    if [ -e "$out/run.vouch" ] && [ -n "${GITHUB_STEP_SUMMARY:-}" ]; then
        cat "$out/summary.md" >>"$GITHUB_STEP_SUMMARY"
        "$vouch" report "$out/run.vouch" --report github-annotations=-
    fi
    if [ $code = 0 ] && [ -n "$key" ]; then
        # shellcheck disable=SC2086 # VOUCH_CERTIFY_ARGS is a list of words
        printf '%s\n' "$key" |
            "$vouch" certify "$out/run.vouch" --key - -o "$out/certificate.json" ${VOUCH_CERTIFY_ARGS:-} || code=$?
    fi
    return $code
}

all() {
    install
    rm -f "$out"/shard-*.vouch
    number=1
    while [ "$number" -le "${VOUCH_SHARDS:-1}" ]; do
        shard "$number/${VOUCH_SHARDS:-1}"
        number=$((number + 1))
    done
    merge
}

case ${1:-} in
install | merge | all)
    [ $# = 1 ] || fail "$1 takes no argument"
    "$1"
    ;;
shard)
    case ${2:-} in
    *[0-9]/[0-9]*) shard "$2" ;;
    *) fail "write \`shard I/N\`, for example \`shard 1/4\`" ;;
    esac
    ;;
path) program ;;
*) fail "write install, shard I/N, merge or all; the head of $0 explains them" ;;
esac
