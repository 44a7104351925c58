/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A fact: a number read from a target that is known, absent or unreadable.
 * The three are never mixed up; in particular zero never stands for "could
 * not read".
 */
#ifndef VIRTQ_MODEL_FACT_H
#define VIRTQ_MODEL_FACT_H

#include <stdbool.h>
#include <stdint.h>

enum fact_state {
	FACT_ABSENT, /**< This QEMU, ring format or device does not have it. */
	FACT_UNREADABLE, /**< It exists, but its bytes could not be read. */
	FACT_KNOWN,
};

struct fact {
	uint64_t value; /**< Only if known; host byte order. */
	enum fact_state state;
};

/** How a fact is shown. */
enum fact_format {
	FACT_DECIMAL,
	FACT_HEX,
	FACT_BOOL,
	FACT_IO_STATUS, /**< QAPI's BlockDeviceIoStatus; its word is in report/words.h. */
	FACT_ERROR_ACTION, /**< QAPI's BlockdevOnError. */
};

static inline struct fact fact_of(uint64_t value)
{
	return (struct fact){ value, FACT_KNOWN };
}

static inline struct fact fact_unreadable(void)
{
	return (struct fact){ 0, FACT_UNREADABLE };
}

static inline bool fact_known(struct fact fact)
{
	return fact.state == FACT_KNOWN;
}

/** Known and not zero. */
static inline bool fact_true(struct fact fact)
{
	return fact.state == FACT_KNOWN && fact.value;
}

/** Known and equal to @value. */
static inline bool fact_is(struct fact fact, uint64_t value)
{
	return fact.state == FACT_KNOWN && fact.value == value;
}

/** Both known and equal. */
static inline bool fact_equal(struct fact a, struct fact b)
{
	return fact_known(a) && fact_known(b) && a.value == b.value;
}

/** Same state and, if known, same value: nothing was seen to move. */
static inline bool fact_same(struct fact a, struct fact b)
{
	return a.state == b.state && (!fact_known(a) || a.value == b.value);
}

/** Both known: the free-running 16-bit distance a - b (mod 65536). */
static inline uint16_t fact_distance(struct fact a, struct fact b)
{
	return (uint16_t)(a.value - b.value);
}

#endif
