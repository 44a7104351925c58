#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# run.sh NAME TEST...: run test programs that speak TAP, show what failed and
# what was skipped and why, write the counts to $BUILD/tests/NAME.counts and the
# failures to $BUILD/tests/NAME.failures, and end with "N passed, N failed, N
# skipped". A program that exits with an error without a "not ok" line counts as
# one failure; one that ran nothing, too.
set -uo pipefail

name=$1
limit=${TEST_TIMEOUT:-900}
shift
: "${BUILD:=build}"
logs=$BUILD/tests/logs/$name
mkdir -p "$logs"
passed=0 failed=0 skipped=0
export CMOCKA_MESSAGE_OUTPUT=TAP
failures=$BUILD/tests/$name.failures
: >"$failures"

# failures_in LOG LINES: each "not ok" with what was said about it: tap.sh says it
# before the result, cmocka after. The last LINES of either, cut to what one reads.
failures_in() {
    awk -v lines="$2" '
    function said(i) {
        for (i = n > lines ? n - lines : 0; i < n; i++)
            print substr(text[i], 1, 300)
    }
    /^not ok / && !/# ?SKIP/ { said(); print; n = 0; after = lines; next }
    /^(ok|not ok) /          { n = 0; after = 0; next }
    after > 0 && /^#/        { print substr($0, 1, 300); after--; next }
                             { text[n++] = $0 }
    ' "$1"
}

for test in "$@"; do
    log=$logs/$(basename "$test").log
    start=${EPOCHREALTIME/[.,]/}
    timeout -k 30 "$limit" "$test" >"$log" 2>&1 </dev/null
    status=$?
    skip=$(grep -cE '^(not )?ok .*# ?SKIP' "$log")
    bad=$(grep -E '^not ok ' "$log" | grep -cvE '# ?SKIP')
    good=$(grep -E '^ok ' "$log" | grep -cvE '# ?SKIP')
    # What timeout(1) says of a program that it ended, or killed.
    if [ $status = 124 ] || [ $status = 137 ]; then
        bad=$((bad + 1))
        echo "not ok - $test: ended after $limit s, its time limit, with $good ok" >>"$log"
    elif [ "$bad" = 0 ] && { [ $status != 0 ] || [ $((good + skip)) = 0 ]; }; then
        bad=1
        echo "not ok - $test: exit status $status, $good ok" >>"$log"
    fi
    passed=$((passed + good)) failed=$((failed + bad)) skipped=$((skipped + skip))
    printf '%-44s %4d ok %3d failed %3d skipped %7d ms\n' "$test" "$good" "$bad" "$skip" \
        $(((${EPOCHREALTIME/[.,]/} - start) / 1000))
    grep -E '# ?SKIP' "$log" | sed 's/^/    /'
    if [ "$bad" != 0 ]; then
        failures_in "$log" "${TEST_LOG_LINES:-40}" | sed 's/^/    | /'
        { echo "$test:"; failures_in "$log" 6; } >>"$failures"
    fi
done

echo "$passed $failed $skipped" >"$BUILD/tests/$name.counts"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
