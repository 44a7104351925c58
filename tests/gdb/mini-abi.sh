#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Declarations that are made twice agree: virtq.py's structures with virtq.h,
# the JIT reader's header with gdb's own. And libvirtq.so and the reader keep
# their names, and those of the libraries they bring, apart from gdb's.
. "${BASH_SOURCE[0]%/*}/lib/common.bash"

mini=$BUILD/mini-qemu/mini-qemu-7.2
core=$tap_dir/core
fixtures/mini-qemu/make-core.sh "$mini" fixtures/mini-qemu/scenarios/stuck.scn "$core" >"$tap_dir/core.log" 2>&1 ||
    no_go "a core"

# "struct.member offset size" of every member, and "struct size".
cat >"$tap_dir/describe.py" <<'END'
import re
for cls in (VirtqOptions, VirtqThread, VirtqCallbacks, VirtqAnalysisOptions, VirtqRenderOptions, VirtqReportOptions):
    name = re.sub("(?<!^)([A-Z])", r"_\1", cls.__name__).lower()
    for member, _ in cls._fields_:
        field = getattr(cls, member)
        print("%s.%s %d %d" % (name, member, field.offset, field.size))
    print("%s %d" % (name, ctypes.sizeof(cls)))
for index, form in enumerate(virtq_report_formats):
    print("format %d" % index)
END
python=$(batch gdb -ex "source $top/gdb-plugin/virtq.py" -ex "source $tap_dir/describe.py")

{
    echo '#include <stdio.h>'
    echo '#include "virtq.h"'
    echo 'int main(void) {'
    while read -r name _; do
        case $name in
        format) ;;
        *.*) echo "printf(\"$name %zu %zu\\n\", offsetof(struct ${name%.*}, ${name#*.})," \
            "sizeof(((struct ${name%.*} *)0)->${name#*.}));" ;;
        *) echo "printf(\"$name %zu\\n\", sizeof(struct $name));" ;;
        esac
    done <<<"$python"
    for format in ARCHIVE SNAPSHOT TEXT JSON HTML; do
        echo "printf(\"format %d\\n\", VIRTQ_REPORT_$format);"
    done
    echo 'return 0; }'
} >"$tap_dir/abi.c"
check "virtq.py declares what virtq.h has" "${CC:-gcc}" -Ianalyzer -o "$tap_dir/abi" "$tap_dir/abi.c"
equal "virtq.py's structures are virtq.h's" "$("$tap_dir/abi")" "$python"
# A member at the end that virtq.py does not know would only show in the size, or not even there.
for name in options thread callbacks analysis_options render_options report_options; do
    equal "virtq.py knows every member of struct virtq_$name" \
        "$(sed -n "/^struct virtq_$name {/,/^}/p" analyzer/virtq.h | sed 's,/\*.*\*/,,; /\/\*/,/\*\//d' | grep -c '; *$' |
            awk '{ print $1 - 1 }')" "$(grep -c "^virtq_$name\\." <<<"$python")"
done

if [[ -f /usr/include/gdb/jit-reader.h ]]; then
    cat >"$tap_dir/jit.c" <<'END'
#include <stddef.h>
#include <stdio.h>
#define MEMBER(type, member) printf(#type "." #member " %zu %zu\n", offsetof(struct type, member), \
    sizeof(((struct type *)0)->member))
int main(void) {
    MEMBER(gdb_unwind_callbacks, reg_get); MEMBER(gdb_unwind_callbacks, reg_set);
    MEMBER(gdb_unwind_callbacks, target_read); MEMBER(gdb_unwind_callbacks, priv_data);
    MEMBER(gdb_frame_id, code_address); MEMBER(gdb_frame_id, stack_address);
    MEMBER(gdb_reader_funcs, reader_version); MEMBER(gdb_reader_funcs, priv_data);
    MEMBER(gdb_reader_funcs, read); MEMBER(gdb_reader_funcs, unwind);
    MEMBER(gdb_reader_funcs, get_frame_id); MEMBER(gdb_reader_funcs, destroy);
    printf("%d %d %d %zu %zu\n", GDB_READER_INTERFACE_VERSION, GDB_FAIL, GDB_SUCCESS,
        sizeof(struct gdb_reader_funcs), sizeof(GDB_CORE_ADDR));
    return 0;
}
END
    "${CC:-gcc}" -include gdb-plugin/jit-reader-abi.h -o "$tap_dir/ours" "$tap_dir/jit.c"
    "${CC:-gcc}" -include /usr/include/gdb/jit-reader.h -o "$tap_dir/theirs" "$tap_dir/jit.c"
    equal "the JIT reader's header is gdb's" "$("$tap_dir/theirs")" "$("$tap_dir/ours")"
else
    skip "the JIT reader's header is gdb's" "gdb's jit-reader.h is not installed"
fi

equal "the reader exports what gdb looks for, and nothing else" "gdb_init_reader plugin_is_GPL_compatible" \
    "$(nm -D --defined-only "$BUILD/virtq-reader.so" | awk '{ print $3 }' | sort | paste -sd ' ')"
equal "libvirtq.so exports virtq.h, and nothing else" "" \
    "$(nm -D --defined-only "$BUILD/libvirtq.so" | awk '$3 !~ /^virtq_/')"

# What the dynamic linker bound while virtq ran: no name of ours, nor of the libraries that came with us, was found in gdb.
# C++'s operators new and delete are meant to be the program's. gdb loads a JIT reader into its own scope, where libbfd
# finds its xmalloc and xrealloc: functions of the same meaning, which are not called, as memory comes from gdb.
for form in "${forms[@]}"; do
    LD_DEBUG=bindings LD_DEBUG_OUTPUT=$tap_dir/bindings in_gdb "$form" "$mini" "$core" -- virtq >"$tap_dir/out"
    contains "$form: virtq has run" "$(<"$tap_dir/out")" "in-device/backend-io"
    check "$form: our libbfd was bound" grep -q 'libbfd[^ ]* .* to .*libbfd' "$tap_dir"/bindings.*
    form_options "$form"
    program=$(realpath "$(command -v "$gdb")")
    equal "$form: no name of ours was found in gdb" "" "$(sed -nE \
        's,^ *[0-9]+:.*binding file ([^ ]*(libvirtq|virtq-reader|libbfd|libdw|libelf|libarchive|libjson)[^ ]*) \[0\] to ([^ ]*) .*symbol `([^'"'"']*).*,\3 \1 \4,p' \
        "$tap_dir"/bindings.* | awk -v program="$program" -v name="$gdb" '$1 == program || $1 == name' |
        grep -v ' _Z[dn]' | if [[ $form == python ]]; then cat; else grep -vE 'libbfd[^ ]* (xmalloc|xrealloc)$'; fi | sort -u)"
    equal "$form: no name of gdb was found in ours" "" "$(sed -nE \
        's,^ *[0-9]+:.*binding file ([^ ]*) \[0\] to ([^ ]*(libvirtq|virtq-reader|libbfd)[^ ]*) .*symbol `([^'"'"']*).*,\1 \2 \4,p' \
        "$tap_dir"/bindings.* | awk -v program="$program" -v name="$gdb" '$1 == program || $1 == name' | sort -u)"
    rm "$tap_dir"/bindings.*
done
finish
