#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# virtq snapshot and virtq report on mini-qemu: what is read back is what was there, of every scenario; the files of
# the report; JSON by its schema; and what happens when the report cannot be written.
set -uo pipefail
. tests/tap.sh
. fixtures/mini-qemu/threads.bash
: "${BUILD:=build}" "${VIRTQ:=$BUILD/virtq}"
mini=$BUILD/mini-qemu/mini-qemu
VIRTQ=$(realpath "$VIRTQ")
export XDG_CACHE_HOME=$tap_dir/cache

# The answer without its header and without the target's name: text of all kinds, and JSON.
answer() { # TARGET ARGUMENT...
    local target=$1
    shift
    "$VIRTQ" --color=never -v "$@" "$target" 2>/dev/null | unnamed "$target"
    "$VIRTQ" --json "$@" "$target" 2>/dev/null | jq 'del(.target, .qemu.exe, .qemu.layout)'
}
unnamed() {
    # the header is what is before the table, and wraps with the name's length
    sed "s|virtq show $1 |virtq show TARGET |" | sed '/^\(process\|core\|snapshot\) /,/^one sample\|^two samples/d' |
            sed '/^  \(executable\|build-id\|layout\|command\) /,/^$/{/^$/!d}'
}

core_of() { # LAYOUT SCENARIO
    fixtures/mini-qemu/make-core.sh "$mini-$1" "fixtures/mini-qemu/scenarios/$2.scn" "$tap_dir/core" >"$tap_dir/make.log" 2>&1
}

# ---- The round trip --------------------------------------------------------------------------

