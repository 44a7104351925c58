#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# States of a real QEMU that are made on purpose: virtq names each, live and from a core, and finds nothing on the same
# VM before and, where the cause can be taken away, after. The states of a vhost-user device are in 08-vhost-user.sh.
#
# Without SERIES every state is made on QEMU 7.2, and on QEMU 10 those in which the versions differ; SERIES="7.2 10" makes
# all on both.
. "${BASH_SOURCE[0]%/*}/lib/common.bash"
. "$lib/states.bash"

# A core is made where it says what no other one does.
expect_verdict paused off/paused -
expect_verdict throttled in-device/throttled in-device/throttled
expect_verdict slow in-device/backend-io in-device/backend-io
expect_verdict write-error in-device/error-stop in-device/error-stop
expect_verdict read-error in-device/error-stop -
expect_verdict scsi-throttled in-device/throttled -
expect_verdict scsi-slow in-device/backend-io -
expect_verdict scsi-write-error in-device/error-stop -
# What the drain waits for, and what waits for the drain.
expect_verdict drain-cause in-device/backend-io in-device/backend-io
expect_verdict drained not-seen/drained not-seen/drained
expect_verdict drained-beside not-seen/drained not-seen/drained
expect_verdict lock in-device/lock in-device/lock
expect_verdict tx-not-drained in-device/parked in-device/parked
expect_verdict port-not-read in-device/parked -
expect_verdict peer-not-reading taken-not/peer-not-reading taken-not/peer-not-reading

# in_full: is every state to be made on this QEMU?
in_full() {
    [[ $qemu_series == 7.2 || -n ${SERIES:-} ]]
}

# A guest's kernel reads each disk when it finds it, so a disk may be slow only later: its node's file is exchanged then.
fast=size=67108864,read-zeroes=on
slow=$fast,latency-ns=200000000000
slow_down() { # NODE FILE
    vm_qmp '{"execute": "blockdev-reopen", "arguments": {"options": [
        {"driver": "raw", "node-name": "'"$1"'", "file": "'"$2"'"}]}}' >/dev/null || no_go "$1 becomes slow"
}

# failing_once NODE FILE: the first write at sector 800 fails, and the first read at sector 1600.
failing_once() {
    jq -cn --arg node "$1" --arg file "$2" '{ driver: "blkdebug", "node-name": $node, image: $file, "inject-error": [
        { event: "none", iotype: "write", sector: 800, errno: 5, once: true },
        { event: "none", iotype: "read", sector: 1600, errno: 5, once: true } ] }'
}

# read_at DISK SECTOR, write_at DISK SECTOR: commands of the guest; 4096 bytes.
read_at() { echo "dd if=/dev/$1 of=/dev/null bs=4k count=1 iflag=direct skip=$(($2 / 8))"; }
write_at() { echo "dd if=/dev/zero of=/dev/$1 bs=4k count=1 oflag=direct seek=$(($2 / 8))"; }

run_state() {
    vm_qmp query-status | jq -r .status
}

io_status() { # DEVICE
    vm_qmp query-block | jq -r --arg device "$1" '.[] | select(.qdev | contains($device))."io-status"'
}

taken() { # NAME DEVICE QUEUE
    wait_until 60 device_is "$2" ".queues[$3].inuse == 1" || no_go "QEMU $qemu_series, $1: QEMU takes the request"
}

drain_begins() { # DEVICE
    wait_until 60 device_is "$1" '.backends[0]."quiesce-counter" > 0' ||
        no_go "QEMU $qemu_series, $1: a drained section begins"
}

throttled() { # NAME DISK GROUP DEVICE QUEUE
    vm_throttle "$3" on
    # The first request still passes, and the next one waits for it.
    begin "$1" "$(read_at "$2" 0); $(read_at "$2" 808)"
    wait_until 60 device_is "$4" ".queues[$5].inuse == 1 and any(.backends[]; .\"throttled-reads\" == 1)" ||
        no_go "QEMU $qemu_series, $1: a request waits"
    check "QEMU $qemu_series, $1: the guest waits" not_ended "$1"
    state "$1" "$4" "$5"
    vm_throttle "$3" off
    resumed
    healthy "no longer $1"
    check "QEMU $qemu_series, $1: the guest has gone on without the limit" wait_until 60 ended "$1"
}

