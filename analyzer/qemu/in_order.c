/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "qemu/in_order.h"

#include <stdlib.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "qemu/requests.h"
#include "vring/vring.h"

/** VIRTIO_F_IN_ORDER */
#define IN_ORDER (UINT64_C(1) << 35)

/** Readings of a log that moves before it is given up. */
enum { ATTEMPTS = 3 };

/** What the log says of one element that was popped and not used. */
struct entry {
	uint64_t head;
	unsigned int slots; /**< Descriptors that it takes; 1 in a split ring. */
	bool filled; /**< Done, and waits for one before it. */
};

struct log {
	size_t num;
	struct entry entries[VRING_NUM_MAX];
};

static bool has_log(const struct qemu *qemu, const struct device *device, const struct queue *queue)
{
	return queue->readable && queue->set_up && !queue->vhost && !queue->vhost_unknown &&
	       fact_known(device->guest_features) && (device->guest_features.value & IN_ORDER) &&
	       queue->vring_num.value <= VRING_NUM_MAX && qemu_has(qemu, QEMU_VirtQueue_used_elems) &&
	       qemu_has(qemu, QEMU_VirtQueueElement_in_order_filled);
}

/** Where the log begins and how many slots it has, by the VirtQueue in @bytes. */
struct span {
	uint64_t array; /**< VirtQueue.used_elems, host-virtual. */
	uint64_t num; /**< vring.num. */
	uint64_t used, last_avail;
	bool used_wrap, last_avail_wrap;
	uint64_t length; /**< In slots. */
};

static struct virtq_error *read_span(const struct qemu *qemu, const struct queue *queue,
				     struct span *span)
{
	struct image virtqueue;

	TRY(image_read(qemu, QEMU_STRUCT_VirtQueue, queue->address, "VirtQueue", &virtqueue));
	*span = (struct span){
		.array = image_get(&virtqueue, QEMU_VirtQueue_used_elems),
		.num = image_get(&virtqueue, QEMU_VirtQueue_vring_num),
		.used = image_get(&virtqueue, QEMU_VirtQueue_used_idx),
		.last_avail = image_get(&virtqueue, QEMU_VirtQueue_last_avail_idx),
		.used_wrap = image_get(&virtqueue, QEMU_VirtQueue_used_wrap_counter),
		.last_avail_wrap = image_get(&virtqueue, QEMU_VirtQueue_last_avail_wrap_counter),
	};
	if (!span->num || span->num > VRING_NUM_MAX)
		return error_new(VIRTQ_ERROR_BAD_DATA, "VirtQueue: vring.num is %llu",
				 (unsigned long long)span->num);
	/* split: free-running indices; packed: slots, and the lap that they are in */
	if (!queue->packed)
		span->length = (uint16_t)(span->last_avail - span->used);
	else if (span->used >= span->num || span->last_avail >= span->num)
		return error_new(VIRTQ_ERROR_BAD_DATA, "VirtQueue: index beyond the ring");
	else
		span->length = span->last_avail - span->used +
			       (span->used_wrap != span->last_avail_wrap ? span->num : 0);
	if (span->length > span->num)
		return error_new(VIRTQ_ERROR_BAD_DATA, "VirtQueue: %llu slots in use of %llu",
				 (unsigned long long)span->length, (unsigned long long)span->num);
	return NULL;
}

static bool same_span(const struct span *a, const struct span *b)
{
	return a->array == b->array && a->num == b->num && a->used == b->used &&
	       a->last_avail == b->last_avail && a->used_wrap == b->used_wrap &&
	       a->last_avail_wrap == b->last_avail_wrap;
}

