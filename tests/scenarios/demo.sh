#!/usr/bin/env bash
# `make demo`, as a newcomer sees it: the whole sample, to the table at the end.
set -euo pipefail
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
MILLRACE=$1 DEMO_DIR=$work/demo XDG_STATE_HOME=$work/state scripts/demo.sh > "$work/table"
cat "$work/table"
for line in 'transactions  *500,000 to a promoted model' 'version  *fraud 1, served as fraud' 'vectors compared  *[1-9]' \
  'vectors different  *0$' 'scores different  *0$' 'latency (HTTP)  *p50'; do
  grep -q "$line" "$work/table" || { echo "FAILED: the demo's table has no line '$line'"; exit 1; }
done
