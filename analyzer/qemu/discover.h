/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which VirtIODevices there are. */
#ifndef VIRTQ_QEMU_DISCOVER_H
#define VIRTQ_QEMU_DISCOVER_H

#include "qemu/sampler.h"

/** Most virtio devices of one QEMU. */
enum { DEVICES_MAX = 4096 };

/**
 * Find the devices by two independent walks: the run-state handlers that
 * virtio_init() registers (hw/virtio/virtio.c, all versions), and the qdev
 * tree below main_system_bus. What the second finds and the first does not is
 * added and noted; so is a walk that ends early.
 * @param addresses_ret host-virtual addresses of VirtIODevices, validated by a
 *        back-pointer or a type name; the caller frees the array.
 * @return an error if neither walk worked.
 */
MUST_CHECK struct virtq_error *discover_devices(struct sampler *sampler, uint64_t **addresses_ret,
						size_t *num_ret);

#endif
