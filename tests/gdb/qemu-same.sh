#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The plugin says of a live QEMU, of its core and through gdbserver what the
# command line says; in each form, and for two QEMUs. Remote reads are few.
. "${BASH_SOURCE[0]%/*}/lib/common.bash"

server=$(another_gdb server) || server=
[[ -n $server ]] || skip "through gdbserver" "$(tail -n 1 "$tap_dir/why")"
for series in 7.2 10; do
    use_vm "$series"
    hang_disk0
    vm_core_asleep "$tap_dir/core" || no_go "a core of QEMU $series"
    for form in "${forms[@]}"; do
        same_answers "QEMU $series live" "$form" "$vm_pid" -p "$vm_pid"
        same_answers "QEMU $series core" "$form" "$tap_dir/core" "$VM_QEMU" "$tap_dir/core"
        contains "QEMU $series core, $form: the main loop sleeps" "$(part "$output" "virtq show disk0:0")" \
            "  listener    main loop, thread $vm_pid: polling (ppoll)"
        [[ -n $server ]] || continue
        same_answers "QEMU $series through gdbserver" "$form" "$vm_pid" "$VM_QEMU"
        [[ $form != python ]] || # without it, gdb does not tell
            contains "QEMU $series through gdbserver: the main loop sleeps" "$(part "$output" "virtq show disk0:0")" \
                "  listener    main loop, thread $vm_pid: polling (ppoll)"
        reads=$(sed -n 's/^read through gdb: \([0-9]*\) reads, .*/\1/p' <<<"$output")
        check "QEMU $series through gdbserver, $form: few reads (${reads:-unknown})" test "${reads:-1000}" -le 450
    done
    if [[ -n $server ]]; then
        # gdb takes everything from gdbserver, and has names as target:/usr/bin/qemu
        serve "$vm_pid"
        output=$(in_gdb "${forms[-1]}" -ex "target remote $remote" -- "virtq -q" detach)
        contains "QEMU $series through gdbserver, ${forms[-1]}, without a file" "$(part "$output" "virtq -q")" \
            "disk0 queue 0 (request)"
    fi
    check "QEMU $series: the guest is alive" vm_guest true
    vm_stop
done
finish
