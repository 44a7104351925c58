#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# One core in every form it comes in, and QEMU's debug info in every form that comes in: the answer is the same to the
# byte, but for the core's name (and in JSON where binary and layout came from).
. "${BASH_SOURCE[0]%/*}/lib/common.bash"

# answer ARGUMENT...: what virtq prints, text and JSON, without the names of files. $core is how the target is named.
# From /dev/stdin only if $feed is set: a command that prints a core.
answer() {
    local format text
    for format in --color=never --json; do
        if [[ -n $feed ]]; then
            text=$(eval "$feed" | "$VIRTQ" "$format" "$@" "$core" 2>&1)
        else
            text=$("$VIRTQ" "$format" "$@" "$core" 2>&1)
        fi
        echo "exit $?"
        if [[ $format == --json ]]; then
            jq 'del(.target.path, .qemu.exe, .qemu.layout)' <<<"$text" 2>&1 || echo "$text"
        else
            sed "s|^core $core: |core CORE: |; s|virtq show $core |virtq show CORE |" <<<"$text"
        fi
    done
}

# same WHAT ARGUMENT...: the answer is that of the plain core with QEMU's unstripped binary.
same() {
    local what=$1
    shift
    equal "$what" "$reference" "$(answer "$@")"
}

use_qemu 7.2
# Of its own, to be taken away.
mkdir "$tap_dir/bin"
cp "$VM_QEMU" "$tap_dir/bin/qemu"
ln -s "${VM_QEMU%/*}/firmware" "$tap_dir/bin/firmware"
VM_QEMU=$tap_dir/bin/qemu
VM_MEMORY=96M vm_start_standard forms || no_go "QEMU starts"
some_io disk0 disk1 scsi0 net rng
hang_disk0
vm_core "$tap_dir/core" || no_go "gcore"
vm_kernel_core "$tap_dir/kernel-core" || no_go "the kernel's core"
cd "$tap_dir" || exit

core=core feed=''
reference=$(answer --no-cache)
contains "the reference has a finding" "$reference" "in-device/throttled: "
equal "the reference exits with 1, as text and as JSON" "exit 1 exit 1" "$(grep '^exit' <<<"$reference" | paste -sd' ')"

# ---- The core -------------------------------------------------------------------------------------------------------

zstd -q -1 -T2 core
xz -k -0 -T2 core
lz4 -q -1 core core.lz4
gzip -k -1 core
for core in core.zst core.xz core.lz4 core.gz; do
    same "$core" --no-cache
done
core=-
feed='cat core' same "standard input, a pipe" --no-cache
feed='cat core.zst' same "standard input, a pipe, zstd" --no-cache
equal "standard input, a file" "$(sed -n '2,/^exit/p' <<<"$reference" | sed '$d')" \
    "$("$VIRTQ" --no-cache - <core | sed 's|^core -: |core CORE: |; s|virtq show - |virtq show CORE |')"
equal "standard input, a file, zstd" "$(sed -n '2,/^exit/p' <<<"$reference" | sed '$d')" \
    "$("$VIRTQ" --no-cache - <core.zst | sed 's|^core -: |core CORE: |; s|virtq show - |virtq show CORE |')"
rm core.{zst,xz,lz4,gz}
feed=''

# ---- The debug info -------------------------------------------------------------------------------------------------

core=core
mv bin/qemu full
"$VIRTQ" layout full -o saved.layout
check "a layout is saved" test -s saved.layout
build_id=$(eu-readelf -n full | sed -n 's/.*Build ID: //p')
objcopy --only-keep-debug full debug
strip -o stripped full

same "the binary was moved: --exe" --no-cache -e full

run --no-cache core
equal "no binary: exit 3" 3 "$status"
equal "no binary: no answer" "" "$output"
contains "no binary: it is named" "$errors" "$tap_dir/bin/qemu"
run --no-cache -e stripped core
equal "stripped, no debug info: exit 3" 3 "$status"
contains "stripped, no debug info: the build-id is named" "$errors" "$build_id"
contains "stripped, no debug info: --layout is offered" "$errors" "--layout"

mkdir -p "debugs/.build-id/${build_id:0:2}"
cp debug "debugs/.build-id/${build_id:0:2}/${build_id:2}.debug"
same "stripped, .debug by build-id" --no-cache -e stripped --debug-dir debugs
same "stripped, .debug by build-id in the second directory" --no-cache -e stripped --debug-dir "$tap_dir/bin:debugs"

mkdir linked
cp stripped linked/qemu
cp debug linked/qemu.debug
(cd linked && objcopy --add-gnu-debuglink=qemu.debug qemu)
objcopy --remove-section .note.gnu.build-id linked/qemu linked/qemu-without-id
same "stripped, .debug by debuglink" --no-cache -e linked/qemu
mkdir linked/.debug
mv linked/qemu.debug linked/.debug
same "stripped, .debug by debuglink in .debug" --no-cache -e linked/qemu

