/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One instant of many rings, without stopping anybody.
 *
 * On a live target the counters move while they are read. Each only grows,
 * and used <= last_avail <= shadow_avail <= avail, so they are read from the
 * lagging to the leading one: used ring, VirtQueue, available ring. Then
 * VirtQueue and used ring are read again; if they changed, the reading is
 * torn and is repeated. A ring that was replaced meanwhile is not read at all:
 * only what was checked of the queue before is kept. All queues of a device share
 * one batch of reads.
 */
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "qemu/ring.h"
#include "target/hold.h"
#include "vring/vring.h"

/** Readings of a torn queue before it is reported as such. */
enum { ATTEMPTS = 5 };

/** Everything that is read of one queue at an instant. */
struct reading {
	struct queue *queue;
	bool pending; /**< Still to be read (again). */
	bool replaced; /**< The ring is no longer the one whose areas these are. */
	struct ring_area desc, avail, used;
	uint8_t used_header[VRING_HEADER_SIZE], used_again[VRING_HEADER_SIZE];
	uint8_t avail_header[VRING_HEADER_SIZE];
	uint8_t used_event[2], avail_event[2];
	uint8_t driver_event[VRING_PACKED_EVENT_SIZE], device_event[VRING_PACKED_EVENT_SIZE];
	uint8_t desc_flags[2];
	uint64_t slot; /**< Packed: of the descriptor whose flags are read. */
	uint8_t *virtqueue, *virtqueue_again; /**< Copies of the VirtQueue. */
	struct target_request *requests; /**< This reading's slice of the batch. */
	size_t request_num;
};

/** Most requests of one reading. */
enum { REQUESTS_MAX = 8 };

/* ---- Where the areas are ---------------------------------------------------- */

/** The three areas of a queue, by what QEMU calls them. */
static const struct {
	const char *name;
	enum qemu_query cache; /**< Member of VRingMemoryRegionCaches. */
	size_t area; /**< Offset in struct reading. */
	size_t gpa; /**< Offset of the fact in struct queue. */
} areas[] = {
	{ "descriptors", QEMU_VRingMemoryRegionCaches_desc, offsetof(struct reading, desc),
	  offsetof(struct queue, vring_desc) },
	{ "available ring", QEMU_VRingMemoryRegionCaches_avail, offsetof(struct reading, avail),
	  offsetof(struct queue, vring_avail) },
	{ "used ring", QEMU_VRingMemoryRegionCaches_used, offsetof(struct reading, used),
	  offsetof(struct queue, vring_used) },
};

/** Length of an area without its event field, in bytes: what QEMU maps at least. */
static uint64_t area_length(const struct queue *queue, size_t index)
{
	uint64_t num = queue->vring_num.value;
	uint64_t event = queue->event_idx ? 2 : 0;

	if (index == 0)
		return num * 16;
	if (queue->packed)
		return VRING_PACKED_EVENT_SIZE;
	return VRING_HEADER_SIZE + num * (index == 1 ? 2 : 8) + event;
}

/** A MemoryRegionCache with a null pointer: is its region behind a vIOMMU? */
static bool is_behind_iommu(const struct qemu *qemu, const uint8_t *cache)
{
	uint64_t region = member_get(qemu, cache, QEMU_MemoryRegionCache_mr);
	uint64_t is_iommu;

	if (!region || !qemu_has(qemu, QEMU_MemoryRegion_is_iommu))
		return false;
	struct virtq_error *error = target_read_unsigned(
		qemu->target, qemu_member_address(qemu, region, QEMU_MemoryRegion_is_iommu), 1,
		&is_iommu, "MemoryRegion.is_iommu");
	bool known = !error;
	virtq_error_destroy(error);
	return known && is_iommu;
}

/**
 * Find the areas of one queue: through QEMU's own mapping (vring.caches,
 * virtio_init_region_cache()), else by translating the guest-physical address.
 */
