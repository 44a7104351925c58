#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The plugin says of cores of mini-qemu what the command line says: layouts of
# several QEMUs, binaries at a fixed address, without build-id, stripped; other
# machines through gdb-multiarch; and live.
. "${BASH_SOURCE[0]%/*}/lib/common.bash"
. fixtures/mini-qemu/threads.bash

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

# What threads do: who sleeps, who waits for which mutex, and who holds it. By the core's notes, and, as through gdbserver,
# by the registers that gdb has. And guest RAM that was not saved, which is not zeros.
for scenario in iothread-busy old-glib held-tracked no-guest-ram; do
    fixtures/mini-qemu/make-core.sh "$mini-7.2" "fixtures/mini-qemu/scenarios/$scenario.scn" "$tap_dir/core" \
        >"$tap_dir/core.log" 2>&1 || { tap_result 1 "$scenario: a core"; continue; }
    told=$(plain "$("$VIRTQ" "$tap_dir/core")")
    for form in "${forms[@]}"; do
        equal "$scenario, $form" "$told" "$(plain "$(part "$(in_gdb "$form" "$mini-7.2" "$tap_dir/core" -- virtq)" virtq)")"
    done
    [[ $scenario != no-guest-ram ]] || continue # that memory was not saved is in the core alone
    output=$(in_gdb python "$mini-7.2" "$tap_dir/core" -- 'python virtq_core = lambda inferior: None' virtq)
    equal "$scenario, by registers" "$told" "$(plain "$(part "$output" virtq)")"
done
fixtures/mini-qemu/make-core.sh "$mini-7.2" fixtures/mini-qemu/scenarios/iothread-busy.scn "$tap_dir/core" >"$tap_dir/core.log" 2>&1 ||
    no_go "a core"
output=$(in_gdb python "$mini-7.2" "$tap_dir/core" -- 'python virtq_core = lambda inferior: None' "virtq --json")
threads='[.threads[] | [.activity, ."lock-owner"]]'
equal "what threads do, by registers" "$("$VIRTQ" --json "$tap_dir/core" | jq -c "$threads")" \
    "$(part "$output" "virtq --json" | jq -c "$threads")"
contains "a thread waits for a mutex" "$(part "$output" "virtq --json" | jq -c "$threads")" '["locking",'
output=$(in_gdb python "$mini-7.2" "$tap_dir/core" -ex 'python virtq_core = lambda inferior: None' -ex "thread 2" -ex up -- \
    frame "info threads" virtq "info threads " "frame ")
for command in frame "info threads"; do
    equal "the same after threads were looked at: $command" "$(part "$output" "$command")" "$(part "$output" "$command ")"
done
# The file that gdb opened may be another one's by now: what threads do is then what the registers say.
cp "$tap_dir/core" "$tap_dir/first"
fixtures/mini-qemu/make-core.sh "$mini-7.2" fixtures/mini-qemu/scenarios/idle.scn "$tap_dir/core" >"$tap_dir/core.log" 2>&1 ||
    no_go "a core"
output=$(in_gdb python "$mini-7.2" "$tap_dir/first" -- "shell mv $tap_dir/core $tap_dir/first" virtq)
contains "a core that was replaced" "$(part "$output" virtq)" "waits for a mutex that thread"

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

# let_go: a gdb has just let $pid go, and its threads are on their way back to where they were.
let_go() {
    threads_reach S "$pid" || no_go "threads sleep again"
}

# bash forgets live_PID as soon as it knows that the process has gone.
stop_live() {
    local child=$live_PID
    kill "$child"
    wait "$child" 2>/dev/null
}

coproc live { exec "$mini-7.2" fixtures/mini-qemu/scenarios/stuck.scn --wait; }
read -r _ pid <&"${live[0]}"
for form in "${forms[@]}"; do
    same_answers "live" "$form" "$pid" -p "$pid"
    let_go
done
"$VIRTQ" snapshot "$pid" -o "$tap_dir/live.snapshot" || no_go "a snapshot of a process"
for form in "${forms[@]}"; do
    contains "a snapshot of a process, $form: the queue" "$(in_gdb "$form" "$mini-7.2" "$tap_dir/live.snapshot" -- "virtq -q")" \
        "disk0 queue 0 (request)"
done
stop_live

