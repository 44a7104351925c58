#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Canaries: secrets on the command line, in the environment, in the heap and in guest memory. No file of a report has
# one of them. (tests/qemu does the same to a real QEMU, whose guest memory is full of them.)
set -uo pipefail
. tests/tap.sh
. fixtures/mini-qemu/threads.bash
: "${BUILD:=build}" "${VIRTQ:=$BUILD/virtq}"

canary=CaNaRy
secrets=(
    -name "guest=web1,debug-threads=on" -machine pc-q35-7.2,accel=kvm -m 4096
    -object "secret,id=sec0,data=$canary-secret,format=raw"
    -drive "file=/home/$canary/disk.qcow2,if=none,id=drive0,cache=none,aio=native"
    -device "virtio-blk-pci,drive=drive0,id=disk0,num-queues=4,packed=on,serial=$canary-serial"
    -netdev "tap,id=n0,ifname=$canary,script=/etc/$canary/up,vhost=on"
    -device virtio-net-pci,netdev=n0,mac=52:54:00:ca:ff:ee,mq=on
    -blockdev "{\"driver\":\"nbd\",\"server\":{\"host\":\"10.11.12.13\",\"port\":\"10809\"},\"export\":\"$canary\",\"password-secret\":\"$canary\"}"
    -object "{\"qom-type\":\"secret\",\"id\":\"sec1\",\"data\" : \"$canary\"}"
    -vnc "10.11.12.13:1,password=on" -fw_cfg "name=opt/x,string=$canary" -append "root=/dev/vda token=$canary -m $canary -name $canary"
    -drive "file=/srv/my $canary -m $canary,if=none,id=drive1"
    -monitor "telnet:$canary:4444,server" -smbios "type=2,version=$canary -boot $canary"
    -smbios "type=1,serial=$canary" -uuid 01234567-89ab-cdef-0123-456789abcdef --$canary $canary
)
# live NAME ARGUMENT...: mini-qemu, called NAME, with QEMU's arguments; sets pid.
live() {
    env -i "SECRET=$canary-environment" PATH="$PATH" bash -c 'exec -a "$1" "$2" "$3" --wait -- "${@:4}"' - \
        "$1" "$BUILD/mini-qemu/mini-qemu-7.2" fixtures/mini-qemu/scenarios/roles.scn "${@:2}" >"$tap_dir/ready" &
    pid=$!
    is_ready "$tap_dir/ready" "$pid"
}
check "mini-qemu runs" live "/home/$canary/bin/qemu-system-x86_64" "${secrets[@]}"

# has_no_secret FILE...: nor a host path, an address or a name of this process.
has_no_secret() {
    local status=0 word file
    for word in "$canary" 10.11.12.13 52:54:00 525400caffee 01234567-89ab "$PWD" "$tap_dir"; do
        for file in "$@"; do
            if grep -qaiF -- "$word" "$file"; then
                echo "$file has $word: $(strings -n 4 "$file" | grep -iF -m 3 -- "$word")"
                status=1
            fi
        done
    done
    return $status
}
check "a report" "$VIRTQ" report --interval 0.1 --no-cache "$pid" -o "$tap_dir/report.tgz"
tar -C "$tap_dir" -xzf "$tap_dir/report.tgz"
check "no secret in it" has_no_secret "$tap_dir"/virtq-report/*
"$VIRTQ" snapshot --interval 0.1 --no-cache "$pid" -o "$tap_dir/snapshot"
check "no secret in a snapshot" has_no_secret "$tap_dir/snapshot"
check "no secret in its core's report" sh -c 'gcore -o "$1/core" "$2" && "$3" report --no-cache "$1/core.$2" -e "$4" -o "$1/core.tgz" && tar -C "$1" -xzf "$1/core.tgz"' \
    - "$tap_dir" "$pid" "$VIRTQ" "$BUILD/mini-qemu/mini-qemu-7.2"
check "the core has them" grep -qaF "$canary-environment" "$tap_dir/core.$pid"
check "no secret in it" has_no_secret "$tap_dir"/virtq-report/*
# the binary, a layout and debug info that are named by relative paths, or by one with a blank
mkdir "$tap_dir/$canary dir"
virtq=$(realpath "$VIRTQ") binary=$(realpath "$BUILD/mini-qemu/mini-qemu-7.2")
ln -s "$binary" "$tap_dir/$canary dir/qemu"
"$VIRTQ" layout "$binary" -o "$tap_dir/$canary dir/layout"
while read -r options; do
    (cd "$tap_dir" && eval "\"$virtq\" report --once --no-cache $pid --format json $options") >"$tap_dir/report.json"
    check "a report with $options" jq -e .qemu.layout "$tap_dir/report.json"
    check "no secret in it" has_no_secret "$tap_dir/report.json"
done <<END
-e "$canary dir/qemu"
--layout "$canary dir/layout"
--layout "$tap_dir/$canary dir/layout"
END

# What a maintainer needs is still there, and what was taken is told.
command=$(jq -r .target.command <("$VIRTQ" report --format json --once "$pid"))
contains "what matters is kept: the machine" "$command" "-machine pc-q35-7.2,accel=kvm -m 4096"
contains "what matters is kept: the disk" "$command" \
    "-device virtio-blk-pci,drive=drive0,id=disk0,num-queues=4,packed=on,serial=<argument-"
contains "what matters is kept: the backend" "$command" "if=none,id=drive0,cache=none,aio=native"
contains "what matters is kept: the network" "$command" "-device virtio-net-pci,netdev=n0,mac=<mac-1>,mq=on"
contains "a secret has a placeholder" "$command" "-object secret,id=sec0,data=<secret-1>,format=raw"
report=$("$VIRTQ" report --format text --once "$pid")
contains "the report says what was replaced" "$report" "1 MAC address, 1 IP address, 2 secrets"
contains "the report has the VM's name" "$report" "web1, machine type pc-q35-7.2"
contains "--full keeps everything" "$("$VIRTQ" report --full --format json --once "$pid" | jq -r .target.command)" \
    "$canary-secret,format=raw"
kill "$pid"

# A core's line has no more than blanks between arguments, here of a name that looks like one.
check "mini-qemu runs" live "/usr/bin/qemu-system-x86_64 -name web1 -append quiet -m $canary -name $canary"
check "its core" gcore -o "$tap_dir/core" "$pid"
"$VIRTQ" report --format json --no-cache "$tap_dir/core.$pid" -e "$BUILD/mini-qemu/mini-qemu-7.2" >"$tap_dir/report.json"
equal "of a core, nothing is believed behind what is replaced" \
    "/usr/bin/qemu-system-x86_64 -name web1 -append <argument-1> web1" \
    "$(jq -r '"\(.target.command) \(.report["vm-name"])"' "$tap_dir/report.json")"
check "no secret in it" has_no_secret "$tap_dir/report.json"
kill "$pid"
finish
