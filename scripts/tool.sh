#!/bin/sh
# Builds a program of crates.io once per machine, at the version that is asked for, and prints its path.
#
# usage: scripts/tool.sh NAME VERSION
set -eu

name=$1 version=$2
folder=${XDG_CACHE_HOME:-$HOME/.cache}/palisade/$name-$version
program=$folder/bin/$name
if [ ! -x "$program" ]; then
    echo "building $name $version from crates.io, once; this takes minutes" >&2
    # Elsewhere than in this workspace, whose lock and profiles are not its own.
    (cd / && cargo install --quiet --locked --root "$folder" --version "=$version" "$name" >&2)
fi
echo "$program"
