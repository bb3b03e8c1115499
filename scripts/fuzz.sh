#!/usr/bin/env bash
# Builds fuzz targets and runs each for SECONDS_EACH (default 5), from the seeds
# in tests/fuzz/corpus/NAME and what earlier runs found. A crash, a leak, a hang
# of 10 s or 2 GiB of memory fails, and leaves its input in build/fuzz/. The
# inputs are drawn from SEED (default 1), so that a check of a change tries what
# the last one tried; SEED=0 draws others.
#
#   scripts/fuzz.sh [NAME...]      # all targets, or these: push resource_yaml
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${SECONDS_EACH:-5}
seed=${SEED:-1}
cmake --preset fuzz > /dev/null
names=("${@/%/_fuzz}")
if [ $# -eq 0 ]; then
  mapfile -t names < <(basename -s .cc tests/fuzz/*_fuzz.cc)
fi
ninja -C build/fuzz "${names[@]}"
failed=0 count=0
for name in "${names[@]}"; do
  corpus=build/fuzz/corpus/$name
  mkdir -p "$corpus"
  seeds=()
  [ -d "tests/fuzz/corpus/${name%_fuzz}" ] && seeds=("tests/fuzz/corpus/${name%_fuzz}")
  log=build/fuzz/$name.log
  if "build/fuzz/$name" -seed="$seed" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=16384 \
       -artifact_prefix="build/fuzz/$name-" "$corpus" "${seeds[@]}" > "$log" 2>&1; then
    printf 'fuzz: %-28s %s\n' "$name" "$(grep -E '^Done' "$log" | tail -n 1)" >&2
  else
    printf 'fuzz: %-28s FAILED, see %s\n' "$name" "$log" >&2
    tail -n 25 "$log" >&2
    failed=$((failed + 1))
  fi
  count=$((count + 1))
done
echo "fuzz: $count targets, $failed failed"
[ "$failed" -eq 0 ]
