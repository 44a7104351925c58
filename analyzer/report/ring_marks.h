/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where a ring's indices stand, and what lies between them: for every drawing of a ring. */
#ifndef VIRTQ_REPORT_RING_MARKS_H
#define VIRTQ_REPORT_RING_MARKS_H

#include "model/sample.h"

/** What the slots between two indices hold. */
enum ring_span {
	RING_FREE,
	RING_IN_DEVICE,  /**< Taken by QEMU, not returned. */
	RING_NOT_TAKEN,  /**< Seen by QEMU, not taken. */
	RING_NOT_SEEN,   /**< Available, not seen. */
	RING_IN_BACKEND, /**< Available and not returned: what vhost did is not QEMU's to know. */
};

struct ring_mark {
	const char
		*name; /**< "used", "last", "shadow" or "avail"; each has its own first letter. */
	struct fact index;
	enum ring_span span; /**< Of the slots from the mark before to this one. */
	uint64_t slots;      /**< How many; 0 if not known. More than the ring has is impossible. */
};

enum { RING_MARKS_MAX = 4 };

/**
 * The indices that the ring of @queue has, oldest first. A packed ring has no
 * index that the driver writes; QEMU's own of a vhost ring stand still.
 * @return How many.
 */
size_t ring_marks(const struct queue *queue, struct ring_mark marks[RING_MARKS_MAX]);

#endif
