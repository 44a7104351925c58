/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * QEMU's memory by struct and member: a target, a layout and the load bias
 * put together. Addresses are host-virtual addresses of the QEMU process.
 */
#ifndef VIRTQ_QEMU_MEMORY_H
#define VIRTQ_QEMU_MEMORY_H

#include "base/error.h"
#include "model/fact.h"
#include "qemu/schema.h"
#include "target/target.h"

/** One QEMU that can be read. All borrowed. */
struct qemu {
	struct target *target;
	const struct layout *layout;
	uint64_t bias; /**< Run-time address minus link-time address, in bytes. */
	size_t *steps; /**< Of all walks along lists of one sample; NULL: they are not counted. */
};

/** Longest struct that is read whole, in bytes. */
enum { IMAGE_SIZE_MAX = 8192 };

/** Longest list that is followed; QEMU's real ones are far shorter. */
enum { LIST_LENGTH_MAX = 65536 };

/**
 * Most elements of all lists of one sample. Lists that are short enough may
 * hang off each element of another one, or be reached over and over.
 */
enum { LIST_STEPS_MAX = 1 << 18 };

/** Longest name or path read from the target, in bytes with the NUL. */
enum { NAME_SIZE_MAX = 4096 };

static inline const struct layout_item *qemu_item(const struct qemu *qemu, enum qemu_query query)
{
	return &qemu->layout->items[query];
}

static inline bool qemu_has(const struct qemu *qemu, enum qemu_query query)
{
	return qemu_item(qemu, query)->present;
}

/** Run-time address of a symbol, which must be present. */
static inline uint64_t qemu_symbol(const struct qemu *qemu, enum qemu_query symbol)
{
	return qemu_item(qemu, symbol)->offset + qemu->bias;
}

/** Run-time address of @member, which must be present, of the struct at @base. */
static inline uint64_t qemu_member_address(const struct qemu *qemu, uint64_t base,
					   enum qemu_query member)
{
	return base + qemu_item(qemu, member)->offset;
}

/** A struct of the target, copied. */
struct image {
	const struct qemu *qemu;
	uint64_t address; /**< Host-virtual, where it was read. */
	uint8_t bytes[IMAGE_SIZE_MAX];
};

/**
 * Read the members of struct @type, which must be present, that the schema
 * names, of its parents too, into @bytes, which has room for the struct and is
 * otherwise zero. Of a member of over 32 bytes only those are read.
 * @param what names the thing for messages.
 * @return as target_read().
 */
MUST_CHECK struct virtq_error *struct_read(const struct qemu *qemu, enum qemu_query type,
					   uint64_t address, const char *what, uint8_t *bytes);

/**
 * Read the struct @type at @address, as struct_read() does.
 * @param what names the thing for messages.
 * @return as target_read(); NOT_FOUND if the layout lacks the struct; BAD_DATA
 *         if @address is 0 or not aligned to 4, as no such struct can be.
 */
MUST_CHECK struct virtq_error *image_read(const struct qemu *qemu, enum qemu_query type,
					  uint64_t address, const char *what,
					  struct image *image_ret);

/** Unsigned member of at most 8 bytes, or bit-field, in @bytes, an image of the member's struct; 0 if absent. */
uint64_t member_get(const struct qemu *qemu, const uint8_t *bytes, enum qemu_query member);

/** The same as a fact: absent if the layout lacks the member. */
struct fact member_get_fact(const struct qemu *qemu, const uint8_t *bytes, enum qemu_query member);

/** Is it, in @bytes, still what it @was? Of what was not known nothing else is. */
static inline bool member_is(const struct qemu *qemu, const uint8_t *bytes, enum qemu_query member,
			     struct fact was)
{
	return !fact_known(was) || member_get(qemu, bytes, member) == was.value;
}

static inline uint64_t image_get(const struct image *image, enum qemu_query member)
{
	return member_get(image->qemu, image->bytes, member);
}

/**
 * The pointer at the start of a member: the first pointer of a list head or
 * link (QLIST, QTAILQ and QSIMPLEQ all begin with the forward pointer).
 */
uint64_t image_get_link(const struct image *image, enum qemu_query member);

/**
 * The string that a pointer member points to. A null pointer, or an absent
 * member, gives NULL.
 */
MUST_CHECK struct virtq_error *image_get_string(const struct image *image, enum qemu_query member,
						const char *what, char **string_ret);

/** One member of the struct at @base that is wanted; see members_read(). */
struct member_read {
	uint64_t base; /**< Host-virtual. */
	enum qemu_query member;
	struct fact *fact; /**< Where it goes: absent if the layout lacks the member. */
};

/** Most members of one members_read(). */
enum { MEMBER_READS_MAX = 16 };

/** Read single members, of structs too long to be copied or of several, with as few calls as can be. */
void members_read(const struct qemu *qemu, const struct member_read *reads, size_t num);

/**
 * @return BAD_DATA, with struct, address and member, unless @member of @image
 *         points back to @expected.
 */
MUST_CHECK struct virtq_error *image_check_pointer(const struct image *image,
						   enum qemu_query member, uint64_t expected);

/** Guard of a walk along a list in the target: bounded, and cycles are found. */
struct list_walk {
	uint64_t mark; /**< Brent's algorithm: an element seen before. */
	size_t steps, next_mark;
};

/**
 * Account for @element.
 * @return BAD_DATA on a cycle, LIMIT after LIST_LENGTH_MAX elements of the list or
 *         LIST_STEPS_MAX of all lists.
 */
MUST_CHECK struct virtq_error *list_walk_step(const struct qemu *qemu, struct list_walk *walk,
					      uint64_t element, const char *what);

#endif
