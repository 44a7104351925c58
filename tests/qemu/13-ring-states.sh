#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Every way a request can be stuck, made on a real QEMU with a ring that is driven by hand: fixtures/real-qemu/ring.sh.
# virtq is asked live and from a core, then the state is undone with the smallest step there is, and nothing may be found.
#
# STRICT=0 compares families only. TRUTH=1 also prints what gdb and /proc say of each state. STATES="NAME..." makes only
# these, SERIES="7.2 10" only on these.
. "${BASH_SOURCE[0]%/*}/lib/common.bash"
. "$top/fixtures/real-qemu/ring.sh"
STRICT=${STRICT:-0}
SERIES=${SERIES:-7.2 10}

# What is expected: the state, the verdict live, the verdict from its core (- when no core can be made, or says nothing),
# and, for STRICT=0, another verdict that will do.
expected='
no-kick-split           not-seen/kick-lost                  not-seen/kick-lost                  -
no-kick-packed          not-seen/kick-lost                  not-seen/kick-lost                  -
suppressed-event        not-seen/suppressed                 not-seen/suppressed                 -
suppressed-flags        not-seen/suppressed                 not-seen/suppressed                 -
suppressed-packed       not-seen/suppressed                 not-seen/suppressed                 -
broken                  broken                              broken                              -
avail-idx               corrupt/avail-idx                   corrupt/avail-idx                   -
inuse                   corrupt/inuse                       corrupt/inuse                       -
inuse-packed            corrupt/inuse                       corrupt/inuse                       -
used-idx                corrupt/used-idx                    corrupt/used-idx                    -
masked                  done-not-noticed/masked             done-not-noticed/masked             -
masked-packed           done-not-noticed/masked             done-not-noticed/masked             ok/idle
function-masked         done-not-noticed/masked             done-not-noticed/masked             -
function-masked-packed  done-not-noticed/masked             done-not-noticed/masked             ok/idle
signalled               done-not-noticed/signalled          done-not-noticed/signalled          -
signalled-packed        done-not-noticed/signalled          done-not-noticed/signalled          ok/idle
not-signalled           done-not-noticed/not-signalled      done-not-noticed/not-signalled      -
not-signalled-packed    done-not-noticed/not-signalled      done-not-noticed/not-signalled      ok/idle
'

slow=latency-ns=1000000000000000

# expectation NAME COLUMN
expectation() {
    awk -v name="$1" -v column="$2" '$1 == name { print $column }' <<<"$expected"
}

# wanted NAME: is this state asked for? Sets state_name.
wanted() {
    state_name=$1
    [[ -z ${STATES:-} || " $STATES " == *" $1 "* ]]
}

