#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# virtq only looks: it traces, signals, stops and writes nothing, a VM goes on while virtq reads it however slowly, a
# core stays as it is; and the user that runs QEMU may run virtq.
. "${BASH_SOURCE[0]%/*}/lib/common.bash"

# harmless WHAT FILE: the system calls in strace's FILE do nothing but look.
harmless() {
    equal "$1: no ptrace, no signal, no write into a process, no network, no other program" "" "$(grep -oE \
        '\b(ptrace|kill|tkill|tgkill|rt_sigqueueinfo|process_vm_writev|pidfd_send_signal|process_madvise|connect|sendto|sendmsg|execveat|setpriority|sched_setaffinity)\(.*' \
        "$2")"
    equal "$1: files are opened to be read" "" \
        "$(grep -E '\b(open|openat|openat2|creat)\(' "$2" | grep -v O_RDONLY | grep -v "$XDG_CACHE_HOME/virtq")"
    equal "$1: writes go to stdout and stderr" "" \
        "$(grep -E '\b(write|pwrite64|writev|pwritev|pwritev2|truncate|ftruncate|unlink|unlinkat|rename|renameat2|chmod|fchmod)\(' \
            "$2" | grep -vE '\bwrite\([12]<?' | grep -v "$XDG_CACHE_HOME/virtq")"
    equal "$1: one program" 1 "$(grep -c '\bexecve(' "$2")"
}

use_qemu 7.2
vm_start_standard look || no_go "QEMU starts"
"$VIRTQ" layout "$VM_QEMU" >"$tap_dir/layout"
hang_disk0
vm_load_start disk1 scsi0

# ---- What it asks the kernel for ------------------------------------------------------------------------------------

strace -f -y -o "$tap_dir/trace" "$VIRTQ" --no-cache --json --interval=1 "$vm_pid" >"$tap_dir/out"
check "live, under strace: it was analysed" jq -e '.target.samples == 2 and .devices[0].queues[0].inuse == 1' "$tap_dir/out"
harmless "live" "$tap_dir/trace"
check "live: QEMU's memory is read by process_vm_readv" grep -q "process_vm_readv($vm_pid, " "$tap_dir/trace"
equal "live: of QEMU's own files nothing is opened but what describes it" "" \
    "$(grep -oE "openat\([^)]*\"/proc/$vm_pid/[^\"]*" "$tap_dir/trace" |
        sed -E 's|.*/proc/[0-9]+/||' | sort -u | grep -vE '^(maps|exe|status|stat|cmdline|auxv|task|root|mem|fdinfo.*|map_files.*|task/.*)?$')"

# ---- What QEMU notices ----------------------------------------------------------------------------------------------

