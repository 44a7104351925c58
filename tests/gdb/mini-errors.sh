#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# What cannot be answered is one clear line, in each form; and nothing of it
# leaves gdb in a state in which the next command does not work.
. "${BASH_SOURCE[0]%/*}/lib/common.bash"

mini=$BUILD/mini-qemu/mini-qemu-7.2
other=$BUILD/mini-qemu/mini-qemu-10.0
core=$tap_dir/core
fixtures/mini-qemu/make-core.sh "$mini" fixtures/mini-qemu/scenarios/stuck.scn "$core" >"$tap_dir/core.log" 2>&1 ||
    no_go "a core"
# No layout is cached of this one, so only its debug info could tell.
objcopy --strip-debug "$other" "$tap_dir/qemu-nodebug" && objcopy --strip-debug "$mini" "$tap_dir/mini-nodebug"
echo "this is no layout" >"$tap_dir/text"

# says FORM WHAT OUTPUT COMMAND MESSAGE...: one line, with each of MESSAGE in it.
says() {
    local what="$1: $2" line words
    line=$(part "$3" "$4" | grep -v '^\[\|^$')
    words=("${@:5}")
    equal "$what: one line" 1 "$(grep -c . <<<"$line")"
    for word in "virtq: " "${words[@]}"; do
        contains "$what" "$line" "$word"
    done
}

for form in "${forms[@]}"; do
    output=$(in_gdb "$form" -- virtq "virtq show disk0:0")
    says "$form" "nothing to look at" "$output" virtq "no process and no core"
    output=$(in_gdb "$form" "$mini" -- virtq)
    says "$form" "a file, but no process" "$output" virtq "no process and no core"

    output=$(in_gdb "$form" "$mini" "$core" -- "virtq disk9" "virtq disk0:7" "virtq show" "virtq --bogus" "virtq -e" \
        "virtq 0x10" "virtq -e /nonexistent" "virtq -e $core" "virtq --layout $tap_dir/text" "virtq layout disk0" \
        "virtq -o x" "virtq -resume 1" "virtq -q")
    says "$form" "no such device" "$output" "virtq disk9" "no virtio device 'disk9'"
    says "$form" "no such queue" "$output" "virtq disk0:7" "no queue 7"
    says "$form" "show without a queue" "$output" "virtq show" "show needs a QUEUE"
    says "$form" "no such option" "$output" "virtq --bogus"
    says "$form" "an option without its value" "$output" "virtq -e"
    says "$form" "an address that is no queue" "$output" "virtq 0x10" "0x10"
    says "$form" "a binary that does not exist" "$output" "virtq -e /nonexistent" "/nonexistent"
    says "$form" "a binary that is none" "$output" "virtq -e $core"
    says "$form" "a layout that is none" "$output" "virtq --layout $tap_dir/text" "not a saved layout"
    says "$form" "layout of a queue" "$output" "virtq layout disk0" "layout takes no QUEUE"
    says "$form" "-o elsewhere" "$output" "virtq -o x" "-o"
    says "$form" "-resume of a core" "$output" "virtq -resume 1" "-resume"
    contains "$form: after all of it virtq works" "$(part "$output" "virtq -q")" "disk0 queue 0 (request)"

    output=$(in_gdb "$form" "$tap_dir/mini-nodebug" "$core" -- "virtq --no-cache")
    says "$form" "no symbols" "$output" "virtq --no-cache" "no debug info"
    output=$(in_gdb "$form" "$other" "$core" -- virtq "virtq -e $mini -q")
    says "$form" "another binary" "$output" virtq
    contains "$form: and -e with the right one" "$output" "disk0 queue 0 (request)"
    output=$(in_gdb "$form" "$mini" "$core" -- "virtq -e $other")
    says "$form" "-e with another binary" "$output" "virtq -e $other"

    # What was cut off, gdb would take from the binary: the start of QEMU's data, as it was before main().
    head -c 16384 "$core" >"$tap_dir/cut"
    output=$(in_gdb "$form" "$mini" "$tap_dir/cut" -- virtq)
    says "$form" "a core that was cut off" "$output" virtq "was cut off"

    coproc live { exec "$mini" fixtures/mini-qemu/scenarios/stuck.scn --wait; }
    read -r _ pid <&"${live[0]}"
    output=$(in_gdb "$form" -p "$pid" -- "continue &" virtq "interrupt" "shell sleep 0.3")
    says "$form" "a running target" "$output" virtq "the target is running"
    output=$(in_gdb "$form" -iex "set non-stop on" -p "$pid" -- "virtq -resume 1")
    says "$form" "non-stop mode" "$output" "virtq -resume 1"
    kill -KILL "$live_PID"
    wait "$live_PID" 2>/dev/null
done

# Ctrl-C while gdb reads, and a mistake in the callback: neither passes through the library.
cat >"$tap_dir/interrupt.py" <<'END'
class Interrupting:
    """The selected inferior, until its third read."""
    def __init__(self, inferior, failure):
        self.inferior, self.failure, self.reads = inferior, failure, 0

    def __getattr__(self, name):
        return getattr(self.inferior, name)

    def read_memory(self, address, length):
        self.reads += 1
        if self.reads == 3:
            raise self.failure
        return self.inferior.read_memory(address, length)

virtq_real_inferior = virtq_inferior
for failure in (KeyboardInterrupt(), ValueError("a mistake")):
    virtq_inferior = lambda: Interrupting(virtq_real_inferior(), failure)
    try:
        gdb.execute("virtq")
    except BaseException as caught:
        print(type(caught).__name__, caught)
virtq_inferior = virtq_real_inferior
END
output=$(in_gdb python "$mini" "$core" -- "source $tap_dir/interrupt.py" "virtq -q")
equal "python: a failing read callback" "KeyboardInterrupt Quit
error Error occurred in Python: a mistake" "$(part "$output" "source $tap_dir/interrupt.py" | grep -v '^Python Exception')"
contains "python: and virtq works afterwards" "$(part "$output" "virtq -q")" "disk0 queue 0 (request)"

output=$(VIRTQ_LIBRARY=/nonexistent/libvirtq.so in_gdb python "$mini" "$core" -- virtq)
says python "no library" "$output" virtq "/nonexistent/libvirtq.so" "run make first"
output=$(VIRTQ_READER='' HOME=$tap_dir/home2 in_gdb reader "$mini" "$core" -- 'echo ok\n')
mkdir -p "$tap_dir/moved"
cp gdb-plugin/*.gdb gdb-plugin/virtq.py "$tap_dir/moved"
output=$(VIRTQ_READER='' batch gdb "$mini" "$core" -ex 'set $virtq_use_reader = 1' \
    -ex "source $tap_dir/moved/virtq.gdb" -ex 'echo @ virtq\n' -ex virtq)
says reader "no reader" "$output" virtq "the JIT reader is not loaded"
output=$(in_gdb python "$mini" "$core" -- 'virtq $nothing' 'p $virtq("disk9", 0)' 'p $virtq("disk0", 9)')
says python "an expression without a value" "$output" 'virtq $nothing' "'\$nothing' is not an address"
says python "\$virtq of no device" "$output" 'p $virtq("disk9", 0)' "no virtio device 'disk9'"
says python "\$virtq of no queue" "$output" 'p $virtq("disk0", 9)' "no queue 9"
finish
