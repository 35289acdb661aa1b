#!/bin/sh
# Fuzzes every target, or those that are named, for so many seconds each, from the corpus that is kept.
#
# Needs a nightly Rust, for the coverage that the fuzzer goes by; it is taken from rustup. What is found is left in
# fuzz/artifacts, and the corpus is left as it is: `scripts/fuzz.sh --keep` takes new inputs in, without those that cover
# nothing new. With --if-quick it takes the targets that need none of the agent's crates, which take most of the time that a
# build takes, and says why and ends well where the nightly, cargo-fuzz or the build would take long all the same; what was
# built by then is kept for the next time.
#
# What is built is kept in the user's cache folder, under a name that changes with the toolchain and the crates.
#
# usage: scripts/fuzz.sh [--keep|--if-quick] SECONDS [TARGET...]
set -eu
cd "$(dirname "$0")/.."

# The nightly that the results of docs/security/fuzzing.md are of.
pinned=nightly-2026-05-20

# Seconds that a build may take with --if-quick.
quick=240

keep=no if_quick=no
case "${1:-}" in
--keep) keep=yes && shift ;;
--if-quick) if_quick=yes && shift ;;
esac
seconds=${1:?usage: $0 [--keep|--if-quick] SECONDS [TARGET...]}
shift
if [ $# -eq 0 ]; then
    for target in fuzz/fuzz_targets/*.rs; do
        case $if_quick-$(basename "$target" .rs) in
        yes-config | yes-protobuf | yes-state | yes-watch) ;; # the agent's
        *) set -- "$@" "$(basename "$target" .rs)" ;;
        esac
    done
fi
features="" verbosity=1
if [ "$if_quick" = yes ]; then features=--no-default-features verbosity=0; fi

cannot() {
    echo "fuzz: $1" >&2
    echo "fuzz: NOT run: the corpus goes through the same functions in cargo test --test it corpus::" >&2
    if [ "$if_quick" = yes ]; then exit 0; fi
    exit 2
}

is_there() { rustup toolchain list 2>/dev/null | grep -q "^$1"; }
if is_there "$pinned"; then
    toolchain=$pinned
elif is_there nightly-"$(uname -m)"; then
    toolchain=nightly
elif command -v rustup >/dev/null && timeout 180 rustup toolchain install "$pinned" --profile minimal >&2; then
    toolchain=$pinned
else
    cannot "no nightly Rust: rustup toolchain install $pinned --profile minimal"
fi
command -v c++ >/dev/null || cannot "no C++ compiler, which libFuzzer is built with: scripts/setup.sh fuzz installs it"
if [ "$if_quick" = yes ]; then
    fuzzer=$(scripts/tool.sh --no-build cargo-fuzz 0.13.2) || cannot "cargo-fuzz could not be had without building it"
else
    fuzzer=$(scripts/tool.sh cargo-fuzz 0.13.2)
fi
PATH=$(dirname "$fuzzer"):$PATH
export PATH

key=$( (rustc "+$toolchain" -vV; cat fuzz/Cargo.lock) | sha256sum | cut -c1-16)
built=${XDG_CACHE_HOME:-$HOME/.cache}/palisade/fuzz-$key
fuzz() { # SECONDS COMMAND ARGUMENT...; no limit where the seconds are 0
    limit=$1 command=$2
    shift 2
    # All that is fuzzed but libnftnl is free of unsafe code, so sanitizers would find nothing in it.
    timeout --foreground "$limit" cargo "+$toolchain" fuzz "$command" --sanitizer none ${features:+"$features"} \
        --target-dir "$built" "$@"
}

if [ "$if_quick" = no ]; then
    fuzz 0 build
else
    begun=0
    fuzz "$quick" build || begun=$?
    if [ "$begun" = 124 ]; then cannot "the targets were not built within $quick s"; fi
    if [ "$begun" != 0 ]; then exit "$begun"; fi
fi
status=0
for target in "$@"; do
    new=$(mktemp -d)
    echo "fuzz: $target for $seconds s with $(rustc "+$toolchain" --version)"
    dictionary=
    if [ -e "fuzz/dictionaries/$target" ]; then dictionary=-dict=fuzz/dictionaries/$target; fi
    fuzz 0 run "$target" "$new" "fuzz/corpus/$target" -- \
        -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 -malloc_limit_mb=512 -print_final_stats=1 -verbosity=$verbosity \
        ${dictionary:+"$dictionary"} || status=1
    if [ "$keep" = yes ]; then
        # Inputs are named by their content, so that one of the same name is the same.
        find "$new" -type f -exec cp -t "fuzz/corpus/$target" {} +
        fuzz 0 cmin "$target"
    fi
    rm -rf "$new"
done
exit "$status"
