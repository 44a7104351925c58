#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# What is damaged, cut short or not a QEMU at all gets a clear error or a partial answer, from a virtq with
# AddressSanitizer and UBSan: never a crash, never a hang.
. "${BASH_SOURCE[0]%/*}/lib/common.bash"

sanitized_virtq || no_go "a sanitized virtq is built"
RUN_VIRTQ=$virtq_sanitized RUN_TIMEOUT=20
RANDOM=42

# survived: the last run, with --json, ended as it may. Says how not.
survived() {
    if grep -qE 'Sanitizer|runtime error' <<<"$errors"; then
        echo "a sanitizer speaks: $errors"
    elif ((status > 3)); then
        echo "exit $status $errors"
    elif ! jq -e '.schema == 1' <<<"$output" >/dev/null 2>&1; then
        echo "no JSON: $output"
    elif [[ $status == 3 ]] && ! jq -e '.error.message | length > 0' <<<"$output" >/dev/null; then
        echo "exit 3 without an error in JSON"
    elif [[ $status == 3 && $(grep -c '^virtq: ' <<<"$errors") != 1 ]]; then
        echo "exit 3 with other than one line: $errors"
    elif [[ $status -lt 3 && -n $errors ]]; then
        echo "exit $status with errors: $errors"
    fi
}

# refused STATUS WHAT PATTERN... -- ARGUMENT...: exit STATUS, one line on stderr with these words, the same in JSON.
refused() {
    local expected=$1 what=$2 patterns=() pattern missing=''
    shift 2
    while [[ $1 != -- ]]; do patterns+=("$1"); shift; done
    shift
    run --json "$@"
    missing=$(survived)
    for pattern in "${patterns[@]}"; do
        grep -qiE -- "$pattern" <<<"$errors" || missing+=" no '$pattern'"
    done
    equal "$what" "exit $expected" "exit $status${missing:+:$missing; stderr: $errors}"
    # Without --json nothing goes to stdout.
    run "$@"
    equal "$what: one line, nothing on stdout" "exit $expected, 1, 0" \
        "exit $status, $(grep -c . <<<"$errors"), ${#output}"
}

