/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of qemu/ share while one sample is taken. */
#ifndef VIRTQ_QEMU_SAMPLER_H
#define VIRTQ_QEMU_SAMPLER_H

#include "model/sample.h"
#include "qemu/memory.h"
#include "qemu/qom.h"

/** A started vhost device: it serves queues [first, first + num) of vdev. */
struct vhost_range {
	uint64_t vdev; /**< Host-virtual. */
	uint64_t first, num;
	struct fact backend; /**< enum VhostBackendType. */
};

struct sampler {
	const struct qemu *qemu;
	struct sample *sample; /**< Being filled. */
	size_t queue_num; /**< Of all devices so far. */
	struct qom_classes classes;
	struct vhost_range *vhosts;
	size_t vhost_num;
};

/**
 * Note something that could not be looked at; takes over @error, which may be
 * NULL. Never fails: without memory the note is lost.
 */
void sampler_note(struct sampler *sampler, struct virtq_error *error);

/** Set @*problem to @error's message unless it is set already; takes over @error. */
void sampler_set_problem(char **problem, struct virtq_error *error);

/** Is @type the QOM type of @device or an ancestor of it? False if that cannot be read. */
bool device_is(struct sampler *sampler, const struct device *device, const char *type);

#endif
