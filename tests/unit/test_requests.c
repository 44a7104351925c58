/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Requests in flight and disks, in the fake QEMU of qemu_builder.h: what
 * virtio-blk, virtio-scsi, the block layer and the rings know of them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/checked.h"
#include "qemu_builder.h"
#include "vring/chain.h"

#define MODERN (VIRTIO_F_VERSION_1 | VIRTIO_F_EVENT_IDX)

static const struct builder_spec block_spec = { .id = "disk0",
						.type = "virtio-blk-device",
						.device_id = 2,
						.devfn = 3 << 3,
						.features = MODERN,
						.queue_num = 2 };
static const struct builder_spec scsi_spec = { .id = "scsi0",
					       .type = "virtio-scsi-device",
					       .device_id = 8,
					       .devfn = 4 << 3,
					       .features = MODERN,
					       .queue_num = 4 };
static const struct builder_spec other_spec = { .id = "crypto0",
						.type = "virtio-crypto-device",
						.device_id = 20,
						.devfn = 5 << 3,
						.features = MODERN,
						.queue_num = 1,
						.ring_num = 8 };
static const struct builder_spec packed_spec = { .id = "packed0",
						 .type = "virtio-crypto-device",
						 .device_id = 20,
						 .devfn = 6 << 3,
						 .features = MODERN | VIRTIO_F_RING_PACKED,
						 .queue_num = 1,
						 .ring_num = 8 };

/** A BlockBackend with a root node. */
struct disk {
	uint64_t blk, child, bs, driver;
};

struct fixture {
	struct qemu_builder builder;
	struct builder_device *block, *scsi, *other, *packed;
	struct disk disk;
	uint64_t tracked; /**< The last BdrvTrackedRequest that was added. */
	struct sample sample;
};

#define SET(base, member, value) builder_set(&fixture->builder, base, QEMU_##member, value)
#define NEW(type) builder_new(&fixture->builder, QEMU_STRUCT_##type)
#define AT(base, member) builder_at(&fixture->builder, base, QEMU_##member)
#define SYMBOL(name) builder_symbol(&fixture->builder, QEMU_SYMBOL_##name)

/* ---- Building ---------------------------------------------------------------------- */

static struct disk add_disk(struct fixture *fixture, uint64_t device, const char *node)
{
	struct disk disk = { NEW(BlockBackend), NEW(BdrvChild), NEW(BlockDriverState),
			     NEW(BlockDriver) };

	SET(disk.blk, BlockBackend_name, builder_string(&fixture->builder, ""));
	SET(disk.blk, BlockBackend_dev, device);
	SET(disk.blk, BlockBackend_root, disk.child);
	SET(disk.child, BdrvChild_bs, disk.bs);
	SET(disk.bs, BlockDriverState_drv, disk.driver);
	SET(disk.driver, BlockDriver_format_name, builder_string(&fixture->builder, "raw"));
	strcpy((char *)builder_bytes(&fixture->builder, AT(disk.bs, BlockDriverState_node_name),
				     32),
	       node);
	return disk;
}

static void machine_init(struct fixture *fixture, enum byte_order order, uint8_t pointer_size)
{
	*fixture = (struct fixture){ 0 };
	builder_init(&fixture->builder, order, pointer_size);
	fixture->block = builder_add_device(&fixture->builder, &block_spec);
	fixture->scsi = builder_add_device(&fixture->builder, &scsi_spec);
	fixture->other = builder_add_device(&fixture->builder, &other_spec);
	fixture->packed = builder_add_device(&fixture->builder, &packed_spec);
	fixture->disk = add_disk(fixture, fixture->block->vdev, "node0");
	SET(fixture->block->vdev, VirtIOBlock_blk, fixture->disk.blk);
}

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	assert_non_null(fixture);
	machine_init(fixture, LITTLE_ENDIAN_ORDER, 8);
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	sample_deinit(&fixture->sample);
	builder_deinit(&fixture->builder);
	free(fixture);
	return 0;
}

static uint8_t *ram(struct fixture *fixture, uint64_t gpa, size_t length)
{
	return builder_bytes(&fixture->builder,
			     fixture->builder.ram_address + (gpa - BUILDER_RAM_GPA), length);
}

static void put(uint8_t *to, uint64_t value, size_t size)
{
	for (size_t i = 0; i < size; i++)
		to[i] = (uint8_t)(value >> 8 * i);
}

/** A descriptor of a queue of VERSION_1, which is little endian. */
static void descriptor(struct fixture *fixture, const struct builder_queue *queue,
		       unsigned int index, uint64_t gpa, uint32_t length, uint16_t third,
		       uint16_t fourth)
{
	uint8_t *to = builder_bytes(&fixture->builder, queue->desc + 16 * (uint64_t)index, 16);

	put(to, gpa, 8);
	put(to + 8, length, 4);
	put(to + 12, third, 2);
	put(to + 14, fourth, 2);
}

/** Guest memory that rings do not use. */
enum { HEADERS = 0x40000, PAYLOAD = 0x50000 };

/** Three descriptors from @head on: a read or write of @length bytes at @sector. */
static void put_chain(struct fixture *fixture, const struct builder_queue *queue, uint16_t head,
		      uint32_t type, uint64_t sector, uint32_t length)
{
	uint64_t header = BUILDER_RAM_GPA + HEADERS + 16 * (uint64_t)head;

	put(ram(fixture, header, 16), type, 4);
	put(ram(fixture, header, 16) + 8, sector, 8);
	descriptor(fixture, queue, head, header, 16, CHAIN_DESC_F_NEXT, (uint16_t)(head + 1));
	descriptor(fixture, queue, head + 1, BUILDER_RAM_GPA + PAYLOAD, length,
		   CHAIN_DESC_F_NEXT | (type == 0 ? CHAIN_DESC_F_WRITE : 0), (uint16_t)(head + 2));
	descriptor(fixture, queue, head + 2, BUILDER_RAM_GPA + PAYLOAD + 0x1000, 1,
		   CHAIN_DESC_F_WRITE, 0);
}

static void put_avail(struct fixture *fixture, const struct builder_queue *queue, uint16_t position,
		      uint16_t head)
{
	builder_set_ring(&fixture->builder, queue,
			 queue->avail + VRING_HEADER_SIZE + 2 * (uint64_t)(position % queue->num),
			 head);
}

static void put_used(struct fixture *fixture, const struct builder_queue *queue, uint16_t position,
		     uint16_t head)
{
	builder_set_ring(&fixture->builder, queue,
			 queue->used + VRING_HEADER_SIZE + 8 * (uint64_t)(position % queue->num),
			 head);
}

static void set_indices(struct fixture *fixture, const struct builder_queue *queue, uint16_t used,
			uint16_t last, uint16_t avail)
{
	const struct builder_indices indices = { avail, avail, last, used, used, avail, used };

	builder_set_indices(&fixture->builder, queue, &indices);
}

