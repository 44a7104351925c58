# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
#
# What the tests on a real QEMU share; each starts with
#   . "${BASH_SOURCE[0]%/*}/lib/common.bash"
# and has tests/tap.sh and fixtures/real-qemu/vm.sh then.
#
# Environment: VIRTQ and BUILD (make check-qemu sets them); VIRTQ_SANITIZED, else it is built when first needed.
set -uo pipefail

top=$(cd "${BASH_SOURCE[0]%/*}/../../.." && pwd)
lib=$top/tests/qemu/lib
. "$top/tests/tap.sh"
. "$top/fixtures/real-qemu/vm.sh"
. "$lib/wait.bash"
trap 'vm_stop_all; machine_stop; rm -rf "$tap_dir"' EXIT

BUILD=$(realpath "${BUILD:-$top/build}")
VIRTQ=$(realpath "${VIRTQ:-$BUILD/virtq}")
[[ -z ${VIRTQ_QMP:-} ]] || VIRTQ_QMP=$(realpath "$VIRTQ_QMP")

# Layouts that virtq caches are this test's own; built QEMUs and guests are not.
export VIRTQ_CACHE=${VIRTQ_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/virtq-fixtures}
export XDG_CACHE_HOME=$tap_dir/cache
unset DEBUGINFOD_URLS

# no_go WHY: ends the test as a failure, for what nothing can go on without.
no_go() {
    tap_result 1 "$1"
    finish
}

# use_qemu 7.2|10: the QEMU of the VMs that are started from now on.
use_qemu() {
    qemu_series=$1
    VM_QEMU=$("$top/fixtures/real-qemu/build-qemu.sh" "$1") || no_go "QEMU $1 is built"
}

# run [ARGUMENT...]: virtq, behind run_as; sets status, output and errors, and run_ns, how long it took.
run_as=()
run() {
    local started=${EPOCHREALTIME/[.,]/}
    status=0
    output=$(timeout "${RUN_TIMEOUT:-60}" "${run_as[@]}" "${RUN_VIRTQ:-$VIRTQ}" "$@" 2>"$tap_dir/stderr") || status=$?
    run_ns=$(((${EPOCHREALTIME/[.,]/} - started) * 1000))
    errors=$(<"$tap_dir/stderr")
}

# text TARGET: with TEXT=1, virtq's answer in words, as comments.
text() {
    [[ ${TEXT:-} != 1 ]] || "$VIRTQ" --interval=1 "$1" 2>&1 | sed 's/^/#   /'
}

# findings [JSON]: "DEVICE:QUEUE VERDICT CONFIDENCE" of each finding that is one, by default of $output.
findings() {
    jq -r '.devices[] | .id as $id | .queues[] | ."queue-index" as $index | .findings[] |
        select(.severity == "stuck") | "\($id):\($index) \(.verdict) \(.confidence)"' <<<"${1:-$output}"
}

# verdict DEVICE QUEUE: of $output.
verdict() {
    jq -r --arg id "$1" --argjson index "$2" \
        '.devices[] | select(.id == $id).queues[] | select(."queue-index" == $index).verdict' <<<"$output"
}

# expect STATUS FINDINGS WHAT: the last run, with --json, ended so.
expect() {
    equal "$3" "exit $1${2:+
$2}" "exit $status$(printf '%s' "$(findings 2>&1)" | sed '1s/^/\n/')${errors:+
$errors}"
}