round_trip() { # LAYOUT SCENARIO
    core_of "$1" "$2" || { cat "$tap_dir/make.log"; return 1; }
    rm -f "$tap_dir/snapshot" "$tap_dir/report.tgz"
    "$VIRTQ" snapshot --full --no-cache -e "$mini-$1" "$tap_dir/core" -o "$tap_dir/snapshot" || return 1
    "$VIRTQ" report --full --no-cache -e "$mini-$1" "$tap_dir/core" -o "$tap_dir/report.tgz" || return 1
    answer "$tap_dir/core" --no-cache -e "$mini-$1" >"$tap_dir/of.core"
    # of these nothing but the file is used: no binary, no debug info, no layout
    answer "$tap_dir/snapshot" --no-cache >"$tap_dir/of.snapshot"
    answer "$tap_dir/report.tgz" --no-cache >"$tap_dir/of.report"
    [ -s "$tap_dir/of.core" ] && grep -q '"devices"' "$tap_dir/of.core" &&
        diff "$tap_dir/of.core" "$tap_dir/of.snapshot" && diff "$tap_dir/of.core" "$tap_dir/of.report"
}
for scenario in fixtures/mini-qemu/scenarios/*.scn; do
    scenario=$(basename "$scenario" .scn)
    check "core, snapshot, report: $scenario" round_trip 7.2 "$scenario"
done
equal "with the binary's debug info, not the snapshot's layout" "$(cat "$tap_dir/of.core")" \
    "$(answer "$tap_dir/snapshot" --no-cache -e "$mini-7.2")"
for layout in 5.2 10.2 7.2-aarch64 10.2-s390x; do
    check "core, snapshot, report: $layout" round_trip "$layout" stuck
    check "core, snapshot, report: $layout, roles" round_trip "$layout" roles
done

# A live one that holds still: live, report, and the report reopened.
live() { # SCENARIO
    "$mini-7.2" "fixtures/mini-qemu/scenarios/$1.scn" --wait >"$tap_dir/ready" &
    pid=$!
    is_ready "$tap_dir/ready" "$pid"
}
end_live() {
    kill "$pid" 2>/dev/null
    wait "$pid" 2>/dev/null
}
check "a live mini-qemu" live stuck
check "a report of a live one" "$VIRTQ" report --interval 1 "$pid" -o "$tap_dir/live.tgz"
check "a snapshot of a live one" "$VIRTQ" snapshot --interval 1 "$pid" -o "$tap_dir/live.core"
# Two runs do not wait equally long on a busy host. Less than 1 s would prove less than more of it.
apart() {
    sed 's/samples [0-9.]* s apart/samples apart/'
}
reference=$(answer "$pid" --interval 1 | apart)
contains "two samples prove more than one" "$reference" "in-device/backend-io"
equal "the report says the same as the live one" "$reference" "$(answer "$tap_dir/live.tgz" | apart)"
equal "so does the snapshot" "$reference" "$(answer "$tap_dir/live.core" | apart)"
contains "it says what it is of" "$("$VIRTQ" "$tap_dir/live.tgz")" "snapshot $tap_dir/live.tgz of process $pid: QEMU 7.2.22"
contains "it has both samples" "$("$VIRTQ" "$tap_dir/live.tgz")" "two samples 1.0 s apart"
contains "--once shows the last one" "$("$VIRTQ" --once "$tap_dir/live.tgz")" "one sample: progress cannot be seen"
end_live
# a request that would be older than QEMU: what is not believed live is not believed later
judged() {
    "$VIRTQ" --json "$@" 2>/dev/null |
        jq -c '[.devices[].queues[] | [.verdict, .confidence, [.requests[] | has("age-ns")]]]'
}
check "one with a request that is too old" live held-tracked
"$VIRTQ" report --interval 1 "$pid" -o "$tap_dir/old.tgz"
reference=$(judged --interval 1 "$pid")
contains "the request that is too old has no age" "$reference" '[["in-device/backend-io","medium",[false'
equal "nor in the report" "$reference" "$(judged "$tap_dir/old.tgz")"
"$VIRTQ" snapshot "$tap_dir/old.tgz" -o "$tap_dir/old.core"
equal "nor in a snapshot of the report" "$reference" "$(judged "$tap_dir/old.core")"
# what moved between the samples is in one file, too
end_live
check "one that moves" live moving
"$VIRTQ" snapshot --interval 3 "$pid" -o "$tap_dir/moving.core"
end_live
contains "what moved, moves in the snapshot" "$("$VIRTQ" "$tap_dir/moving.core")" "ok/moving"
contains "what did not is stuck" "$("$VIRTQ" "$tap_dir/moving.core")" "in-device/backend-io"
"$VIRTQ" snapshot "$tap_dir/moving.core" -o "$tap_dir/again.core"
equal "a snapshot of the snapshot says the same" "$(answer "$tap_dir/moving.core")" "$(answer "$tap_dir/again.core")"
# what counts in an interrupt's eventfd depends on the kernel that it was read on
check "one with interrupts that nobody reads" live interrupts
"$VIRTQ" snapshot --interval 0.2 "$pid" -o "$tap_dir/interrupts.core"
end_live
while read -r kernel verdict; do
    LC_ALL=C sed "s/^\(host-kernel[^L]*Linux \)...../\1$kernel./" "$tap_dir/interrupts.core" >"$tap_dir/kernel.core"
    equal "an interrupt nobody read, on a host with Linux $kernel" "$verdict" "$("$VIRTQ" --json "$tap_dir/kernel.core" |
        jq -r '.devices[] | select(.id == "irqfd1").queues[0].verdict')"
done <<'END'
5.11 done-not-noticed/irqfd-unread
5.10 done-not-noticed/signalled
4.18 done-not-noticed/signalled
END

# A reading that was torn is known by its queue's address, whatever else is in the list. The list takes the place of a
# fact of the same length.
core_of 7.2 stuck
rm -f "$tap_dir/snapshot"
"$VIRTQ" snapshot --no-cache "$tap_dir/core" -o "$tap_dir/snapshot"
address=$("$VIRTQ" --json "$tap_dir/snapshot" | jq -r '.devices[0].queues[0]."host-address"')
line=$(grep -a -o '^original a core of process [0-9]*' "$tap_dir/snapshot")
torn() { # LIST: of how many queues the reading is torn then
    local list
    list=$(printf '%-*s' ${#line} "torn-1 $1")
    LC_ALL=C sed "s/^$line/$list/" "$tap_dir/snapshot" >"$tap_dir/torn"
    "$VIRTQ" --json "$tap_dir/torn" | jq -c '[.devices[].queues[] | select(.torn)] | length'
}
equal "a torn reading is remembered" 1 "$(torn "$address,")"
equal "a torn reading in a list" 1 "$(torn "0x1,$address,x")"
equal "an address that is not whole" 0 "$(torn "${address%?},")"
equal "an address without its end" 0 "$(torn "$address")"
equal "a list that is none" 0 "$(torn "x$address,")"
# What was set up anew is not taken for what cannot be read.
core_of 7.2 ram-hole
rm -f "$tap_dir/snapshot"
"$VIRTQ" snapshot --full --no-cache "$tap_dir/core" -o "$tap_dir/snapshot"
address=$("$VIRTQ" --json "$tap_dir/snapshot" | jq -r '.devices[0].queues[0]."host-address"')
line=$(grep -a -o '^original a core of process [0-9]*' "$tap_dir/snapshot")
# A queue that was set up anew is torn, too: the lists take two facts' places.
command=$(grep -a -o '^command [^ ]* [^ ]*' "$tap_dir/snapshot")
renewed() { # LIST: the verdict of a queue whose reading is torn, and those in the list set up anew
    LC_ALL=C sed -e "s/^$line/$(printf '%-*s' ${#line} "torn-1 $address,")/" \
        -e "s|^$command|$(printf '%-*s' ${#command} "renewed-1 $1")|" "$tap_dir/snapshot" >"$tap_dir/renewed"
    "$VIRTQ" --no-cache --json "$tap_dir/renewed" | jq -r '.devices[0].queues[0].verdict'
}
equal "a torn reading of a ring that cannot be read" unknown/guest-ram "$(renewed "0x1,")"
equal "a ring that was set up anew while it was read" ok/moving "$(renewed "$address,")"

# ---- The files ----------------------------------------------------------------------------------

mkdir "$tap_dir/unpacked"
tar -C "$tap_dir/unpacked" -xzf "$tap_dir/live.tgz"
report=$tap_dir/unpacked/virtq-report
equal "what is in the archive" "MANIFEST layout.txt report.html report.json report.txt snapshot.core" \
    "$(cd "$report" && echo *)"
check "the digests are right" sh -c 'cd "$1" && sha256sum --strict -c MANIFEST' - "$report"
equal "the sizes are right" "$(cd "$report" && stat -c '# %s bytes %n' report.txt report.html report.json snapshot.core layout.txt)" \
    "$(sed -n 'N;s/\n[0-9a-f]* / /;s/  */ /g;p' "$report/MANIFEST")"
