#!/usr/bin/env bash
# Other readers judge a Delta table that Millrace wrote: deltalake, polars and
# duckdb read it unaided, each version of it.
#
#   tests/peers/delta_read.sh [BUILD_DIR]      # default build/debug, where table_test is
set -euo pipefail
cd "$(dirname "$0")/../.."
build=${1:-build/debug}
environment=$(tests/venv.sh delta-peers tests/peers/delta_requirements.txt)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
MILLRACE_PEER_TABLE="$work/table" "$build/table_test" --gtest_brief=1 \
  --gtest_filter=Delta.WritesTheTableForOtherReadersWhereAsked >&2
"$environment/bin/python" tests/peers/delta_read.py "$work/table"
