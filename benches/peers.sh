#!/usr/bin/env bash
# Compares load generators in interleaved runs: the server on one core, the client on another, the same POST of about
# 1 KB over 64 connections. Writes benches/PEERS.md.
#
#   benches/peers.sh [ROUNDS] [SECONDS]
#
# Needs wrk, hey, ab, h2load, oha and locust in PATH (apt-get install wrk hey apache2-utils nghttp2-client; cargo install oha;
# pip install locust). Missing tools are skipped and named in the result. Nothing else should run at the same time.
set -u
cd "$(dirname "$0")/.."
rounds=${1:-12} seconds=${2:-2} port=9470 connections=64
url=http://127.0.0.1:$port/v1/token
work=$(mktemp -d)
server=
trap '[ -n "$server" ] && kill "$server" 2>/dev/null; rm -rf "$work"' EXIT

[ -n "${PEERS_BUILT:-}" ] || cargo build --quiet --profile fast --bin vouch --example peer-server --example peer-goose --example peer-reqwest || exit 1
taskset -c 0 target/fast/examples/peer-server $port &
server=$!
sleep 0.5

token=$(printf 'eyJabcdefghij%.0s' $(seq 68))
printf 'grant_type=urn%%3Aietf%%3Aparams%%3Aoauth%%3Agrant-type%%3Atoken-exchange&subject_token_type=urn%%3Ajunction%%3Asign-in-token&subject_token=%s' "$token" > "$work/body"
cat > "$work/post.lua" <<LUA
wrk.method = "POST"
wrk.headers["content-type"] = "application/x-www-form-urlencoded"
wrk.body = io.open("$work/body"):read("a")
LUA
form=application/x-www-form-urlencoded
client() { taskset -c 1 "$@"; }

# Each function prints responses per second.
run_vouch() {
    client target/fast/vouch load --target benches/peer.toml -w exchange -a max --reuse-tokens --tokens 1000 --users 1 \
        -c $connections --threads 1 -d ${seconds}s --progress off --json "$work/vouch.json" > "$work/vouch.out"
    python3 -c "import json; print(round(json.load(open('$work/vouch.json'))['all']['rate']))"
}
run_wrk() { client wrk -t1 -c$connections -d${seconds}s -s "$work/post.lua" $url | awk '/Requests\/sec/ {printf "%d\n", $2}'; }
run_oha() { client oha --no-tui --output-format json -z ${seconds}s -c $connections -m POST -T $form -D "$work/body" $url | python3 -c "import json,sys; print(round(json.load(sys.stdin)['summary']['requestsPerSec']))"; }
run_hey() { GOMAXPROCS=1 client hey -z ${seconds}s -c $connections -m POST -T $form -D "$work/body" $url | awk '/Requests\/sec/ {printf "%d\n", $2}'; }
run_ab() { client ab -q -k -t "$seconds" -n 100000000 -c $connections -T $form -p "$work/body" $url 2>/dev/null | awk '/Requests per second/ {printf "%d\n", $4}'; }
run_h2load() { client h2load --h1 -t1 -c$connections -D "$seconds" -d "$work/body" -H "content-type: $form" $url | awk '/^finished in/ {printf "%d\n", $4}'; }
run_goose() { client target/fast/examples/peer-goose http://127.0.0.1:$port $connections "$seconds" "$work/body" 2>/dev/null | tail -1; }
run_reqwest() { client target/fast/examples/peer-reqwest $url $connections "$seconds" "$work/body"; }
run_locust() {
    PEER_BODY="$work/body" client locust -f benches/peer_locust.py --headless -u $connections -r $connections -t ${seconds}s --host http://127.0.0.1:$port \
        --json --loglevel ERROR 2>/dev/null | python3 -c "import json,sys; s=json.load(sys.stdin)[0]; print(round(s['num_requests']/max(s['last_request_timestamp']-s['start_time'],1)))"
}

peers=() missing=()
for tool in wrk oha hey ab h2load locust; do
    if command -v $tool > /dev/null; then peers+=($tool); else missing+=($tool); fi
done
peers+=(goose reqwest)
# The speed of a machine varies over time. Therefore each run of a tool is paired with a run of vouch, alternately before and
# after it, and the ratio is the median of these pairs.
turn() {
    local rate
    rate=$(run_"$1")
    echo "$round $2 $1 ${rate:-0}" | tee -a "$work/rates"
}
for ((round = 1; round <= rounds; round++)); do
    for peer in "${peers[@]}"; do
        pair=(vouch "$peer")
        ((round % 2)) || pair=("$peer" vouch)
        for tool in "${pair[@]}"; do turn "$tool" "$peer"; done
    done
done

version() {
    case $1 in
        vouch) target/fast/vouch --version | awk '{print $2}' ;;
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
    echo "Server (\`benches/peer_server.rs\`) on core 0, client on core 1, $connections connections, POST of $(wc -c < "$work/body") bytes, responses of about 850 bytes. There are $rounds rounds of $seconds s per tool. Each run of a tool is paired with a run of vouch, alternately before and after it. The rates are responses per second; the ratio is the median over the pairs, with its 95 % interval."
    echo "vouch parses and checks every response (JSON, both tokens, lifetime, rotation, user and issuer in the access token, no duplicate token) and records full histograms; wrk, ab, hey, h2load and oha check the status at most."
    echo
    echo "| tool | version | median rate | lowest | highest | vouch / tool | 95 % interval |"
    echo "|---|---|---|---|---|---|---|"
    for tool in vouch "${peers[@]}"; do
        spread=$(awk -v t="$tool" '$3 == t {print $4}' "$work/rates" | middle %d)
        ratio=$(awk -v t="$tool" '$2 == t {r[$1, $3] = $4} END {for (n = 1; n <= '"$rounds"'; n++) if (r[n, t] > 0) print r[n, "vouch"] / r[n, t]}' "$work/rates" | interval)
        echo "| $tool | $(version "$tool") | $spread | $ratio |"
    done
    if ((${#missing[@]})); then echo; echo "Not installed: ${missing[*]}."; fi
} > benches/PEERS.md
cat benches/PEERS.md
