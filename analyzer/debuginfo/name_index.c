/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "debuginfo/name_index.h"

/* FNV-1a. */
static uint32_t hash_bytes(const char *bytes, size_t length)
{
	uint32_t hash = 2166136261u;

	for (size_t i = 0; i < length; i++)
		hash = (hash ^ (unsigned char)bytes[i]) * 16777619u;
	return hash;
}

static void insert(struct name_index *index, struct name_index_entry entry)
{
	size_t slot = entry.hash & (index->slot_num - 1);

	while (index->slots[slot].name)
		slot = (slot + 1) & (index->slot_num - 1);
	index->slots[slot] = entry;
}

/* Keep at least half of the slots free. */
static bool make_room(struct name_index *index)
{
	if (index->num * 2 < index->slot_num)
		return true;

	struct name_index grown = *index;
	grown.slot_num = index->slot_num ? index->slot_num * 2 : 64;
	grown.slots = calloc(grown.slot_num, sizeof(*grown.slots));
	if (!grown.slots)
		return false;
	for (size_t i = 0; i < index->slot_num; i++)
		if (index->slots[i].name)
			insert(&grown, index->slots[i]);
	free(index->slots);
	*index = grown;
	return true;
}

bool name_index_add(struct name_index *index, const char *name, uint32_t value)
{
	size_t length = strlen(name);
	unsigned int bit = name_index_fold(name);

	if (!make_room(index))
		return false;
	insert(index, (struct name_index_entry){ name, length, hash_bytes(name, length), value });
	index->num++;
	index->filter[bit / 64] |= UINT64_C(1) << bit % 64;
	return true;
}

void name_index_deinit(struct name_index *index)
{
	free(index->slots);
	*index = (struct name_index){ 0 };
}

bool name_index_find(const struct name_index *index, const char *name, size_t length,
		     struct name_index_match *match_ret)
{
	if (!index->num)
		return false;

	uint32_t hash = hash_bytes(name, length);
	size_t slot = hash & (index->slot_num - 1);
	*match_ret = (struct name_index_match){ name, length, hash, slot };
	return index->slots[slot].name;
}

bool name_index_next(const struct name_index *index, struct name_index_match *match,
		     uint32_t *value_ret)
{
	for (;;) {
		const struct name_index_entry *entry = &index->slots[match->slot];

		if (!entry->name)
			return false;
		match->slot = (match->slot + 1) & (index->slot_num - 1);
		if (entry->hash == match->hash && entry->length == match->length &&
		    !memcmp(entry->name, match->name, match->length)) {
			*value_ret = entry->value;
			return true;
		}
	}
}
