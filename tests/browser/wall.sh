#!/usr/bin/env bash
# wall.sh SMALL LARGE: the browser test of the wall. Both are addresses with a one-time ?login=… of made-up walls with
# 13 and with 100 streams. Needs Node 20 and the system's Chromium; installs playwright-core when it is missing.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
if [ ! -d "$here/node_modules/playwright-core" ]; then
  export NODE_EXTRA_CA_CERTS=${NODE_EXTRA_CA_CERTS:-/etc/ssl/certs/ca-certificates.crt}
  (cd "$here" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error)
fi
exec node "$here/wall.mjs" "$1" "$2" "${CARGO_TARGET_DIR:-$here/../../target}/screens"
