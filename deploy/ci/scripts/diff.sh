#!/bin/sh
# palisade diff: what a change opens and closes, as Markdown in a file.
#   PALISADE_BASE     the commit to compare with, such as origin/main
#   PALISADE_PATH     the folder of manifests, from the root of the repository (.)
#   PALISADE_FAIL_ON  widened, narrowed or any; empty for never
#   PALISADE_DIFF     where the Markdown goes (palisade-diff.md)
# Exits as palisade does: 1 if something happened that PALISADE_FAIL_ON names.
set -u
path=${PALISADE_PATH:-.}
file=${PALISADE_DIFF:-palisade-diff.md}
code=0
prefix=$(git rev-parse --show-prefix) || exit 2
if [ "$path" = . ]; then old=${prefix%/}; else old=$prefix${path#./}; fi
set -- "git:${PALISADE_BASE:?}:${old%/}" "$path" --format md
if [ -n "${PALISADE_FAIL_ON:-}" ]; then set -- "$@" --fail-on "$PALISADE_FAIL_ON"; fi
palisade diff "$@" > "$file" || code=$?
if [ "$code" -lt 2 ] && [ -n "${GITHUB_STEP_SUMMARY:-}" ]; then cat "$file" >> "$GITHUB_STEP_SUMMARY"; fi
exit "$code"
