#!/bin/sh
# Builds a program of crates.io once per machine, at the version that is asked for, and prints its path.
#
# With --if-built it fails where the program would have to be built.
#
# usage: scripts/tool.sh [--if-built] NAME VERSION
set -eu

may_build=yes
if [ "$1" = --if-built ]; then
    may_build=no
    shift
fi
name=$1 version=$2
folder=${XDG_CACHE_HOME:-$HOME/.cache}/palisade/$name-$version
program=$folder/bin/$name
if [ ! -x "$program" ]; then
    [ "$may_build" = yes ] || exit 1
    echo "building $name $version from crates.io, once; this takes minutes" >&2
    # Elsewhere than in this workspace, whose lock and profiles are not its own.
    (cd / && cargo install --quiet --locked --root "$folder" --version "=$version" "$name" >&2)
fi
echo "$program"