# blk "START OPTIONS" [NODE PROPERTIES [DEVICE PROPERTIES [QEMU ARGUMENT...]]]: a machine with a disk whose driver has
# had two requests done.
blk() {
    local options=$1 node=${2:-} device=${3:-}
    shift $(($# < 3 ? $# : 3))
    [[ $options != *packed* ]] || device+=,packed=on
    ring_arguments
    machine_start "$VM_QEMU" "${ring_qemu[@]}" "$@" \
        -blockdev "driver=null-co,node-name=node0,size=67108864,read-zeroes=on${node:+,$node}" \
        -device "virtio-blk-pci,id=disk0,drive=node0,addr=4,num-queues=1${device:+,${device#,}}" ||
        no_go "QEMU $qemu_series starts"
    ring_dir=$machine_dir
    ring "start $options" || no_go "QEMU $qemu_series: the driver sets up the device"
    [[ $node == *latency* ]] || request_done "read 0 0 512" && request_done "read 0 8 4096" ||
        no_go "QEMU $qemu_series: requests are done"
    run --json --once "$machine_pid"
    ring_vq=$(jq -r '.devices[] | select(.id == "disk0").queues[0]."host-address"' <<<"$output")
}

# request_done REQUEST: from beginning to end, as a driver does it.
request_done() {
    ring "$1" "notify 0" "done 0" "take 0" >/dev/null
}

# said: verdict and confidence of disk0's queue, by $output.
said() {
    jq -r '.devices[] | select(.id == "disk0").queues[0] | "\(.verdict) \(.confidence)"' <<<"$output"
}

# agrees COLUMN VERDICT: is the verdict the expected one?
agrees() {
    local want
    want=$(expectation "$state_name" "$1")
    [[ $2 == "$want" || $STRICT == 0 && ($2 == "${want%%/*}"/* || $2 == "$(expectation "$state_name" 4)") ]]
}

# core FILE: a core by gdb, and, with TRUTH=1, what gdb sees in the queue.
core() {
    local log look=()
    if [[ ${TRUTH:-} == 1 ]]; then
        look=('print *$vq' "source $tap_dir/handlers.gdb" 'handlers "main" qemu_aio_context'
            'handlers "iohandler" iohandler_ctx' 'handlers "dataplane" ((VirtIOBlock*)$vq->vdev)->dataplane->ctx'
            'handlers "queue" ((VirtIOBlock*)$vq->vdev)->vq_aio_context[0]'
            'printf "external_disable_cnt=%d\n", qemu_aio_context->external_disable_cnt'
            'printf "ctx external_disable_cnt=%d\n", ((VirtIOBlock*)$vq->vdev)->dataplane->ctx->external_disable_cnt'
            'printf "blk quiesce=%d in_flight=%d\n", ((VirtIOBlock*)$vq->vdev)->blk->quiesce_counter, ((VirtIOBlock*)$vq->vdev)->blk->in_flight'
            'thread apply all -q bt 6')
    fi
    # What is mapped from a file belongs to it: the guest's memory is one.
    echo 0x3f >"/proc/$machine_pid/coredump_filter"
    log=$(ring_gdb "$machine_pid" "${look[@]}" "gcore $1")
    [[ -z ${look[*]} ]] || sed 's/^/#   gdb: /' <<<"$log"
    [[ -s $1 ]] || { echo "$log" | sed 's/^/#   /'; return 1; }
    fallocate --dig-holes "$1"
}

cat >"$tap_dir/handlers.gdb" <<'GDB'
define handlers
  set $h = $arg1->aio_handlers.lh_first
  while $h
    if $h->pfd.fd == $vq->host_notifier.rfd
      printf "%s: host_notifier %d, events %d, deleted %d\n", $arg0, $h->pfd.fd, $h->pfd.events, $h->node_deleted.le_prev != 0
    end
    if $h->pfd.fd == $vq->guest_notifier.rfd
      printf "%s: guest_notifier %d\n", $arg0, $h->pfd.fd
    end
    set $h = $h->node.le_next
  end
end
GDB

# truth: what /proc says of the queue's eventfds and of the threads.
truth() {
    local task fd
    [[ ${TRUTH:-} == 1 ]] || return 0
    for fd in host guest; do
        printf '#   %s_notifier: eventfd-count %s\n' $fd \
            "$(ring_eventfd "$machine_pid" "$(ring_gdb "$machine_pid" "print \$vq->${fd}_notifier.rfd" | sed -n 's/^\$1 = //p')")"
    done
    for task in "/proc/$machine_pid/task"/*; do
        printf '#   thread %s %s %s syscall %s\n' "${task##*/}" "$(<"$task/comm")" \
            "$(sed -n 's/^State:\t//p' "$task/status")" "$(cut -d' ' -f1 "$task/syscall" 2>/dev/null)"
    done
}

# state: the ring is in the state $state_name.
state() {
    local what="QEMU $qemu_series: $state_name" live from_core=-
    run --json "$machine_pid"
    live=$(said)
    check "$what: live, $(expectation "$state_name" 2)" agrees 2 "${live% *}"
    equal "$what: live, the exit status" "$([[ $live == ok/* ]] && echo 0 || echo 1)" "$status"
    truth
    if [[ $(expectation "$state_name" 3) != - ]]; then
        if core "$tap_dir/core"; then
            run --json "$tap_dir/core"
            from_core=$(said)
            check "$what: core, $(expectation "$state_name" 3)" agrees 3 "${from_core% *}"
        else
            tap_result 1 "$what: a core is made"
        fi
        rm -f "$tap_dir/core"
    fi
    echo "# state: $state_name (QEMU $qemu_series) | live: $live | core: $from_core"
}

# healthy WHAT: nothing is found at medium confidence or above.
healthy() {
    run --json --interval=1 "$machine_pid"
    equal "QEMU $qemu_series: $state_name: silent when $1" "" "$(findings | grep -v ' low$')"
    echo "# healthy: $state_name (QEMU $qemu_series), $1 | live: $(said)"
    machine_stop
}

# ---- The device has not seen the request -----------------------------------------------

not_kicked() {
    local packed
    for packed in split packed; do
        wanted no-kick-$packed || continue
        blk "event_idx ${packed#split}"
        ring "read 0 16 4096"
        state
        ring "notify 0" "done 0" "take 0" >/dev/null
        healthy "the kick came"
    done
}

# The device asked for silence, and nobody looks: what QEMU left behind when a handler was removed while it polled.
suppressed() {
    if wanted suppressed-event; then
        blk event_idx
        ring_gdb "$machine_pid" 'set $vq->notification = 0' >/dev/null
        request_done "read 0 16 4096"
        equal "QEMU $qemu_series: $state_name: no kick is due" "no kick" "$(ring "read 0 24 4096" "notify 0")"
        state
        ring "kick 0" "done 0" "take 0"
        healthy "the device is silent, but has done everything"
    fi
    if wanted suppressed-flags; then
        blk ""
        ring_gdb "$machine_pid" 'set $vq->notification = 0' >/dev/null
        equal "QEMU $qemu_series: $state_name: no kick is due" "no kick" \
            "$(ring "set 0 used.flags 1" "read 0 24 4096" "notify 0")"
        state
        ring "kick 0" "done 0" "take 0"
        healthy "the device is silent, but has done everything"
    fi
    if wanted suppressed-packed; then
        blk "packed event_idx"
        ring_gdb "$machine_pid" 'set $vq->notification = 0' >/dev/null
        equal "QEMU $qemu_series: $state_name: no kick is due" "no kick" \
            "$(ring "set 0 used.flags 1" "read 0 24 4096" "notify 0")"
        state
        ring "kick 0" "done 0" "take 0"
        healthy "the device is silent, but has done everything"
    fi
}

# ---- Something is wrong with the ring ---------------------------------------------------------

corrupt() {
    local kind
    if wanted broken; then
        blk event_idx
        # The third chain starts at descriptor 6: a header without a byte.
        ring "read 0 16 4096" "set 0 desc[6].len 0" "kick 0"
        state
        machine_stop
        blk event_idx
        request_done "read 0 16 4096"
        healthy "the header has its length"
    fi
    if wanted avail-idx; then
        blk event_idx
        ring "set 0 avail.idx 19"
        state
        ring "set 0 avail.idx 2"
        healthy "the index is what it was"
    fi
    if wanted used-idx; then
        blk event_idx
        ring "set 0 used.idx 5"
        state
        ring "set 0 used.idx 2"
        healthy "the index is what it was"
    fi
    for kind in inuse inuse-packed; do
        wanted $kind || continue
        blk "event_idx $([[ $kind == inuse ]] || echo packed)"
        ring_gdb "$machine_pid" 'set $vq->inuse = 1' >/dev/null
        state
        ring_gdb "$machine_pid" 'set $vq->inuse = 0' >/dev/null
        healthy "it is 0"
    done
}

# ---- Done, not noticed ------------------------------------------------------------------------

not_noticed() {
    local form
    for form in "" -packed; do
        if wanted masked$form; then
            blk "event_idx ${form#-}"
            ring "message 1" "mask 1" "read 0 16 4096" "notify 0" "done 0" >/dev/null
            equal "QEMU $qemu_series: $state_name: no message came" no "$(ring "message 1")"
            state
            equal "QEMU $qemu_series: $state_name: the message comes when it may" yes "$(ring "unmask 1" "message 1")"
            ring "take 0"
            healthy "the vector is not masked"
        fi
        if wanted function-masked$form; then
            blk "event_idx ${form#-}"
            ring "message 1" maskall "read 0 16 4096" "notify 0" "done 0" >/dev/null
            equal "QEMU $qemu_series: $state_name: no message came" no "$(ring "message 1")"
            state
            equal "QEMU $qemu_series: $state_name: the message comes when it may" yes "$(ring unmaskall "message 1")"
            ring "take 0"
            healthy "no vector is masked"
        fi
        if wanted signalled$form; then
            blk "event_idx ${form#-}"
            ring "message 1" "read 0 16 4096" "notify 0" "done 0" >/dev/null
            equal "QEMU $qemu_series: $state_name: the message came" yes "$(ring "message 1")"
            state
            ring "take 0"
            healthy "the driver took it"
        fi
        if wanted not-signalled$form; then
            blk "event_idx ${form#-}"
            ring "read 0 16 4096" "notify 0" "done 0" >/dev/null
            # As if the decision for the third request had not been taken: a packed ring counts its descriptors.
            ring_gdb "$machine_pid" "set \$vq->signalled_used = $([[ $form ]] && echo 6 || echo 2)" >/dev/null
            state
            ring "take 0"
            healthy "the driver took it"
        fi
    done
}

for series in $SERIES; do
    use_qemu "$series"
    not_kicked
    suppressed
    corrupt
    not_noticed
done
finish
