#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Every fuzz target on its seeds, on what was ever found with it (corpus/), and
# on mutations of both, which are the same in every run. Sanitized; no libFuzzer.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/tap.sh
. tests/tap.sh
programs=${BUILD:=build}/sanitized/tests/fuzz
finds=$BUILD/tests/finds
mkdir -p "$finds"

# Mutations of each input; sizes and speeds differ.
declare -A mutations=([fuzz_core]=100 [fuzz_diagnosis]=100 [fuzz_layout]=200 [fuzz_qemu]=60)

for source in tests/fuzz/fuzz_*.c; do
    fuzzer=$(basename "$source" .c)
    corpus=tests/fuzz/corpus/$fuzzer
    arguments=(--mutations "${mutations[$fuzzer]:-50}" --save "$finds")
    [ ! -d "$corpus" ] || arguments+=("$corpus")
    check "$fuzzer: seeds, corpus and mutations" "$programs/$fuzzer" "${arguments[@]}"
    # shellcheck disable=SC2154  # of tap.sh
    sed 's/^/# /' "$tap_dir/check.log"
done
finish
