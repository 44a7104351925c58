#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Requests in flight and the disks behind them: what virtq says is what the guest asked for, by type, sector and length,
# on virtio-blk and virtio-scsi; throttled, parked after an error, and not answered by the disk; live, in a core, in a
# snapshot. While everything is busy nothing is made up.
. "${BASH_SOURCE[0]%/*}/lib/common.bash"

# queue DEVICE INDEX FILTER: of $output.
queue() {
    jq -r --arg id "$1" --argjson index "$2" \
        ".devices[] | select(.id == \$id) | .queues[] | select(.\"queue-index\" == \$index) | $3" <<<"$output"
}

# disk DEVICE NAME FILTER: a backend of $output.
disk() {
    jq -r --arg id "$1" --arg name "$2" \
        ".devices[] | select(.id == \$id) | .backends[] | select(.name == \$name) | $3" <<<"$output"
}

# What identifies a request, one a line, sorted: the order they were taken in is a matter of luck.
block_requests='[.requests[] | "\(.type) \(.sector) \(.length) \(.stage) \(.source) \(."found-in")"] | sort[]'
scsi_requests='[.requests[] | "\(.target) \(.lun) \(.opcode) \(.lba) \(.length) \(.stage) \(.source)"] | sort[]'

# same_disk0 WHERE: $output has the requests that hang_requests() left in disk0, no more. Four of them are neighbours,
# which QEMU makes one of if it takes them at once: each is still told by itself.
same_disk0() {
    local where="QEMU $qemu_series, $1"
    equal "$where: what disk0 holds is what the guest asked for" \
        "$(printf '%s\n' 'in 800 4096 in-device exact throttled requests' \
            'in 96000 65536 in-device exact throttled requests' \
            'out 20480 65536 in-device exact throttled requests' \
            'out 20608 65536 in-device exact throttled requests' \
            'out 20736 65536 in-device exact throttled requests' \
            'out 20864 65536 in-device exact throttled requests' \
            'out 3200 8192 in-device exact throttled requests')" "$(queue disk0 0 "$block_requests")"
    equal "$where: as many as are in flight, and all of them" "7 7 true null" "$(queue disk0 0 \
        '"\(.inuse) \(.requests | length) \(."requests-complete") \(."requests-problem")"')"
    equal "$where: their descriptors" "$(printf '%s\n' "16 4097" "16 65537" "65552 1" "65552 1" "65552 1" "65552 1" "8208 1")" \
        "$(queue disk0 0 '[.requests[] | "\(."out-length") \(."in-length")"] | sort[]')"
    equal "$where: nothing is wrong with them" "" "$(queue disk0 0 '.requests[] | .fault | select(. != null)')"
    equal "$where: the disk that holds them" "disk0-node throttle 2 true true 0 0 0 1" "$(disk disk0 disk0 \
        '(."throttled-reads" + ."throttled-writes") as $waiting | "\(.node) \(.type) \(."throttled-reads"
        ) \(."in-flight" == $waiting and ."tracked-requests" == $waiting) \(."throttle-timers" > 0
        ) \(."queued-requests") \(."parked-requests") \(."quiesce-counter") \(."num-queues")"')"
    merged=$(disk disk0 disk0 '5 - ."throttled-writes"')
}

# same_scsi0 WHERE: the same of the throttled one of two SCSI disks.
same_scsi0() {
    local where="QEMU $qemu_series, $1"
    equal "$where: what the SCSI disk holds" \
        "$(printf '%s\n' '1 0 READ(10) 512 4096 in-device exact' '1 0 WRITE(10) 4096 16384 in-device exact')" \
        "$(queue scsi0 2 "$scsi_requests")"
    equal "$where: as many as are in flight, and all of them" "2 2 true null" "$(queue scsi0 2 \
        '"\(.inuse) \(.requests | length) \(."requests-complete") \(."requests-problem")"')"
    equal "$where: the other disk of that bus holds nothing" "lun0 0 0 2 1; lun1 1 1 2 1" "$(jq -r '[.devices[] |
        select(.id == "scsi0").backends | sort_by(.name)[] |
        "\(.name | sub("scsidisk"; "lun")) \(."throttled-reads") \(."throttled-writes") \(."first-queue"
        ) \(."num-queues")"] | join("; ")' <<<"$output")"
}

