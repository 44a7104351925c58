/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which queues a device has, and what their VirtQueues say. The rings in guest
 * memory, and the reading of both at one instant, are in ring.c.
 */
#include <stdlib.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "qemu/notifier.h"
#include "qemu/queue.h"
#include "qemu/ring.h"
#include "qemu/roles.h"
#include "qemu/transport.h"
#include "qemu/vhost.h"
#include "target/hold.h"
#include "vring/vring.h"

/** VIRTIO_QUEUE_MAX (include/hw/virtio/virtio.h): length of VirtIODevice.vq. */
enum { VIRTIO_QUEUE_MAX = 1024 };

/** Most queues of one sample: 64 devices with all they can have. */
enum { QUEUES_MAX = 64 * VIRTIO_QUEUE_MAX };

/** VirtQueues read at once while looking for the last one. */
enum { CHUNK = 64 };

/**
 * Check one VirtQueue of the array before it is believed: QEMU sets vdev and
 * queue_index of all of them in virtio_init().
 */
static struct virtq_error *check_queue(const struct qemu *qemu, const struct device *device,
				       const uint8_t *bytes, size_t index)
{
	uint64_t vdev = member_get(qemu, bytes, QEMU_VirtQueue_vdev);
	uint64_t queue_index = member_get(qemu, bytes, QEMU_VirtQueue_queue_index);
	uint64_t num = member_get(qemu, bytes, QEMU_VirtQueue_vring_num);

	if (vdev != device->address)
		return error_new(VIRTQ_ERROR_BAD_DATA,
				 "VirtQueue %zu: vdev is 0x%llx, expected 0x%llx", index,
				 (unsigned long long)vdev, (unsigned long long)device->address);
	if (queue_index != index)
		return error_new(VIRTQ_ERROR_BAD_DATA,
				 "VirtQueue %zu: queue_index is %llu", index,
				 (unsigned long long)queue_index);
	if (num > VRING_NUM_MAX)
		return error_new(VIRTQ_ERROR_BAD_DATA,
				 "VirtQueue %zu: vring.num is %llu, expected at most %d", index,
				 (unsigned long long)num, VRING_NUM_MAX);
	return NULL;
}

void queue_read_facts(const struct qemu *qemu, const uint8_t *bytes, struct queue *queue)
{
#define READ(member, ...) queue->member = member_get_fact(qemu, bytes, QEMU_VirtQueue_##member);
	VIRTQUEUE_FACTS(READ)
#undef READ
	queue->handle_output = member_get_fact(qemu, bytes, QEMU_VirtQueue_handle_output);
	notifier_read_queue(qemu, bytes, queue);
}

