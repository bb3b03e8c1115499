#!/usr/bin/env bash
# bench-tree: one row and 4,096 rows of two models, beside XGBoost, ONNX Runtime,
# tl2cgen and lleaves. What is measured and how: bench/tree.py.
set -euo pipefail
cd "$(dirname "$0")/.."
. bench/common.sh
bench_build bench_tree
bench_venv tree xgboost-cpu==3.2.0 numpy==2.4.6 scipy==1.17.1 onnx==1.23.2 onnxruntime==1.32.0 \
  tl2cgen==1.0.0 treelite==4.8.1 lleaves==1.3.0 llvmlite==0.44.0 duckdb==1.5.5
rows=$(bench_real_rows)
[ -n "$rows" ] || say "the real transactions are not here (MILLRACE_SHARED); the fraud model is trained on made-up rows"
.bench/tree/bin/python bench/tree.py build/release/bench_tree "$rows"
