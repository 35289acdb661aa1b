#!/bin/sh
# Runs every test and fails if a layer that this machine can run was skipped.
#
# Tests that need root, nft or ferm print `skipped: REASON` where they cannot run. As root with everything installed
# none may: a suite that silently skips proves nothing.
set -eu

log=$(mktemp)
trap 'rm -f "$log"' EXIT

status=0
{ cargo test --workspace --no-fail-fast -- --show-output 2>&1 || echo "cargo-test-failed"; } | tee "$log" | grep --line-buffered -v '^cargo-test-failed$'
if grep -q '^cargo-test-failed$' "$log"; then
    status=1
fi

skipped=$(grep '^skipped: ' "$log" | sort | uniq -c)
if [ -n "$skipped" ]; then
    echo "skipped:"
    echo "$skipped"
    if [ "${CI:-}" = true ]; then
        echo "CI does not accept a skipped layer" >&2
        status=1
    fi
fi

passed=$(sed -n 's/^test result: .* \([0-9]*\) passed.*/\1/p' "$log" | awk '{n += $1} END {print n + 0}')
failed=$(sed -n 's/^test result: .* \([0-9]*\) failed.*/\1/p' "$log" | awk '{n += $1} END {print n + 0}')
echo "$passed passed, $failed failed"
exit "$status"
