#!/usr/bin/env bash
# Feeds every parser of foreign bytes with bytes that nobody thought of, for so many seconds each; a finding ends it.
#
#   scripts/fuzz.sh SECONDS [TARGET…]
#
# The corpus of each target stays in fuzz/corpus, and begins with what the tests have of its kind. The fuzzer wants flags that the stable compiler hides; it is told
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

# All of them at once, or one after another what was asked for.
builds=("$@")
if [ "$#" = 0 ]; then
  builds=("")
  mapfile -t all < <(sed -n 's/^name = "\([a-z0-9_]*\)"$/\1/p' fuzz/Cargo.toml)
  set -- "${all[@]}"
fi

# Address sanitising watches C code, of which no parser here has any; panics and assertions are found without it.
flags=(--sanitizer none --target-dir "$target_dir")
for target in "${builds[@]}"; do
  cargo fuzz build "${flags[@]}" ${target:+"$target"} >"$target_dir.log" 2>&1 || { tail -n 30 "$target_dir.log" >&2; exit 1; }
done

# Where the tests keep samples of what a target reads.
samples_of() {
  case "$1" in
    json_mapping) echo tests/data/mcu/mapping ;;
    prometheus_text) echo tests/data/mcu/prometheus ;;
    ng) echo tests/data/mcu/rtpengine ;;
    xml) echo tests/data/mcu/rmx ;;
    *) echo "tests/data/mcu/$1" ;;
  esac
}

failed=0
for target in "$@"; do
  log=$(mktemp)
  status=0
  mkdir -p "fuzz/corpus/$target"
  corpus=("fuzz/corpus/$target")
  [ ! -d "$(samples_of "$target")" ] || corpus+=("$(samples_of "$target")")
  cargo fuzz run "${flags[@]}" "$target" "${corpus[@]}" -- "-max_total_time=$seconds" -timeout=10 -rss_limit_mb=4096 \
    -max_len=32768 -print_final_stats=1 \
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
