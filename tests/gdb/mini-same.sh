#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The plugin says of cores of mini-qemu what the command line says: layouts of
# several QEMUs, binaries at a fixed address, without build-id, stripped; other
# machines through gdb-multiarch; and live.
. "${BASH_SOURCE[0]%/*}/lib/common.bash"

mini=$BUILD/mini-qemu/mini-qemu
core() { # BINARY
    fixtures/mini-qemu/make-core.sh "$1" fixtures/mini-qemu/scenarios/stuck.scn "$tap_dir/core" >"$tap_dir/core.log" 2>&1
}

for variant in 5.2 7.2 10.0 10.2 7.2-nopie 7.2-static-pie 7.2-split; do
    core "$mini-$variant" || { tap_result 1 "$variant: a core"; continue; }
    for form in "${forms[@]}"; do
        same_answers "$variant" "$form" "$tap_dir/core" "$mini-$variant" "$tap_dir/core"
    done
done

# gdb believes its user that this is the binary, so it reads more from it than the command line
core "$mini-7.2-no-build-id" || no_go "a core"
for form in "${forms[@]}"; do
    contains "no build-id, $form" "$(in_gdb "$form" "$mini-7.2-no-build-id" "$tap_dir/core" -- "virtq -q")" \
        "disk0 queue 0 (request)"
done

core "$mini-7.2-stripped" || no_go "a core"
for form in "${forms[@]}"; do
    stripped=$(in_gdb "$form" "$mini-7.2-stripped" "$tap_dir/core" -- "virtq --no-cache -q" \
        "virtq -q --no-cache --debug-dir $BUILD/mini-qemu/debug")
    contains "stripped, $form: no debug info" "$(part "$stripped" "virtq --no-cache -q")" "no debug info"
    contains "stripped, $form: --debug-dir" "$stripped" "disk0 queue 0 (request)"
done

for machine in aarch64 s390x; do
    if ! command -v gdb-multiarch >/dev/null; then
        skip "$machine" "gdb-multiarch is not installed"
        continue
    fi
    core "$mini-7.2-$machine" || { tap_result 1 "$machine: a core"; continue; }
    # gdb takes what qemu-user did not save for zeros, so a name is missing
    output=$(GDB=gdb-multiarch in_gdb python "$mini-7.2-$machine" "$tap_dir/core" -- virtq)
    equal "$machine" "$(plain "$("$VIRTQ" -e "$mini-7.2-$machine" "$tap_dir/core")")" \
        "$(plain "$(part "$output" virtq)")"
done

# A snapshot is a core to gdb, of the one sample that it shows; what was not read is not in it.
core "$mini-7.2" || no_go "a core"
"$VIRTQ" snapshot "$tap_dir/core" -o "$tap_dir/snapshot" || no_go "a snapshot"
told=$(plain "$("$VIRTQ" "$tap_dir/snapshot")")
devices=$("$VIRTQ" --json "$tap_dir/snapshot" | jq .devices)
for form in "${forms[@]}"; do
    output=$(in_gdb "$form" "$mini-7.2" "$tap_dir/snapshot" -- virtq "virtq --json")
    equal "a snapshot, $form: virtq" "$told" "$(plain "$(part "$output" virtq)")"
    equal "a snapshot, $form: virtq --json" "$devices" "$(part "$output" "virtq --json" | jq .devices)"
done

coproc live { exec "$mini-7.2" fixtures/mini-qemu/scenarios/stuck.scn --wait; }
read -r _ pid <&"${live[0]}"
for form in "${forms[@]}"; do
    same_answers "live" "$form" "$pid" -p "$pid"
done
"$VIRTQ" snapshot "$pid" -o "$tap_dir/live.snapshot" || no_go "a snapshot of a process"
for form in "${forms[@]}"; do
    contains "a snapshot of a process, $form: the queue" "$(in_gdb "$form" "$mini-7.2" "$tap_dir/live.snapshot" -- "virtq -q")" \
        "disk0 queue 0 (request)"
done
kill "$live_PID"
finish
