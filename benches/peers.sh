#!/usr/bin/env bash
# Compares load generators in interleaved runs: the server on one core, the client on another, the same POST of about
# 1 KB over 64 connections: HTTP/1.1, HTTP/1.1 over TLS, HTTP/2 over TLS. Writes benches/PEERS.md.
#
#   benches/peers.sh [ROUNDS] [SECONDS]
#
# Needs wrk, hey, ab, h2load, oha and locust in PATH (apt-get install wrk hey apache2-utils nghttp2-client; cargo install oha;
# pip install locust). Missing tools are skipped and named in the result. Nothing else should run at the same time.
set -u
cd "$(dirname "$0")/.."
rounds=${1:-12} seconds=${2:-2} port=9470 connections=64
work=$(mktemp -d)
server=
trap '[ -n "$server" ] && kill "$server" 2>/dev/null; rm -rf "$work"' EXIT

[ -n "${PEERS_BUILT:-}" ] || cargo build --quiet --profile fast --bin vouch --example peer-server --example peer-floor --example peer-goose --example peer-reqwest || exit 1

token=$(printf 'eyJabcdefghij%.0s' $(seq 68))
printf 'grant_type=urn%%3Aietf%%3Aparams%%3Aoauth%%3Agrant-type%%3Atoken-exchange&subject_token_type=urn%%3Ajunction%%3Asign-in-token&subject_token=%s' "$token" > "$work/body"
cat > "$work/post.lua" <<LUA
wrk.method = "POST"
wrk.headers["content-type"] = "application/x-www-form-urlencoded"
wrk.body = io.open("$work/body"):read("a")
LUA
form=application/x-www-form-urlencoded
# What is compared: the protocol, the URL and the target file. HTTP/2 shares a connection among 32 requests, as vouch does.
setting() {
    protocol=$1 scheme=https ca=(--ca "$work/certificate.pem") tls=(--tls "$work/certificate.pem")
    [ "$protocol" = http1 ] && scheme=http ca=() tls=()
    url=$scheme://127.0.0.1:$port/v1/token
    sed "s#http://#$scheme://#" benches/peer.toml > "$work/peer.toml"
    [ -n "$server" ] && kill "$server" && wait "$server" 2> /dev/null
    taskset -c 0 target/fast/examples/peer-server $port "${tls[@]}" &
    server=$!
    sleep 0.5
}
# Runs a client on its core and writes the CPU time that it took.
client() {
    local TIMEFORMAT='%U %S'
    { time taskset -c 1 "$@" 2> "$work/errors"; } 2> "$work/time"
}
vouch() {
    local http=http1
    [ "$protocol" = http2-tls ] && http=http2
    client target/fast/vouch load --target "$work/peer.toml" -w exchange -a max --reuse-tokens --tokens 1000 --users 1 --no-record \
        --protocol $http "${ca[@]}" -c $connections --threads 1 -d ${seconds}s --progress off --json "$work/vouch.json" "$@" > "$work/vouch.out"
    python3 -c "import json; print(round(json.load(open('$work/vouch.json'))['all']['rate']))"
}

