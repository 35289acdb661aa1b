#!/bin/bash
# Tests run.sh itself: that the guest can do what the integration tests need (guest-check.sh), and that every way in
# which a run can end has the exit status that run.sh promises. Takes about two minutes.
#
# Usage: tests/kernel/self-test.sh
#
# Needs and leaves behind what run.sh does, and a C compiler.

set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
work=$(cd "$here/../.." && pwd -P)/target/test-kernel
mkdir -p "$work/self-test"
failures=0

# ends STATUS TEXT RUN-ARGUMENT...: run.sh ends with the status; its output stays in $output.
output=$work/self-test/output
ends() {
    local expected=$1 text=$2 status=0
    shift 2
    "$here/run.sh" "$@" >"$output" 2>&1 || status=$?
    if ((status == expected)); then
        echo "ok: $text"
    else
        failures=$((failures + 1))
        echo "FAILED: $text: status $status, not $expected"
        sed 's/^/    /' "$output"
    fi
}

# says TEXT PATTERN: the output of the last run has a line that matches.
says() {
    if grep -Eq -- "$2" "$output"; then
        echo "ok: $1"
    else
        failures=$((failures + 1))
        echo "FAILED: $1: no line matches $2"
        sed 's/^/    /' "$output"
    fi
}

cc -O1 -Wall -Wextra -o "$work/self-test/features" "$here/features.c"
ends 0 'the guest has what the tests need' \
    --program "$work/self-test/features" -- "$here/guest-check.sh" "$work/self-test/features"
cat "$output"

printf 'some data\n' >"$work/self-test/data file"
cat >"$work/self-test/program" <<'PROGRAM'
#!/bin/sh
printf 'pwd <%s> variable <%s> data <%s> arguments' "$(pwd)" "$VARIABLE" "$(cat "$FILE")"
printf ' <%s>' "$@"
PROGRAM
chmod +x "$work/self-test/program"
# shellcheck disable=SC2016 # the dollar sign is part of the value
ends 0 'arguments, variables, files and the directory arrive' --cwd /somewhere/new --env 'VARIABLE=a '\''b" $c' \
    --env "FILE=$work/self-test/data file" --file "$work/self-test/data file" -- "$work/self-test/program" 'one word' '' '*' "it's"
says '... exactly' "^pwd </somewhere/new> variable <a 'b\" \\\$c> data <some data> arguments <one word> <> <\*> <it's>\$"

ends 1 'a failed program is a failure, and the next one still runs' -- busybox sh -c 'exit 7' + busybox echo second
says '... named with its status' 'run 1 of 2 FAILED with status 7'
says '... and the second is run' '^second$'
ends 1 'a program that dies by a signal is a failure' -- busybox sh -c 'kill -SEGV $$'
ends 1 'a fault of the kernel is a failure' -- busybox sh -c 'echo "WARNING: CPU: 0 made up" >/dev/kmsg'
says '... and is shown' 'WARNING: CPU: 0 made up'
ends 3 'a program that hangs is stopped' --timeout 30 -- busybox true + busybox sleep 1000
says '... and named' "run 2 of 2 did not end: .*'sleep' '1000'"
ends 4 'a panic is told from a failure' -- busybox sh -c 'echo c >/proc/sysrq-trigger'
says '... with the end of the console' 'Kernel panic - not syncing: sysrq triggered crash'
ends 4 'a kernel that cannot start is told from a failure' --memory 40 --timeout 60 -- busybox true
says '... naming what never ran' 'run 1 of 1 never started'
ends 2 'no program is wrong usage' --
ends 2 'an absent program is named before anything boots' -- /no/such/program
KERNEL_DEB=/no/such.deb ends 2 'an absent kernel package is named' -- busybox true

if ((failures)); then
    echo "self-test: $failures failed"
    exit 1
fi
echo 'self-test: all passed'
