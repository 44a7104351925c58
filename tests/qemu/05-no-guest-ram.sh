#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# dump-guest-core=off, libvirt's default: a core has QEMU's side only. That is reported, the guest's side is unreadable
# and the answer says why, and no verdict is invented. Live, the same VM is read in full.
. "${BASH_SOURCE[0]%/*}/lib/common.bash"

# QEMU's side of every queue that stands still: an idle guest sends a packet now and then and asks for entropy.
qemus_side() {
    jq -r '.devices[] | .id as $id | select($id | test("^(disk|scsi|serial|keyboard)")).queues[] |
        "\($id):\(."queue-index") \(."vring-desc") \(."shadow-avail-idx") \(."last-avail-idx") \(."used-idx") \(.inuse)"' \
        <<<"$output"
}

half() {
    local where="QEMU $qemu_series, $1" core=$2
    run --json "$core"
    expect 2 "" "$where: exit 2, nothing is called stuck"
    check "$where: it says that it is incomplete, and why" jq -e '.complete == false and .error == null' <<<"$output"
    equal "$where: every queue that is set up is unknown" "unknown/guest-ram" \
        "$(jq -r '[.devices[].queues[] | select(."set-up").verdict] | unique[]' <<<"$output")"
    equal "$where: the ring's facts are null and named, per queue" true "$(jq '[.devices[].queues[] |
        select(."set-up") | . as $queue |
        (.unreadable | sort) as $unreadable |
        $unreadable == (["avail-flags", "avail-idx", "used-flags", "used-ring-idx"] +
            if ."event-idx" then ["used-event", "avail-event"] else [] end | sort) and
        ([$queue[$unreadable[]]] | all(. == null)) and
        (."unreadable-reason" | length > 0)] | all and length > 60' <<<"$output")"
    equal "$where: QEMU's facts are all known" 0 "$(jq '[.devices[].queues[] |
        ."shadow-avail-idx", ."last-avail-idx", ."used-idx", .inuse, ."vring-num" | select(. == null)] | length' \
        <<<"$output")"
    equal "$where: QEMU's side is that of the live VM" "$live_side" \
        "$(qemus_side)"
    check "$where: the device holds a request of disk0" jq -e '.devices[0].queues[0].inuse == 1' <<<"$output"
    equal "$where: queues that are not set up are told from unreadable ones" "off/not-set-up" \
        "$(jq -r '[.devices[].queues[] | select(."set-up" | not).verdict] | unique[]' <<<"$output")"

    run "$core"
    equal "$where, text: exit 2" 2 "$status"
    contains "$where, text: why" "$output" "dump-guest-core=off"
    contains "$where, text: unreadable is not zero" "$(grep 'disk0' <<<"$output")" " ? "
}

for series in 7.2 10; do
    use_qemu "$series"
    VM_MACHINE=q35,dump-guest-core=off VM_MEMORY=96M vm_start_standard noram || no_go "QEMU $series starts"
    some_io disk0 disk1 scsi0 net rng
    hang_disk0
    # What the balloon's timer and the guest's clock do is all that still moves.
    sleep 2

    run --json "$vm_pid"
    expect 1 "disk0:0 in-device/throttled $(aged medium high)" "QEMU $series, live: disk0's queue, with guest memory"
    live_side=$(qemus_side)
    vm_core "$tap_dir/core" || no_go "gcore of QEMU $series"
    half gcore "$tap_dir/core"
    vm_kernel_core "$tap_dir/core" || no_go "the kernel's core of QEMU $series"
    half "kernel core" "$tap_dir/core"
    rm "$tap_dir/core"
done
finish