/** A VirtIOBlockReq that is to be in flight in @queue. */
static uint64_t block_req(struct fixture *fixture, const struct builder_queue *queue, uint16_t head,
			  uint32_t type, uint64_t sector, uint32_t length, uint64_t started)
{
	uint64_t req = NEW(VirtIOBlockReq);

	SET(req, VirtQueueElement_index, head);
	SET(req, VirtQueueElement_ndescs, 1);
	SET(req, VirtIOBlockReq_dev, fixture->block->vdev);
	SET(req, VirtIOBlockReq_vq, queue->virtqueue);
	SET(req, VirtIOBlockReq_sector_num, sector);
	SET(req, VirtIOBlockReq_size, length);
	SET(req, VirtIOBlockReq_in_len, type == 0 ? length + 1 : 1);
	SET(req, VirtIOBlockReq_start_time, started);
	put(builder_bytes(&fixture->builder, AT(req, VirtIOBlockReq_out), 16), type, 4);
	put_chain(fixture, queue, head, type, sector, length);
	return req;
}

/** The coroutine that works on @req. */
static uint64_t coroutine(struct fixture *fixture, uint64_t entry, uint64_t callback, uint64_t blk,
			  uint64_t req)
{
	uint64_t co = NEW(Coroutine), acb = NEW(BlkAioEmAIOCB);

	SET(co, Coroutine_entry, entry);
	SET(co, Coroutine_entry_arg, acb);
	SET(acb, BlkAioEmAIOCB_blk, blk);
	SET(acb, BlkAioEmAIOCB_cb, callback);
	SET(acb, BlkAioEmAIOCB_opaque, req);
	return co;
}

/** At the head of the tracked requests of the disk's root node. */
static void track(struct fixture *fixture, uint64_t co)
{
	uint64_t tracked = NEW(BdrvTrackedRequest);

	SET(tracked, BdrvTrackedRequest_bs, fixture->disk.bs);
	SET(tracked, BdrvTrackedRequest_co, co);
	SET(tracked, BdrvTrackedRequest_list, fixture->tracked);
	SET(fixture->disk.bs, BlockDriverState_tracked_requests, tracked);
	fixture->tracked = tracked;
}

/** A read of the first queue that its disk works on. */
static uint64_t track_read(struct fixture *fixture, uint16_t head, uint64_t sector, uint64_t started)
{
	uint64_t req = block_req(fixture, &fixture->block->queues[0], head, 0, sector, 4096,
				 started);

	track(fixture, coroutine(fixture, SYMBOL(blk_aio_read_entry),
				 SYMBOL(virtio_blk_rw_complete), fixture->disk.blk, req));
	return req;
}

/* ---- Looking ----------------------------------------------------------------------- */

static struct device *sampled(struct fixture *fixture, const struct builder_device *wanted)
{
	sample_deinit(&fixture->sample);
	fixture->sample = (struct sample){ 0 };
	struct virtq_error *error = builder_sample(&fixture->builder, &fixture->sample);
	if (error)
		fail_msg("qemu_sample(): %s", virtq_error_message(error));
	for (size_t i = 0; i < fixture->sample.device_num; i++) {
		if (fixture->sample.devices[i].address == wanted->vdev)
			return &fixture->sample.devices[i];
	}
	fail_msg("the device was not found");
	return NULL;
}

static const struct request_field *find_field(const struct request *request, const char *name)
{
	for (size_t i = 0; i < request->field_num; i++) {
		if (!strcmp(request->fields[i].name, name))
			return &request->fields[i];
	}
	return NULL;
}

static void assert_field(const struct request *request, const char *name, uint64_t value)
{
	const struct request_field *field = find_field(request, name);

	if (!field)
		fail_msg("there is no %s", name);
	else
		assert_int_equal(field->value, value);
}

static void assert_word(const struct request *request, const char *name, const char *word)
{
	const struct request_field *field = find_field(request, name);

	if (!field)
		fail_msg("there is no %s", name);
	else
		assert_string_equal(field->text, word);
}

static void assert_request(const struct request *request, uint64_t head, enum request_stage stage,
			   enum request_source source, const char *found_in)
{
	assert_true(fact_is(request->head, head));
	assert_int_equal(request->stage, stage);
	assert_int_equal(request->source, source);
	assert_string_equal(request->found_in, found_in);
}

static void assert_block(const struct request *request, const char *type, uint64_t sector,
			 uint64_t length)
{
	assert_word(request, "type", type);
	assert_field(request, "sector", sector);
	assert_field(request, "length", length);
}

static void assert_no_problem(const struct queue *queue)
{
	if (queue->requests_problem)
		fail_msg("%s", queue->requests_problem);
}

static void assert_problem(const char *problem, const char *text)
{
	assert_non_null(problem);
	if (!strstr(problem, text))
		fail_msg("'%s' is not in: %s", text, problem);
}

/* ---- virtio-blk -------------------------------------------------------------------- */

static void check_block(struct fixture *fixture)
{
	const struct builder_queue *queue = &fixture->block->queues[0];
	uint64_t flush, merged, discard, write;

	/* two that are one to the disk, in the order they were made available */
	merged = block_req(fixture, queue, 3, 1, 1008, 4096, 500);
	write = block_req(fixture, queue, 0, 1, 1000, 8192, 400);
	SET(write, VirtIOBlockReq_mr_next, merged);
	SET(write, VirtIOBlockReq_size, 4096 + 4096);
	track(fixture, coroutine(fixture, SYMBOL(blk_aio_write_entry),
				 SYMBOL(virtio_blk_rw_complete), fixture->disk.blk, write));
	track_read(fixture, 6, 64, 300);
	/* a flush behind another one, and a discard that waits for the end of a drain */
	flush = block_req(fixture, queue, 9, 4, 0, 16, 600);
	SET(fixture->disk.bs, BlockDriverState_flush_queue,
	    coroutine(fixture, SYMBOL(blk_aio_flush_entry), SYMBOL(virtio_blk_flush_complete),
		      fixture->disk.blk, flush));
	discard = block_req(fixture, queue, 12, 11, 0, 16, 200);
	uint64_t co = coroutine(fixture, SYMBOL(blk_aio_pdiscard_entry),
				SYMBOL(virtio_blk_discard_write_zeroes_complete), fixture->disk.blk,
				discard);
	uint64_t acb = builder_get(&fixture->builder, co, QEMU_Coroutine_entry_arg);
	SET(acb, BlkAioEmAIOCB_offset, 4096 * 512);
	SET(acb, BlkAioEmAIOCB_bytes, 65536);
	SET(fixture->disk.blk, BlockBackend_queued_requests, co);
	set_indices(fixture, queue, 100, 105, 105);

	const struct device *device = sampled(fixture, fixture->block);
	const struct queue *found = &device->queues[0];
	assert_no_problem(found);
	assert_int_equal(found->request_num, 5);
	assert_true(found->requests_complete);
	/* the oldest first */
	const struct request *requests = found->requests;
	assert_request(&requests[0], 12, REQUEST_IN_DEVICE, REQUEST_EXACT, "queued requests");
	assert_block(&requests[0], "discard", 4096, 65536);
	assert_request(&requests[1], 6, REQUEST_IN_DEVICE, REQUEST_EXACT, "tracked requests");
	assert_block(&requests[1], "in", 64, 4096);
	assert_request(&requests[2], 0, REQUEST_IN_DEVICE, REQUEST_EXACT, "tracked requests");
	assert_block(&requests[2], "out", 1000, 4096);
	assert_request(&requests[3], 3, REQUEST_IN_DEVICE, REQUEST_EXACT, "tracked requests");
	assert_block(&requests[3], "out", 1008, 4096);
	assert_request(&requests[4], 9, REQUEST_IN_DEVICE, REQUEST_EXACT, "flush queue");
	assert_word(&requests[4], "type", "flush");
	assert_null(find_field(&requests[4], "sector"));
	assert_true(requests[3].address == merged);
	assert_true(fact_is(requests[1].descriptors, 3));
	assert_true(fact_is(requests[1].out_length, 16));
	assert_true(fact_is(requests[1].in_length, 4097));
	assert_int_equal(requests[1].fault, CHAIN_OK);
	assert_int_equal(device->queues[1].request_num, 0);

	/* a type that has no name is text as well */
	put(builder_bytes(&fixture->builder, AT(flush, VirtIOBlockReq_out), 16), 77, 4);
	device = sampled(fixture, fixture->block);
	assert_word(&device->queues[0].requests[4], "type", "0x4d");

	const struct backend *disk = &device->backends[0];
	assert_true(fact_is(disk->tracked_requests, 2));
	assert_true(fact_is(disk->queued_requests, 1));
	assert_null(disk->problem);
}

