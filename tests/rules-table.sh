#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# rules-table.sh [LOG]...: what is known to fire every verdict of virtq, as a
# Markdown table: cases of the unit test that fire it and neighbours that it is
# silent on, and states of a real QEMU, live and in a core, in which it was the
# verdict. Reads the logs of `make check` and `make check-qemu` ($BUILD/tests/logs)
# or those given:
#   # rule: VERDICT | STATES OF THE CATALOGUE | fired by: CASE; CASE | silent on: CASE
#   # state: QEMU SERIES, NAME | live: VERDICT CONFIDENCE | core: VERDICT CONFIDENCE
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
# cell(LISTS, VERDICT): the states of each series, as "7.2: a, b; 10: a"
function cell(lists, verdict, text, i) {
    for (i = 1; i <= series_num; i++)
        if ((verdict, series[i]) in lists)
            text = text (text == "" ? "" : "; ") series[i] ": " lists[verdict, series[i]]
    return text == "" ? "no" : text
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
    version = "?"
    if (match(name, /^QEMU [^,]*, /)) {
        version = substr(name, 6, RLENGTH - 7)
        name = substr(name, RLENGTH + 1)
    }
    if (!(version in known)) {
        known[version] = 1
        series[++series_num] = version
    }
    for (i = 2; i <= NF; i++) {
        split($i, words, " ")
        if (words[1] == "live:")
            live[words[2], version] = add(live[words[2], version], name)
        else if (words[1] == "core:")
            core[words[2], version] = add(core[words[2], version], name)
        if (words[1] == "live:" || words[1] == "core:")
            is_real[words[2]] = 1
    }
}
END {
    print "| verdict | catalogue | fired by cases | silent on neighbours | real QEMU, live | real QEMU, core |"
    print "|---|---|---|---|---|---|"
    for (i = 1; i <= rules; i++) {
        verdict = order[i]
        real += verdict in is_real
        if (!fired[verdict] || !silent[verdict])
            bad++
        printf "| %s | %s | %d | %d | %s | %s |\n", verdict, states[verdict], fired[verdict],
            silent[verdict], cell(live, verdict), cell(core, verdict)
    }
    printf "\n%d verdicts, %d of them seen on a real QEMU\n", rules, real
    if (!rules)
        print "rules-table.sh: no \"# rule:\" line in the logs" > "/dev/stderr"
    exit !rules || bad > 0
}' "$@"
