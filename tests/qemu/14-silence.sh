#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# No false alarm: whatever a healthy guest does, on each kind of device, no run of virtq finds anything stuck with medium
# confidence or more. Low confidence is what a single sample of a busy queue deserves: those are counted and shown. What no
# moment of a healthy queue looks like is not found with low confidence either.
#
# Environment: KEEP_FINDINGS, a directory for the JSON of each scene.
. "${BASH_SOURCE[0]%/*}/lib/common.bash"

# ---- Counting ------------------------------------------------------------------------

# looks COUNT FILE [ARGUMENT...]: so many runs of virtq, their JSON to FILE; more while the action of watch is not done.
looks() {
    local count=$1 file=$2 i
    shift 2
    for ((i = 0; ; i++)); do
        ((i != count)) || echo >>"$tap_dir/looks.enough"
        if ((i >= count)); then
            [[ -e $tap_dir/churn ]] || return
            # Who waits for the guest shall leave it some time.
            sleep 0.5
        fi
        timeout 60 "$VIRTQ" --json "$@" "$watched" >>"$file" 2>>"$tap_dir/looks.errors"
        echo $? >>"$tap_dir/looks.statuses"
    done
}

# Of findings: too sure of what is not so, or of something that never is.
is_alarm='.confidence != "low" or (.verdict |
    test("^(broken|corrupt/.*|vhost/.*|in-device/leaked|not-seen/no-handler|not-seen/driver-wrap)$"))'