static struct virtq_error *locate(struct sampler *sampler, const struct device *device,
				  struct reading *reading, const uint8_t *caches)
{
	const struct qemu *qemu = sampler->qemu;
	size_t cache_size = qemu_item(qemu, QEMU_STRUCT_MemoryRegionCache)->size;

	for (size_t i = 0; i < ARRAY_SIZE(areas); i++) {
		struct ring_area *area = (struct ring_area *)((char *)reading + areas[i].area);
		struct fact gpa = *(struct fact *)((char *)reading->queue + areas[i].gpa);
		const struct layout_item *member = qemu_item(qemu, areas[i].cache);

		if (caches && cache_size <= member->size) {
			const uint8_t *cache = caches + member->offset;

			area->hva = member_get(qemu, cache, QEMU_MemoryRegionCache_ptr);
			area->length = member_get(qemu, cache, QEMU_MemoryRegionCache_len);
			if (!area->hva && is_behind_iommu(qemu, cache))
				return error_new(VIRTQ_ERROR_UNSUPPORTED,
						 "%s at 0x%llx: behind a virtual IOMMU, which QEMU does not map",
						 areas[i].name, (unsigned long long)gpa.value);
		}
		if (area->hva)
			continue;
		area->length = area_length(reading->queue, i);
		TRY(error_prefix(guest_memory_of(qemu, device->address, &sampler->memory), "%s",
				 areas[i].name));
		TRY(error_prefix(guest_memory_translate(&sampler->memory, gpa.value, area->length,
							&area->hva),
				 "%s", areas[i].name));
	}
	return NULL;
}

/* ---- Reading ------------------------------------------------------------------ */

/** The first problem counts. */
static void set_ring_problem(struct queue *queue, struct virtq_error *error)
{
	if (!queue->ring_problem)
		queue->ring_error = error->code;
	sampler_set_problem(&queue->ring_problem, error);
}

static void add_request(struct reading *reading, uint64_t address, void *buffer, size_t length,
			const char *what)
{
	reading->requests[reading->request_num++] = (struct target_request){
		.address = address, .buffer = buffer, .length = length, .what = what
	};
}

/** A part of an area; what lies outside the area is not asked for. */
static void add_area_request(struct reading *reading, const struct ring_area *area, uint64_t offset,
			     void *buffer, size_t length, const char *what)
{
	uint64_t address;

	if (area->hva && range_inside(offset, length, 0, area->length) &&
	    checked_add(area->hva, offset, &address))
		add_request(reading, address, buffer, length, what);
	else
		set_ring_problem(reading->queue,
				 error_new(VIRTQ_ERROR_BAD_DATA,
					   "%s: QEMU has mapped %llu bytes there, expected at least %llu",
					   what, (unsigned long long)area->length,
					   (unsigned long long)offset + length));
}

static void add_split_requests(struct reading *reading)
{
	const struct queue *queue = reading->queue;
	unsigned int num = (unsigned int)queue->vring_num.value;

	add_area_request(reading, &reading->avail, 0, reading->avail_header, VRING_HEADER_SIZE,
			 "available ring");
	if (queue->event_idx) {
		add_area_request(reading, &reading->avail, vring_used_event_offset(num),
				 reading->used_event, 2, "used_event");
		add_area_request(reading, &reading->used, vring_avail_event_offset(num),
				 reading->avail_event, 2, "avail_event");
	}
}

static void add_packed_requests(struct reading *reading)
{
	reading->slot = reading->queue->last_avail_idx.value;
	add_area_request(reading, &reading->desc,
			 reading->slot * VRING_PACKED_DESC_SIZE + VRING_PACKED_DESC_FLAGS,
			 reading->desc_flags, 2, "descriptor at last_avail_idx");
	add_area_request(reading, &reading->avail, 0, reading->driver_event,
			 VRING_PACKED_EVENT_SIZE, "driver event suppression");
	add_area_request(reading, &reading->used, 0, reading->device_event,
			 VRING_PACKED_EVENT_SIZE, "device event suppression");
}