# flip FILE OFFSET: inverts the byte there.
flip() {
    local byte
    byte=$(od -An -tu1 -j "$2" -N 1 "$1")
    # shellcheck disable=SC2059  # an octal escape is made here
    printf "\\$(printf %o $((byte ^ 255)))" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

# random_places NAME COUNT SIZE [START]: appends so many places of SIZE bytes from START on to the array NAME; the same
# ones in each run, but for the size. (In a subshell, bash would draw others each time.)
random_places() {
    local -n places_of=$1
    local i
    for ((i = 0; i < $2; i++)); do
        places_of+=($((${4:-0} + ((RANDOM << 15 | RANDOM) * $3 >> 30))))
    done
}

descending() {
    printf '%s\n' "$@" | sort -rn
}

use_qemu 10
other_qemu=$VM_QEMU
use_qemu 7.2
vm_start_standard hostile || no_go "QEMU starts"
some_io disk0 disk1
hang_disk0
cd "$tap_dir" || exit

# ---- Not what it should be ------------------------------------------------------------------------------------------

vm_core "$tap_dir/core" || no_go "gcore"
run --json core
expect 1 "disk0:0 in-device/throttled low" "unharmed, the core is analysed"

mkdir directory
: >empty
printf 'A text file\nof some lines.\n' >text
head -c 100000 /dev/urandom >noise
mkfifo fifo
(ulimit -c unlimited; mkdir other; cd other && sh -c 'kill -ABRT $$') 2>/dev/null
other_core=$(echo other/core*)

refused 3 "a text file" text "core" -- text
refused 3 "a directory" directory "core" -- directory
refused 3 "an empty file" empty "is empty" -- empty
refused 3 "a FIFO nobody writes to" fifo FIFO -- fifo
refused 3 "noise" noise core -- noise
refused 3 "no such file" nowhere "no such file" -- nowhere
refused 3 "a device" /dev/null "empty|device" -- /dev/null
refused 3 "a program, not a core" true "core" -- /bin/true
refused 3 "the core of another program" "QEMU" -- "$other_core"
refused 3 "another program's binary" /bin/true "build-id" -- -e /bin/true core
refused 3 "another QEMU's binary" "$other_qemu" "build-id" -- -e "$other_qemu" core
refused 3 "a binary that is text" text -- -e text core
refused 3 "no such binary" nowhere -- -e nowhere core
refused 3 "another QEMU's binary for a process" "$other_qemu" "build-id" -- -e "$other_qemu" "$vm_pid"
refused 3 "a layout that is text" text -- --layout text core
"$VIRTQ" layout "$other_qemu" -o other.layout
refused 3 "another QEMU's layout" other.layout "build-id|belongs" -- --layout other.layout core
refused 3 "a device that is not there" nodisk -- core nodisk
refused 3 "a queue that is not there" disk0 -- core disk0:7

# ---- Processes ------------------------------------------------------------------------------------------------------

sleep 1000 &
sleeper=$!
disown
refused 3 "a process that is not QEMU" "$sleeper|sleep" QEMU -- "$sleeper"
kill "$sleeper"
refused 3 "no such process" 4194304 "no( such)? process" -- 4194304
refused 3 "a number that is no PID" 99999999999999999999 -- 99999999999999999999
refused 3 "virtq's own parent, a shell" "$$|bash" QEMU -- $$

chmod 711 "$tap_dir"
cp "$virtq_sanitized" virtq
chmod 755 virtq
run_as=(env XDG_CACHE_HOME=/nonexistent setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all)
RUN_VIRTQ=$tap_dir/virtq refused 3 "another user's process" "$vm_pid" "permi|may not" -- "$vm_pid"
chmod 600 core
RUN_VIRTQ=$tap_dir/virtq refused 3 "another user's core" core "permission" -- core
run_as=()

# ---- Cut short ------------------------------------------------------------------------------------------------------

# cuts CORE COUNT [ARGUMENT...]: half of the places in what describes the core, half in memory; in descending order, so
# that one copy is enough. Sets answers, how many were partial at least.
cuts() {
    local core=$1 count=$2 size places=() place problem bad=''
    shift 2
    declare -A ends=([0]=0 [1]=0 [2]=0 [3]=0)
    # What gdb writes behind the last segment, sections, nobody needs.
    size=$(readelf -lW "$core" 2>/dev/null | awk '$1 == "LOAD" || $1 == "NOTE" { print $2, $5 }' |
        while read -r start length; do echo $((start + length)); done | sort -rn | head -n 1)
    random_places places $((count / 2)) 65536
    random_places places $((count / 2)) "$size"
    for place in $(descending "${places[@]}"); do
        truncate -s "$place" "$core"
        run --json "$@" "$core"
        ends[$status]=$((${ends[$status]:-0} + 1))
        problem=$(survived)
        [[ -z $problem ]] || bad+="at $place: $problem"$'\n'
        [[ $status == 3 ]] && continue
        # disk0's trouble, with its cause if that could be read, or nothing: what could not must not look like trouble.
        problem=$(findings)
        [[ -z $problem || $problem == "disk0:0 in-device/"@(throttled|in-flight)" low" ]] || bad+="at $place: $problem"$'\n'
        jq -e '.target.truncated and (.complete == (.incomplete == []))' <<<"$output" >/dev/null ||
            bad+="at $place: is not called truncated and incomplete"$'\n'
    done
    equal "$core cut at $count places (findings ${ends[1]}, partial ${ends[2]}, error ${ends[3]} times)" "" "$bad"
    answers=$((ends[1] + ends[2]))
}

vm_kernel_core "$tap_dir/kcore" || no_go "the kernel's core"
cuts kcore 50
check "the kernel's core, cut, gives answers" test "$answers" -ge 10

zstd -q -1 core
# gdb writes the notes last: a cut core says nothing about itself.
cuts core 20 -e "$VM_QEMU"
check "gdb's core, cut, gives answers with --exe" test "$answers" -ge 5
places=()
random_places places 10 "$(stat -c %s core.zst)"
bad=''
for place in $(descending "${places[@]}"); do
    truncate -s "$place" core.zst
    run --json core.zst
    problem=$(survived)
    [[ -z $problem ]] || bad+="at $place: $problem"$'\n'
done
equal "compressed, then cut at 10 places" "" "$bad"
rm core kcore core.zst

# ---- Wrong bytes ----------------------------------------------------------------------------------------------------

VM_MACHINE=q35,dump-guest-core=off VM_MEMORY=96M vm_start_standard flips || no_go "QEMU starts"
hang_disk0
vm_core "$tap_dir/gcore" || no_go "gcore"
vm_kernel_core "$tap_dir/kcore" || no_go "the kernel's core"

# flips CORE COUNT: each byte of the ELF header, then sampled ones of program headers and notes.
flips() {
    local core=$1 count=$2 headers notes_at notes_size places place problem bad='' i
    declare -A ends=()
    headers=$(readelf -hW "$core" | awk '/Number of program headers/ { print $5 * 56 }')
    read -r notes_at notes_size < <(readelf -lW "$core" 2>/dev/null | awk '$1 == "NOTE" { print $2, $5; exit }')
    places=({0..63})
    random_places places "$count" "$headers" 64
    random_places places "$count" $((notes_size)) $((notes_at))
    for place in "${places[@]}"; do
        flip "$core" "$place"
        run --json "$core"
        flip "$core" "$place"
        ends[$status]=$((${ends[$status]:-0} + 1))
        problem=$(survived)
        [[ -z $problem ]] || bad+="at $place: $problem"$'\n'
    done
    equal "$core: ${#places[@]} bytes of header and notes flipped (exit: $(for i in "${!ends[@]}"; do
        printf '%s %s times, ' "$i" "${ends[$i]}"; done)no crash)" "" "$bad"
    run --json "$core"
    equal "$core: unharmed again" 2 "$status"
}
flips gcore 60
flips kcore 60
rm gcore kcore

# ---- A VM that ends -------------------------------------------------------------------------------------------------

vm_start_standard ends || no_go "QEMU starts"
hang_disk0
# A request that does not move makes virtq wait for a second sample.
end_half_way &
run --json --interval=6 "$vm_pid"
equal "the VM ends between the samples" "exit 3" "exit $status$(survived)"
contains "the VM ends between the samples: its PID" "$errors" "$vm_pid"
refused 3 "the VM has ended" "$vm_pid" -- "$vm_pid"
finish