equal "the archive is the owner's" 600 "$(stat -c %a "$tap_dir/live.tgz")"
equal "the snapshot is the owner's" 600 "$(stat -c %a "$tap_dir/live.core")"
contains "the layout is one that --layout reads" "$("$VIRTQ" --no-cache --layout "$report/layout.txt" "$report/snapshot.core")" \
    "in-device/backend-io"
contains "the text has the answer first" "$(cat "$report/report.txt")" "disk0 queue 0 (request): the device has the request, and its disk on the host has not finished it"
contains "the text's command is one for its reader" "$(cat "$report/report.txt")" "more        virtq show THIS-REPORT.tar.gz disk0:0"
contains "the page has the reasons that were considered" "$(cat "$report/report.html")" \
    "<span class=\"dim\">considered:</span> $("$VIRTQ" --json "$tap_dir/live.tgz" |
        jq -r '.devices[0].queues[0].findings[0].considered | join(", ")')</p>"
contains "the text has the host" "$(cat "$report/report.txt")" "$(uname -sr)"
contains "the text has the threads" "$(cat "$report/report.txt")" " S  ppoll"
# Another way to the target is another host path, which may come before the binary's.
same_text() {
    grep -v '^virtq\|^vm\|^[a-z]* [0-9]*:\|^snapshot\|virtq show\|^one sample\|^two\|^replaced' |
        sed 's/host-path-[0-9]*/host-path-N/g'
}
equal "the text alone, as it is in the archive" "$(same_text <"$report/report.txt")" \
    "$("$VIRTQ" report --format text "$tap_dir/live.tgz" | same_text)"
equal "the JSON is that of --json, and more" "$("$VIRTQ" --json "$tap_dir/live.tgz" | jq '.devices')" "$(jq .devices "$report/report.json")"

# gdb: the core tells where the binary is loaded, and the struct is there.
address=$(jq -r '.devices[0].queues[0]["host-address"]' "$report/report.json")
shown=$(gdb -nx -batch -ex "p *(VirtQueue *)$address" -ex "p ((VirtQueue *)$address)->vdev->name" \
    "$mini-7.2" "$report/snapshot.core" 2>"$tap_dir/gdb.stderr")