# Counts of the documents on stdin. A sample is one look at all queues.
counting='[inputs] as $runs | [$runs[].devices[].queues[].findings[]] as $findings |
    [$findings[] | select(.severity == "stuck")] as $stuck | [
        ($runs | length),
        ([$runs[].target.samples // 0] | add),
        ([$runs[].devices | map(.queues | length) | add // 0] | max),
        ([$stuck[] | select('"$is_alarm"')] | length),
        ([$stuck[] | select('"$is_alarm"' | not)] | length),
        ([$findings[] | select(.severity == "unknown")] | length),
        ([$runs[] | select(.target.samples > 0)] | length)
    ] | join(" ")'
# What was found with low confidence, one line each.
low_ones='.target.samples as $samples | .devices[].queues[].findings[] |
    select(.severity == "stuck" and .confidence == "low") | "\(.verdict) (samples: \($samples))"'
all_runs=0 all_samples=0 all_sure=0 all_low=0

# churning TIMES ACTION...: again and again, until it was done so often and both looks have enough.
churning() {
    local times=$1 i
    shift
    for ((i = 0; i < times || $(wc -l <"$tap_dir/looks.enough") < 2; i++)); do
        if ! "$@"; then
            echo failed >>"$tap_dir/churn.rounds"
            break
        fi
        echo again >>"$tap_dir/churn.rounds"
    done >>"$tap_dir/churn.log" 2>&1
    rm "$tap_dir/churn"
}

# watch WHAT ONCE TWICE [TIMES ACTION...]: looks ONCE times with --once, at the same time TWICE times for two samples a
# second apart, and meanwhile does ACTION over and over, at least TIMES times. Nothing may be found.
watch() {
    local what="QEMU $qemu_series, $1" once=$2 twice=$3 started=$SECONDS background=()
    local counts runs samples queues sure low unknown seen blind
    shift 3
    rm -f "$tap_dir"/looks.* "$tap_dir"/churn*
    touch "$tap_dir"/looks.{enough,errors,once,twice} "$tap_dir/churn.rounds"
    if (($#)); then
        touch "$tap_dir/churn"
        churning "$@" &
        background+=($!)
    fi
    looks "$twice" "$tap_dir/looks.twice" --interval="${INTERVAL:-1}" &
    background+=($!)
    looks "$once" "$tap_dir/looks.once" --once
    wait "${background[@]}"

    cat "$tap_dir"/looks.{once,twice} >"$tap_dir/looks"
    counts=$(jq -nr "$counting" "$tap_dir/looks") || counts='0 0 0 0 0 0 0'
    read -r runs samples queues sure low unknown seen <<<"$counts"
    blind=$(($(wc -l <"$tap_dir/looks.statuses") - seen))
    ((all_runs += runs, all_samples += samples, all_sure += sure, all_low += low))
    equal "$what: $samples samples of $queues queues in $runs runs, $sure false alarms, $low findings at low" \
        "0 false alarms, 0 blind" "$sure false alarms, $blind blind"
    echo "#   $((SECONDS - started)) s, $unknown times something unknown, exit statuses (times, which):" \
        "$(sort "$tap_dir/looks.statuses" | uniq -c | tr -s ' \n' ' ')"
    sort "$tap_dir/looks.errors" | uniq -c | head -n 20 | sed 's/^/#   /'
    ((low == 0)) || jq -r "$low_ones" "$tap_dir/looks" | sort | uniq -c | sort -nr | sed 's/^ */#   low: /'
    if [[ ! -e /proc/$watched/exe ]]; then
        [[ $watched != "$vm_pid" ]] || vm_obituary | sed 's/^/#   /'
        no_go "$what: QEMU is there until the end"
    fi
    [[ -z ${KEEP_FINDINGS:-} ]] || cp "$tap_dir/looks" "$KEEP_FINDINGS/${what//[^a-zA-Z0-9]/-}.json"
    if ((sure)); then
        jq -c '.target.samples as $samples | .devices[] | .id as $id | .queues[] | select(any(.findings[];
            .severity == "stuck" and ('"$is_alarm"'))) | {id: $id, samples: $samples} + . |
            del(.findings[].next)' "$tap_dir/looks" | head -n 5 | sed 's/^/#   /'
    fi
    (($#)) || return 0
    equal "$what: done $(grep -c again "$tap_dir/churn.rounds") times meanwhile" 0 \
        "$(grep -c failed "$tap_dir/churn.rounds")"
    ! grep -q failed "$tap_dir/churn.rounds" || tail -n 20 "$tap_dir/churn.log" | sed 's/^/#   /'
}

# ---- What a machine goes through -------------------------------------------------------

qom_set() {
    vm_qmp '{"execute": "qom-set", "arguments": {"path": "'"$1"'", "property": "'"$2"'", "value": '"$3"'}}' >/dev/null
}

send_key() {
    printf '{"execute": "send-key", "arguments": {"keys": [{"type": "qcode", "data": "%s"}], "hold-time": 20}}' "$1"
}

# Keys are pressed, and the balloon breathes.
nudge() {
    vm_qmp "$(send_key a)" "$(send_key b)" >/dev/null || return
    vm_qmp '{"execute": "balloon", "arguments": {"value": '$(((balloon_mib ^= 8) << 20))'}}' >/dev/null || return
    sleep 0.1
}
balloon_mib=180

stop_and_cont() {
    vm_qmp stop >/dev/null || return
    sleep 0.2
    vm_qmp cont >/dev/null || return
    sleep 0.5
}

gone() {
    ! vm_qmp '{"execute": "qom-get", "arguments": {"path": "/machine/peripheral/'"$1"'", "property": "type"}}' \
        >/dev/null 2>&1
}

# plug ARGUMENTS: what was there before is unplugged first, and lets go of its drive later.
plug() {
    vm_qmp '{"execute": "device_add", "arguments": {'"$1"'}}' >/dev/null
}

# plug_and_unplug: a disk, a network device and a SCSI disk come, are used, and go.
plug_and_unplug() {
    local id
    wait_until 60 plug '"driver": "virtio-blk-pci", "id": "hotdisk", "bus": "slot1", "drive": "hot-node",
        "serial": "hotdisk"' || return
    wait_until 60 plug '"driver": "virtio-net-pci", "id": "hotnet", "bus": "slot2", "romfile": ""' || return
    wait_until 60 plug '"driver": "scsi-hd", "id": "hotscsi", "bus": "scsi0.0", "drive": "hot-scsi-node"' || return
    sleep 2
    # A slow guest may eject a slot again that was filled anew in the meantime.
    for id in hotdisk hotnet hotscsi; do
        vm_qmp '{"execute": "device_del", "arguments": {"id": "'$id'"}}' >/dev/null || gone $id || return
    done
    wait_until 60 gone hotdisk && wait_until 60 gone hotnet && wait_until 60 gone hotscsi
}

save_snapshot() {
    local job="save$RANDOM$RANDOM"
    vm_qmp '{"execute": "snapshot-save", "arguments": {"job-id": "'$job'", "tag": "'$job'", "vmstate": "state-node",
        "devices": ["state-node"]}}' >/dev/null || return
    wait_until 60 job_is $job '.status == "concluded"' && job_is $job 'has("error") | not' ||
        { vm_qmp query-jobs; return 1; }
    vm_qmp '{"execute": "job-dismiss", "arguments": {"id": "'$job'"}}' >/dev/null
    sleep 0.5
}
job_is() {
    vm_qmp query-jobs | jq -e --arg job "$1" ".[] | select(.id == \$job) | $2" >/dev/null
}

# In turns by the guest, which ends its programs first as every system does, and by the monitor in the middle of the load.
reboot() {
    if ((reboots++ % 2)); then
        vm_qmp system_reset >/dev/null || return
    else
        vm_tell 'load stop; sleep 0.2; command reboot -f'
    fi
    _vm_read_until VIRTQ-GUEST-READY >/dev/null && work
}
reboots=0

# work: every device of the guest is busy, by the loops of `load` and by these, which `load stop` ends too.
# shellcheck disable=SC2016  # the guest's variables
guest_work='
    mkdir -p /tmp/share
    grep -q /tmp/share /proc/mounts || mount -t 9p -o trans=virtio,version=9p2000.L share0 /tmp/share
    [ -x /tmp/guest-io ] || cp /tmp/share/guest-io /tmp
    load start disk0 disk1 disk2 state scsi0 net rng
    endless() {
        setsid sh -c "while :; do $1; done" >/dev/null 2>&1 &
        echo $! >>/tmp/load.pids
    }
    endless "dd if=/tmp/share/disk1.img of=/dev/null bs=64k count=64; echo note >/tmp/share/note; usleep 10000"
    endless "dd if=/dev/zero of=/dev/hvc0 bs=1k count=8; usleep 50000"
    endless "dd if=/dev/zero of=\$(echo /dev/vport*p1) bs=1k count=8; usleep 50000"
    endless "/tmp/guest-io crypto virtio_crypto_aes_cbc; usleep 100000"
    # A disk that was plugged in is read until it is gone again.
    endless "for disk in /sys/block/vd*; do
            [ \"\$(cat \$disk/serial)\" = hotdisk ] && dd if=/dev/\${disk##*/} of=/dev/null bs=4k iflag=direct
        done; usleep 100000"
'
work() {
    vm_guest "$guest_work"
}

rest() {
    vm_guest 'load stop; until ! grep -q /tmp/share /proc/mounts || umount /tmp/share; do usleep 100000; done'
}

# used_indices: "DEVICE:QUEUE USED-IDX" of each queue.
used_indices() {
    "$VIRTQ" --json --once "$vm_pid" |
        jq -r '.devices[] | .id as $id | .queues[] | "\($id):\(."queue-index") \(."used-idx")"' | sort
}

# busy QUEUE...: all of these move, and soon.
still=()
busy() {
    still=("$@")
    used_indices >"$tap_dir/before"
    wait_until 60 all_moved
    equal "QEMU $qemu_series, the load is one: $# queues move" "" "${still[*]}"
}
all_moved() {
    local queue moved left=()
    moved=" $(used_indices | comm -13 "$tap_dir/before" - | sed 's/ .*//' | tr '\n' ' ')"
    for queue in "${still[@]}"; do
        [[ $moved == *" $queue "* ]] || left+=("$queue")
    done
    still=("${left[@]}")
    ((${#still[@]} == 0))
}

# ---- Linux: a device of each kind ---------------------------------------------------------

gcc -static -O2 -o "$tap_dir/guest-io" "$lib/guest-io.c" || no_go "guest-io.c compiles"
guest_all=$("$top/fixtures/real-qemu/build-guest.sh" amd64) || no_go "the guest with all drivers is built"

share=$(mktemp -d /dev/shm/virtq.XXXXXX 2>/dev/null) || share=$(mktemp -d "$tap_dir/share.XXXXXX")
trap 'vm_stop_all; machine_stop; rm -rf "$tap_dir" "$share"' EXIT
cp "$tap_dir/guest-io" "$share"
truncate -s 64M "$share/disk1.img"

tap_options=queues=2,vhost=off,script=no,downscript=no
has_taps=0
if unshare --net sh -ec 'ip link add bridge0 type bridge; ip tuntap add mode tap multi_queue name tap0' 2>/dev/null; then
    has_taps=1
else
    echo "# net multiqueue: this machine makes no tap devices, the network was looked at with one pair of queues"
fi

# in_netns: QEMU starts in a network namespace of its own, where a bridge joins tap0 and tap1, each with several queues.
in_netns() {
    local real=$VM_QEMU
    mkdir -p "$tap_dir/netns-$qemu_series"
    ln -sfn "${real%/*}/firmware" "$tap_dir/netns-$qemu_series/firmware"
    VM_QEMU=$tap_dir/netns-$qemu_series/qemu-system-x86_64
    printf '%s\n' '#!/bin/sh' "exec unshare --net sh -ec '
        ip link add bridge0 type bridge
        ip link set bridge0 up
        for tap in tap0 tap1; do
            ip tuntap add mode tap multi_queue name \$tap
            ip link set \$tap master bridge0 up
        done
        exec \"\$0\" \"\$@\"' '$real' \"\$@\"" >"$VM_QEMU"
    chmod +x "$VM_QEMU"
}

# No packed ring here: once the interrupt of one was lost for good under this load, and what waited for the disk with it
# (virtio_packed_should_notify() of 7.2 and 10.0 has no barrier where the split one has; not proved to be the cause).
#
# shellcheck disable=SC2054  # QEMU's own commas
start_linux() {
    local name=$1 real=$VM_QEMU
    shift
    "${real%/*}/qemu-img" create -q -f qcow2 "$tap_dir/state-$name.qcow2" 1G
    truncate -s 64M "$tap_dir/disk2.img"
    vm_standard_args
    # Nobody may write to a port whose other end is not open, as that of a null chardev.
    vm_standard=("${vm_standard[@]/#null,id=port0-chardev/file,id=port0-chardev,path=/dev/null}")
    # A disk of the host that is busy may take a second for a file: not with these.
    vm_standard=("${vm_standard[@]/#local,id=share0,path=.,/local,id=share0,path=$share,}")
    # The network with two pairs of queues, through the host's kernel.
    if ((has_taps)); then
        in_netns
        vm_standard=("${vm_standard[@]/#dgram,id=wire0*/tap,id=wire0,ifname=tap0,$tap_options}")
        vm_standard=("${vm_standard[@]/#dgram,id=wire1*/tap,id=wire1,ifname=tap1,$tap_options}")
        vm_standard+=(-set device.net0.mq=on -set device.net1.mq=on)
    fi
    VM_GUEST=$guest_all VM_MEMORY=192M VM_CPUS=4 vm_start "$name" "${vm_standard[@]}" \
        -set device.disk0.num-queues=4 -set device.disk1.num-queues=4 \
        -object iothread,id=iothread1 \
        -blockdev "driver=file,filename=$tap_dir/disk2.img,node-name=disk2-node" \
        -device virtio-blk-pci,id=disk2,drive=disk2-node,serial=disk2,num-queues=4,iothread=iothread1 \
        -blockdev "driver=qcow2,file.driver=file,file.filename=$tap_dir/state-$name.qcow2,node-name=state-node" \
        -device virtio-blk-pci,id=state,drive=state-node,serial=state \
        -device virtio-mouse-pci,id=mouse0 \
        -device virtio-gpu-pci,id=gpu0 \
        -device pcie-root-port,id=slot1,chassis=1 -device pcie-root-port,id=slot2,chassis=2 \
        -device pcie-root-port,id=slot3,chassis=3 \
        -object cryptodev-backend-builtin,id=cryptodev0 \
        -device virtio-crypto-pci,id=crypto0,cryptodev=cryptodev0,bus=slot3 \
        -blockdev driver=null-co,node-name=hot-node,size=67108864,read-zeroes=on \
        -blockdev driver=null-co,node-name=hot-scsi-node,size=67108864,read-zeroes=on \
        "$@" || no_go "QEMU $qemu_series starts"
    VM_QEMU=$real
    watched=$vm_pid
    # vm_start says -no-reboot.
    vm_qmp '{"execute": "set-action", "arguments": {"reboot": "reset"}}' >/dev/null
    qom_set /machine/peripheral/balloon0 guest-stats-polling-interval 1
}

# poll_queues COUNT: the guest loads the disks' driver anew; so many queues of each disk have no interrupt then, and the
# driver asks the device itself for what polling readers wait for.
poll_queues() {
    # Who read a disk may still have it open.
    vm_guest 'until rmmod virtio_blk; do usleep 100000; done; insmod /modules/*-virtio_blk.ko poll_queues='"$1"' &&
        until [ -e /sys/block/vdd/serial ]; do usleep 10000; done'
}
work_by_polling() {
    vm_guest 'for disk in vda vdb vdc vdd; do
        for _ in 1 2; do setsid /tmp/guest-io poll /dev/$disk & echo $! >>/tmp/load.pids; done >/dev/null 2>&1; done
        load start scsi0 rng'
}

# whole_linux SERIES ONCE TWICE: a guest with all devices goes through everything. ONCE and TWICE are looks under plain
# load; the other scenes take their share of them.
whole_linux() {
    local once=$2 twice=$3
    use_qemu "$1"
    start_linux "whole-$1"
    [[ -c /dev/vhost-vsock ]] || echo "# vsock: this machine has no /dev/vhost-vsock, no vsock device was looked at"
    watch "idle, just booted" $((once / 5)) $((twice / 10))
    work || no_go "the guest works"
    local queues=({0,1,2,3}) net=(0 1)
    ((has_taps == 0)) || net=({0,1,2,3})
    busy "${queues[@]/#/disk0:}" "${queues[@]/#/disk1:}" "${queues[@]/#/disk2:}" scsi0:2 \
        "${net[@]/#/net0:}" "${net[@]/#/net1:}" rng0:0 balloon0:2 serial0:{1,5} fs0:0 crypto0:0
    watch "under load" "$once" "$twice" 1 nudge
    INTERVAL=2 watch "under load, default interval" 0 $((twice / 5)) 1 nudge
    watch "stop and cont, under load" $((once / 3)) $((twice / 3)) 3 stop_and_cont
    resumed
    vm_cpus one || no_go "the guest goes on with one CPU"
    watch "hot-plug and unplug, under load" $((once / 3)) $((twice / 3)) 3 plug_and_unplug
    vm_cpus all || no_go "the guest goes on with all CPUs"
    watch "reboot, under load" $((once / 3)) $((twice / 3)) 2 reboot
    resumed
    rest
    # QEMU saves no virtio-crypto device.
    vm_cpus one || no_go "the guest goes on with one CPU"
    vm_qmp '{"execute": "device_del", "arguments": {"id": "crypto0"}}' >/dev/null
    check "QEMU $1: virtio-crypto is unplugged" wait_until 60 gone crypto0
    vm_cpus all || no_go "the guest goes on with all CPUs"
    vm_guest 'load start disk0 disk1 disk2 state scsi0 net rng'
    watch "snapshot-save, under load" $((once / 4)) $((twice / 4)) 3 save_snapshot
    resumed
    vm_guest 'load stop' || no_go "the guest stops its load"
    watch "the disks' driver is loaded again and again" $((once / 5)) $((twice / 5)) 3 poll_queues 2
    work_by_polling
    # The last queues are the polled ones.
    busy disk{0,1,2}:${queues[-1]} state:${queues[-1]}
    watch "polled disks" $((once / 3)) $((twice / 3))
    vm_guest 'load stop'
    watch "idle after the load" $((once / 10)) $((twice / 10))
    vm_qmp stop >/dev/null
    watch "paused" $((once / 20)) $((twice / 20))
    vm_stop
}

# packed_linux SERIES ONCE TWICE: packed rings wherever QEMU and the driver can. The network without EVENT_IDX: with it,
# QEMU loses kicks (11-lost-kick.sh).
packed_linux() {
    local packed
    use_qemu "$1"
    vm_standard_args
    VM_CPUS=2 vm_start "packed-$1" "${vm_standard[@]}" -set device.disk0.packed=on -set device.disk1.packed=on \
        -set device.disk1.num-queues=2 -set device.scsi0.packed=on -set device.net0.packed=on \
        -set device.net1.packed=on -set device.net0.event_idx=off -set device.net1.event_idx=off \
        -set device.rng0.packed=on -set device.serial0.packed=on -set device.keyboard0.packed=on ||
        no_go "QEMU $1 starts with packed rings"
    watched=$vm_pid
    qom_set /machine/peripheral/balloon0 guest-stats-polling-interval 2
    vm_load_start
    sleep 2
    watch "packed rings, under load" "$2" "$3"
    watch "packed rings, stop and cont under load" $(($2 / 2)) $(($3 / 2)) 3 stop_and_cont
    packed=$("$VIRTQ" --json --once "$vm_pid" | jq '[.devices[].queues[] | select(.packed and ."set-up")] | length')
    check "QEMU $1: $packed of the rings are packed" test "$packed" -gt 60
    vm_load_stop
    watch "packed rings, idle" $(($2 / 5)) $(($3 / 5))
    vm_stop
}

# ---- Before there is an operating system ---------------------------------------------------

# seabios SERIES ONCE TWICE: it polls, without event indices.
seabios() {
    use_qemu "$1"
    polling_boot_sector "$tap_dir/boot.img"
    machine_start "$VM_QEMU" -M q35,accel=tcg -m 64 \
        -blockdev "driver=file,filename=$tap_dir/boot.img,node-name=node0,read-only=on,locking=off" \
        -device virtio-blk-pci,id=boot0,drive=node0,bootindex=0 -device virtio-scsi-pci,id=scsi0 \
        -device virtio-serial-pci,id=serial0 || no_go "QEMU $1 starts"
    watched=$machine_pid
    watch "SeaBIOS from its first instruction" "$2" "$3"
    check "QEMU $1: SeaBIOS reads" wait_until 60 sectors_were_read 1000
    watch "SeaBIOS reads for ever" "$2" "$3"
    machine_stop
}
sectors_were_read() {
    "$VIRTQ" --json --once "$machine_pid" |
        jq -e '.devices[] | select(.id == "boot0").queues[0]."avail-idx" >= '"$1" >/dev/null
}

# ovmf SERIES ONCE TWICE: from its first instruction until its shell copies a file for ever. It wants a console.
ovmf() {
    local image=$tap_dir/ovmf.img
    use_qemu "$1"
    truncate -s 40M "$image"
    mformat -i "$image" -F :: || no_go "mformat"
    printf '%s\r\n' '@echo -off' 'fs0:' ':again' 'cp -q big.txt copy.txt' 'goto again' >"$tap_dir/startup.nsh"
    yes 'a file to be read' | head -n 20000 >"$tap_dir/big.txt"
    mcopy -i "$image" "$tap_dir/startup.nsh" "$tap_dir/big.txt" ::
    cp /usr/share/OVMF/OVMF_VARS_4M.fd "$tap_dir/vars.fd"
    machine_start "$VM_QEMU" -M q35,accel=tcg,pflash0=code,pflash1=vars -m 128 \
        -blockdev driver=file,filename=/usr/share/OVMF/OVMF_CODE_4M.fd,node-name=code,read-only=on,locking=off \
        -blockdev "driver=file,filename=$tap_dir/vars.fd,node-name=vars" \
        -blockdev "driver=file,filename=$image,node-name=node0" \
        -device virtio-blk-pci,id=boot0,drive=node0 -device virtio-scsi-pci,id=scsi0 \
        -device virtio-rng-pci,id=rng0 -serial null || no_go "QEMU $1 starts with OVMF"
    watched=$machine_pid
    watch "OVMF from its first instruction" "$2" "$3"
    check "QEMU $1: OVMF copies" wait_until 90 sectors_were_read 500
    watch "OVMF copies for ever" "$2" "$3"
    machine_stop
}

# ---- The show -------------------------------------------------------------------------------

whole_linux 7.2 110 24
whole_linux 10 36 9
packed_linux 7.2 40 8
packed_linux 10 24 6
seabios 7.2 30 4
seabios 10 16 3
ovmf 7.2 40 6
check "$all_samples samples are at least 1000" test "$all_samples" -ge 1000
echo "# healthy silence: $all_samples samples in $all_runs runs, $all_sure findings at medium or above, $all_low at low"
finish
