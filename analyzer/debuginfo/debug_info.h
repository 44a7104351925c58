/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * DWARF of one binary, wherever it is, and the answers it gives to a schema.
 * Behind this header is all of virtq that knows libdw and libdwfl.
 */
#ifndef VIRTQ_DEBUGINFO_DEBUG_INFO_H
#define VIRTQ_DEBUGINFO_DEBUG_INFO_H

#include "debuginfo/elf_file.h"
#include "debuginfo/layout.h"

struct debug_info;

/**
 * Open the DWARF in @binary itself, else in a separate file: from
 * options->debug_dir, the system's directories, beside the binary, debuginfod.
 *
 * @param binary borrowed until debug_info_close().
 * @param options borrowed until debug_info_close().
 * @return NO_DEBUG_INFO with everything that was tried, BAD_DATA
 */
MUST_CHECK struct virtq_error *debug_info_open(const struct elf_file *binary,
					  const struct layout_options *options,
					  struct debug_info **info_ret);

/** The same without the binary, by build-id alone. */
MUST_CHECK struct virtq_error *debug_info_open_build_id(const uint8_t *build_id, size_t length,
						   const struct layout_options *options,
						   struct debug_info **info_ret);

/** NULL is fine. */
void debug_info_close(struct debug_info *info);

/** The file that holds the DWARF; it lives as long as @info. */
const struct elf_file *debug_info_file(const struct debug_info *info);

/**
 * Fill layout->items for layout->schema. The layout is unusable on error.
 * @return NOT_FOUND for a query that is not optional, MISMATCH for a wrong
 *         size, NO_DEBUG_INFO if a part of split DWARF is missing, BAD_DATA.
 */
MUST_CHECK struct virtq_error *debug_info_resolve(struct debug_info *info, struct layout *layout);

/** Was every part of the debug info at hand? Else "absent" may be wrong for another time. */
bool debug_info_is_complete(const struct debug_info *info);

static inline void debug_info_close_pointer(struct debug_info **info)
{
	debug_info_close(*info);
}
#define _cleanup_debug_info_ __attribute__((cleanup(debug_info_close_pointer)))

#endif
