#!/usr/bin/env bash
# Runs every scenario in tests/scenarios/ against the given binary. A scenario
# is a program that gets the binary's path, prints what it proves, and exits 0,
# or 77 with a printed reason when it cannot run here.
set -euo pipefail
cd "$(dirname "$0")/.."
binary=$(realpath "$1")
passed=0 skipped=0 failed=0
for scenario in tests/scenarios/*.sh tests/scenarios/*_scenario.py; do
  [ -f "$scenario" ] || continue
  name=$(basename "$scenario")
  log=$(mktemp)
  start=$SECONDS
  case $scenario in *.py) run=(python3 "$scenario") ;; *) run=(bash "$scenario") ;; esac
  code=0
  timeout 600 "${run[@]}" "$binary" > "$log" 2>&1 < /dev/null || code=$?
  case $code in
    0) passed=$((passed + 1)); printf 'scenario: %-32s passed (%s s)\n' "$name" $((SECONDS - start)) ;;
    77) skipped=$((skipped + 1)); printf 'scenario: %-32s skipped: %s\n' "$name" "$(tail -n 1 "$log")" ;;
    *) failed=$((failed + 1)); printf 'scenario: %-32s FAILED with %s\n' "$name" "$code"; tail -n 60 "$log" ;;
  esac
  rm -f "$log"
done
echo "scenarios: $passed passed, $skipped skipped, $failed failed"
[ "$failed" -eq 0 ]