static void test_block(void **state)
{
	check_block(*state);
}

static void test_block_32_bits(void **state)
{
	struct fixture fixture;

	(void)state;
	machine_init(&fixture, BIG_ENDIAN_ORDER, 4);
	check_block(&fixture);
	sample_deinit(&fixture.sample);
	builder_deinit(&fixture.builder);
}

static void test_block_parked(void **state)
{
	struct fixture *fixture = *state;
	const struct builder_queue *queue = &fixture->block->queues[1];
	uint64_t first = block_req(fixture, queue, 0, 0, 8, 512, 0);
	uint64_t second = block_req(fixture, queue, 3, 1, 16, 512, 0);

	SET(first, VirtIOBlockReq_next, second);
	SET(fixture->block->vdev, VirtIOBlock_rq, first);
	set_indices(fixture, queue, 7, 9, 9);
	const struct device *device = sampled(fixture, fixture->block);
	assert_int_equal(device->queues[1].request_num, 2);
	assert_true(device->queues[1].requests_complete);
	assert_request(&device->queues[1].requests[0], 0, REQUEST_IN_DEVICE, REQUEST_EXACT,
		       "parked requests");
	assert_block(&device->queues[1].requests[1], "out", 16, 512);
	assert_true(fact_is(device->backends[0].parked_requests, 2));
}

/** Coroutines that are not this device's are passed over; what only looks like one is said. */
static void test_block_others(void **state)
{
	struct fixture *fixture = *state;
	const struct builder_queue *queue = &fixture->block->queues[0];
	uint64_t job = NEW(Coroutine);
	uint64_t other = block_req(fixture, queue, 3, 0, 1, 512, 0);

	track_read(fixture, 0, 64, 300);
	SET(job, Coroutine_entry, SYMBOL(blk_aio_read_entry) + 4);
	SET(job, Coroutine_entry_arg, 0x1234);
	track(fixture, job);
	/* another BlockBackend on the same node, as an export has it */
	track(fixture, coroutine(fixture, SYMBOL(blk_aio_read_entry),
				 SYMBOL(virtio_blk_rw_complete), fixture->disk.blk + 64, other));
	track(fixture, coroutine(fixture, SYMBOL(blk_aio_read_entry),
				 SYMBOL(virtio_blk_rw_complete) + 4, fixture->disk.blk, other));
	set_indices(fixture, queue, 10, 11, 11);
	const struct device *device = sampled(fixture, fixture->block);
	assert_no_problem(&device->queues[0]);
	assert_int_equal(device->queues[0].request_num, 1);
	assert_true(device->queues[0].requests_complete);
	assert_true(fact_is(device->backends[0].tracked_requests, 4));

	SET(other, VirtIOBlockReq_dev, fixture->scsi->vdev);
	track(fixture, coroutine(fixture, SYMBOL(blk_aio_read_entry),
				 SYMBOL(virtio_blk_rw_complete), fixture->disk.blk, other));
	device = sampled(fixture, fixture->block);
	assert_int_equal(device->queues[0].request_num, 1);
	assert_problem(device->queues[0].requests_problem, "none of this device");
	assert_false(device->queues[0].requests_complete);
}

/** The driver used a head again before its request was done: both are held. */
static void test_block_twice(void **state)
{
	struct fixture *fixture = *state;
	const struct builder_queue *queue = &fixture->block->queues[0];
	uint64_t first = track_read(fixture, 0, 64, 300);

	track_read(fixture, 0, 128, 400);
	/* the same object in another list is the same request */
	track(fixture, coroutine(fixture, SYMBOL(blk_aio_read_entry),
				 SYMBOL(virtio_blk_rw_complete), fixture->disk.blk, first));
	set_indices(fixture, queue, 10, 12, 12);
	const struct device *device = sampled(fixture, fixture->block);
	assert_no_problem(&device->queues[0]);
	assert_int_equal(device->queues[0].request_num, 2);
	assert_true(device->queues[0].requests_complete);
	assert_block(&device->queues[0].requests[0], "in", 64, 4096);
	assert_block(&device->queues[0].requests[1], "in", 128, 4096);
	assert_true(fact_is(device->queues[0].requests[0].head, 0));
	assert_true(fact_is(device->queues[0].requests[1].head, 0));
}

static void test_block_hostile(void **state)
{
	struct fixture *fixture = *state;
	const struct builder_queue *queue = &fixture->block->queues[0];
	uint64_t req = track_read(fixture, 0, 64, 300);

	set_indices(fixture, queue, 10, 11, 11);
	/* a head that the ring does not have */
	SET(req, VirtQueueElement_index, queue->num);
	const struct device *device = sampled(fixture, fixture->block);
	assert_problem(device->queues[0].requests_problem, "index is 16");
	/* the list is its own end */
	SET(req, VirtQueueElement_index, 0);
	SET(fixture->tracked, BdrvTrackedRequest_list, fixture->tracked);
	device = sampled(fixture, fixture->block);
	assert_int_equal(device->queues[0].request_num, 1);
	assert_problem(device->queues[0].requests_problem, "comes back");
	assert_problem(device->backends[0].problem, "comes back");
	assert_int_equal(device->backends[0].tracked_requests.state, FACT_UNREADABLE);
	SET(fixture->tracked, BdrvTrackedRequest_list, 0);
	SET(req, VirtIOBlockReq_mr_next, req);
	device = sampled(fixture, fixture->block);
	assert_problem(device->queues[0].requests_problem, "comes back");
	/* a node that is not there */
	SET(req, VirtIOBlockReq_mr_next, 0);
	SET(fixture->disk.child, BdrvChild_bs, 0x10);
	device = sampled(fixture, fixture->block);
	assert_non_null(device->backends[0].problem);
	assert_non_null(device->queues[0].requests_problem);
	assert_int_equal(device->backends[0].tracked_requests.state, FACT_ABSENT);
	/* an enumerator that there is not */
	SET(fixture->disk.blk, BlockBackend_on_write_error, 5);
	device = sampled(fixture, fixture->block);
	assert_problem(device->backends[0].problem, "on_write_error is 5");
	assert_int_equal(device->backends[0].on_write_error.state, FACT_UNREADABLE);
	/* a BlockBackend of somebody else */
	SET(fixture->disk.blk, BlockBackend_dev, fixture->scsi->vdev);
	device = sampled(fixture, fixture->block);
	assert_problem(device->backends[0].problem, "BlockBackend: dev is");
	assert_int_equal(device->backends[0].in_flight.state, FACT_ABSENT);
}