# watch_threads: prints each state of QEMU's threads that means that somebody stopped or traces it, for ever.
watch_threads() {
    while true; do
        grep -hE '^State:.*[tT] \(|^TracerPid:.*[1-9]' "/proc/$vm_pid"/task/*/status
        echo . >&3
    done
}
watch_threads >"$tap_dir/stopped" 3>"$tap_dir/looks" 2>/dev/null &
watcher=$!
disown
for _ in {1..50}; do
    "$VIRTQ" --once --no-cache "$vm_pid" >/dev/null
done
run "$vm_pid"
kill "$watcher"
check "QEMU's threads were looked at often ($(wc -l <"$tap_dir/looks") times)" \
    test "$(wc -l <"$tap_dir/looks")" -gt 100
equal "no thread of QEMU was ever stopped or traced, in 51 runs" "" "$(<"$tap_dir/stopped")"

# Each read of QEMU's memory takes two seconds longer, and all of them minutes: whatever virtq held meanwhile, QEMU would
# wait for.
used() {
    vm_qmp '{"execute": "x-query-virtio-queue-status",
        "arguments": {"path": "/machine/peripheral/disk1/virtio-backend", "queue": 0}}' | jq '."used-idx"'
}
strace -f -o "$tap_dir/slow-trace" -e trace=process_vm_readv -e inject=process_vm_readv:delay_exit=2000000 \
    "$VIRTQ" --once --layout "$tap_dir/layout" "$vm_pid" >"$tap_dir/slow" &
slow=$!
reading() {
    grep -q '^[0-9]* *process_vm_readv' "$tap_dir/slow-trace"
}
check "virtq reads" wait_until 60 reading
goes_on() {
    local before=$at
    at=$(used)
    [[ $at != "$before" ]]
}
at=$(used)
for i in {1..5}; do
    check "meanwhile the guest's disk goes on ($i)" wait_until 60 goes_on
    sleep 0.2
done
check "meanwhile the guest answers" vm_guest true
check "virtq is still reading" kill -0 "$slow"
kill -KILL "$slow"
wait "$slow" 2>/dev/null
vm_load_stop

# The indices of a stopped VM do not move by themselves.
vm_qmp stop >/dev/null
sleep 0.5
state() {
    local id
    for id in disk0 disk1 scsi0 net0 serial0; do
        vm_qmp '{"execute": "x-query-virtio-status", "arguments": {"path": "/machine/peripheral/'$id'/virtio-backend"}}' \
            '{"execute": "x-query-virtio-queue-status",
            "arguments": {"path": "/machine/peripheral/'$id'/virtio-backend", "queue": 0}}'
    done
}
before=$(state)
run "$vm_pid"
run show "$vm_pid" disk0
equal "QEMU's indices are as they were" "$before" "$(state)"
vm_qmp cont >/dev/null

# ---- A core ---------------------------------------------------------------------------------------------------------

vm_kernel_core "$tap_dir/core" || no_go "the kernel's core"
chmod 400 "$tap_dir/core"
before=$(stat -c '%Y %Z %a %s' "$tap_dir/core"; sha256sum <"$tap_dir/core")
strace -f -y -o "$tap_dir/trace" "$VIRTQ" --no-cache --json "$tap_dir/core" >"$tap_dir/out"
check "core, under strace: it was analysed" jq -e '.devices | length >= 9' "$tap_dir/out"
harmless "core" "$tap_dir/trace"
equal "core: contents, times and mode are as they were" "$before" \
    "$(stat -c '%Y %Z %a %s' "$tap_dir/core"; sha256sum <"$tap_dir/core")"
cp --sparse=always "$tap_dir/core" "$tap_dir/core2"
zstd -q -1 "$tap_dir/core2"
strace -f -y -o "$tap_dir/trace" env TMPDIR="$tap_dir" "$VIRTQ" --no-cache --json "$tap_dir/core2.zst" >"$tap_dir/out"
check "compressed core, under strace: it was analysed" jq -e '.devices | length >= 9' "$tap_dir/out"
equal "compressed core: it leaves no file behind" "core core2 core2.zst" \
    "$(find "$tap_dir" -size +1M -printf '%f\n' | sort | paste -sd' ')"

# ---- The same user --------------------------------------------------------------------------------------------------

# Everything where anybody can read it; QEMU runs as nobody in a directory of nobody's.
chmod 711 "$tap_dir"
mkdir "$tap_dir/public" "$tap_dir/guest"
cp "$VIRTQ" "$tap_dir/public/virtq"
cp -r "$VM_QEMU" "${VM_QEMU%/*}/firmware" "$tap_dir/public"
cp "${VM_GUEST:-$("$top/fixtures/real-qemu/build-guest.sh")}"/* "$tap_dir/guest"
cat >"$tap_dir/public/qemu" <<END
#!/bin/sh
chown -R 65534:65534 .
chmod 711 ..
exec setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all "$tap_dir/public/${VM_QEMU##*/}" "\$@"
END
chmod -R a+rX "$tap_dir/public" "$tap_dir/guest"
chmod +x "$tap_dir/public/qemu"
VM_QEMU=$tap_dir/public/qemu VM_GUEST=$tap_dir/guest vm_start_standard nobody || no_go "QEMU starts as nobody"
equal "QEMU is nobody's" 65534 "$(stat -c %u "/proc/$vm_pid")"
hang_disk0
run_as=(env XDG_CACHE_HOME=/nonexistent setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all)
VIRTQ=$tap_dir/public/virtq
scope=$(cat /proc/sys/kernel/yama/ptrace_scope 2>/dev/null || echo 0)
run --json "$vm_pid"
if [[ $scope == 0 ]]; then
    expect 1 "disk0:0 in-device/throttled $(aged medium high)" "as nobody, like QEMU: disk0's queue"
else
    equal "as nobody, where Yama forbids it: exit 3" 3 "$status"
    contains "as nobody, where Yama forbids it: it says so" "$errors" "ptrace_scope"
fi
run_as=()
run --json "$vm_pid"
expect 1 "disk0:0 in-device/throttled $(aged medium high)" "as root, another user's QEMU: disk0's queue"
finish