# Each function prints responses per second.
run_vouch() { vouch; }
run_unchecked() { vouch --unchecked; }
run_floor-epoll() { client target/fast/examples/peer-floor epoll 127.0.0.1:$port $connections "$seconds" "$work/body"; }
run_floor-io_uring() { client target/fast/examples/peer-floor io-uring 127.0.0.1:$port $connections "$seconds" "$work/body"; }
run_wrk() { client wrk -t1 -c$connections -d${seconds}s -s "$work/post.lua" $url | awk '/Requests\/sec/ {printf "%d\n", $2}'; }
run_oha() {
    local over=(-c $connections)
    [ "$protocol" = http2-tls ] && over=(--http2 -c 2 -p 32)
    client oha --no-tui --insecure --output-format json -z ${seconds}s "${over[@]}" -m POST -T $form -D "$work/body" $url | python3 -c "import json,sys; print(round(json.load(sys.stdin)['summary']['requestsPerSec']))"
}
run_hey() { GOMAXPROCS=1 client hey -z ${seconds}s -c $connections -m POST -T $form -D "$work/body" $url | awk '/Requests\/sec/ {printf "%d\n", $2}'; }
run_ab() { client ab -q -k -t "$seconds" -n 100000000 -c $connections -T $form -p "$work/body" $url | awk '/Requests per second/ {printf "%d\n", $4}'; }
run_h2load() {
    local over=(--h1 -c$connections)
    [ "$protocol" = http2-tls ] && over=(-c2 -m32)
    client h2load "${over[@]}" -t1 -D "$seconds" -d "$work/body" -H "content-type: $form" $url | awk '/^finished in/ {printf "%d\n", $4}'
}
run_goose() { client target/fast/examples/peer-goose http://127.0.0.1:$port $connections "$seconds" "$work/body" | tail -1; }
run_reqwest() { client target/fast/examples/peer-reqwest $url $connections "$seconds" "$work/body"; }
run_locust() {
    PEER_BODY="$work/body" client locust -f benches/peer_locust.py --headless -u $connections -r $connections -t ${seconds}s --host http://127.0.0.1:$port \
        --json --loglevel ERROR | python3 -c "import json,sys; s=json.load(sys.stdin)[0]; print(round(s['num_requests']/max(s['last_request_timestamp']-s['start_time'],1)))"
}

# The tools that are compared in each setting.
declare -A compared=(
    [http1]="unchecked floor-epoll floor-io_uring wrk oha hey ab h2load locust goose reqwest"
    [http1-tls]="wrk oha ab h2load"
    [http2-tls]="oha h2load"
)
declare -A titles=([http1]="HTTP/1.1" [http1-tls]="HTTP/1.1 over TLS" [http2-tls]="HTTP/2 over TLS, 2 connections of 32 requests")
missing=()
for tool in wrk oha hey ab h2load locust; do command -v $tool > /dev/null || missing+=($tool); done
peers() {
    for tool in ${compared[$1]}; do
        [[ " ${missing[*]-} " == *" $tool "* ]] || echo "$tool"
    done
}
# The speed of a machine varies over time. Therefore each run of a tool is paired with a run of vouch, alternately before and
# after it, and the ratio is the median of these pairs.
turn() {
    local rate cpu
    rate=$(run_"$1")
    # A tool may count other seconds than ours: the CPU time is divided by the responses that its own rate means.
    cpu=$(awk -v r="${rate:-0}" -v s="$seconds" '{if (r > 0) printf "%.2f", ($1 + $2) * 1e6 / (r * s)}' "$work/time")
    echo "$protocol $round $2 $1 ${rate:-0} ${cpu:-0}" | tee -a "$work/rates"
}
for each in http1 http1-tls http2-tls; do
    setting "$each"
    for ((round = 1; round <= rounds; round++)); do
        for peer in $(peers "$each"); do
            pair=(vouch "$peer")
            ((round % 2)) || pair=("$peer" vouch)
            for tool in "${pair[@]}"; do turn "$tool" "$peer"; done
        done
    done
done

version() {
    case $1 in
        vouch | unchecked) target/fast/vouch --version | awk '{print $2}' ;;
        wrk) wrk -v 2>&1 | awk 'NR==1 {print $2}' ;;
        oha) oha --version | awk '{print $2}' ;;
        hey) dpkg-query -W -f '${Version}' hey 2> /dev/null || echo - ;;
        ab) ab -V | awk 'NR==1 {print $5}' ;;
        h2load) h2load --version | awk '{print $2}' ;;
        locust) locust --version | awk '{print $2}' ;;
        goose | reqwest) cargo tree --depth 1 -p vouch 2>/dev/null | awk -v n="$1" '$2 == n {print $3; exit}' ;;
        *) echo "-" ;;
    esac
}
# The median, the lowest and the highest of some numbers.
middle() {
    sort -n | awk -v f="$1" '{a[NR] = $1} END {if (NR) printf f " | " f " | " f, a[int((NR + 1) / 2)], a[1], a[NR]; else printf "- | - | -"}'
}
# The median of some ratios and its 95 % interval: between the order statistics that a sign test leaves, so that no distribution is
# assumed. Fewer than six ratios have none.
interval() {
    python3 -c '
import math, statistics, sys
ratios = sorted(map(float, sys.stdin))
count, cut = len(ratios), 0
while count and 2 * sum(math.comb(count, k) for k in range(cut + 1)) / 2**count <= 0.05:
    cut += 1
if not ratios:
    print("- | -")
else:
    low, high = (f"{ratios[cut - 1]:.2f}", f"{ratios[count - cut]:.2f}") if cut else ("-", "-")
    print(f"{statistics.median(ratios):.2f} × | {low} to {high}")'
}
{
    echo "# Comparison of load generators"
    echo
    echo "Written by \`benches/peers.sh $rounds $seconds\` on $(date -u +%Y-%m-%d). $(grep -m1 'model name' /proc/cpuinfo | cut -d: -f2 | xargs), $(nproc) cores, Linux $(uname -r)."
    echo
    echo "Server (\`benches/peer_server\`) on core 0, client on core 1, $connections concurrent requests, POST of $(wc -c < "$work/body") bytes, responses of about 850 bytes. There are $rounds rounds of $seconds s per tool. Each run of a tool is paired with a run of vouch, alternately before and after it. A request of vouch has \`accept-encoding: identity\` too (27 bytes), which wrk, ab and h2load do not send. The rates are responses per second; the ratio is the median over the pairs, with its 95 % interval. CPU is what the client took for a response, in microseconds, user and system time together: where the server is the limit, it tells the clients apart and the rate does not."
    echo
    echo "vouch parses and checks every response (JSON, both tokens, lifetime, rotation, user and issuer in the access token, no duplicate token) and records full histograms; wrk, ab, hey, h2load and oha check the status at most. \`unchecked\` is vouch that does the same (\`--unchecked\`). \`floor\` is no tool: it sends the same bytes and counts those that come back (\`benches/peer_floor.rs\`), which is the most that this kernel allows a client on one core."
    for each in http1 http1-tls http2-tls; do
        echo
        echo "## ${titles[$each]}"
        echo
        echo "| tool | version | median rate | lowest | highest | CPU, µs | vouch / tool | 95 % interval |"
        echo "|---|---|---|---|---|---|---|---|"
        for tool in vouch $(peers "$each"); do
            of() { awk -v p="$each" -v t="$tool" -v c="$1" '$1 == p && $4 == t {print $c}' "$work/rates"; }
            ratio=$(awk -v p="$each" -v t="$tool" '$1 == p && $3 == t {r[$2, $4] = $5} END {for (n = 1; n <= '"$rounds"'; n++) if (t != "vouch" && r[n, t] > 0) print r[n, "vouch"] / r[n, t]}' "$work/rates" | interval)
            echo "| $tool | $(version "$tool") | $(of 5 | middle %d) | $(of 6 | middle %.2f | cut -d' ' -f1) | $ratio |"
        done
    done
    if ((${#missing[@]})); then echo; echo "Not installed: ${missing[*]}."; fi
} > benches/PEERS.md
cat benches/PEERS.md