/** Each of many tracked requests leads to the same long list: no list is too long, but all are. */
static void test_block_lists_of_lists(void **state)
{
	enum { TRACKED = 400, MERGED = 500 };
	struct fixture *fixture = *state;
	const struct builder_queue *queue = &fixture->block->queues[0];
	uint64_t next = 0;

	for (unsigned int i = 0; i < MERGED; i++) {
		uint64_t req = block_req(fixture, queue, 0, 0, 64, 4096, 300);

		SET(req, VirtIOBlockReq_mr_next, next);
		next = req;
	}
	uint64_t co = coroutine(fixture, SYMBOL(blk_aio_read_entry), SYMBOL(virtio_blk_rw_complete),
				fixture->disk.blk, next);
	for (unsigned int i = 0; i < TRACKED; i++)
		track(fixture, co);
	set_indices(fixture, queue, 10, 11, 11);
	const struct device *device = sampled(fixture, fixture->block);
	assert_problem(device->queues[0].requests_problem, "all lists together");
	assert_int_equal(device->queues[0].request_num, MERGED);
}

/* ---- Disks ------------------------------------------------------------------------- */

static void test_disk(void **state)
{
	struct fixture *fixture = *state;
	uint64_t blk = fixture->disk.blk, bs = fixture->disk.bs;

	SET(blk, BlockBackend_in_flight, 3);
	SET(blk, BlockBackend_quiesce_counter, 1);
	SET(blk, BlockBackend_on_read_error, 0);
	SET(blk, BlockBackend_on_write_error, 2);
	SET(blk, BlockBackend_iostatus_enabled, 1);
	SET(blk, BlockBackend_iostatus, 2);
	SET(bs, BlockDriverState_in_flight, 4);
	SET(bs, BlockDriverState_quiesce_counter, 2);
	SET(bs, BlockDriverState_active_flush_req, 1);
	const struct device *device = sampled(fixture, fixture->block);
	assert_int_equal(device->backend_num, 1);
	const struct backend *disk = &device->backends[0];
	assert_int_equal(disk->kind, BACKEND_DISK);
	assert_string_equal(disk->name, "disk0");
	assert_string_equal(disk->node, "node0");
	assert_string_equal(disk->type, "raw");
	assert_int_equal(disk->first_queue, 0);
	assert_int_equal(disk->queue_num, 2);
	assert_true(disk->address == blk);
	assert_true(fact_is(disk->in_flight, 3));
	assert_true(fact_is(disk->quiesce_counter, 1));
	assert_true(fact_is(disk->on_read_error, 0));
	assert_true(fact_is(disk->on_write_error, 2));
	assert_true(fact_is(disk->iostatus, 2));
	assert_true(fact_is(disk->node_in_flight, 4));
	assert_true(fact_is(disk->node_quiesce_counter, 2));
	assert_true(fact_is(disk->flush_active, 1));
	assert_true(fact_is(disk->throttled_reads, 0));
	assert_int_equal(disk->throttle_timers.state, FACT_ABSENT);
	assert_null(disk->problem);

	/* QEMU ignores the status when no error stops the VM */
	SET(blk, BlockBackend_on_write_error, 0);
	SET(blk, BlockBackend_name, builder_string(&fixture->builder, "drive-virtio-disk0"));
	/* no medium, and a name that is garbage */
	SET(blk, BlockBackend_root, 0);
	disk = sampled(fixture, fixture->block)->backends;
	assert_int_equal(disk->iostatus.state, FACT_ABSENT);
	assert_int_equal(disk->node_in_flight.state, FACT_ABSENT);
	assert_null(disk->node);
	assert_string_equal(disk->name, "drive-virtio-disk0");
	assert_null(disk->problem);
}

/** A throttle group with one member; @armed says whether its timer for writes is. */
static uint64_t add_throttle(struct fixture *fixture, uint64_t member, bool armed)
{
	uint64_t group = NEW(ThrottleGroup), timer = NEW(QEMUTimer);
	uint64_t state = AT(group, ThrottleGroup_ts);

	SET(timer, QEMUTimer_expire_time, armed ? 12345 : UINT64_MAX);
	SET(group, ThrottleGroup_head, member);
	SET(member, ThrottleGroupMember_throttle_state, state);
	builder_write_pointer(&fixture->builder,
			      AT(member, ThrottleGroupMember_timers) +
				      fixture->builder.pointer_size,
			      timer);
	return timer;
}

/** Put @co into the queue of writes of a throttle group's member. */
static void throttle_write(struct fixture *fixture, uint64_t member, uint64_t co)
{
	builder_write_pointer(&fixture->builder,
			      AT(member, ThrottleGroupMember_throttled_reqs) +
				      2 * (uint64_t)fixture->builder.pointer_size,
			      co);
}

static void test_throttled(void **state)
{
	struct fixture *fixture = *state;
	const struct builder_queue *queue = &fixture->block->queues[0];
	uint64_t member = AT(fixture->disk.blk, BlockBackend_throttle);
	uint64_t req = block_req(fixture, queue, 0, 1, 80, 512, 100);
	uint64_t co = coroutine(fixture, SYMBOL(blk_aio_write_entry),
				SYMBOL(virtio_blk_rw_complete), fixture->disk.blk, req);
	uint64_t timer = add_throttle(fixture, member, true);

	set_indices(fixture, queue, 10, 11, 11);
	throttle_write(fixture, member, co);
	const struct device *device = sampled(fixture, fixture->block);
	assert_true(fact_is(device->backends[0].throttled_writes, 1));
	assert_true(fact_is(device->backends[0].throttled_reads, 0));
	assert_true(fact_is(device->backends[0].throttle_timers, 1));
	assert_request(&device->queues[0].requests[0], 0, REQUEST_IN_DEVICE, REQUEST_EXACT,
		       "throttled requests");

	/* the timer is gone: nobody wakes it */
	SET(timer, QEMUTimer_expire_time, UINT64_MAX);
	device = sampled(fixture, fixture->block);
	assert_true(fact_is(device->backends[0].throttle_timers, 0));
	/* but for a coroutine that is on its way */
	SET(member, ThrottleGroupMember_restart_pending, 1);
	device = sampled(fixture, fixture->block);
	assert_true(fact_is(device->backends[0].throttle_timers, 1));
}

