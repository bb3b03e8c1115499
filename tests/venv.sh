#!/usr/bin/env bash
# A virtual environment for programs that judge Millrace.
#
#   tests/venv.sh NAME REQUIREMENTS    # prints .bench/NAME, made from pinned requirements unless it is there
#
# Exits 77 (skipped) with a sentence when it cannot be made.
set -euo pipefail
cd "$(dirname "$0")/.."
environment=.bench/$1 requirements=$2
if ! cmp -s "$requirements" "$environment/installed"; then
  echo "venv: installing what $requirements names into $environment" >&2
  rm -rf "$environment"
  python3 -m venv "$environment" || { echo "$1: skipped, python3 -m venv does not work here" >&2; exit 77; }
  "$environment/bin/pip" install --quiet --disable-pip-version-check --no-deps --only-binary=:all: --require-hashes \
    -r "$requirements" >&2 || { echo "$1: skipped, what $requirements names cannot be installed" >&2; exit 77; }
  cp "$requirements" "$environment/installed"
fi
echo "$environment"
