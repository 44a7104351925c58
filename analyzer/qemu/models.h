/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Device models of QEMU that hold elements of their queues themselves:
 * virtio-serial, 9p, gpu, balloon; and the log of VIRTIO_F_IN_ORDER.
 */
#ifndef VIRTQ_QEMU_MODELS_H
#define VIRTQ_QEMU_MODELS_H

#include "qemu/sampler.h"

/**
 * Add the backends of @device, none if it is none of the above; find who is
 * waited for in queues that are used in order.
 * @return NO_MEMORY, or NO_PROCESS if the target is gone.
 */
MUST_CHECK struct virtq_error *models_read(struct sampler *sampler, struct device *device);

#endif
