#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The commands as gdb's user meets them: help, completion, $virtq(), addresses,
# the pager, the width, a pipe, a saved layout, from another directory, installed.
. "${BASH_SOURCE[0]%/*}/lib/common.bash"

mini=$BUILD/mini-qemu/mini-qemu-7.2
core=$tap_dir/core
fixtures/mini-qemu/make-core.sh "$mini" fixtures/mini-qemu/scenarios/stuck.scn "$core" >"$tap_dir/core.log" 2>&1 ||
    no_go "a core"

output=$(in_gdb python "$mini" "$core" -- "help virtq" "help virtq show" "complete virtq di" "complete virtq sh" \
    "complete virtq show disk0:" "complete virtq check " 'p $virtq("disk0", 0)' 'p $virtq("disk0:0")->vring.num' \
    'set $vq = $virtq("disk0", 0)' 'virtq -q $vq' 'virtq show ($vq)' 'virtq show $virtq("disk0",0)' \
    "virtq show 'disk0'" "source $top/gdb-plugin/virtq.py" "virtq -q")
contains "help" "$(part "$output" "help virtq")" "Usage: virtq [OPTION]... [QUEUE]..."
contains "help of a command" "$(part "$output" "help virtq show")" "Usage: virtq show"
equal "completion of devices" "virtq disk0
virtq disk0:0" "$(part "$output" "complete virtq di")"
equal "completion of commands" "virtq show" "$(part "$output" "complete virtq sh")"
equal "completion of queues" "virtq show disk0:0" "$(part "$output" "complete virtq show disk0:")"
equal "completion of a command's devices" "virtq check disk0
virtq check disk0:0" "$(part "$output" "complete virtq check ")"
contains "\$virtq is a VirtQueue" "$(part "$output" 'p $virtq("disk0", 0)')" "(struct VirtQueue *) 0x"
contains "\$virtq has its members" "$(part "$output" 'p $virtq("disk0:0")->vring.num')" "= 256"
contains "a convenience variable is a queue" "$(part "$output" 'virtq -q $vq')" "disk0 queue 0 (request)"
contains "an expression is a queue" "$(part "$output" 'virtq show ($vq)')" "disk0 queue 0 (request): split ring"
for queue in '$virtq("disk0",0)' "'disk0'"; do
    contains "an expression keeps its quotes, a name loses them: $queue" "$(part "$output" "virtq show $queue")" \
        "disk0 queue 0 (request): split ring"
done
contains "sourced twice" "$(part "$output" "virtq -q")" "disk0 queue 0 (request)"
address=$(sed -n 's/^\$1 = .* \(0x[0-9a-f]*\)$/\1/p' <<<"$output")
equal "the command line takes the address" "$("$VIRTQ" show "$core" disk0:0)" "$("$VIRTQ" show "$core" "$address")"
equal "completion with nothing to look at" "" "$(part "$(in_gdb python -- "complete virtq di")" "complete virtq di")"

