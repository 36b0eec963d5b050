#!/usr/bin/env bash
# Proves that a fresh Debian 12 with only Rust and Node is enough: builds one, clones this repository into it and
# runs make there, printing the time of each run.
#
#   scripts/fresh-root.sh [--keep] [--clone-from DIR] 'demo ARGS="--once --seed 1"' test
#
# Each argument is one call of make. Needs root, debootstrap (installed when missing) and the network for packages
# and crates; nothing of the host's caches is used. Everything is mounted in a mount namespace of its own, so that
# no mount is ever visible outside and deleting the root cannot reach through one; processes left over die with
# its process namespace. The network is the host's.
set -Eeuo pipefail
trap 'echo "fresh-root: line $LINENO failed: $BASH_COMMAND" >&2' ERR
cd "$(dirname "$0")/.."

suite=bookworm
here=$(pwd)
keep=no
clone_from=$here

say() { echo "fresh-root: $*"; }
fail() { echo "fresh-root: $*" >&2; exit 1; }

# The Debian mirror that the host itself uses.
mirror_of_host() {
  { grep -hsE '^deb ' /etc/apt/sources.list || true
    grep -hsE '^URIs:' /etc/apt/sources.list.d/*.sources || true; } |
    grep -oE 'https?://[^ ]+' | grep -E '/debian/?$' | head -n 1 || true
}

# Outside the namespaces: makes the folder, enters, cleans up.
outside() {
  [ "$(id -u)" = 0 ] || fail "needs root: debootstrap and chroot do"
  command -v debootstrap >/dev/null || { say "installing debootstrap"; apt-get -qq update; apt-get -qq -y install debootstrap >/dev/null; }
  local root
  root=$(mktemp -d "${TMPDIR:-/tmp}/fresh-root.XXXXXX")
  chmod 755 "$root" # apt downloads as a user of its own
  # shellcheck disable=SC2064  # the path is meant to be fixed now
  trap "cleanup '$root'" EXIT
  trap 'exit 130' INT TERM
  unshare --mount --pid --fork --kill-child --propagation private \
    "$here/scripts/fresh-root.sh" --inside "$root" --clone-from "$clone_from" "$@" || exit "$?"
}

cleanup() {
  if [ "$keep" = yes ]; then
    say "kept: $1"
  elif grep -q " $1" /proc/self/mountinfo; then
    say "something is mounted under $1: not deleting it"
  else
    rm -rf --one-file-system "$1"
  fi
}

# Inside the namespaces: fills the root and runs make in it.
inside() {
  local root=$1 started
  shift
  started=$SECONDS
  make_debian "$root"
  mount_devices "$root"
  trust_authorities_of_host "$root"
  add_toolchains "$root"
  git -c safe.directory='*' clone --quiet --no-hardlinks "file://$clone_from" "$root/vcops"
  say "Debian $suite with Rust and Node is ready after $((SECONDS - started)) s; cloned $(git -C "$root/vcops" log -1 --format=%h)"
  run_all "$root" "$@"
}

make_debian() {
  local mirror
  mirror=$(mirror_of_host)
  debootstrap --variant=minbase --include=ca-certificates,make "$suite" "$1" "${mirror:-http://deb.debian.org/debian}" >"$1.log" 2>&1 ||
    { tail -n 20 "$1.log" >&2; fail "debootstrap failed"; }
  rm -f "$1.log"
  cp /etc/resolv.conf /etc/hosts "$1/etc/"
}

# Certificate authorities that the host's own network asks for.
trust_authorities_of_host() {
  if [ -d /usr/local/share/ca-certificates ]; then
    cp -a /usr/local/share/ca-certificates/. "$1/usr/local/share/ca-certificates/"
    in_root "$1" update-ca-certificates >/dev/null 2>&1
  fi
}

# The host's Rust and Node, as a person would have installed them; no registry, no cache.
add_toolchains() {
  local root=$1 cargo_home rustup_home node modules
  cargo_home=${CARGO_HOME:-$HOME/.cargo}
  rustup_home=${RUSTUP_HOME:-$HOME/.rustup}
  [ -x "$cargo_home/bin/cargo" ] && [ -d "$rustup_home" ] || fail "no rustup toolchain in $cargo_home and $rustup_home"
  mkdir -p "$root/root/.cargo"
  cp -a "$cargo_home/bin" "$root/root/.cargo/"
  rm -f "$root/root/.cargo/bin/"cargo-{deny,nextest}
  [ ! -f "$cargo_home/config.toml" ] || cp "$cargo_home/config.toml" "$root/root/.cargo/"
  cp -a "$rustup_home" "$root/root/.rustup"
  if node=$(command -v node); then
    cp -L "$node" "$root/usr/local/bin/node"
    modules=$(npm root -g 2>/dev/null)
    mkdir -p "$root/usr/local/lib/node_modules"
    cp -a "$modules/npm" "$root/usr/local/lib/node_modules/"
    ln -s ../lib/node_modules/npm/bin/npm-cli.js "$root/usr/local/bin/npm"
    ln -s ../lib/node_modules/npm/bin/npx-cli.js "$root/usr/local/bin/npx"
  fi
}

# Runs a command in the root with the environment of a fresh login, nothing of the caller's.
in_root() {
  local root=$1
  shift
  chroot "$root" env -i HOME=/root LANG=C.UTF-8 \
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@"
}

mount_devices() {
  local root=$1 device
  mount -t proc proc "$root/proc"
  mount -t tmpfs -o mode=755 dev "$root/dev"
  for device in null zero full random urandom tty; do
    touch "$root/dev/$device"
    mount --bind "/dev/$device" "$root/dev/$device"
  done
  mkdir "$root/dev/shm" "$root/dev/pts"
  mount -t tmpfs -o mode=1777 shm "$root/dev/shm"
  mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
  ln -s pts/ptmx "$root/dev/ptmx"
  ln -s /proc/self/fd "$root/dev/fd"
}

run_all() {
  local root=$1 call started status failed=0 lines=()
  shift
  for call in "$@"; do
    say "make $call"
    started=$SECONDS
    status=0
    in_root "$root" bash -c "cd /vcops && make $call" </dev/null || status=$?
    lines+=("make $call: $((SECONDS - started)) s, exit $status")
    [ "$status" = 0 ] || failed=1
  done
  for call in "${lines[@]}"; do
    say "$call"
  done
  exit "$failed"
}

root_inside=
while [ "$#" -gt 0 ]; do
  case "$1" in
    --keep) keep=yes; shift ;;
    --clone-from) clone_from=$(cd "$2" && pwd); shift 2 ;;
    --inside) root_inside=$2; shift 2 ;;
    -*) fail "unknown flag $1" ;;
    *) break ;;
  esac
done
[ "$#" -gt 0 ] || fail "usage: $0 [--keep] [--clone-from DIR] 'make arguments' …"
if [ -n "$root_inside" ]; then inside "$root_inside" "$@"; else outside "$@"; fi
