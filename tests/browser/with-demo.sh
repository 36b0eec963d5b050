#!/usr/bin/env bash
# with-demo.sh [PICTURES]: starts the demo, runs the browser tests against its page, ends the demo. First the rehearsal's,
# then each kind of person's, then, once the meeting has begun, faults that are typed in and must show on the page.
# With VCOPS_OLD_BROWSER=1 in Chromium 90 as well, which npm brings.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."
said=$(mktemp)
typed=$(mktemp -u)
mkfifo -m 600 "$typed"
pictures=${1:-target/screens}
. "$here/ready.sh"
cargo build --locked --quiet
target=${CARGO_TARGET_DIR:-target}
# The demo reads what is typed; the pipe stays open until the end.
exec 7<>"$typed"
"$target/debug/vcops" demo --seed 3 <"$typed" >"$said" 2>&1 &
demo=$!
finish() {
  kill -TERM "$demo" 2>/dev/null || true
  wait "$demo" 2>/dev/null || true
  rm -f "$said" "$typed" "$pictures/session.json"
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
"$here/run.sh" "$url" "$pictures"
socket=$(grep -o 'VCOPS_SOCKET=[^ ]*' "$said" | tail -n 1 | cut -d= -f2)
node "$here/people.mjs" "${url%%\?*}" "$socket" "$pictures"
if [ -n "${VCOPS_OLD_BROWSER:-}" ]; then
  (cd "$here/old" && npm ci --ignore-scripts --legacy-peer-deps --no-audit --no-fund --loglevel=error)
  login=$(VCOPS_SOCKET=$socket "$target/debug/vcops" user link demo | grep -o '?login=.*')
  node "$here/old/run.mjs" "${url%%\?*}$login" "$pictures"
fi
for _ in $(seq 240); do
  if grep -q 'freeze .* / mute' "$said"; then break; fi
  kill -0 "$demo" || { cat "$said" >&2; exit 1; }
  sleep 0.5
done
node "$here/faults.mjs" "${url%%\?*}" "$pictures" "$said" "$typed"