contains "gdb shows the VirtQueue" "$shown" "last_avail_idx = 12, last_avail_wrap_counter = true, shadow_avail_idx = 12"
contains "gdb knows the functions" "$shown" "handle_output = 0x"
contains "gdb places the binary" "$shown" "<handle_output>"
contains "gdb follows pointers" "$shown" '"virtio-blk"'
equal "gdb has nothing to complain of but what is not there" "" \
    "$(grep -v 'during file-backed mapping note processing\|^$\|^warning: Unexpected size\|Error while mapping' "$tap_dir/gdb.stderr")"

# The page's heading claims no more than could be looked at.
for scenario in no-guest-ram iommu paused idle; do
    core_of 7.2 "$scenario"
    case $scenario in
    paused) heading='<h1><span class="off">disk0 queue 0 (request):</span> the VM is paused' ;;
    idle) heading="<h1>virtq: nothing stuck: 1 queue of 1 device looked at</h1>" ;;
    *) heading="<h1>virtq: nothing stuck in what could be read: 1 queue of 1 device looked at, 1 not judged</h1>" ;;
    esac
    contains "the page's heading: $scenario" "$("$VIRTQ" report --no-cache --format html "$tap_dir/core")" "$heading"
done

# ---- The schema --------------------------------------------------------------------------------------

# Strict: a member that the schema does not have is an error.
jq 'walk(if type == "object" and has("properties") and (has("additionalProperties") | not) then .additionalProperties = false else . end)' \
    analyzer/report/virtq.schema.json >"$tap_dir/strict.json"
if jsonschema=$(command -v /usr/bin/jsonschema || command -v jsonschema); then
    validate() {
        "$jsonschema" -i "$1" "$tap_dir/strict.json"
    }
    check "report.json fits the schema" validate "$report/report.json"
    "$VIRTQ" --json "$tap_dir/none" >"$tap_dir/error.json" 2>/dev/null
    check "an error fits the schema" validate "$tap_dir/error.json"
    for scenario in roles packed-stuck vhost-pending ccw mmio hostile-names hostile-vring-num no-guest-ram broken legacy; do
        core_of 7.2 "$scenario"
        "$VIRTQ" --json --no-cache "$tap_dir/core" >"$tap_dir/$scenario.json" 2>/dev/null
        check "--json of $scenario fits the schema" validate "$tap_dir/$scenario.json"
    done
    jq 'del(.devices[0].queues[0].verdict)' "$report/report.json" >"$tap_dir/bad.json"
    check "a document without a verdict does not" sh -c '! "$@" 2>/dev/null' - "$jsonschema" -i "$tap_dir/bad.json" "$tap_dir/strict.json"
else
    skip "the schema" "no jsonschema (package python3-jsonschema)"
fi

# ---- When it cannot be written --------------------------------------------------------------------------

core_of 7.2 stuck
# refused STATUS MESSAGE WHAT COMMAND...
refused() {
    local status=$1 message=$2 what=$3 got=0 errors
    shift 3
    errors=$("$@" 2>&1 >"$tap_dir/refused.out") || got=$?
    equal "$what: exit $status" "$status" "$got"
    contains "$what: it says why" "$errors" "$message"
}
mkdir "$tap_dir/out"
echo mine >"$tap_dir/out/file"
refused 3 "out/file: File exists (--force replaces it)" "a file that is there" \
    "$VIRTQ" report "$tap_dir/core" -o "$tap_dir/out/file"
equal "it is as it was" mine "$(cat "$tap_dir/out/file")"
ln -s nowhere "$tap_dir/out/link"
refused 3 "File exists" "a link that leads nowhere" "$VIRTQ" snapshot "$tap_dir/core" -o "$tap_dir/out/link"
check "--force replaces it" "$VIRTQ" report --force "$tap_dir/core" -o "$tap_dir/out/file"
check "by a report" "$VIRTQ" snapshot --force "$tap_dir/out/file" -o "$tap_dir/out/link"
equal "and leaves nothing else" "file link" "$(cd "$tap_dir/out" && echo *)$(cd "$tap_dir/out" && find . -name '.v*')"
refused 3 "none/file: No such file or directory" "no such directory" "$VIRTQ" report "$tap_dir/core" -o "$tap_dir/none/file"
refused 3 "Is a directory" "a directory" "$VIRTQ" report --force "$tap_dir/core" -o "$tap_dir/out"
refused 3 "Is a directory" "a directory, without --force" "$VIRTQ" report "$tap_dir/core" -o "$tap_dir/out"

