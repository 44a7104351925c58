# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
#
# What the tests of the gdb plugin share; each starts with
#   . "${BASH_SOURCE[0]%/*}/lib/common.bash"
# and has tests/tap.sh then.
#
# The plugin is tested in three forms: python (virtq.py in the machine's gdb),
# reader (the JIT reader in the same gdb), minimal (the JIT reader in Debian's
# gdb-minimal, which has no Python). $forms are those that can be had here.
#
# Environment: BUILD, VIRTQ (make check and make check-qemu set them).
set -uo pipefail

top=$(cd "${BASH_SOURCE[0]%/*}/../../.." && pwd)
. "$top/tests/tap.sh"
BUILD=$(realpath "${BUILD:-$top/build}")
VIRTQ=$(realpath "${VIRTQ:-$BUILD/virtq}")
export VIRTQ_LIBRARY=$BUILD/libvirtq.so VIRTQ_READER=$BUILD/virtq-reader.so
cd "$top" || exit

# The layout cache, and what virtq.gdb leaves in it, are this test's own.
export VIRTQ_CACHE=${VIRTQ_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/virtq-fixtures}
export HOME=$tap_dir/home
mkdir "$HOME"
export XDG_CACHE_HOME=$HOME/.cache TERM=dumb
unset DEBUGINFOD_URLS

# another_gdb minimal|server|RELEASE: its path, or nothing and the reason in $tap_dir/why.
another_gdb() {
    tests/gdb/lib/get-gdb.sh "$1" 2>"$tap_dir/why"
}

gdb_minimal=$(another_gdb minimal) || gdb_minimal=
forms=(python reader)
if [[ -n $gdb_minimal ]]; then
    forms+=(minimal)
else
    skip "the plugin in a gdb without Python" "$(tail -n 1 "$tap_dir/why")"
fi

# form_options FORM: sets gdb and load, the commands that load the plugin.
form_options() {
    gdb=${GDB:-gdb}
    case $1 in
    python) load=(-ex "source $top/gdb-plugin/virtq.py") ;;
    reader) load=(-ex 'set $virtq_use_reader = 1' -ex "source $top/gdb-plugin/virtq.gdb") ;;
    minimal) gdb=$gdb_minimal load=(-ex "source $top/gdb-plugin/virtq.gdb") ;;
    esac
}

# batch GDB [ARGUMENT...]: without the user's settings, and without a network.
batch() {
    timeout "${GDB_TIMEOUT:-120}" "$1" -nx -batch -iex 'set debuginfod enabled off' \
        -iex 'set auto-load safe-path /' "${@:2}" </dev/null 2>&1
}

# in_gdb FORM [ARGUMENT...] -- COMMAND...: each command's output, after a line "@ COMMAND".
in_gdb() {
    local form=$1 arguments=() commands=() command
    shift
    while [[ $1 != -- ]]; do
        arguments+=("$1")
        shift
    done
    shift
    form_options "$form"
    for command in "$@"; do
        commands+=(-ex "echo @ ${command//\$/\\\$}\\n" -ex "$command")
    done
    batch "$gdb" "${arguments[@]}" "${load[@]}" "${commands[@]}" -ex 'echo @ end\n'
}

# part OUTPUT COMMAND: what in_gdb printed for it.
part() {
    awk -v start="@ $2" '/^@ / { on = $0 == start; next } on' <<<"$1"
}

# plain TEXT: without what tells where a target is: the header line, which may be two, and the target in `virtq show
# TARGET QUEUE`.
plain() {
    awk '/^(gdb inferior|core|process|snapshot) .*: QEMU / { header = 1; next }
        header && !/^(one|two) sample/ { next }
        { header = 0; sub(/virtq show [0-9\/][^ ]* /, "virtq show "); print }' <<<"$1"
}

# still: without what depends on the moment and on who holds the process: ages of requests, what threads do. Lines that are
# wrapped differ with them.
still() { sed -E 's/, confidence [a-z]+$//; /^ {4}/d; /^  (evidence|listener|requests|threads|host-notifier-count|guest-notifier-count) /d'; }

# running: without what the command line says of a process because gdb holds it, which gdb knows: that it is stopped, in the
# answer and in a paragraph or entry of its own; and verdicts in the table, with its widths.
running() {
    awk '/^(off\/stopped: |[^ ]+ queue [0-9]+ .*: [a-zA-Z])/ { skip = 1; next }
        /^  verdict / { skip = $2 ~ /^off\/stopped/ }
        skip && /^$/ { skip = 0; next }
        skip && /^ / { next }
        { skip = 0; print }' | sed -E 's/ +[a-z-]+\/[a-z-]+( \+[0-9]+)?$//; s/([^ ]) +/\1 /g' | still
}
still_unknown() { running | sed '/^the answer is incomplete:$/{N;/threads: .* does not tell/d}'; }

