#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# vhost-user-blk with qemu-storage-daemon as the backend: QEMU's own indices are stale and are not judged, the ring is.
# Healthy under load; waiting for a stopped backend; moving again. And QMP's x-query-virtio-queue-status, which stops the
# ring of the device that is asked about: virtq does not, and sees that it happened.
. "${BASH_SOURCE[0]%/*}/lib/common.bash"

moved() {
    local before after
    before=$("$VIRTQ" --json --once "$vm_pid" | jq '.devices[0].queues[0]."used-ring-idx"')
    sleep 0.5
    after=$("$VIRTQ" --json --once "$vm_pid" | jq '.devices[0].queues[0]."used-ring-idx"')
    [[ $before != "$after" ]]
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
    wait_until 10 test -S "$tap_dir/blk.sock" || no_go "qemu-storage-daemon $series starts"
    VM_MACHINE=q35,memory-backend=memory0 vm_start vhost \
        -object memory-backend-memfd,id=memory0,size=128M,share=on \
        -chardev "socket,id=socket0,path=$tap_dir/blk.sock" -device vhost-user-blk-pci,id=vhost0,chardev=socket0 \
        -blockdev driver=file,filename=disk1.img,node-name=disk1-node \
        -device virtio-blk-pci,id=disk1,drive=disk1-node,serial=disk1 || no_go "QEMU $series starts"
    vm_guest 'for disk in vda disk1; do
        (while :; do dd if=/dev/$disk of=/dev/null bs=4k count=1000 iflag=direct; done >/dev/null 2>&1 &) done'
    sleep 1

    quiet=0
    for _ in {1..15}; do
        run --json --interval=1 "$vm_pid"
        [[ $status == 0 && -z $(findings) ]] && quiet=$((quiet + 1))
    done
    equal "QEMU $series, under load: 15 of 15 runs find nothing" 15 "$quiet"
    check "QEMU $series: the device is a vhost device of a user process" jq -e '.devices[0] |
        .vhost and ."vhost-backend" == "user" and ."vhost-started" and .queues[0].vhost' <<<"$output"
    equal "QEMU $series: QEMU's own indices are stale while the ring is far ahead" "0 0 true" "$(jq -r '
        .devices[0].queues[0] | "\(."used-idx") \(."last-avail-idx") \(."used-ring-idx" != 0)"' <<<"$output")"
    check "QEMU $series: the ring goes on after 15 runs" moved
    run "$vm_pid"
    check "QEMU $series: the table marks what is stale" grep -qE '^0 vhost0 .* ~ +~ .*ok/' <<<"$output"

    kill -STOP "$backend"
    sleep 1
    run --json "$vm_pid"
    equal "QEMU $series, backend stopped: its queue waits, nothing else" "exit 1 vhost0:0 vhost/waiting" \
        "exit $status $(findings | sed 's/ [a-z]*$//')"
    equal "QEMU $series, backend stopped: two samples" 2 "$(jq .target.samples <<<"$output")"
    equal "QEMU $series, backend stopped: one request" 1 "$(jq '.devices[0].queues[0] |
        ."avail-idx" - ."used-ring-idx"' <<<"$output")"
    vm_core "$tap_dir/core" || no_go "gcore of QEMU $series"
    run --json "$tap_dir/core"
    equal "QEMU $series, backend stopped, a core: its queue may wait, nothing but low confidence" \
        "exit 1 vhost0:0 vhost/waiting low" "exit $status $(findings | grep -v ^disk1)"
    kill -CONT "$backend"
    sleep 1
    run --json "$vm_pid"
    expect 0 "" "QEMU $series, backend goes on: nothing"
    check "QEMU $series, backend goes on: the queue moves" moved

    vm_qmp '{"execute": "x-query-virtio-queue-status",
        "arguments": {"path": "/machine/peripheral/vhost0/virtio-backend", "queue": 0}}' >/dev/null
    sleep 1
    run --json "$vm_pid"
    equal "QEMU $series, QMP stopped the ring: the queue waits" "exit 1 vhost0:0 vhost/waiting" \
        "exit $status $(findings | sed 's/ [a-z]*$//')"
    vm_stop
    kill -KILL "$backend"
    rm -f "$tap_dir"/{core,blk.sock}
done
finish
