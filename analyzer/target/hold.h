/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Reads of which a target's observer hears later, or never: of memory that may
 * have become somebody else's while it was read.
 */
#ifndef VIRTQ_TARGET_HOLD_H
#define VIRTQ_TARGET_HOLD_H

#include "target/target.h"

struct target_hold {
	struct target *target;
	target_observer observer; /**< The target's, meanwhile; NULL: nobody is to be told. */
	void *observer_argument;
	struct held_read **reads; /**< Owned; NULL: it was forgotten. */
	size_t num, capacity;
	bool no_memory;
};

/** From now on the observer of @target hears of nothing; what it would is kept in @hold. */
void target_hold(struct target *target, struct target_hold *hold);

/** Forget reads [@first, @first + @num), as far as there are so many, counted from target_hold(). */
void target_hold_forget(struct target_hold *hold, size_t first, size_t num);

/** Tell the observer of what was not forgotten, and of what is read from now on. */
void target_hold_release(struct target_hold *hold);

#endif
