#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# What virtq sees around the queues, and what others see of it: gdb of eventfds, handlers, MSI-X tables and mutexes; QMP
# of IOThreads; /proc of counts and system calls. On a healthy QEMU, then on one whose main loop waits for a request that
# never ends, with the big lock in its hands; live, in a core, and in a snapshot.
. "${BASH_SOURCE[0]%/*}/lib/common.bash"

# by_gdb TARGET...: what gdb says of $output.
by_gdb() {
    printf '%s' "$output" >"$tap_dir/document.json"
    gdb -nx -batch -iex "set debuginfod enabled off" -iex "set auto-solib-add off" "$@" \
        -ex "python document = '$tap_dir/document.json'" -x "$lib/evidence.py" 2>"$tap_dir/gdb.log" | sed -n 's/^evidence //p'
}

# by_virtq: the same lines, of $output itself.
by_virtq() {
    jq -r 'def bit: if . == null then "null" elif . then 1 else 0 end; def number: if . == null then "null" else . end;
        (.devices[] | .id as $id |
            "\($id) \(."ioeventfd-started" | bit) \(."ioeventfd-grabbed") \(."msix-enabled" | bit) \(."intx-asserted" | bit) \(
                .irqfds | bit)",
            (.queues[] | "\($id) \(."queue-index") \(."host-notifier-fd" | number) \(."guest-notifier-fd" | number) \(
                ."vector-masked" | bit) \(."vector-pending" | bit) \(.listeners | number)")),
        ([."event-loops"[] | select(.main)] | "loop iohandler_ctx \(.[0]."host-address")",
            "loop qemu_aio_context \(.[1]."host-address")")' <<<"$output"
}

# counts: "FD COUNT" of each eventfd that virtq counted, and the same from the kernel.
counts_by_virtq() {
    jq -r '.devices[].queues[] | select(."host-notifier-count" != null) |
        "\(."host-notifier-fd") \(."host-notifier-count")"' <<<"$output"
}
counts_by_kernel() {
    local fd count
    while read -r fd _; do
        count=$(sed -n 's/^eventfd-count: *//p' "/proc/$vm_pid/fdinfo/$fd")
        echo "$fd $((16#$count))"
    done < <(counts_by_virtq)
}

# A guest that runs may ask for entropy meanwhile.
same_counts() {
    local status counts # check() has one, too
    run --once --json "$vm_pid"
    counts=$(counts_by_virtq)
    [[ -n $counts && $counts == "$(counts_by_kernel)" ]]
}

# calls_by_virtq, calls_by_kernel: "TID NAME" of the threads that wait in a futex or poll.
calls_by_virtq() {
    jq -r '.threads[] | select(."waits-in" == "futex" or ."waits-in" == "ppoll") | "\(.tid) \(."waits-in")"' <<<"$output"
}
calls_by_kernel() {
    local task number
    for task in "/proc/$vm_pid/task"/*; do
        read -r number _ <"$task/syscall"
        case $number in
        202) echo "${task##*/} futex" ;;
        271) echo "${task##*/} ppoll" ;;
        esac
    done
}

# Threads come and go, and a debugger that was here changes what a call with a timeout is called.
same_calls() {
    local status # check() has one, too
    run --once --json "$vm_pid"
    calls=$(calls_by_virtq)
    [[ -n $calls && $calls == "$(calls_by_kernel)" ]]
}

# facts: all of $output that has to be the same in a core of a QEMU that stands still.
facts() {
    jq -S '[."event-loops", [.devices[] | {id, "ioeventfd-started", "ioeventfd-grabbed", "msix-enabled", irqfds,
        queues: [.queues[] | {"queue-index", "host-notifier-fd", "guest-notifier-fd", listeners, listener,
            "vector-masked", "vector-pending", "irqfd-users"}]}],
        [.threads[] | select(.lock or .tid == $pid) | {tid, activity, "waits-in", lock, "lock-owner"}]]' \
        --argjson pid "$vm_pid" <<<"$output"
}

# the entry of the guest's MSI-X table that belongs to disk0's queue 0, by the address of BAR 1
disk0_mask() { # 0|1
    vm_guest "set -- \$(sed -n 2p \$(readlink -f /sys/block/\$(readlink /dev/disk0)/device/..)/resource)
        devmem \$((\$1 + 16 + 12)) 32 $1"
}

# lock_held: the main loop waits in the drained section of slow0, with the lock, and somebody wants that; and it was so, and
# all else was as it is, at the last look.
lock_held() {
    local status before=$held
    run --once --json "$vm_pid"
    held=
    jq -e --argjson pid "$vm_pid" 'any(.threads[]; ."lock-owner" == $pid) and
        any(.threads[]; .tid == $pid and .activity == "polling") and
        any(.devices[]; .id == "slow0" and .backends[0]."quiesce-counter" > 0)' <<<"$output" >/dev/null || return
    held=$(facts)
    [[ $held == "$before" ]]
}
held=

if ! command -v gdb >/dev/null || ! gdb -nx -batch -ex 'python 1' >/dev/null 2>&1; then
    skip "virtq and gdb see the same" "no gdb with Python here"
    finish
