#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Live targets: two samples, and what each scenario expects of them.
set -uo pipefail
. tests/cli/common.bash

wanted() { # SCENARIO: expectations of two samples, else those of one
    expected 7.2 <"$scenarios/$1.scn" | awk '$1 == "expect" { want[$2] = $3 } $1 == "expect-live" { live[$2] = $3 }
         END { for (q in live) want[q] = live[q]; for (q in want) print q, want[q] }'
}

compare() { # SCENARIO JSON
    local failed=0 queue want got
    while read -r queue want; do
        got=$(jq -r --arg id "${queue%:*}" --argjson index "${queue##*:}" \
            '.devices[] | select(.id == $id) | .queues[] | select(."queue-index" == $index) | .verdict' <<<"$2")
        # shellcheck disable=SC2053 # a pattern on purpose
        [[ $got == $want ]] && continue
        echo "$queue: expected $want, got ${got:-nothing}"
        failed=1
    done < <(wanted "$1")
    return $failed
}

for scenario in stuck not-seen seen-not-taken done-not-noticed done-not-signalled healthy roles moving \
    interrupts iothread-busy kick-unread held-lost \
    moving-vhost paused packed-stuck packed-not-seen packed-healthy vhost-pending vhost-idle \
    corrupt-avail corrupt-used corrupt-inuse wrap stuck-one-of-many multiqueue-net polling no-caches; do
    if ! live "$mini-7.2" $scenario --move; then
        check "$scenario: mini-qemu runs" false
        continue
    fi
    # What moves is let run, however busy this machine is.
    interval=0.3
    ! grep -q '^move' "$scenarios/$scenario.scn" || interval=3
    run --json --interval $interval "$live_pid"
    check "$scenario: two samples" compare $scenario "$out"
    kill "$live_pid"
    wait "$live_pid" 2>/dev/null
done

live "$mini-7.2" no-caches || check "mini-qemu runs" false
run --quiet --interval 0.3 "$live_pid"
equal "an unmapped ring in which requests wait is a finding, and the only one" "1 1 off/not-mapped" \
    "$status $(grep -c '^[a-z]' <<<"$out") $(grep -o '^[^: ]*/[^: ]*' <<<"$out")"
kill "$live_pid"
wait "$live_pid" 2>/dev/null

# A stopped process cannot move, whatever it looks like: that is the answer, and nobody is accused.
for scenario in stuck not-seen seen-not-taken done-not-noticed done-not-signalled vhost-pending; do
    live "$mini-7.2" $scenario || check "mini-qemu runs" false
    kill -STOP "$live_pid"
    threads_reach T "$live_pid" || check "$scenario: stopped" false
    run --json --interval 1 "$live_pid"
    equal "$scenario, stopped by a signal: the verdicts" off/stopped \
        "$(jq -r '[.devices[].queues[] | select(.verdict | test("^ok|^off/not-set-up") | not).verdict] | unique | join(" ")' <<<"$out")"
    equal "$scenario, stopped by a signal: confidence in what it looks like" low \
        "$(jq -r '[.devices[].queues[].findings[] | select(.verdict | startswith("off") | not).confidence] | unique | join(" ")' <<<"$out")"
    run --interval 1 "$live_pid"
    check "$scenario, stopped by a signal: the first line" \
        grep -q ': QEMU itself, or the thread that serves the queue, is stopped' <<<"${out%%$'\n'*}"
    "$VIRTQ" snapshot --interval 1 --force "$live_pid" -o "$tap_dir/stopped.core"
    run --json "$tap_dir/stopped.core"
    equal "$scenario, stopped by a signal: so says its snapshot" off/stopped \
        "$(jq -r '[.devices[].queues[] | select(.verdict | test("^ok|^off/not-set-up") | not).verdict] | unique | join(" ")' <<<"$out")"
    kill -CONT "$live_pid"
    threads_reach S "$live_pid" || check "$scenario: continued" false
    run --json --interval 1 "$live_pid"
    check "$scenario, continued" compare $scenario "$out"
    kill "$live_pid"
    wait "$live_pid" 2>/dev/null
done

live "$mini-10.2" idle || check "mini-qemu runs" false
run --json --interval 50 "$live_pid" # of which a second sample would wait too long for this test
equal "idle: one sample is enough" "0 1" "$status $(jq .target.samples <<<"$out")"

# Looking leaves no trace: no tracer, no signal, nothing written.
if strace -o "$tap_dir/strace" true 2>/dev/null; then
    strace -f -o "$tap_dir/strace" "$BUILD/virtq" "$live_pid" >"$tap_dir/out"
    equal "no system call that could disturb the target" "" \
        "$(grep -E '^[0-9]+ +(ptrace|kill|tgkill|tkill|process_vm_writev|pidfd_send_signal)\(' "$tap_dir/strace")"
    equal "nothing of the target is opened for writing" "" \
        "$(grep -E "\"/proc/$live_pid/.*O_(WRONLY|RDWR)" "$tap_dir/strace")"
else
    skip "no system call that could disturb the target" "strace does not work here"
fi
kill "$live_pid"

# A target that exits between the samples.
live "$mini-7.2" stuck || check "mini-qemu runs" false
status=0
# In a shell of its own: this one says on stderr that its child was killed.
(ends_between_samples "$live_pid" "$VIRTQ" --interval 5 "$live_pid") >"$tap_dir/out" 2>"$tap_dir/err" || status=$?
err=$(cat "$tap_dir/err")
expect_error "the target exits between two samples" "exited"
finish
