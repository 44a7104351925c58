#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# virtq against gdb doing the same walk (walk.py) on the same core and the same
# live QEMU, in one run, medians: wall time, user time, peak memory, and for how
# long the guest was stopped. Then what must not depend on size: a sparse 1 TB
# core, and 64 devices with 64 queues each. Prints a Markdown table; asserts
# nothing.
set -euo pipefail
: "${BUILD:=build}" "${VIRTQ:=$BUILD/virtq}" "${RUNS:=15}"

here=tests/bench
dir=$(mktemp -d)
measure=$BUILD/tests/measure
mkdir -p "$BUILD/tests"
${CC:-gcc} -O2 -std=gnu11 -D_GNU_SOURCE -pthread -o "$measure" $here/measure.c

. fixtures/real-qemu/vm.sh
trap 'vm_stop_all; rm -rf "$dir"' EXIT
vm_start_standard bench
qemu=$(readlink "/proc/$vm_pid/exe")
core=$dir/core
vm_core "$core"
export XDG_CACHE_HOME=$dir/cache # only now: the real QEMU is cached there too

ratio() { # A B
    awk -v a="$1" -v b="$2" 'BEGIN { if (b > 0) printf "1/%.1f", a / b }'
}

row() { # WHAT WALL USER RSS STOPPED GDB-WALL GDB-RSS
    printf '| %s | %s ms | %s ms | %s MB | %s ms | %s | %s |\n' "$1" "$2" "$3" \
        "$(awk -v kb="$4" 'BEGIN { printf "%.1f", kb / 1024 }')" "$5" \
        "$(ratio "$6" "$2")" "$(ratio "$7" "$4")"
}

compare() { # WHAT TARGET-OF-VIRTQ PID-TO-WATCH GDB-ARGUMENTS...
    local what=$1 target=$2 watch=$3 options=()
    shift 3
    [ -z "$watch" ] || options=(-w "$watch")
    read -r gdb_wall gdb_user gdb_rss gdb_stopped < <("$measure" -n 5 "${options[@]}" \
        gdb -nx -batch -x $here/walk.py "$@")
    row "gdb, $what" "$gdb_wall" "$gdb_user" "$gdb_rss" "$gdb_stopped" "$gdb_wall" "$gdb_rss"
    read -r wall user rss stopped < <("$measure" -n "$RUNS" "${options[@]}" \
        "$VIRTQ" --once --no-cache "$target")
    row "virtq --once, $what, no layout cache" "$wall" "$user" "$rss" "$stopped" "$gdb_wall" "$gdb_rss"
    "$VIRTQ" --once "$target" >/dev/null || true
    read -r wall user rss stopped < <("$measure" -n "$RUNS" "${options[@]}" "$VIRTQ" --once "$target")
    row "virtq --once, $what, layout cached" "$wall" "$user" "$rss" "$stopped" "$gdb_wall" "$gdb_rss"
}

echo "| what | wall | user | peak memory | guest stopped | wall against gdb | memory against gdb |"
echo "|---|---|---|---|---|---|---|"
compare "core" "$core" "" "$qemu" "$core"
compare "live" "$vm_pid" "$vm_pid" -p "$vm_pid"
vm_stop

# The same core with its last segment grown to 1 TB, sparse.
mini=$BUILD/mini-qemu/mini-qemu-7.2
fixtures/mini-qemu/make-core.sh "$mini" fixtures/mini-qemu/scenarios/stuck.scn "$dir/small" >/dev/null
cp --sparse=always "$dir/small" "$dir/huge"
$here/grow-core.sh "$dir/huge"
fixtures/mini-qemu/make-core.sh "$mini" --many 64 64 "$dir/many" >/dev/null
echo
echo "| mini-qemu's core, layout cached | wall | user | peak memory |"
echo "|---|---|---|---|"
for name in small huge many; do
    "$VIRTQ" --once -e "$mini" "$dir/$name" >/dev/null || true
    read -r wall user rss _ < <("$measure" -n "$RUNS" "$VIRTQ" --once -e "$mini" "$dir/$name")
    case $name in
    small) what="as it is ($(($(stat -c %s "$dir/small") / 1024 / 1024)) MB)" ;;
    huge) what="grown to 1 TB, sparse" ;;
    many) what="64 devices with 64 queues each" ;;
    esac
    echo "| $what | $wall ms | $user ms | $(awk -v kb="$rss" 'BEGIN { printf "%.1f", kb / 1024 }') MB |"
done
