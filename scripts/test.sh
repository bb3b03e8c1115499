#!/usr/bin/env bash
# Everything that must hold before a change lands, fastest first. Each step
# prints its own summary; the last line says how long it all took.
set -euo pipefail
cd "$(dirname "$0")/.."
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_stack_use_after_return=1}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1}
export TSAN_OPTIONS=${TSAN_OPTIONS:-suppressions=$PWD/tests/tsan.supp:halt_on_error=1}
step() { printf '\n== %s (%s s)\n' "$1" "$SECONDS"; }

step "lint"
tools/lint.py
scripts/format.sh --check

step "build, with AddressSanitizer and UndefinedBehaviorSanitizer"
cmake --preset debug > /dev/null
ninja -C build/debug

step "unit tests"
ctest --test-dir build/debug --output-on-failure --no-tests=error -j 2

step "scenarios"
scripts/scenarios.sh build/debug/millrace

step "concurrent parts, with ThreadSanitizer"
cmake --preset tsan > /dev/null
concurrent=(base security telemetry resource workload feature inference controller api)
ninja -C build/tsan "${concurrent[@]/%/_test}" table_test
ctest --test-dir build/tsan --output-on-failure --no-tests=error -j 2 \
  -R "^($(IFS='|'; echo "${concurrent[*]}"))\$"

# Of the tables all but their upkeep: Arrow, which is not built with ThreadSanitizer, reads checkpoints on threads
# of its own, and its locks are taken for wrong ones there.
build/tsan/table_test --gtest_brief=1 --gtest_filter='Delta.*'

step "fuzz targets"
scripts/fuzz.sh

step "the release build, which is what users run"
cmake --preset release > /dev/null
ninja -C build/release millrace
build/release/millrace version

step "all passed"
