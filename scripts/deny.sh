#!/bin/sh
# Licences, duplicates and sources of every crate that is built (deny.toml), and known vulnerabilities where their
# database, a git repository of GitHub's, can be reached.
set -eu
cd "$(dirname "$0")/.."

deny=$(scripts/tool.sh cargo-deny 0.20.2)
"$deny" check licenses bans sources
# The fuzz targets have a lock of their own, of more crates, none of which is shipped.
"$deny" --manifest-path fuzz/Cargo.toml --config deny.toml check sources

if timeout 30 git ls-remote --quiet https://github.com/RustSec/advisory-db HEAD >/dev/null 2>&1; then
    "$deny" check advisories
else
    echo "deny: NOT checked: advisories, because https://github.com/RustSec/advisory-db cannot be reached"
fi
