#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Of every version of QEMU that mini-qemu looks like, all structs are found, but
# for those that it really does not have. A fact that is lost silently changes
# verdicts.
set -uo pipefail
. tests/cli/common.bash

# The structs that a mini-qemu does not have, one a line.
missing() { # LAYOUT
    # mini-qemu has these devices, but not what QEMU keeps of them
    echo VHostUserBase
    echo VHostUserFS
    # 10.2 renamed it
    case $1 in
    10.2*) echo CharBackend ;;
    *) echo CharFrontend ;;
    esac
    # shadow virtqueues came with 7.0
    case $1 in
    5.2) printf '%s\n' GPtrArray SVQDescState VhostShadowVirtqueue ;;
    esac
}

for layout in 5.2 7.2 10.0 10.2 7.2-aarch64 10.2-aarch64 7.2-s390x 10.2-s390x; do
    if [ ! -e "$mini-$layout" ]; then
        skip "$layout: structs" "not built: its compiler is missing"
        continue
    fi
    run layout --no-cache "$mini-$layout"
    equal "$layout: only these structs are absent" "0 $(missing $layout | sort)" \
        "$status $(sed -n 's/^absent struct //p' <<<"$out" | sort)"
done

# By the unit's name if by no function: also where debug info has other forms.
run layout --no-cache "$mini-7.2"
wanted=$(grep -E '^(absent )?(struct|member)' <<<"$out")
for variant in dwarf4 types types4 split lto clang gz dwz; do
    if [ ! -e "$mini-7.2-$variant" ]; then
        skip "7.2-$variant: structs and members" "not built: its tool is missing"
        continue
    fi
    run layout --no-cache "$mini-7.2-$variant"
    equal "7.2-$variant: the same structs and members" "$wanted" "$(grep -E '^(absent )?(struct|member)' <<<"$out")"
done
finish
