#!/usr/bin/env bash
# Formats the C++ files; with --check only says which are not formatted.
set -euo pipefail
cd "$(dirname "$0")/.."
mapfile -t files < <(git ls-files -co --exclude-standard -- '*.cc' '*.h' ':!third_party')
case ${1:-} in
  --check) clang-format-19 --dry-run --Werror "${files[@]}" && echo "format: ${#files[@]} files" ;;
  *) clang-format-19 -i "${files[@]}" ;;
esac
