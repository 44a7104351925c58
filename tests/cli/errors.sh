#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# What is no target: each has its message, and none hangs.
set -uo pipefail
. tests/cli/common.bash

echo "some text" >"$tap_dir/text"
: >"$tap_dir/empty"
mkfifo "$tap_dir/fifo"
core_of "$mini-7.2" stuck "$tap_dir/core" || check "a core" false

run "$tap_dir/text"
expect_error "a text file" "$tap_dir/text"
run "$tap_dir/empty"
expect_error "an empty file" "empty"
run "$tap_dir"
expect_error "a directory" "directory"
run "$tap_dir/fifo"
expect_error "a FIFO that nobody writes to" "$tap_dir/fifo"
run "$tap_dir/missing"
expect_error "no such file" "No such file"
run /bin/true
expect_error "a binary instead of a core" "/bin/true"
run $$
expect_error "a process that is not QEMU" "does not look like QEMU"
run 4194305
expect_error "no such process" "4194305"
run 0
expect_error "process 0" "not a process ID"
run --no-cache -e "$mini-10.2" "$tap_dir/core"
expect_error "the wrong binary" "build-id"
run --no-cache -e /bin/true "$tap_dir/core"
expect_error "a binary that is no QEMU" "build-id"
run -e "$tap_dir/missing" "$tap_dir/core"
expect_error "a binary that does not exist" "No such file"
"$VIRTQ" layout "$mini-10.2" >"$tap_dir/layout"
run --layout "$tap_dir/layout" "$tap_dir/core"
expect_error "a layout of another QEMU" "build-id"
echo garbage >"$tap_dir/layout"
run --layout "$tap_dir/layout" "$tap_dir/core"
expect_error "a layout that is none" "$tap_dir/layout"
run -e "$mini-7.2" "$tap_dir/core" nodisk
expect_error "a device that does not exist" "no virtio device 'nodisk'"
run -e "$mini-7.2" "$tap_dir/core" disk0:77
expect_error "a queue that does not exist" "no queue 77"

if setpriv --reuid 65534 --clear-groups true 2>/dev/null && live "$mini-7.2" idle; then
    cp "$BUILD/virtq" "$tap_dir/virtq-copy"
    chmod 755 "$tap_dir" "$tap_dir/virtq-copy"
    status=0
    setpriv --reuid 65534 --clear-groups "$tap_dir/virtq-copy" "$live_pid" \
        >"$tap_dir/out" 2>"$tap_dir/err" || status=$?
    err=$(cat "$tap_dir/err")
    expect_error "another user's process" "$live_pid"
    kill "$live_pid"
else
    skip "another user's process" "cannot change the user here"
fi

# Usage
run
equal "no target: exit status 64" 64 "$status"
run --bogus
equal "unknown option: exit status 64" 64 "$status"
run --interval never 1
equal "bad interval: exit status 64" 64 "$status"

# The document says of a wrong command line what is said on standard error.
says() { # MESSAGE ARGUMENT...
    local message=$1
    shift
    run "$@"
    equal "virtq $*: exit status 64, and the message in the document" "64 $message" \
        "$status $(jq -r .error.message <<<"$out")"
    contains "virtq $*: the message on standard error" "$err" "virtq: $message"
}
says "unrecognized option '--bogus'" --json --bogus x
says "a TARGET is needed: a PID, a core file, a snapshot, a report, or -" --json
says "show needs a TARGET and a QUEUE; \`virtq TARGET\` lists the queues" show --json x
says "snapshot has no --json: \`virtq report --format json' has its answer" snapshot --json x
says "report has no --json: it is --format json" report --json x
says "layout has no --json: its text is what --layout reads" --json layout x
for command in report snapshot layout; do
    run $command --help
    equal "$command --help has no --json" "0 0" "$status $(grep -c -e --json <<<"$out")"
    contains "$command --help has the others" "$out" "--no-cache"
done
run check --help
contains "check --help: every kind of target" "$(tr -s ' \n' ' ' <<<"$out")" "a snapshot, a report, or - "
for command in check show; do
    run $command --help
    contains "$command --help: a queue by its address" "$(tr -s ' \n' ' ' <<<"$out")" "the address of a VirtQueue"
done

run show -q -e "$mini-7.2" "$tap_dir/core" disk0:0
equal "show -q: findings only" "disk0 queue 0 (request)" "$(head -n 1 <<<"$out")"
core_of "$mini-7.2" idle "$tap_dir/idle"
run show -q -e "$mini-7.2" "$tap_dir/idle" disk0:0
equal "show -q: nothing if nothing is stuck" "0 " "$status $out"

# JSON, always
run --json "$tap_dir/text"
equal "JSON on failure: one document, exit status 3" "3 true" \
    "$status $(jq -s 'length == 1 and .[0].error.message != null and .[0].schema == 1' <<<"$out")"
run --json -e "$mini-7.2" "$tap_dir/core"
equal "JSON: one document" true "$(jq -s 'length == 1 and .[0].error == null' <<<"$out")"

# Output that cannot be written
status=0
"$VIRTQ" -e "$mini-7.2" "$tap_dir/core" >/dev/full 2>"$tap_dir/err" || status=$?
equal "a full disk: exit status 3" 3 "$status"
finish