objcopy --compress-debug-sections=zlib full compressed
same "debug sections compressed with zlib" --no-cache -e compressed
objcopy --compress-debug-sections=zlib-gnu full compressed
same "debug sections compressed with zlib, .zdebug_*" --no-cache -e compressed
objcopy --compress-debug-sections=zstd full compressed
if eu-readelf --debug-dump=info compressed 2>&1 | grep -m 1 -q DW_TAG_compile_unit; then
    same "debug sections compressed with zstd" --no-cache -e compressed
else
    # elfutils before 0.189
    run --no-cache -e compressed core
    equal "debug sections compressed with zstd, which this libelf cannot read: exit 3" 3 "$status"
    contains "debug sections compressed with zstd, which this libelf cannot read: it says so" "$errors" "are compressed"
fi
rm compressed

dwz -o dwz full
same "dwz" --no-cache -e dwz
cp full dwz2
dwz -m common -M "$tap_dir/common" dwz dwz2 2>/dev/null
check "dwz made a common file" test -s common
same "dwz with an alternate file" --no-cache -e dwz
mkdir by-name
objcopy --only-keep-debug dwz "by-name/qemu.debug"
cp stripped by-name/qemu
(cd by-name && objcopy --add-gnu-debuglink=qemu.debug qemu)
same "dwz with an alternate file, in a .debug file" --no-cache -e by-name/qemu
rm -r dwz dwz2 common by-name

same "stripped, a saved layout" --no-cache -e stripped --layout saved.layout
# What QEMU calls devices and drivers of nodes is in its read-only data, which a core does not hold: that disk0's node
# throttles is not known then, and nobody is blamed.
nameless() { # [ARGUMENT...]: all but the names, and what follows from them
    run --json --no-cache "$@" "$core"
    jq 'del(.target, .qemu, .devices[].name, .devices[].unreadable, .devices[].backends, .devices[].queues[].findings,
        .devices[].queues[].verdict, .devices[].queues[].confidence, .devices[].queues[].requests[]?."found-in")' <<<"$output"
}
for core in core kernel-core; do
    equal "no binary at all, a saved layout, $core: all but the names" "$(nameless -e full)" \
        "$(nameless --layout saved.layout)"
    run --json --no-cache --layout saved.layout "$core"
    expect 1 "disk0:0 in-device/in-flight low" "no binary at all, a saved layout, $core: who has the request is not known"
done
core=core

# ---- The cache ------------------------------------------------------------------------------------------------------

rm -rf "$XDG_CACHE_HOME/virtq"
run -e stripped core
equal "the cache is empty at first" 3 "$status"
same "the first run fills the cache" -e full
same "the second needs no debug info" -e stripped
run --no-cache -e stripped core
equal "--no-cache does not look there" 3 "$status"
for file in "$XDG_CACHE_HOME"/virtq/*; do
    echo damage >"$file"
done
run -e stripped core
equal "a damaged cache is not believed" 3 "$status"
same "it is made again" -e full
same "and works" -e stripped
rm -r "$XDG_CACHE_HOME/virtq"

# ---- debuginfod -----------------------------------------------------------------------------------------------------

# fetch PORT: what the server has of the build-id is being served.
fetch() {
    exec 3<>"/dev/tcp/localhost/$1" || return
    printf 'GET /buildid/%s/debuginfo HTTP/1.0\r\n\r\n' "$build_id" >&3
    head -n 1 <&3 | grep -q ' 200 '
}

for port in $((20000 + RANDOM % 10000)) $((20000 + RANDOM % 10000)); do
    HOME=$tap_dir setpriv --pdeathsig KILL debuginfod -p "$port" -d "$tap_dir/debuginfod.sqlite" -F "$tap_dir/debugs" \
        >debuginfod.log 2>&1 &
    server=$!
    disown
    if wait_until 60 fetch "$port" 2>/dev/null; then break; fi
    kill "$server"
done
check "the debuginfod server serves" fetch "$port"
export DEBUGINFOD_URLS=http://localhost:$port DEBUGINFOD_CACHE_PATH=$tap_dir/debuginfod
same "stripped, debuginfod" --no-cache -e stripped
kill -KILL "$server"
while [[ -e /proc/$server/exe ]]; do sleep 0.05; done
same "the server is gone, its client has a cache" --no-cache -e stripped
DEBUGINFOD_CACHE_PATH=$tap_dir/none run --no-cache -e stripped core
equal "the server is gone: exit 3" 3 "$status"
contains "the server is gone: the URL is named" "$errors" "$DEBUGINFOD_URLS"

finish
