#!/bin/sh
# palisade lint: SARIF for code scanning, annotations on standard output, a table for the summary of the job.
#   PALISADE_PATHS    what to read; empty for the `include` of palisade.yaml
#   PALISADE_SARIF    where the SARIF goes (palisade.sarif)
# Exits as palisade does: 1 with findings, 2 if something could not be read.
set -u
code=0
table=$(mktemp)
# shellcheck disable=SC2086
palisade lint ${PALISADE_PATHS:-} --output github --output "sarif=${PALISADE_SARIF:-palisade.sarif}" \
    --output "markdown=$table" || code=$?
if [ "$code" -lt 2 ] && [ -n "${GITHUB_STEP_SUMMARY:-}" ]; then cat "$table" >> "$GITHUB_STEP_SUMMARY"; fi
rm -f "$table"
exit "$code"
