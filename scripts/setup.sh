#!/bin/sh
# Installs the Debian packages that palisade is built and tested with, on Debian 12 or Ubuntu 24.04.
# Needs root for what is missing; does nothing when everything is there. Rust itself is the user's to install.
#
# `e2e` is `test` and Go, for the API server of tests/e2e: that is not in Debian, so it comes from go.dev.
#
# usage: scripts/setup.sh build|test|e2e|ci
set -eu

build="libnftnl-dev libmnl-dev pkg-config gcc"
run="nftables iproute2"
judge="iptables ipset ferm procps kmod"

case "${1:-}" in
build) wanted="$build $run" ;;
test) wanted="$build $run $judge" ;;
e2e) wanted="$build $run $judge curl ca-certificates" ;;
ci) wanted="$build $run $judge shellcheck curl ca-certificates" ;;
*)
    echo "usage: $0 build|test|e2e|ci" >&2
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

go=1.26.8
case "$1" in
e2e | ci)
    if ! PATH=$PATH:/usr/local/go/bin command -v go >/dev/null; then
        case $(uname -m) in
        x86_64) machine=amd64 ;;
        aarch64) machine=arm64 ;;
        *) machine=$(uname -m) ;;
        esac
        file=go$go.linux-$machine.tar.gz
        if [ "$(id -u)" != 0 ]; then
            echo "Go is missing: install $go from https://go.dev/dl/" >&2
            exit 2
        fi
        echo "installing Go $go in /usr/local/go"
        download=$(mktemp)
        if ! curl --fail --silent --show-error --location --output "$download" "https://go.dev/dl/$file" ||
            ! tar -C /usr/local -xzf "$download"; then
            rm -f "$download"
            echo "Go is missing, and $file could not be had: install $go from https://go.dev/dl/" >&2
            exit 2
        fi
        rm -f "$download"
    fi
    ;;
esac
