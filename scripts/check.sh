#!/usr/bin/env bash
# Unit tests of the modules that differ from main's last commit (or from BASE).
set -euo pipefail
cd "$(dirname "$0")/.."
base=${BASE:-HEAD}
mapfile -t modules < <({ git diff --name-only "$base"; git ls-files -o --exclude-standard; } \
  | sed -nE 's|^src/([a-z]+)/.*|\1|p' | sort -u)
if [ ${#modules[@]} -eq 0 ]; then
  echo "check: nothing below src/ differs from $base"
  exit 0
fi
cmake --preset debug > /dev/null
targets=()
for module in "${modules[@]}"; do
  compgen -G "src/$module/**/*_test.cc" > /dev/null || compgen -G "src/$module/*_test.cc" > /dev/null || continue
  targets+=("$module")
done
[ ${#targets[@]} -gt 0 ] || { echo "check: no unit tests in ${modules[*]}"; exit 0; }
ninja -C build/debug "${targets[@]/%/_test}"
ctest --test-dir build/debug --output-on-failure -R "^($(IFS='|'; echo "${targets[*]}"))\$"