/** Ask for one reading, lagging counters first. */
static void add_requests(const struct qemu *qemu, struct reading *reading)
{
	const struct queue *queue = reading->queue;
	size_t size = qemu_item(qemu, QEMU_STRUCT_VirtQueue)->size;

	reading->request_num = 0;
	if (!queue->packed)
		add_area_request(reading, &reading->used, 0, reading->used_header,
				 VRING_HEADER_SIZE, "used ring");
	add_request(reading, queue->address, reading->virtqueue, size, "VirtQueue");
	if (queue->packed)
		add_packed_requests(reading);
	else
		add_split_requests(reading);
	add_request(reading, queue->address, reading->virtqueue_again, size, "VirtQueue");
	if (!queue->packed)
		add_area_request(reading, &reading->used, 0, reading->used_again,
				 VRING_HEADER_SIZE, "used ring");
}

/** Was @buffer read? False also if it was never asked for. */
static bool was_read(const struct reading *reading, const void *buffer)
{
	for (size_t i = 0; i < reading->request_num; i++) {
		if (reading->requests[i].buffer == buffer)
			return !reading->requests[i].error;
	}
	return false;
}

static bool is_torn(const struct qemu *qemu, const struct reading *reading)
{
	size_t size = qemu_item(qemu, QEMU_STRUCT_VirtQueue)->size;

	if (was_read(reading, reading->virtqueue) && was_read(reading, reading->virtqueue_again) &&
	    memcmp(reading->virtqueue, reading->virtqueue_again, size) != 0)
		return true;
	/* the descriptor at last_avail_idx was asked for before it moved on */
	if (reading->queue->packed && was_read(reading, reading->virtqueue) &&
	    member_get(qemu, reading->virtqueue, QEMU_VirtQueue_last_avail_idx) != reading->slot)
		return true;
	return was_read(reading, reading->used_header) && was_read(reading, reading->used_again) &&
	       memcmp(reading->used_header, reading->used_again, VRING_HEADER_SIZE) != 0;
}

static struct fact ring_fact(const struct reading *reading, const uint8_t *buffer, uint64_t value)
{
	return was_read(reading, buffer) ? fact_of(value) : fact_unreadable();
}

static void decode_split(struct reading *reading, enum byte_order order)
{
	struct queue *queue = reading->queue;
	struct vring_header used = vring_header_decode(reading->used_header, order);
	struct vring_header avail = vring_header_decode(reading->avail_header, order);

	queue->used_flags = ring_fact(reading, reading->used_header, used.flags);
	queue->used_ring_idx = ring_fact(reading, reading->used_header, used.idx);
	queue->avail_flags = ring_fact(reading, reading->avail_header, avail.flags);
	queue->avail_idx = ring_fact(reading, reading->avail_header, avail.idx);
	if (!queue->event_idx)
		return;
	queue->used_event = ring_fact(reading, reading->used_event,
				      bytes_get_u16(reading->used_event, order));
	queue->avail_event = ring_fact(reading, reading->avail_event,
				       bytes_get_u16(reading->avail_event, order));
}

/** Packed rings exist with VERSION_1 only, so they are little endian. */
static void decode_packed(struct reading *reading)
{
	const enum byte_order order = LITTLE_ENDIAN_ORDER;
	struct queue *queue = reading->queue;

	/* under vhost last_avail_idx is stale: it leads to no descriptor */
	if (!queue->vhost)
		queue->next_available = ring_fact(
			reading, reading->desc_flags,
			vring_packed_is_available(bytes_get_u16(reading->desc_flags, order),
						  fact_true(queue->last_avail_wrap_counter)));
	queue->driver_event_off_wrap = ring_fact(reading, reading->driver_event,
						 bytes_get_u16(reading->driver_event, order));
	queue->driver_event_flags = ring_fact(reading, reading->driver_event,
					      bytes_get_u16(reading->driver_event + 2, order) & 3);
	queue->device_event_off_wrap = ring_fact(reading, reading->device_event,
						 bytes_get_u16(reading->device_event, order));
	queue->device_event_flags = ring_fact(reading, reading->device_event,
					      bytes_get_u16(reading->device_event + 2, order) & 3);
}