for form in "${forms[@]}"; do
    output=$(in_gdb "$form" "$mini" "$core" -ex "cd /" -- "virtq check disk0" "virtq show $address" \
        "virtq layout -o $tap_dir/layout.$form" "virtq layout" "virtq --layout $tap_dir/layout.$form --no-cache -q" \
        "pipe virtq | grep -c ^0" "pipe virtq --json nodisk | grep message" "pipe virtq --json --bogus | grep message" "set width 70" "virtq disk0:0")
    equal "$form: the layout is for whom the umask says" "$(printf '%o' $((0666 & ~$(umask))))" \
        "$(stat -c %a "$tap_dir/layout.$form")"
    contains "$form: one device, from another directory" "$(part "$output" "virtq check disk0")" "in-device/backend-io"
    contains "$form: an address" "$(part "$output" "virtq show $address")" "disk0 queue 0 (request): split ring"
    equal "$form: the layout is the command line's" "$("$VIRTQ" layout "$mini")" "$(<"$tap_dir/layout.$form")"
    equal "$form: and printed" "$(<"$tap_dir/layout.$form")" "$(part "$output" "virtq layout")"
    contains "$form: a saved layout" "$(part "$output" "virtq --layout $tap_dir/layout.$form --no-cache -q")" \
        "disk0 queue 0 (request)"
    equal "$form: gdb's pipe" 1 "$(part "$output" "pipe virtq | grep -c ^0")"
    contains "$form: JSON also on failure" "$(part "$output" "pipe virtq --json nodisk | grep message")" \
        "\"message\": \"no virtio device 'nodisk'\""
    contains "$form: JSON also of a wrong option" "$(part "$output" "pipe virtq --json --bogus | grep message")" "see \`help virtq"
    equal "$form: no line is wider than gdb's width" "" "$(part "$output" "virtq disk0:0" | grep -E '^.{71}' | grep -v '^0 ')"

    form_options "$form"
    screen=$(printf '\nq\n' | timeout 60 script -qec "stty rows 24 cols 100; $(printf '%q ' "$gdb" -nx -q \
        -iex 'set debuginfod enabled off' -iex 'set confirm off' "$mini" "$core" "${load[@]}" -ex 'set height 12' \
        -ex 'virtq show disk0:0' -ex quit)" /dev/null 2>&1)
    if script -qec true /dev/null >/dev/null 2>&1; then
        contains "$form: long output waits in gdb's pager" "$screen" "--Type <RET> for more"
    else
        skip "$form: long output waits in gdb's pager" "no pseudo-terminal can be had here"
    fi
done

output=$(in_gdb python "$mini" "$core" -- "virtq report -o $tap_dir/report.tar.gz" "virtq snapshot -o $tap_dir/snapshot" \
    "virtq report --format text" "virtq snapshot" "virtq snapshot -o $tap_dir/snapshot" "virtq report disk0")
for file in report.tar.gz snapshot; do
    contains "$file opens" "$("$VIRTQ" --layout "$tap_dir/layout.python" "$tap_dir/$file" 2>&1)" "in-device/backend-io"
done
contains "report as text" "$(part "$output" "virtq report --format text")" "in-device/backend-io"
equal "only the owner may read it" 600 "$(stat -c %a "$tap_dir/snapshot")"
contains "snapshot needs a file" "$output" "virtq: snapshot needs -o FILE"
contains "a file that is there" "$output" "File exists (--force replaces it)"
contains "a report is of all queues" "$output" "virtq: a report is of all queues"

# Files that are there, and what is no file.
mkfifo "$tap_dir/fifo"
ln -s /proc/self/fd/2 "$tap_dir/stderr"
for form in "${forms[@]}"; do
    echo mine >"$tap_dir/taken"
    cat "$tap_dir/fifo" >"$tap_dir/through" &
    output=$(in_gdb "$form" "$mini" "$core" -- "virtq layout -o $tap_dir/fifo" "virtq layout -o -" \
        "virtq layout -o $tap_dir/taken" "virtq layout -o $tap_dir" "virtq layout -o $tap_dir/none/file" \
        "virtq layout -o $tap_dir/stderr")
    check "$form: a FIFO stays one" test -p "$tap_dir/fifo"
    [ -p "$tap_dir/fifo" ] || kill $!
    wait $!
    equal "$form: a layout into a FIFO" "$(<"$tap_dir/layout.$form")" "$(<"$tap_dir/through")"
    equal "$form: a layout on gdb's output" "$(<"$tap_dir/layout.$form")" "$(part "$output" "virtq layout -o -")"
    equal "$form: a layout replaces one" "$(<"$tap_dir/layout.$form")" "$(<"$tap_dir/taken")"
    equal "$form: a directory" "virtq: $tap_dir: Is a directory" "$(part "$output" "virtq layout -o $tap_dir")"
    equal "$form: no directory" "virtq: $tap_dir/none/file: No such file or directory" \
        "$(part "$output" "virtq layout -o $tap_dir/none/file")"
    equal "$form: standard error by name" "$(<"$tap_dir/layout.$form")" "$(part "$output" "virtq layout -o $tap_dir/stderr")"
    check "$form: it is still a link" test -L "$tap_dir/stderr"
