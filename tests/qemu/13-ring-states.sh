#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Every way a request can be stuck, made on a real QEMU with a ring that is driven by hand: fixtures/real-qemu/ring.sh.
# virtq is asked live and from a core, then the state is undone with the smallest step there is, and nothing may be found.
#
# TRUTH=1 also prints what gdb and /proc say of each state, TEXT=1 what people are told.
# Without SERIES every state is made on QEMU 7.2, and on QEMU 10 those in which the versions differ; SERIES="7.2 10" makes
# all on both. STATES="NAME..." makes only these.
#
# shellcheck disable=SC2016,SC2054,SC2317  # gdb's variables, QEMU's commas, functions that check calls
. "${BASH_SOURCE[0]%/*}/lib/common.bash"
. "$top/fixtures/real-qemu/ring.sh"
every_series=${SERIES:+1}
SERIES=${SERIES:-7.2 10}

# Who listens to a queue's kicks, and what a drain does about them, is QEMU's block layer's.
differ='no-handler drained-iothread'

# What is expected: the state, the verdict live, and the verdict from its core; - if none is made, for it cannot be made or
# says what another one says.
expected='
no-kick-split           not-seen/kick-lost                  not-seen/kick-lost
no-kick-packed          not-seen/kick-lost                  -
suppressed-event        not-seen/suppressed                 not-seen/suppressed
suppressed-flags        not-seen/suppressed                 -
suppressed-packed       not-seen/suppressed                 -
broken                  broken                              broken
avail-idx               corrupt/avail-idx                   corrupt/avail-idx
inuse                   corrupt/inuse                       corrupt/inuse
inuse-packed            corrupt/inuse                       -
used-idx                corrupt/used-idx                    corrupt/used-idx
masked                  done-not-noticed/masked             done-not-noticed/masked
masked-packed           done-not-noticed/masked             -
function-masked         done-not-noticed/masked             -
function-masked-packed  done-not-noticed/masked             -
signalled               done-not-noticed/signalled          done-not-noticed/signalled
signalled-packed        done-not-noticed/signalled          -
not-signalled           done-not-noticed/not-signalled      done-not-noticed/not-signalled
not-signalled-packed    done-not-noticed/not-signalled      -
no-vector               done-not-noticed/no-vector          done-not-noticed/no-vector
isr-pending             done-not-noticed/isr-pending        done-not-noticed/isr-pending
irqfd-unread            done-not-noticed/irqfd-unread       done-not-noticed/signalled
driver-wrap             not-seen/driver-wrap                not-seen/driver-wrap
thread-held             off/stopped                         -
thread-busy             not-seen/thread-busy                not-seen/thread-busy
main-loop-busy          not-seen/thread-busy                -
no-handler              not-seen/no-handler                 not-seen/no-handler
lock                    in-device/lock                      in-device/lock
drained                 not-seen/drained                    -
drained-iothread        not-seen/drained                    not-seen/drained
slow                    in-device/backend-io                in-device/backend-io
slow-packed             in-device/backend-io                -
descriptor-head         corrupt/descriptor                  -
descriptor-loop         corrupt/descriptor                  corrupt/descriptor
descriptor-next         corrupt/descriptor                  -
descriptor-address      corrupt/descriptor                  corrupt/descriptor
descriptor-length       corrupt/descriptor                  -
descriptor-table        corrupt/descriptor                  -
descriptor-nested       corrupt/descriptor                  -
descriptor-packed       corrupt/descriptor                  corrupt/descriptor
duplicate-waiting       corrupt/duplicate-head              corrupt/duplicate-head
duplicate-in-flight     corrupt/duplicate-head              corrupt/duplicate-head
'

slow=latency-ns=1000000000000000

# expectation NAME COLUMN
expectation() {
    awk -v name="$1" -v column="$2" '$1 == name { print $column }' <<<"$expected"
}

# wanted NAME: is this state asked for? Sets state_name.
wanted() {
    state_name=$1
    [[ -z ${STATES:-} || " $STATES " == *" $1 "* ]] &&
        [[ $qemu_series == 7.2 || -n $every_series || " $differ " == *" $1 "* ]]
}

