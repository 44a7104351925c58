#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The same core in every form: the same answer. And what a saved layout and
# the cache are worth.
set -uo pipefail
. tests/cli/common.bash

core=$tap_dir/core
core_of "$mini-7.2" roles "$core" || check "a core" false
run --no-cache -e "$mini-7.2" "$core"
wanted=$(body <<<"$out")

zstd -q "$core" -o "$core.zst"
xz -k -1 "$core"
lz4 -q "$core" "$core.lz4" 2>/dev/null
gzip -k -1 "$core"
for form in zst xz lz4 gz; do
    run --no-cache -e "$mini-7.2" "$core.$form"
    equal "$form" "$wanted" "$(body <<<"$out")"
done
"$VIRTQ" --no-cache -e "$mini-7.2" - <"$core" >"$tap_dir/out"
equal "standard input, a file" "$wanted" "$(body <"$tap_dir/out")"
cat "$core" | "$VIRTQ" --no-cache -e "$mini-7.2" - >"$tap_dir/out"
equal "standard input, a pipe" "$wanted" "$(body <"$tap_dir/out")"
zstd -dcq "$core.zst" | gzip | "$VIRTQ" --no-cache -e "$mini-7.2" - >"$tap_dir/out"
equal "standard input, compressed" "$wanted" "$(body <"$tap_dir/out")"
mkfifo "$tap_dir/fifo"
cat "$core" >"$tap_dir/fifo" &
threads_reach S $! || check "a writer waits for a reader" false # or virtq may give up before it is there
run --no-cache -e "$mini-7.2" "$tap_dir/fifo"
equal "a FIFO" "$wanted" "$(body <<<"$out")"

run layout "$mini-7.2" -o "$tap_dir/layout"
equal "virtq layout" 0 "$status"
run layout "$mini-7.2" -o -
equal "virtq layout on standard output" "$(cat "$tap_dir/layout")" "$out"
equal "and into no file of that name" "" "$(ls ./- 2>/dev/null)"
echo old >"$tap_dir/old"
(umask 022 && "$VIRTQ" layout "$mini-7.2" -o "$tap_dir/old")
equal "a layout replaces one" "$(cat "$tap_dir/layout")" "$(cat "$tap_dir/old")"
equal "a layout is for whom the umask says" 644 "$(stat -c %a "$tap_dir/old")"
run --no-cache --layout "$tap_dir/layout" "$core"
equal "a saved layout" "$wanted" "$(body <<<"$out")"
run layout "$core"
equal "virtq layout of a core is that of its binary" "$(cat "$tap_dir/layout")" "$out"
cp "$mini-7.2" "$tap_dir/stripped"
strip "$tap_dir/stripped"
run --no-cache --layout "$tap_dir/layout" -e "$tap_dir/stripped" "$core"
equal "a saved layout and a stripped binary" "$wanted" "$(body <<<"$out")"

# The cache: used, and rebuilt whatever happens to it.
run -e "$mini-7.2" "$core"
cached=$(find "$XDG_CACHE_HOME/virtq" -type f)
equal "one file in the cache" 1 "$(wc -l <<<"$cached")"
run -e "$tap_dir/stripped" "$core"
equal "the cache is enough for a stripped binary" "$wanted" "$(body <<<"$out")"
for damage in truncate flip empty; do
    case $damage in
    truncate) truncate -s 100 "$cached" ;;
    flip) printf 'X' | dd of="$cached" bs=1 seek=2000 conv=notrunc status=none ;;
    empty) : >"$cached" ;;
    esac
    run -e "$mini-7.2" "$core"
    equal "a damaged cache ($damage) is rebuilt" "$wanted" "$(body <<<"$out")"
done
XDG_CACHE_HOME=/dev/null/nowhere run -e "$mini-7.2" "$core"
equal "no place for a cache is no error" "$wanted" "$(body <<<"$out")"

# Compressed debug sections
for kind in zlib zstd; do
    if objcopy --compress-debug-sections=$kind "$mini-7.2" "$tap_dir/compressed" 2>"$tap_dir/err"; then
        run --no-cache -e "$tap_dir/compressed" "$core"
        if [ $kind = zstd ] && [ $status = 3 ]; then # elfutils before 0.189
            contains "debug sections compressed with zstd: says what to do" "$err" "objcopy --decompress-debug-sections"
        else
            equal "debug sections compressed with $kind" "$wanted" "$(body <<<"$out")"
        fi
    else
        skip "debug sections compressed with $kind" "this objcopy cannot"
    fi
done
finish
