/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Blocks of a target's memory that stands still: what a stopped target said
 * once, it says again. Knows nothing of how blocks are read.
 */
#ifndef VIRTQ_TARGET_BLOCK_CACHE_H
#define VIRTQ_TARGET_BLOCK_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * Bytes of a block, a power of two. gdb asks gdbserver for 9215 bytes at a time,
 * so 8 KiB are one round trip. Measured on QEMU 7.2 with 10 devices and 81
 * queues, whose structs are all over the heap: with 4 KiB 371 reads (1.6 MB in
 * all) in as many packets, with 8 KiB 314 (2.6 MB) in as many, with 16 KiB 252
 * (4 MB) in 555 packets.
 */
enum { BLOCK_SIZE = 8192 };

/** Blocks kept at most; the cache starts anew when there are more. */
enum { BLOCKS_MAX = 32768 };

/** Memory may end within a block, but not within one of its pages. */
enum { BLOCK_PAGES = 2, BLOCK_PAGE_SIZE = BLOCK_SIZE / BLOCK_PAGES };

struct block {
	uint64_t address; /**< Host-virtual, a multiple of BLOCK_SIZE. */
	uint8_t *bytes; /**< BLOCK_SIZE bytes. */
	unsigned int pages; /**< Bit i: page i of them could be read. */
};

/** Zero-initialise. */
struct block_cache {
	struct block *slots; /**< Open addressing; unused ones have `used` unset. */
	bool *used;
	size_t capacity; /**< 0 or a power of two. */
	size_t num;
};

static inline uint64_t block_floor(uint64_t address)
{
	return address & ~(uint64_t)(BLOCK_SIZE - 1);
}

/** The block at @address, a multiple of BLOCK_SIZE; NULL if it was never added. */
const struct block *block_cache_find(const struct block_cache *cache, uint64_t address);

/**
 * Add a block that is not there, copying its bytes.
 * @return false without memory: the block is not there then.
 */
bool block_cache_add(struct block_cache *cache, const struct block *block);

/**
 * Copy @length bytes at @address.
 * @return false if they are not all in the cache.
 */
bool block_cache_copy(const struct block_cache *cache, uint64_t address, void *buffer,
		      size_t length);

/** Forget everything and release it. */
void block_cache_clear(struct block_cache *cache);

#endif
