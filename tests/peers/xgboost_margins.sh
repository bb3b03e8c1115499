#!/usr/bin/env bash
# Judges the tree engine by XGBoost itself: random models, every bit of every margin.
#
#   tests/peers/xgboost_margins.sh [BUILD_DIR [CASES]]   # default build/debug, where inference_test is; 200
set -euo pipefail
cd "$(dirname "$0")/../.."
build=${1:-build/debug}
cases=${2:-200}
environment=$(tests/venv.sh inference-peers tests/peers/inference_requirements.txt)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
"$environment/bin/python" tests/peers/xgboost_margins.py "$scratch" --cases "$cases"
MILLRACE_XGBOOST_CASES=$scratch "$build/inference_test" --gtest_filter='XgboostMargins.*' --gtest_brief=1
