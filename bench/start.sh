#!/usr/bin/env bash
# bench-start: the example is loaded and promoted; the platform is stopped and
# started again. How long until it is ready to score, and how much memory it
# holds at rest beside the online state itself. The last line is the JSON result.
set -euo pipefail
cd "$(dirname "$0")/.."
source bench/common.sh
bench_workspace

bench_build
bench_app "$work"
port=$(bench_port)
say "loading, training and promoting once"
start_millrace "$work" "$port"
kill "${pids[0]}"
wait "${pids[0]}" || true
pids=()
say "starting again, 5 times"
python3 bench/start_measure.py "$work" "$port" "$(build/release/millrace version)"
