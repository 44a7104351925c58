# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# What the tests of the command line on mini-qemu share.
. tests/tap.sh
. fixtures/mini-qemu/threads.bash
: "${BUILD:=build}" "${VIRTQ:=$BUILD/virtq}"
mini=$BUILD/mini-qemu/mini-qemu
scenarios=fixtures/mini-qemu/scenarios
export XDG_CACHE_HOME=$tap_dir/cache

# run ARGUMENTS...: virtq, at most 60 s; sets out, err, status.
run() {
    status=0
    timeout 60 "$VIRTQ" "$@" >"$tap_dir/out" 2>"$tap_dir/err" </dev/null || status=$?
    out=$(cat "$tap_dir/out") err=$(cat "$tap_dir/err")
}

# expected LAYOUT: of a scenario on stdin, the lines that hold for this version and machine.
expected() {
    local on=native
    [[ $1 != *-aarch64 && $1 != *-s390x ]] || on=qemu-user
    awk -v layout="${1%%-*}" -v on=$on '
        function number(text,  parts) { split(text, parts, "."); return parts[1] * 100 + parts[2] }
        { sub(/ *#.*/, ""); split($4, condition, "=") }
        $1 != "expect" && $1 != "expect-live" { print; next }
        condition[1] == "since" && number(layout) < number(condition[2]) { next }
        condition[1] == "before" && number(layout) >= number(condition[2]) { next }
        condition[1] == "on" && on != condition[2] { next }
        { print }'
}

core_of() { # BINARY SCENARIO OUT
    fixtures/mini-qemu/make-core.sh "$1" "$scenarios/$2.scn" "$3" >"$tap_dir/make-core.log" 2>&1 ||
        { cat "$tap_dir/make-core.log"; return 1; }
}

# live BINARY SCENARIO [--move]: starts mini-qemu, sets live_pid.
live() {
    local log=$tap_dir/live.log
    "$1" "$scenarios/$2.scn" "${3:---wait}" >"$log" 2>&1 &
    live_pid=$!
    is_ready "$log" "$live_pid"
}

# The answer without what names the target: the paragraph of header lines, and
# the target in "more".
body() {
    awk 'BEGIN { RS = ""; ORS = "\n\n" } !/^(core|process) /' | sed 's/virtq show [^ ]* /virtq show TARGET /'
}

# An error: exit status 3, nothing on stdout, one line on stderr that says so.
expect_error() { # WHAT TEXT
    equal "$1: exit status 3, nothing on stdout, one line on stderr" "3 0 1" \
        "$status $(wc -c <"$tap_dir/out") $(grep -c . "$tap_dir/err")"
    contains "$1: the message" "$err" "$2"
}
