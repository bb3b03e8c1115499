#!/usr/bin/env bash
# An unmodified tritonclient judges the Open Inference Protocol.
#
#   tests/peers/oip_client.sh [BUILD_DIR]           # default build/debug: a server of api_test's own
#   tests/peers/oip_client.sh URL MODEL [OPTIONS]   # a running one, such as `millrace up`
set -euo pipefail
cd "$(dirname "$0")/../.."
environment=$(tests/venv.sh inference-peers tests/peers/inference_requirements.txt)
if [[ ${1:-} == http://* ]]; then
  exec "$environment/bin/python" tests/peers/oip_client.py "$@"
fi
build=${1:-build/debug}
MILLRACE_OIP_CLIENT="$environment/bin/python tests/peers/oip_client.py" \
  "$build/api_test" --gtest_brief=1 --gtest_filter=OpenInference.ServesAnotherClientWhereAsked >&2