/** The filter driver "throttle" above the node of the file; requests are tracked, too. */
static void test_throttle_filter(void **state)
{
	struct fixture *fixture = *state;
	const struct builder_queue *queue = &fixture->block->queues[0];
	uint64_t member = NEW(ThrottleGroupMember);
	uint64_t req = block_req(fixture, queue, 0, 1, 80, 512, 100);
	uint64_t co = coroutine(fixture, SYMBOL(blk_aio_write_entry),
				SYMBOL(virtio_blk_rw_complete), fixture->disk.blk, req);

	SET(fixture->disk.driver, BlockDriver_format_name,
	    builder_string(&fixture->builder, "throttle"));
	SET(fixture->disk.bs, BlockDriverState_opaque, member);
	add_throttle(fixture, member, true);
	throttle_write(fixture, member, co);
	track(fixture, co);
	set_indices(fixture, queue, 10, 11, 11);
	const struct device *device = sampled(fixture, fixture->block);
	assert_true(fact_is(device->backends[0].throttled_writes, 1));
	assert_true(fact_is(device->backends[0].throttle_timers, 1));
	assert_string_equal(device->backends[0].type, "throttle");
	assert_int_equal(device->queues[0].request_num, 1);
	assert_true(device->queues[0].requests_complete);
	assert_string_equal(device->queues[0].requests[0].found_in, "throttled requests");
}

/* ---- virtio-scsi ------------------------------------------------------------------- */

/** A disk on the device's bus. */
static uint64_t add_scsi_disk(struct fixture *fixture, const char *id, uint32_t target)
{
	static const char *const types[] = { "scsi-hd", "scsi-disk-base", "scsi-device", "device",
					     "object", NULL };
	uint64_t scsi = NEW(SCSIDevice);

	SET(scsi, Object_class, builder_class(&fixture->builder, types));
	SET(scsi, DeviceState_id, builder_string(&fixture->builder, id));
	SET(scsi, SCSIDevice_id, target);
	SET(scsi, SCSIDevice_blk, add_disk(fixture, scsi, id).blk);
	builder_add_child(&fixture->builder, AT(fixture->scsi->vdev, VirtIOSCSI_bus), scsi);
	return scsi;
}

static uint64_t add_scsi_request(struct fixture *fixture, uint64_t scsi,
				 const struct builder_queue *queue, uint16_t head, uint8_t opcode,
				 uint64_t lba, uint64_t started)
{
	uint64_t sreq = NEW(SCSIDiskReq), req = NEW(VirtIOSCSIReq);
	uint64_t list = AT(scsi, SCSIDevice_requests);

	SET(sreq, SCSIRequest_dev, scsi);
	SET(sreq, SCSIRequest_lun, 0);
	SET(sreq, SCSIRequest_hba_private, req);
	SET(sreq, SCSIRequest_lba, lba);
	SET(sreq, SCSIRequest_xfer, 4096);
	SET(sreq, SCSIDiskReq_start_time, started);
	*builder_bytes(&fixture->builder, AT(sreq, SCSIRequest_opcode), 1) = opcode;
	SET(sreq, SCSIRequest_next, builder_read_pointer(&fixture->builder, list));
	builder_write_pointer(&fixture->builder, list, sreq);
	SET(req, VirtQueueElement_index, head);
	SET(req, VirtQueueElement_ndescs, 1);
	SET(req, VirtIOSCSIReq_dev, fixture->scsi->vdev);
	SET(req, VirtIOSCSIReq_vq, queue->virtqueue);
	SET(req, VirtIOSCSIReq_sreq, sreq);
	SET(req, VirtIOSCSIReq_tag, 77);
	return req;
}

static void test_scsi(void **state)
{
	struct fixture *fixture = *state;
	const struct builder_queue *queue = &fixture->scsi->queues[2];
	uint64_t first = add_scsi_disk(fixture, "hd0", 3);
	uint64_t second = add_scsi_disk(fixture, "hd1", 4);

	add_scsi_request(fixture, first, queue, 1, 0x28, 9000, 50);
	add_scsi_request(fixture, second, queue, 2, 0x8a, 9001, 40);
	add_scsi_request(fixture, second, queue, 5, 0x12, 0xdeadbeef, 0);
	/* one that the guest has forgotten: QEMU cleared hba_private */
	uint64_t forgotten = add_scsi_request(fixture, second, queue, 6, 0x28, 1, 1);
	SET(builder_get(&fixture->builder, forgotten, QEMU_VirtIOSCSIReq_sreq),
	    SCSIRequest_hba_private, 0);
	set_indices(fixture, queue, 65534, 1, 1);

	const struct device *device = sampled(fixture, fixture->scsi);
	const struct queue *found = &device->queues[2];
	assert_no_problem(found);
	assert_int_equal(found->request_num, 3);
	assert_true(found->requests_complete);
	assert_request(&found->requests[0], 2, REQUEST_IN_DEVICE, REQUEST_EXACT, "SCSI requests");
	assert_word(&found->requests[0], "opcode", "WRITE(16)");
	assert_field(&found->requests[0], "target", 4);
	assert_field(&found->requests[0], "lba", 9001);
	assert_field(&found->requests[0], "length", 4096);
	assert_field(&found->requests[0], "tag", 77);
	assert_word(&found->requests[1], "opcode", "READ(10)");
	assert_field(&found->requests[1], "lba", 9000);
	/* not every command has an address */
	assert_word(&found->requests[2], "opcode", "INQUIRY");
	assert_null(find_field(&found->requests[2], "lba"));

	assert_int_equal(device->backend_num, 2);
	assert_string_equal(device->backends[0].name, "hd1");
	assert_string_equal(device->backends[1].name, "hd0");
	assert_int_equal(device->backends[0].first_queue, 2);
	assert_int_equal(device->backends[0].queue_num, 2);
	assert_null(device->backends[0].problem);

	/* back-pointers that do not lead back */
	uint64_t wrong = add_scsi_request(fixture, first, queue, 7, 0x28, 1, 1);
	SET(wrong, VirtIOSCSIReq_sreq, first);
	found = &sampled(fixture, fixture->scsi)->queues[2];
	assert_problem(found->requests_problem, "none of this device");
	assert_false(found->requests_complete);
}