# hang_requests: reads and writes of disk0 and the second SCSI disk that are not finished. A throttled group lets one
# request pass first.
hang_requests() {
    vm_throttle tg0 on
    vm_throttle tg1 on
    vm_guest 'second=$(basename /sys/bus/scsi/devices/*:0:1:0/block/*) # sda or sdb, as it was found
        for name in disk0 "$second"; do
            dd if="/dev/$name" of=/dev/null bs=512 count=1 skip=7 iflag=direct >/dev/null 2>&1
        done
        dd if=/dev/disk0 of=/dev/null bs=4k count=1 skip=100 iflag=direct >/dev/null 2>&1 &
        dd if=/dev/disk0 of=/dev/null bs=64k count=1 skip=750 iflag=direct >/dev/null 2>&1 &
        dd if=/dev/zero of=/dev/disk0 bs=8k count=1 seek=200 oflag=direct >/dev/null 2>&1 &
        echo 64 >"/sys/block/$(readlink /dev/disk0)/queue/max_sectors_kb"
        dd if=/dev/zero of=/dev/disk0 bs=256k count=1 seek=40 oflag=direct >/dev/null 2>&1 &
        dd if="/dev/$second" of=/dev/null bs=4k count=1 skip=64 iflag=direct >/dev/null 2>&1 &
        dd if=/dev/zero of="/dev/$second" bs=16k count=1 seek=128 oflag=direct >/dev/null 2>&1 &'
    if ! wait_until 60 all_hang; then
        { queue disk0 0 "$block_requests"; queue scsi0 2 "$scsi_requests"; } | sed "s|^|#   |"
        no_go "QEMU $qemu_series: the requests hang"
    fi
}

all_hang() {
    run --json --once "$vm_pid" disk0 scsi0
    [[ $(queue disk0 0 .inuse) == 7 && $(queue scsi0 2 .inuse) == 2 ]]
}

