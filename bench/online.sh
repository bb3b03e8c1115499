#!/usr/bin/env bash
# bench-online: one event in, its 15 features out, in process, with the state of all
# rows. The last line is the JSON result; BENCH_ROUNDS (3) rounds, the best counts.
set -euo pipefail
cd "$(dirname "$0")/.."
source bench/common.sh
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

bench_build bench_online
rows=$(bench_fraud_rows "$work/data")
for round in $(seq "${BENCH_ROUNDS:-3}"); do
  say "round $round"
  build/release/bench_online "$rows" >> "$work/rounds"
done
python3 - "$work/rounds" "$(build/release/millrace version | head -1)" <<'PYTHON'
import json, sys
rounds = [json.loads(line) for line in open(sys.argv[1])]
best = min(rounds, key=lambda r: r["p99_micros"])
best["versions"] = {"millrace": sys.argv[2]}
best["rounds"] = [{k: r[k] for k in ("millrace", "p50_micros", "p99_micros", "p999_micros")} for r in rounds]
print(json.dumps(best))
PYTHON