stopped_by_error() { # NAME COMMAND DEVICE QUEUE DISK
    begin "$1" "$2"
    wait_until 60 eval '[[ $(run_state) == io-error ]]'
    equal "QEMU $qemu_series, $1: the VM is stopped for it" "io-error failed" "$(run_state) $(io_status "$5")"
    state "$1" "$3" "$4"
    also off/paused "$3" "$4"
    vm_qmp cont >/dev/null
    resumed
    equal "QEMU $qemu_series, $1: cont leaves the disk's io-status as it was" failed "$(io_status "$5")"
    healthy "cont after $1"
    check "QEMU $qemu_series, $1: the guest has gone on with cont" wait_until 60 ended "$1"
}

disks() {
    vm_start disks \
        -object throttle-group,id=tg0 -object throttle-group,id=tg1 \
        -blockdev driver=file,filename=disk0.img,node-name=throttled0-file \
        -blockdev driver=throttle,throttle-group=tg0,file=throttled0-file,node-name=throttled0-node \
        -device virtio-blk-pci,id=throttled0,drive=throttled0-node,serial=throttled0 \
        -blockdev "null-co,node-name=slow0-fast,$fast" -blockdev "null-co,node-name=slow0-slow,$slow" \
        -blockdev raw,file=slow0-fast,node-name=slow0-node \
        -device virtio-blk-pci,id=slow0,drive=slow0-node,serial=slow0 \
        -blockdev "null-co,node-name=error0-file,$fast" -blockdev "$(failing_once error0-node error0-file)" \
        -device virtio-blk-pci,id=error0,drive=error0-node,serial=error0,werror=stop,rerror=stop \
        -blockdev driver=file,filename=disk1.img,node-name=other0-node \
        -device virtio-blk-pci,id=other0,drive=other0-node,serial=other0 \
        -device virtio-scsi-pci,id=scsi0 \
        -blockdev driver=file,filename=scsi0.img,node-name=scsithrottled-file \
        -blockdev driver=throttle,throttle-group=tg1,file=scsithrottled-file,node-name=scsithrottled-node \
        -device scsi-hd,id=scsithrottled,drive=scsithrottled-node,bus=scsi0.0,lun=0 \
        -blockdev "null-co,node-name=scsislow-fast,$fast" -blockdev "null-co,node-name=scsislow-slow,$slow" \
        -blockdev raw,file=scsislow-fast,node-name=scsislow-node \
        -device scsi-hd,id=scsislow,drive=scsislow-node,bus=scsi0.0,lun=1 \
        -blockdev "null-co,node-name=scsierror-file,$fast" -blockdev "$(failing_once scsierror-node scsierror-file)" \
        -device scsi-hd,id=scsierror,drive=scsierror-node,bus=scsi0.0,lun=2,werror=stop,rerror=stop ||
        no_go "QEMU $qemu_series starts with disks"
    # The kernel finds the disks of a controller in any order.
    vm_guest 'lun=0; for disk in scsithrottled scsislow scsierror; do
        ln -s "$(ls /sys/class/scsi_device/0:0:0:$lun/device/block)" /dev/$disk && lun=$((lun + 1))
    done' || no_go "every SCSI disk is there"
    vm_guest 'for disk in throttled0 slow0 error0 other0 scsithrottled scsislow scsierror; do
        dd if=/dev/$disk of=/dev/null bs=4k count=20 iflag=direct && dd if=/dev/zero of=/dev/$disk bs=4k count=1 oflag=direct
    done' >/dev/null 2>&1 || no_go "every disk works"
    healthy "disks that have worked"

    throttled throttled throttled0 tg0 throttled0 0
    request_is throttled0 0 in 808 4096
    stopped_by_error write-error "$(write_at error0 800)" error0 0 error0
    request_is error0 0 out 800 4096
    in_full || { vm_stop; return; }

    vm_qmp stop >/dev/null
    state paused other0 0
    vm_qmp cont >/dev/null
    healthy "cont after stop"

    throttled scsi-throttled scsithrottled tg1 scsi0 2
    stopped_by_error read-error "$(read_at error0 1600)" error0 0 error0
    request_is error0 0 in 1600 4096
    stopped_by_error scsi-write-error "$(write_at scsierror 800)" scsi0 2 scsierror

    slow_down slow0-node slow0-slow
    slow_down scsislow-node scsislow-slow
    begin slow "$(read_at slow0 800)"
    taken slow slow0 0
    check "QEMU $qemu_series, slow: the guest waits" not_ended slow
    state slow slow0 0
    request_is slow0 0 in 800 4096
    begin scsi-slow "$(read_at scsislow 800)"
    taken scsi-slow scsi0 2
    check "QEMU $qemu_series, scsi-slow: the guest waits" not_ended scsi-slow
    state scsi-slow scsi0 2 slow0:0
    healthy "beside the slow disks" slow0:0 scsi0:2

    # A snapshot waits for the requests in flight, here for minutes. The main loop is in a loop of its own meanwhile, and
    # serves no monitor and no other disk.
    vm_qmp '{"execute": "blockdev-snapshot-sync", "arguments": {"node-name": "slow0-node",
        "snapshot-file": "overlay.qcow2", "snapshot-node-name": "overlay"}}' >/dev/null 2>&1 &
    snapshot=$!
    drain_begins slow0
    state drain-cause slow0 0 scsi0:2
    request_is slow0 0 in 800 4096
    check "QEMU $qemu_series, drain-cause: the monitor still waits" kill -0 "$snapshot"
    vm_stop
    wait "$snapshot"
}

