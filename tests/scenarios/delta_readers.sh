#!/usr/bin/env bash
# deltalake, polars and duckdb read every version of a Delta table that Millrace wrote, unaided.
set -euo pipefail
cd "$(dirname "$0")/../.."
build=$(dirname "$1")
if [ ! -x "$build/table_test" ]; then
  echo "there is no $build/table_test, which writes the table: build the target table_test first"
  exit 77
fi
exec tests/peers/delta_read.sh "$build"