# While gdb does not hold it, the command line sees what its threads do; gdb then says the same of it, and of its snapshot.
coproc live { exec "$mini-7.2" fixtures/mini-qemu/scenarios/iothread-busy.scn --wait; }
read -r _ pid <&"${live[0]}"
told=$(plain "$("$VIRTQ" --once "$pid")")
"$VIRTQ" snapshot --interval=0.1 "$pid" -o "$tap_dir/busy.snapshot" || no_go "a snapshot of a process"
contains "threads of a process" "$told" "waits for a mutex that thread"
server=$(another_gdb server) || server=
[[ -n $server ]] || skip "threads through gdbserver" "$(tail -n 1 "$tap_dir/why")"
for form in "${forms[@]}"; do
    equal "threads of a process, $form" "$told" "$(plain "$(part "$(in_gdb "$form" -p "$pid" -- virtq)" virtq)")"
    let_go
    equal "threads of a snapshot, $form" "$told" \
        "$(plain "$(part "$(in_gdb "$form" "$mini-7.2" "$tap_dir/busy.snapshot" -- virtq)" virtq)")"
    [[ -n $server ]] || continue
    # a thread that gdbserver stops on its way back to its call, in code of its own, waits for nothing
    for _ in {1..10}; do
        serve "$pid"
        output=$(in_gdb "$form" "$mini-7.2" -iex 'set sysroot /' -ex "target remote $remote" -- \
            'thread apply all printf "in call %ld\n", $orig_rax' virtq detach)
        grep -q "^in call -" <<<"$output" || break
        let_go
    done
    output=$(part "$output" virtq)
    if [[ $form == python ]]; then
        contains "threads through gdbserver, $form" "$output" "waits for a mutex that thread"
        equal "threads through gdbserver, $form: nothing is missing" "" "$(grep "is incomplete" <<<"$output")"
    else
        contains "threads through gdbserver, $form: not known" "$output" "does not tell what they do"
    fi
    let_go
done

# A debugger that lets threads go and stops them again finds some that the kernel has made ready to repeat their calls.
cat >"$tap_dir/repeat.py" <<'END'
def repeat():
    rax, number = (int(gdb.parse_and_eval(name)) for name in ("(long)$rax", "(long)$orig_rax"))
    if number >= 0 and -516 <= rax <= -512:
        gdb.execute("set $rax = $orig_rax")
        gdb.execute("set $rip = $rip - 2")
        gdb.write("again\n")
for thread in gdb.selected_inferior().threads():
    thread.switch()
    repeat()
END
output=$(in_gdb python -p "$pid" -- "source $tap_dir/repeat.py" virtq "generate-core-file $tap_dir/repeated.core")
equal "calls to be repeated" 4 "$(part "$output" "source $tap_dir/repeat.py" | grep -c "^again")"
equal "calls to be repeated: gdb" "$told" "$(plain "$(part "$output" virtq)")"
let_go
equal "calls were repeated" "$told" "$(plain "$("$VIRTQ" --once "$pid")")"
told=$(plain "$("$VIRTQ" "$tap_dir/repeated.core")")
contains "calls to be repeated: a core" "$told" "waits for a mutex that thread"
for form in "${forms[@]}"; do
    equal "calls to be repeated: a core, $form" "$told" \
        "$(plain "$(part "$(in_gdb "$form" "$mini-7.2" "$tap_dir/repeated.core" -- virtq)" virtq)")"
done
stop_live

# Ages of requests are told by the host's clock, which gdb's process shares with QEMU.
coproc live { exec "$mini-7.2" fixtures/mini-qemu/scenarios/held-tracked.scn --wait; }
read -r _ pid <&"${live[0]}"
"$VIRTQ" snapshot --once "$pid" -o "$tap_dir/held.snapshot" || no_go "a snapshot of a process"
told=$("$VIRTQ" --once "$tap_dir/held.snapshot")
contains "ages of requests" "$told" " ago;"
ages='[.devices[].queues[].requests[]? | .["age-ns"] > 0]'
for form in "${forms[@]}"; do
    equal "ages in a snapshot, $form" "$(plain "$told")" \
        "$(plain "$(part "$(in_gdb "$form" "$mini-7.2" "$tap_dir/held.snapshot" -- virtq)" virtq)")"
    output=$(part "$(in_gdb "$form" -p "$pid" -- "virtq --json")" "virtq --json")
    let_go
    equal "ages in a process, $form" "$("$VIRTQ" --once --json "$pid" | jq -c "$ages")" "$(jq -c "$ages" <<<"$output")"
done
stop_live
finish
