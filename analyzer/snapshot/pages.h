/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Memory of which some bytes are known, to the byte: what was read of a target.
 * What is put later wins.
 */
#ifndef VIRTQ_SNAPSHOT_PAGES_H
#define VIRTQ_SNAPSHOT_PAGES_H

#include "base/error.h"

enum { PAGES_SIZE = 4096 };

/**
 * Most pages, 256 MiB of memory: of a queue about 6 are read. A core may be
 * small and have many addresses at the same place of the file.
 */
enum { PAGES_MAX = 1 << 16 };

struct pages_page {
	uint64_t number; /**< Address divided by PAGES_SIZE. */
	uint8_t bytes[PAGES_SIZE];
	uint8_t known[PAGES_SIZE / 8]; /**< A bit for each byte. */
};

struct pages {
	struct pages_page **pages; /**< Owned; in the order of numbers after pages_sort(). */
	size_t num, capacity;
	size_t *table; /**< Hash of page numbers: index + 1 into `pages`; 0 is free. */
	size_t table_size; /**< A power of two, or 0. */
};

/** Zero it again; a zeroed one is fine. */
void pages_deinit(struct pages *pages);

/** @return NULL, NO_MEMORY, or LIMIT over PAGES_MAX; @bytes are copied. */
MUST_CHECK struct virtq_error *pages_put(struct pages *pages, uint64_t address, const void *bytes,
					 size_t length);

/** Put all that @from knows. */
MUST_CHECK struct virtq_error *pages_put_all(struct pages *pages, const struct pages *from);

/** Order the pages, for what follows; nothing may be put afterwards. */
void pages_sort(struct pages *pages);

/** A stretch of known bytes, with unknown ones before and behind it. */
struct pages_range {
	uint64_t address, length;
};

/** All of them, in order; the caller frees the array. */
MUST_CHECK struct virtq_error *pages_ranges(const struct pages *pages,
					    struct pages_range **ranges_ret, size_t *num_ret);

/** Copy @length known bytes. */
void pages_get(const struct pages *pages, uint64_t address, void *buffer, size_t length);

/** Where bytes that both know are different, gaps of a few bytes included; as pages_ranges(). */
MUST_CHECK struct virtq_error *pages_differences(const struct pages *pages,
						 const struct pages *other,
						 struct pages_range **ranges_ret, size_t *num_ret);

#endif
