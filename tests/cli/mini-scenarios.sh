#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Every scenario of mini-qemu, as a core in every struct layout: the indices and
# the verdicts are the ones that the scenario says.
set -uo pipefail
. tests/cli/common.bash

# Compare what a scenario expects with what virtq found. Devices are matched by id;
# those without one by their order, which is that of creation.
compare() { # LAYOUT SCENARIO JSON
    awk '$1 == "device" { print $2 }' "$2" | jq -R . | jq -s . >"$tap_dir/names"
    jq -r --slurpfile names "$tap_dir/names" '.devices | to_entries[] |
        (.value.id // $names[0][.key]) as $device | .value.queues[] | "\($device):\(.["queue-index"])" as $queue |
        to_entries[] | select(.value | type != "array" and type != "object") |
        "\($queue) \(.key) \(if .value == true then 1 elif .value == false then 0 else .value end)"' \
        <<<"$3" >"$tap_dir/found" || return 1
    local status=0 queue key want got
    while read -r queue key want; do
        got=$(awk -v queue="$queue" -v key="$key" '$1 == queue && $2 == key { print $3 }' "$tap_dir/found")
        [[ $got == "$want" ]] && continue
        echo "$queue $key: expected $want, got ${got:-nothing}"
        status=1
    done < <(expected "$1" <"$2" | awk '$1 == "expect" { print $2, "verdict", $3 }
        $1 == "expect-index" { for (i = 3; i <= NF; i++) { split($i, v, "="); print $2, v[1], v[2] } }')
    return $status
}

for layout in 5.2 7.2 10.0 10.2 7.2-aarch64 10.2-aarch64 7.2-s390x 10.2-s390x; do
    for scenario in fixtures/mini-qemu/scenarios/*.scn; do
        name=$(basename "$scenario" .scn)
        # qemu-user saves what was marked with MADV_DONTDUMP
        [[ $layout/$name != *-*/no-guest-ram ]] || continue
        core=$tap_dir/core
        fixtures/mini-qemu/make-core.sh "$BUILD/mini-qemu/mini-qemu-$layout" "$scenario" "$core" \
            >"$tap_dir/make.log" 2>&1 || { sed "s,^,# ," "$tap_dir/make.log"; check "$layout $name: a core" false; continue; }
        json=$("$VIRTQ" --json --no-cache -e "$BUILD/mini-qemu/mini-qemu-$layout" "$core" 2>"$tap_dir/stderr")
        status=$?
        if [ $status -gt 2 ]; then
            cat "$tap_dir/stderr"
            check "$layout $name: exit status $status" false
            continue
        fi
        check "$layout $name: indices and verdicts" compare "$layout" "$scenario" "$json"
    done
done
finish
