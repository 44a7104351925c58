#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The man page is well formed and complete: every verdict, every reason that is considered and every option is in it,
# and none that is not.
set -uo pipefail
. tests/cli/common.bash

page=analyzer/cli/virtq.1

# tags SUBSECTION: what its lists explain, one a line.
tags() {
    sed -n "/^\.Ss $1\$/,/^\.S[sh] [^$]*/{s/^\.It Li //p}" $page | tr -s ' ,' '\n' | sort
}

equal "mandoc has nothing to say" "" "$(mandoc -T lint -W warning $page)"
verdicts=$(sed -n 's/.*\.verdict = "\(.*\)".*/\1/p' analyzer/diagnosis/rules_*.c | sort -u)
check "the rules have verdicts" test "$(wc -l <<<"$verdicts")" -gt 40
equal "verdicts: all of them, each once" "$verdicts" "$(tags Verdicts)"
reasons=$(sed -n 's/^\t{ "\([a-z-]*\)", ".*/\1/p' analyzer/diagnosis/false_positives.c | sort)
check "there are reasons" test "$(wc -l <<<"$reasons")" -gt 40
equal "reasons considered: all of them, each once" "$reasons" "$(tags "Reasons considered")"

text=$(man -l $page | col -b)
for option in $("$VIRTQ" --help | grep -o -- '--[a-z-]*' | sort -u); do
    contains "option $option" "$text" "$option"
done
finish
