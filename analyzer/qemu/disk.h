/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The disks behind virtio-blk and virtio-scsi (block/block-backend.c, block/block_int.h). */
#ifndef VIRTQ_QEMU_DISK_H
#define VIRTQ_QEMU_DISK_H

#include "qemu/sampler.h"

/**
 * Add a backend for each disk of @device: none for other devices.
 * @return NO_MEMORY, or NO_PROCESS if the target is gone.
 */
MUST_CHECK struct virtq_error *disks_read(struct sampler *sampler, struct device *device);

#endif
