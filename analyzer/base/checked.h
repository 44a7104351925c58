/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Arithmetic on numbers that come from a target: overflow is an answer. */
#ifndef VIRTQ_BASE_CHECKED_H
#define VIRTQ_BASE_CHECKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

/** @return false on overflow. */
#define checked_add(a, b, result) (!__builtin_add_overflow((a), (b), (result)))
#define checked_mul(a, b, result) (!__builtin_mul_overflow((a), (b), (result)))

/** Is [@start, @start + @length) inside [@low, @high)? An empty range at @high is. */
static inline bool range_inside(uint64_t start, uint64_t length, uint64_t low, uint64_t high)
{
	return start >= low && start <= high && length <= high - start;
}

/** Zeroed array; NULL on overflow or without memory. */
static inline void *array_new(size_t num, size_t size)
{
	return calloc(num ? num : 1, size);
}

/**
 * Make room for one more element in a growing array, doubling it. @array is
 * the address of a pointer.
 * @return false without memory; the array is unchanged then.
 */
static inline bool array_grow(void *array, size_t num, size_t *capacity, size_t size)
{
	void **pointer = array;
	size_t wanted;

	if (num < *capacity)
		return true;
	if (!checked_mul(*capacity ? *capacity : 8, (size_t)2, &wanted))
		return false;
	void *grown = reallocarray(*pointer, wanted, size);
	if (!grown)
		return false;
	*pointer = grown;
	*capacity = wanted;
	return true;
}

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

#endif
