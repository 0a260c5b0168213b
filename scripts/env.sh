#!/usr/bin/env bash
# Prints what people who call go build, go test or go run themselves must export:
#
#   eval "$(scripts/env.sh)"
#
# The libraries must be there: make libs.
set -euo pipefail
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
cat <<EOF
export CGO_ENABLED=1
export CGO_CFLAGS="-I$root/csrc -O2 -g"
export CGO_LDFLAGS="-L$root/build/link -O2 -g"
EOF
