#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# A core cut at 50 places, and with bytes of its headers and notes flipped: an
# error or a partial answer, never a crash or a hang. Runs with sanitizers.
set -uo pipefail
. tests/cli/common.bash

core=$tap_dir/core
core_of "$mini-7.2" roles "$core" || check "a core" false
run layout "$mini-7.2" -o "$tap_dir/layout"
options=(--no-cache --once --layout "$tap_dir/layout")
size=$(stat -c %s "$core")
RANDOM=4711
bad=0
try() { # WHAT
    run "${options[@]}" "$tap_dir/damaged"
    [ "$status" -le 3 ] && ! grep -q 'Sanitizer\|runtime error' <<<"$err" && return
    echo "# $1: exit status $status: $(tail -n 3 <<<"$err")"
    bad=$((bad + 1))
}

partial=0
for i in $(seq 50); do
    cut=$(((RANDOM << 15 | RANDOM) % size))
    [ "$i" -gt 15 ] || cut=$((cut % 65536)) # where the headers and notes are
    head -c $cut "$core" >"$tap_dir/damaged"
    try "cut at $cut"
    [ "$status" = 3 ] || partial=$((partial + 1))
done
equal "cut at 50 places: no crash" 0 $bad
check "cut at 50 places: some answers are partial ($partial)" test $partial -gt 0

bad=0
notes=$(readelf -lW "$core" | awk '$1 == "NOTE" { print $2, $5; exit }')
read -r offset length <<<"$notes"
end=$((offset + length))
cp "$core" "$tap_dir/damaged"
step=$((end / 400 + 1))
for ((at = 0; at < end; at += at < 64 ? 1 : step)); do
    byte=$(od -A n -t u1 -j $at -N 1 "$core" | tr -d ' ')
    printf "\\x$(printf %02x $((byte ^ (1 << (RANDOM % 8)))))" |
        dd of="$tap_dir/damaged" bs=1 seek=$at conv=notrunc status=none
    try "bit flipped at $at"
    printf "\\x$(printf %02x "$byte")" | dd of="$tap_dir/damaged" bs=1 seek=$at conv=notrunc status=none
done
equal "bytes of headers and notes flipped: no crash" 0 $bad
finish
