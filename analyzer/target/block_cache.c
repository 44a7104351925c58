/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "target/block_cache.h"

/** Where @address is, or the free slot where it would be. There is always a free one. */
static size_t find_slot(const struct block_cache *cache, uint64_t address)
{
	/* the golden ratio spreads neighbours (Knuth, 6.4) */
	uint64_t hash = address / BLOCK_SIZE * UINT64_C(0x9e3779b97f4a7c15) >> 32;
	size_t slot = (size_t)hash & (cache->capacity - 1);

	while (cache->used[slot] && cache->slots[slot].address != address)
		slot = (slot + 1) & (cache->capacity - 1);
	return slot;
}

const struct block *block_cache_find(const struct block_cache *cache, uint64_t address)
{
	if (!cache->capacity)
		return NULL;
	size_t slot = find_slot(cache, address);
	return cache->used[slot] ? &cache->slots[slot] : NULL;
}

static bool grow(struct block_cache *cache)
{
	struct block_cache grown = { .capacity = cache->capacity ? cache->capacity * 2 : 256,
				     .num = cache->num };

	grown.slots = calloc(grown.capacity, sizeof(*grown.slots));
	grown.used = calloc(grown.capacity, sizeof(*grown.used));
	if (!grown.slots || !grown.used) {
		free(grown.slots);
		free(grown.used);
		return false;
	}
	for (size_t i = 0; i < cache->capacity; i++) {
		if (!cache->used[i])
			continue;
		size_t slot = find_slot(&grown, cache->slots[i].address);
		grown.slots[slot] = cache->slots[i];
		grown.used[slot] = true;
	}
	free(cache->slots);
	free(cache->used);
	*cache = grown;
	return true;
}

bool block_cache_add(struct block_cache *cache, const struct block *block)
{
	if (cache->num >= BLOCKS_MAX)
		block_cache_clear(cache);
	if (cache->num * 2 >= cache->capacity && !grow(cache))
		return false;
	uint8_t *bytes = malloc(BLOCK_SIZE);
	if (!bytes)
		return false;
	memcpy(bytes, block->bytes, BLOCK_SIZE);

	size_t slot = find_slot(cache, block->address);
	cache->slots[slot] = (struct block){ block->address, bytes, block->pages };
	cache->used[slot] = true;
	cache->num++;
	return true;
}

bool block_cache_copy(const struct block_cache *cache, uint64_t address, void *buffer,
		      size_t length)
{
	size_t done = 0;

	while (done < length) {
		size_t offset = (size_t)((address + done) % BLOCK_SIZE);
		size_t step = BLOCK_PAGE_SIZE - offset % BLOCK_PAGE_SIZE;
		const struct block *block = block_cache_find(cache, address + done - offset);

		if (!block || !(block->pages >> offset / BLOCK_PAGE_SIZE & 1))
			return false;
		if (step > length - done)
			step = length - done;
		memcpy((uint8_t *)buffer + done, block->bytes + offset, step);
		done += step;
	}
	return true;
}

void block_cache_clear(struct block_cache *cache)
{
	for (size_t i = 0; i < cache->capacity; i++)
		if (cache->used[i])
			free(cache->slots[i].bytes);
	free(cache->slots);
	free(cache->used);
	*cache = (struct block_cache){ 0 };
}
