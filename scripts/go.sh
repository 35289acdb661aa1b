# Go as the programs of tests/e2e are built with it. Sourced; leaves `version`, and `jobs` for `go build -p`.
# shellcheck shell=sh

export GOTOOLCHAIN=local CGO_ENABLED=0 GOFLAGS=-mod=readonly
# A machine may have it without having it in the search path.
PATH=$PATH:/usr/local/go/bin
if ! command -v go >/dev/null; then
    echo "e2e: Go is missing: scripts/setup.sh e2e installs it, or take Go 1.26 from https://go.dev/dl/" >&2
    exit 2
fi
version=$(go env GOVERSION)
case "$version" in
go1.26 | go1.26.* | go1.26[!0-9]*) ;;
*)
    echo "e2e: found $version, but kube-apiserver, helm and kubectl are built with Go 1.26: https://go.dev/dl/" >&2
    exit 2
    ;;
esac
# On a machine that is busy already, one compiler at a time.
jobs=$(nproc)
# Whoever sources this uses it.
# shellcheck disable=SC2034
if [ "$(cut -d. -f1 /proc/loadavg)" -ge "$jobs" ]; then jobs=1; fi
