#!/usr/bin/env bash
# Compares the latencies that load generators report for a server that does not respond for 2 s in a run of 10 s. At a constant
# rate a fifth of all arrivals fall into the stall and wait up to 2 s, so the correct p99 is about 1.9 s and the maximum 2 s.
# Needs wrk, oha and hey in PATH; goose is built.
set -u
cd "$(dirname "$0")/.."
port=9471 url=http://127.0.0.1:9471/v1/token
work=$(mktemp -d)
server=
trap '[ -n "$server" ] && kill "$server" 2>/dev/null; rm -rf "$work"' EXIT
[ -n "${PEERS_BUILT:-}" ] || cargo build --quiet --profile fast --bin vouch --example peer-server --example peer-goose || exit 1
sed "s/9470/$port/" benches/peer.toml > "$work/peer.toml"
printf 'grant_type=refresh_token&refresh_token=x' > "$work/body"
printf 'wrk.method = "POST"\nwrk.body = "grant_type=refresh_token&refresh_token=x"\n' > "$work/post.lua"
# Each tool gets a new server, because the stall is timed from the first request.
serve() {
    [ -n "$server" ] && kill "$server" 2>/dev/null
    sleep 0.3
    taskset -c 0 target/fast/examples/peer-server $port --stall 4000 2000 &
    server=$!
    sleep 0.3
}
client() { taskset -c 1 "$@"; }
serve
client target/fast/vouch load --target "$work/peer.toml" -w refresh -a 1000/s -d 10s --installations 8000 --users 1 --threads 1 -c 64 --timeout 5s --progress off --json "$work/v.json" > /dev/null
python3 -c "
import json
l = json.load(open('$work/v.json'))['all']['latency']
print('vouch  p50 %.1f ms  p99 %.0f ms  max %.0f ms' % (l['p50.0' if 'p50.0' in l else 'p50']/1e6, l['p99']/1e6, l['max']/1e6))"
serve
client wrk -t1 -c64 -d10s --latency -s "$work/post.lua" $url | awk '/50%|99%|Latency  /{print "wrk   ", $0}'
serve
client oha --no-tui --output-format json -z 10s -q 1000 -c 64 -m POST -D "$work/body" $url | python3 -c "
import json, sys
r = json.load(sys.stdin); l = r['latencyPercentiles']
print('oha    p50 %.1f ms  p99 %.1f ms  max %.0f ms (-q 1000)' % (l['p50']*1e3, l['p99']*1e3, r['summary']['slowest']*1e3))"
serve
client oha --no-tui --output-format json -z 10s -q 1000 --latency-correction -c 64 -m POST -D "$work/body" $url | python3 -c "
import json, sys
r = json.load(sys.stdin); l = r['latencyPercentiles']
print('oha    p50 %.1f ms  p99 %.1f ms  max %.0f ms (-q 1000 --latency-correction)' % (l['p50']*1e3, l['p99']*1e3, r['summary']['slowest']*1e3))"
serve
GOMAXPROCS=1 client hey -z 10s -q 16 -c 64 -m POST -D "$work/body" $url | awk '/Slowest|50%|99%/{print "hey   ", $0}'
serve
client target/fast/examples/peer-goose http://127.0.0.1:$port 64 10 "$work/body" 1000 2> /dev/null | awk '/p99/{print "goose ", $0, "(--throttle-requests 1000)"}'