/** Decode the @span of the array of VirtQueueElements in @bytes. */
static struct virtq_error *decode(const struct qemu *qemu, const struct span *span,
				  const uint8_t *bytes, struct log *log)
{
	size_t stride = qemu_item(qemu, QEMU_STRUCT_VirtQueueElement)->size;
	uint64_t slot = span->used % span->num;

	log->num = 0;
	for (uint64_t walked = 0; walked < span->length;) {
		const uint8_t *element = bytes + slot * stride;
		const struct entry entry = {
			.head = member_get(qemu, element, QEMU_VirtQueueElement_index),
			.slots = (unsigned int)member_get(qemu, element,
							  QEMU_VirtQueueElement_ndescs),
			.filled = member_get(qemu, element, QEMU_VirtQueueElement_in_order_filled),
		};

		if (entry.head >= span->num || !entry.slots || entry.slots > span->length - walked)
			return error_new(VIRTQ_ERROR_BAD_DATA,
					 "VirtQueue.used_elems, slot %llu: index %llu, %u descriptors",
					 (unsigned long long)slot, (unsigned long long)entry.head,
					 entry.slots);
		log->entries[log->num++] = entry;
		walked += entry.slots;
		slot = (slot + entry.slots) % span->num;
	}
	return NULL;
}

/** Read the log at one instant: the indices around it are the same before and after. */
static struct virtq_error *read_log(const struct qemu *qemu, const struct queue *queue,
				    struct log *log)
{
	size_t stride = qemu_item(qemu, QEMU_STRUCT_VirtQueueElement)->size;
	_cleanup_free_ uint8_t *bytes = array_new(queue->vring_num.value, stride);
	struct span before, after;

	if (!bytes)
		return &virtq_error_no_memory;
	log->num = 0;
	for (int i = 0; i < ATTEMPTS; i++) {
		TRY(read_span(qemu, queue, &before));
		if (!before.length)
			return NULL;
		if (before.num != queue->vring_num.value)
			break;
		TRY(target_read(qemu->target, before.array, bytes, before.num * stride,
				"VirtQueue.used_elems"));
		TRY(read_span(qemu, queue, &after));
		if (same_span(&before, &after))
			return decode(qemu, &before, bytes, log);
	}
	return error_new(VIRTQ_ERROR_NOT_FOUND, "VirtQueue.used_elems moved while it was read");
}

/** The oldest element that is not done, if a later one is; nothing waits otherwise. */
static struct fact find_blocker(const struct log *log)
{
	size_t oldest = 0;

	/* these are being used just now */
	while (oldest < log->num && log->entries[oldest].filled)
		oldest++;
	for (size_t i = oldest; i < log->num; i++) {
		if (log->entries[i].filled)
			return fact_of(log->entries[oldest].head);
	}
	return (struct fact){ 0 };
}

void in_order_read(struct sampler *sampler, struct device *device)
{
	for (size_t i = 0; i < device->queue_num; i++) {
		struct queue *queue = &device->queues[i];
		struct log log;

		if (!has_log(sampler->qemu, device, queue) || !fact_true(queue->inuse))
			continue;
		struct virtq_error *error = read_log(sampler->qemu, queue, &log);
		queue->in_order_blocker = error ? fact_unreadable() : find_blocker(&log);
		virtq_error_destroy(error);
	}
}

/** All of the log is in flight, also what is finished and waits. */
struct virtq_error *requests_of_order(struct sampler *sampler, struct device *device)
{
	for (size_t i = 0; i < device->queue_num; i++) {
		struct queue *queue = &device->queues[i];
		struct log log = { 0 };

		if (!has_log(sampler->qemu, device, queue) || !requests_wanted(queue))
			continue;
		struct virtq_error *error = read_log(sampler->qemu, queue, &log);
		for (size_t j = 0; !error && j < log.num; j++) {
			struct request request = { .head = fact_of(log.entries[j].head),
						   .source = REQUEST_EXACT,
						   .stage = REQUEST_IN_DEVICE,
						   .found_in = "in-order log",
						   .slots = queue->packed ? log.entries[j].slots : 1 };

			if (log.entries[j].filled)
				request.found_in = "in-order log, finished";
			error = requests_add(sampler, queue, &request);
		}
		TRY(sampler_note_problem(&queue->requests_problem, error));
	}
	return NULL;
}
