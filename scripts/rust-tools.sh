#!/usr/bin/env bash
# Makes sure that the Rust tools of `make test` are there; says what it adds.
#
# rustfmt and clippy come with the toolchain. cargo-deny is built once from the crate registry
# (about three minutes on two cores) into the target folder, where `cargo clean` removes it again.
set -euo pipefail
cd "$(dirname "$0")/.."

deny_version=0.20.2
tools="${CARGO_TARGET_DIR:-target}/tools"

if ! command -v cargo >/dev/null; then
  echo "rust-tools: no cargo on the PATH: install Rust $(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml) or newer first" >&2
  exit 1
fi

for component in rustfmt clippy; do
  if cargo "${component/rust/}" --version >/dev/null 2>&1; then
    continue
  elif command -v rustup >/dev/null; then
    echo "rust-tools: adding $component to the toolchain"
    rustup component add "$component"
  else
    echo "rust-tools: $component is missing and there is no rustup to add it: install the toolchain's $component" >&2
    exit 1
  fi
done

if ! command -v cargo-deny >/dev/null && [ ! -x "$tools/bin/cargo-deny" ]; then
  echo "rust-tools: building cargo-deny $deny_version into $tools (once)"
  cargo install --quiet --locked --root "$tools" --target-dir "$tools/build" "cargo-deny@$deny_version"
  rm -rf "${tools:?}/build"
fi