# aged YOUNG OLD: the confidence in what holds disk0's request: more if the request was older than the 30 s that no disk
# takes when virtq looked first, as on a slow host it may be. How long before its second look that was is not told exactly:
# longer than the interval, shorter than the run. Either is right in between.
aged() {
    jq -r --arg young "$1" --arg old "$2" --argjson ran "$run_ns" '.devices[0].queues[0] as $queue |
        ([$queue.requests[]."age-ns" // 0] | max // 0) as $age |
        (if .target.samples == 1 then [0, 0] else [.target."interval-ms" * 1e6, $ran] end) as [$least, $most] |
        if $age - $least <= 30e9 then $young elif $age - $most > 30e9 then $old
        else [$young, $old][[$young, $old] | index($queue.confidence) // 0] end' <<<"$output"
}

# some_io: a little of it on every device that has a driver, then quiet.
some_io() {
    vm_load_start "$@"
    sleep "${SOME_IO_SECONDS:-2}"
    vm_load_stop
    wait_until 60 at_rest || no_go "the guest comes to rest"
}

# resumed: after cont, which makes the guest's serial port of QEMU 10 lose what it is sent at once; until the guest answers.
resumed() {
    local _
    for _ in {1..12}; do
        ! VM_TIMEOUT=5 vm_guest true 2>/dev/null || return 0
    done
    no_go "the guest answers after cont"
}

# machine_start QEMU [ARGUMENT...]: a machine without a guest system; sets machine_pid and machine_dir. One at a time.
machine_pid='' machine_dir=''
machine_start() {
    local qemu=$1 directory firmware=()
    shift
    machine_dir=$(mktemp -d "$tap_dir/machine.XXXXXX")
    for directory in "${qemu%/*}/firmware" /usr/share/seabios /usr/share/qemu; do
        [[ -d $directory ]] && firmware+=(-L "$directory")
    done
    (
        cd "$machine_dir" || exit
        exec setpriv --pdeathsig KILL "$qemu" -nodefaults -no-user-config -display none "${firmware[@]}" \
            -qmp unix:qmp,server=on,wait=off "$@" </dev/null >qemu.log 2>&1
    ) &
    machine_pid=$!
    disown "$machine_pid"
    wait_until 60 machine_answers && return
    cat "$machine_dir/qemu.log" >&2
    return 1
}

# The socket is there before QEMU listens, and QEMU listens before the devices are there; an answer comes after them.
machine_answers() {
    [[ -S $machine_dir/qmp ]] && machine_qmp query-status >/dev/null 2>&1
}

machine_stop() {
    [[ -n $machine_pid ]] || return 0
    kill -KILL "$machine_pid" 2>/dev/null
    while [[ -e /proc/$machine_pid/exe ]]; do sleep 0.01; done
    machine_pid=''
}

# machine_hmp COMMAND..., machine_qmp COMMAND...: as vm_hmp and vm_qmp.
machine_hmp() { (vm_dir=$machine_dir vm_hmp "$@"); }
machine_qmp() { (vm_dir=$machine_dir vm_qmp "$@"); }

# polling_boot_sector FILE: a disk whose boot sector reads sector 1 for ever, by INT 13h with the packet at 0x100, and counts
# at 0x7df0.
#   cli; xor ax,ax; mov ds,ax; mov es,ax; mov ss,ax; mov sp,0x7c00; sti
#   again: mov si,0x7d00; mov ah,0x42; mov dl,0x80; int 0x13; inc dword [0x7df0]; jmp again
polling_boot_sector() {
    write_at() {
        printf '%b' "$3" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
    }
    truncate -s 504K "$1"
    write_at "$1" 0 '\xfa\x31\xc0\x8e\xd8\x8e\xc0\x8e\xd0\xbc\x00\x7c\xfb'
    write_at "$1" 13 '\xbe\x00\x7d\xb4\x42\xb2\x80\xcd\x13\x66\xff\x06\xf0\x7d\xeb\xf0'
    write_at "$1" 256 '\x10\x00\x01\x00\x00\x80\x00\x00\x01\x00'
    write_at "$1" 510 '\x55\xaa'
}

# sanitized_virtq: sets virtq_sanitized to a virtq with AddressSanitizer and UBSan.
sanitized_virtq() {
    virtq_sanitized=${VIRTQ_SANITIZED:-$BUILD/sanitized/virtq}
    [[ -z ${VIRTQ_SANITIZED:-} ]] || return 0
    make -C "$top" --no-print-directory -s BUILD="$BUILD/sanitized" \
        CFLAGS='-O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined' \
        "$BUILD/sanitized/virtq" >&2
}