not_taken() { # DISK
    local status output errors
    run --json --once "$vm_pid"
    queue_json "$1" 0 'select(."avail-idx" != ."last-avail-idx")."queue-index"' | grep -q .
}

# A drained section that lasts, while everything else goes on: a resize of the disk that stops in the middle.
drained() {
    local resize
    "${VM_QEMU%/*}/qemu-img" create -q -f qcow2 "$tap_dir/drained0.qcow2" 64M || no_go "an image"
    vm_start drained \
        -blockdev "driver=file,filename=$tap_dir/drained0.qcow2,node-name=drained0-file" \
        -blockdev driver=blkdebug,image=drained0-file,node-name=drained0-debug \
        -blockdev driver=qcow2,file=drained0-debug,node-name=drained0-node \
        -device virtio-blk-pci,id=drained0,drive=drained0-node,serial=drained0 \
        -blockdev driver=file,filename=disk1.img,node-name=other0-node \
        -device virtio-blk-pci,id=other0,drive=other0-node,serial=other0 \
        -chardev socket,id=monitor,path=hmp,server=on,wait=off -mon chardev=monitor,mode=readline ||
        no_go "QEMU $qemu_series starts with a qcow2 disk"
    vm_guest "$(read_at drained0 800) && $(read_at other0 800)" >/dev/null 2>&1 || no_go "every disk works"
    healthy "not drained"
    vm_hmp 'qemu-io drained0-node "break l1_grow_write_table here"' >/dev/null
    vm_qmp '{"execute": "block_resize", "arguments": {"node-name": "drained0-node", "size": 4294967296}}' \
        >/dev/null 2>&1 &
    resize=$!
    drain_begins drained0
    healthy "drained, but idle"
    begin drained "$(read_at drained0 808)"
    check "QEMU $qemu_series, drained: the guest's request is not taken" wait_until 60 not_taken drained0
    begin drained-beside "$(read_at other0 808)"
    if [[ $qemu_series == 7.2 ]]; then
        # Of old, no disk of the same AioContext is listened to meanwhile, drained or not.
        check "QEMU $qemu_series, drained-beside: nor is that on another disk" wait_until 60 not_taken other0
        state drained-beside other0 0 drained0:0
        state drained drained0 0 other0:0
    else
        check "QEMU $qemu_series, drained: other disks work" wait_until 60 ended drained-beside
        state drained drained0 0
    fi
    # The monitor of vm_hmp is busy with the resize. By the node's name instead of the device's, qemu-io of QEMU 10 would
    # change the block graph, and wait for the resize as well.
    perl -MIO::Socket::UNIX -e '
        $monitor = IO::Socket::UNIX->new(Peer => shift) or die;
        sub prompt { $text = ""; 1 while $text !~ /\(qemu\) $/ && sysread $monitor, $text, 4096, length $text }
        prompt; syswrite $monitor, "qemu-io -d /machine/peripheral/drained0/virtio-backend \"resume here\"\n"; prompt' "$vm_dir/hmp"
    check "QEMU $qemu_series, drained: the resize ends" wait_until 60 eval '! kill -0 "$resize" 2>/dev/null'
    healthy "no longer drained"
    check "QEMU $qemu_series, drained: the guest has gone on after it" \
        wait_until 60 eval 'ended drained && ended drained-beside'
    vm_stop
    rm "$tap_dir/drained0.qcow2"
}

