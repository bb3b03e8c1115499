#!/usr/bin/env bash
# bench-operator: `millrace operator` on a real API server with 2,000 finished TrainingJobs and 200 ModelEndpoints:
# memory and processor at rest, and how long after a change of a resource its condition tells of it. The last line is
# the JSON result. Needs what scripts/test_cluster.sh needs; says so where that is missing.
set -euo pipefail
cd "$(dirname "$0")/.."
source bench/common.sh
cluster=${MILLRACE_SHARED:-$PWD/../shared}/cluster
[ -x "$cluster/up" ] || { say "skipped: there is no $cluster/up, which starts the cluster"; exit 0; }
[ "$(id -u)" = 0 ] || { say "skipped: the cluster's programs need root"; exit 0; }
binary=${MILLRACE_BENCH_BINARY:-}
[ -n "$binary" ] || { bench_build; binary=build/release/millrace; }
. "$cluster/lib.sh"
if [ -f "$run/apiserver.pid" ] && kill -0 "$(cat "$run/apiserver.pid")" 2> /dev/null; then
  say "a cluster is up already; it stays"
else
  trap '"$cluster/down"' EXIT
  "$cluster/up" > /dev/null
fi
python3 bench/operator_measure.py "$binary" "$kubeconfig"
