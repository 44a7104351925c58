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

/** Called with each coroutine that a disk holds; an error ends the visit. */
typedef struct virtq_error *disk_visitor(void *argument, uint64_t coroutine, const char *found_in);

/**
 * Visit the coroutines of requests that the BlockBackend at @address holds: those
 * that wait for the end of a drain, for their turn of a throttle group or for
 * a flush before them, and those that its root node works on. One of them may
 * be visited more than once. A flush that runs is in no list.
 * @return also what of it could not be read; the rest was visited then.
 */
MUST_CHECK struct virtq_error *disk_visit(const struct sampler *sampler, uint64_t address,
					  disk_visitor *visitor, void *argument);

/** Called with each SCSIDevice, whose image @scsi is; an error ends the visit. */
typedef struct virtq_error *disk_scsi_visitor(void *argument, const struct image *scsi);

/** Visit the SCSIDevices on the bus of the VirtIOSCSI @device. @return as disk_visit(). */
MUST_CHECK struct virtq_error *disk_visit_scsi(struct sampler *sampler, const struct device *device,
					       disk_scsi_visitor *visitor, void *argument);

#endif
