/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What QEMU's threads do, and who holds the mutexes that they wait for. */
#ifndef VIRTQ_QEMU_THREADS_H
#define VIRTQ_QEMU_THREADS_H

#include "qemu/sampler.h"

/**
 * Fill sample.threads if some queue has something outstanding that a thread may
 * be asked about; after notifiers_read().
 * @return NO_PROCESS or NO_MEMORY only.
 */
MUST_CHECK struct virtq_error *threads_read(struct sampler *sampler);

#endif
