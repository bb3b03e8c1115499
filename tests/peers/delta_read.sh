#!/bin/bash
# Other readers judge a Delta table that Millrace wrote: deltalake, polars and
# duckdb read it unaided, each version of it.
#
#   tests/peers/delta_read.sh [BUILD_DIR]      # default build/debug, where table_test is
#
# Makes its own virtual environment in .bench/delta-peers the first time. Exits
# 77 (skipped) with a sentence when that cannot be made.
set -euo pipefail
cd "$(dirname "$0")/../.."
build=${1:-build/debug}
environment=.bench/delta-peers
requirements=tests/peers/delta_requirements.txt
stamp="$environment/installed"

if ! cmp -s "$requirements" "$stamp"; then
  echo "delta_read: installing the readers into $environment" >&2
  python3 -m venv --clear "$environment" || { echo "delta_read: skipped, python3 -m venv does not work here" >&2; exit 77; }
  "$environment/bin/pip" install --quiet --disable-pip-version-check --no-deps --only-binary=:all: \
    --require-hashes -r "$requirements" || { echo "delta_read: skipped, the readers cannot be installed" >&2; exit 77; }
  cp "$requirements" "$stamp"
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
MILLRACE_PEER_TABLE="$work/table" "$build/table_test" --gtest_brief=1 \
  --gtest_filter=Delta.WritesTheTableForOtherReadersWhereAsked >&2
"$environment/bin/python" tests/peers/delta_read.py "$work/table"
