# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
#
# QEMU's own view of its virtqueues, to compare virtq's JSON with.
#
#   oracle_names          { NAME: VALUE } of the feature and status bits that QMP spells out, from the kernel's headers
#   oracle_ask            the answers of x-query-virtio, -status and -queue-status, one document
#   oracle_elements JSON  of -queue-element, for the split queues that are set up in virtq's JSON. Changes QEMU's
#                         shadow_avail_idx!
#   oracle_events JSON    used_event and avail_event from guest memory, through the human monitor
#   oracle_compare NAMES QMP ELEMENTS EVENTS JSON   what differs, one a line, and then "N values compared"

oracle_names() {
    {
        sed -nE 's/^#[ \t]*define[ \t]+(V[A-Z0-9]+_[A-Z0-9_]+)[ \t]+(0x[0-9a-fA-F]+|[0-9]+)([ \t].*)?$/\1 \2/p' \
            /usr/include/linux/virtio_*.h /usr/include/linux/vhost*.h
        grep -v '^#' "$lib/features.txt"
    } | while read -r name value; do printf '%s %d\n' "$name" "$value"; done |
        jq -Rn '[inputs / " " | {(.[0]): (.[1] | tonumber)}] | add'
}

_oracle_command='def command($name; $arguments): {execute: $name, arguments: $arguments} | tojson;'

oracle_ask() {
    local list statuses queues
    list=$(vm_qmp x-query-virtio) || return
    statuses=$(jq -r "$_oracle_command"'.[] | command("x-query-virtio-status"; {path})' <<<"$list" | vm_qmp) || return
    queues=$(jq -rn --argjson list "$list" "$_oracle_command"'
        [inputs] | to_entries[] | $list[.key].path as $path | range(.value."num-vqs") |
            command("x-query-virtio-queue-status"; {path: $path, queue: .})' <<<"$statuses" | vm_qmp) || return
    jq -n --argjson list "$list" --slurpfile statuses <(printf '%s' "$statuses") \
        --slurpfile queues <(printf '%s' "$queues") '
        reduce ($list | to_entries)[] as $entry ({devices: [], next: 0};
            $statuses[$entry.key] as $status |
            .devices += [$entry.value + {status: $status, queues: $queues[.next : .next + $status."num-vqs"]}] |
            .next += $status."num-vqs") |
        .devices'
}

_oracle_split='[.devices[] | .path as $path | .queues[] | select(."set-up" and (.packed | not)) | . + {path: $path}]'

oracle_elements() {
    local commands
    commands=$(jq -r "$_oracle_command $_oracle_split"' | .[] |
        command("x-query-virtio-queue-element"; {path, queue: ."queue-index"})' "$1")
    vm_qmp <<<"$commands" | jq -n --slurpfile virtq "$1" '
        [$virtq[0] | '"$_oracle_split"' | map({path, index: ."queue-index"}), [inputs]] | transpose |
        map(.[0] + {element: .[1]})'
}

oracle_events() {
    local places=()
    mapfile -t places < <(jq -r "$_oracle_split"' | .[] | select(."event-idx") |
        "xp /1hx \(."vring-avail" + 4 + 2 * ."vring-num")", "xp /1hx \(."vring-used" + 4 + 8 * ."vring-num")"' "$1")
    # "0000000002946004: 0x09c4"
    vm_hmp "${places[@]}" | tr -d '\r' | sed -nE 's/.*: (0x[0-9a-f]+)$/\1/p' |
        while read -r value; do echo $((value)); done |
        jq -n --slurpfile virtq "$1" '[inputs] as $values | $virtq[0] | '"$_oracle_split"' |
            map(select(."event-idx") | {path, index: ."queue-index"}) | to_entries |
            map(.value + {"used-event": $values[2 * .key], "avail-event": $values[2 * .key + 1]})'
}

oracle_compare() {
    jq -rn -f "$lib/oracle.jq" --slurpfile names "$1" --slurpfile qmp "$2" --slurpfile elements "$3" \
        --slurpfile events "$4" --slurpfile virtq "$5"
}