# The request's thread waits for a lock: the monitor holds that of the disk's AioContext while qemu-io sleeps. There is
# no such lock since 9.0.
iothread0_wants_lock() {
    local status output errors
    run --json --once "$vm_pid"
    jq -e '(."event-loops"[] | select(.name == "iothread0")."thread-id") as $tid |
        .threads[] | select(.tid == $tid).lock' <<<"$output" >/dev/null
}
lock() {
    vm_start lock -object iothread,id=iothread0 \
        -blockdev "null-co,node-name=lock0-fast,$fast" -blockdev "null-co,node-name=lock0-slow,$fast,latency-ns=20000000000" \
        -blockdev raw,file=lock0-fast,node-name=lock0-node \
        -device virtio-blk-pci,id=lock0,drive=lock0-node,serial=lock0,iothread=iothread0 ||
        no_go "QEMU $qemu_series starts with an IOThread"
    slow_down lock0-node lock0-slow
    begin unlocked "$(read_at lock0 800)"
    check "QEMU $qemu_series, no lock: the guest goes on after twenty seconds" wait_until 60 ended unlocked
    healthy "no lock"
    begin lock "$(read_at lock0 1600)"
    # Not before QEMU has the request: its thread would wait for the lock to take it. It has twenty seconds.
    taken lock lock0 0
    vm_hmp 'qemu-io lock0-node "sleep 1000000"' >/dev/null 2>&1 &
    holder=$!
    wait_until 60 iothread0_wants_lock || no_go "QEMU $qemu_series, lock: the request's thread wants it"
    check "QEMU $qemu_series, lock: the guest waits" not_ended lock
    # The owner of the lock still runs the guest's timers, and while it runs it may let go of the lock: nobody is blamed.
    state lock lock0 0
    request_is lock0 0 in 1600 4096
    check "QEMU $qemu_series, lock: it is still held" kill -0 "$holder"
    vm_stop
    wait "$holder"
}

# A reader of a socket or a FIFO, to be stopped and continued.
start_reader() { # COMMAND...
    setpriv --pdeathsig KILL "$@" >/dev/null 2>"$tap_dir/reader.log" &
    reader=$!
    disown
}

# lose_receiver NIC: QEMU believes that this device has no room for packets, as it did when there was no buffer in the ring
# and the notification of new buffers got lost. There is no way from outside to lose it but this.
lose_receiver() {
    cat >"$tap_dir/lose.gdb" <<-END
	set \$client = 'net.c'::net_clients.tqh_first
	while !\$_streq(\$client->name, "$1")
	  set \$client = \$client->next.tqe_next
	end
	set var \$client->receive_disabled = 1
	END
    gdb -nx -batch -iex 'set debuginfod enabled off' -iex 'set auto-solib-add off' -p "$vm_pid" -x "$tap_dir/lose.gdb" \
        </dev/null >"$tap_dir/lose.log" 2>&1
}

can_ping() {
    vm_guest 'ping -c 3 -W 1 192.0.2.2' >/dev/null
}

cannot_ping() {
    ! can_ping
}

