#!/bin/sh
# Makes the Debian package of a program that is built already, and prints its path.
#
# usage: scripts/package.sh release|dev FOLDER [VERSION]
# FOLDER gets the package; VERSION is the package's, for tests of upgrades.
set -eu
cd "$(dirname "$0")/.."

profile=$1 folder=$2 version=${3:-}
case $profile in
release) program=target/release/palisade speed= ;;
dev) program=target/debug/palisade speed=--fast ;;
*)
    echo "usage: $0 release|dev FOLDER [VERSION]" >&2
    exit 2
    ;;
esac
cargo_deb=$(scripts/tool.sh cargo-deb 3.8.0)

# What the program says of itself.
work=target/package
rm -rf "$work"
mkdir -p "$work/man" "$folder"
"$program" man "$work/man"
"$program" completions bash >"$work/palisade.bash"
"$program" completions zsh >"$work/_palisade"
"$program" completions fish >"$work/palisade.fish"

# The time of the last commit makes two packages of one commit alike.
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct 2>/dev/null || echo 0)
export SOURCE_DATE_EPOCH
: "${version:=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)}"
cat >"$work/changelog" <<EOF
palisade ($version-1) unstable; urgency=medium

  * What is new is in CHANGELOG.md of the source.

 -- The palisade authors <palisade@invalid.example>  $(date -R -u -d "@$SOURCE_DATE_EPOCH")
EOF
# shellcheck disable=SC2086 # no word at all for a release
"$cargo_deb" --quiet --no-build $speed --profile "$profile" --deb-version "$version-1" --output "$folder/"
