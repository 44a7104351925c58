#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# No false alarm: while a guest does disk and network I/O on all its devices, no run of virtq finds anything. Also with
# packed rings and a disk with several queues; and one sample alone never claims to be sure.
. "${BASH_SOURCE[0]%/*}/lib/common.bash"

# quiet_runs COUNT WHAT [ARGUMENT...]: none of so many runs finds anything.
quiet_runs() {
    local count=$1 what=$2 quiet=0 twice=0 i
    shift 2
    for ((i = 0; i < count; i++)); do
        run --json "$@" "$vm_pid"
        if [[ $status == 0 && -z $errors && -z $(findings) ]]; then
            quiet=$((quiet + 1))
        else
            printf '%s\n' "run $i: exit $status $errors" "$(findings)" "$(jq -c '.incomplete' <<<"$output")" | sed 's/^/#   /'
            jq -c '.devices[].queues[] | select(.findings[].severity == "stuck") | del(.findings[].next)' <<<"$output" |
                sed 's/^/#   /'
        fi
        [[ $(jq .target.samples <<<"$output") == 2 ]] && twice=$((twice + 1))
    done
    equal "QEMU $qemu_series, $what: $quiet of $count runs find nothing ($twice took two samples)" "$count" "$quiet"
}

# unsure_runs COUNT WHAT: one sample each; a finding has low confidence.
unsure_runs() {
    local count=$1 what=$2 sure=0 found=0 i
    for ((i = 0; i < count; i++)); do
        run --json --once "$vm_pid"
        [[ $status -le 1 && -n $output ]] || sure=$((sure + 1))
        [[ -z $(findings) ]] || found=$((found + 1))
        findings | grep -v ' low$' | sed 's/^/#   /' && sure=$((sure + 1))
    done
    equal "QEMU $qemu_series, $what: $count runs with --once are sure of nothing ($found saw a request in flight)" \
        0 "$sure"
}

use_qemu 7.2
vm_start_standard healthy || no_go "QEMU 7.2 starts"
quiet_runs 3 "idle, just booted" --interval=1
vm_load_start
sleep 2
"$VIRTQ" --json --once "$vm_pid" >"$tap_dir/before"
quiet_runs 5 "under load, default interval"
quiet_runs 95 "under load, interval of 1 s" --interval=1
unsure_runs 50 "under load"
"$VIRTQ" --json --once "$vm_pid" >"$tap_dir/after"
equal "the load was one: these queues moved" "disk0:0 disk1:0 scsi0:2 net0:0 net0:1 net1:0 net1:1 rng0:0" "$(
    jq -rn --slurpfile before "$tap_dir/before" --slurpfile after "$tap_dir/after" 'def used: [.devices[] | .id as $id | .queues[] |
        {key: "\($id):\(."queue-index")", value: ."used-idx"}] | from_entries;
        ($before[0] | used) as $old | [$after[0] | used | to_entries[] |
        select(.value != $old[.key] and (.key | startswith("balloon") | not)).key] | join(" ")')"
vm_load_stop
sleep 1
quiet_runs 3 "idle after the load" --interval=1
vm_qmp stop >/dev/null
quiet_runs 2 "paused" --interval=1
vm_stop

packed="disk0:0 disk0:1 scsi0:0 scsi0:1 scsi0:2 scsi0:3 net0:0 net0:1 net0:2 net1:0 net1:1 net1:2"
for series in 10 7.2; do
    use_qemu "$series"
    # Packed rings, but on disk1, which has four queues of which two CPUs use two. The network without EVENT_IDX: with it,
    # QEMU loses kicks (11-lost-kick.sh).
    vm_start_standard packed -smp 2 -set device.disk0.packed=on -set device.scsi0.packed=on \
        -set device.net0.packed=on -set device.net1.packed=on -set device.net0.event_idx=off \
        -set device.net1.event_idx=off -set device.disk1.num-queues=4 ||
        no_go "QEMU $series starts with packed rings"
    vm_load_start
    sleep 2
    quiet_runs 10 "packed rings and four queues, under load" --interval=1
    unsure_runs 20 "packed rings and four queues, under load"
    equal "QEMU $series: rings were packed" "$packed" "$(
        jq -r '[.devices[] | .id as $id | .queues[] | select(.packed) | "\($id):\(."queue-index")"] | join(" ")' \
            <<<"$output")"
    vm_load_stop
    sleep 1
    quiet_runs 2 "packed rings and four queues, idle" --interval=1
    vm_stop
done
finish