backends() {
    start_reader perl -MIO::Socket::UNIX -e '
        $listener = IO::Socket::UNIX->new(Local => shift, Listen => 1) or die; $peer = $listener->accept;
        1 while sysread $peer, $data, 65536' "$tap_dir/peer.sock"
    peer_reader=$reader
    mkfifo "$tap_dir"/port.{in,out}
    # Opened for both, for a FIFO has to have a writer first.
    start_reader sh -c 'exec cat <>"$0"' "$tap_dir/port.out"
    port_reader=$reader
    wait_until 60 test -S "$tap_dir/peer.sock" || no_go "the peer listens"
    vm_start backends \
        -netdev dgram,id=wire0,local.type=unix,local.path=wire0,remote.type=unix,remote.path=wire1 \
        -netdev dgram,id=wire1,local.type=unix,local.path=wire1,remote.type=unix,remote.path=wire0 \
        -device virtio-net-pci,id=net0,netdev=wire0,mac=52:54:00:00:00:10,romfile= \
        -device virtio-net-pci,id=net1,netdev=wire1,mac=52:54:00:00:00:11,romfile= \
        -netdev "stream,id=wire2,server=off,addr.type=unix,addr.path=$tap_dir/peer.sock" \
        -device virtio-net-pci,id=net2,netdev=wire2,mac=52:54:00:00:00:12,romfile= \
        -device virtio-serial-pci,id=serial0 -chardev "pipe,id=port0-chardev,path=$tap_dir/port" \
        -device virtserialport,id=port0,name=port0,chardev=port0-chardev ||
        no_go "QEMU $qemu_series starts with backends"
    # Nobody answers at the other end, so the guest is told who is there.
    vm_guest 'busybox ip addr add 198.51.100.1/24 dev eth2 && busybox ip link set eth2 up &&
        arp -s 198.51.100.2 52:54:00:00:00:99 && ! ping -c 2 -W 1 198.51.100.2' >/dev/null || no_go "the guest sends"
    vm_guest 'dd if=/dev/zero of=$(echo /dev/vport*p1) bs=4k count=40' >/dev/null 2>&1 || no_go "the port takes data"
    vm_load_start net
    sleep 2
    vm_load_stop
    check "QEMU $qemu_series: the guest's network works" wait_until 60 can_ping
    healthy "backends that read"

    kill -STOP "$peer_reader"
    vm_guest 'ping -c 2000 -s 1400 -i 0.01 -W 1 198.51.100.2' >/dev/null 2>&1
    state tx-not-drained net2 1
    kill -CONT "$peer_reader"
    sleep 1
    healthy "a peer that reads again"

    ! in_full || more_backends
    vm_stop
    kill -KILL "$peer_reader" "$port_reader"
    rm -f "$tap_dir"/{peer.sock,port.in,port.out}
}

more_backends() {
    kill -STOP "$port_reader"
    # More than fits into the ring, which has 1024 entries in QEMU 10.0.
    begin port-not-read 'dd if=/dev/zero of=$(echo /dev/vport*p1) bs=4k count=1200'
    wait_until 60 device_is serial0 'any(.backends[]; ."element-held")' ||
        no_go "QEMU $qemu_series, port-not-read: a port holds what it cannot write"
    check "QEMU $qemu_series, port-not-read: the guest waits" not_ended port-not-read
    state port-not-read serial0 5
    kill -CONT "$port_reader"
    check "QEMU $qemu_series, port-not-read: the guest goes on" wait_until 60 ended port-not-read
    # What the device has finished since the guest's last write stays in the ring until the next: the driver looks at no
    # other time, and misses nothing.
    healthy "a port that is read again"

    check "QEMU $qemu_series: the guest's network works before" can_ping
    lose_receiver net1 || no_go "gdb changes receive_disabled: $(<"$tap_dir/lose.log")"
    check "QEMU $qemu_series, peer-not-reading: nothing arrives" cannot_ping
    state peer-not-reading net1 0
    vm_qmp stop cont >/dev/null
    check "QEMU $qemu_series, peer-not-reading: stop and cont helps" wait_until 60 can_ping
    healthy "a peer that is read again"
}

for series in ${SERIES:-7.2 10}; do
    use_qemu "$series"
    disks
    backends
    drained
done
if [[ " ${SERIES:-7.2} " == *" 7.2 "* ]]; then
    use_qemu 7.2
    lock
fi
finish