# blk "START OPTIONS" [NODE PROPERTIES [DEVICE PROPERTIES [QEMU ARGUMENT...]]]: a machine with a disk whose driver has
# had two requests done.
blk() {
    local options=$1 node=${2:-} device=${3:-}
    shift $(($# < 3 ? $# : 3))
    [[ $options != *packed* ]] || device+=,packed=on
    # A disk whose geometry is not told is read for it.
    [[ $node != *latency* ]] || device+=,cyls=130,heads=16,secs=63
    ring_arguments
    machine_start "$VM_QEMU" "${ring_qemu[@]}" "$@" \
        -blockdev "driver=null-co,node-name=node0,size=67108864,read-zeroes=on${node:+,$node}" \
        -device "virtio-blk-pci,id=disk0,drive=node0,addr=4,num-queues=1${device:+,${device#,}}" ||
        no_go "QEMU $qemu_series starts"
    ring_dir=$machine_dir
    ring "start $options" || no_go "QEMU $qemu_series: the driver sets up the device"
    if [[ $node != *latency* ]]; then
        { request_done "read 0 0 512" && request_done "read 0 8 4096"; } ||
            no_go "QEMU $qemu_series: requests are done"
    fi
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

# With TRUTH=1, what gdb sees in the queue and in the contexts that may listen to its kicks. Each line is for some QEMU
# only: the others have no such member.
look=()
if [[ ${TRUTH:-} == 1 ]]; then
    cat >"$tap_dir/handlers.gdb" <<'GDB'
define handlers
  set $h = $arg1->aio_handlers.lh_first
  while $h
    if $h->pfd.fd == $vq->host_notifier.rfd
      printf "TRUTH %s listens to the kick, deleted %d\n", $arg0, $h->node_deleted.le_prev != 0
    end
    if $h->pfd.fd == $vq->guest_notifier.rfd
      printf "TRUTH %s listens to the guest notifier, deleted %d\n", $arg0, $h->node_deleted.le_prev != 0
    end
    set $h = $h->node.le_next
  end
end
GDB
    look=("source $tap_dir/handlers.gdb"
        'printf "TRUTH last %d shadow %d used %d ", $vq->last_avail_idx, $vq->shadow_avail_idx, $vq->used_idx'
        'printf "inuse %d notification %d ", $vq->inuse, $vq->notification'
        'printf "signalled %d valid %d ", $vq->signalled_used, $vq->signalled_used_valid'
        'printf "vector 0x%x isr %d broken %d\n", $vq->vector, $vq->vdev->isr, $vq->vdev->broken'
        'set $blk = (VirtIOBlock *)$vq->vdev'
        'handlers "qemu_aio_context" qemu_aio_context'
        'handlers "iohandler_ctx" iohandler_ctx'
        'handlers "dataplane->ctx" $blk->dataplane->ctx'
        'handlers "vq_aio_context[0]" $blk->vq_aio_context[0]'
        'printf "TRUTH external_disable_cnt %d\n", $blk->dataplane->ctx->external_disable_cnt'
        'printf "TRUTH blk quiesce_counter %d in_flight %d\n", $blk->blk->quiesce_counter, $blk->blk->in_flight'
        'printf "TRUTH host_notifier.rfd %d guest_notifier.rfd %d\n", $vq->host_notifier.rfd, $vq->guest_notifier.rfd')
fi

# core FILE: a core by gdb.
core() {
    local log
    # What is mapped from a file belongs to it: the guest's memory is one.
    echo 0x3f >"/proc/$machine_pid/coredump_filter"
    log=$(ring_gdb "$machine_pid" "${look[@]}" "gcore $1")
    truth "$log"
    [[ -s $1 ]] || { sed 's/^/#   /' <<<"$log"; return 1; }
    fallocate --dig-holes "$1"
}

# truth GDB-LOG: what gdb and /proc say, as comments.
truth() {
    local task kind field
    [[ ${TRUTH:-} == 1 ]] || return 0
    sed -n 's/^TRUTH /#   gdb: /p' <<<"$1"
    for kind in host guest; do
        field=$(sed -nE "s/^TRUTH.* ${kind}_notifier.rfd ([0-9]+).*/\\1/p" <<<"$1")
        printf '#   %s_notifier: eventfd-count %s\n' $kind "$(ring_eventfd "$machine_pid" "$field")"
    done
    for field in avail.idx avail.event used.idx used.event avail.flags used.flags avail.off_wrap used.off_wrap; do
        RING_MEMORY=$machine_dir/ram ring "get 0 $field" 2>/dev/null | sed "s/^/#   $field /"
    done | paste -sd' '
    for task in "/proc/$machine_pid/task"/*; do
        printf '#   thread %s: %s, system call %s\n' "$((${task##*/} - machine_pid))" \
            "$(sed -n 's/^State:\t//p' "$task/status")" "$(cut -d' ' -f1 "$task/syscall" 2>/dev/null)"
    done
}

