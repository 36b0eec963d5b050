#!/usr/bin/env bash
# wall.sh SMALL LARGE LARGEST: the browser test of the wall. They are addresses with a one-time ?login=… of made-up
# walls with 13, with 100 and with 3,000 streams. Needs Node 20 and the system's Chromium.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/ready.sh"
exec node "$here/wall.mjs" "$1" "$2" "$3" "${CARGO_TARGET_DIR:-$here/../../target}/screens"
