# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
#
# What the tests share that bring a real QEMU into a known state and ask virtq for its name. To be sourced after
# common.bash. Each state ends in a line of the form
#   # state: QEMU 7.2, NAME | live: VERDICT CONFIDENCE | core: VERDICT CONFIDENCE
#
# Environment: TEXT=1 also prints what people are told of each state.

# expect_verdict NAME LIVE CORE: the verdicts of a state; "-" if no core is made.
declare -A live_verdict=() core_verdict=()
expect_verdict() {
    live_verdict[$1]=$2
    core_verdict[$1]=$3
}

# accusations DEVICE QUEUE [ELSEWHERE...]: findings of at least medium confidence on other queues than this one and those
# of ELSEWHERE ("DEVICE:QUEUE"), where something is stuck as well.
accusations() {
    local known=" $1:$2 ${*:3} "
    while read -r queue verdict confidence; do
        [[ $known == *" $queue "* || $confidence == low ]] || printf '%s %s %s\n' "$queue" "$verdict" "$confidence"
    done < <(findings)
}

# queue_json DEVICE QUEUE FILTER: what jq's FILTER makes of that queue of $output.
queue_json() {
    jq -r --arg id "$1" --argjson index "$2" \
        '.devices[] | select(.id == $id).queues[] | select(."queue-index" == $index) | '"$3" <<<"$output"
}

# _judge WHAT VERDICT DEVICE QUEUE [ELSEWHERE...]: the last run named the state.
_judge() {
    equal "$1: $2" "$2" "$(verdict "$3" "$4")"
    equal "$1: nothing is found elsewhere" "" "$(accusations "${@:3}")"
}

# _look_for VERDICT DEVICE QUEUE COMMAND...: until the queue has that verdict, at most five times. What a thread happens to
# do at one moment may hide a state: a main loop that is awake for something else may be about to look at the queue.
_look_for() {
    local look
    for look in {1..5}; do
        "${@:4}"
        [[ $(verdict "$2" "$3") != "$1" ]] || break
        printf '# look %d at %s:%s: %s\n' "$look" "$2" "$3" "$(verdict "$2" "$3")"
    done
}

# _run_on_core WHAT: on a new one, $tap_dir/core.
_run_on_core() {
    vm_core "$tap_dir/core" || no_go "$1: a core"
    run --json "$tap_dir/core"
}

# state NAME DEVICE QUEUE [ELSEWHERE...]: virtq names it, live and from a core.
state() {
    local name=$1 device=$2 queue=$3 what="QEMU $qemu_series, $1" live core=-
    _look_for "${live_verdict[$name]}" "$device" "$queue" run --json --interval=1 "$vm_pid"
    live_output=$output
    text "$vm_pid"
    live=$(queue_json "$device" "$queue" '"\(.verdict) \(.confidence)"')
    _judge "$what, live" "${live_verdict[$name]}" "${@:2}"
    check "$what, live: the answer is complete" jq -e '.complete and .error == null' <<<"$output"
    if [[ ${core_verdict[$name]} != - ]]; then
        _look_for "${core_verdict[$name]}" "$device" "$queue" _run_on_core "$what"
        text "$tap_dir/core"
        rm -f "$tap_dir/core"
        core=$(queue_json "$device" "$queue" '"\(.verdict) \(.confidence)"')
        _judge "$what, core" "${core_verdict[$name]}" "${@:2}"
        # One sample proves no standstill.
        equal "$what, core: no finding of high confidence" "" "$(findings | grep ' high$')"
    fi
    printf '# state: %s | live: %s | core: %s\n' "$what" "$live" "$core"
}

# also VERDICT DEVICE QUEUE: the live run of the last state has this among the queue's findings.
also() {
    local output=$live_output
    check "QEMU $qemu_series, $2: $1 is among the findings" grep -qx "$1" \
        <(queue_json "$2" "$3" '.findings[].verdict')
}

# request_is DEVICE QUEUE TYPE SECTOR LENGTH: the live run of the last state has this request in flight.
request_is() {
    local output=$live_output
    equal "QEMU $qemu_series, $1: the request is the one that the guest made" "$3 $4 $5" \
        "$(queue_json "$1" "$2" '.requests[] | "\(.type) \(.sector) \(.length)"')"
}

# healthy WHAT [ELSEWHERE...]: virtq finds nothing but on the queues of ELSEWHERE.
healthy() {
    run --json --interval=1 "$vm_pid"
    equal "QEMU $qemu_series, $1: nothing is found" "" "$(accusations '' '' "${@:2}")"
    check "QEMU $qemu_series, $1: the answer is complete" jq -e '.complete and .error == null' <<<"$output"
}

# begin NAME COMMAND: in the guest, in the background.
begin() {
    vm_guest "rm -f /tmp/$1.done; { $2; touch /tmp/$1.done; } >/dev/null 2>&1 &"
}

# ended NAME: what began so has ended.
ended() {
    vm_guest "[ -e /tmp/$1.done ]"
}

not_ended() {
    ! ended "$1"
}