/** Commands in the ring: the header is the guest's. */
static void test_scsi_available(void **state)
{
	struct fixture *fixture = *state;
	const struct builder_queue *queue = &fixture->scsi->queues[3];
	uint64_t header = BUILDER_RAM_GPA + HEADERS;
	uint8_t *bytes = ram(fixture, header, 64);

	/* target 5, LUN 2, READ(10) at 0x123456 */
	memcpy(bytes, "\x01\x05\x40\x02\0\0\0\0", 8);
	put(bytes + 8, 99, 8);
	memcpy(bytes + 19, "\x28\0\x00\x12\x34\x56\0\0\x01\0", 10);
	descriptor(fixture, queue, 0, header, 51, CHAIN_DESC_F_NEXT, 1);
	descriptor(fixture, queue, 1, header + 64, 108, CHAIN_DESC_F_NEXT | CHAIN_DESC_F_WRITE, 2);
	descriptor(fixture, queue, 2, BUILDER_RAM_GPA + PAYLOAD, 512, CHAIN_DESC_F_WRITE, 0);
	put_avail(fixture, queue, 4, 0);
	set_indices(fixture, queue, 4, 4, 5);
	const struct queue *found = &sampled(fixture, fixture->scsi)->queues[3];
	assert_int_equal(found->request_num, 1);
	assert_request(&found->requests[0], 0, REQUEST_AVAILABLE, REQUEST_EXACT, "available ring");
	assert_field(&found->requests[0], "target", 5);
	assert_field(&found->requests[0], "lun", 2);
	assert_field(&found->requests[0], "tag", 99);
	assert_word(&found->requests[0], "opcode", "READ(10)");
	assert_field(&found->requests[0], "lba", 0x123456);
	assert_field(&found->requests[0], "length", 512);

	memcpy(bytes + 19, "\x93\0\0\0\0\1\0\0\0\2", 10);
	found = &sampled(fixture, fixture->scsi)->queues[3];
	assert_word(&found->requests[0], "opcode", "WRITE SAME(16)");
	assert_field(&found->requests[0], "lba", UINT64_C(0x100000002));
	/* of a command that may carry a secret no more than its code is read */
	memcpy(bytes + 19, "\xb5", 1);
	builder_hide(&fixture->builder,
		     fixture->builder.ram_address + (header - BUILDER_RAM_GPA) + 20, 31);
	found = &sampled(fixture, fixture->scsi)->queues[3];
	assert_field(&found->requests[0], "opcode", 0xb5);
	assert_null(find_field(&found->requests[0], "lba"));
}

/* ---- Rings ------------------------------------------------------------------------- */

static void test_available(void **state)
{
	struct fixture *fixture = *state;
	const struct builder_queue *queue = &fixture->block->queues[0];

	put_chain(fixture, queue, 3, 0, 1234, 4096);
	put_chain(fixture, queue, 6, 1, 4321, 512);
	put_avail(fixture, queue, 65535, 6);
	put_avail(fixture, queue, 0, 3);
	/* the driver wrote a head that the ring does not have, and used a chain twice */
	put_avail(fixture, queue, 1, 99);
	put_avail(fixture, queue, 2, 3);
	set_indices(fixture, queue, 65535, 65535, 3);
	/* the guest's data is nobody's business */
	builder_hide(&fixture->builder, fixture->builder.ram_address + PAYLOAD, 0x2000);

	const struct queue *found = &sampled(fixture, fixture->block)->queues[0];
	assert_no_problem(found);
	assert_int_equal(found->request_num, 4);
	assert_true(found->requests_complete);
	assert_request(&found->requests[0], 6, REQUEST_AVAILABLE, REQUEST_EXACT, "available ring");
	assert_block(&found->requests[0], "out", 4321, 512);
	assert_request(&found->requests[1], 3, REQUEST_AVAILABLE, REQUEST_EXACT, "available ring");
	assert_block(&found->requests[1], "in", 1234, 4096);
	assert_int_equal(found->requests[2].fault, CHAIN_HEAD);
	assert_int_equal(found->requests[2].field_num, 0);
	assert_true(fact_is(found->requests[3].head, 3));

	/* an index that cannot be: nothing is made up from it */
	set_indices(fixture, queue, 65535, 65535, 100);
	found = &sampled(fixture, fixture->block)->queues[0];
	assert_int_equal(found->request_num, 0);
	assert_problem(found->requests_problem, "101 ahead");
	assert_false(found->requests_complete);
}

static void test_outside(void **state)
{
	struct fixture *fixture = *state;
	const struct builder_queue *queue = &fixture->block->queues[0];

	put_chain(fixture, queue, 0, 0, 1, 4096);
	descriptor(fixture, queue, 1, 0x100, 4096, CHAIN_DESC_F_NEXT | CHAIN_DESC_F_WRITE, 2);
	put_avail(fixture, queue, 0, 0);
	set_indices(fixture, queue, 0, 0, 1);
	const struct queue *found = &sampled(fixture, fixture->block)->queues[0];
	assert_int_equal(found->requests[0].fault, CHAIN_ADDRESS);
	/* the end of RAM, one byte too far */
	descriptor(fixture, queue, 1, BUILDER_RAM_GPA + BUILDER_RAM_SIZE - 4095, 4096,
		   CHAIN_DESC_F_NEXT | CHAIN_DESC_F_WRITE, 2);
	found = &sampled(fixture, fixture->block)->queues[0];
	assert_int_equal(found->requests[0].fault, CHAIN_ADDRESS);
	descriptor(fixture, queue, 1, BUILDER_RAM_GPA + BUILDER_RAM_SIZE - 4096, 4096,
		   CHAIN_DESC_F_NEXT | CHAIN_DESC_F_WRITE, 2);
	found = &sampled(fixture, fixture->block)->queues[0];
	assert_int_equal(found->requests[0].fault, CHAIN_OK);
	/* memory of a device may be reached, too */
	SET(fixture->builder.region, MemoryRegion_ram_block, 0);
	found = &sampled(fixture, fixture->block)->queues[0];
	assert_int_equal(found->requests[0].fault, CHAIN_OK);
	assert_int_equal(found->requests[0].field_num, 0);
	/* a device that may not reach memory just now says nothing about the driver */
	SET(fixture->builder.flat_view, FlatView_nr, 0);
	descriptor(fixture, queue, 1, 0x100, 4096, CHAIN_DESC_F_NEXT | CHAIN_DESC_F_WRITE, 2);
	found = &sampled(fixture, fixture->block)->queues[0];
	assert_int_equal(found->requests[0].fault, CHAIN_OK);
}

/** The machine's FlatView gets @num ranges of @length bytes of RAM, @stride bytes apart, from 0 on. */
static void put_ranges(struct fixture *fixture, size_t num, uint64_t stride, uint64_t length)
{
	size_t size = builder_size(&fixture->builder, QEMU_STRUCT_FlatRange);
	uint64_t ranges = builder_alloc(&fixture->builder, num * size);

	for (size_t i = 0; i < num; i++) {
		uint64_t range = ranges + i * size;

		SET(range, FlatRange_mr, fixture->builder.region);
		builder_write(&fixture->builder, AT(range, FlatRange_start), 8, i * stride);
		builder_write(&fixture->builder, AT(range, FlatRange_size), 8, length);
	}
	SET(fixture->builder.flat_view, FlatView_ranges, ranges);
	SET(fixture->builder.flat_view, FlatView_nr, num);
}

/** The fault of a chain whose second buffer is [@gpa, @gpa + 4096). */
static enum chain_fault fault_at(struct fixture *fixture, uint64_t gpa)
{
	const struct builder_queue *queue = &fixture->block->queues[0];

