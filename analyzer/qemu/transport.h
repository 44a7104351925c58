/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where a virtio device is plugged: virtio-pci, virtio-mmio, virtio-ccw. */
#ifndef VIRTQ_QEMU_TRANSPORT_H
#define VIRTQ_QEMU_TRANSPORT_H

#include "qemu/sampler.h"

/**
 * Fill transport, location and, from the proxy, the id of @device whose image
 * is @vdev. What could not be read is noted in device->problem.
 */
void transport_read(struct sampler *sampler, const struct image *vdev, struct device *device);

/** Fill proxy_enabled of the device's queues (virtio-pci: VirtIOPCIProxy.vqs[i].enabled). */
void transport_read_queues(struct sampler *sampler, struct device *device);

#endif