# A device, a FIFO and what is open stay what they are, with --force and without. /dev is not put at risk here.
mkdir "$tap_dir/dev"
ln -s /proc/self/fd/1 "$tap_dir/dev/stdout"
ln -s /proc/self/fd/2 "$tap_dir/dev/stderr"
mkfifo "$tap_dir/dev/fifo"
wanted=$("$VIRTQ" report --format text "$tap_dir/core" | grep -v '^virtq')
for force in "" --force; do
    words=(report ${force:+"$force"} --format text "$tap_dir/core" -o)
    cat "$tap_dir/dev/fifo" >"$tap_dir/through" &
    check "a FIFO $force" timeout 60 "$VIRTQ" "${words[@]}" "$tap_dir/dev/fifo"
    check "a FIFO $force: it stays one" test -p "$tap_dir/dev/fifo"
    # if it does not, nobody writes to whom waits there
    [ -p "$tap_dir/dev/fifo" ] || kill $!
    wait $!
    equal "a FIFO $force: what comes out" "$wanted" "$(grep -v '^virtq' "$tap_dir/through")"
    echo before >"$tap_dir/through"
    "$VIRTQ" "${words[@]}" "$tap_dir/dev/stdout" >>"$tap_dir/through"
    equal "standard output by name, a file $force" "before
$wanted" "$(grep -v '^virtq' "$tap_dir/through")"
    equal "standard output by name, a pipe $force" "$wanted" "$("$VIRTQ" "${words[@]}" "$tap_dir/dev/stdout" | grep -v '^virtq')"
    "$VIRTQ" "${words[@]}" "$tap_dir/dev/stderr" 2>"$tap_dir/through"
    equal "standard error by name $force" "$wanted" "$(grep -v '^virtq' "$tap_dir/through")"
    check "they are still links $force" test -L "$tap_dir/dev/stdout" -a -L "$tap_dir/dev/stderr"
    if mknod "$tap_dir/dev/null" c 1 3 2>/dev/null && : 2>/dev/null >"$tap_dir/dev/null"; then
        check "a character device $force" "$VIRTQ" "${words[@]}" "$tap_dir/dev/null"
        check "a character device $force: it stays one" test -c "$tap_dir/dev/null"
    else
        skip "a character device $force" "no device node can be made here"
    fi
    rm -f "$tap_dir/dev/null"
done
mknod "$tap_dir/dev/full" c 1 7 2>/dev/null && : 2>/dev/null >>"$tap_dir/dev/full" &&
    refused 3 "dev/full: No space left on device" "a device that takes nothing" \
        "$VIRTQ" report "$tap_dir/core" -o "$tap_dir/dev/full"
refused 64 "snapshot needs -o FILE" "no file for a snapshot" "$VIRTQ" snapshot "$tap_dir/core"
refused 64 "archive, text, json or html, not 'pdf'" "a format it does not know" "$VIRTQ" report --format pdf "$tap_dir/core"
refused 64 "a report is of all queues" "a queue" "$VIRTQ" report "$tap_dir/core" disk0
refused 64 "a TARGET is needed" "no target" "$VIRTQ" report
refused 3 "No such file" "no core" "$VIRTQ" report "$tap_dir/no-core" -o "$tap_dir/out/new"
(cd "$tap_dir/out" && "$VIRTQ" report "$tap_dir/core" >name) # an archive that was given no name
equal "the name of an archive that was given none" virtq-report.tar.gz "$(cat "$tap_dir/out/name")"
check "it is there" test -s "$tap_dir/out/virtq-report.tar.gz"
equal "an archive on standard output" "$("$VIRTQ" "$tap_dir/out/file" | sed -n '/^#/,$p')" \
    "$("$VIRTQ" report "$tap_dir/core" -o - | "$VIRTQ" - | sed "s|virtq show -|virtq show $tap_dir/out/file|;s|show CORE|show $tap_dir/out/file|" | sed -n '/^#/,$p')"
