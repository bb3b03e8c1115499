#!/usr/bin/env bash
# All features of the fraud example, by every path that the product has, against
# an oracle that shares no code with it (tests/features/oracle.py): every value,
# to the last bit. Rows: MILLRACE_SHARED/data/fraud or ../shared/data/fraud, or
# the folder in DATA; FROM and TO (dates) take a slice. BUILD names the build folder.
set -euo pipefail
cd "$(dirname "$0")/.."
build=${BUILD:-build/release}
data=${DATA:-${MILLRACE_SHARED:-../shared}/data/fraud}
if [ ! -d "$data" ]; then
  echo "verify: skipped, there are no transactions in $data (MILLRACE_SHARED says where they are)"
  exit 77
fi
environment=$(tests/venv.sh feature-oracle tests/features/requirements.txt)
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
ninja -C "$build" verify_features >&2
rows="$data/*.parquet"
if [ -n "${FROM:-}${TO:-}" ]; then

  "$environment/bin/python" - "$data" "$out/slice.parquet" "${FROM:-1970-01-01}" "${TO:-2970-01-01}" <<'PYTHON'
import datetime
import sys

import polars

data, out, begin, end = sys.argv[1:]
time = polars.col("tx_datetime")
rows = polars.read_parquet(f"{data}/*.parquet")
rows.filter((time >= datetime.datetime.fromisoformat(begin)) & (time < datetime.datetime.fromisoformat(end))).write_parquet(out)
PYTHON
  rows=$out/slice.parquet
fi
"$build/verify_features" examples/fraud/fraud.yaml "$rows" "$out"
if [ "$rows" = "$out/slice.parquet" ]; then
  mkdir "$out/rows" && mv "$out/slice.parquet" "$out/rows/"
  data=$out/rows
fi
"$environment/bin/python" tests/features/oracle.py --data "$data" --out "$out/oracle.parquet"
for view in customer-spending terminal-risk; do
  "$environment/bin/python" tests/features/compare.py "$out/oracle.parquet" "$out/$view.parquet"
done
