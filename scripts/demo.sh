#!/usr/bin/env bash
# The demo: card fraud, from raw transactions to served scores, ending by itself
# with a table. `scripts/demo.sh [DIR]`: DIR holds Parquet files with the columns
# of the sample; without it a sample is made. Everything lies below .demo/, or in
# the folder that DEMO_DIR names.
#
#   1. millrace up --once           reads, computes, trains, judges, promotes
#   2. millrace up --as-of …        starts again with the state of before the test week
#   3. millrace replay fraud        the test week, one transaction at a time, over HTTP
set -euo pipefail
cd "$(dirname "$0")/.."
binary=${MILLRACE:-build/release/millrace}
data=${1:-}
work=${DEMO_DIR:-.demo}
server=
started=$SECONDS

finish() {
  if [ -n "$server" ]; then
    kill "$server" 2> /dev/null || true
    wait "$server" 2> /dev/null || true
  fi
}
trap finish EXIT
trap 'exit 130' INT TERM

say() { printf '\n== %s\n' "$1" >&2; }
# json EXPRESSION: of the JSON on standard input, as `j`.
json() { python3 -c 'import json, sys
j = json.load(sys.stdin)
print(eval(sys.argv[1]))' "$1"; }
free_port() { python3 -c 'import socket
s = socket.socket()
s.bind(("127.0.0.1", 0))
print(s.getsockname()[1])'; }

[ -x "$binary" ] || { echo "demo: $binary is not built: run 'make build' first" >&2; exit 1; }
rm -rf "$work"
mkdir -p "$work"
cp examples/fraud/fraud.yaml "$work/"
if [ -n "$data" ]; then
  [ -d "$data" ] || { echo "demo: there is no folder $data" >&2; exit 1; }
  ln -s "$(realpath "$data")" "$work/data"
  say "The transactions of $data"
else
  say "A sample of card transactions"
  "$binary" sample fraud "$work/data"
fi

port=$(free_port)
export MILLRACE_SERVER="http://127.0.0.1:$port" MILLRACE_DATA_DIR="$work/.millrace"
say "From transactions to a promoted model (examples/fraud/fraud.yaml)"
began=$(date +%s%N)
"$binary" up "$work" --listen "127.0.0.1:$port" --once
up_ms=$((($(date +%s%N) - began) / 1000000))

say "The same platform as it was before the test week"
"$binary" up "$work" --listen "127.0.0.1:$port" --as-of fraud@champion 2> "$work/up.log" &
server=$!
if ! "$binary" wait modelendpoint/fraud --quiet --timeout 2m > /dev/null; then
  tail -n 20 "$work/up.log" >&2
  exit 1
fi

say "The test week, one transaction at a time over HTTP; every feature compared bit by bit"
"$binary" replay fraud -o json > "$work/replay.json" || replay=$?
rss_kb=$(awk '/^VmRSS/ {print $2}' "/proc/$server/status")
rows=$("$binary" get datasource transactions -o json | json 'j["status"]["rows"]')
# The newest version's run says how long training took.
provenance=$(ls -d "$work"/.millrace/packages/default/fraud/*/ | sort -V | tail -n 1)provenance.json
ROWS=$rows UP_MS=$up_ms RSS_KB=$rss_kb SECONDS_ALL=$((SECONDS - started)) \
  python3 scripts/demo_table.py "$work/replay.json" "$provenance"
exit "${replay:-0}"
