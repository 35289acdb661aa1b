#!/bin/sh
# Gets a program of crates.io once per machine, at the version that is asked for, and prints its path.
#
# A wheel of PyPI has it built already, for the versions whose sums stand below (docs/security/supply-chain.md); anything
# else is built from crates.io, which takes minutes. With --no-build it fails where it would have to be built.
#
# usage: scripts/tool.sh [--no-build] NAME VERSION
set -eu

may_build=yes
if [ "$1" = --no-build ]; then
    may_build=no
    shift
fi
name=$1 version=$2
folder=${XDG_CACHE_HOME:-$HOME/.cache}/palisade/$name-$version
program=$folder/bin/$name

case $name-$version-$(uname -m) in
cargo-deny-0.20.2-x86_64) sum=ae708f458c23ce1eecfd8f169befbb47424bdc21ecf0965e36db3b1d98400fee ;;
cargo-deny-0.20.2-aarch64) sum=0e42259c537b2432f5655b3413940e899906033354c5838e367c6837b467a141 ;;
cargo-fuzz-0.13.2-x86_64) sum=612108f626b6ee0e5d63b1a0e257c89c13abffbd8fff539ccbffb7205b33093f ;;
cargo-fuzz-0.13.2-aarch64) sum=25b65340d3f18c4b18b8f7e54855b64c53e6526864b192d32a189b59ded41198 ;;
*) sum= ;;
esac

# shellcheck source=scripts/wheel.sh
. "$(dirname "$0")/wheel.sh"

# The wheel's program; fails where it cannot be had.
from_wheel() {
    [ -n "$sum" ] || return 1
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    wheel "astral-dev-toolchain-$name" "$version" "$sum" "$work" &&
        install -D --mode=755 "$work"/*.data/scripts/"$name" "$program"
}

if [ ! -x "$program" ] && ! from_wheel; then
    [ "$may_build" = yes ] || exit 1
    echo "building $name $version from crates.io, once; this takes minutes" >&2
    # Elsewhere than in this workspace, whose lock and profiles are not its own.
    (cd / && cargo install --quiet --locked --root "$folder" --version "=$version" "$name" >&2)
fi
echo "$program"
