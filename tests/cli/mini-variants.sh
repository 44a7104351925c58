#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# One QEMU built in every way debug info comes in: the answer is the same.
set -uo pipefail
. tests/cli/common.bash

core_of "$mini-7.2" roles "$tap_dir/core" || check "a core" false
run --no-cache -e "$mini-7.2" "$tap_dir/core"
wanted=$(body <<<"$out" | sed 's/@.*//')

for variant in dwarf4 types types4 split lto clang nopie static-pie gz stripped debuglink dwz dwz-alt; do
    binary=$mini-7.2-$variant
    if [ ! -e "$binary" ]; then
        skip "$variant" "not built: its tool is missing"
        continue
    fi
    core_of "$binary" roles "$tap_dir/core" || check "$variant: a core" false
    options=(--no-cache -e "$binary")
    [ $variant != stripped ] || options+=(--debug-dir "$BUILD/mini-qemu/debug")
    run "${options[@]}" "$tap_dir/core"
    equal "$variant: the same answer (stderr: $err)" "$wanted" "$(body <<<"$out")"
done

# Without debug info: says what is missing, and what would help.
cp "$mini-7.2-stripped" "$tap_dir/qemu-stripped"
core_of "$tap_dir/qemu-stripped" stuck "$tap_dir/core"
run --no-cache -e "$tap_dir/qemu-stripped" "$tap_dir/core"
expect_error "stripped, no debug info" "no debug info for build-id"
finish
