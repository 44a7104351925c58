#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# rules-table.sh [LOG]...: what is known to fire every verdict of virtq, as a
# Markdown table: cases of the unit test that fire it and neighbours that it is
# silent on, and states of a real QEMU, live and in a core, in which it was the
# verdict. Reads the logs of `make check` and `make check-qemu` ($BUILD/tests/logs)
# or those given:
#   # rule: VERDICT | STATES OF THE CATALOGUE | fired by: CASE; CASE | silent on: CASE
#   # state: NAME | live: VERDICT CONFIDENCE | core: VERDICT CONFIDENCE
# Exit status 1 if no rule was found, or one lacks a case or a neighbour.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
if [ $# = 0 ]; then
    shopt -s nullglob
    set -- "${BUILD:=build}"/tests/logs/*/*.log
fi
if [ $# = 0 ]; then
    echo "rules-table.sh: no logs in $BUILD/tests/logs: run make check first" >&2
    exit 1
fi

awk -F ' [|] ' '
# "fired by: a; b" to the number of its elements
function count(text, list) {
    sub(/^[a-z ]*(: |$)/, "", text)
    return text == "" ? 0 : split(text, list, "; ")
}
function add(list, name) {
    return list == "" ? name : index(", " list ",", ", " name ",") ? list : list ", " name
}
/^# rule: / {
    verdict = substr($1, 9)
    if (!(verdict in states)) {
        order[++rules] = verdict
        states[verdict] = $2
    }
    # a verdict may have more than one rule; the log of a test may be there twice
    if (seen[$0]++)
        next
    fired[verdict] += count($3)
    if (count($4) > silent[verdict])
        silent[verdict] = count($4)
}
/^# state: / {
    name = substr($1, 10)
    for (i = 2; i <= NF; i++) {
        split($i, words, " ")
        if (words[1] == "live:")
            live[words[2]] = add(live[words[2]], name)
        else if (words[1] == "core:")
            core[words[2]] = add(core[words[2]], name)
    }
}
END {
    print "| verdict | catalogue | fired by cases | silent on neighbours | real QEMU, live | real QEMU, core |"
    print "|---|---|---|---|---|---|"
    for (i = 1; i <= rules; i++) {
        verdict = order[i]
        real += verdict in live || verdict in core
        if (!fired[verdict] || !silent[verdict])
            bad++
        printf "| %s | %s | %d | %d | %s | %s |\n", verdict, states[verdict], fired[verdict],
            silent[verdict], verdict in live ? live[verdict] : "no", verdict in core ? core[verdict] : "no"
    }
    printf "\n%d verdicts, %d of them seen on a real QEMU\n", rules, real
    if (!rules)
        print "rules-table.sh: no \"# rule:\" line in the logs" > "/dev/stderr"
    exit !rules || bad > 0
}' "$@"
