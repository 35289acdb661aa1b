#!/bin/sh
# Fuzzes every target, or those that are named, for so many seconds each, from the corpus that is kept.
#
# Needs a nightly Rust, for the coverage that the fuzzer goes by; it is taken from rustup. What is found is left in
# fuzz/artifacts, and the corpus is left as it is: `scripts/fuzz.sh --keep` takes new inputs in, without those that cover
# nothing new.
#
# usage: scripts/fuzz.sh [--keep] SECONDS [TARGET...]
set -eu
cd "$(dirname "$0")/.."

# The nightly that the results of docs/security/fuzzing.md are of.
pinned=nightly-2026-05-20

keep=no
if [ "${1:-}" = --keep ]; then
    keep=yes
    shift
fi
seconds=${1:?usage: $0 [--keep] SECONDS [TARGET...]}
shift
if [ $# -eq 0 ]; then
    for target in fuzz/fuzz_targets/*.rs; do
        set -- "$@" "$(basename "$target" .rs)"
    done
fi

is_there() { rustup toolchain list 2>/dev/null | grep -q "^$1"; }
if is_there "$pinned"; then
    toolchain=$pinned
elif is_there nightly-"$(uname -m)"; then
    toolchain=nightly
elif command -v rustup >/dev/null && rustup toolchain install "$pinned" --profile minimal >&2; then
    toolchain=$pinned
else
    echo "fuzz: no nightly Rust: rustup toolchain install $pinned --profile minimal" >&2
    echo "fuzz: the corpus goes through the same functions in cargo test --test it corpus::" >&2
    exit 2
fi
PATH=$(dirname "$(scripts/tool.sh cargo-fuzz 0.13.2)"):$PATH
export PATH

# All that is fuzzed but libnftnl is free of unsafe code, so sanitizers would find nothing in it.
cargo "+$toolchain" fuzz build --sanitizer none
status=0
for target in "$@"; do
    new=$(mktemp -d)
    echo "fuzz: $target for $seconds s with $(rustc "+$toolchain" --version)"
    dictionary=
    if [ -e "fuzz/dictionaries/$target" ]; then dictionary=-dict=fuzz/dictionaries/$target; fi
    cargo "+$toolchain" fuzz run --sanitizer none "$target" "$new" "fuzz/corpus/$target" -- \
        -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 -malloc_limit_mb=512 -print_final_stats=1 \
        ${dictionary:+"$dictionary"} || status=1
    if [ "$keep" = yes ]; then
        # Inputs are named by their content, so that one of the same name is the same.
        find "$new" -type f -exec cp -t "fuzz/corpus/$target" {} +
        cargo "+$toolchain" fuzz cmin --sanitizer none "$target"
    fi
    rm -rf "$new"
done
exit "$status"