rm -f "$tap_dir"/out/{name,virtq-report.tar.gz,new}
mkdir "$tap_dir/full"
if mount -t tmpfs -o size=8k none "$tap_dir/full" 2>/dev/null; then
    refused 3 "No space left on device" "a full disk" "$VIRTQ" report "$tap_dir/core" -o "$tap_dir/full/report"
    equal "a full disk: nothing is left" "" "$(ls -A "$tap_dir/full")"
    echo mine >"$tap_dir/full/layout"
    refused 3 "No space left on device" "a full disk, a layout" "$VIRTQ" layout "$mini-7.2" -o "$tap_dir/full/layout"
    equal "a full disk: what was there still is" "layout: mine" "$(cd "$tap_dir/full" && echo "$(ls -A): $(cat layout)")"
    umount "$tap_dir/full"
    mount -t tmpfs -o ro none "$tap_dir/full"
    refused 3 "Read-only file system" "a place that cannot be written" "$VIRTQ" report "$tap_dir/core" -o "$tap_dir/full/report"
    umount "$tap_dir/full"
else
    skip "a full disk, a place that cannot be written" "mount is not allowed"
fi

# A file system with neither files without a name nor links, as vfat: strace says so of this directory. And virtq is
# killed when all is written and nothing has its name yet.
plain=$(realpath "$BUILD/virtq")
if strace -o "$tap_dir/trace" true 2>/dev/null; then
    mkdir "$tap_dir/plain"
    without_links() { # COMMAND...
        strace -f -o "$tap_dir/trace" -P "$tap_dir/plain" -P "$tap_dir/plain/new" \
            -e inject=openat:error=EOPNOTSUPP -e 'inject=?link,?linkat:error=EPERM' "$@"
    }
    written=("$plain" report "$tap_dir/core" -o "$tap_dir/plain/new")
    check "without links: a new file" without_links "${written[@]}"
    check "without links: they were asked for" grep -q 'link.*EPERM.*INJECTED' "$tap_dir/trace"
    contains "without links: it is a report" "$("$VIRTQ" "$tap_dir/plain/new")" "in-device/backend-io"
    echo mine >"$tap_dir/plain/new"
    # virtq does not see it before it gives the new one its name
    refused 3 "File exists" "without links: a file that comes meanwhile" without_links \
        -e 'inject=?stat,?lstat,?newfstatat,?statx:error=ENOENT' "${written[@]}"
    equal "without links: nothing else is there" "new mine" "$(ls -A "$tap_dir/plain") $(cat "$tap_dir/plain/new")"
    check "without links: --force replaces it" without_links "${written[@]}" --force
    equal "without links: it alone is there" new "$(ls -A "$tap_dir/plain")"

    strace -f -o "$tap_dir/trace" -e trace=openat,fsync -e inject=fsync:signal=KILL \
        "$plain" report --no-cache "$tap_dir/core" -o "$tap_dir/out/killed" 2>/dev/null
    equal "virtq is killed in the writing" 137 $?
    check "the file was open" grep -q "\"$tap_dir/out.*O_WRONLY.*= [0-9]" "$tap_dir/trace"
    # where every file has a name, one that nobody asked for stays
    unasked=
    ! grep -qF .virtq- "$tap_dir/trace" || unasked='.virtq-*'
    equal "virtq is killed: nothing is left" "file link" \
        "$(find "$tap_dir/out" -mindepth 1 ! -name "$unasked" -printf '%f\n' | sort | paste -sd' ')"
    rm -f "$tap_dir"/out/.virtq-*
else
    skip "a file system without links, virtq is killed" "strace does not work here"
fi

# The target goes away between the samples. What comes before the first one is none of this test's.
live stuck
refused 3 "process $pid exited" "a target that exits" \
    ends_between_samples "$pid" "$VIRTQ" report --interval 5 "$pid" -o "$tap_dir/out/gone"
check "a target that exits: no file" test ! -e "$tap_dir/out/gone"
end_live

# ---- Damage ------------------------------------------------------------------------------------------------

head -c 20000 "$tap_dir/live.tgz" >"$tap_dir/cut.tgz"
"$VIRTQ" "$tap_dir/cut.tgz" >"$tap_dir/cut.out" 2>&1
check "an archive that was cut: no crash" test $? -le 3
tar -C "$tap_dir" -czf "$tap_dir/other.tgz" out
refused 3 "there is no snapshot.core in it" "another archive" "$VIRTQ" "$tap_dir/other.tgz"
finish
