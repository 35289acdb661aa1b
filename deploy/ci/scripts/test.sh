#!/bin/sh
# palisade test: assertions as text on standard output, and as JUnit in a file.
#   PALISADE_TESTS    files of assertions and folders with them (.)
#   PALISADE_JUNIT    where the JUnit goes (palisade-test.xml)
# Exits as palisade does: 1 if an assertion does not hold.
set -u
# shellcheck disable=SC2086
exec palisade test ${PALISADE_TESTS:-.} --output text --output "junit=${PALISADE_JUNIT:-palisade-test.xml}"
