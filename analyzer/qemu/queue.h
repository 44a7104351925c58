/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The VirtQueues of one device and the rings behind them. */
#ifndef VIRTQ_QEMU_QUEUE_H
#define VIRTQ_QEMU_QUEUE_H

#include "qemu/sampler.h"

/**
 * Fill the queues of a device that device_read() has filled. A queue that
 * cannot be read is marked so; the others are still read.
 * @return NO_MEMORY, or NO_PROCESS if the target is gone.
 */
MUST_CHECK struct virtq_error *queues_read(struct sampler *sampler, struct device *device);

/** Did QEMU take, finish or count a request of @queue since it was read? @param bytes Its VirtQueue of now. */
bool queue_has_moved(const struct qemu *qemu, const uint8_t *bytes, const struct queue *queue);

/**
 * Mark the queues of a live target as torn that moved since they were read: what
 * was read after them (backends, notifiers, threads) is of another instant, and
 * theirs may have been one in the middle of virtqueue_pop() or virtqueue_flush().
 * Indices only grow: a queue that is still the same was so all the time. Queues of
 * vhost devices are not looked at: QEMU's fields of them stand still.
 * @return NO_MEMORY, or NO_PROCESS if the target is gone.
 */
MUST_CHECK struct virtq_error *queues_look_again(struct sampler *sampler);

#endif
