#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# vhost-user-blk with qemu-storage-daemon as the backend: QEMU's own indices are stale and are not judged, the ring is.
# Healthy under load; waiting for a stopped backend; moving again. And QMP's x-query-virtio-queue-status, which stops the
# ring of the device that is asked about: virtq does not, and sees that it happened.
. "${BASH_SOURCE[0]%/*}/lib/common.bash"
. "$lib/states.bash"

# The count of the kick is not in a core.
expect_verdict backend-stopped vhost/kick-unread vhost/waiting
expect_verdict ring-stopped vhost/kick-unread vhost/waiting
expect_verdict backend-gone vhost/disconnected vhost/disconnected

# kick_count: of vhost0's queue 0 in $output, as the kernel tells it.
kick_count() {
    local address fd
    address=$(queue_json vhost0 0 '."host-address"')
    fd=$(gdb -nx -batch -iex 'set debuginfod enabled off' -iex 'set auto-solib-add off' -p "$vm_pid" \
        -ex "printf \"kick %d\\n\", ((VirtQueue *)$address)->host_notifier.rfd" </dev/null 2>/dev/null |
        sed -n 's/^kick //p')
    sed -n 's/^eventfd-count: *//p' "/proc/$vm_pid/fdinfo/$fd"
}

moved() {
    local before after
    before=$("$VIRTQ" --json --once "$vm_pid" | jq '.devices[0].queues[0]."used-ring-idx"')
    sleep 0.5
    after=$("$VIRTQ" --json --once "$vm_pid" | jq '.devices[0].queues[0]."used-ring-idx"')
    [[ $before != "$after" ]]
}

# drained: the backend has finished everything, and read every kick.
drained() {
    device_is vhost0 '.queues[0] | ."avail-idx" == ."used-ring-idx" and ."host-notifier-count" == 0'
}

# kicked: a request waits, and the guest has told the backend.
kicked() {
    local status output errors
    run --json --once "$vm_pid" vhost0
    [[ $(queue_json vhost0 0 '."avail-idx" - ."used-ring-idx"') == 1 && $(kick_count) == 1 ]]
}

is_stopped() {
    ! grep -h '^State:' "/proc/$1/task"/*/status | grep -qv stopped
}

# one_read: of the guest, which the backend does not serve. Before it there is nothing to do for either of them.
one_read() {
    begin one-read 'dd if=/dev/vda of=/dev/null bs=4k count=1 iflag=direct'
    wait_until 60 kicked || no_go "QEMU $series: the guest makes a request"
}
one_read_ended() {
    check "QEMU $series, $1: the guest's request is finished" wait_until 60 ended one-read
}

# only_disk1_busy: nothing is to be done for the backend.
only_disk1_busy() {
    vm_load_stop
    wait_until 60 drained || no_go "QEMU $series: vhost0 is idle"
    vm_load_start disk1
}

for series in 7.2 10; do
    use_qemu "$series"
    truncate -s 64M "$tap_dir/backend.img"
    setpriv --pdeathsig KILL "${VM_QEMU%/*}/qemu-storage-daemon" \
        --blockdev "driver=file,filename=$tap_dir/backend.img,node-name=node0" \
        --export "type=vhost-user-blk,id=export0,node-name=node0,addr.type=unix,addr.path=$tap_dir/blk.sock,writable=on" \
        >"$tap_dir/backend.log" 2>&1 &
    backend=$!
    disown
    wait_until 60 test -S "$tap_dir/blk.sock" || no_go "qemu-storage-daemon $series starts"
    VM_MACHINE=q35,memory-backend=memory0 vm_start vhost \
        -object memory-backend-memfd,id=memory0,size=128M,share=on \
        -chardev "socket,id=socket0,path=$tap_dir/blk.sock" -device vhost-user-blk-pci,id=vhost0,chardev=socket0 \
        -blockdev driver=file,filename=disk1.img,node-name=disk1-node \
        -device virtio-blk-pci,id=disk1,drive=disk1-node,serial=disk1 || no_go "QEMU $series starts"
    vm_load_start vda disk1
    wait_until 60 moved || no_go "QEMU $series: the guest reads"

    quiet=0
    for _ in {1..15}; do
        run --json --interval=1 "$vm_pid"
        [[ -n $output && -z $(accusations '' '') ]] && quiet=$((quiet + 1))
    done
    equal "QEMU $series, under load: 15 of 15 runs accuse nobody" 15 "$quiet"
    check "QEMU $series: the device is a vhost device of a user process" jq -e '.devices[0] |
        .vhost and ."vhost-backend" == "user" and ."vhost-started" and .queues[0].vhost' <<<"$output"
    equal "QEMU $series: QEMU's own indices are stale while the ring is far ahead" "0 0 true" "$(jq -r '
        .devices[0].queues[0] | "\(."used-idx") \(."last-avail-idx") \(."used-ring-idx" != 0 or ."avail-idx" != 0)"' <<<"$output")"
    check "QEMU $series: the ring goes on after 15 runs" wait_until 60 moved
    run "$vm_pid"
    check "QEMU $series: the table marks what is stale" grep -qE '^0 vhost0 .* ~ +~ ' <<<"$output"

    only_disk1_busy
    kill -STOP "$backend"
    wait_until 60 is_stopped "$backend" || no_go "QEMU $series: the backend is stopped"
    one_read
    state backend-stopped vhost0 0
    output=$live_output
    equal "QEMU $series, backend stopped: two samples" 2 "$(jq .target.samples <<<"$output")"
    equal "QEMU $series, backend stopped: one request" 1 "$(jq '.devices[0].queues[0] |
        ."avail-idx" - ."used-ring-idx"' <<<"$output")"
    equal "QEMU $series, backend stopped: one kick that nobody has read" 1 "$(kick_count)"
    kill -CONT "$backend"
    one_read_ended "backend goes on"
    vm_load_start vda
    check "QEMU $series, backend goes on: the queue moves" wait_until 60 moved
    healthy "backend goes on"

    # With a request in its hands, libvhost-user would end itself when it is finished.
    only_disk1_busy
    vm_qmp '{"execute": "x-query-virtio-queue-status",
        "arguments": {"path": "/machine/peripheral/vhost0/virtio-backend", "queue": 0}}' >/dev/null
    one_read
    state ring-stopped vhost0 0
    output=$live_output
    equal "QEMU $series, ring stopped by QMP: one kick that nobody has read" 1 "$(kick_count)"
    vm_qmp stop cont >/dev/null
    resumed
    one_read_ended "ring started again by stop and cont"
    vm_load_start vda
    check "QEMU $series, ring started again by stop and cont: the queue moves" wait_until 60 moved
    healthy "ring started again by stop and cont"

    kill -KILL "$backend"
    wait_until 60 device_is vhost0 '.backends[0].connected == false and
        (.queues[0] | ."avail-idx" != ."used-ring-idx")' || no_go "QEMU $series sees the backend go, and a request waits"
    state backend-gone vhost0 0
    vm_stop
    rm -f "$tap_dir"/{core,blk.sock}
done
finish
