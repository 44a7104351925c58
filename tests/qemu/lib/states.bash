# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
#
# What the tests share that bring a real QEMU into a known state and ask virtq for its name. To be sourced after
# common.bash. Each state ends in a line of the form
#   # state: QEMU 7.2, NAME | live: VERDICT CONFIDENCE | core: VERDICT CONFIDENCE
#
# Environment: STRICT= compares families of verdicts only; else whole verdicts, and what virtq says of the request.
# TEXT=1 also prints what people are told of each state.
STRICT=${STRICT-1}

# expect_verdict NAME LIVE CORE [FAMILY...]: the verdicts of a state; "-" for a core that cannot hold it. FAMILY, if the
# state is not to be judged by the families of these verdicts.
declare -A live_verdict=() core_verdict=() families=()
expect_verdict() {
    live_verdict[$1]=$2
    core_verdict[$1]=$3
    families[$1]="${*:4}"
    [[ -n ${families[$1]} ]] || families[$1]="${2%%/*} ${3%%/*}"
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

# _judge WHAT NAME VERDICT DEVICE QUEUE [ELSEWHERE...]: the last run named the state.
_judge() {
    local what=$1 name=$2 wanted=$3 device=$4 queue=$5 found family same=1
    found=$(queue_json "$device" "$queue" '.verdict, .findings[].verdict')
    if [[ -n $STRICT ]]; then
        equal "$what: $wanted" "$wanted" "$(head -n 1 <<<"$found")"
    else
        for family in ${families[$name]}; do
            grep -q "^$family/" <<<"$found" && same=0
        done
        ((same == 0)) || printf '#   got: %s\n' "${found//$'\n'/ }"
        tap_result $same "$what: ${families[$name]}"
    fi
    equal "$what: nothing is found elsewhere" "" "$(accusations "$device" "$queue" "${@:6}")"
}

# text TARGET: with TEXT=1, virtq's answer in words, as comments.
text() {
    [[ ${TEXT:-} != 1 ]] || "$VIRTQ" --interval=1 "$1" 2>&1 | sed 's/^/#   /'
}

# state NAME DEVICE QUEUE [ELSEWHERE...]: virtq names it, live and from a core.
state() {
    local name=$1 device=$2 queue=$3 what="QEMU $qemu_series, $1" live core='not asked'
    run --json --interval=1 "$vm_pid"
    live_output=$output
    text "$vm_pid"
    live=$(queue_json "$device" "$queue" '"\(.verdict) \(.confidence)"')
    _judge "$what, live" "$name" "${live_verdict[$name]}" "${@:2}"
    check "$what, live: the answer is complete" jq -e '.complete and .error == null' <<<"$output"
    if [[ ${core_verdict[$name]} != - ]]; then
        vm_core "$tap_dir/core" || no_go "$what: a core"
        run --json "$tap_dir/core"
        text "$tap_dir/core"
        rm -f "$tap_dir/core"
        core=$(queue_json "$device" "$queue" '"\(.verdict) \(.confidence)"')
        _judge "$what, core" "$name" "${core_verdict[$name]}" "${@:2}"
        # One sample proves no standstill.
        equal "$what, core: no finding of high confidence" "" "$(findings | grep ' high$')"
    fi
    printf '# state: %s | live: %s | core: %s\n' "$what" "$live" "$core"
}

# also VERDICT DEVICE QUEUE: when STRICT, the live run of the last state has this among the queue's findings.
also() {
    local output=$live_output
    [[ -n $STRICT ]] || return 0
    check "QEMU $qemu_series, $2: $1 is among the findings" grep -qx "$1" \
        <(queue_json "$2" "$3" '.findings[].verdict')
}

# request_is DEVICE QUEUE TYPE SECTOR LENGTH: when STRICT, the live run of the last state has this request in flight.
request_is() {
    local output=$live_output
    [[ -n $STRICT ]] || return 0
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