static struct virtq_error *take_errors(struct reading *reading)
{
	struct virtq_error *gone = NULL;

	for (size_t i = 0; i < reading->request_num; i++) {
		struct virtq_error *error = reading->requests[i].error;

		if (!error)
			continue;
		if (!gone && error_is_fatal(error))
			gone = error;
		else
			set_ring_problem(reading->queue, error);
	}
	return gone;
}

/** The ring's facts of a queue whose areas could not be found. */
static void ring_unreadable(struct queue *queue)
{
	if (queue->packed) {
		queue->next_available = queue->driver_event_off_wrap = fact_unreadable();
		queue->driver_event_flags = queue->device_event_flags = fact_unreadable();
		queue->device_event_off_wrap = fact_unreadable();
		return;
	}
	queue->avail_flags = queue->avail_idx = fact_unreadable();
	queue->used_flags = queue->used_ring_idx = fact_unreadable();
	if (queue->event_idx)
		queue->used_event = queue->avail_event = fact_unreadable();
}

/** Is the ring where and as long as it was when its areas were looked for? */
static bool is_same_ring(const struct qemu *qemu, const struct reading *reading)
{
	const struct queue *queue = reading->queue;
	const uint8_t *bytes = reading->virtqueue;

	return !was_read(reading, bytes) ||
	       (member_is(qemu, bytes, QEMU_VirtQueue_vring_num, queue->vring_num) &&
		member_is(qemu, bytes, QEMU_VirtQueue_vring_desc, queue->vring_desc) &&
		member_is(qemu, bytes, QEMU_VirtQueue_vring_avail, queue->vring_avail) &&
		member_is(qemu, bytes, QEMU_VirtQueue_vring_used, queue->vring_used));
}

/** Make facts of what was read, and say whether it is to be read again. */
static struct virtq_error *decode(const struct qemu *qemu, const struct device *device,
				  struct reading *reading)
{
	struct queue *queue = reading->queue;

	/* the device was reset or unplugged: what was checked before remains, and what was
	 * read just now is of no ring any more */
	if (!is_same_ring(qemu, reading)) {
		queue->torn = queue->renewed = reading->replaced = true;
		reading->pending = false;
		ring_unreadable(queue);
		sampler_set_problem(&queue->ring_problem,
				    error_new(VIRTQ_ERROR_NOT_FOUND,
					      "the queue was set up anew while it was read"));
		return take_errors(reading);
	}
	queue->torn = reading->pending = is_torn(qemu, reading);
	if (was_read(reading, reading->virtqueue))
		queue_read_facts(qemu, reading->virtqueue, queue);
	if (queue->packed)
		decode_packed(reading);
	else
		decode_split(reading, device_byte_order(device));
	return take_errors(reading);
}

/** All pending readings in one batch; the torn ones stay pending. */
static struct virtq_error *read_pending(const struct qemu *qemu, const struct device *device,
					struct reading *readings, size_t num,
					struct target_request *requests)
{
	struct virtq_error *gone = NULL;
	struct target_hold hold;
	size_t request_num = 0;

	for (size_t i = 0; i < num; i++) {
		if (!readings[i].pending)
			continue;
		readings[i].requests = requests + request_num;
		add_requests(qemu, &readings[i]);
		request_num += readings[i].request_num;
	}
	target_hold(qemu->target, &hold);
	target_read_many(qemu->target, requests, request_num);
	for (size_t i = 0; i < num; i++) {
		struct reading *reading = &readings[i];

		if (!reading->pending)
			continue;
		struct virtq_error *error = decode(qemu, device, reading);
		/* where its areas were the guest may have something else by now */
		if (reading->replaced)
			target_hold_forget(&hold, (size_t)(reading->requests - requests),
					   reading->request_num);
		error_keep_fatal(&gone, error);
	}
	target_hold_release(&hold);
	return gone;
}

