#!/bin/bash
# Makes .bench/inference-peers, the virtual environment of the peers that judge
# inference, unless it is there; prints its path. Exits 77 (skipped) with a
# sentence when that cannot be made.
set -euo pipefail
cd "$(dirname "$0")/../.."
environment=.bench/inference-peers
requirements=tests/peers/inference_requirements.txt
if ! cmp -s "$requirements" "$environment/installed"; then
  echo "peers: installing XGBoost and tritonclient into $environment" >&2
  python3 -m venv --clear "$environment" || { echo "peers: skipped, python3 -m venv does not work here" >&2; exit 77; }
  "$environment/bin/pip" install --quiet --disable-pip-version-check --no-deps --only-binary=:all: \
    --require-hashes -r "$requirements" >&2 || { echo "peers: skipped, the peers cannot be installed" >&2; exit 77; }
  cp "$requirements" "$environment/installed"
fi
echo "$environment"
