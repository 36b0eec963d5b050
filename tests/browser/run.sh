#!/usr/bin/env bash
# run.sh URL [PICTURES]: the browser test of the console. URL is what the demo prints, with its one-time ?login=….
# Needs Node 20 and the system's Chromium.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
[ $# -ge 1 ] || { echo "usage: run.sh URL [PICTURES]" >&2; exit 64; }
. "$here/ready.sh"
pictures=${2:-$here/../../target/screens}
exec node "$here/run.mjs" "$1" "$pictures"
