#!/usr/bin/env bash
# with-daemon.sh [VCOPS]: asks every operation of the OpenAPI document, well and badly, of a daemon with a small city.
# schemathesis comes from PyPI into target/; without a network this ends with a message, and it is part of `make soak` alone.
# Three people with all rights between them ask in turn, because the administrators are kept apart.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."
target=${CARGO_TARGET_DIR:-target}
vcops=${1:-$target/debug/vcops}
tools=$target/schemathesis
examples=${VCOPS_EXAMPLES:-25}

if ! "$tools/bin/st" --version >/dev/null 2>&1; then
  python3 -m venv "$tools"
  "$tools/bin/pip" install --quiet --require-virtualenv "schemathesis==4.32.5"
fi

home=$(mktemp -d)
cat >"$home/vcops.toml" <<END
data_dir = "$home/data"
[web]
listen = "127.0.0.1:0"
[socket]
path = "$home/vcops.sock"
[broker.embedded]
listen = "127.0.0.1:0"
[enrolment]
listen = "127.0.0.1:0"
[accounts]
proof_minutes = 0
idle_minutes = 1440
END
"$vcops" serve --config "$home/vcops.toml" >"$home/log" 2>&1 &
daemon=$!
finish() {
  kill -TERM "$daemon" 2>/dev/null || true
  wait "$daemon" 2>/dev/null || true
  rm -rf "$home"
}
trap finish EXIT
export VCOPS_SOCKET=$home/vcops.sock
for _ in $(seq 240); do
  [ -S "$VCOPS_SOCKET" ] && "$vcops" incidents list >/dev/null 2>&1 && break
  kill -0 "$daemon" || { cat "$home/log" >&2; exit 1; }
  sleep 0.5
done
url=$(grep -o 'http://127\.0\.0\.1:[0-9]*' "$home/log" | head -n 1)
[ -n "$url" ] || { cat "$home/log" >&2; echo "with-daemon: the log names no page" >&2; exit 1; }
"$vcops" apply config/city.example.toml >/dev/null

password='Zq7-mielun-Po'
failed=0
for role in technician manager system_admin security_admin auditor; do
  printf '%s' "$password" | "$vcops" user add --name "$role" --role "$role" "api.$role" >/dev/null
  cookie=$(curl -sS -o /dev/null -D - -H 'content-type: application/json' \
    -d "{\"user\": \"api.$role\", \"password\": \"$password\"}" "$url/api/v1/session" |
    tr -d '\r' | sed -n 's/^set-cookie: \([^;]*\).*/\1/ip')
  [ -n "$cookie" ] || { echo "with-daemon: api.$role cannot sign in" >&2; exit 1; }
  echo "== $role"
  # What ends the asker's own session, and sockets, are tested elsewhere.
  "$tools/bin/st" --config-file "$here/schemathesis.toml" run "$url/api/v1/openapi.json" --url "$url" \
    -H "Cookie: $cookie" --checks all --mode all --max-examples "$examples" --seed 7 --workers 2 \
    --exclude-operation-id session_close --exclude-operation-id session_change_password \
    --exclude-path-regex '/(live|media)$' --exclude-path '/metrics' || failed=1
done
exit "$failed"
