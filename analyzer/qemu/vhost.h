/* SPDX-License-Identifier: GPL-3.0-or-later */
/* vhost devices: which queues they serve, and what is known of what they do with them. */
#ifndef VIRTQ_QEMU_VHOST_H
#define VIRTQ_QEMU_VHOST_H

#include "qemu/sampler.h"

/** Read the list vhost_devices (hw/virtio/vhost.c) into the sampler; problems are noted. */
void vhost_read_ranges(struct sampler *sampler);

/** Mark the device and its queues that a started vhost device serves. */
void vhost_mark(struct sampler *sampler, struct device *device);

/**
 * Add a backend for each vhost device behind @device, and one for a vhost-user
 * device whose other side is gone; look at the shadow virtqueues of its queues.
 * @return NO_MEMORY, or NO_PROCESS if the target is gone.
 */
MUST_CHECK struct virtq_error *vhost_read(struct sampler *sampler, struct device *device);

/**
 * Fill the vhost notifiers of all queues whose own notifiers were read.
 * @return NO_MEMORY, or NO_PROCESS if the target is gone.
 */
MUST_CHECK struct virtq_error *vhost_read_notifiers(struct sampler *sampler);

/**
 * Is the other side of the chardev of the VhostUserState at @user there?
 * @param label_ret NULL, or gets the chardev's name or NULL; the caller frees it.
 */
struct fact vhost_user_connected(const struct qemu *qemu, uint64_t user, char **label_ret);

#endif
