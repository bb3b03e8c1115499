#!/bin/bash
# Makes .bench/feature-oracle, the virtual environment of oracle.py and
# compare.py, unless it is there; prints its path. Exits 77 (skipped) with a
# sentence when that cannot be made.
set -euo pipefail
cd "$(dirname "$0")/../.."
environment=.bench/feature-oracle
requirements=tests/features/requirements.txt
if ! cmp -s "$requirements" "$environment/installed"; then
  echo "features: installing polars into $environment" >&2
  python3 -m venv --clear "$environment" || { echo "features: skipped, python3 -m venv does not work here" >&2; exit 77; }
  "$environment/bin/pip" install --quiet --disable-pip-version-check --no-deps --only-binary=:all: \
    --require-hashes -r "$requirements" >&2 || { echo "features: skipped, polars cannot be installed" >&2; exit 77; }
  cp "$requirements" "$environment/installed"
fi
echo "$environment"