# no_request: on any queue of a disk.
no_request() {
    local status
    run --json --once "$vm_pid"
    [[ $(jq '[.devices[] | select(.id == ("disk0", "disk1", "scsi0", "bad")) | .queues[].requests[],
        (.backends[] | select(.kind == "disk" and ."in-flight" != 0))] | length' <<<"$output") == 0 ]]
}

# A null device never waits for the host, and reads at one sector of the other one fail.
extra=(
    -object throttle-group,id=tg1
    -blockdev driver=null-co,node-name=lun1-null,size=67108864,read-zeroes=on
    -blockdev driver=throttle,throttle-group=tg1,file=lun1-null,node-name=lun1-node
    -device scsi-hd,id=scsidisk1,drive=lun1-node,bus=scsi0.0
    -blockdev driver=null-co,node-name=bad-null,size=67108864,read-zeroes=on
    -blockdev driver=blkdebug,node-name=bad-node,image=bad-null,inject-error.0.event=none,inject-error.0.errno=5,inject-error.0.sector=8000
    -device virtio-blk-pci,id=bad,drive=bad-node,serial=bad,rerror=stop,werror=stop
)

# busy SERIES: of a busy machine nothing is said that cannot be.
busy() {
    local bad=0 seen=0 round
    vm_load_start disk0 disk1 scsi0 net rng
    sleep 1
    for round in {1..15}; do
        run --json --once "$vm_pid"
        # A healthy driver makes no mistakes; what is complete adds up; heads are of the ring.
        jq -e '[.devices[].queues[] | ."vring-num" as $num | .inuse as $inuse |
            (.requests[] | (.fault == null or .fault == "unreadable") and .head < $num),
            (select(."requests-complete" and .packed == false) |
                ([.requests[] | select(.stage == "in-device")] | length) == $inuse)] | all' \
            <<<"$output" >"$tap_dir/jq" 2>&1 || bad=$((bad + 1))
        seen=$((seen + $(jq '[.devices[].queues[].requests[]] | length' <<<"$output")))
    done
    vm_load_stop
    equal "QEMU $qemu_series, all busy: nothing impossible in 15 samples" 0 "$bad"
    printf '# QEMU %s, all busy: %d requests seen in 15 samples\n' "$qemu_series" "$seen"
}

for series in 7.2 10; do
    use_qemu "$series"
    vm_start_standard requests "${extra[@]}" || no_go "QEMU $series starts"
    busy
    check "QEMU $series, idle: no request, on any queue of a disk" wait_until 60 no_request
    equal "QEMU $series, idle: every disk, and nothing in it" \
        "bad bad-node blkdebug 0; disk0 disk0-node throttle 0; disk1 disk1-node file 0; scsidisk0 scsi0-node file 0; scsidisk1 lun1-node throttle 0" \
        "$(jq -r '[.devices[].backends[] | select(.kind == "disk") | "\(.name) \(.node) \(.type) \(."in-flight")"] |
            sort | join("; ")' <<<"$output")"

    hang_requests
    run --json --once "$vm_pid"
    same_disk0 live
    printf '# QEMU %s: %d requests merged into others\n' "$series" "$merged"
    same_scsi0 live
    before=$(queue disk0 0 '[.requests[]."age-ns"] | min')
    sleep 1
    run --json --once "$vm_pid"
    after=$(queue disk0 0 '[.requests[]."age-ns"] | min')
    check "QEMU $series, live: they grow older, by a second at least" test $((after - before)) -ge 1000000000
    printf '# QEMU %s: taken %d ms ago\n' "$series" $((after / 1000000))

    "$VIRTQ" snapshot --once "$vm_pid" -o "$tap_dir/snapshot" >/dev/null || no_go "a snapshot of QEMU $series"
    run --json "$tap_dir/snapshot"
    same_disk0 snapshot
    same_scsi0 snapshot
    check "QEMU $series, snapshot: as old as when it was taken" \
        test "$(queue disk0 0 '[.requests[]."age-ns"] | min')" -ge "$after"
    vm_core "$tap_dir/core" || no_go "a core of QEMU $series"
    run --json "$tap_dir/core"
    same_disk0 core
    same_scsi0 core
    equal "QEMU $series, core: no older than they are" true \
        "$(queue disk0 0 "[.requests[].\"age-ns\" | select(. != null) | . < $((after + 600000000000))] | all")"
    rm "$tap_dir"/{core,snapshot}
    vm_throttle tg0 off
    vm_throttle tg1 off
    resumed

    # The VM stops at the first error, with the request parked until it goes on.
    vm_guest '(sleep 1; dd if=/dev/bad of=/dev/null bs=4k count=1 skip=1000 iflag=direct) >/dev/null 2>&1 &'
    parked() {
        local status
        run --json --once "$vm_pid" bad
        [[ $(jq -r .qemu.runstate <<<"$output") == io-error ]]
    }
    check "QEMU $series: the VM stops at an error" wait_until 60 parked
    equal "QEMU $series, after an error: the request is parked" "in 8000 4096 in-device exact parked requests" \
        "$(queue bad 0 "$block_requests")"
    equal "QEMU $series, after an error: the disk says so" "1 failed stop stop" \
        "$(disk bad bad '"\(."parked-requests") \(.iostatus) \(."on-read-error") \(."on-write-error")"')"
    equal "QEMU $series, after an error: QEMU says the same" failed "$(vm_qmp query-block |
        jq -r '.[] | select(.qdev | test("/bad/")) | ."io-status"')"
    vm_stop

    # SeaBIOS reads sector 0 of a disk that answers in 200 s. (The properties keep QEMU from reading it first.)
    machine_start "$VM_QEMU" -M q35,accel=tcg -m 64 \
        -blockdev driver=null-co,node-name=node0,size=1073741824,latency-ns=200000000000 \
        -device virtio-blk-pci,id=slow0,drive=node0,bootindex=0,cyls=1000,heads=16,secs=63 || no_go "QEMU $series starts"
    reads() {
        local status
        run --json --once "$machine_pid"
        [[ $(queue slow0 0 '.requests[0]."found-in"') == "tracked requests" ]]
    }
    check "QEMU $series: the firmware reads its first sector" wait_until 60 reads
    equal "QEMU $series, a disk that does not answer: the firmware's request, without an indirect table" \
        "in 0 512 in-device exact tracked requests; 3 16 513 null 1 true" "$(queue slow0 0 "$block_requests"); $(queue slow0 0 \
            '"\(.requests[0] | "\(.descriptors) \(."out-length") \(."in-length") \(.indirect)") \(.inuse) \(."requests-complete")"')"
    machine_stop
done
finish
