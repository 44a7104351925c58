#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# How long gdb's user waits, and what crosses a remote link, against the same
# walk written in gdb's Python (tests/bench/walk.py). Times are told, not
# asserted: the aim is a tenth. Packets are counted, and at most a fifth.
. "${BASH_SOURCE[0]%/*}/lib/common.bash"

use_vm 7.2
vm_core "$tap_dir/core" || no_go "a core"

# Each in a gdb of its own and what it costs at first use; the walk needs types of QEMU's debug info, virtq its layout.
cat >"$tap_dir/time.py" <<'END'
import time

def milliseconds(command):
    start = time.monotonic()
    gdb.execute(command, to_string=True)
    return 1000 * (time.monotonic() - start)
END
measure() { # COMMAND GDB-ARGUMENT...: "first second" in milliseconds, medians of 3 gdbs
    local command=$1 i
    shift
    for i in 1 2 3; do
        batch gdb "$@" -ex "source $top/gdb-plugin/virtq.py" -ex "source $tap_dir/time.py" \
            -ex "python print('ms', milliseconds('$command'), milliseconds('$command'))" | sed -n 's/^ms //p'
    done | awk '{ first[NR] = $1; second[NR] = $2 } END { asort_n(first, NR); asort_n(second, NR);
        printf "%.1f %.1f\n", first[int(NR / 2) + 1], second[int(NR / 2) + 1] }
        function asort_n(a, n,   i, j, t) { for (i = 2; i <= n; i++) for (j = i; j > 1 && a[j - 1] > a[j]; j--) {
            t = a[j]; a[j] = a[j - 1]; a[j - 1] = t } }'
}

measured() { # WHAT OURS THEIRS
    check "$1: $2 against $3" awk -v ours="$2" -v theirs="$3" 'BEGIN { exit !(ours > 0 && theirs > 0) }'
}

for target in live core; do
    arguments=(-p "$vm_pid")
    [[ $target == live ]] || arguments=("$VM_QEMU" "$tap_dir/core")
    read -r walk walk_again <<<"$(measure "source $top/tests/bench/walk.py" "${arguments[@]}")"
    read -r uncached _ <<<"$(measure "virtq --no-cache" "${arguments[@]}")"
    measure virtq "${arguments[@]}" >/dev/null
    read -r cached again <<<"$(measure virtq "${arguments[@]}")"
    echo "# $target: gdb's walk $walk ms, again $walk_again ms; virtq $cached ms, again $again ms, without the layout cache $uncached ms"
    measured "$target, first use, ms" "$cached" "$walk"
    measured "$target, first use without the layout cache, ms" "$uncached" "$walk"
    measured "$target, again, ms" "$again" "$walk_again"
done

if server=$(another_gdb server); then
    packets() { # COMMAND: packets that ask for memory
        rm -f "$tap_dir/packets"
        serve "$vm_pid"
        batch gdb "$VM_QEMU" -iex 'set sysroot /' -ex "target remote $remote" \
            -ex "source $top/gdb-plugin/virtq.py" -ex "set logging file $tap_dir/packets" -ex 'set logging debugredirect on' \
            -ex 'set logging redirect on' -ex 'set logging enabled on' -ex 'set debug remote 1' -ex "$1" \
            -ex 'set debug remote 0' -ex 'set logging enabled off' -ex detach >/dev/null
        grep -c 'Sending packet: \$[mx]' "$tap_dir/packets"
    }
    ours=$(packets virtq)
    theirs=$(packets "source $top/tests/bench/walk.py")
    echo "# memory packets to gdbserver: virtq $ours, gdb's walk $theirs"
    check "packets to gdbserver: $ours against $theirs" test "$ours" -gt 0 -a $((ours * 5)) -le "$theirs"
else
    skip "packets to gdbserver" "$(tail -n 1 "$tap_dir/why")"
fi
finish
