#!/usr/bin/env bash
# Installs what building Millrace needs and is missing: Debian packages
# (scripts/packages.txt) and pinned native libraries (scripts/native.lock,
# unpacked to .deps/). Re-runnable; does nothing when nothing is missing.
set -euo pipefail
cd "$(dirname "$0")/.."
deps=$PWD/.deps
stamp=$deps/.stamp
want=$(cat scripts/packages.txt scripts/native.lock scripts/setup.sh | sha256sum | cut -d' ' -f1)
[ -f "$stamp" ] && [ "$(cat "$stamp")" = "$want" ] && exit 0

say() { printf 'setup: %s\n' "$*" >&2; }

install_packages() {
  local needed=() optional=() package kind
  while read -r package kind; do
    [[ $package == \#* || -z $package ]] && continue
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' && continue
    if [ "$kind" = optional ]; then optional+=("$package"); else needed+=("$package"); fi
  done < scripts/packages.txt
  command -v npm > /dev/null || needed+=(npm)
  local missing=("${needed[@]}" "${optional[@]}")
  [ ${#missing[@]} -eq 0 ] && return 0
  if [ "$(id -u)" -ne 0 ]; then
    if [ ${#needed[@]} -eq 0 ]; then
      say "building without ${optional[*]}, which would make it faster; as root: apt-get install ${optional[*]}"
      return 0
    fi
    say "packages are missing, and installing them needs root: run 'sudo apt-get update && sudo apt-get install -y --no-install-recommends ${missing[*]}' and try again"
    exit 1
  fi
  say "installing ${#missing[@]} packages: ${missing[*]}"
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" > /dev/null
}

# fetch REGISTRY PACKAGE VERSION DIRECTORY: leaves exactly one archive in DIRECTORY.
fetch() {
  case $1 in
    pip) python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: \
           --python-version 3.11 --implementation cp --platform manylinux_2_28_x86_64 -d "$4" "$2==$3" ;;
    npm) (cd "$4" && npm pack --silent "$2@$3" > /dev/null) ;;
    *) say "scripts/native.lock names the registry '$1'; pip and npm are known"; exit 1 ;;
  esac
}

install_library() {
  local registry=$1 package=$2 version=$3 sha256=$4
  local name=${package##*/} into
  into=$deps/$name-$version
  [ -f "$into/.sha256" ] && [ "$(cat "$into/.sha256")" = "$sha256" ] && return 0
  say "fetching $package $version"
  local scratch archive
  scratch=$(mktemp -d)
  fetch "$registry" "$package" "$version" "$scratch"
  archive=$(find "$scratch" -type f)
  if ! echo "$sha256  $archive" | sha256sum --check --status; then
    say "$package $version has another SHA-256 than scripts/native.lock says; nothing was installed"
    exit 1
  fi
  rm -rf "$into" && mkdir -p "$into"
  case $archive in
    *.whl) unzip -q "$archive" -d "$into" ;;
    *.tgz) tar -xzf "$archive" -C "$into" ;;
  esac
  rm -rf "$scratch"
  echo "$sha256" > "$into/.sha256"
}

# Stable names for CMake: .deps/lib and .deps/include.
link_libraries() {
  mkdir -p "$deps/lib" "$deps/include"
  local arrow=$deps/pyarrow-26.0.1/pyarrow xgboost=$deps/xgboost-cpu-3.2.0
  ln -sfn "$arrow/include/arrow" "$deps/include/arrow"
  ln -sfn "$arrow/include/parquet" "$deps/include/parquet"
  ln -sf "$arrow/libarrow.so.2600" "$arrow/libparquet.so.2600" "$deps/lib/"
  ln -sf "$deps/node-bindings-linux-x64-1.5.5-r.5/package/libduckdb.so" "$deps/lib/"
  ln -sf "$xgboost/xgboost/lib/libxgboost.so" "$deps/lib/"
  ln -sf "$xgboost"/xgboost_cpu.libs/libgomp-*.so* "$deps/lib/"
}

install_packages
mkdir -p "$deps"
while read -r registry package version sha256; do
  [[ $registry == \#* || -z $registry ]] && continue
  install_library "$registry" "$package" "$version" "$sha256"
done < scripts/native.lock
link_libraries
echo "$want" > "$stamp"
say "ready"
