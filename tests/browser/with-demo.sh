#!/usr/bin/env bash
# with-demo.sh [PICTURES]: starts the demo, runs the browser test against its page, ends the demo.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."
said=$(mktemp)
cargo build --locked --quiet
target=${CARGO_TARGET_DIR:-target}
"$target/debug/vcops" demo --seed 3 >"$said" 2>&1 &
demo=$!
finish() {
  kill -TERM "$demo" 2>/dev/null || true
  wait "$demo" 2>/dev/null || true
  rm -f "$said"
}
trap finish EXIT
# The address stands last once the rehearsal is over: its one-time sign-in is spent by the test.
for _ in $(seq 240); do
  if grep -q VCOPS_SOCKET= "$said"; then break; fi
  kill -0 "$demo" || { cat "$said" >&2; exit 1; }
  sleep 0.5
done
url=$(grep -o 'http://[^ ]*' "$said" | tail -n 1)
[ -n "$url" ] || { cat "$said" >&2; exit 1; }
"$here/run.sh" "$url" "${1:-target/screens}"