static void queue_facts_unreadable(const struct qemu *qemu, struct queue *queue)
{
#define UNREADABLE(member, ...)                       \
	if (qemu_has(qemu, QEMU_VirtQueue_##member))  \
		queue->member = fact_unreadable();
	VIRTQUEUE_FACTS(UNREADABLE)
	UNREADABLE(handle_output)
#undef UNREADABLE
	notifier_read_queue(qemu, NULL, queue);
}

/** First look at one VirtQueue of the array. */
static void queue_init(const struct sampler *sampler, const struct device *device,
		       const uint8_t *bytes, size_t index, struct queue *queue)
{
	uint64_t features = fact_known(device->guest_features) ? device->guest_features.value : 0;
	struct virtq_error *error = check_queue(sampler->qemu, device, bytes, index);

	queue->packed = features & VIRTIO_F_RING_PACKED;
	queue->event_idx = features & VIRTIO_F_EVENT_IDX;
	if (error) {
		queue_facts_unreadable(sampler->qemu, queue);
		sampler_set_problem(&queue->problem, error);
		return;
	}
	queue->readable = true;
	queue_read_facts(sampler->qemu, bytes, queue);
	queue->caches_address = member_get(sampler->qemu, bytes, QEMU_VirtQueue_caches);
	queue->set_up = queue->vring_num.value && queue->vring_desc.value;
}

/** Append the queues of one chunk. @return false when the last one was met. */
static struct virtq_error *add_chunk(struct sampler *sampler, struct device *device,
				     uint64_t address, const uint8_t *bytes, size_t num,
				     bool *more_ret)
{
	const struct qemu *qemu = sampler->qemu;
	size_t stride = qemu_item(qemu, QEMU_STRUCT_VirtQueue)->size;
	size_t found = 0;

	/* QEMU's own count ends at the first vring.num of 0: virtio_get_num_queues() */
	while (found < num && member_get(qemu, bytes + found * stride, QEMU_VirtQueue_vring_num))
		found++;
	*more_ret = found == num;
	if (!found)
		return NULL;
	sampler->queue_num += found;
	if (sampler->queue_num > QUEUES_MAX)
		return error_new(VIRTQ_ERROR_LIMIT, "more than %d queues", QUEUES_MAX);

	struct queue *queues = reallocarray(device->queues, device->queue_num + found,
					    sizeof(*queues));
	if (!queues)
		return &virtq_error_no_memory;
	device->queues = queues;
	for (size_t i = 0; i < found; i++) {
		size_t index = device->queue_num;
		struct queue *queue = &queues[device->queue_num++];

		*queue = (struct queue){ .index = (uint16_t)index,
					 .address = address + i * stride,
					 .selected = true };
		queue_init(sampler, device, bytes + i * stride, index, queue);
	}
	return NULL;
}

static struct virtq_error *read_array(struct sampler *sampler, struct device *device)
{
	const struct qemu *qemu = sampler->qemu;
	size_t stride = qemu_item(qemu, QEMU_STRUCT_VirtQueue)->size;
	_cleanup_free_ uint8_t *bytes = array_new(CHUNK, stride);
	uint64_t array;
	bool more = true;

	if (!bytes)
		return &virtq_error_no_memory;
	TRY(target_read_pointer(qemu->target,
				qemu_member_address(qemu, device->address, QEMU_VirtIODevice_vq),
				&array, "VirtIODevice.vq"));
	for (size_t i = 0; more && i < VIRTIO_QUEUE_MAX; i += CHUNK) {
		uint64_t address = array + i * stride;

		TRY(target_read(qemu->target, address, bytes, CHUNK * stride, "VirtIODevice.vq"));
		TRY(add_chunk(sampler, device, address, bytes, CHUNK, &more));
	}
	return NULL;
}

struct virtq_error *queues_read(struct sampler *sampler, struct device *device)
{
	struct virtq_error *error = read_array(sampler, device);

	if (error) {
		if (error_is_fatal(error))
			return error;
		sampler_set_problem(&device->problem, error_prefix(error, "queues"));
	}
	roles_assign(sampler, device);
	vhost_mark(sampler, device);
	transport_read_queues(sampler, device);
	return rings_read(sampler, device);
}

/* ---- Has it moved meanwhile? -------------------------------------------------------------- */

bool queue_has_moved(const struct qemu *qemu, const uint8_t *bytes, const struct queue *queue)
{
	return !member_is(qemu, bytes, QEMU_VirtQueue_last_avail_idx, queue->last_avail_idx) ||
	       !member_is(qemu, bytes, QEMU_VirtQueue_last_avail_wrap_counter,
			  queue->last_avail_wrap_counter) ||
	       !member_is(qemu, bytes, QEMU_VirtQueue_used_idx, queue->used_idx) ||
	       !member_is(qemu, bytes, QEMU_VirtQueue_inuse, queue->inuse);
}

static struct virtq_error *look_again(const struct qemu *qemu, struct device *device)
{
	size_t size = qemu_item(qemu, QEMU_STRUCT_VirtQueue)->size, num = device->queue_num;
	_cleanup_free_ uint8_t *bytes = array_new(num, size);
	_cleanup_free_ struct target_request *requests = array_new(num, sizeof(*requests));
	struct virtq_error *gone = NULL;

	if (!bytes || !requests)
		return &virtq_error_no_memory;
	for (size_t i = 0; i < num; i++) {
		const struct queue *queue = &device->queues[i];
		bool wanted = queue->readable && queue->set_up && !queue->vhost && !queue->torn;

		requests[i] = (struct target_request){ .address = queue->address,
						       .buffer = bytes + i * size,
						       .length = wanted ? size : 0,
						       .what = "VirtQueue" };
	}
	target_read_many(qemu->target, requests, num);
	for (size_t i = 0; i < num; i++) {
		struct queue *queue = &device->queues[i];

		/* what cannot be read any more went away with its device */
		if (requests[i].length && (requests[i].error ||
					   queue_has_moved(qemu, bytes + i * size, queue)))
			queue->torn = true;
		error_keep_fatal(&gone, requests[i].error);
	}
	return gone;
}

struct virtq_error *queues_look_again(struct sampler *sampler)
{
	const struct qemu *qemu = sampler->qemu;
	struct virtq_error *error = NULL;
	struct target_hold hold;

	if (!target_get_info(qemu->target)->live)
		return NULL;
	/* whoever records what is read has the queues of the instant that is told of */
	target_hold(qemu->target, &hold);
	for (size_t i = 0; !error && i < sampler->sample->device_num; i++)
		error = look_again(qemu, &sampler->sample->devices[i]);
	target_hold_forget(&hold, 0, SIZE_MAX);
	target_hold_release(&hold);
	return error;
}
