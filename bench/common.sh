# What the benchmark scripts share; sourced from the repository's root.
say() { printf '%s: %s\n' "$(basename "$0" .sh)" "$*" >&2; }

# bench_build TARGET...: the release build of benchmark programs.
bench_build() {
  say "building"
  ninja -C build/release millrace "$@" >&2
}

# bench_venv NAME REQUIREMENT...: a virtual environment of the benchmark's own, in .bench/NAME.
bench_venv() {
  local name=$1 stamp
  shift
  stamp=.bench/$name/.requirements
  [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$*" ] && return 0
  say "installing the peers: $*"
  rm -rf ".bench/$name"
  python3 -m venv ".bench/$name"
  ".bench/$name/bin/pip" install --quiet --disable-pip-version-check --only-binary=:all: "$@" >&2
  echo "$*" > "$stamp"
}

# bench_debian PACKAGE...: unpacks Debian packages to .bench/debian, installing and
# starting nothing; their libraries are found from there.
bench_debian() {
  local package
  mkdir -p .bench/debian
  for package in "$@"; do
    [ -f ".bench/debian/.$package" ] && continue
    (cd .bench/debian && apt-get download -qq "$package" >&2 && dpkg -x "$package"_*.deb . && touch ".$package")
  done
  export LD_LIBRARY_PATH=$PWD/.bench/debian/usr/lib/x86_64-linux-gnu
}

# The folder with the real transactions, or nothing.
bench_real_rows() {
  local shared=${MILLRACE_SHARED:-../shared}
  [ -d "$shared/data/fraud" ] && realpath "$shared/data/fraud"
  return 0
}

# bench_fraud_rows DIR: prints the folder of the real transactions, or makes a sample in DIR and prints that.
bench_fraud_rows() {
  local rows
  rows=$(bench_real_rows)
  if [ -z "$rows" ]; then
    say "the real transactions are not here (MILLRACE_SHARED); using the sample"
    build/release/millrace sample fraud "$1" >&2
    rows=$(realpath "$1")
  fi
  echo "$rows"
}

# bench_app DIR: DIR/app is the fraud example with rows.
bench_app() {
  mkdir -p "$1/app"
  cp examples/fraud/*.yaml "$1/app/"
  local rows
  rows=$(bench_fraud_rows "$1/data")
  ln -s "$rows" "$1/app/data"
}

# A free port of the loopback interface.
bench_port() {
  python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# bench_workspace: sets work, a folder, and pids, processes; both go when the script ends.
bench_workspace() {
  work=$(mktemp -d)
  pids=()
  trap bench_finish EXIT
}
bench_finish() {
  local pid
  for pid in "${pids[@]}"; do kill "$pid" 2> /dev/null || true; done
  for pid in "${pids[@]}"; do wait "$pid" 2> /dev/null || true; done
  rm -rf "$work"
}

# wait_for WHAT COMMAND...: until the command succeeds, 60 s at most.
wait_for() {
  local what=$1 deadline=$((SECONDS + 60))
  shift
  until "$@" 2> /dev/null; do
    [ $SECONDS -lt $deadline ] || { say "$what did not start within 60 s"; exit 1; }
    sleep 0.1
  done
}

# start_millrace DIR PORT: `millrace up` on DIR/app, until its endpoint is ready; the pid is added to pids.
start_millrace() {
  build/release/millrace up "$1/app" --data-dir "$1/state" --listen "127.0.0.1:$2" > "$1/up.log" 2>&1 &
  pids+=($!)
  wait_for "millrace" test -f "$1/state/token"
  build/release/millrace wait modelendpoint/fraud --for condition=Ready --timeout 5m \
    --server "http://127.0.0.1:$2" --data-dir "$1/state" >&2
}
