/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A device's rings, read together with QEMU's fields about them. */
#ifndef VIRTQ_QEMU_RING_H
#define VIRTQ_QEMU_RING_H

#include "qemu/sampler.h"

/**
 * Read the rings of all queues that are set up, each one so that QEMU's
 * fields and the guest's memory belong to the same instant (see ring.c).
 * @return NO_MEMORY, or NO_PROCESS if the target is gone.
 */
MUST_CHECK struct virtq_error *rings_read(struct sampler *sampler, struct device *device);

/** One of the three areas of a ring. */
struct ring_area {
	uint64_t hva; /**< Host-virtual. */
	uint64_t length; /**< In bytes that may be read. */
};
enum { RING_DESC, RING_AVAIL, RING_USED, RING_AREAS };

/** Where the areas of a queue that is set up are, as rings_read() finds them. */
MUST_CHECK struct virtq_error *ring_locate(struct sampler *sampler, const struct device *device,
					   struct queue *queue,
					   struct ring_area areas_ret[RING_AREAS]);

/** Set the facts that are members of VirtQueue from its @bytes. In queue.c. */
void queue_read_facts(const struct qemu *qemu, const uint8_t *bytes, struct queue *queue);

#endif
