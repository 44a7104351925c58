#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# run-fuzzers.sh [FUZZER]...: build the fuzz targets, and the library, with
# libFuzzer and the sanitizers into $BUILD/fuzz, and run each for FUZZ_SECONDS.
# The working corpus is kept in $BUILD/fuzz/corpus, finds in $BUILD/fuzz/finds;
# a find worth keeping goes, small, into tests/fuzz/corpus/FUZZER.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
: "${BUILD:=build}" "${FUZZ_SECONDS:=60}" "${FUZZ_MEMORY:=2048}" "${MAKE:=make}"

if [ $# = 0 ]; then
    for source in tests/fuzz/fuzz_*.c; do
        set -- "$@" "$(basename "$source" .c)"
    done
fi

out=$BUILD/fuzz
sanitize='-O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined'
flags=(-std=gnu11 -D_GNU_SOURCE -Ianalyzer)
libraries=(-ldw -lelf -lbfd -ljson-c -larchive)
# shellcheck disable=SC2206  # words
flags+=($sanitize)

$MAKE --no-print-directory BUILD="$out" CC=clang CFLAGS="$sanitize -fsanitize=fuzzer-no-link" \
    "$out/libvirtq.a" || exit 1

status=0
for fuzzer in "$@"; do
    corpus=$out/corpus/$fuzzer finds=$out/finds/$fuzzer
    mkdir -p "$corpus" "$finds"
    # The seeds are made by the target itself, which takes the main() that replays for that.
    clang "${flags[@]}" -o "$out/$fuzzer-replay" "tests/fuzz/$fuzzer.c" tests/fuzz/replay.c \
        "$out/libvirtq.a" "${libraries[@]}" -fsanitize=fuzzer-no-link &&
        "$out/$fuzzer-replay" --seeds "$corpus" &&
        clang "${flags[@]}" -fsanitize=fuzzer -o "$out/$fuzzer" "tests/fuzz/$fuzzer.c" \
            "$out/libvirtq.a" "${libraries[@]}" || exit 1
    inputs=("$corpus")
    [ ! -d "tests/fuzz/corpus/$fuzzer" ] || inputs+=("tests/fuzz/corpus/$fuzzer")
    echo "$fuzzer: $FUZZ_SECONDS s"
    if ! "$out/$fuzzer" -max_total_time="$FUZZ_SECONDS" -timeout=10 \
        -rss_limit_mb="$FUZZ_MEMORY" -max_len=65536 -print_final_stats=1 \
        -artifact_prefix="$finds/" "${inputs[@]}" >"$out/$fuzzer.log" 2>&1; then
        status=1
        echo "$fuzzer: a find, see $out/$fuzzer.log"
        grep -vE '^#[0-9]+' "$out/$fuzzer.log" | head -n 60
    fi
    grep -E '^stat::(number_of_executed_units|average_exec_per_sec|peak_rss_mb)' "$out/$fuzzer.log"
done
exit $status
