#!/usr/bin/env bash
# Installs the Debian packages that a make target needs: demo, test, browser, api, bench (any number of them).
#
# Asks dpkg first and ends at once when nothing is missing. Needs root or sudo only to install, asks no question,
# and leaves no service running that was not running before.
set -euo pipefail

packages_of() {
  case "$1" in
    # A C compiler links every Rust program and builds SQLite and ring. GStreamer decodes, encodes and fetches media.
    # Janus is an MCU, in the demo and in the tests.
    demo) echo ca-certificates gcc libc6-dev make pkg-config libgstreamer1.0-dev libgstreamer-plugins-base1.0-dev \
      gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad gstreamer1.0-plugins-ugly \
      gstreamer1.0-libav janus ;;
    # The broker of production, which the tests kill and restart; servers from which streams are fetched; a SIP proxy,
    # its relay of media, and endpoints to be called; a real SNMP agent and trap sender, an agent that plays recordings
    # of devices, a real exporter of metrics. Where notices go: an alert manager, a log host, a mail server. A second
    # database, of which the tests start a cluster of their own.
    test) packages_of demo; echo ffmpeg mosquitto gstreamer1.0-tools nginx libnginx-mod-rtmp \
      kamailio rtpengine-daemon baresip-core sip-tester iproute2 nftables \
      snmp snmpd snmpsim prometheus-node-exporter \
      prometheus-alertmanager rsyslog python3-aiosmtpd postgresql ;;
    # A browser, the typeface without which Chinese is boxes, and what scrapes metrics and checks rules.
    browser) echo chromium fonts-noto-cjk prometheus ;;
    # A program of PyPI asks the API; curl signs in for it.
    api) echo curl python3-venv ;;
    # The tools that the link benches are compared with.
    bench) packages_of demo; echo ffmpeg fping iproute2 iputils-ping irtt ;;
    *) echo "system-packages: unknown set '$1': demo, test, browser, api or bench" >&2; return 64 ;;
  esac
}

installed() {
  [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# Runs a command as root.
as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  else
    sudo -n "$@"
  fi
}

# While this file exists, Debian starts no service that it installs. One that was there before is kept.
policy=/usr/sbin/policy-rc.d
forbid_services() {
  if [ ! -e "$policy" ]; then
    trap allow_services EXIT
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
    as_root chmod 755 "$policy"
  fi
}
allow_services() {
  as_root rm -f "$policy"
}

# Some packages would serve from the next start of the machine on; ours start their own, on free ports.
keep_off() {
  case "$1" in
    janus | mosquitto | irtt | nginx | kamailio | rtpengine-daemon | snmpd | prometheus-node-exporter | \
      prometheus-alertmanager | prometheus | rsyslog | postgresql)
      echo "system-packages: the service of $1 stays off"
      as_root update-rc.d "$1" disable >/dev/null 2>&1 || true
      if [ -d /run/systemd/system ]; then
        as_root systemctl disable --quiet "$1.service" >/dev/null 2>&1 || true
      fi
      ;;
  esac
}

main() {
  local wanted missing=() set package
  for set in "$@"; do
    wanted=$(packages_of "$set")
    for package in $wanted; do
      installed "$package" || [[ " ${missing[*]-} " == *" $package "* ]] || missing+=("$package")
    done
  done
  [ "${#missing[@]}" -gt 0 ] || return 0

  if ! command -v apt-get >/dev/null; then
    echo "system-packages: not a Debian system: install the like of: ${missing[*]}" >&2
    return 1
  fi
  if [ "$(id -u)" != 0 ] && ! sudo -n true 2>/dev/null; then
    echo "system-packages: missing: ${missing[*]}" >&2
    echo "system-packages: neither root nor sudo without a password; run as root: $0 $*" >&2
    return 1
  fi

  echo "system-packages: installing ${missing[*]}"
  forbid_services
  as_root apt-get -qq update
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install "${missing[@]}" >/dev/null
  for package in "${missing[@]}"; do
    keep_off "$package"
  done
}

[ "$#" -gt 0 ] || { echo "usage: $0 demo|test|browser|api|bench …" >&2; exit 64; }
main "$@"