	descriptor(fixture, queue, 0, 0, 16, CHAIN_DESC_F_NEXT, 1);
	descriptor(fixture, queue, 1, gpa, 4096, CHAIN_DESC_F_NEXT | CHAIN_DESC_F_WRITE, 2);
	descriptor(fixture, queue, 2, 0, 1, CHAIN_DESC_F_WRITE, 0);
	put_avail(fixture, queue, 0, 0);
	set_indices(fixture, queue, 0, 0, 1);
	const struct queue *found = &sampled(fixture, fixture->block)->queues[0];
	assert_int_equal(found->request_num, 1);
	return found->requests[0].fault;
}

/** A buffer may lie in several ranges that follow each other, and not where there is none. */
static void test_many_ranges(void **state)
{
	enum { NUM = 4096, LENGTH = 64 };
	struct fixture *fixture = *state;

	put_ranges(fixture, NUM, LENGTH, LENGTH);
	assert_int_equal(fault_at(fixture, 0), CHAIN_OK);
	assert_int_equal(fault_at(fixture, 33), CHAIN_OK);
	assert_int_equal(fault_at(fixture, NUM * LENGTH - 4096), CHAIN_OK);
	assert_int_equal(fault_at(fixture, NUM * LENGTH - 4095), CHAIN_ADDRESS);
	assert_int_equal(fault_at(fixture, NUM * LENGTH), CHAIN_ADDRESS);
	assert_int_equal(fault_at(fixture, UINT64_MAX - 4095), CHAIN_ADDRESS);

	/* with one byte between them; and ranges of nothing, which are none */
	put_ranges(fixture, 8, 0x10001, 0x10000);
	assert_int_equal(fault_at(fixture, 0x10000 - 4096), CHAIN_OK);
	assert_int_equal(fault_at(fixture, 0x10001), CHAIN_OK);
	assert_int_equal(fault_at(fixture, 0x10000 - 4095), CHAIN_ADDRESS);
	put_ranges(fixture, 8, 0x10000, 0);
	assert_int_equal(fault_at(fixture, 0), CHAIN_OK);

	/* all there is, as an IOMMU has it: 2^64 bytes */
	put_ranges(fixture, 1, 0, 0);
	builder_write(&fixture->builder,
		      AT(builder_get(&fixture->builder, fixture->builder.flat_view,
				     QEMU_FlatView_ranges),
			 FlatRange_size) + 8,
		      8, 1);
	assert_int_equal(fault_at(fixture, 0), CHAIN_OK);
	assert_int_equal(fault_at(fixture, UINT64_MAX - 8191), CHAIN_OK);
}

/** A broken device popped a chain that it did not take: it is behind last_avail_idx. */
static void test_refused(void **state)
{
	struct fixture *fixture = *state;
	const struct builder_queue *queue = &fixture->block->queues[0];

	put_chain(fixture, queue, 3, 0, 1, 0);
	put_avail(fixture, queue, 20, 3);
	set_indices(fixture, queue, 20, 21, 21);
	SET(queue->virtqueue, VirtQueue_inuse, 0);
	SET(fixture->block->vdev, VirtIODevice_broken, 1);
	const struct queue *found = &sampled(fixture, fixture->block)->queues[0];
	assert_int_equal(found->request_num, 1);
	assert_request(&found->requests[0], 3, REQUEST_AVAILABLE, REQUEST_EXACT,
		       "refused by the device");
	assert_int_equal(found->requests[0].fault, CHAIN_EMPTY);
	SET(fixture->block->vdev, VirtIODevice_broken, 0);
	found = &sampled(fixture, fixture->block)->queues[0];
	assert_int_equal(found->request_num, 0);
}

static void test_packed(void **state)
{
	struct fixture *fixture = *state;
	const struct builder_queue *queue = &fixture->packed->queues[0];
	enum { AVAIL = VRING_PACKED_DESC_F_AVAIL, USED = VRING_PACKED_DESC_F_USED };

	/* two chains, over the end of the ring; then one of the lap before */
	descriptor(fixture, queue, 6, BUILDER_RAM_GPA + HEADERS, 16, 0, CHAIN_DESC_F_NEXT | AVAIL);
	descriptor(fixture, queue, 7, BUILDER_RAM_GPA + PAYLOAD, 64, 5, CHAIN_DESC_F_WRITE | AVAIL);
	descriptor(fixture, queue, 0, BUILDER_RAM_GPA + HEADERS, 24, 6, USED);
	descriptor(fixture, queue, 1, BUILDER_RAM_GPA + HEADERS, 24, 7, AVAIL);
	SET(queue->virtqueue, VirtQueue_last_avail_idx, 6);
	const struct queue *found = &sampled(fixture, fixture->packed)->queues[0];
	assert_no_problem(found);
	assert_int_equal(found->request_num, 2);
	assert_true(found->requests_complete);
	assert_true(fact_is(found->requests[0].head, 5));
	assert_true(fact_is(found->requests[0].descriptors, 2));
	assert_true(fact_is(found->requests[0].out_length, 16));
	assert_true(fact_is(found->requests[0].in_length, 64));
	assert_true(fact_is(found->requests[1].head, 6));

	/* what it holds is in no list that is read, and the ring has no history */
	SET(queue->virtqueue, VirtQueue_inuse, 2);
	found = &sampled(fixture, fixture->packed)->queues[0];
	assert_int_equal(found->request_num, 2);
	assert_false(found->requests_complete);
	assert_problem(found->requests_problem, "holds 2, of which 0 are known");
}

/** Without a list of the device's the rings' history tells, if completion was in order. */
static void test_estimated(void **state)
{
	struct fixture *fixture = *state;
	const struct builder_queue *queue = &fixture->other->queues[0];

	for (uint16_t i = 0; i < queue->num; i++) {
		descriptor(fixture, queue, i, BUILDER_RAM_GPA + HEADERS, 8, 0, 0);
		put_avail(fixture, queue, (uint16_t)(100 + i), i);
		put_used(fixture, queue, (uint16_t)(98 + i), (uint16_t)((i + 6) % 8));
	}
	/* of the heads 0 to 7, 4 to 7 were popped and not used; 0 and 1 are available again */
	put_avail(fixture, queue, 108, 0);
	put_avail(fixture, queue, 109, 1);
	for (uint16_t i = 0; i < 4; i++)
		put_used(fixture, queue, (uint16_t)(100 + i), i);
	set_indices(fixture, queue, 104, 108, 110);
	const struct queue *found = &sampled(fixture, fixture->other)->queues[0];
	assert_int_equal(found->request_num, 6);
	for (size_t i = 0; i < 4; i++)
		assert_request(&found->requests[i], 4 + i, REQUEST_IN_DEVICE, REQUEST_ESTIMATED,
			       "history of the rings");
	assert_request(&found->requests[4], 0, REQUEST_AVAILABLE, REQUEST_EXACT, "available ring");
	assert_false(found->requests_complete);
	assert_problem(found->requests_problem, "holds 4, of which 0 are known for sure");

	/* the first of them was used last: out of order */
	put_used(fixture, queue, 104, 5);
	set_indices(fixture, queue, 105, 108, 110);
	found = &sampled(fixture, fixture->other)->queues[0];
	assert_int_equal(found->request_num, 5);
	assert_true(fact_is(found->requests[0].head, 4));
	assert_true(fact_is(found->requests[1].head, 6));
	assert_true(fact_is(found->requests[2].head, 7));
}

