#!/bin/sh
# Installs the Debian packages that palisade is built and tested with, on Debian 12 or Ubuntu 24.04.
# Needs root for what is missing; does nothing when everything is there. Rust itself is the user's to install.
#
# usage: scripts/setup.sh build|test|ci
set -eu

build="libnftnl-dev libmnl-dev pkg-config gcc"
run="nftables iproute2"
judge="iptables ipset ferm procps kmod"

case "${1:-}" in
build) wanted="$build $run" ;;
test) wanted="$build $run $judge" ;;
ci) wanted="$build $run $judge shellcheck" ;;
*)
    echo "usage: $0 build|test|ci" >&2
    exit 2
    ;;
esac

missing=
for package in $wanted; do
    status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) || status=
    [ "$status" = installed ] || missing="$missing $package"
done

if [ -n "$missing" ]; then
    if [ "$(id -u)" != 0 ]; then
        echo "missing packages, to be installed as root: apt-get install$missing" >&2
        exit 2
    fi
    echo "installing$missing"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    # A ferm that is only to judge expansions must not touch this machine's firewall: its service is never started.
    # shellcheck disable=SC2086 # a list of words
    RUNLEVEL=1 apt-get install -y -qq --no-install-recommends $missing >/dev/null
fi

if ! command -v cargo >/dev/null; then
    echo "cargo is missing: install Rust $(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml) or newer, from https://rustup.rs" >&2
    exit 2
fi
