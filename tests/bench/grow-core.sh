#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# grow-core.sh CORE: make the last PT_LOAD of a 64-bit little-endian core 1 TB
# long, in place, as a hole of the file.
set -euo pipefail
core=$1
size=$((1 << 40))

number() { # OFFSET SIZE
    od -A n -t "u$2" -j "$1" -N "$2" "$core" | tr -d ' '
}

put() { # OFFSET VALUE: 8 bytes, little endian
    local value=$2 bytes="" i
    for ((i = 0; i < 8; i++)); do
        bytes+=$(printf '\\x%02x' $((value & 255)))
        value=$((value >> 8))
    done
    printf '%b' "$bytes" | dd of="$core" bs=1 seek="$1" conv=notrunc status=none
}

phoff=$(number 32 8) phentsize=$(number 54 2) phnum=$(number 56 2)
last=$((phoff + (phnum - 1) * phentsize))
[ "$(number "$last" 4)" = 1 ] || { echo "the last program header is no PT_LOAD" >&2; exit 1; }
# Where the kernel puts vsyscall there is no room for 1 TB: take its place lower.
offset=$(number $((last + 8)) 8)
put $((last + 16)) $((0x100000000000))
put $((last + 32)) "$size"
put $((last + 40)) "$size"
truncate -s $((offset + size)) "$core"
