#!/usr/bin/env bash
# An unmodified tritonclient speaks the Open Inference Protocol with us.
set -euo pipefail
cd "$(dirname "$0")/../.."
exec tests/peers/oip_client.sh "$(dirname "$1")"
