/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "qemu/vhost.h"

#include "base/checked.h"

static struct fact read_backend(const struct image *vhost_dev)
{
	const struct qemu *qemu = vhost_dev->qemu;
	uint64_t ops = image_get(vhost_dev, QEMU_vhost_dev_vhost_ops);
	uint64_t backend;

	if (!qemu_has(qemu, QEMU_VhostOps_backend_type))
		return (struct fact){ 0 };
	struct virtq_error *error = target_read_unsigned(
		qemu->target, qemu_member_address(qemu, ops, QEMU_VhostOps_backend_type), 4,
		&backend, "VhostOps.backend_type");
	if (error) {
		virtq_error_destroy(error);
		return fact_unreadable();
	}
	return fact_of(backend);
}

static struct virtq_error *read_ranges(struct sampler *sampler)
{
	static const char what[] = "vhost_devices";
	const struct qemu *qemu = sampler->qemu;
	struct list_walk walk = { 0 };
	size_t capacity = 0;
	uint64_t entry;

	TRY(target_read_pointer(qemu->target, qemu_symbol(qemu, QEMU_SYMBOL_vhost_devices), &entry,
				what));
	while (entry) {
		struct image image;

		TRY(list_walk_step(&walk, entry, what));
		TRY(image_read(qemu, QEMU_STRUCT_vhost_dev, entry, what, &image));
		/* vdev is NULL, and the queues are QEMU's own, while it is stopped */
		if (image_get(&image, QEMU_vhost_dev_started) &&
		    image_get(&image, QEMU_vhost_dev_vdev)) {
			if (!array_grow(&sampler->vhosts, sampler->vhost_num, &capacity,
					sizeof(*sampler->vhosts)))
				return &virtq_error_no_memory;
			sampler->vhosts[sampler->vhost_num++] = (struct vhost_range){
				.vdev = image_get(&image, QEMU_vhost_dev_vdev),
				.first = image_get(&image, QEMU_vhost_dev_vq_index),
				.num = image_get(&image, QEMU_vhost_dev_nvqs),
				.backend = read_backend(&image),
			};
		}
		entry = image_get_link(&image, QEMU_vhost_dev_entry);
	}
	return NULL;
}

void vhost_read_ranges(struct sampler *sampler)
{
	if (qemu_has(sampler->qemu, QEMU_SYMBOL_vhost_devices) &&
	    qemu_has(sampler->qemu, QEMU_STRUCT_vhost_dev) &&
	    qemu_has(sampler->qemu, QEMU_vhost_dev_entry))
		sampler_note(sampler, read_ranges(sampler));
}

void vhost_mark(const struct sampler *sampler, struct device *device)
{
	bool ranged = false;

	for (size_t i = 0; i < sampler->vhost_num; i++) {
		const struct vhost_range *range = &sampler->vhosts[i];

		if (range->vdev != device->address)
			continue;
		ranged = true;
		device->vhost = true;
		device->vhost_backend = range->backend;
		for (size_t j = 0; j < device->queue_num; j++) {
			if (j >= range->first && j - range->first < range->num)
				device->queues[j].vhost = true;
		}
	}
	/* vhost is on, but nothing says for which queues: do not judge any by
	 * fields that may be stale. */
	if (!ranged && fact_true(device->vhost_started)) {
		device->vhost = true;
		for (size_t j = 0; j < device->queue_num; j++)
			device->queues[j].vhost = true;
	}
}
