#!/bin/bash
# Builds the integration tests and runs some of them in Debian 12's 6.1 kernel: this is `make test-kernel`.
#
# Usage: tests/kernel/it.sh [--record] [FILTER]...
#
#   --record   write the result, with date and commit, into docs/testing/kernel-6.1.md
#   FILTER     as for `cargo test`; each one is a run of its own. A filter that matches no test is an error.
#              Default: kernel::conformance text:: twin::queued swap::short
#
# Variables whose names begin with PALISADE_ are passed on to the tests; TIMEOUT is the time for all of it in seconds
# (default 1800). PALISADE_SWAPS is the number of structural swaps, PALISADE_SWAP_RATE that of packets a second. Needs,
# leaves behind and ends as run.sh does; it also needs cargo and builds into target/.

set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
readonly here
project=$(cd "$here/../.." && pwd -P)
readonly project
readonly note=$project/docs/testing/kernel-6.1.md
readonly results=$project/target/test-kernel/results.log
# What the tests say that belongs into the note: their verdicts and what they counted.
readonly noted='^(test |skipped: |conformance: |not asked of this kernel: |engine: |[a-z]+ text: )'

main() {
    local record=false filters=() status=0
    while (($#)); do
        case $1 in
            -h | --help)
                sed -n '2,/^$/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
                exit 0
                ;;
            --record) record=true ;;
            -*) die "unknown option $1 (see --help)" ;;
            *) filters+=("$1") ;;
        esac
        shift
    done
    ((${#filters[@]})) || filters=(kernel::conformance text:: twin::queued swap::short)
    build
    run_in_guest "${filters[@]}" || status=$?
    if $record && ((status < 2)); then
        write_note "$status"
    fi
    exit "$status"
}

die() {
    printf 'test-kernel: %s\n' "$1" >&2
    exit 2
}

# Sets $test_program, and $binaries: the project's executables, which the tests start by their absolute paths.
build() {
    local artifacts
    artifacts=$(cd "$project" && cargo test --no-run --test it --message-format=json-render-diagnostics) ||
        die 'the integration tests do not build'
    test_program=$(executables test <<<"$artifacts")
    [[ -n $test_program && $test_program != *$'\n'* ]] || die "cargo built no test named it, or several: $test_program"
    mapfile -t binaries < <(executables bin <<<"$artifacts")
}

# Prints the executables of one kind among cargo's messages.
executables() { sed -n "/\"reason\":\"compiler-artifact\"/{/\"kind\":\[\"$1\"\]/s/.*\"executable\":\"\([^\"]*\)\".*/\1/p}"; }

# run_in_guest FILTER...
run_in_guest() {
    local arguments=(--timeout "${TIMEOUT:-1800}") commands=() filter variable path
    for filter; do
        # The test runner calls it a success to run nothing.
        # grep reads to the end: leaving early, with -q, breaks the pipe of whoever lists.
        "$test_program" --list --format terse "$filter" | grep ': test$' >/dev/null || die "no test matches $filter"
        # One at a time: the emulated processors are slow, and the tests have limits of time. A test that skips
        # something says why in its output.
        commands+=(+ "$test_program" "$filter" --test-threads=1 --show-output)
    done
    for path in "${binaries[@]}"; do
        arguments+=(--program "$path")
    done
    for path in "$project"/{tests/data,examples}; do
        [[ ! -e $path ]] || arguments+=(--file "$path")
    done
    for variable in "${!PALISADE_@}"; do
        arguments+=(--env "$variable=${!variable}")
    done
    "$here/run.sh" "${arguments[@]}" -- "${commands[@]:1}"
}

# Replaces what stands between the two markers of the note by the result of this run.
write_note() {
    local verdict=passed
    (($1 == 0)) || verdict=FAILED
    {
        sed '/^<!-- result -->$/q' "$note"
        printf '\n- %s, commit %s: **%s**\n' "$(date -u +%Y-%m-%d)" "$(git -C "$project" describe --always --dirty)" "$verdict"
        printf -- '- guest: %s; %s, %s\n' "$(sed -n 's/^@@ kernel //p' "$results")" \
            "$(qemu-system-x86_64 --version | sed -n '1s/^QEMU emulator version /qemu /p')" 'software emulation, 2 processors, 2 GiB'
        printf '\n```text\n'
        grep -E "$noted" "$results"
        printf '```\n\n'
        sed -n '/^<!-- end of result -->$/,$p' "$note"
    } >"$note.new"
    mv "$note.new" "$note"
}

main "$@"
