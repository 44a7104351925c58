#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# One of two disks is throttled to a byte a second: virtq reports that disk's queue and nothing else, live (while all
# other devices are busy), from gcore's core and from the kernel's.
. "${BASH_SOURCE[0]%/*}/lib/common.bash"

# only_disk0 WHERE CONFIDENCE: the last run found disk0's queue 0, which waits in its throttle group, and nothing else.
only_disk0() {
    local where="QEMU $qemu_series, $1"
    expect 1 "disk0:0 in-device/throttled $2" "$where: disk0's queue, nothing else"
    equal "$where: the verdict of the queue is that of its finding" "in-device/throttled $2" \
        "$(jq -r '.devices[0].queues[0] | "\(.verdict) \(.confidence)"' <<<"$output")"
    equal "$where: every other queue is fine" "" \
        "$(jq -r '.devices[1:][].queues[].verdict | select(startswith("ok/") or . == "off/not-set-up" | not)' \
            <<<"$output")"
    equal "$where: one request in flight, taken, seen" "1 0 0" "$(jq -r '.devices[0].queues[0] |
        "\(.inuse) \(."avail-idx" - ."last-avail-idx") \(."shadow-avail-idx" - ."last-avail-idx")"' <<<"$output")"
    check "$where: the answer is complete" jq -e '.complete and .error == null and .incomplete == []' <<<"$output"
    check "$where: a read waits in the throttle group, and a timer will wake it" jq -e '.devices[0].backends[0] |
        ."throttled-reads" >= 1 and ."throttle-timers" >= 1' <<<"$output"
    check "$where: the finding has evidence, reasons considered and a next step" jq -e \
        '.devices[0].queues[0].findings[0] | (.evidence | length >= 2) and (.considered | length >= 1) and .next != ""' \
        <<<"$output"
}

for series in 7.2 10; do
    use_qemu "$series"
    vm_start_standard stuck || no_go "QEMU $series starts"
    some_io disk0 disk1 scsi0 net rng
    hang_disk0

    run --json "$vm_pid"
    only_disk0 "live" "$(aged medium high)"
    equal "QEMU $series, live: two samples" 2 "$(jq .target.samples <<<"$output")"
    run "$vm_pid"
    contains "QEMU $series, live: the first line is the answer" "$(head -n 1 <<<"$output")" "disk0 queue 0 (request)"
    equal "QEMU $series, live: the text says the same" 1 "$(grep -c '^in-device/throttled: ' <<<"$output")"

    run --json "$vm_pid" disk1
    expect 0 "" "QEMU $series, live: nothing is found on disk1 when only that is asked for"

    vm_load_start disk1 scsi0 net rng
    for _ in 1 2 3; do
        run --json "$vm_pid"
        only_disk0 "live, all others busy" "$(aged medium high)"
    done
    vm_load_stop
    wait_until 60 at_rest || no_go "QEMU $series: the guest comes to rest"

    vm_core "$tap_dir/core" || no_go "a core of QEMU $series"
    run --json "$tap_dir/core"
    only_disk0 "gcore" "$(aged low medium)"
    equal "QEMU $series, gcore: one sample" 1 "$(jq .target.samples <<<"$output")"

    vm_kernel_core "$tap_dir/core" || no_go "the kernel's core of QEMU $series"
    run --json "$tap_dir/core"
    only_disk0 "kernel core" "$(aged low medium)"
    equal "QEMU $series, kernel core: the signal" 6 "$(jq .target.signal <<<"$output")"
    rm "$tap_dir/core"
done
finish
