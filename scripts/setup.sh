#!/bin/sh
# Installs the Debian packages that palisade is built and tested with, on Debian 12 or Ubuntu 24.04.
# Needs root for what is missing; does nothing when everything is there. Rust itself is the user's to install.
#
# `e2e` is `test` and Go, for the API server of tests/e2e: that is not in Debian in this version, so it
# comes from the Go module proxy, as the go command itself would fetch it.
# `deny` and `fuzz` are `build` and a program of crates.io, kept in the user's cache folder: of a wheel of PyPI, or built.
# `package` is `build` and what makes a Debian package; `image` is what `make image` takes for the machine that is named.
#
# usage: scripts/setup.sh build|test|e2e|deny|fuzz|package|ci
#        scripts/setup.sh image amd64|arm64
set -eu

build="libnftnl-dev libmnl-dev pkg-config gcc"
run="nftables iproute2"
judge="iptables ipset ferm procps kmod systemd python3-jsonschema faketime lintian puppet-agent"
# What packages are made with.
package="dpkg-dev"
fetch="curl ca-certificates unzip"
container="podman runc"
# What the guide in docs/guide calls.
guide="socat"
# Fetches programs that are built already.
wheels="python3 python3-pip"
# Looks at pages; Ubuntu's package of this name is no browser.
browser=$wheels
if grep -q '^ID=debian' /etc/os-release 2>/dev/null; then browser="$wheels chromium"; fi

case "${1:-}" in
build) wanted="$build $run" ;;
test) wanted="$build $run $judge $package $browser" ;;
e2e) wanted="$build $run $judge $fetch $container $guide" ;;
deny) wanted="$build git ca-certificates $wheels" ;;
fuzz) wanted="$build g++ $wheels" ;;
ci) wanted="$build $run $judge $package $browser $fetch $container $guide g++ git shellcheck" ;;
package) wanted="$build $package" ;;
image)
    wanted=$build
    if [ "${2:-}" != "$(dpkg --print-architecture)" ]; then
        case "${2:-}" in
        amd64) other=x86-64-linux-gnu target=x86_64-unknown-linux-gnu ;;
        arm64) other=aarch64-linux-gnu target=aarch64-unknown-linux-gnu ;;
        *)
            echo "usage: $0 image amd64|arm64" >&2
            exit 2
            ;;
        esac
        # The other machine's libraries beside this one's, and a program that runs what was built.
        wanted="$build gcc-$other libnftnl-dev:$2 libmnl-dev:$2 libgcc-s1:$2 qemu-user"
    fi
    ;;
*)
    echo "usage: $0 build|test|e2e|deny|fuzz|package|ci, or $0 image amd64|arm64" >&2
    exit 2
    ;;
esac

# A package may be there for another machine only.
native=$(dpkg --print-architecture)
is_installed() {
    case $1 in
    *:*) machine=${1#*:} ;;
    *) machine=$native ;;
    esac
    # shellcheck disable=SC2016 # fields of dpkg
    dpkg-query -W -f '${Architecture} ${db:Status-Status}\n' "$1" 2>/dev/null | grep -qE "^(all|$machine) installed\$"
}
missing=
for package in $wanted; do
    is_installed "$package" || missing="$missing $package"
done

if [ -n "$missing" ]; then
    if [ "$(id -u)" != 0 ]; then
        echo "missing packages, to be installed as root: apt-get install$missing" >&2
        exit 2
    fi
    echo "installing$missing"
    export DEBIAN_FRONTEND=noninteractive
    if [ -n "${target:-}" ]; then dpkg --add-architecture "$2"; fi
    apt-get update -qq
    # A ferm that is only to judge expansions must not touch this machine's firewall: its service is never started.
    # shellcheck disable=SC2086 # a list of words
    RUNLEVEL=1 apt-get install -y -qq --no-install-recommends $missing >/dev/null
fi

if ! command -v cargo >/dev/null; then
    echo "cargo is missing: install Rust $(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml) or newer, from https://rustup.rs" >&2
    exit 2
fi

here=$(dirname "$0")
case "$1" in
test | ci | package) "$here/tool.sh" cargo-deb 3.8.0 >/dev/null ;;
esac
case "$1" in
deny) "$here/tool.sh" cargo-deny 0.20.2 >/dev/null ;;
esac
case "$1" in
fuzz) "$here/tool.sh" cargo-fuzz 0.13.2 >/dev/null ;;
esac
case "$1" in
deny | fuzz | package) exit 0 ;;
esac

# Prometheus's own judge of metrics and alerts. Only that one program is taken out of the package: installed, the
# package would start a server.
if [ "$1" != build ] && ! command -v promtool >/dev/null; then
    if [ "$(id -u)" != 0 ]; then
        echo "promtool is missing: take it from Debian's package prometheus" >&2
        exit 2
    fi
    echo "installing /usr/local/bin/promtool"
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    cd "$work"
    apt-get download -qq prometheus 2>/dev/null || { apt-get update -qq && apt-get download -qq prometheus; }
    dpkg-deb --fsys-tarfile prometheus_*.deb | tar -x ./usr/bin/promtool
    install -m 755 usr/bin/promtool /usr/local/bin/promtool
    cd - >/dev/null
    rm -rf "$work"
    trap - EXIT
fi

case "$1" in
e2e | ci) ;;
image)
    if [ -n "${target:-}" ] && [ ! -d "$(rustc --print sysroot)/lib/rustlib/$target" ]; then rustup target add "$target"; fi
    exit 0
    ;;
*) exit 0 ;;
esac
# A machine may have it without having it in the search path.
if PATH=$PATH:/usr/local/go/bin command -v go >/dev/null; then
    exit 0
fi
go=1.26.8
case $(uname -m) in
x86_64) machine=amd64 sum=30c2b1bf7dcc88d3eb0a1364e47ddd9128edb3110a30e8a0ef61cd5856b31de7 ;;
aarch64) machine=arm64 sum=02b36b6787b3ac767668f630e2998df45a3b1f9ffee08d1bf3ef6487cd658d99 ;;
*) machine= ;;
esac
if [ -z "$machine" ] || [ "$(id -u)" != 0 ]; then
    echo "Go is missing: install $go from https://go.dev/dl/" >&2
    exit 2
fi
echo "installing Go $go in /usr/local/go"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
module=golang.org/toolchain version=v0.0.1-go$go.linux-$machine
if ! curl --fail --silent --show-error --output "$work/go.zip" "https://proxy.golang.org/$module/@v/$version.zip" ||
    ! echo "$sum  $work/go.zip" | sha256sum --check --quiet ||
    ! unzip -q "$work/go.zip" -d "$work"; then
    echo "Go is missing, and $version could not be had: install $go from https://go.dev/dl/" >&2
    exit 2
fi
tree=$work/$module@$version
# A module's archive keeps neither permissions nor the go.mod files of other modules inside of it.
chmod +x "$tree"/bin/* "$tree/pkg/tool/linux_$machine"/*
find "$tree" -name _go.mod -execdir mv {} go.mod \;
mv -T "$tree" /usr/local/go
