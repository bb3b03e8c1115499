#!/usr/bin/env bash
# Asks the code of Kubernetes itself what it makes of random worlds, and writes the
# cases that src/autoscale's tests are held to: its controller is a Go package, so
# its sources are built together with tests/peers/hpa_cases.go. Needs Go, the
# modules of Kubernetes (from the module proxy or its cache), and some minutes.
#
#   tests/peers/hpa_cases.sh          # writes src/autoscale/testdata/hpa_*_random.txt
set -euo pipefail
cd "$(dirname "$0")/../.."
shared=${MILLRACE_SHARED:-../shared}
if ! command -v go > /dev/null || [ ! -f "$shared/cluster/src/go.mod" ]; then
  echo "hpa_cases: skipped, there is no Go, or no $shared/cluster/src/go.mod that names the version" >&2
  exit 0
fi
root=$PWD work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
cp "$shared/cluster/src/go.mod" "$shared/cluster/src/go.sum" "$work"
mkdir "$work/podautoscaler"
module=$(cd "$work" && go list -mod=mod -m -f '{{.Dir}}' k8s.io/kubernetes)
cp "$module"/pkg/controller/podautoscaler/{horizontal,replica_calculator,rate_limiters}.go "$work/podautoscaler"
cp tests/peers/hpa_cases.go "$work/podautoscaler/hpa_cases_test.go"
(cd "$work" && EMIT_REPLICAS=$work/replicas.txt EMIT_RULES=$work/rules.txt \
  go test -mod=mod -vet=off ./podautoscaler -run TestEmit -count=1)
for name in replicas rules; do
  target=$root/src/autoscale/testdata/hpa_${name}_random.txt
  { grep '^#' "$target"; head -n 800 "$work/$name.txt"; } > "$work/new.txt"
  cp "$work/new.txt" "$target"
done
