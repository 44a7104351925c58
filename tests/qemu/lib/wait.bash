# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
#
# How tests wait for a state of the current VM, instead of for a time in which it should come. To be sourced after
# fixtures/real-qemu/vm.sh; uses $VIRTQ, and no_go of who sources it.

# wait_until SECONDS COMMAND...: until it succeeds.
wait_until() {
    local deadline=$((SECONDS + $1))
    shift
    until "$@"; do
        ((SECONDS < deadline)) || return 1
        sleep 0.05
    done
}

# device_is DEVICE FILTER: jq's FILTER holds for it in a new look at the VM.
device_is() {
    local document
    # Its exit status tells of findings.
    document=$("$VIRTQ" --json --once "$vm_pid" 2>/dev/null)
    jq -e --arg id "$1" ".devices[] | select(.id == \$id) | $2" <<<"$document" >/dev/null 2>&1
}

# at_rest: no queue moves for half a second.
at_rest() {
    local before
    before=$(_queue_indices)
    sleep 0.5
    [[ -n $before && $(_queue_indices) == "$before" ]]
}
_queue_indices() {
    local document
    document=$("$VIRTQ" --json --once "$vm_pid" 2>/dev/null)
    jq -c '[.devices[].queues[] | [."avail-idx", ."last-avail-idx", ."used-idx", ."used-ring-idx", .inuse,
        ."host-notifier-count"]]' <<<"$document" 2>/dev/null
}

# end_half_way: ends the VM when virtq, which is about to start, is looking at it.
end_half_way() {
    wait_until 60 _looked_at
    sleep 1
    kill -KILL "$vm_pid"
}
_looked_at() {
    [[ -n $(find /proc/[0-9]*/fd -lname "/proc/$vm_pid" 2>/dev/null) ]]
}

# hang_disk0: a request that the throttled disk0 will not finish.
hang_disk0() {
    vm_throttle tg0 on
    vm_guest 'dd if=/dev/disk0 of=/dev/null bs=4k count=4 iflag=direct >/dev/null 2>&1 &'
    # The first request still passes, and the next one waits for it.
    wait_until 60 device_is disk0 '.queues[0].inuse == 1 and .backends[0]."throttled-reads" == 1' ||
        no_go "a request of disk0 waits"
}