/** An estimate may be wrong: what may be the guest's data is not read for a header. */
static void test_estimated_header(void **state)
{
	struct fixture *fixture = *state;
	const struct builder_queue *queue = &fixture->block->queues[0];

	put_chain(fixture, queue, 0, 1, 77, 512);
	for (uint16_t i = 0; i < queue->num; i++) {
		put_avail(fixture, queue, i, 8);
		put_used(fixture, queue, i, 8);
	}
	put_avail(fixture, queue, 104, 0);
	set_indices(fixture, queue, 104, 105, 105);
	const struct queue *found = &sampled(fixture, fixture->block)->queues[0];
	assert_int_equal(found->request_num, 1);
	assert_request(&found->requests[0], 0, REQUEST_IN_DEVICE, REQUEST_ESTIMATED,
		       "history of the rings");
	assert_block(&found->requests[0], "out", 77, 512);

	/* the second descriptor of that chain, which holds data */
	put_avail(fixture, queue, 104, 1);
	found = &sampled(fixture, fixture->block)->queues[0];
	assert_int_equal(found->request_num, 1);
	assert_true(fact_is(found->requests[0].head, 1));
	assert_int_equal(found->requests[0].field_num, 0);
}

/**
 * Nor is an indirect table: its memory may long be something else. One that the used
 * ring has not seen since is in flight, and its table is the driver's still.
 */
static void test_estimated_indirect(void **state)
{
	struct fixture *fixture = *state;
	const struct builder_queue *queue = &fixture->other->queues[0];
	const uint64_t table = BUILDER_RAM_GPA + HEADERS;

	put(ram(fixture, table, 16), BUILDER_RAM_GPA + PAYLOAD, 8);
	put(ram(fixture, table + 8, 8), 512, 4);
	for (uint16_t i = 0; i < queue->num; i++) {
		descriptor(fixture, queue, i, table, 16, CHAIN_DESC_F_INDIRECT, 0);
		put_avail(fixture, queue, (uint16_t)(100 + i), 3);
		put_used(fixture, queue, (uint16_t)(99 + i), 3);
	}
	put_avail(fixture, queue, 107, 5);
	set_indices(fixture, queue, 107, 108, 108);
	const struct queue *found = &sampled(fixture, fixture->other)->queues[0];
	assert_int_equal(found->request_num, 1);
	assert_true(fact_is(found->requests[0].head, 5));
	assert_true(fact_is(found->requests[0].descriptors, 1));
	assert_true(fact_is(found->requests[0].out_length, 512));

	/* it was used before, how long ago is not sure */
	put_used(fixture, queue, 99, 5);
	found = &sampled(fixture, fixture->other)->queues[0];
	assert_int_equal(found->request_num, 1);
	assert_true(fact_is(found->requests[0].head, 5));
	assert_int_equal(found->requests[0].source, REQUEST_ESTIMATED);
	assert_int_equal(found->requests[0].fault, CHAIN_UNREADABLE);
	assert_int_equal(found->requests[0].descriptors.state, FACT_ABSENT);
}

/** What a device took was whole when it took it: descriptors that are not now accuse nobody. */
static void test_changed_chain(void **state)
{
	struct fixture *fixture = *state;
	const struct builder_queue *queue = &fixture->block->queues[0];

	track_read(fixture, 0, 64, 300);
	set_indices(fixture, queue, 10, 11, 11);
	descriptor(fixture, queue, 1, BUILDER_RAM_GPA + PAYLOAD, 0,
		   CHAIN_DESC_F_NEXT | CHAIN_DESC_F_WRITE, 2);
	const struct queue *found = &sampled(fixture, fixture->block)->queues[0];
	assert_int_equal(found->request_num, 1);
	assert_int_equal(found->requests[0].fault, CHAIN_UNREADABLE);
	assert_int_equal(found->requests[0].descriptors.state, FACT_ABSENT);
	assert_block(&found->requests[0], "in", 64, 4096);
	assert_true(found->requests_complete);
}

/* ---- Ages -------------------------------------------------------------------------- */

static void test_ages(void **state)
{
	struct fixture *fixture = *state;
	struct queue *queue;

	track_read(fixture, 0, 64, 1000);
	track_read(fixture, 3, 72, 5000);
	track_read(fixture, 6, 80, 0);
	track_read(fixture, 9, 88, UINT64_MAX);
	set_indices(fixture, &fixture->block->queues[0], 0, 4, 4);
	queue = &sampled(fixture, fixture->block)->queues[0];
	assert_int_equal(queue->request_num, 4);
	qemu_set_ages(&fixture->sample, 4000, 0);
	assert_true(fact_is(queue->requests[0].age_ns, 3000));
	/* from the future, and unknown */
	for (size_t i = 1; i < 4; i++)
		assert_int_equal(queue->requests[i].age_ns.state, FACT_ABSENT);

	/* no clock: the last thing that happened is as late as it was, at least */
	queue = &sampled(fixture, fixture->block)->queues[0];
	qemu_set_ages(&fixture->sample, 0, 0);
	assert_true(fact_is(queue->requests[0].age_ns, 4000));
	assert_int_equal(queue->requests[1].age_ns.state, FACT_ABSENT);
	SET(fixture->disk.blk, BlockBackend_last_access, 5100);
	queue = &sampled(fixture, fixture->block)->queues[0];
	qemu_set_ages(&fixture->sample, 0, 0);
	assert_true(fact_is(queue->requests[0].age_ns, 4100));
	assert_true(fact_is(queue->requests[1].age_ns, 100));

	/* older than the process: another clock */
	queue = &sampled(fixture, fixture->block)->queues[0];
	qemu_set_ages(&fixture->sample, 6000, 1500);
	assert_int_equal(queue->requests[0].age_ns.state, FACT_ABSENT);
	assert_true(fact_is(queue->requests[1].age_ns, 1000));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_block),
		cmocka_unit_test(test_block_32_bits),
		TEST(test_block_parked),
		TEST(test_block_others),
		TEST(test_block_twice),
		TEST(test_block_hostile),
		TEST(test_block_lists_of_lists),
		TEST(test_disk),
		TEST(test_throttled),
		TEST(test_throttle_filter),
		TEST(test_scsi),
		TEST(test_scsi_available),
		TEST(test_available),
		TEST(test_outside),
		TEST(test_many_ranges),
		TEST(test_refused),
		TEST(test_packed),
		TEST(test_estimated),
		TEST(test_estimated_header),
		TEST(test_estimated_indirect),
		TEST(test_changed_chain),
		TEST(test_ages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
