#!/bin/sh
# Builds helm and kubectl for tests/e2e once per machine, lays the definitions of other projects' kinds beside them, and
# prints the folder.
#
# Both come from their Go modules, held to the sums of a go.sum, in the versions that go with the API server. They are kept
# in the user's cache folder under a name that changes with their sources, as scripts/e2e.sh keeps the server.
set -eu
cd "$(dirname "$0")"
# shellcheck source=scripts/go.sh
. ./go.sh
cd ../tests/e2e

key=$( (echo "$version"; cat tools/go.mod tools/go.sum tools/*/*.go crds/go.mod crds/go.sum ../../scripts/tools.sh) | sha256sum | cut -c1-16)
folder=${XDG_CACHE_HOME:-$HOME/.cache}/palisade/tools-$key
if [ ! -d "$folder" ]; then
    new=$folder.new.$$
    mkdir -p "$new/crds"
    trap 'rm -rf "$new"' EXIT

    kubernetes=$(sed -n 's/^\tk8s.io\/kubectl v0/v1/p' tools/go.mod)
    helm=$(sed -n 's/^\thelm.sh\/helm\/v3 \(v[^ ]*\).*/\1/p' tools/go.mod)
    # Without these both call themselves something that no check of versions understands.
    name=k8s.io/component-base/version
    link="-s -w -X $name.gitVersion=$kubernetes -X $name.gitTreeState=clean -X $name.buildDate=2026-01-01T00:00:00Z"
    link="$link -X helm.sh/helm/v3/internal/version.version=$helm"
    minor=${kubernetes#v1.}
    for library in lint/rules chartutil; do
        link="$link -X helm.sh/helm/v3/pkg/$library.k8sVersionMajor=1 -X helm.sh/helm/v3/pkg/$library.k8sVersionMinor=${minor%%.*}"
    done
    echo "e2e: building helm $helm and kubectl $kubernetes with $version, once; this takes minutes" >&2
    (cd tools && nice -n 10 go build -p "$jobs" -trimpath -ldflags "$link" -o "$new/" helm.sh/helm/v3/cmd/helm ./kubectl) >&2

    module() {
        (cd crds && go mod download -json "$1" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')
    }
    monitors=$(module github.com/prometheus-operator/prometheus-operator)/example/prometheus-operator-crd
    for kind in servicemonitors podmonitors prometheusrules; do
        cp "$monitors/monitoring.coreos.com_$kind.yaml" "$new/crds/$kind.yaml"
    done
    policies=$(module sigs.k8s.io/network-policy-api)/config/crd/standard
    cp "$policies/policy.networking.k8s.io_clusternetworkpolicies.yaml" "$new/crds/clusternetworkpolicies.yaml"
    chmod -R u+w "$new"
    # Somebody else may have been faster.
    mv -T "$new" "$folder" 2>/dev/null || [ -x "$folder/helm" ]
fi
echo "$folder"
