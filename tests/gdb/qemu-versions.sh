#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The gdb of other Debian releases, unpacked and not installed: the same answer
# through Python and through the JIT reader, backtraces as they were.
. "${BASH_SOURCE[0]%/*}/lib/common.bash"

use_vm 7.2
hang_disk0
vm_core "$tap_dir/core" || no_go "a core"

# trixie has gdb 16, bullseye 10; sid's moves.
for release in ${GDB_RELEASES:-trixie bullseye}; do
    if ! GDB=$(another_gdb "$release"); then
        skip "the gdb of $release" "$(tail -n 1 "$tap_dir/why")"
        continue
    fi
    version=$("$GDB" --version | sed -n '1s/.* //p')
    for form in python reader; do
        same_answers "gdb $version, core" "$form" "$tap_dir/core" "$VM_QEMU" "$tap_dir/core"
        same_answers "gdb $version, live" "$form" "$vm_pid" -p "$vm_pid"
        form_options "$form"
        batch "$gdb" "$VM_QEMU" "$tap_dir/core" "${load[@]}" -ex "thread 2" -ex "up" \
            -ex "pipe thread apply all bt | cat >$tap_dir/bt.before" -ex "pipe frame | cat >>$tap_dir/bt.before" \
            -ex virtq -ex "pipe thread apply all bt | cat >$tap_dir/bt.after" \
            -ex "pipe frame | cat >>$tap_dir/bt.after" >/dev/null
        check "gdb $version, $form: there are backtraces" grep -q "qemu_main_loop" "$tap_dir/bt.before"
        equal "gdb $version, $form: backtraces and frame" "$(<"$tap_dir/bt.before")" "$(<"$tap_dir/bt.after")"
    done
    if dpkg --compare-versions "$version" ge 12; then
        contains "gdb $version: -resume" "$(in_gdb python -p "$vm_pid" -- "virtq -resume 0.5 -q")" "in-device/throttled"
    else
        contains "gdb $version: -resume" "$(in_gdb python -p "$vm_pid" -- "virtq -resume 0.5 -q")" \
            "virtq: -resume needs gdb 12 or later"
    fi
    contains "gdb $version: \$virtq" "$(in_gdb python "$VM_QEMU" "$tap_dir/core" -- 'p $virtq("disk0", 0)')" \
        "(struct VirtQueue *) 0x"
done
check "the guest is alive" vm_guest true
finish
