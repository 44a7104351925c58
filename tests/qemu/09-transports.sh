#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Where a device is: behind PCI bridges, in functions of a slot, transitional with INTx, on virtio-mmio. And every way to
# name it on the command line.
. "${BASH_SOURCE[0]%/*}/lib/common.bash"

# shellcheck disable=SC2054  # QEMU's own commas, below
arguments=()
# disk NAME PROPERTIES: a disk that reads zeroes at once.
disk() {
    arguments+=(-blockdev "driver=null-co,node-name=node-$1,size=67108864,read-zeroes=on"
        -device "virtio-blk-pci,id=$1,drive=node-$1,serial=$1,$2")
}
arguments+=(-device pcie-root-port,id=port1,chassis=1,addr=4.0,multifunction=on
    -device pcie-root-port,id=port2,chassis=2,addr=4.1)
disk behind bus=port1,num-queues=1
arguments+=(-device pcie-pci-bridge,id=bridge,bus=port2)
disk deep bus=bridge,addr=3,num-queues=1
disk intx addr=6.0,disable-modern=on,disable-legacy=off,vectors=0,num-queues=1
disk transitional addr=7.0,multifunction=on,disable-legacy=off,num-queues=1
disk function3 addr=7.3,num-queues=2
arguments+=(-blockdev driver=null-co,node-name=node-anonymous,size=67108864,read-zeroes=on
    -device virtio-blk-pci,drive=node-anonymous,serial=anonymous,addr=8,num-queues=1)

# selected QUEUES EXPECTED: what virtq answers when asked for these queues.
selected() {
    # shellcheck disable=SC2086  # a list of words
    run --json "$vm_pid" $1
    equal "QEMU $qemu_series: QUEUE $1" "exit 0 $2" "exit $status $(jq -r '[.devices[] | . as $device | .queues[] |
        "\($device.id // $device.address):\(."queue-index")"] | join(" ")' <<<"$output")$errors"
}

for series in 7.2 10; do
    use_qemu "$series"
    VM_CPUS=2 vm_start transports "${arguments[@]}" || no_go "QEMU $series starts"
    vm_guest 'for disk in /sys/block/vd*; do
        dd if=/dev/${disk##*/} of=/dev/null bs=4k count=5 iflag=direct 2>/dev/null; done'

    run --json "$vm_pid"
    expect 0 "" "QEMU $series: nothing is stuck"
    equal "QEMU $series: PCI addresses are those that the guest sees" \
        "$(vm_guest 'for disk in /sys/block/vd*; do
            path=$(readlink -f $disk/device/..); echo "$(cat $disk/serial) ${path##*/}"; done' | sed '/^$/d' | sort)" \
        "$(jq -r '.devices[] | "\(.id // "anonymous") \(.address)"' <<<"$output" | sort)"
    equal "QEMU $series: all are on PCI" pci "$(jq -r '[.devices[].transport] | unique[]' <<<"$output")"
    equal "QEMU $series: INTx, MSI-X" "false true" "$(jq -r '(.devices[] | select(.id == "intx")."msix-enabled"),
        (.devices[] | select(.id == "deep")."msix-enabled")' <<<"$output" | paste -sd' ')"
    equal "QEMU $series: legacy has no VERSION_1, and is read all the same" "7 true 0 ok/idle" "$(jq -r '.devices[] |
        select(.id == "intx") | "\(.status) \(.queues[0]."avail-idx" > 4) \(.queues[0].inuse) \(.queues[0].verdict)"' \
        <<<"$output")"

    function3="function3:0 function3:1"
    number=$(jq '.devices[] | select(.id == "function3").index' <<<"$output")
    selected function3 "$function3"
    selected function3:1 function3:1
    selected /machine/peripheral/function3 "$function3"
    selected /machine/peripheral/function3:1 function3:1
    selected /machine/peripheral/function3/virtio-backend:0 function3:0
    selected 0000:00:07.3 "$function3"
    selected 00:07.3 "$function3"
    selected 0000:00:07.3:1 function3:1
    selected 00:07.3:0 function3:0
    selected "$number" "$function3"
    selected "$number:1" function3:1
    selected 00:08.0 0000:00:08.0:0
    selected "/machine/peripheral-anon/device[0]" 0000:00:08.0:0
    selected "deep function3:1 intx:0" "intx:0 function3:1 deep:0"

    for wrong in nodisk deep:1 function3:x 00:09.0 /machine/peripheral 99 ""; do
        run --json "$vm_pid" "$wrong"
        equal "QEMU $series: there is no '$wrong'" "exit 3, 1 line" "exit $status, $(grep -c . <<<"$errors") line"
    done
    vm_stop

    # No guest: Debian's kernel would need one more module.
    machine_start "$VM_QEMU" -M microvm -bios bios-256k.bin -m 64 -S \
        -blockdev driver=null-co,node-name=node0,size=67108864 -device virtio-blk-device,id=mmio0,drive=node0 \
        -device virtio-serial-device,id=mmio1 -object rng-builtin,id=rng0 -device virtio-rng-device,rng=rng0 ||
        no_go "QEMU $series starts a microvm"
    run --json "$machine_pid"
    equal "QEMU $series: virtio-mmio, addresses are those of QEMU's device tree" \
        "$(machine_hmp 'info qtree' | tr -d '\r' | awk '
            /dev: virtio-mmio/ { place = "" }
            / mmio 0/ { split($2, part, "/"); place = part[1]; sub(/^0+/, "0x", place) }
            /dev: virtio-(blk|serial|rng)-device/ { gsub(/,/, "", $2); print $2, place }' | sort)" \
        "$(jq -r '.devices[] | "\(.type) \(.address)"' <<<"$output" | sort)"
    equal "QEMU $series: virtio-mmio, nothing is set up" "exit 0 mmio off/not-set-up" "exit $status $(jq -r '
        ([.devices[].transport] | unique[]), ([.devices[].queues[].verdict] | unique[])' <<<"$output" | paste -sd' ')"
    machine_stop
done
finish
