#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# A hang that nobody planted. With packed rings and EVENT_IDX, virtio_net_tx_complete() of QEMU 7.2 and 10.0 asks for
# the next notification before it takes more packets, and only virtqueue_split_pop() asks again after each: the event
# index stays behind, the guest obeys it and does not kick, and the network is dead. It takes a network that is sometimes
# busy, as a Unix datagram socket is.
. "${BASH_SOURCE[0]%/*}/lib/common.bash"

stalled() {
    vm_load_start net
    sleep 2
    vm_load_stop
    ! vm_guest 'ping -c 2 -W 1 192.0.2.2' >/dev/null &&
        # Not merely slow.
        ! vm_guest 'ping -c 3 -W 10 192.0.2.2' >/dev/null
}

# It may stall again at once, with what had piled up.
cured() {
    vm_qmp stop cont >/dev/null
    sleep 2
    vm_guest 'ping -c 3 -W 2 192.0.2.2' >/dev/null || return
    run --json "$vm_pid"
    [[ $status == 0 ]]
}

# At a moment when the main loop is busy with something else it may be about to look, and virtq is less sure.
is_named() {
    run --json "$vm_pid"
    named="exit $status: $(findings | sed -nE 's/^net[01]:1 //p' | sort -u)"
    [[ $named == "exit 1: not-seen/waiting medium" ]]
}

for series in 7.2 10; do
    use_qemu "$series"
    VM_CPUS=2 vm_start_standard lost -set device.net0.packed=on -set device.net1.packed=on || no_go "QEMU $series starts"
    if ! wait_until 60 stalled; then
        # Not a failure: it takes luck, and a QEMU may have been fixed.
        run --json "$vm_pid"
        expect 0 "" "QEMU $series: the network did not stall, and virtq finds nothing"
        vm_stop
        continue
    fi
    wait_until 60 is_named
    equal "QEMU $series: no packet passes, and virtq says that QEMU does not see the transmit queue's" \
        "exit 1: not-seen/waiting medium" "$named"
    equal "QEMU $series: and nothing else" "" "$(findings | grep -v '^net[01]:1 ')"
    equal "QEMU $series: the event index is behind what QEMU has taken" true "$(jq '
        [.devices[].queues[] | select(.verdict == "not-seen/waiting") |
            (."device-event-off-wrap" % 32768) != ."last-avail-idx" and ."device-event-flags" == 2] | all' <<<"$output")"
    run "$vm_pid"
    contains "QEMU $series: the advice is stop and cont" "$(tr -s ' \n' ' ' <<<"$output")" \
        '`stop` and `cont` makes QEMU look again'
    check "QEMU $series: which helps, and virtq finds nothing then" wait_until 120 cured
    vm_stop
done
finish
