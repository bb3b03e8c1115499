#!/usr/bin/env bash
# bench-score: scoring over HTTP by keys, with learn, beside what a user would
# write with FastAPI, Redis and XGBoost. Both sides in one run: the same week of
# transactions, the same load generator (an open loop at 2,000/s, then as fast as
# 16 connections go). Rows: MILLRACE_SHARED/data/fraud or ../shared/data/fraud
# where present, else `millrace sample fraud`. The last line is the JSON result.
set -euo pipefail
cd "$(dirname "$0")/.."
source bench/common.sh
SECONDS_EACH=${SECONDS_EACH:-10}
bench_workspace

bench_build bench_http_load
bench_venv score polars==2.1.0 fastapi==0.165.0 uvicorn==0.54.0 uvloop==0.23.0 httptools==0.9.0 redis==8.1.0 \
  hiredis==3.5.0 xgboost-cpu==3.2.0 numpy
bench_debian redis-server redis-tools liblzf1 libjemalloc2
redis=.bench/debian/usr/bin/redis-server

bench_app "$work"
# Sixteen connections overtake each other: what is a little late still counts.
sed -i 's/^  eventId: transaction_id.*/&\n  lateness: 1h/' "$work/app/fraud.yaml"
say "training and promoting a model"
port=$(bench_port)
start_millrace "$work" "$port"
package=$(ls -d "$work"/state/packages/default/fraud/* | tail -n 1)

say "starting the peer"
redis_port=$(bench_port)
"$redis" --port "$redis_port" --bind 127.0.0.1 --save '' --appendonly no --daemonize no > "$work/redis.log" 2>&1 &
pids+=($!)
wait_for "Redis" bash -c "exec 3<>/dev/tcp/127.0.0.1/$redis_port"
first_time=$(.bench/score/bin/python bench/score_prepare.py "$work/app/data" "$work" "$redis_port")
peer_port=$(bench_port)
(cd bench && REDIS_PORT=$redis_port MODEL=$(ls "$package"/model.* | head -n 1) OMP_NUM_THREADS=1 \
  exec ../.bench/score/bin/python -m uvicorn score_peer:app --port "$peer_port" --workers 2 --log-level warning) \
  > "$work/peer.log" 2>&1 &
pids+=($!)
wait_for "the peer" bash -c "exec 3<>/dev/tcp/127.0.0.1/$peer_port"

# load SIDE RATE: prints the generator's JSON. No id and no time is used twice.
next=0
load() {
  local target=(--port "$peer_port" --path /score --bodies "$work/peer.jsonl")
  [ "$1" = millrace ] && target=(--port "$port" --path /v2/models/fraud/infer --bodies "$work/millrace.jsonl"
    --header "Authorization: Bearer $(cat "$work/state/token")")
  build/release/bench_http_load "${target[@]}" --rate "$2" --seconds "$SECONDS_EACH" --connections 16 \
    --first-id $((100000000000 + next)) --first-time $((first_time + next * 100000))
  next=$((next + 1000000))
}
say "warming up"
SECONDS_EACH=2 load millrace 1000 > /dev/null
SECONDS_EACH=2 load peer 200 > /dev/null
say "open loop at 2,000/s"
load millrace 2000 > "$work/millrace.open"
load peer 2000 > "$work/peer.open"
say "saturation"
load millrace 0 > "$work/millrace.full"
load peer 0 > "$work/peer.full"

.bench/score/bin/python - "$work" "$(build/release/millrace version)" <<'PYTHON'
import importlib.metadata as metadata
import json
import sys

work, version = sys.argv[1], sys.argv[2]
read = lambda name: json.load(open(f"{work}/{name}"))
ours, theirs = read("millrace.full"), read("peer.full")
ours_open, theirs_open = read("millrace.open"), read("peer.open")
ratio = ours["rate"] / theirs["rate"]
met = ratio >= 10 and ours_open["p99_us"] < 1000 and ours["errors"] + ours_open["errors"] == 0
print(json.dumps({
    "benchmark": "score", "what": "HTTP keep-alive, by keys, with learn: throughput at saturation, 16 connections",
    "unit": "requests/s", "millrace": ours["rate"], "peers": {"FastAPI + Redis + XGBoost": theirs["rate"]},
    "ratio": round(ratio, 2), "goal": "ratio >= 10 and p99 < 1 ms in an open loop at 2,000/s", "met": met,
    "open_loop_2000": {"millrace": ours_open, "peer": theirs_open},
    "saturation": {"millrace": ours, "peer": theirs},
    "versions": {"millrace": version, **{p: metadata.version(p) for p in
                 ("fastapi", "uvicorn", "redis", "hiredis", "xgboost-cpu")}}}))
PYTHON
