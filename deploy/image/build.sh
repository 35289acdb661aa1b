#!/bin/sh
# Builds the image of the agent for a machine, without docker and without a registry: target/image/palisade-ARCH.tar.
#
# usage: deploy/image/build.sh [amd64|arm64]
set -eu
cd "$(dirname "$0")/../.."
here=$(uname -m | sed 's/x86_64/amd64/; s/aarch64/arm64/')
machine=${1:-$here}
case $machine in
amd64) target=x86_64-unknown-linux-gnu triplet=x86_64-linux-gnu ;;
arm64) target=aarch64-unknown-linux-gnu triplet=aarch64-linux-gnu ;;
*)
    echo "usage: $0 [amd64|arm64]" >&2
    exit 2
    ;;
esac
if [ "$machine" != "$here" ]; then
    linker=CARGO_TARGET_$(echo "$target" | tr 'a-z-' 'A-Z_')_LINKER
    export "$linker=$triplet-gcc" PKG_CONFIG_ALLOW_CROSS=1
    export PKG_CONFIG_LIBDIR="/usr/lib/$triplet/pkgconfig:/usr/share/pkgconfig"
fi
# Where it is built is not a part of it.
export RUSTFLAGS="--remap-path-prefix=$PWD=/palisade --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/cargo"
"${CARGO:-cargo}" build --release --locked --package palisade --target "$target" >&2
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -1)
deploy/image/root.sh "target/$target/release/palisade" "target/image/root-$machine"
deploy/image/pack.sh "target/image/root-$machine" "$machine" "$version" "target/image/palisade-$machine.tar"
