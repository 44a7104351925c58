#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# What virtq says of the backends of net, serial, 9p, balloon and vhost-user is what gdb sees in QEMU: idle, then with a
# netdev and a chardev whose other sides do not read, live and from a core; and a vhost-user disk whose daemon dies.
#
# shellcheck disable=SC2016  # gdb's variables
. "${BASH_SOURCE[0]%/*}/lib/common.bash"

# The facts of the first (or INDEX) backend of a device, from the document in $output; true and false are 1 and 0.
facts() {
    local id=$1 index=$2
    shift 2
    jq -r --arg id "$id" --argjson index "$index" '.devices[] | select(.id == $id).backends[$index] |
        [.[$ARGS.positional[]] | if . == true then 1 elif . == false then 0 else . end] | join(" ")' \
        --args "$@" <<<"$output"
}

# The requests that a device holds of a queue: "HEAD SOURCE FOUND-IN" each.
held() {
    jq -r --arg id "$1" --argjson queue "$2" '.devices[] | select(.id == $id).queues[$queue].requests[] |
        select(.stage == "in-device") | "\(.head) \(.source) \(."found-in")"' <<<"$output"
}

address() {
    jq -r --arg id "$1" '.devices[] | select(.id == $id)."host-address"' <<<"$output"
}

# see PID COMMAND...: what gdb prints, one line a printf.
see() {
    local pid=$1
    shift
    printf '%s\n' "$@" >"$tap_dir/gdb"
    gdb -nx -batch -iex "set debuginfod enabled off" -iex "set auto-solib-add off" -p "$pid" -x "$tap_dir/gdb" \
        </dev/null 2>/dev/null | sed -n 's/^see //p'
}

net_facts=(link-down receive-disabled incoming-packets peer-receive-disabled peer-packets async-tx tx-waiting)
see_net() {
    see "$vm_pid" "set \$n = (VirtIONet *)$(address net0)" 'set $c = $n->nic->ncs' 'set $p = $c->peer' \
        'printf "see %d %d ", $c->link_down || $p->link_down, $c->receive_disabled' \
        'printf "%d %d %d ", $c->incoming_queue->nq_count, $p->receive_disabled, $p->incoming_queue->nq_count' \
        'printf "%d %d\n", $n->vqs->async_tx.elem != 0, $n->vqs->tx_waiting' \
        'if $n->vqs->async_tx.elem != 0' 'printf "see %d exact async_tx\n", $n->vqs->async_tx.elem->index' 'end'
}
port_facts=(element-held throttled guest-connected host-connected)
see_port() {
    see "$vm_pid" "set \$p = ((VirtIOSerial *)$(address serial0))->ports.tqh_first" \
        'printf "see %d %d %d %d\n", $p->elem != 0, $p->throttled, $p->guest_connected, $p->host_connected' \
        'if $p->elem != 0' 'printf "see %d exact port\n", $p->elem->index' 'end'
}
see_fs() {
    see "$vm_pid" "set \$f = (V9fsVirtioState *)$(address fs0)" 'set $i = 0' 'set $held = 0' \
        'while $i < 128
            set $held = $held + ($f->elems[$i] != 0)
            set $i = $i + 1
        end' 'printf "see %d %d\n", $held, $f->state.free_list.lh_first == 0'
}
see_balloon() {
    see "$vm_pid" "printf \"see %d exact statistics\\n\", ((VirtIOBalloon *)$(address balloon0))->stats_vq_elem->index"
}

# same WHAT: the document in $output against what gdb sees.
same() {
    equal "$1: net" "$(see_net)" "$(facts net0 0 "${net_facts[@]}")$(held net0 1 | sed '1s/^/\n/')"
    equal "$1: port" "$(see_port)" "$(facts serial0 0 "${port_facts[@]}")$(held serial0 5 | sed '1s/^/\n/')"
    equal "$1: 9p" "$(see_fs)" "$(facts fs0 0 elements-held blocked)"
    equal "$1: balloon" "$(see_balloon)" "$(held balloon0 2)"
}

fact_is() {
    output=$("$VIRTQ" --json --once "$vm_pid")
    [[ $(facts "$1" 0 "$2") == "$3" ]]
}

start_daemon() {
    rm -f "$tap_dir/blk.sock"
    setpriv --pdeathsig KILL "${VM_QEMU%/*}/qemu-storage-daemon" \
        --blockdev "driver=file,filename=$tap_dir/backend.img,node-name=node0" \
        --export "type=vhost-user-blk,id=export0,node-name=node0,addr.type=unix,addr.path=$tap_dir/blk.sock,writable=on" \
        >"$tap_dir/backend.log" 2>&1 &
    daemon=$!
    disown
    wait_until 60 test -S "$tap_dir/blk.sock" || no_go "qemu-storage-daemon $series starts"
}

