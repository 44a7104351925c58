/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One VirtIODevice: who it is, what state it is in, where it is plugged. */
#ifndef VIRTQ_QEMU_DEVICE_H
#define VIRTQ_QEMU_DEVICE_H

#include "qemu/sampler.h"

/**
 * Fill @device from the VirtIODevice at @address. What could not be read is
 * noted in device->problem.
 * @return NO_MEMORY only, or NO_PROCESS if the target is gone.
 */
MUST_CHECK struct virtq_error *device_read(struct sampler *sampler, uint64_t address,
					   struct device *device);

#endif
