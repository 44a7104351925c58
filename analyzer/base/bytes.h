/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Integers in byte buffers of a stated byte order, and a bounded cursor. */
#ifndef VIRTQ_BASE_BYTES_H
#define VIRTQ_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum byte_order { LITTLE_ENDIAN_ORDER, BIG_ENDIAN_ORDER };

/**
 * Unsigned integer of @size bytes (1 to 8; other sizes give 0) at @bytes,
 * which need not be aligned.
 */
static inline uint64_t bytes_get(const void *bytes, size_t size, enum byte_order order)
{
	const uint8_t *p = bytes;
	uint64_t value = 0;

	if (size > sizeof(value))
		return 0;
	for (size_t i = 0; i < size; i++)
		value = value << 8 | p[order == BIG_ENDIAN_ORDER ? i : size - 1 - i];
	return value;
}

static inline uint16_t bytes_get_u16(const void *bytes, enum byte_order order)
{
	return (uint16_t)bytes_get(bytes, 2, order);
}

static inline uint32_t bytes_get_u32(const void *bytes, enum byte_order order)
{
	return (uint32_t)bytes_get(bytes, 4, order);
}

static inline uint64_t bytes_get_u64(const void *bytes, enum byte_order order)
{
	return bytes_get(bytes, 8, order);
}

/** A read position in a buffer that is never passed. */
struct cursor {
	const uint8_t *position;
	const uint8_t *end;
	enum byte_order order;
	bool failed; /**< Sticky: something was asked for beyond the end. */
};

static inline struct cursor cursor_init(const void *bytes, size_t length, enum byte_order order)
{
	return (struct cursor){ bytes, (const uint8_t *)bytes + length, order, false };
}

static inline size_t cursor_left(const struct cursor *cursor)
{
	return (size_t)(cursor->end - cursor->position);
}

/** The next @length bytes, or NULL (and `failed`) if there are fewer. */
static inline const uint8_t *cursor_take(struct cursor *cursor, size_t length)
{
	if (cursor->failed || length > cursor_left(cursor)) {
		cursor->failed = true;
		return NULL;
	}
	const uint8_t *taken = cursor->position;
	cursor->position += length;
	return taken;
}

/** The next integer of @size bytes; 0 (and `failed`) beyond the end. */
static inline uint64_t cursor_take_unsigned(struct cursor *cursor, size_t size)
{
	const uint8_t *bytes = cursor_take(cursor, size);

	return bytes ? bytes_get(bytes, size, cursor->order) : 0;
}

/** The next NUL-terminated string, or NULL (and `failed`) if it does not end. */
static inline const char *cursor_take_string(struct cursor *cursor)
{
	const uint8_t *nul = cursor->failed ? NULL :
			     memchr(cursor->position, 0, cursor_left(cursor));

	if (!nul) {
		cursor->failed = true;
		return NULL;
	}
	const char *string = (const char *)cursor->position;
	cursor->position = nul + 1;
	return string;
}

#endif
