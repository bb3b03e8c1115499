#!/usr/bin/env bash
# usage: test_cluster.sh [--node] [BUILD] [gtest options...]
# Runs the tests that need a Kubernetes (tests/cluster/) against a real one on this
# machine: starts it if none is up, and ends what it started. --node starts a real
# node as well, for the tests that run pods. BUILD is the build folder, build/debug
# by default; where it has millrace, the scenarios run, too, unless gtest options are
# given. Exits 77 with a printed reason where this machine cannot run one.
set -euo pipefail
cd "$(dirname "$0")/.."
node=
[ "${1:-}" != --node ] || { node=--node; shift; }
build=${1:-build/debug}
[ $# -eq 0 ] || shift
cluster=${MILLRACE_SHARED:-$PWD/../shared}/cluster

skip() { echo "test-cluster: skipped: $1"; exit 77; }
[ -x "$cluster/up" ] || skip "there is no $cluster/up, which starts the cluster; MILLRACE_SHARED names the folder that has it"
[ "$(id -u)" = 0 ] || skip "the cluster's programs need root"
. "$cluster/lib.sh" # what the cluster's scripts share: its folders and ports
[ -x "$bin/kube" ] || command -v go > /dev/null || skip "the cluster's programs are not built, and there is no Go to build them"
program=$build/cluster_test
[ -x "$program" ] || { echo "test-cluster: $program is not built: ninja -C $build cluster_test" >&2; exit 1; }

running() { [ -f "$run/apiserver.pid" ] && kill -0 "$(cat "$run/apiserver.pid")" 2> /dev/null; }
if running; then
  echo "test-cluster: a cluster is up already; it stays, and is neither compacted nor started again"
else
  trap '"$cluster/down"' EXIT
  "$cluster/up" $node > /dev/null
  export MILLRACE_TEST_ETCD=http://127.0.0.1:$etcd_port
  export MILLRACE_TEST_RESTART_APISERVER="bash -c '. \"$cluster/lib.sh\"; stop apiserver; \"$cluster/up\" $node > /dev/null'"
fi
export MILLRACE_TEST_KUBECONFIG=$kubeconfig
if [ -S "$run/containerd.sock" ] && [ -f "$run/kubelet.pid" ]; then
  rootfs=$(mktemp -d)
  "$cluster/image" --collect "$rootfs" /bin/sh /bin/sleep > /dev/null
  mkdir -p "$rootfs/bin" && ln -s "$(readlink -f /bin/sh)" "$rootfs/bin/sh"
  "$cluster/image" localhost/millrace-talker:1 "$rootfs" /bin/sh > /dev/null
  rm -rf "$rootfs"
  export MILLRACE_TEST_LOG_IMAGE=localhost/millrace-talker:1
fi
"$program" "$@"
[ $# -eq 0 ] && [ -x "$build/millrace" ] || exit 0
for scenario in tests/cluster/*_scenario.py; do
  echo "test-cluster: $scenario"
  timeout 900 python3 "$scenario" "$build/millrace"
done
