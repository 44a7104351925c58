/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of qemu/ share while one sample is taken. */
#ifndef VIRTQ_QEMU_SAMPLER_H
#define VIRTQ_QEMU_SAMPLER_H

#include "model/sample.h"
#include "qemu/guest_memory.h"
#include "qemu/memory.h"
#include "qemu/qom.h"

/** A started vhost device: it says that it serves queues [first, first + num) of vdev. */
struct vhost_range {
	uint64_t vdev; /**< Host-virtual. */
	uint64_t first, num;
	size_t served; /**< Of them, from the first on: that exist and are no other vhost device's. */
	struct fact backend; /**< enum VhostBackendType. */
	uint64_t address; /**< Of the vhost_dev. */
	uint64_t queues; /**< vhost_dev.vqs: num of struct vhost_virtqueue. */
	uint64_t opaque; /**< What the backend hangs on it: struct vhost_user, struct vhost_vdpa. */
};

struct sampler {
	const struct qemu *qemu;
	struct sample *sample; /**< Being filled. */
	size_t queue_num; /**< Of all devices so far. */
	size_t request_num; /**< Of all queues so far. */
	size_t descriptor_num; /**< Of all chains that were followed so far. */
	struct guest_memory memory; /**< See guest_memory_of(). */
	struct qom_classes classes;
	struct vhost_range *vhosts;
	size_t vhost_num;
	bool vhosts_missing; /**< There may be more: not all of vhost_devices could be read. */
};

/**
 * Note something that could not be looked at; takes over @error, which may be
 * NULL. Never fails: without memory the note is lost.
 */
void sampler_note(struct sampler *sampler, struct virtq_error *error);

/** Set @*problem to @error's message, as sampler_set_problem(), unless it is fatal: then return it. */
MUST_CHECK struct virtq_error *sampler_note_problem(char **problem, struct virtq_error *error);

/** Byte order of the device's rings and of what drivers write for it. */
static inline enum byte_order device_byte_order(const struct device *device)
{
	return device->big_endian ? BIG_ENDIAN_ORDER : LITTLE_ENDIAN_ORDER;
}

/**
 * Append a backend of @kind to the device's.
 * @param backend_ret valid until the next one is added; NULL if there are BACKENDS_MAX already.
 * @return NO_MEMORY
 */
MUST_CHECK struct virtq_error *sampler_add_backend(struct device *device, enum backend_kind kind,
						   struct backend **backend_ret);

/** QAPI's spelling of an enumerator: of RUN_STATE_IO_ERROR and RUN_STATE_ "io-error"; NULL if it has
 * another prefix, or without memory. */
char *sampler_qapi_name(const struct layout_item *enumeration, uint64_t value, const char *prefix);

/** Set @*problem to @error's message unless it is set already; takes over @error. */
void sampler_set_problem(char **problem, struct virtq_error *error);

/** The QOM class of @device, or NULL if that cannot be read. Borrowed. */
const struct qom_class *device_class(struct sampler *sampler, const struct device *device);

/** Is @type the QOM type of @device or an ancestor of it? False if that cannot be read. */
bool device_is(struct sampler *sampler, const struct device *device, const char *type);

#endif
