# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
#
# A few words of TAP for shell tests. Source it, then:
#   check "what is tested" COMMAND...      ok if the command succeeds
#   equal "what is tested" EXPECTED ACTUAL ok if the texts are equal; shows a diff
#   contains "what is tested" TEXT PATTERN ok if the text has the fixed string
#   skip "what" "why"
#   finish                                 at the end of the test
tap_number=0
tap_failed=0
tap_dir=$(mktemp -d)
trap 'rm -rf "$tap_dir"' EXIT

tap_result() { # STATUS WHAT
    tap_number=$((tap_number + 1))
    if [ "$1" = 0 ]; then
        echo "ok $tap_number - $2"
    else
        echo "not ok $tap_number - $2"
        tap_failed=1
    fi
}

check() {
    local what=$1 status=0
    shift
    "$@" >"$tap_dir/check.log" 2>&1 || status=$?
    [ $status = 0 ] || sed 's/^/#   /' "$tap_dir/check.log"
    tap_result $status "$what"
}

equal() {
    local status=0
    diff <(printf '%s\n' "$2") <(printf '%s\n' "$3") >"$tap_dir/diff.log" || status=1
    [ $status = 0 ] || sed 's/^/#   /' "$tap_dir/diff.log" | head -n 40
    tap_result $status "$1"
}

contains() {
    local status=0
    grep -qF -- "$3" <<<"$2" || status=1
    [ $status = 0 ] || { echo "#   expected: $3"; sed 's/^/#   got: /' <<<"$2" | head -n 40; }
    tap_result $status "$1"
}

skip() {
    tap_number=$((tap_number + 1))
    echo "ok $tap_number - $1 # SKIP $2"
}

finish() {
    echo "1..$tap_number"
    exit $tap_failed
}
