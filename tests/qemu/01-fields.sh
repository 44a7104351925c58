#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Every value that QMP's x-query-virtio, -status, -queue-status and -queue-element print is in virtq's JSON and equal,
# for every device and every queue of a VM that has done some I/O; the event indices, which QMP does not print, are
# compared with guest memory.
. "${BASH_SOURCE[0]%/*}/lib/common.bash"
. "$lib/oracle.bash"

# same WHAT JSON [MINIMUM]: no differences, and at least so many values compared.
same() {
    local result count
    result=$(oracle_compare "$tap_dir/names" "$tap_dir/qmp" "$tap_dir/elements" "$tap_dir/events" "$2" 2>&1)
    count=$(sed -nE '$s/ values compared$//p' <<<"$result")
    equal "QEMU $qemu_series, $1 (${count:-no} values)" "" "$(sed "/ values compared$/d" <<<"$result")"
    check "QEMU $qemu_series, $1: they are at least $3" test "${count:-0}" -ge "$3"
}

# the load has moved six queues, and their drivers have asked for an interrupt
six_were_used() {
    "$VIRTQ" --json --once "$vm_pid" >"$tap_dir/json"
    jq -e '[.devices[].queues[] | select(."used-idx" > 0 and ."used-event" > 0)] | length >= 6' "$tap_dir/json"
}

# virtq looked, and nothing changed while it did
looked_between() {
    before=$(oracle_ask)
    "$VIRTQ" --json --once "$vm_pid" >"$tap_dir/json"
    [[ -n $before && $(oracle_ask) == "$before" ]]
}

nothing='[]'
oracle_names >"$tap_dir/names"

for series in 7.2 10; do
    use_qemu "$series"
    vm_start_standard fields -device virtio-net-pci,id=net2,packed=on,romfile= || no_go "QEMU $series starts"
    vm_load_start disk0 disk1 scsi0 net rng
    check "QEMU $series: the load is one" wait_until 60 six_were_used
    vm_load_stop

    # A running VM: what stands still while virtq looks must be equal.
    echo "$nothing" >"$tap_dir/elements"
    echo "$nothing" >"$tap_dir/events"
    check "QEMU $series, running: nothing changes while virtq looks" wait_until 60 looked_between
    printf '%s' "$before" >"$tap_dir/qmp"
    same "running" "$tap_dir/json" 1200

    vm_qmp stop >/dev/null
    oracle_ask >"$tap_dir/qmp"
    "$VIRTQ" --json "$vm_pid" >"$tap_dir/json"
    vm_core "$tap_dir/core" || no_go "a core of QEMU $series"
    "$VIRTQ" --json "$tap_dir/core" >"$tap_dir/core.json"
    oracle_elements "$tap_dir/json" >"$tap_dir/elements"
    oracle_events "$tap_dir/json" >"$tap_dir/events"

    check "QEMU $series: every queue that is set up has an element to compare with" \
        test "$(jq length "$tap_dir/elements")" -ge 20
    check "QEMU $series: and event indices" test "$(jq length "$tap_dir/events")" -ge 20
    check "QEMU $series: the counters that are compared are not all zero" \
        jq -e '[.devices[].queues[] | select(."used-idx" > 0 and ."used-event" > 0)] | length >= 6' "$tap_dir/json"
    same "stopped, live" "$tap_dir/json" 1500
    jq '.devices[1].queues[0]."used-idx" += 1 | del(.devices[2].queues[1]."vring-align") | .devices[0].status = 7' \
        "$tap_dir/json" >"$tap_dir/wrong.json"
    equal "QEMU $qemu_series: the comparison notices three wrong values" 3 "$(oracle_compare "$tap_dir"/names \
        "$tap_dir"/{qmp,elements,events,wrong.json} | grep -c ": QMP ")"
    same "stopped, a core" "$tap_dir/core.json" 1500
    equal "QEMU $series: a stopped VM's queues are paused, off or unreadable, never stuck" "" \
        "$(findings "$(<"$tap_dir/json")")"
    vm_stop
    rm "$tap_dir/core"
done
finish
