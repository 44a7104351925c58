/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of this module share about layouts. */
#ifndef VIRTQ_DEBUGINFO_LAYOUT_INTERNAL_H
#define VIRTQ_DEBUGINFO_LAYOUT_INTERNAL_H

#include "debuginfo/layout.h"

/** An empty layout with room for an item for each query of @schema. */
MUST_CHECK struct virtq_error *layout_new(const struct layout_schema *schema,
					  struct layout **layout_ret);

/** One diagnostic line to the log of @options, if there is one. */
void layout_log(const struct layout_options *options, const char *format, ...) PRINTF_LIKE(2, 3);

/** "struct VirtQueue", "VirtQueue.vring.num", "symbol ram_list", ...; NULL without memory. */
char *layout_describe(const struct layout_query *query);

/** MISMATCH if the query wants another size than its item has. */
MUST_CHECK struct virtq_error *layout_check_size(const struct layout_query *query,
						 const struct layout_item *item, const char *where);

#endif