fi
# A table of system calls by number is this test's oracle.
[[ $(uname -m) == x86_64 ]] || { skip "virtq and the kernel see the same" "made for x86-64"; finish; }

for series in 7.2 10; do
    use_qemu "$series"
    # blkdebug lets a request of slow0 wait for ever.
    vm_start_standard evidence -object iothread,id=spare0 \
        -blockdev driver=raw,node-name=slow0-node,file.driver=blkdebug,file.image.driver=null-co,file.image.size=1048576,file.image.read-zeroes=on \
        -device virtio-blk-pci,id=slow0,drive=slow0-node || no_go "QEMU $series starts"
    some_io

    run --once --json "$vm_pid"
    equal "QEMU $series: gdb sees the same notifiers, vectors and listeners" "$(by_gdb -p "$vm_pid" | grep -v '^lock')" \
        "$(by_virtq)"
    equal "QEMU $series: QMP knows the same IOThreads" \
        "$(vm_qmp query-iothreads | jq -r '.[] | "\(.id) \(."thread-id")"' | sort)" \
        "$(jq -r '."event-loops"[] | select(.main | not) | "\(.name) \(."thread-id")"' <<<"$output" | sort)"
    equal "QEMU $series: the main loop is of the process's first thread" "$vm_pid $vm_pid" \
        "$(jq -r '[."event-loops"[] | select(.main)."thread-id"] | join(" ")' <<<"$output")"
    equal "QEMU $series: the IOThread's disk is heard by it" iothread0 "$(jq -r '
        (.devices[] | select(.id == "disk1").queues[0].listener) as $listener |
            ."event-loops"[] | select(."host-address" == $listener).name' <<<"$output")"
    check "QEMU $series: the kernel has the same counts" wait_until 60 same_counts

    if disk0_mask 1 >"$tap_dir/devmem.log" 2>&1; then
        run --once --json "$vm_pid"
        equal "QEMU $series: one vector is masked" "disk0 0" "$(jq -r '.devices[] | .id as $id | .queues[] |
            select(."vector-masked") | "\($id) \(."queue-index")"' <<<"$output")"
        disk0_mask 0
    else
        skip "QEMU $series: one vector is masked" "the guest cannot write there: $(tail -n 1 "$tap_dir/devmem.log")"
    fi

    # The main loop begins to drain slow0, and waits for its request; the vCPU wants the lock for a device's registers.
    vm_guest 'while :; do cat /sys/bus/pci/devices/*/config >/dev/null; dd if=/dev/disk1 of=/dev/null bs=4k count=1 \
        iflag=direct; done >/dev/null 2>&1 &'
    vm_hmp 'qemu-io slow0-node "break read_aio A"' >/dev/null
    vm_guest 'for disk in /sys/block/vd*; do [ "$(cat $disk/size)" != 2048 ] ||
        dd if=/dev/${disk##*/} of=/dev/null bs=4k count=1 iflag=direct >/dev/null 2>&1 & done'
    wait_until 60 device_is slow0 '.queues[0].inuse == 1' || no_go "QEMU $series: slow0 has a request"
    vm_qmp '{"execute": "block_resize", "arguments": {"node-name": "slow0-node", "size": 1048576}}' >/dev/null 2>&1 &
    check "QEMU $series: the lock is held" wait_until 60 lock_held
    live=$(facts)
    equal "QEMU $series, with the lock held: gdb sees who holds it" \
        "$(by_gdb -p "$vm_pid" | sed -n 's/^lock //p')" \
        "$(jq -r '[.threads[] | select(."lock-owner") | "\(.lock) \(."lock-owner")"] | unique[]' <<<"$output")"
    equal "QEMU $series, with the lock held: gdb sees the same listeners" "$(by_gdb -p "$vm_pid" | grep -v '^lock')" \
        "$(by_virtq)"
    equal "QEMU $series, with the lock held: the kernel has the same counts" "$(counts_by_kernel)" "$(counts_by_virtq)"
    equal "QEMU $series, with the lock held: its owner waits in a loop" polling \
        "$(jq -r --argjson pid "$vm_pid" '.threads[] | select(.tid == $pid).activity' <<<"$output")"
    check "QEMU $series, with the lock held: the kernel has the same calls" wait_until 60 same_calls
    check "QEMU $series: a snapshot of it" "$VIRTQ" snapshot --once --full "$vm_pid" -o "$tap_dir/snapshot"
    vm_core "$tap_dir/core" || no_go "QEMU $series: a core is made"

    run --json "$tap_dir/snapshot"
    equal "QEMU $series: the snapshot has the same facts" "$live" "$(facts)"
    equal "QEMU $series: and the same counts" "$(counts_by_kernel)" "$(counts_by_virtq)"
    run --json "$tap_dir/core"
    equal "QEMU $series: the core has the same facts" "$live" "$(facts)"
    equal "QEMU $series: but no counts" "" "$(counts_by_virtq)"
    rm -f "$tap_dir/core" "$tap_dir/snapshot"
    vm_stop
done
finish