# state [SECONDS]: the ring is in the state $state_name; SECONDS between the samples, instead of one.
state() {
    local what="QEMU $qemu_series: $state_name" live from_core=-
    run --json --interval="${1:-1}" "$machine_pid"
    live=$(said)
    text "$machine_pid"
    equal "$what: live" "$(expectation "$state_name" 2)" "${live% *}"
    equal "$what: live, the exit status" "$([[ $live == ok/* ]] && echo 0 || echo 1)" "$status"
    if [[ $(expectation "$state_name" 3) != - ]]; then
        if core "$tap_dir/core"; then
            run --json "$tap_dir/core"
            from_core=$(said)
            text "$tap_dir/core"
            equal "$what: core" "$(expectation "$state_name" 3)" "${from_core% *}"
        else
            tap_result 1 "$what: a core is made"
        fi
        rm -f "$tap_dir/core"
    fi
    echo "# state: QEMU $qemu_series, $state_name | live: $live | core: $from_core"
}

# healthy WHAT: nothing is found at medium confidence or above.
healthy() {
    run --json --interval=1 "$machine_pid"
    equal "QEMU $qemu_series: $state_name: silent when $1" "answered" \
        "$( ((status < 2)) && echo answered)$(findings "$output" | grep -v ' low$')"
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

needs_reset() {
    [[ $(ring status) == 0x4f ]]
}

corrupt() {
    local kind
    if wanted broken; then
        blk event_idx
        # The third chain starts at descriptor 6: a header without a byte.
        ring "read 0 16 4096" "set 0 desc[6].len 0" "kick 0"
        check "QEMU $qemu_series: $state_name: the device wants a reset" wait_until 60 needs_reset
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
            # A guest is given some time before it is blamed.
            state 2
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

no_vector() {
    wanted no-vector || return 0
    blk event_idx
    ring "message 1" "vector 0 0xffff" "read 0 16 4096" "notify 0" "done 0" >/dev/null
    equal "QEMU $qemu_series: $state_name: no message came" no "$(ring "message 1")"
    state
    ring "vector 0 1" "take 0"
    request_done "read 0 24 4096"
    healthy "the queue has a vector"
}

isr_pending() {
    wanted isr-pending || return 0
    blk "event_idx intx"
    ring isr "read 0 16 4096" "notify 0" "done 0" >/dev/null
    state 2
    equal "QEMU $qemu_series: $state_name: the interrupt is there" 0x1 "$(ring isr)"
    ring "take 0"
    healthy "the driver took it"
}

# ---- Threads ---------------------------------------------------------------------------------

# A log that nobody reads: whoever writes to it waits.
log_open() {
    log_file=$tap_dir/log.$RANDOM
    mkfifo "$log_file"
    exec {log_fd}<>"$log_file"
}

trace_on() {
    machine_qmp '{"execute": "trace-event-set-state", "arguments": {"name": "'"$1"'", "enable": true}}' >/dev/null
}

# log_fills EVENT: from now on, what traces EVENT waits.
log_fills() {
    trace_on "$1"
    dd if=/dev/zero of="$log_file" bs=4096 oflag=nonblock conv=notrunc status=none 2>/dev/null
}

log_empties() {
    cat <&"$log_fd" >/dev/null &
    log_reader=$!
}

log_close() {
    [[ -z ${log_reader:-} ]] || { kill "$log_reader" && wait "$log_reader" 2>/dev/null; }
    log_reader=
    exec {log_fd}>&-
}

# sits_in SYSCALL TID: is the thread in this system call? By the numbers of x86-64.
sits_in() {
    local number
    read -r number _ <"/proc/$machine_pid/task/$2/syscall"
    [[ $number == "$1" ]]
}
write_call=1 futex_call=202

iothread_tid() {
    machine_qmp query-iothreads | jq '.[0]."thread-id"'
}

# hang_main_loop: it waits in the monitor, which writes to the log.
hang_main_loop() {
    log_fills monitor_qmp_cmd_in_band
    machine_qmp query-status >/dev/null 2>&1 &
    hanging=$!
    wait_until 60 sits_in "$write_call" "$machine_pid"
}

# kick_eventfd: as KVM does, for QEMU's main loop does not answer.
kick_eventfd() {
    RING_MEMORY=$machine_dir/ram ring "$@" "eventfd 0 $machine_pid $kick_fd"
}

# find_kick_fd: the eventfd of disk0's queue, to be found while nothing hangs.
find_kick_fd() {
    kick_fd=$(ring_gdb "$machine_pid" 'print $vq->host_notifier.rfd' | sed -n 's/^\$1 = //p')
}

iothread=(-object iothread,id=iothread0,poll-max-ns=0)
threads() {
    local holder tid
    if wanted thread-held; then
        blk event_idx "" iothread=iothread0 "${iothread[@]}"
        "${CC:-cc}" -O2 -Wall -o "$tap_dir/hold-thread" "$top/fixtures/real-qemu/hold-thread.c"
        find_kick_fd
        coproc "$tap_dir/hold-thread" "$(iothread_tid)"
        # shellcheck disable=SC2154  # coproc sets it
        holder=$COPROC_PID
        read -r -u "${COPROC[0]}"
        ring "read 0 16 4096" "notify 0" >/dev/null
        equal "QEMU $qemu_series: $state_name: the kick is in the eventfd" 1 "$(ring_eventfd "$machine_pid" "$kick_fd")"
        # Nobody else can attach to the thread while it is held, so there is no core.
        state
        equal "QEMU $qemu_series: $state_name: what it looks like is said beside, and not surely" "not-seen/kick-unread low" \
            "$(jq -r '.devices[] | select(.id == "disk0").queues[0].findings[1] | "\(.verdict) \(.confidence)"' <<<"$output")"
        kill "$holder"
        wait "$holder" 2>/dev/null
        ring "done 0" "take 0"
        healthy "the thread runs"
    fi
    if wanted thread-busy; then
        log_open
        blk event_idx "" iothread=iothread0 "${iothread[@]}" -D "$log_file"
        log_fills virtio_queue_notify
        ring "read 0 16 4096" "notify 0" >/dev/null
        check "QEMU $qemu_series: $state_name: the IOThread waits in write()" \
            wait_until 60 sits_in "$write_call" "$(iothread_tid)"
        ring "read 0 24 4096" "kick 0"
        state
        log_empties
        ring "done 0" "take 0"
        healthy "the thread runs"
        log_close
    fi
    if wanted main-loop-busy; then
        log_open
        blk event_idx "" "" -D "$log_file"
        find_kick_fd
        check "QEMU $qemu_series: $state_name: the main loop waits in write()" hang_main_loop
        kick_eventfd "read 0 16 4096"
        state
        log_empties
        wait "$hanging"
        ring "done 0" "take 0"
        healthy "the main loop runs"
        log_close
    fi
    # The main loop holds the log's lock, and the IOThread, which has taken the request, waits for it.
    if wanted lock; then
        log_open
        blk event_idx "" iothread=iothread0 "${iothread[@]}" -D "$log_file"
        find_kick_fd
        tid=$(iothread_tid)
        trace_on virtio_blk_handle_read
        check "QEMU $qemu_series: $state_name: the main loop waits in write()" hang_main_loop
        kick_eventfd "read 0 16 4096"
        check "QEMU $qemu_series: $state_name: the IOThread waits for it" wait_until 60 sits_in "$futex_call" "$tid"
        state
        log_empties
        wait "$hanging"
        ring "done 0" "take 0"
        healthy "nobody holds the lock"
        log_close
    fi
    # The IOThread finishes the request; the main loop is to pass the interrupt on where KVM does not.
    if wanted irqfd-unread; then
        log_open
        blk event_idx "" iothread=iothread0 "${iothread[@]}" -D "$log_file"
        find_kick_fd
        check "QEMU $qemu_series: $state_name: the main loop waits in write()" hang_main_loop
        kick_eventfd "read 0 16 4096"
        RING_MEMORY=$machine_dir/ram ring "done 0"
        state
        log_empties
        wait "$hanging"
        ring "take 0"
        healthy "the main loop runs"
        log_close
    fi
}

# The handler is gone, as after a drained section that forgot to put it back.
no_handler() {
    wanted no-handler || return 0
    blk event_idx
    find_kick_fd
    ring_gdb "$machine_pid" 'call (void)virtio_queue_aio_detach_host_notifier($vq, qemu_aio_context)' >/dev/null
    ring "read 0 16 4096" "notify 0" >/dev/null
    state
    equal "QEMU $qemu_series: $state_name: the kick is in the eventfd" 1 "$(ring_eventfd "$machine_pid" "$kick_fd")"
    ring_gdb "$machine_pid" 'call (void)virtio_queue_aio_attach_host_notifier($vq, qemu_aio_context)' >/dev/null
    ring "done 0" "take 0"
    healthy "the handler is back"
}

# ---- Drained -----------------------------------------------------------------------------------

does_not_answer() {
    ! ring_timeout=2 ring status
}

# A transaction waits until nothing is in flight, and the one request that is will never be done.
drained() {
    local form
    for form in "" -iothread; do
        wanted drained$form || continue
        blk event_idx "$slow" "${form:+iothread=iothread0}" "${iothread[@]}"
        find_kick_fd
        ring "read 0 16 4096" "notify 0" >/dev/null
        wait_until 60 in_flight 1
        machine_qmp '{"execute": "transaction", "arguments": {"actions": []}}' >/dev/null 2>&1 &
        check "QEMU $qemu_series: $state_name: the main loop does not answer" wait_until 60 does_not_answer
        kick_eventfd "read 0 24 4096"
        state
        equal "QEMU $qemu_series: $state_name: the kick is in the eventfd" 1 "$(ring_eventfd "$machine_pid" "$kick_fd")"
        machine_stop
        blk event_idx "" "${form:+iothread=iothread0}" "${iothread[@]}"
        machine_qmp '{"execute": "transaction", "arguments": {"actions": []}}' >/dev/null
        request_done "read 0 24 4096"
        healthy "the transaction is over"
    done
}

# ---- In the device ------------------------------------------------------------------------------

# in_flight NUMBER: does QEMU say so?
in_flight() {
    machine_hmp "info virtio-queue-status /machine/peripheral/disk0/virtio-backend 0" | grep -q "inuse: *$1\$"
}

in_device() {
    local form
    for form in "" -packed; do
        wanted slow$form || continue
        blk "event_idx ${form#-}" "$slow"
        ring "read 0 16 4096" "notify 0" >/dev/null
        check "QEMU $qemu_series: $state_name: QEMU has taken it" \
            wait_until 60 in_flight "$([[ $form ]] && echo 3 || echo 1)"
        state
        machine_stop
        blk "event_idx ${form#-}"
        request_done "read 0 16 4096"
        healthy "the disk is fast"
    done
}

# ---- Chains that the device has not seen yet -----------------------------------------------------

# broken_chain NAME START SET...: the third request's chain, of the descriptors 6, 7 and 8, with fields set.
broken_chain() {
    local start=$2
    wanted "descriptor-$1" || return 0
    shift 2
    blk "$start"
    ring "read 0 16 4096" "${@/#/set 0 }"
    state
    machine_stop
    blk "$start"
    request_done "read 0 16 4096"
    healthy "the chain is good"
}

chains() {
    local table=$((0x500000))
    broken_chain head event_idx "avail.ring[2] 16"
    broken_chain loop event_idx "desc[8].flags 3" "desc[8].next 6"
    broken_chain next event_idx "desc[7].next 16"
    broken_chain address event_idx "desc[7].addr 0x4000000"
    broken_chain length event_idx "desc[6].len 0"
    broken_chain packed "event_idx packed" "desc[7].addr 0x4000000"
    # The ring's descriptors 9 and up serve as a table that descriptor 6 points to.
    broken_chain table "event_idx indirect" "desc[6].addr $((table + 9 * 16))" "desc[6].len 47" "desc[6].flags 4"
    if wanted descriptor-nested; then
        blk "event_idx indirect"
        ring "read 0 16 4096"
        equal "QEMU $qemu_series: $state_name: the ring is where the table is" "$table" \
            "$(run --json --once "$machine_pid"; jq '.devices[0].queues[0]."vring-desc"' <<<"$output")"
        # A copy of the chain, with flags of its own: a descriptor of the table names another table.
        ring "set 0 desc[9].addr $(ring "get 0 desc[6].addr")" "set 0 desc[9].len 16" "set 0 desc[9].flags 5" \
            "set 0 desc[9].next 1" \
            "set 0 desc[10].addr $(ring "get 0 desc[7].addr")" "set 0 desc[10].len 4096" "set 0 desc[10].flags 3" \
            "set 0 desc[10].next 2" \
            "set 0 desc[11].addr $(ring "get 0 desc[8].addr")" "set 0 desc[11].len 1" "set 0 desc[11].flags 2" \
            "set 0 desc[6].addr $((table + 9 * 16))" "set 0 desc[6].len 48" "set 0 desc[6].flags 4"
        state
        ring "set 0 desc[9].flags 1" "notify 0" "done 0" "take 0" >/dev/null
        healthy "the table is one of buffers"
    fi

    if wanted duplicate-waiting; then
        blk event_idx
        ring "read 0 16 4096" "publish 0 6"
        state
        ring "notify 0" "done 0" "take 0" "publish 0 6" "notify 0" "done 0" "take 0" >/dev/null
        healthy "the head came back after it was done"
    fi
    if wanted duplicate-in-flight; then
        blk event_idx "$slow"
        ring "read 0 16 4096" "publish 0 0" "notify 0" >/dev/null
        check "QEMU $qemu_series: $state_name: QEMU has taken both" wait_until 60 in_flight 2
        state
        machine_stop
        blk event_idx
        request_done "read 0 16 4096"
        ring "publish 0 6" "notify 0" "done 0" "take 0" >/dev/null
        healthy "the head came back after it was done"
    fi
}

# ---- At the wrap ----------------------------------------------------------------------------------

# The driver compares indices as plain numbers, and thinks that the device has not asked for a kick.
driver_wrap() {
    wanted driver-wrap || return 0
    blk "event_idx size=256"
    RING_MEMORY=$machine_dir/ram ring "repeat 0 65532"
    equal "QEMU $qemu_series: $state_name: the rings stand before the wrap" "65534 65534 65534" \
        "$(ring "get 0 avail.idx" "get 0 used.idx" "get 0 used.event" | paste -sd' ')"
    ring "read 0 16 4096" "read 0 24 4096"
    state
    ring "notify 0" "done 0" "take 0" >/dev/null
    healthy "the kick came"
}

for series in $SERIES; do
    use_qemu "$series"
    not_kicked
    suppressed
    corrupt
    not_noticed
    no_vector
    isr_pending
    threads
    no_handler
    drained
    in_device
    chains
    driver_wrap
done
finish
