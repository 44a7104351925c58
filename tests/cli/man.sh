#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The man page is well formed and complete.
set -uo pipefail
. tests/cli/common.bash

page=analyzer/cli/virtq.1
equal "mandoc has nothing to say" "" "$(mandoc -T lint -W warning $page)"
text=$(man -l $page | col -b)
for verdict in $(sed -n 's/.*\.verdict = "\(.*\)".*/\1/p' analyzer/diagnosis/rules.c | sort -u); do
    contains "verdict $verdict" "$text" "$verdict"
done
for option in $("$VIRTQ" --help | grep -o -- '--[a-z-]*' | sort -u); do
    contains "option $option" "$text" "$option"
done
finish
