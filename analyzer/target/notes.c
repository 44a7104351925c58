/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "target/notes.h"
#include "target/target_internal.h"

struct notes_auxv notes_read_auxv(const void *bytes, size_t length, enum byte_order order,
				  uint8_t pointer_size)
{
	struct cursor cursor = cursor_init(bytes, length, order);
	struct notes_auxv result = { 0 };

	for (;;) {
		uint64_t type = cursor_take_unsigned(&cursor, pointer_size);
		uint64_t value = cursor_take_unsigned(&cursor, pointer_size);

		if (cursor.failed || type == AT_NULL)
			return result;
		switch (type) {
		case AT_ENTRY:
			result.auxv.has_entry = true;
			result.auxv.entry = value;
			break;
		case AT_PHDR:
			result.auxv.has_phdr = true;
			result.auxv.phdr = value;
			break;
		case AT_EXECFN:
			result.execfn = value;
			break;
		}
	}
}

static int compare_mappings(const void *left, const void *right)
{
	const struct target_mapping *a = left, *b = right;

	return a->start < b->start ? -1 : a->start > b->start;
}

/** Keep what is sane and does not overlap, so that a binary search finds the one mapping. */
static size_t sort_mappings(struct target_mapping *mappings, size_t num)
{
	size_t kept = 0;

	qsort(mappings, num, sizeof(*mappings), compare_mappings);
	for (size_t i = 0; i < num; i++)
		if (mappings[i].start < mappings[i].end &&
		    (!kept || mappings[i].start >= mappings[kept - 1].end))
			mappings[kept++] = mappings[i];
	return kept;
}

struct virtq_error *notes_read_files(const void *bytes, size_t length, enum byte_order order,
				     uint8_t pointer_size, struct target_mapping **mappings_ret,
				     size_t *num_ret, char **paths_ret)
{
	struct cursor cursor = cursor_init(bytes, length, order);
	uint64_t count = cursor_take_unsigned(&cursor, pointer_size);
	uint64_t unit = cursor_take_unsigned(&cursor, pointer_size);
	size_t num = 0;

	if (cursor.failed)
		count = 0;
	if (count > cursor_left(&cursor) / (3 * pointer_size))
		count = cursor_left(&cursor) / (3 * pointer_size);
	if (count > TARGET_MAPPINGS_LIMIT)
		count = TARGET_MAPPINGS_LIMIT;

	_cleanup_free_ struct target_mapping *mappings = array_new(count, sizeof(*mappings));
	if (!mappings)
		return &virtq_error_no_memory;
	for (uint64_t i = 0; i < count; i++) {
		mappings[i].start = cursor_take_unsigned(&cursor, pointer_size);
		mappings[i].end = cursor_take_unsigned(&cursor, pointer_size);
		uint64_t pages = cursor_take_unsigned(&cursor, pointer_size);
		if (!checked_mul(pages, unit, &mappings[i].file_offset))
			mappings[i].end = 0; /* dropped by sort_mappings() */
	}

	size_t paths_length = cursor_left(&cursor);
	_cleanup_free_ char *paths = malloc(paths_length + 1);
	if (!paths)
		return &virtq_error_no_memory;
	memcpy(paths, cursor.position, paths_length);
	paths[paths_length] = 0;
	struct cursor path = cursor_init(paths, paths_length, order);
	while (num < count && (mappings[num].path = cursor_take_string(&path)))
		num++;

	*num_ret = sort_mappings(mappings, num);
	*mappings_ret = take_pointer(mappings);
	*paths_ret = take_pointer(paths);
	return NULL;
}
