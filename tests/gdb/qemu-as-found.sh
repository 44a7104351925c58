#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The plugin leaves gdb as it found it: backtraces of all threads, one of them
# in code that QEMU generated, the selected thread and frame, every setting,
# no breakpoint; and the VM goes on.
. "${BASH_SOURCE[0]%/*}/lib/common.bash"

# look NAME: the state of gdb, into files.
look() {
    printf '%s\n' -ex "pipe thread apply all bt | cat >$tap_dir/bt.$1" -ex "pipe frame | cat >$tap_dir/frame.$1" \
        -ex "pipe thread | cat >>$tap_dir/frame.$1" -ex "pipe show | grep -E '^[a-z][a-z -]*:  ' | grep -Ev '^(user|convenience|values|varsize-limit):' >$tap_dir/settings.$1" \
        -ex "pipe maint info breakpoints | cat >$tap_dir/breakpoints.$1"
}

same() { # WHAT NAME
    local aspect
    for aspect in bt frame settings breakpoints; do
        equal "$1: $aspect" "$(<"$tap_dir/$aspect.before")" "$(<"$tap_dir/$aspect.$2")"
    done
}

session() { # FORM [GDB-ARGUMENT...]
    local before after again
    form_options "$1"
    shift
    mapfile -t before < <(look before)
    mapfile -t after < <(look after)
    mapfile -t again < <(look again)
    rm -f "$tap_dir"/{bt,frame,settings,breakpoints}.*
    batch "$gdb" "$@" -ex 'set pagination off' -ex "thread $thread" -ex 'up' -ex 'up' "${before[@]}" "${load[@]}" \
        -ex virtq "${after[@]}" -ex 'virtq show disk0:0' -ex 'virtq nonsense' "${load[@]}" "${again[@]}" \
        >"$tap_dir/session.log"
}

compare() { # WHAT
    contains "$1: it answers" "$(<"$tap_dir/session.log")" "in-device/throttled"
    check "$1: backtraces of all threads" test "$(grep -c '^Thread ' "$tap_dir/bt.before")" -ge 4
    contains "$1: a frame is selected" "$(<"$tap_dir/frame.before")" "#2"
    contains "$1: a thread is in generated code" "$(<"$tap_dir/bt.before")" "code_gen_buffer"
    same "$1, after virtq" after
    same "$1, after more, and sourced twice" again
}

use_vm 7.2
hang_disk0
vm_guest 'while :; do :; done &'
sleep 1
# The vCPU's thread: mostly in generated code, which gdb knows by QEMU's own registration.
vcpu=$(vm_qmp query-cpus-fast | jq '.[0]."thread-id"')
thread=$(batch gdb -p "$vm_pid" -ex 'info threads' | sed -n "s/^[* ]*\([0-9]*\) .*(LWP $vcpu).*/\1/p")
[[ -n $thread ]] || no_go "gdb lists the vCPU's thread ${vcpu:-, which QEMU does not tell}"
for form in "${forms[@]}"; do
    for _ in {1..10}; do
        session "$form" -p "$vm_pid"
        grep -q code_gen_buffer "$tap_dir/bt.before" && break
    done
    compare "live, $form"
done

for _ in {1..10}; do
    vm_core "$tap_dir/core" || no_go "a core of QEMU"
    batch gdb "$VM_QEMU" "$tap_dir/core" -ex "thread apply $thread bt" | grep -q code_gen_buffer && break
done
for form in "${forms[@]}"; do
    session "$form" "$VM_QEMU" "$tap_dir/core"
    compare "core, $form"
done
check "the guest is alive" vm_guest true
check "nobody traces QEMU" grep -q '^TracerPid:[[:space:]]*0$' "/proc/$vm_pid/status"
equal "QEMU runs" "" "$(awk '$1 == "State:" && $2 ~ /[tTZ]/' "/proc/$vm_pid/status")"
finish
