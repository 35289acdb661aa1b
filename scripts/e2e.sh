#!/bin/sh
# Builds the API server of tests/e2e once per machine, and prints the path of the program.
#
# It is kept in the user's cache folder under a name that changes with its sources, so that only the first run and a new
# version pay for the build (about 5 minutes on 2 cores, 2 GB of Go's caches).
set -eu
cd "$(dirname "$0")"
# shellcheck source=scripts/go.sh
. ./go.sh
cd ../tests/e2e/apiserver

key=$( (echo "$version"; cat go.mod go.sum ./*.go) | sha256sum | cut -c1-16)
folder=${XDG_CACHE_HOME:-$HOME/.cache}/palisade
program=$folder/apiserver-$key
if [ ! -x "$program" ]; then
    kubernetes=$(sed -n 's/^\tk8s.io\/kubernetes //p' go.mod)
    minor=${kubernetes#v1.}
    name=k8s.io/component-base/version
    # Without these the server calls itself v0.0.0-master, and clients that look at its version go astray.
    link="-s -w -X $name.gitVersion=$kubernetes -X $name.gitMajor=1 -X $name.gitMinor=${minor%%.*}"
    link="$link -X $name.gitTreeState=clean -X $name.gitCommit=$kubernetes -X $name.buildDate=2026-01-01T00:00:00Z"
    echo "e2e: building kube-apiserver $kubernetes and etcd with $version, once; this takes minutes" >&2
    mkdir -p "$folder"
    nice -n 10 go build -p "$jobs" -trimpath -ldflags "$link" -o "$program.new.$$" . >&2
    mv "$program.new.$$" "$program"
fi
echo "$program"
