#!/usr/bin/env bash
# run.sh URL [PICTURES]: the browser test of the page. URL is what the demo prints, with its one-time ?login=….
# Needs Node 20 and the system's Chromium; installs playwright-core from the lockfile when it is missing.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
[ $# -ge 1 ] || { echo "usage: run.sh URL [PICTURES]" >&2; exit 64; }
if [ ! -d "$here/node_modules/playwright-core" ]; then
  # Node brings its own list of authorities; what this machine trusts besides counts as well.
  export NODE_EXTRA_CA_CERTS=${NODE_EXTRA_CA_CERTS:-/etc/ssl/certs/ca-certificates.crt}
  (cd "$here" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error)
fi
pictures=${2:-$here/../../target/screens}
exec node "$here/run.mjs" "$1" "$pictures"
