/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Resolved layouts in the user's cache directory, one file a build-id. The
 * cache never makes anything fail: what is unusable in it is rebuilt, and a
 * directory that cannot be written is left alone.
 */
#ifndef VIRTQ_DEBUGINFO_LAYOUT_CACHE_H
#define VIRTQ_DEBUGINFO_LAYOUT_CACHE_H

#include "debuginfo/layout.h"

/**
 * The cached layout of @build_id if it answers all of @schema, else NULL.
 * Only files and directories that belong to this user count.
 */
struct layout *layout_cache_load(const uint8_t *build_id, size_t length,
				 const struct layout_schema *schema,
				 const struct layout_options *options);

/** Put @layout into the cache in one step, replacing what was there. */
void layout_cache_store(const struct layout *layout, const struct layout_options *options);

#endif
