#!/usr/bin/env bash
# Six weeks of transactions: the features by every path against each other and
# against an oracle that shares no code (`make verify-features` takes all rows).
set -euo pipefail
cd "$(dirname "$0")/../.."
BUILD=$(dirname "$1") FROM=2018-04-01 TO=2018-05-16 exec scripts/verify-features.sh
