#!/usr/bin/env bash
# with-demo.sh [PICTURES]: starts the demo, runs the browser tests against its page, ends the demo. First the rehearsal's,
# then each kind of person's, the technician's day, then, once the meeting has begun, faults that are typed in and must
# show on the page, the operator's and the manager's day, and a line and a server that fail.
# Meanwhile Debian's Prometheus scrapes it, and at the end dashboards and rules are held to what was scraped.
# With VCOPS_OLD_BROWSER=1 in Chromium 90 as well, which npm brings. VCOPS_PROGRAM names a binary that was built before.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."
said=$(mktemp)
typed=$(mktemp -u)
scraping=$(mktemp -u)
mkfifo -m 600 "$typed" "$scraping"
pictures=${1:-target/screens}
. "$here/ready.sh"
vcops=${VCOPS_PROGRAM:-}
if [ -z "$vcops" ]; then
  cargo build --locked --quiet
  vcops=${CARGO_TARGET_DIR:-target}/debug/vcops
fi
# The demo reads what is typed; the pipe stays open until the end.
exec 7<>"$typed"
"$vcops" demo --seed 3 <"$typed" >"$said" 2>&1 &
demo=$!
finish() {
  kill -TERM "$demo" 2>/dev/null || true
  wait "$demo" 2>/dev/null || true
  rm -f "$said" "$typed" "$scraping" "$pictures/session.json"
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
# Prometheus is judged when this pipe is closed.
node "$here/dashboards.mjs" "${url%%\?*}" <"$scraping" &
dashboards=$!
exec 8>"$scraping"
"$here/run.sh" "$url" "$pictures"
socket=$(grep -o 'VCOPS_SOCKET=[^ ]*' "$said" | tail -n 1 | cut -d= -f2)
node "$here/people.mjs" "${url%%\?*}" "$socket" "$pictures"
node "$here/asked.mjs" "${url%%\?*}" "$socket" "$pictures"
node "$here/technician.mjs" "${url%%\?*}" "$socket" "$pictures"
if [ -n "${VCOPS_OLD_BROWSER:-}" ]; then
  (cd "$here/old" && npm ci --ignore-scripts --legacy-peer-deps --no-audit --no-fund --loglevel=error)
  login=$(VCOPS_SOCKET=$socket "$vcops" user link demo | grep -o '?login=.*')
  node "$here/old/run.mjs" "${url%%\?*}$login" "$pictures"
fi
for _ in $(seq 240); do
  if grep -q 'freeze .* / mute' "$said"; then break; fi
  kill -0 "$demo" || { cat "$said" >&2; exit 1; }
  sleep 0.5
done
node "$here/faults.mjs" "${url%%\?*}" "$pictures" "$said" "$typed"
node "$here/operator.mjs" "${url%%\?*}" "$socket" "$pictures" "$typed"
node "$here/review.mjs" "${url%%\?*}" "$socket" "$pictures"
node "$here/network.mjs" "$vcops" "$pictures"
exec 8>&-
wait "$dashboards"
