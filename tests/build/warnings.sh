#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# gcc and clang build everything without a warning.
set -uo pipefail
. tests/tap.sh
: "${BUILD:=build}" "${MAKE:=make}"

for compiler in gcc clang; do
    check "$compiler: no warning" "$MAKE" --no-print-directory -s BUILD="$BUILD/werror-$compiler" \
        CC=$compiler CFLAGS='-O2 -g -Werror' all test-programs
done
finish