done
cat >"$tap_dir/no-names.py" <<'END'
def refuse(*_):
    raise OSError(13, "no names here")
os.link = os.replace = refuse
END
# a file system without links
cat >"$tap_dir/no-links.py" <<'END'
def refuse(*_):
    raise OSError(1, "no links here")
os.link = refuse
END
mkdir "$tap_dir/out"
echo mine >"$tap_dir/out/taken"
cat "$tap_dir/fifo" >"$tap_dir/through" &
output=$(in_gdb python "$mini" "$core" -- "virtq report --format text --force -o $tap_dir/fifo" "virtq report -o -" \
    "virtq report --format text -o -" "virtq report --format text -o $tap_dir/out/taken" \
    "virtq report --format text --force -o $tap_dir/report.tar.gz" \
    "source $tap_dir/no-names.py" "virtq report --format json --force -o $tap_dir/out/taken" \
    "virtq layout -o $tap_dir/out/taken" "virtq report -o $tap_dir/out/new")
check "report: a FIFO stays one" test -p "$tap_dir/fifo"
[ -p "$tap_dir/fifo" ] || kill $!
wait $!
contains "report into a FIFO" "$(<"$tap_dir/through")" "in-device/backend-io"
equal "no archive on gdb's output" "virtq: not writing binary data to gdb's output; use -o FILE" \
    "$(part "$output" "virtq report -o -")"
contains "a document on gdb's output" "$(part "$output" "virtq report --format text -o -")" "in-device/backend-io"
contains "--force replaces a file" "$(<"$tap_dir/report.tar.gz")" "in-device/backend-io"
for command in "virtq report --format json --force -o $tap_dir/out/taken" "virtq layout -o $tap_dir/out/taken" \
    "virtq report -o $tap_dir/out/new"; do
    contains "a name that cannot be given: $command" "$(part "$output" "$command")" "no names here"
done
equal "what was there still is, and nothing else" "taken: mine" "$(cd "$tap_dir/out" && echo "$(ls -A): $(<taken)")"
# The file is there and is not replaced, also if it comes while the report is made.
output=$(in_gdb python "$mini" "$core" -- "source $tap_dir/no-links.py" "virtq report --format text -o $tap_dir/out/new" \
    "python virtq_write_file(\"$tap_dir/out/taken\", b\"x\", False, 0o600)")
contains "without links: a new file" "$(<"$tap_dir/out/new")" "in-device/backend-io"
contains "without links: a file that comes meanwhile" "$output" "File exists"
equal "without links: nothing else is there" "new taken: mine" "$(cd "$tap_dir/out" && echo $(ls -A): "$(<taken)")"

make -s install-plugin BUILD="$BUILD" DESTDIR="$tap_dir/installed" PREFIX=/usr >"$tap_dir/install.log" 2>&1 || cat "$tap_dir/install.log"
install -D "$BUILD/libvirtq.so" "$tap_dir/installed/usr/lib/libvirtq.so"
for form in "${forms[@]}"; do
    form_options "$form"
    load=("${load[@]//"$top/gdb-plugin"/"$tap_dir/installed/usr/share/virtq/gdb"}")
    contains "$form: installed" "$(VIRTQ_LIBRARY='' VIRTQ_READER='' batch "$gdb" "$mini" "$core" "${load[@]}" -ex 'virtq -q')" \
        "disk0 queue 0 (request)"
done
contains "virtq.gdb takes virtq.py where there is Python" \
    "$(batch gdb "$mini" "$core" -ex "source $top/gdb-plugin/virtq.gdb" -ex 'p $virtq("disk0", 0)')" "(struct VirtQueue *) 0x"
finish
