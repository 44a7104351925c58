# SPDX-License-Identifier: GPL-3.0-or-later
#
# Every member of QMP's answers against the member of the same name in virtq's JSON. A member that virtq does not have is
# a difference, unless it is handled below. Each function gives {what, qmp, virtq} for each value compared.

def name($text): $text / ":" | .[0];

# Bits as a sorted list: a feature word may be too large for jq's numbers.
def bits_of_hex:
    [ltrimstr("0x") | explode | reverse | to_entries[] | .key as $digit |
        (.value | if . >= 97 then . - 87 else . - 48 end) as $value |
        range(4) | select(($value / pow(2; .) | floor) % 2 == 1) | . + 4 * $digit] | sort;
def bits_of_number:
    if . >= 9007199254740992 then error("\(.) does not fit in a number of jq") else . end |
    . as $number | [range(53) | select(($number / pow(2; .) | floor) % 2 == 1)];
def bit_of_name($text): $names[0][name($text)] // error("no header defines \(name($text))");

# {"transports": ["VIRTIO_F_VERSION_1: ...", ...], "dev-features": [...], "unknown-dev-features": 1099511627776}
def features:
    [to_entries[] |
        if .value | type == "array" then .value[] | bit_of_name(.)
        elif .key == "unknown-dev-features" then .value | bits_of_number[]
        elif .key == "unknown-dev-features2" then .value | bits_of_number[] | . + 64
        else error("QMP has features of a new kind: \(.key)") end] | unique;
# {"statuses": ["VIRTIO_CONFIG_S_DRIVER: ...", ...], "unknown-statuses": 16}
def status:
    [to_entries[] | if .value | type == "array" then .value[] | bit_of_name(.) else .value end] | add // 0;

def of_device($ours):
    to_entries[] |
    # The backend's own numbers, while it runs: virtq reads the ring, and says that QEMU's are stale.
    select(.key != "vhost-dev") |
    {what: .key, qmp: .value, virtq: (.key as $key | if $ours | has($key) then $ours[$key] else "no such member" end)} |
    if .what | endswith("-features") then .qmp |= features | .virtq |= bits_of_hex
    elif .what == "status" then .qmp |= status
    elif .what == "bus-name" then .virtq |= (. // "")
    else . end;

def of_queue($device; $ours):
    to_entries[] |
    {what: .key, qmp: .value} +
    if .key == "name" then {virtq: $device.name}
    else {virtq: (.key as $key | if $ours | has($key) then $ours[$key] else "no such member" end)} end;

def of_element($device; $ours):
    {what: "element name", qmp: .name, virtq: $device.name},
    {what: "avail->flags", qmp: .avail.flags, virtq: $ours."avail-flags"},
    {what: "avail->idx", qmp: .avail.idx, virtq: $ours."avail-idx"},
    {what: "used->flags", qmp: .used.flags, virtq: $ours."used-flags"},
    {what: "used->idx", qmp: .used.idx, virtq: $ours."used-ring-idx"};

def of_event($ours):
    ("used-event", "avail-event") as $what | {what: $what, qmp: .[$what], virtq: $ours[$what]};

($virtq[0].devices | map({(.path): .}) | add) as $ours |
[
    {at: "x-query-virtio", what: "paths", qmp: ($qmp[0] | map(.path) | sort), virtq: ($ours | keys | sort)},
    ($qmp[0][] | .path as $path | ($ours[$path] // {}) as $device |
        {at: $path, what: "queues", qmp: (.queues | length), virtq: ($device.queues | length)},
        ({at: $path} + ({name} | of_device($device))),
        ({at: $path} + (.status | of_device($device))),
        (.queues | to_entries[] | .key as $index | .value |
            {at: "\($path) \($index)"} + of_queue($device; $device.queues[$index]))),
    ($elements[0][] | $ours[.path] as $device |
        {at: "\(.path) \(.index)"} + (.index as $index | .element | of_element($device; $device.queues[$index]))),
    ($events[0][] | {at: "\(.path) \(.index)"} + of_event($ours[.path].queues[.index]))
] |
(.[] | select(.qmp != .virtq) | "\(.at) \(.what): QMP \(.qmp | tojson), virtq \(.virtq | tojson)"),
"\(length) values compared"
