#!/usr/bin/env bash
# wall.sh SMALL LARGE: the browser test of the wall. Both are addresses with a one-time ?login=… of made-up walls with
# 13 and with 100 streams. Needs Node 20 and the system's Chromium.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/ready.sh"
exec node "$here/wall.mjs" "$1" "$2" "${CARGO_TARGET_DIR:-$here/../../target}/screens"
