/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which queues a started vhost device serves. */
#ifndef VIRTQ_QEMU_VHOST_H
#define VIRTQ_QEMU_VHOST_H

#include "qemu/sampler.h"

/** Read the list vhost_devices (hw/virtio/vhost.c) into the sampler; problems are noted. */
void vhost_read_ranges(struct sampler *sampler);

/** Mark the device and its queues that a started vhost device serves. */
void vhost_mark(const struct sampler *sampler, struct device *device);

#endif
