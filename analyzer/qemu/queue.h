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

#endif