/** The VRingMemoryRegionCaches of all readings, one after the other in @caches. */
static void read_caches(const struct qemu *qemu, const struct reading *readings, size_t num,
			uint8_t *caches, struct target_request *requests)
{
	size_t size = qemu_item(qemu, QEMU_STRUCT_VRingMemoryRegionCaches)->size;

	for (size_t i = 0; i < num; i++) {
		uint64_t address = readings[i].queue->caches_address;

		requests[i] = (struct target_request){ .address = address,
						       .buffer = caches + i * size,
						       .length = address ? size : 0,
						       .what = "VRingMemoryRegionCaches" };
	}
	target_read_many(qemu->target, requests, num);
}

/** Find the rings of all readings; those that cannot be found do not stay pending. */
static struct virtq_error *locate_all(struct sampler *sampler, const struct device *device,
				      struct reading *readings, size_t num,
				      struct target_request *requests)
{
	const struct qemu *qemu = sampler->qemu;
	size_t size = qemu_item(qemu, QEMU_STRUCT_VRingMemoryRegionCaches)->size;
	_cleanup_free_ uint8_t *caches = array_new(num, size);
	struct virtq_error *gone = NULL;

	if (!caches)
		return &virtq_error_no_memory;
	read_caches(qemu, readings, num, caches, requests);
	for (size_t i = 0; i < num; i++) {
		struct virtq_error *error = requests[i].error;

		if (!error)
			error = locate(sampler, device, &readings[i],
				       readings[i].queue->caches_address ? caches + i * size : NULL);
		readings[i].pending = !error;
		if (!error)
			continue;
		ring_unreadable(readings[i].queue);
		if (!gone && error_is_fatal(error))
			gone = error;
		else
			set_ring_problem(readings[i].queue, error);
	}
	return gone;
}

struct virtq_error *rings_read(struct sampler *sampler, struct device *device)
{
	const struct qemu *qemu = sampler->qemu;
	size_t size = qemu_item(qemu, QEMU_STRUCT_VirtQueue)->size;
	size_t num = 0;

	for (size_t i = 0; i < device->queue_num; i++)
		num += device->queues[i].readable && device->queues[i].set_up;
	if (!num)
		return NULL;

	_cleanup_free_ struct reading *readings = array_new(num, sizeof(*readings));
	_cleanup_free_ struct target_request *requests =
		array_new(num * REQUESTS_MAX, sizeof(*requests));
	_cleanup_free_ uint8_t *copies = array_new(num * 2, size);
	if (!readings || !requests || !copies)
		return &virtq_error_no_memory;
	for (size_t i = 0, j = 0; i < device->queue_num; i++) {
		if (!device->queues[i].readable || !device->queues[i].set_up)
			continue;
		readings[j].queue = &device->queues[i];
		readings[j].virtqueue = copies + 2 * j * size;
		readings[j].virtqueue_again = readings[j].virtqueue + size;
		j++;
	}

	TRY(locate_all(sampler, device, readings, num, requests));
	for (int attempt = 1; attempt <= ATTEMPTS; attempt++)
		TRY(read_pending(qemu, device, readings, num, requests));
	return NULL;
}

struct virtq_error *ring_locate(struct sampler *sampler, const struct device *device,
				struct queue *queue, struct ring_area areas_ret[RING_AREAS])
{
	const struct qemu *qemu = sampler->qemu;
	size_t size = qemu_item(qemu, QEMU_STRUCT_VRingMemoryRegionCaches)->size;
	_cleanup_free_ uint8_t *caches = array_new(1, size);
	struct reading reading = { .queue = queue };
	struct virtq_error *error = NULL;

	if (!caches)
		return &virtq_error_no_memory;
	if (queue->caches_address)
		error = target_read(qemu->target, queue->caches_address, caches, size,
				    "VRingMemoryRegionCaches");
	if (!error)
		error = locate(sampler, device, &reading, queue->caches_address ? caches : NULL);
	if (error)
		return error;
	areas_ret[RING_DESC] = reading.desc;
	areas_ret[RING_AVAIL] = reading.avail;
	areas_ret[RING_USED] = reading.used;
	return NULL;
}
