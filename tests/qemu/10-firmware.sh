#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Before there is an operating system: SeaBIOS drives a disk by polling, without event indices. No finding as long as it
# makes progress; stuck when the disk does not answer; and when QEMU was told to pause, that.
. "${BASH_SOURCE[0]%/*}/lib/common.bash"

boot=$tap_dir/boot.img
polling_boot_sector "$boot"

# firmware_has FILTER: jq's FILTER holds for the disk's queue.
firmware_has() {
    local status output errors
    run --json --once "$machine_pid"
    jq -e ".devices[0].queues[0] | $1" <<<"$output" >/dev/null 2>&1
}

for series in 7.2 10; do
    use_qemu "$series"
    machine_start "$VM_QEMU" -M q35,accel=tcg -m 64 \
        -blockdev "driver=file,filename=$boot,node-name=node0,read-only=on,locking=off" \
        -device virtio-blk-pci,id=boot0,drive=node0,bootindex=0 || no_go "QEMU $series starts"
    check "QEMU $series: the boot sector reads" wait_until 60 firmware_has '."set-up" and ."avail-idx" >= 1000'
    quiet=0
    for _ in {1..10}; do
        run --json --interval=1 "$machine_pid"
        [[ $status == 0 && -z $(findings) ]] && quiet=$((quiet + 1))
    done
    equal "QEMU $series, polling firmware that makes progress: 10 of 10 runs find nothing" 10 "$quiet"
    check "QEMU $series: it polls, without event indices" jq -e '.devices[0].queues[0] |
        ."avail-flags" == 1 and ."event-idx" == false and (has("used-event") | not) and .vector == 65535' <<<"$output"
    machine_qmp stop >/dev/null
    run --json "$machine_pid"
    equal "QEMU $series, paused: exit 0, off/paused" "exit 0 paused off/paused" \
        "exit $status $(jq -r .qemu.runstate <<<"$output") $(verdict boot0 0)"
    machine_stop

    # Without the CHS properties QEMU's own look at the partition table would hang before there is anything to see.
    machine_start "$VM_QEMU" -M q35,accel=tcg -m 64 -object iothread,id=iothread0 \
        -blockdev driver=null-co,node-name=node0,size=1073741824,latency-ns=200000000000 \
        -device virtio-blk-pci,id=slow0,drive=node0,bootindex=0,iothread=iothread0,cyls=1000,heads=16,secs=63 \
        -device virtio-serial-pci,id=serial0 || no_go "QEMU $series starts"
    check "QEMU $series: the firmware reads its first sector" wait_until 60 firmware_has '.inuse == 1'
    run --json "$machine_pid"
    expect 1 "slow0:0 in-device/backend-io $(aged medium high)" "QEMU $series, a disk that does not answer: its queue, nothing else"
    equal "QEMU $series: available 1, taken 1, used 0, in flight 1" "1 1 1 0 1" "$(jq -r '.devices[0].queues[0] |
        "\(."avail-idx") \(."shadow-avail-idx") \(."last-avail-idx") \(."used-idx") \(.inuse)"' <<<"$output")"
    equal "QEMU $series: the firmware does not drive the console" off/not-set-up "$(verdict serial0 0)"
    machine_stop
done
finish
