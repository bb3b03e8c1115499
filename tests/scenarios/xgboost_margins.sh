#!/usr/bin/env bash
# XGBoost judges the tree engine: random models, every bit of every margin.
set -euo pipefail
cd "$(dirname "$0")/../.."
exec tests/peers/xgboost_margins.sh "$(dirname "$1")" 100
