#!/usr/bin/env bash
# Feeds every parser of foreign bytes with bytes that nobody thought of, for so many seconds each; a finding ends it.
#
#   scripts/fuzz.sh SECONDS [TARGET…]
#
# The corpus of each target stays in fuzz/corpus. The fuzzer wants flags that the stable compiler hides; it is told
# to show them, so that no second toolchain is needed. Prints one line a target: executions, coverage, findings.
set -euo pipefail
cd "$(dirname "$0")/.."

fuzz_version=0.13.2
seconds=${1:?usage: $0 SECONDS [TARGET…]}
shift
PATH="${CARGO_TARGET_DIR:-target}/tools/bin:$PATH"
target_dir="${CARGO_TARGET_DIR:-$PWD/target}/fuzz"
export RUSTC_BOOTSTRAP=1

if ! command -v cargo-fuzz >/dev/null; then
  echo "fuzz: building cargo-fuzz $fuzz_version (once)"
  tools="${CARGO_TARGET_DIR:-target}/tools"
  env -u RUSTC_BOOTSTRAP cargo install --quiet --locked --root "$tools" --target-dir "$tools/build" "cargo-fuzz@$fuzz_version"
  rm -rf "${tools:?}/build"
fi

[ "$#" -gt 0 ] || mapfile -t all < <(sed -n 's/^name = "\([a-z0-9_]*\)"$/\1/p' fuzz/Cargo.toml)
[ "$#" -gt 0 ] || set -- "${all[@]}"

# Address sanitising watches C code, of which no parser here has any; panics and assertions are found without it.
flags=(--sanitizer none --target-dir "$target_dir")
cargo fuzz build "${flags[@]}" >"$target_dir.log" 2>&1 || { tail -n 30 "$target_dir.log" >&2; exit 1; }
failed=0
for target in "$@"; do
  log=$(mktemp)
  status=0
  cargo fuzz run "${flags[@]}" "$target" -- "-max_total_time=$seconds" -timeout=10 -rss_limit_mb=4096 -print_final_stats=1 \
    >"$log" 2>&1 || status=$?
  runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log" | tail -n 1)
  coverage=$(grep -oE 'cov: [0-9]+' "$log" | tail -n 1 || true)
  if [ "$status" = 0 ]; then
    echo "fuzz: $target: ${runs:-0} inputs in $seconds s, ${coverage:-no coverage}, no finding"
  else
    failed=1
    echo "fuzz: $target: FINDING after ${runs:-?} inputs (exit $status)"
    tail -n 40 "$log"
  fi
  rm -f "$log"
done
exit "$failed"
