/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A set of names that are looked for among very many others, each with a
 * number. Made for scans over a symbol table or the DIEs of a unit, where
 * nearly every name is not in the set: a small bitmap says so after two bytes.
 */
#ifndef VIRTQ_DEBUGINFO_NAME_INDEX_H
#define VIRTQ_DEBUGINFO_NAME_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct name_index_entry {
	const char *name; /**< Borrowed; NULL: free slot. */
	size_t length; /**< In bytes, without NUL. */
	uint32_t hash;
	uint32_t value;
};

/** Zero-initialise before the first name_index_add(). */
struct name_index {
	struct name_index_entry *slots;
	size_t slot_num; /**< A power of two, or 0. */
	size_t num;
	uint64_t filter[64]; /**< One bit for each pair of first bytes, folded. */
};

/** A position among the entries of one name. */
struct name_index_match {
	const char *name;
	size_t length;
	uint32_t hash;
	size_t slot;
};

/**
 * Add @name with @value; one name may be added several times.
 * @return false without memory.
 */
bool name_index_add(struct name_index *index, const char *name, uint32_t value);

/** Release the contents. */
void name_index_deinit(struct name_index *index);

/**
 * Begin a search for the @length bytes of @name.
 * @return false if the index surely does not hold it.
 */
bool name_index_find(const struct name_index *index, const char *name, size_t length,
		     struct name_index_match *match_ret);

/** The value of the next entry of that name in *@value_ret; false: no more. */
bool name_index_next(const struct name_index *index, struct name_index_match *match,
		     uint32_t *value_ret);

static inline unsigned int name_index_fold(const char *name)
{
	unsigned int first = (unsigned char)name[0];
	unsigned int second = first ? (unsigned char)name[1] : 0;

	return (first << 5 ^ second) & 4095;
}

/** Could @name (NUL-terminated) be in the index? Reads at most two bytes. */
static inline bool name_index_maybe(const struct name_index *index, const char *name)
{
	unsigned int bit = name_index_fold(name);

	return index->filter[bit / 64] >> bit % 64 & 1;
}

#endif
