#!/usr/bin/env bash
# bench-features: Parquet files to the 12 window features of all transactions:
# Millrace, Polars, DuckDB and pandas, each run in a process of its own, in turns.
# The last line is the JSON result; BENCH_ROUNDS (3) rounds, pandas in one of them.
set -euo pipefail
cd "$(dirname "$0")/.."
source bench/common.sh
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

bench_build bench_features
bench_venv features polars==2.1.0 duckdb==2.0.1 pandas==3.1.1 pyarrow==26.0.1
rows=$(bench_fraud_rows "$work/data")
python=.bench/features/bin/python
for round in $(seq "${BENCH_ROUNDS:-3}"); do
  say "round $round"
  build/release/bench_features "$rows" >> "$work/millrace"
  for peer in polars duckdb; do "$python" bench/features_peers.py "$peer" "$rows" >> "$work/$peer"; done
done
say "pandas, once: vectorised windows, then group by group as the published notebook does (a minute or two)"
for peer in pandas pandas_by_group; do "$python" bench/features_peers.py "$peer" "$rows" >> "$work/$peer"; done
"$python" bench/features_report.py "$work" "$(build/release/millrace version | head -1)"
