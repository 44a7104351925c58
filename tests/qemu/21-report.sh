#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Snapshots and reports of real QEMUs, 10 and 7.2, with a stuck disk: live, from cores of two kinds, reopened, with and without
# debug info on the reading side, they all say the same. The guest's memory and QEMU's heap, environment and command
# line are full of canaries, and no file of the report has one.
. "${BASH_SOURCE[0]%/*}/lib/common.bash"

# answer TARGET [ARGUMENT...]: text without its header and names of files, then JSON without them.
answer() {
    local target=$1
    shift
    "$VIRTQ" --color=never -v "$@" "$target" 2>/dev/null | sed "s|virtq show $target |virtq show TARGET |" |
        sed '/^\(process\|core\|snapshot\) /,/^one sample\|^two samples/d; /^  \(executable\|build-id\|layout\|command\) /,/^$/{/^$/!d}'
    "$VIRTQ" --json "$@" "$target" 2>/dev/null | jq 'del(.target, .qemu.exe, .qemu.layout)'
}

canary=CaNaRy
printf '%s' "$canary-file" >"$tap_dir/$canary"
export VIRTQ_TEST_SECRET=$canary-environment

# start SERIES: a VM full of canaries, whose disk0 is stuck.
start() {
    use_qemu "$1"
    mkdir -p "$tap_dir/bin"
    rm -f "$tap_dir/bin"/*
    cp "$VM_QEMU" "$tap_dir/bin/qemu-system-x86_64"
    ln -s "${VM_QEMU%/*}/firmware" "$tap_dir/bin/firmware"
    VM_QEMU=$tap_dir/bin/qemu-system-x86_64
    VM_APPEND="quiet $canary=1" vm_start_standard report \
        -object "secret,id=sec0,data=$canary-secret" -object "secret,id=sec1,file=$tap_dir/$canary" \
        -fw_cfg "name=opt/org.test/x,string=$canary-heap" -smbios "type=1,serial=$canary-serial" \
        -uuid 01234567-89ab-cdef-0123-456789abcdef || no_go "QEMU starts"
    some_io disk0 disk1 scsi0 net rng
    # Guest memory full of the marker: on a disk, so in the page cache and in the buffers of requests.
    check "the guest fills its memory" vm_guest "yes $canary-guest | head -c 40M >/tmp/canary; yes $canary-disk | dd of=/dev/disk1 bs=64k count=200 iflag=fullblock 2>/dev/null; sync"
    hang_disk0
}

# An idle guest still sends a packet now and then, and its timers wake the main loop: two runs on a live VM are compared by
# what stands still. They do not wait equally long on a busy host either.
stands_still() {
    sed -n '/^{/,$p' | sed 's/samples [0-9.]* s apart/samples apart/' |
        jq '.devices[] | select(.id | test("^(disk|scsi)")) | .queues[] | del(.requests[]["age-ns"]) |
            (.findings[].evidence) |= map(select(test("^(the main loop |IOThread |thread [0-9])") | not))'
}
no_canary() {
    ! grep -aiF -e "$canary" -e "$tap_dir" -e "$HOME/" -e 01234567-89ab -e 52:54:00 "$@"
}

# ---- The round trip -----------------------------------------------------------------------------

# Of report.json: where the main loop waits for events, and an I/O thread, in full.
main_backtrace='.report.threads[0].backtrace | join(" ")'
main_expected="ppoll qemu_poll_ns main_loop_wait qemu_main_loop"
io_backtrace='.report.threads[].backtrace | join(" ")'
io_expected="fdmon_poll_wait aio_poll iothread_run qemu_thread_start"

# report_asleep FILE TARGET [ARGUMENT...]: with threads that wait for events as they do most of the time, and backtraces
# that a machine which stands still for a second did not cut short: 10 tries.
report_asleep() {
    local _ document
    for _ in {1..10}; do
        "$VIRTQ" report --no-cache --force "${@:2}" -o "$1" || return
        document=$(tar -xOzf "$1" virtq-report/report.json)
        [[ $(jq -r "$main_backtrace" <<<"$document") != *"$main_expected"* ||
            $(jq -r "$io_backtrace" <<<"$document") != *"$io_expected"* ]] || return 0
    done
    return 1
}

# round_trip: live VM, core, snapshots and reports of both, with and without binary and debug info.
round_trip() {
    check "a report of the live VM" report_asleep "$tap_dir/live.tgz" "$vm_pid"
    check "a snapshot of the live VM" "$VIRTQ" snapshot --no-cache --force "$vm_pid" -o "$tap_dir/live.core"
    reference=$(answer "$vm_pid" --no-cache | stands_still)
    contains "the live VM has a stuck disk" "$reference" '"verdict": "in-device/throttled"'
    equal "the report says what the live VM said" "$reference" "$(answer "$tap_dir/live.tgz" --no-cache | stands_still)"
    equal "so does the snapshot" "$reference" "$(answer "$tap_dir/live.core" --no-cache | stands_still)"
    vm_core_asleep "$tap_dir/core" || no_go "gcore"
    for report in live core; do
        [[ $report == live ]] || check "a report of the core" report_asleep "$tap_dir/core.tgz" "$tap_dir/core" --full
        [[ $report == live ]] || check "a snapshot of the core" "$VIRTQ" snapshot --full --no-cache "$tap_dir/core" --force -o "$tap_dir/core.core"
        rm -rf "$tap_dir/files.$report"
        mkdir "$tap_dir/files.$report"
        tar -C "$tap_dir/files.$report" -xzf "$tap_dir/$report.tgz"
        equal "the report of the $report says again what it said, to the byte" \
            "$(jq '[.devices, ."event-loops"]' "$tap_dir/files.$report/virtq-report/report.json")" \
            "$("$VIRTQ" --json --no-cache "$tap_dir/$report.tgz" | jq '[.devices, ."event-loops"]')"
    done
    of_core=$(answer "$tap_dir/core" --no-cache)
    contains "the core has a stuck disk" "$of_core" "in-device/throttled"
    equal "core and report: the same to the byte" "$of_core" "$(answer "$tap_dir/core.tgz" --no-cache)"
    equal "core and snapshot: the same to the byte" "$of_core" "$(answer "$tap_dir/core.core" --no-cache)"
    equal "core and snapshot, with the reader's debug info" "$of_core" \
        "$(answer "$tap_dir/core.core" --no-cache -e "$VM_QEMU")"
    equal "core and snapshot, with the report's layout" "$of_core" \
        "$(answer "$tap_dir/core.core" --no-cache --layout "$tap_dir/files.core/virtq-report/layout.txt")"
    mv "$VM_QEMU" "$tap_dir/elsewhere"
    equal "report, without binary and debug info" "$of_core" "$(answer "$tap_dir/core.tgz" --no-cache)"
    equal "snapshot, without binary and debug info" "$of_core" "$(answer "$tap_dir/core.core" --no-cache)"
    equal "live snapshot, without binary and debug info" "$reference" \
        "$(answer "$tap_dir/live.core" --no-cache | stands_still)"
    mv "$tap_dir/elsewhere" "$VM_QEMU"
}

start 10
round_trip
check "no file of the live report of QEMU 10 has a canary" no_canary "$tap_dir"/files.live/virtq-report/*
vm_stop
start 7.2
round_trip

# ---- gdb --------------------------------------------------------------------------------------------

address=$("$VIRTQ" --json "$tap_dir/live.tgz" | jq -r '.devices[] | select(.id == "disk0").queues[0]["host-address"]')
last=$("$VIRTQ" --json "$tap_dir/live.tgz" | jq -r '.devices[] | select(.id == "disk0").queues[0]["last-avail-idx"]')
shown=$(gdb -nx -batch -iex 'set debuginfod enabled off' -ex "p *(VirtQueue *)$address" -ex 'info threads' \
    "$VM_QEMU" "$tap_dir/files.live/virtq-report/snapshot.core" 2>&1)
contains "gdb shows the VirtQueue" "$shown" "last_avail_idx = $last, "
contains "gdb places the binary" "$shown" "handle_output = 0x"
contains "gdb names the handler" "$shown" "<virtio_blk_handle_output>"

# ---- Canaries -------------------------------------------------------------------------------------------

check "the core is full of canaries: the guest" grep -qaF "$canary-guest" "$tap_dir/core"
check "the core is full of canaries: the environment" grep -qaF "$canary-environment" "$tap_dir/core"
check "the core is full of canaries: the heap" grep -qaF "$canary-heap" "$tap_dir/core"
check "a private report of the core" "$VIRTQ" report --no-cache "$tap_dir/core" -o "$tap_dir/private.tgz"
mkdir "$tap_dir/private"
tar -C "$tap_dir/private" -xzf "$tap_dir/private.tgz"
check "no file of the live report has one" no_canary "$tap_dir"/files.live/virtq-report/*
check "no file of the core's report has one" no_canary "$tap_dir"/private/virtq-report/*
check "nor has the snapshot" no_canary "$tap_dir/live.core"
contains "the report has what matters" "$(jq -r .target.command "$tap_dir/files.live/virtq-report/report.json")" "-device virtio-blk-pci"
contains "the report has the VM's name" "$(cat "$tap_dir/files.live/virtq-report/report.txt")" "report, machine type q35, up "
contains "the report has QEMU's threads, and what they wait in" "$(grep -A 99 threads$ "$tap_dir/files.live/virtq-report/report.txt")" "S  ppoll            qemu-system-x86"

for where in live core; do
    contains "a backtrace of the main loop: $where" \
        "$(jq -r "$main_backtrace" "$tap_dir/files.$where/virtq-report/report.json")" "$main_expected"
    contains "a backtrace of an I/O thread: $where" \
        "$(jq -r "$io_backtrace" "$tap_dir/files.$where/virtq-report/report.json")" "$io_expected"
done

# ---- Size and speed -------------------------------------------------------------------------------------

size=$(stat -c %s "$tap_dir/live.tgz")
echo "# the report has $size bytes, its snapshot $(stat -c %s "$tap_dir/live.core")"
check "a report of a whole VM has less than 300 KB" test "$size" -lt 300000
# processor time of 10 runs, in tenths of milliseconds of one: another load on this host does not count
processor_time() {
    local TIMEFORMAT='%U %S'
    { time for _ in {1..10}; do "$@" >/dev/null; done; } 2>&1 | awk '{ print int(($1 + $2) * 1000) }'
}
"$VIRTQ" "$tap_dir/core" >/dev/null # the layout is cached from now on
checked=$(processor_time "$VIRTQ" "$tap_dir/core")
reported=$(processor_time "$VIRTQ" report "$tap_dir/core" -o -)
# told, not asserted; the aim is 100 ms beyond the sampling
echo "# processor time: check $((checked / 10)) ms, report $((reported / 10)) ms"

# ---- The VM goes away --------------------------------------------------------------------------------------

end_half_way &
run report --interval 6 "$vm_pid" -o "$tap_dir/gone.tgz"
equal "the VM exits half-way: exit 3" 3 "$status"
contains "the VM exits half-way: it says so" "$errors" "process $vm_pid exited"
check "the VM exits half-way: no file" test ! -e "$tap_dir/gone.tgz"

finish
