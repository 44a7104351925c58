#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# `virtq -resume' lets a live QEMU run on, and so tells stuck from on its way;
# QEMU does not notice; where that cannot be, gdb says why.
. "${BASH_SOURCE[0]%/*}/lib/common.bash"

use_vm 7.2
# Even then the kernel may ask the guest for entropy.
for _ in {1..10}; do
    idle=$(in_gdb python -p "$vm_pid" -- "virtq -resume 0.3")
    [[ $idle != *"one sample: "* ]] || break
done
contains "an idle VM is sampled once" "$idle" "one sample: "
contains "an idle VM has nothing stuck" "$idle" "nothing stuck: "

hang_disk0
stuck=$(in_gdb python -p "$vm_pid" -ex "thread 2" -- "virtq -resume 1 -q" "thread" "virtq -q")
contains "it says that the VM runs" "$stuck" "the target runs on for 1 s"
contains "a disk that does not move is stuck" "$stuck" "in-device/throttled"
# confidence COMMAND YOUNG OLD: on a slow host the request may be older than the 30 s that no disk takes.
confidence() {
    local answer expected=$2
    answer=$(part "$stuck" "$1")
    ! grep -q "a request is older than 30 s" <<<"$answer" || expected=$3
    contains "$1: the confidence" "$answer" "confidence $expected"
}
confidence "virtq -resume 1 -q" medium high # that of two samples
confidence "virtq -q" low medium # it may be on its way
contains "the thread stays selected" "$(part "$stuck" thread)" "Current thread is 2 "
check "the guest is alive" vm_guest true

early=$(in_gdb python -p "$vm_pid" -ex "tbreak qemu_poll_ns" -- "virtq -resume 30")
contains "a breakpoint ends it" "$early" "virtq: the target stopped before 30 s were over"
signal=$(in_gdb python -p "$vm_pid" -ex "handle SIGINT nostop pass" -- "virtq -resume 1")
contains "SIGINT that would reach QEMU" "$signal" "virtq: -resume needs \`handle SIGINT stop nopass\`"
locked=$(in_gdb python -p "$vm_pid" -ex "set scheduler-locking on" -- "virtq -resume 1")
contains "one thread alone" "$locked" "virtq: -resume needs all threads"
check "the guest is alive" vm_guest true
check "QEMU has met no SIGINT" test -e "/proc/$vm_pid/exe"

if server=$(another_gdb server); then
    serve "$vm_pid"
    output=$(in_gdb python "$VM_QEMU" -iex 'set sysroot /' -ex "target remote $remote" -- "virtq -resume 1" detach)
    contains "through gdbserver" "$output" "virtq: -resume cannot be used through gdbserver"
else
    skip "through gdbserver" "$(tail -n 1 "$tap_dir/why")"
fi
check "the guest is alive" vm_guest true
finish
