/* SPDX-License-Identifier: GPL-3.0-or-later */
/* QEMU's event loops (AioContexts), and which of them listen to which queue. */
#ifndef VIRTQ_QEMU_EVENT_LOOP_H
#define VIRTQ_QEMU_EVENT_LOOP_H

#include "qemu/sampler.h"

/**
 * Fill sample.contexts, and listeners and listener of all queues; after
 * notifiers_read().
 * @return NO_PROCESS or NO_MEMORY only.
 */
MUST_CHECK struct virtq_error *event_loops_read(struct sampler *sampler);

#endif