# same_answers WHAT FORM TARGET [GDB-ARGUMENT...]: the plugin says what the command line says of TARGET, which gdbserver
# serves if WHAT says so. The command line runs in gdb's `shell`, while gdb holds the target: both look at the same instant.
# Leaves what gdb printed in $output.
same_answers() {
    local what="$1, $2" form=$2 target=$3 command commands=() line moment=cat json=$same_json remotely=() _
    local -A lines=([virtq]="--once $target" ["virtq -q"]="--once -q $target"
        ["virtq show disk0:0"]="show --once $target disk0:0" ["virtq --json"]="--once --json $target")
    shift 3
    [[ $target == *[!0-9]* ]] || moment=running json=$same_json_live
    # a gdb without Python does not tell of threads through gdbserver, and that is said
    [[ $what != *gdbserver* || $form == python ]] || moment=still_unknown json+=' | del(.complete, .incomplete)'
    for command in "${!lines[@]}"; do
        commands+=("$command" "shell $VIRTQ ${lines[$command]}")
    done
    # A main loop that waits for QEMU's lock as gdb stops it is a finding, which only gdb sees.
    for _ in {1..10}; do
        [[ $what != *gdbserver* ]] || { serve "$target"; remotely=(-iex 'set sysroot /' -ex "target remote $remote"); }
        output=$(in_gdb "$form" "$@" "${remotely[@]}" -- "${main_loop[@]}" "${commands[@]}" "virtq -q -v")
        [[ $target == "${vm_pid:-}" ]] && ! _vm_sleeps "$output" || break
    done
    for command in "${!lines[@]}"; do
        line="shell $VIRTQ ${lines[$command]}"
        if [[ $command == *json ]]; then
            equal "$what: $command" "$(part "$output" "$line" | jq -S "$json")" \
                "$(part "$output" "$command" | jq -S "$json")"
        else
            equal "$what: $command" "$(plain "$(part "$output" "$line")" | "$moment")" \
                "$(plain "$(part "$output" "$command")" | "$moment")"
        fi
    done
    contains "$what: the finding" "$(part "$output" "virtq -q")" "disk0 queue 0 (request)"
}
# What gdb tells of the first thread, for _vm_sleeps.
main_loop=("thread apply 1 bt 1" 'thread apply 1 printf "returns %ld\n", $rax')
# While gdb holds a live process, the command line sees threads that are stopped, and gdb what they did. Through gdbserver it
# has neither counts of eventfds nor the clock that ages of requests are told by, which make a finding surer.
same_json='del(.target, .report, .qemu.executable, .qemu.layout)'
same_json_live="$same_json"' | del(.threads, ."event-loops"[]?."thread-id") |
    (.devices[]?.queues[]?.findings) |= map(select(.severity == "stuck")) |
    del(.devices[]?.queues[]? | (."host-notifier-count", ."guest-notifier-count", .verdict, .confidence,
        .findings[]?.evidence, .findings[]?.confidence, .requests[]?."age-ns"))'

# no_go WHY: ends the test as a failure, for what nothing can go on without.
no_go() {
    tap_result 1 "$1"
    finish
}

# use_vm: the real QEMU of fixtures/real-qemu for the rest of the test, at rest; disk0 is stuck after hang_disk0.
use_vm() {
    . "$top/fixtures/real-qemu/vm.sh"
    . "$top/tests/qemu/lib/wait.bash"
    trap 'vm_stop_all; rm -rf "$tap_dir"' EXIT
    [[ -z ${VIRTQ_QMP:-} ]] || VIRTQ_QMP=$(realpath "$VIRTQ_QMP")
    VM_QEMU=$("$top/fixtures/real-qemu/build-qemu.sh" "${1:-7.2}") || no_go "QEMU is built"
    vm_start_standard gdb || no_go "QEMU starts"
    wait_until 60 at_rest || no_go "the guest comes to rest"
}

# serve PID: gdbserver, attached to it; sets $remote to its address on this machine. It ends with the first gdb. (By a pipe
# to gdbserver it takes twenty times as long.)
serve() {
    local deadline=$((SECONDS + 60)) port=
    rm -f "$tap_dir/server.log"
    "$server" --once --attach localhost:0 "$1" >"$tap_dir/server.log" 2>&1 </dev/null &
    disown $!
    while [[ -z $port ]] && ((SECONDS < deadline)); do
        sleep 0.05
        port=$(sed -n 's/^Listening on port //p' "$tap_dir/server.log")
    done
    [[ -n $port ]] || no_go "gdbserver listens"
    remote=localhost:$port
}