truncate -s 64M "$tap_dir/backend.img"
for series in 7.2 10; do
    use_qemu "$series"
    start_daemon
    # The other sides; a chardev that no device uses is not read.
    machine_start "$VM_QEMU" -machine none -netdev "stream,id=net,server=on,addr.type=unix,addr.path=$tap_dir/net.sock" \
        -chardev "socket,id=serial,server=on,wait=off,path=$tap_dir/serial.sock" || no_go "QEMU $series starts"
    VM_MACHINE=q35,memory-backend=memory0 vm_start backends -object memory-backend-memfd,id=memory0,size=128M,share=on \
        -netdev "stream,id=wire0,server=off,addr.type=unix,addr.path=$tap_dir/net.sock" \
        -device virtio-net-pci,id=net0,netdev=wire0,romfile= \
        -device virtio-serial-pci,id=serial0 -chardev "socket,id=port0-chardev,path=$tap_dir/serial.sock" \
        -device virtserialport,id=port0,chardev=port0-chardev \
        -fsdev local,id=share0,path=.,security_model=none -device virtio-9p-pci,id=fs0,fsdev=share0,mount_tag=share0 \
        -device virtio-balloon-pci,id=balloon0 \
        -chardev "socket,id=disk0-chardev,path=$tap_dir/blk.sock,reconnect=1" \
        -device vhost-user-blk-pci,id=disk0,chardev=disk0-chardev || no_go "QEMU $series starts"
    vm_guest 'ip addr add 192.0.2.1/24 dev eth0; ip link set eth0 up; arp -s 192.0.2.2 52:54:00:00:00:02'
    wait_until 60 at_rest || no_go "QEMU $series: the guest comes to rest"

    run --json --once "$vm_pid"
    equal "QEMU $series, idle: names and types" "wire0 stream
port0 null
share0 9p
disk0-chardev user" "$(jq -r '.devices[].backends[] | "\(.name) \(.type)"' <<<"$output")"
    equal "QEMU $series, idle: which queues" "net0 0 2
serial0 4 2
fs0 0 1
disk0 0 1" "$(jq -r '.devices[] | .id as $id | .backends[] | "\($id) \(."first-queue") \(."num-queues")"' <<<"$output")"
    same "QEMU $series, idle"
    equal "QEMU $series, idle: nothing waits" "0 0 0 0 0 0 0" "$(facts net0 0 "${net_facts[@]}")"
    equal "QEMU $series, idle: the daemon is there" 1 "$(facts disk0 0 connected)"

    kill -STOP "$machine_pid"
    vm_guest 'for i in 1 2 3 4; do ping -A -s 9000 192.0.2.2 >/dev/null 2>&1 & done
        dd if=/dev/zero of=/dev/$(ls /sys/class/virtio-ports | grep p1) bs=64k count=1000 >/dev/null 2>&1 &'
    wait_until 60 fact_is net0 async-tx 1 || no_go "QEMU $series: the netdev refuses a packet"
    # Each further packet would be looked at, and left where it is.
    vm_guest 'killall -KILL ping'
    wait_until 60 fact_is serial0 throttled 1 || no_go "QEMU $series: the chardev refuses what the guest writes"
    wait_until 60 at_rest || no_go "QEMU $series: the guest can send no more"
    run --json --once "$vm_pid"
    same "QEMU $series, the other sides do not read"
    check "QEMU $series, the other sides do not read: the netdev refused a packet" \
        test "$(facts net0 0 peer-receive-disabled peer-packets async-tx)" = "1 1 1"
    equal "QEMU $series, the other sides do not read: and so did the chardev" "1 1 1 1" \
        "$(facts serial0 0 "${port_facts[@]}")"
    vm_core "$tap_dir/core" || no_go "gcore of QEMU $series"
    run --json "$tap_dir/core"
    same "QEMU $series, the other sides do not read, a core"
    rm "$tap_dir/core"

    vm_guest 'killall -KILL dd'
    kill -CONT "$machine_pid"
    check "QEMU $series, the netdev goes on" wait_until 60 fact_is net0 async-tx 0
    wait_until 60 at_rest || no_go "QEMU $series: the guest sends no more"
    vm_hmp 'set_link wire0 off' >/dev/null
    check "QEMU $series, set_link off" fact_is net0 link-down 1
    equal "QEMU $series, set_link off" "$(see_net | head -n 1)" "$(facts net0 0 "${net_facts[@]}")"

    kill -KILL "$daemon"
    check "QEMU $series, the daemon is gone" wait_until 60 fact_is disk0 connected 0
    equal "QEMU $series, the daemon is gone: gdb" 0 "$(see "$vm_pid" \
        "printf \"see %d\\n\", ((VHostUserBlk *)$(address disk0))->connected")"
    equal "QEMU $series, the daemon is gone: still a backend of all queues" "disk0-chardev user 0 1" \
        "$(facts disk0 0 name type first-queue num-queues)"
    start_daemon
    check "QEMU $series, a new daemon" wait_until 60 fact_is disk0 connected 1
    vm_stop
    machine_stop
    kill -KILL "$daemon"
    rm -f "$tap_dir"/*.sock
done
finish
