/* SPDX-License-Identifier: GPL-3.0-or-later */
/* qemu/ on a QEMU made of bytes: first as it should be, then spoiled in every way we know. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "diagnosis/diagnose.h"
#include "qemu/guest_memory.h"
#include "qemu_builder.h"
#include "snapshot/recorder.h"
#include "target/target_internal.h"
#include "vring/chain.h"
#include "vring/vring.h"

#define MODERN (VIRTIO_F_VERSION_1 | VIRTIO_F_EVENT_IDX)

static const struct builder_spec disk_spec = { .id = "disk0",
					       .type = "virtio-blk-device",
					       .device_id = 2,
					       .devfn = 3 << 3,
					       .features = MODERN,
					       .queue_num = 2 };
static const struct builder_spec net_spec = { .id = "net0",
					      .type = "virtio-net-device",
					      .device_id = 1,
					      .devfn = 4 << 3 | 1,
					      .features = MODERN,
					      .queue_num = 3,
					      .ring_num = 8 };

/** A machine with a disk and a network card, and what was sampled of it. */
struct fixture {
	struct qemu_builder builder;
	struct builder_device *disk, *net;
	struct sample sample;
	char *all_problems;
	uint64_t watched; /**< Reads of this address are counted; 0: of the disk's first VirtQueue. */
	unsigned int step; /**< Which one of several things is to happen. */
	struct recorder *recorder; /**< Of what is read of a target that moves; NULL: none. */
};

static void machine_init(struct fixture *fixture, enum byte_order order, uint8_t pointer_size)
{
	static const struct builder_indices busy = { 20, 18, 15, 12, 11, 17, 10 };

	*fixture = (struct fixture){ 0 };
	builder_init(&fixture->builder, order, pointer_size);
	fixture->disk = builder_add_device(&fixture->builder, &disk_spec);
	fixture->net = builder_add_device(&fixture->builder, &net_spec);
	builder_set(&fixture->builder, fixture->net->vdev, QEMU_VirtIONet_ctrl_vq,
		    fixture->net->queues[2].virtqueue);
	builder_set_indices(&fixture->builder, &fixture->disk->queues[0], &busy);
}

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	assert_non_null(fixture);
	machine_init(fixture, LITTLE_ENDIAN_ORDER, 8);
	*state = fixture;
	return 0;
}

static void forget(struct fixture *fixture)
{
	sample_deinit(&fixture->sample);
	free(fixture->all_problems);
	fixture->all_problems = NULL;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	forget(fixture);
	builder_deinit(&fixture->builder);
	free(fixture);
	return 0;
}

/** All that could not be read, one a line, so that tests look for words. */
static void collect_problems(struct fixture *fixture)
{
	size_t size;
	FILE *stream = open_memstream(&fixture->all_problems, &size);

	assert_non_null(stream);
	for (size_t i = 0; i < fixture->sample.problem_num; i++)
		fprintf(stream, "%s\n", fixture->sample.problems[i]);
	for (size_t i = 0; i < fixture->sample.device_num; i++) {
		const struct device *device = &fixture->sample.devices[i];

		fprintf(stream, "%s", device->problem ? device->problem : "");
		for (size_t j = 0; j < device->queue_num; j++)
			fprintf(stream, "\n%s\n%s",
				device->queues[j].problem ? device->queues[j].problem : "",
				device->queues[j].ring_problem ? device->queues[j].ring_problem
							       : "");
		fprintf(stream, "\n");
	}
	fclose(stream);
}

static void sample(struct fixture *fixture)
{
	forget(fixture);
	struct virtq_error *error = builder_sample(&fixture->builder, &fixture->sample);
	if (error)
		fail_msg("qemu_sample(): %s", error->message);
	collect_problems(fixture);
}

static struct device *find(struct fixture *fixture, const struct builder_device *wanted)
{
	for (size_t i = 0; i < fixture->sample.device_num; i++) {
		if (fixture->sample.devices[i].address == wanted->vdev)
			return &fixture->sample.devices[i];
	}
	return NULL;
}

static struct device *sample_disk(struct fixture *fixture)
{
	sample(fixture);
	struct device *disk = find(fixture, fixture->disk);
	assert_non_null(disk);
	return disk;
}

static void assert_fact(struct fact fact, uint64_t value)
{
	assert_int_equal(fact.state, FACT_KNOWN);
	assert_true(fact.value == value);
}

static void assert_problem(const struct fixture *fixture, const char *text)
{
	if (!strstr(fixture->all_problems, text))
		fail_msg("no problem says '%s', but: %s", text, fixture->all_problems);
}

static void assert_no_problem(const struct fixture *fixture)
{
	for (const char *c = fixture->all_problems; *c; c++) {
		if (*c != '\n')
			fail_msg("%s", fixture->all_problems);
	}
}

#define SET(base, member, value) builder_set(&fixture->builder, base, QEMU_##member, value)
#define GET(base, member) builder_get(&fixture->builder, base, QEMU_##member)
#define SYMBOL(name) builder_symbol(&fixture->builder, QEMU_SYMBOL_##name)

/** Unmapped, and not near anything. */
#define NOWHERE UINT64_C(0x123456789a0)

/* ---- As it should be ------------------------------------------------------------------ */

static void check_disk(const struct device *disk)
{
	assert_string_equal(disk->id, "disk0");
	assert_string_equal(disk->path, "/machine/peripheral/disk0/virtio-backend");
	assert_string_equal(disk->type, "virtio-blk-device");
	assert_string_equal(disk->name, "virtio-name");
	assert_string_equal(disk->bus_name, "virtio-bus");
	assert_string_equal(disk->transport, "pci");
	assert_string_equal(disk->location, "0000:00:03.0");
	assert_true(disk->realized);
	assert_false(disk->big_endian);
	assert_false(disk->vhost);
	assert_null(disk->problem);
	assert_fact(disk->device_id, 2);
	assert_fact(disk->status, 15);
	assert_fact(disk->guest_features, MODERN);
	assert_fact(disk->vm_running, 1);
	assert_fact(disk->broken, 0);
	assert_fact(disk->msix_enabled, 1);
	assert_fact(disk->vhost_started, 0);
	assert_int_equal(disk->queue_num, 2);
}

static void check_busy_queue(const struct queue *queue)
{
	assert_int_equal(queue->index, 0);
	assert_string_equal(queue->role, "request0");
	assert_int_equal(queue->kind, QUEUE_REQUEST);
	assert_true(queue->selected && queue->set_up && queue->readable && queue->event_idx);
	assert_false(queue->packed || queue->vhost || queue->torn);
	assert_fact(queue->vring_num, 16);
	assert_fact(queue->vring_desc, BUILDER_RAM_GPA);
	assert_fact(queue->last_avail_idx, 15);
	assert_fact(queue->shadow_avail_idx, 18);
	assert_fact(queue->used_idx, 12);
	assert_fact(queue->inuse, 3);
	assert_fact(queue->signalled_used, 10);
	assert_fact(queue->signalled_used_valid, 1);
	assert_fact(queue->notification, 1);
	assert_fact(queue->vector, 1);
	assert_fact(queue->avail_idx, 20);
	assert_fact(queue->used_ring_idx, 12);
	assert_fact(queue->used_event, 11);
	assert_fact(queue->avail_event, 17);
	assert_fact(queue->avail_flags, 0);
	assert_fact(queue->used_flags, 0);
	assert_fact(queue->proxy_enabled, 1);
	assert_int_equal(queue->next_available.state, FACT_ABSENT);
	assert_null(queue->problem);
	assert_null(queue->ring_problem);
}

static void test_whole(void **state)
{
	struct fixture *fixture = *state;
	const struct device *disk = sample_disk(fixture);
	const struct device *net = find(fixture, fixture->net);

	assert_int_equal(fixture->sample.device_num, 2);
	assert_string_equal(fixture->sample.runstate, "running");
	assert_true(fixture->sample.time_ns > 0);
	assert_no_problem(fixture);
	check_disk(disk);
	check_busy_queue(&disk->queues[0]);
	assert_string_equal(disk->queues[1].role, "request1");
	assert_string_equal(net->location, "0000:00:04.1");
	assert_string_equal(net->queues[0].role, "rx0");
	assert_string_equal(net->queues[1].role, "tx0");
	assert_string_equal(net->queues[2].role, "ctrl");
	assert_fact(net->queues[2].vring_num, 8);
	assert_fact(net->queues[2].avail_idx, 0);
	assert_string_equal(qemu_version(&fixture->builder.layout), "7.2.0 (built)");
}

static void test_every_machine(void **state)
{
	static const struct {
		enum byte_order order;
		uint8_t pointer_size;
	} machines[] = { { LITTLE_ENDIAN_ORDER, 8 },
			 { BIG_ENDIAN_ORDER, 8 },
			 { LITTLE_ENDIAN_ORDER, 4 },
			 { BIG_ENDIAN_ORDER, 4 } };
	struct fixture fixture;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(machines); i++) {
		machine_init(&fixture, machines[i].order, machines[i].pointer_size);
		assert_null(qemu_schema_check(&fixture.builder.layout));
		const struct device *disk = sample_disk(&fixture);
		assert_no_problem(&fixture);
		check_disk(disk);
		check_busy_queue(&disk->queues[0]);
		assert_int_equal(fixture.sample.device_num, 2);
		forget(&fixture);
		/* the same through the FlatView, whose 128-bit numbers have an order, too */
		builder_set(&fixture.builder, fixture.disk->queues[0].virtqueue,
			    QEMU_VirtQueue_caches, 0);
		check_busy_queue(&sample_disk(&fixture)->queues[0]);
		forget(&fixture);
		builder_deinit(&fixture.builder);
	}
}

static void test_runstate(void **state)
{
	struct fixture *fixture = *state;

	builder_write(&fixture->builder, SYMBOL(current_run_state), 4, 3);
	sample(fixture);
	assert_string_equal(fixture->sample.runstate, "io-error");
	builder_write(&fixture->builder, SYMBOL(current_run_state), 4, 77);
	sample(fixture);
	assert_null(fixture->sample.runstate);
	builder_hide(&fixture->builder, SYMBOL(current_run_state), 4);
	sample(fixture);
	assert_null(fixture->sample.runstate);
	assert_int_equal(fixture->sample.device_num, 2);
}

/** Byte order of the rings: hw/virtio/virtio-access.h. */
static void test_ring_byte_order(void **state)
{
	static const struct {
		uint64_t features;
		bool device_is_big, ring_is_big;
	} cases[] = {
		{ MODERN, true, false },
		{ MODERN, false, false },
		{ VIRTIO_F_EVENT_IDX, true, true },
		{ VIRTIO_F_EVENT_IDX, false, false },
	};
	static const struct builder_indices indices = {
		0x0102, 0x0102, 0x0101, 0x0100, 0x00ff, 7, 8
	};

	(void)state;
	for (size_t i = 0; i < 2 * ARRAY_SIZE(cases); i++) {
		struct fixture fixture = { 0 };
		struct builder_spec spec = disk_spec;

		builder_init(&fixture.builder, i % 2 ? BIG_ENDIAN_ORDER : LITTLE_ENDIAN_ORDER, 8);
		spec.features = cases[i / 2].features;
		spec.big_endian = cases[i / 2].device_is_big;
		fixture.disk = builder_add_device(&fixture.builder, &spec);
		builder_set_indices(&fixture.builder, &fixture.disk->queues[0], &indices);
		const struct device *disk = sample_disk(&fixture);
		assert_int_equal(disk->big_endian, cases[i / 2].ring_is_big);
		assert_fact(disk->queues[0].avail_idx, 0x0102);
		assert_fact(disk->queues[0].used_ring_idx, 0x0100);
		assert_fact(disk->queues[0].used_event, 0x00ff);
		assert_fact(disk->queues[0].avail_event, 7);
		forget(&fixture);
		builder_deinit(&fixture.builder);
	}
}

static void test_without_event_idx(void **state)
{
	struct fixture *fixture = *state;

	SET(fixture->disk->vdev, VirtIODevice_guest_features, VIRTIO_F_VERSION_1);
	const struct queue *queue = &sample_disk(fixture)->queues[0];
	assert_false(queue->event_idx);
	assert_int_equal(queue->used_event.state, FACT_ABSENT);
	assert_int_equal(queue->avail_event.state, FACT_ABSENT);
	assert_fact(queue->avail_idx, 20);
	assert_no_problem(fixture);
}

static void test_queue_not_set_up(void **state)
{
	struct fixture *fixture = *state;

	SET(fixture->disk->queues[1].virtqueue, VirtQueue_vring_desc, 0);
	SET(fixture->disk->queues[1].virtqueue, VirtQueue_caches, 0);
	const struct queue *queue = &sample_disk(fixture)->queues[1];
	assert_false(queue->set_up);
	assert_true(queue->readable);
	assert_fact(queue->vring_num, 16);
	assert_int_equal(queue->avail_idx.state, FACT_ABSENT);
	assert_no_problem(fixture);
}

/** QEMU counts queues up to the first without entries; the array goes on. */
static void test_many_queues(void **state)
{
	static const uint16_t nums[] = { 0, 1, 63, 64, 65, 127, 128 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(nums); i++) {
		struct fixture fixture = { 0 };
		struct builder_spec spec = disk_spec;

		builder_init(&fixture.builder, LITTLE_ENDIAN_ORDER, 8);
		spec.queue_num = nums[i];
		fixture.disk = builder_add_device(&fixture.builder, &spec);
		const struct device *disk = sample_disk(&fixture);
		assert_int_equal(disk->queue_num, nums[i]);
		for (size_t j = 0; j < disk->queue_num; j++) {
			assert_fact(disk->queues[j].queue_index, j);
			assert_fact(disk->queues[j].avail_idx, 0);
			assert_fact(disk->queues[j].proxy_enabled, 1);
			assert_true(disk->queues[j].address == fixture.disk->queues[j].virtqueue);
		}
		assert_no_problem(&fixture);
		forget(&fixture);
		builder_deinit(&fixture.builder);
	}
}

/* ---- Discovery -------------------------------------------------------------------------- */

static void test_callback_that_returns(void **state)
{
	struct fixture *fixture = *state;
	uint64_t callback = GET(fixture->disk->entry, VMChangeStateEntry_cb);

	/* QEMU 10.2: cb is NULL */
	SET(fixture->disk->entry, VMChangeStateEntry_cb, 0);
	SET(fixture->disk->entry, VMChangeStateEntry_cb_ret, callback);
	SET(fixture->builder.bridge, DeviceState_child_bus, 0);
	sample_disk(fixture);
	assert_no_problem(fixture);
}

static void test_other_handlers_are_skipped(void **state)
{
	struct fixture *fixture = *state;

	SET(fixture->disk->entry, VMChangeStateEntry_cb, SYMBOL(virtio_vmstate_change) + 16);
	SET(fixture->builder.bridge, DeviceState_child_bus, 0);
	sample(fixture);
	assert_int_equal(fixture->sample.device_num, 1);
	assert_null(find(fixture, fixture->disk));
	assert_no_problem(fixture);
}

/** A device that was unplugged keeps its handler until virtio_cleanup(): no problem. */
static void test_device_without_bus(void **state)
{
	struct fixture *fixture = *state;

	SET(fixture->builder.pci_bus, BusState_children, 0);
	SET(fixture->disk->vdev, DeviceState_parent_bus, 0);
	const struct device *disk = sample_disk(fixture);
	assert_string_equal(disk->transport, "");
	assert_null(disk->location);
	assert_null(disk->id);
	assert_fact(disk->queues[0].avail_idx, 20);
	assert_no_problem(fixture);
}

static void test_device_without_handler(void **state)
{
	struct fixture *fixture = *state;

	builder_write_pointer(&fixture->builder, SYMBOL(vm_change_state_head), 0);
	sample_disk(fixture);
	assert_int_equal(fixture->sample.device_num, 2);
	assert_problem(fixture, "is in the qdev tree, but has no run-state handler");
}

static void test_cycle_of_handlers(void **state)
{
	struct fixture *fixture = *state;

	/* net, disk, disk, ... and net, disk, net, ... */
	SET(fixture->disk->entry, VMChangeStateEntry_entries, fixture->disk->entry);
	sample_disk(fixture);
	assert_int_equal(fixture->sample.device_num, 2);
	assert_problem(fixture, "vm_change_state_head: the list comes back to");
	SET(fixture->disk->entry, VMChangeStateEntry_entries, fixture->net->entry);
	sample_disk(fixture);
	assert_int_equal(fixture->sample.device_num, 2);
	assert_problem(fixture, "vm_change_state_head: the list comes back to");
}

static void test_dangling_handler(void **state)
{
	static const uint64_t pointers[] = { NOWHERE, 3, UINT64_MAX - 7, UINT64_MAX };

	for (size_t i = 0; i < ARRAY_SIZE(pointers); i++) {
		struct fixture *fixture = *state;

		/* the disk comes after it in the list, but is in the tree, too */
		SET(fixture->net->entry, VMChangeStateEntry_entries, pointers[i]);
		sample_disk(fixture);
		assert_int_equal(fixture->sample.device_num, 2);
		assert_problem(fixture, "vm_change_state_head");
	}
}

static void test_wrong_vmstate(void **state)
{
	struct fixture *fixture = *state;

	SET(fixture->disk->vdev, VirtIODevice_vmstate, fixture->net->entry);
	sample_disk(fixture);
	assert_problem(fixture, "expected its run-state handler");
	/* and not in the tree either: then it is none */
	SET(fixture->builder.pci_bus, BusState_children, 0);
	sample(fixture);
	assert_null(find(fixture, fixture->disk));
	assert_non_null(find(fixture, fixture->net));
	/* what the handler is for is nowhere */
	SET(fixture->disk->entry, VMChangeStateEntry_opaque, NOWHERE);
	sample(fixture);
	assert_int_equal(fixture->sample.device_num, 1);
	assert_problem(fixture, "vmstate");
}

/** Two handlers for one device, as no QEMU has: it is one device. */
static void test_device_found_twice(void **state)
{
	struct fixture *fixture = *state;

	SET(fixture->net->entry, VMChangeStateEntry_opaque, fixture->disk->vdev);
	sample(fixture);
	assert_int_equal(fixture->sample.device_num, 2);
}

static void test_cycles_in_the_tree(void **state)
{
	struct fixture *fixture = *state;

	/* children of a bus */
	SET(fixture->disk->proxy_child, BusChild_sibling, fixture->net->proxy_child);
	sample_disk(fixture);
	assert_int_equal(fixture->sample.device_num, 2);
	assert_problem(fixture, "children of a bus: the list comes back to");
	SET(fixture->disk->proxy_child, BusChild_sibling, fixture->disk->proxy_child);
	sample_disk(fixture);
	assert_int_equal(fixture->sample.device_num, 2);
	SET(fixture->disk->proxy_child, BusChild_sibling, 0);

	/* buses of a device */
	SET(fixture->disk->virtio_bus, BusState_sibling, fixture->disk->virtio_bus);
	sample_disk(fixture);
	assert_int_equal(fixture->sample.device_num, 2);
	assert_problem(fixture, "child buses: the list comes back to");
	SET(fixture->disk->virtio_bus, BusState_sibling, 0);

	/* a device below itself */
	SET(fixture->disk->vdev, DeviceState_child_bus, fixture->builder.pci_bus);
	sample_disk(fixture);
	assert_int_equal(fixture->sample.device_num, 2);
	assert_problem(fixture, "is met twice");
}

static void test_dangling_tree(void **state)
{
	struct fixture *fixture = *state;

	builder_write_pointer(&fixture->builder, SYMBOL(vm_change_state_head), 0);
	/* a bad device ends only its own branch */
	SET(fixture->net->proxy_child, BusChild_child, NOWHERE);
	sample_disk(fixture);
	assert_int_equal(fixture->sample.device_num, 1);
	assert_problem(fixture, "qdev tree");
	SET(fixture->net->proxy_child, BusChild_child, 0);
	sample_disk(fixture);
	assert_int_equal(fixture->sample.device_num, 1);
	/* a list that ends nowhere */
	SET(fixture->disk->proxy_child, BusChild_sibling, NOWHERE);
	sample_disk(fixture);
	assert_int_equal(fixture->sample.device_num, 1);
	SET(fixture->disk->virtio_bus, BusState_sibling, NOWHERE);
	sample_disk(fixture);
	assert_int_equal(fixture->sample.device_num, 1);
}

/** Bridges behind bridges, deeper than any machine. */
static void test_deep_tree(void **state)
{
	struct fixture *fixture = *state;
	uint64_t bus = fixture->builder.pci_bus;

	for (int i = 0; i < 100; i++) {
		uint64_t device = builder_new(&fixture->builder, QEMU_STRUCT_DeviceState);
		uint64_t below = builder_new(&fixture->builder, QEMU_STRUCT_PCIBus);

		SET(device, Object_class, GET(fixture->builder.bridge, Object_class));
		SET(device, DeviceState_child_bus, below);
		builder_add_child(&fixture->builder, bus, device);
		bus = below;
	}
	sample_disk(fixture);
	assert_int_equal(fixture->sample.device_num, 2);
	assert_problem(fixture, "buses nest deeper than 64");
}

/**
 * Many buses that share one long list of children, so that a walk that only
 * bounds each list reads as many children as both numbers make together.
 */
static void test_shared_children(void **state)
{
	struct fixture *fixture = *state;
	enum { BUSES = 1500, CHILDREN = 1500 };
	uint64_t list = 0, buses = 0;

	for (int i = 0; i < CHILDREN; i++) {
		uint64_t child = builder_new(&fixture->builder, QEMU_STRUCT_BusChild);

		/* none of them is a device */
		SET(child, BusChild_child, i % 2 ? 0 : NOWHERE);
		SET(child, BusChild_sibling, list);
		list = child;
	}
	for (int i = 0; i < BUSES; i++) {
		uint64_t bus = builder_new(&fixture->builder, QEMU_STRUCT_BusState);

		SET(bus, BusState_children, list);
		SET(bus, BusState_sibling, buses);
		buses = bus;
	}
	SET(fixture->disk->vdev, DeviceState_child_bus, buses);

	_cleanup_target_ struct target *target = NULL;
	struct qemu qemu;
	assert_null(builder_open(&fixture->builder, &target, &qemu));
	forget(fixture);
	assert_null(qemu_sample(&qemu, &fixture->sample));
	assert_int_equal(fixture->sample.device_num, 2);
	/* each struct is read in up to three pieces */
	assert_true(target_get_statistics(target)->reads < 3 * 4 * LIST_LENGTH_MAX);
	assert_true(fixture->sample.problem_num < LIST_LENGTH_MAX + 100);
}

static void test_nothing_to_look_at(void **state)
{
	struct fixture *fixture = *state;

	/* one of the two walks is enough */
	builder_write_pointer(&fixture->builder, SYMBOL(main_system_bus), 0);
	sample_disk(fixture);
	assert_problem(fixture, "main_system_bus is NULL");
	/* none is not */
	builder_write_pointer(&fixture->builder, SYMBOL(vm_change_state_head), NOWHERE);
	forget(fixture);
	_cleanup_error_ struct virtq_error *error =
		builder_sample(&fixture->builder, &fixture->sample);
	assert_non_null(error);
	assert_memory_equal(error->message, "cannot look for devices: ", 25);
}

static void test_no_devices(void **state)
{
	struct fixture *fixture = *state;

	builder_write_pointer(&fixture->builder, SYMBOL(vm_change_state_head), 0);
	SET(fixture->builder.system_bus, BusState_children, 0);
	sample(fixture);
	assert_int_equal(fixture->sample.device_num, 0);
	assert_no_problem(fixture);
}

/* ---- Names and types --------------------------------------------------------------------- */

static void test_where_the_id_is(void **state)
{
	struct fixture *fixture = *state;

	/* -device virtio-blk-device,id=own: the device's own goes before the proxy's */
	SET(fixture->disk->vdev, DeviceState_id, builder_string(&fixture->builder, "own"));
	assert_string_equal(sample_disk(fixture)->id, "own");
	SET(fixture->disk->vdev, DeviceState_id, 0);
	SET(fixture->disk->proxy, DeviceState_id, 0);
	assert_null(sample_disk(fixture)->id);
	assert_no_problem(fixture);
}

static void test_bad_strings(void **state)
{
	struct fixture *fixture = *state;
	uint64_t page = builder_alloc(&fixture->builder, 8192);
	char *bytes = (char *)builder_bytes(&fixture->builder, page, 8192);

	/* no NUL within the limit */
	memset(bytes, 'x', 8192);
	SET(fixture->disk->proxy, DeviceState_id, page);
	assert_null(sample_disk(fixture)->id);
	assert_problem(fixture, "DeviceState.id of a proxy");
	assert_fact(find(fixture, fixture->disk)->queues[0].avail_idx, 20);
	/* no NUL before memory ends */
	builder_hide(&fixture->builder, page + 100, 10);
	assert_null(sample_disk(fixture)->id);
	/* bytes that no name has */
	SET(fixture->disk->proxy, DeviceState_id, page + 200);
	memcpy(bytes + 200, "\x1b[31m", 6);
	assert_null(sample_disk(fixture)->id);
	memcpy(bytes + 200, "\xff\xfe", 3);
	assert_null(sample_disk(fixture)->id);
	/* at no address; the rest of the names is read */
	SET(fixture->disk->vdev, DeviceState_canonical_path, NOWHERE);
	const struct device *disk = sample_disk(fixture);
	assert_null(disk->path);
	assert_string_equal(disk->name, "virtio-name");
	assert_string_equal(disk->type, "virtio-blk-device");
	assert_fact(disk->queues[0].avail_idx, 20);
}

static void test_bad_class(void **state)
{
	struct fixture *fixture = *state;
	uint64_t class = fixture->disk->class;
	uint64_t type = GET(class, ObjectClass_type);
	uint64_t parent = GET(type, TypeImpl_parent_type);

	/* the handler has found the device: it stays, without a type */
	SET(class, ObjectClass_type, 0);
	assert_null(sample_disk(fixture)->type);
	assert_problem(fixture, "has no type");
	SET(class, ObjectClass_type, NOWHERE);
	assert_null(sample_disk(fixture)->type);
	SET(class, ObjectClass_type, type);
	SET(type, TypeImpl_name, 0);
	assert_null(sample_disk(fixture)->type);
	assert_problem(fixture, "has no name");
	SET(type, TypeImpl_name, NOWHERE);
	assert_null(sample_disk(fixture)->type);
	SET(type, TypeImpl_name, builder_string(&fixture->builder, "virtio-blk-device"));
	SET(fixture->disk->vdev, Object_class, 0);
	assert_null(sample_disk(fixture)->type);
	assert_problem(fixture, "its class pointer is 0x0");
	SET(fixture->disk->vdev, Object_class, class);

	/* a type that is no virtio-device: its parents go in a circle */
	SET(parent, TypeImpl_parent_type, parent);
	assert_string_equal(sample_disk(fixture)->type, "virtio-blk-device");
	SET(type, TypeImpl_parent_type, type);
	assert_null(sample_disk(fixture)->type);
	assert_problem(fixture, "expected a virtio-device");
}

/** What is counted of a target's reads. */
struct reads {
	uint64_t address;
	size_t num;
};

static void count_read(void *argument, uint64_t address, const void *bytes, size_t length,
		       const struct virtq_error *error)
{
	struct reads *reads = argument;

	(void)bytes;
	(void)length;
	(void)error;
	reads->num += address == reads->address;
}

/** Thousands of devices may be of one class: what is wrong with it is found out once. */
static void test_bad_class_of_many(void **state)
{
	struct fixture *fixture = *state;
	uint64_t class = fixture->disk->class;
	struct reads reads = { .address = builder_at(&fixture->builder, class, QEMU_ObjectClass_type) };
	struct target *target;
	struct qemu qemu;

	SET(class, ObjectClass_type, NOWHERE);
	SET(fixture->net->vdev, Object_class, class);
	assert_null(builder_open(&fixture->builder, &target, &qemu));
	target_set_observer(target, count_read, &reads);
	assert_null(qemu_sample(&qemu, &fixture->sample));
	target_close(target);
	assert_int_equal(fixture->sample.device_num, 2);
	for (size_t i = 0; i < 2; i++) {
		assert_null(fixture->sample.devices[i].type);
		assert_non_null(fixture->sample.devices[i].problem);
	}
	assert_int_equal(reads.num, 1);
}

static void test_deep_type(void **state)
{
	struct fixture *fixture = *state;
	const char *names[101] = { NULL };

	for (size_t i = 0; i < 100; i++)
		names[i] = i == 10 ? "virtio-device" : "some-type";
	SET(fixture->disk->vdev, Object_class, builder_class(&fixture->builder, names));
	assert_string_equal(sample_disk(fixture)->type, "some-type");
	assert_no_problem(fixture);
	/* deeper than anybody looks */
	names[10] = "some-type";
	names[99] = "virtio-device";
	SET(fixture->disk->vdev, Object_class, builder_class(&fixture->builder, names));
	assert_null(sample_disk(fixture)->type);
}

/* ---- Transports --------------------------------------------------------------------------- */

static void test_behind_a_bridge(void **state)
{
	struct fixture *fixture = *state;
	uint64_t bridge = builder_new(&fixture->builder, QEMU_STRUCT_PCIDevice);
	uint64_t config = builder_alloc(&fixture->builder, 256);

	SET(fixture->builder.pci_bus, PCIBus_flags, 0);
	SET(fixture->builder.pci_bus, PCIBus_parent_dev, bridge);
	SET(bridge, PCIDevice_config, config);
	builder_write(&fixture->builder, config + 0x19, 1, 0xfe);
	assert_string_equal(sample_disk(fixture)->location, "0000:fe:03.0");
	assert_no_problem(fixture);
	/* a bridge that cannot be read leaves the address open, and the queues known */
	SET(bridge, PCIDevice_config, NOWHERE);
	const struct device *disk = sample_disk(fixture);
	assert_null(disk->location);
	assert_string_equal(disk->id, "disk0");
	assert_problem(fixture, "secondary bus number");
	assert_fact(disk->queues[0].avail_idx, 20);
}

static void test_msix(void **state)
{
	struct fixture *fixture = *state;
	uint64_t config = GET(fixture->disk->proxy, PCIDevice_config);

	builder_write(&fixture->builder, config + 0x40 + 3, 1, 0x7f);
	assert_fact(sample_disk(fixture)->msix_enabled, 0);
	builder_write(&fixture->builder, config + 0x40 + 3, 1, 0x80);
	SET(fixture->disk->proxy, PCIDevice_msix_cap, 0);
	assert_fact(sample_disk(fixture)->msix_enabled, 0);
	SET(fixture->disk->proxy, PCIDevice_msix_cap, 0x40);
	SET(fixture->disk->proxy, PCIDevice_config, NOWHERE);
	assert_int_equal(sample_disk(fixture)->msix_enabled.state, FACT_UNREADABLE);
	assert_string_equal(find(fixture, fixture->disk)->location, "0000:00:03.0");
}

static void test_other_transports(void **state)
{
	static const uint8_t dev_id[6] = { 0xfe, 0, 0x34, 0x12, 1 };
	struct fixture fixture = { 0 };
	struct builder_spec mmio = disk_spec, ccw = net_spec;

	(void)state;
	builder_init(&fixture.builder, LITTLE_ENDIAN_ORDER, 8);
	mmio.bus_type = "virtio-mmio-bus";
	ccw.bus_type = "virtio-ccw-bus";
	fixture.disk = builder_add_device(&fixture.builder, &mmio);
	fixture.net = builder_add_device(&fixture.builder, &ccw);
	builder_write(&fixture.builder,
		      builder_at(&fixture.builder, fixture.disk->proxy, QEMU_SysBusDevice_mmio), 8,
		      0xa003e00);
	memcpy(builder_bytes(
		       &fixture.builder,
		       builder_at(&fixture.builder, fixture.net->proxy, QEMU_CcwDevice_dev_id),
		       sizeof(dev_id)),
	       dev_id, sizeof(dev_id));
	const struct device *disk = sample_disk(&fixture);
	const struct device *net = find(&fixture, fixture.net);
	assert_string_equal(disk->transport, "mmio");
	assert_string_equal(disk->location, "0xa003e00");
	assert_int_equal(disk->msix_enabled.state, FACT_ABSENT);
	assert_int_equal(disk->queues[0].proxy_enabled.state, FACT_ABSENT);
	assert_string_equal(net->transport, "ccw");
	assert_string_equal(net->location, "fe.0.1234");
	assert_no_problem(&fixture);
	forget(&fixture);
	builder_deinit(&fixture.builder);
}

static void test_bad_proxy(void **state)
{
	struct fixture *fixture = *state;

	SET(fixture->disk->virtio_bus, BusState_parent, NOWHERE);
	const struct device *disk = sample_disk(fixture);
	assert_problem(fixture, "transport: proxy of a virtio device");
	assert_string_equal(disk->transport, "");
	assert_fact(disk->queues[0].avail_idx, 20);
	SET(fixture->disk->vdev, DeviceState_parent_bus, NOWHERE);
	disk = sample_disk(fixture);
	assert_problem(fixture, "transport: ");
	assert_fact(disk->queues[0].avail_idx, 20);
}

/* ---- VirtQueues ------------------------------------------------------------------------------ */

static void check_one_bad_queue(struct fixture *fixture, const char *problem)
{
	const struct device *disk = sample_disk(fixture);

	assert_int_equal(disk->queue_num, 2);
	assert_false(disk->queues[0].readable);
	assert_false(disk->queues[0].set_up);
	assert_int_equal(disk->queues[0].last_avail_idx.state, FACT_UNREADABLE);
	assert_int_equal(disk->queues[0].vring_num.state, FACT_UNREADABLE);
	assert_true(strstr(disk->queues[0].problem, problem));
	/* the others are still read */
	assert_true(disk->queues[1].readable);
	assert_fact(disk->queues[1].avail_idx, 0);
}

static void test_wrong_back_pointer(void **state)
{
	struct fixture *fixture = *state;
	uint64_t queue = fixture->disk->queues[0].virtqueue;

	SET(queue, VirtQueue_vdev, fixture->net->vdev);
	check_one_bad_queue(fixture, "VirtQueue 0: vdev is 0x");
	SET(queue, VirtQueue_vdev, fixture->disk->vdev);
	SET(queue, VirtQueue_queue_index, 1);
	check_one_bad_queue(fixture, "VirtQueue 0: queue_index is 1");
}

static void test_huge_ring(void **state)
{
	static const uint32_t nums[] = { 1025, 65536, 0x10000010, UINT32_MAX };
	struct fixture *fixture = *state;

	for (size_t i = 0; i < ARRAY_SIZE(nums); i++) {
		SET(fixture->disk->queues[0].virtqueue, VirtQueue_vring_num, nums[i]);
		check_one_bad_queue(fixture, "expected at most 1024");
	}
	SET(fixture->disk->queues[0].virtqueue, VirtQueue_vring_num, 1024);
	assert_true(sample_disk(fixture)->queues[0].readable);
}

static void test_bad_queue_array(void **state)
{
	static const uint64_t arrays[] = { 0, NOWHERE, UINT64_MAX - 100, UINT64_MAX };
	struct fixture *fixture = *state;

	for (size_t i = 0; i < ARRAY_SIZE(arrays); i++) {
		SET(fixture->disk->vdev, VirtIODevice_vq, arrays[i]);
		assert_int_equal(sample_disk(fixture)->queue_num, 0);
		assert_problem(fixture, "queues: VirtIODevice.vq");
		assert_int_equal(find(fixture, fixture->net)->queue_num, 3);
	}
	/* the pointer itself */
	builder_hide(&fixture->builder,
		     builder_at(&fixture->builder, fixture->disk->vdev, QEMU_VirtIODevice_vq), 1);
	sample(fixture);
	assert_int_equal(find(fixture, fixture->net)->queue_num, 3);
}

/* ---- Rings ------------------------------------------------------------------------------------
 */

static uint64_t cache(struct fixture *fixture, enum qemu_query area)
{
	return builder_at(&fixture->builder, fixture->disk->queues[0].caches, area);
}

static void test_short_caches(void **state)
{
	struct fixture *fixture = *state;

	/* as mapped without EVENT_IDX: only the events are beyond */
	SET(cache(fixture, QEMU_VRingMemoryRegionCaches_avail), MemoryRegionCache_len, 4 + 2 * 16);
	SET(cache(fixture, QEMU_VRingMemoryRegionCaches_used), MemoryRegionCache_len, 4 + 8 * 16);
	const struct queue *queue = &sample_disk(fixture)->queues[0];
	assert_fact(queue->avail_idx, 20);
	assert_fact(queue->used_ring_idx, 12);
	assert_int_equal(queue->used_event.state, FACT_UNREADABLE);
	assert_int_equal(queue->avail_event.state, FACT_UNREADABLE);

	SET(cache(fixture, QEMU_VRingMemoryRegionCaches_avail), MemoryRegionCache_len, 3);
	SET(cache(fixture, QEMU_VRingMemoryRegionCaches_used), MemoryRegionCache_len, 0);
	queue = &sample_disk(fixture)->queues[0];
	assert_int_equal(queue->avail_idx.state, FACT_UNREADABLE);
	assert_int_equal(queue->avail_flags.state, FACT_UNREADABLE);
	assert_int_equal(queue->used_ring_idx.state, FACT_UNREADABLE);
	assert_fact(queue->last_avail_idx, 15);
}

static void test_wild_caches(void **state)
{
	static const uint64_t pointers[] = { NOWHERE, 1, UINT64_MAX, UINT64_MAX - 3 };
	struct fixture *fixture = *state;

	for (size_t i = 0; i < ARRAY_SIZE(pointers); i++) {
		SET(cache(fixture, QEMU_VRingMemoryRegionCaches_avail), MemoryRegionCache_ptr,
		    pointers[i]);
		SET(cache(fixture, QEMU_VRingMemoryRegionCaches_avail), MemoryRegionCache_len,
		    UINT64_MAX);
		const struct queue *queue = &sample_disk(fixture)->queues[0];
		assert_int_equal(queue->avail_idx.state, FACT_UNREADABLE);
		assert_int_equal(queue->used_event.state, FACT_UNREADABLE);
		/* the rest of the ring, and QEMU's side */
		assert_fact(queue->used_ring_idx, 12);
		assert_fact(queue->last_avail_idx, 15);
	}
	/* the caches themselves */
	SET(fixture->disk->queues[0].virtqueue, VirtQueue_caches, NOWHERE);
	const struct queue *queue = &sample_disk(fixture)->queues[0];
	assert_int_equal(queue->avail_idx.state, FACT_UNREADABLE);
	assert_int_equal(queue->used_event.state, FACT_UNREADABLE);
	assert_fact(queue->last_avail_idx, 15);
	assert_non_null(queue->ring_problem);
}

static void no_pointers(struct fixture *fixture)
{
	SET(cache(fixture, QEMU_VRingMemoryRegionCaches_desc), MemoryRegionCache_ptr, 0);
	SET(cache(fixture, QEMU_VRingMemoryRegionCaches_avail), MemoryRegionCache_ptr, 0);
	SET(cache(fixture, QEMU_VRingMemoryRegionCaches_used), MemoryRegionCache_ptr, 0);
}

/** Without QEMU's mapping the addresses are translated as QEMU would. */
static void test_translation(void **state)
{
	struct fixture *fixture = *state;

	no_pointers(fixture);
	check_busy_queue(&sample_disk(fixture)->queues[0]);
	SET(fixture->disk->queues[0].virtqueue, VirtQueue_caches, 0);
	check_busy_queue(&sample_disk(fixture)->queues[0]);
	/* the address space of the device, else of the machine */
	SET(fixture->disk->vdev, VirtIODevice_dma_as, 0);
	check_busy_queue(&sample_disk(fixture)->queues[0]);
	SET(fixture->disk->vdev, VirtIODevice_dma_as, NOWHERE);
	assert_int_equal(sample_disk(fixture)->queues[0].avail_idx.state, FACT_UNREADABLE);
	assert_non_null(find(fixture, fixture->disk)->queues[0].ring_problem);
}

static void test_iommu(void **state)
{
	struct fixture *fixture = *state;

	no_pointers(fixture);
	SET(fixture->builder.region, MemoryRegion_is_iommu, 1);
	const struct queue *queue = &sample_disk(fixture)->queues[0];
	assert_int_equal(queue->avail_idx.state, FACT_UNREADABLE);
	assert_fact(queue->last_avail_idx, 15);
	assert_true(strstr(queue->ring_problem, "virtual IOMMU"));
	assert_int_equal(queue->ring_error, VIRTQ_ERROR_UNSUPPORTED);
	/* a pointer is a pointer, whatever the region says */
	SET(fixture->builder.region, MemoryRegion_is_iommu, 0);
	SET(cache(fixture, QEMU_VRingMemoryRegionCaches_desc), MemoryRegionCache_mr, NOWHERE);
	check_busy_queue(&sample_disk(fixture)->queues[0]);
}

static void check_untranslated(struct fixture *fixture, const char *problem)
{
	const struct queue *queue = &sample_disk(fixture)->queues[0];

	assert_int_equal(queue->avail_idx.state, FACT_UNREADABLE);
	assert_int_equal(queue->used_ring_idx.state, FACT_UNREADABLE);
	assert_int_equal(queue->used_event.state, FACT_UNREADABLE);
	assert_fact(queue->last_avail_idx, 15);
	assert_non_null(queue->ring_problem);
	if (!strstr(queue->ring_problem, problem))
		fail_msg("'%s', expected '%s'", queue->ring_problem, problem);
	/* those with a mapping do not care */
	assert_fact(find(fixture, fixture->disk)->queues[1].avail_idx, 0);
}

static void test_bad_flat_view(void **state)
{
	struct fixture *fixture = *state;
	uint64_t view = fixture->builder.flat_view, range = fixture->builder.flat_range;

	SET(fixture->disk->queues[0].virtqueue, VirtQueue_caches, 0);
	SET(view, FlatView_nr, UINT32_MAX);
	check_untranslated(fixture, "has 4294967295 ranges, expected at most 8192");
	SET(view, FlatView_nr, 8192);
	check_untranslated(fixture, "FlatView.ranges");
	SET(view, FlatView_nr, 0);
	check_untranslated(fixture, "is not in the guest's RAM");
	SET(view, FlatView_nr, 1);
	SET(view, FlatView_ranges, NOWHERE);
	check_untranslated(fixture, "FlatView.ranges");
	SET(view, FlatView_ranges, range);
	SET(SYMBOL(address_space_memory), AddressSpace_current_map, 0);
	check_untranslated(fixture, "FlatView");
	SET(SYMBOL(address_space_memory), AddressSpace_current_map, view);

	SET(fixture->builder.region, MemoryRegion_ram_block, 0);
	check_untranslated(fixture, "is not in the guest's RAM");
	SET(fixture->builder.region, MemoryRegion_ram_block, NOWHERE);
	check_untranslated(fixture, "RAMBlock.host");
	SET(fixture->builder.region, MemoryRegion_ram_block, fixture->builder.ram_block);
	SET(range, FlatRange_mr, 0);
	check_untranslated(fixture, "is not in the guest's RAM");
	SET(range, FlatRange_mr, NOWHERE);
	check_untranslated(fixture, "MemoryRegion.ram_block");
	SET(range, FlatRange_mr, fixture->builder.region);

	/* the ring ends where the range does, and beyond */
	SET(fixture->disk->queues[0].virtqueue, VirtQueue_vring_avail,
	    BUILDER_RAM_GPA + BUILDER_RAM_SIZE - 20);
	check_untranslated(fixture, "available ring: guest-physical 0x4007ffec, 38 bytes");
	SET(fixture->disk->queues[0].virtqueue, VirtQueue_vring_avail, UINT64_MAX - 2);
	check_untranslated(fixture, "available ring: guest-physical 0xfffffffffffffffd");
}

/** Ranges before and after the right one, an I/O region, and numbers that wrap. */
static void test_many_flat_ranges(void **state)
{
	struct fixture *fixture = *state;
	size_t stride = builder_size(&fixture->builder, QEMU_STRUCT_FlatRange);
	uint64_t ranges = builder_alloc(&fixture->builder, 4 * stride);
	uint64_t starts[] = { 0, BUILDER_RAM_GPA - 0x1000, BUILDER_RAM_GPA, UINT64_MAX - 0xfff };
	uint64_t lengths[] = { 0xa0000, 0x1000, BUILDER_RAM_SIZE, UINT64_MAX };

	for (size_t i = 0; i < 4; i++) {
		uint64_t range = ranges + i * stride;

		SET(range, FlatRange_start, starts[i]);
		SET(range, FlatRange_size, lengths[i]);
		SET(range, FlatRange_mr, i == 1 ? 0 : fixture->builder.region);
		SET(range, FlatRange_offset_in_region, 0x3000);
	}
	SET(fixture->builder.flat_view, FlatView_ranges, ranges);
	SET(fixture->builder.flat_view, FlatView_nr, 4);
	no_pointers(fixture);
	check_busy_queue(&sample_disk(fixture)->queues[0]);
	SET(fixture->disk->queues[0].virtqueue, VirtQueue_vring_used, BUILDER_RAM_GPA - 0x800);
	check_untranslated(fixture, "used ring: guest-physical 0x3ffff800");
	/* in a range that goes round the end of memory, as no QEMU has: anything but a crash */
	SET(fixture->disk->queues[0].virtqueue, VirtQueue_vring_used, UINT64_MAX - 0x10);
	sample(fixture);
}

/** dump-guest-core=off: QEMU's side stays known, and nothing of the guest is invented. */
static void test_no_guest_ram(void **state)
{
	struct fixture *fixture = *state;

	builder_hide(&fixture->builder, fixture->builder.ram_address, BUILDER_RAM_SIZE);
	const struct device *disk = sample_disk(fixture);
	for (size_t i = 0; i < disk->queue_num; i++) {
		const struct queue *queue = &disk->queues[i];

		assert_int_equal(queue->avail_idx.state, FACT_UNREADABLE);
		assert_int_equal(queue->avail_flags.state, FACT_UNREADABLE);
		assert_int_equal(queue->used_ring_idx.state, FACT_UNREADABLE);
		assert_int_equal(queue->used_flags.state, FACT_UNREADABLE);
		assert_int_equal(queue->used_event.state, FACT_UNREADABLE);
		assert_int_equal(queue->avail_event.state, FACT_UNREADABLE);
		assert_non_null(queue->ring_problem);
		assert_true(queue->readable && queue->set_up);
	}
	assert_fact(disk->queues[0].last_avail_idx, 15);
	check_disk(disk);
}

static void test_part_of_a_ring(void **state)
{
	struct fixture *fixture = *state;

	builder_hide(&fixture->builder, fixture->disk->queues[0].used + 2, 1);
	const struct queue *queue = &sample_disk(fixture)->queues[0];
	assert_fact(queue->avail_idx, 20);
	assert_fact(queue->avail_event, 17);
	assert_int_equal(queue->used_ring_idx.state, FACT_UNREADABLE);
	assert_int_equal(queue->used_flags.state, FACT_UNREADABLE);
	assert_non_null(queue->ring_problem);
}

static void packed_machine(struct fixture *fixture)
{
	struct builder_spec spec = disk_spec;

	*fixture = (struct fixture){ 0 };
	builder_init(&fixture->builder, LITTLE_ENDIAN_ORDER, 8);
	spec.features |= VIRTIO_F_RING_PACKED;
	fixture->disk = builder_add_device(&fixture->builder, &spec);
}

static void test_packed(void **state)
{
	struct fixture machine, *fixture = &machine;

	(void)state;
	packed_machine(fixture);
	const struct builder_queue *ring = &fixture->disk->queues[0];
	SET(ring->virtqueue, VirtQueue_last_avail_idx, 5);
	builder_set_ring(&fixture->builder, ring, ring->desc + 5 * 16 + 14, 1 << 7);
	builder_set_ring(&fixture->builder, ring, ring->avail, 0x8003);
	builder_set_ring(&fixture->builder, ring, ring->avail + 2, 2);
	builder_set_ring(&fixture->builder, ring, ring->used, 0x0007);
	builder_set_ring(&fixture->builder, ring, ring->used + 2, 0xfffd);
	const struct queue *queue = &sample_disk(fixture)->queues[0];
	assert_true(queue->packed);
	assert_fact(queue->last_avail_wrap_counter, 1);
	assert_fact(queue->next_available, 1);
	assert_fact(queue->driver_event_off_wrap, 0x8003);
	assert_fact(queue->driver_event_flags, 2);
	assert_fact(queue->device_event_off_wrap, 7);
	assert_fact(queue->device_event_flags, 1);
	assert_int_equal(queue->avail_idx.state, FACT_ABSENT);
	assert_int_equal(queue->used_event.state, FACT_ABSENT);
	assert_no_problem(fixture);

	/* the next lap */
	SET(ring->virtqueue, VirtQueue_last_avail_wrap_counter, 0);
	assert_fact(sample_disk(fixture)->queues[0].next_available, 0);
	/* a slot outside the ring */
	SET(ring->virtqueue, VirtQueue_last_avail_idx, 16);
	assert_int_equal(sample_disk(fixture)->queues[0].next_available.state, FACT_UNREADABLE);
	SET(ring->virtqueue, VirtQueue_last_avail_idx, 65535);
	assert_int_equal(sample_disk(fixture)->queues[0].next_available.state, FACT_UNREADABLE);
	SET(ring->virtqueue, VirtQueue_last_avail_idx, 5);
	SET(ring->virtqueue, VirtQueue_caches, 0);
	assert_fact(sample_disk(fixture)->queues[0].driver_event_off_wrap, 0x8003);
	SET(ring->virtqueue, VirtQueue_vring_desc, 0x1000);
	queue = &sample_disk(fixture)->queues[0];
	assert_int_equal(queue->next_available.state, FACT_UNREADABLE);
	assert_int_equal(queue->device_event_flags.state, FACT_UNREADABLE);
	forget(fixture);
	builder_deinit(&fixture->builder);
}

/* ---- A target that moves while it is read ------------------------------------------------------
 */

/** Memory in which something happens just before a certain address is read. */
struct moving {
	struct target base;
	struct target *bytes;
	struct fixture *fixture;
	uint64_t trigger;                    /**< Before the read of this address... */
	void (*move)(struct moving *moving); /**< ...this is done. */
	unsigned int reads;                  /**< How often it was read. */
};

static void moving_read_many(struct target *target, struct target_request *requests, size_t num)
{
	struct moving *moving = (struct moving *)target;

	for (size_t i = 0; i < num; i++) {
		if (requests[i].address == moving->trigger) {
			moving->reads++;
			moving->move(moving);
		}
		requests[i].error =
			target_read(moving->bytes, requests[i].address, requests[i].buffer,
				    requests[i].length, requests[i].what);
	}
}

static const struct target_ops moving_ops = { .read_many = moving_read_many };

/** Sample while @move happens at each read of the disk's first VirtQueue. @return that queue. */
static const struct queue *
sample_moving(struct fixture *fixture, void (*move)(struct moving *moving), unsigned int *reads_ret)
{
	struct moving *moving = calloc(1, sizeof(*moving));
	struct qemu qemu;

	assert_non_null(moving);
	assert_null(builder_open(&fixture->builder, &moving->bytes, &qemu));
	moving->base.ops = &moving_ops;
	moving->base.info = *target_get_info(moving->bytes);
	moving->base.info.live = true;
	moving->fixture = fixture;
	moving->trigger = fixture->watched ? fixture->watched : fixture->disk->queues[0].virtqueue;
	moving->move = move;
	qemu.target = &moving->base;
	if (fixture->recorder)
		target_set_observer(&moving->base, recorder_observe, fixture->recorder);
	forget(fixture);
	assert_null(qemu_sample(&qemu, &fixture->sample));
	collect_problems(fixture);
	*reads_ret = moving->reads;
	target_close(moving->bytes);
	target_close(&moving->base);
	return &find(fixture, fixture->disk)->queues[0];
}

static void stand_still(struct moving *moving)
{
	(void)moving;
}

/** The device finishes a request, for the first so many reads of its VirtQueue. */
static void finish_one(struct moving *moving)
{
	struct qemu_builder *builder = &moving->fixture->builder;
	const struct builder_queue *queue = &moving->fixture->disk->queues[0];
	struct builder_indices indices = { .avail = 2000, .shadow = 2000, .last = 2000 };

	if (moving->reads > 7)
		return;
	indices.used = (uint16_t)(1990 + moving->reads);
	builder_set_indices(builder, queue, &indices);
}

static void finish_always(struct moving *moving)
{
	if (moving->reads > 7)
		moving->reads = 1;
	finish_one(moving);
}

static void test_torn(void **state)
{
	struct fixture *fixture = *state;
	unsigned int reads;

	/* it settles: both sides are of one instant */
	const struct queue *queue = sample_moving(fixture, finish_one, &reads);
	assert_false(queue->torn);
	assert_fact(queue->used_idx, 1997);
	assert_fact(queue->used_ring_idx, 1997);
	assert_fact(queue->inuse, 3);

	/* it never settles, and is not read for ever */
	queue = sample_moving(fixture, finish_always, &reads);
	assert_true(queue->torn);
	assert_true(reads < 100);
	/* the other queue of the device is not */
	assert_false(find(fixture, fixture->disk)->queues[1].torn);
}

/** The device finishes a request after the ring was read, and before its requests were all found. */
static void finish_late(struct moving *moving)
{
	if (moving->reads == 4)
		builder_set(&moving->fixture->builder,
			    moving->fixture->disk->queues[0].virtqueue, QEMU_VirtQueue_used_idx, 1991);
}

/** What is known of it then is of two moments, and must not be taken for one. */
static void test_moves_later(void **state)
{
	struct fixture *fixture = *state;
	const struct builder_indices indices = { .avail = 2000, .shadow = 2000, .last = 2000,
						 .used = 1990 };
	unsigned int reads;

	builder_set_indices(&fixture->builder, &fixture->disk->queues[0], &indices);
	const struct queue *queue = sample_moving(fixture, finish_late, &reads);
	assert_int_equal(reads, 4);
	assert_fact(queue->used_idx, 1990);
	assert_true(queue->torn);
	assert_false(queue->requests_complete);
	assert_non_null(strstr(queue->requests_problem, "moved while"));
}

/** The device counts a request that it took, after all else of the queue was read. */
static void count_at_last(struct moving *moving)
{
	if (moving->reads == 5)
		builder_set(&moving->fixture->builder,
			    moving->fixture->disk->queues[0].virtqueue, QEMU_VirtQueue_inuse, 11);
}

/** A queue in the middle of virtqueue_pop() is seen as it was, and is known to have been on its way. */
static void test_moves_at_last(void **state)
{
	struct fixture *fixture = *state;
	const struct builder_indices indices = { .avail = 2001, .shadow = 2001, .last = 2001,
						 .used = 1990 };
	struct recorder recorder = { 0 };
	unsigned int reads;

	builder_set_indices(&fixture->builder, &fixture->disk->queues[0], &indices);
	SET(fixture->disk->queues[0].virtqueue, VirtQueue_inuse, 10);
	fixture->recorder = &recorder;
	const struct queue *queue = sample_moving(fixture, count_at_last, &reads);
	assert_null(recorder.error);
	assert_int_equal(reads, 5);
	assert_fact(queue->inuse, 10);
	assert_true(queue->torn);
	assert_false(find(fixture, fixture->disk)->queues[1].torn);
	recorder_deinit(&recorder);
	fixture->recorder = NULL;

	/* one that stands still was like that all the time */
	SET(fixture->disk->queues[0].virtqueue, VirtQueue_inuse, 10);
	queue = sample_moving(fixture, stand_still, &reads);
	assert_int_equal(reads, 5);
	assert_fact(queue->inuse, 10);
	assert_false(queue->torn);
}

/** A ring that cannot be found is not looked for in that of the queue before. */
static void test_lost_ring_stands_still(void **state)
{
	struct fixture *fixture = *state;
	const struct builder_indices indices = { .avail = 2000, .shadow = 2000, .last = 2000,
						 .used = 1990 };
	unsigned int reads;

	builder_set_indices(&fixture->builder, &fixture->disk->queues[0], &indices);
	SET(fixture->disk->queues[1].virtqueue, VirtQueue_caches, NOWHERE);
	SET(fixture->disk->queues[1].virtqueue, VirtQueue_inuse, 1);
	assert_false(sample_moving(fixture, stand_still, &reads)->torn);
	const struct queue *lost = &find(fixture, fixture->disk)->queues[1];
	assert_int_equal(lost->used_ring_idx.state, FACT_UNREADABLE);
	assert_false(lost->torn);
	assert_non_null(strstr(lost->requests_problem, "VRingMemoryRegionCaches"));
}

/** The packed ring goes on by one slot between the reading of the array and that of the ring. */
static void take_one(struct moving *moving)
{
	struct qemu_builder *builder = &moving->fixture->builder;
	const struct builder_queue *queue = &moving->fixture->disk->queues[0];

	if (moving->reads != 2)
		return;
	builder_set(builder, queue->virtqueue, QEMU_VirtQueue_last_avail_idx, 1);
	builder_set(builder, queue->virtqueue, QEMU_VirtQueue_inuse, 1);
}

/** The slot that is looked at and last_avail_idx are of one instant. */
static void test_packed_moves_on(void **state)
{
	struct fixture machine, *fixture = &machine;
	unsigned int reads;

	(void)state;
	packed_machine(fixture);
	const struct builder_queue *ring = &fixture->disk->queues[0];
	/* slot 0 is available, and is taken; slot 1 is not available */
	builder_set_ring(&fixture->builder, ring, ring->desc + 14, 1 << 7);
	const struct queue *queue = sample_moving(fixture, take_one, &reads);
	assert_fact(queue->last_avail_idx, 1);
	assert_false(queue->torn);
	assert_fact(queue->next_available, 0);
	forget(fixture);
	builder_deinit(&fixture->builder);
}

/** The device is unplugged, or set up anew by the guest, after the array of VirtQueues was read. */
static void replace_ring(struct moving *moving)
{
	static const struct {
		enum qemu_query member;
		uint64_t value;
	} steps[] = {
		{ QEMU_VirtQueue_vring_num, 0 },
		{ QEMU_VirtQueue_vring_num, 0x80000000 },
		{ QEMU_VirtQueue_vring_num, 8 },
		{ QEMU_VirtQueue_vring_desc, 0 },
		{ QEMU_VirtQueue_vring_avail, BUILDER_RAM_GPA },
		{ QEMU_VirtQueue_vring_used, BUILDER_RAM_GPA },
	};

	if (moving->reads == 2)
		builder_set(&moving->fixture->builder, moving->trigger, steps[moving->fixture->step].member,
			    steps[moving->fixture->step].value);
}

enum { REPLACE_RING_STEPS = 6 };

/** What was checked stays: nothing divides by, or walks along, what it is now. */
static void test_replaced(void **state)
{
	const struct builder_indices indices = { .avail = 2000, .shadow = 2000, .last = 2000,
						 .used = 1990 };
	unsigned int reads;

	(void)state;
	for (unsigned int i = 0; i < 2 * REPLACE_RING_STEPS; i++) {
		struct fixture machine, *fixture = &machine;
		bool packed = i & 1;

		if (packed)
			packed_machine(fixture);
		else
			machine_init(fixture, LITTLE_ENDIAN_ORDER, 8);
		const struct builder_queue *ring = &fixture->disk->queues[0];
		uint64_t num = builder_get(&fixture->builder, ring->virtqueue,
					   QEMU_VirtQueue_vring_num);
		if (!packed)
			builder_set_indices(&fixture->builder, ring, &indices);
		/* as one that refused a chain: a slot before last_avail_idx is looked at */
		SET(fixture->disk->vdev, VirtIODevice_broken, 1);
		SET(ring->virtqueue, VirtQueue_inuse, packed ? 1 : 9);
		fixture->step = i / 2;
		const struct queue *queue = sample_moving(fixture, replace_ring, &reads);
		assert_true(reads >= 2);
		assert_true(queue->torn && queue->renewed && queue->set_up);
		assert_fact(queue->vring_num, num);
		assert_false(queue->requests_complete);
		assert_non_null(strstr(queue->ring_problem, "set up anew"));
		if (!packed)
			assert_int_equal(queue->avail_idx.state, FACT_UNREADABLE);
		/* the others are judged by what they say */
		assert_false(find(fixture, fixture->disk)->queues[1].torn);
		forget(fixture);
		builder_deinit(&fixture->builder);
	}
}

/** All devices that share a FlatView, and all their queues, have one map, read once; or fail once. */
static void test_one_map(void **state)
{
	struct fixture *fixture = *state;
	const struct builder_device *devices[] = { fixture->disk, fixture->net };
	unsigned int reads;

	for (size_t i = 0; i < ARRAY_SIZE(devices); i++) {
		for (size_t j = 0; j < devices[i]->queue_num; j++)
			SET(devices[i]->queues[j].virtqueue, VirtQueue_caches, 0);
	}
	fixture->watched = fixture->builder.flat_range;
	const struct queue *queue = sample_moving(fixture, stand_still, &reads);
	assert_fact(queue->avail_idx, 20);
	assert_fact(find(fixture, fixture->net)->queues[2].avail_idx, 0);
	assert_int_equal(reads, 1);

	/* of one that cannot be read: once a device, and again for the disk's requests */
	SET(fixture->builder.region, MemoryRegion_ram_block, NOWHERE);
	queue = sample_moving(fixture, stand_still, &reads);
	assert_int_equal(queue->avail_idx.state, FACT_UNREADABLE);
	assert_int_equal(reads, 3);

	/* a device whose FlatView is its own */
	SET(fixture->builder.region, MemoryRegion_ram_block, fixture->builder.ram_block);
	uint64_t view = builder_new(&fixture->builder, QEMU_STRUCT_FlatView);
	uint64_t space = builder_new(&fixture->builder, QEMU_STRUCT_AddressSpace);
	SET(space, AddressSpace_current_map, view);
	SET(fixture->net->vdev, VirtIODevice_dma_as, space);
	SET(view, FlatView_ranges, fixture->builder.flat_range);
	SET(view, FlatView_nr, 1);
	queue = sample_moving(fixture, stand_still, &reads);
	assert_fact(queue->avail_idx, 20);
	assert_fact(find(fixture, fixture->net)->queues[0].avail_idx, 0);
	assert_true(reads >= 2);
}

/** However many devices have FlatViews of their own, so many ranges are read and no more. */
static void test_ranges_of_all_maps(void **state)
{
	struct fixture *fixture = *state;
	size_t size = builder_size(&fixture->builder, QEMU_STRUCT_FlatRange);
	struct guest_memory memory = { 0 };
	struct target *target;
	struct qemu qemu;

	SET(fixture->builder.flat_view, FlatView_ranges,
	    builder_alloc(&fixture->builder, FLAT_RANGES_MAX / 2 * size));
	SET(fixture->builder.flat_view, FlatView_nr, FLAT_RANGES_MAX / 2);
	assert_null(builder_open(&fixture->builder, &target, &qemu));
	for (size_t read = 0; read <= FLAT_RANGES_SAMPLE_MAX; read += FLAT_RANGES_MAX / 2) {
		bool enough = read == FLAT_RANGES_SAMPLE_MAX;
		/* as if another device had asked, and had another map */
		memory.vdev = memory.flat_view = 0;
		struct virtq_error *error =
			guest_memory_of(&qemu, fixture->disk->vdev, &memory);

		assert_int_equal(!!error, enough);
		assert_int_equal(memory.num, enough ? 0 : FLAT_RANGES_MAX / 2);
		if (error)
			assert_non_null(strstr(virtq_error_message(error), "ranges of all FlatViews"));
		virtq_error_destroy(error);
	}
	guest_memory_deinit(&memory);
	target_close(target);
}

/* ---- What is recorded of it -------------------------------------------------------------------- */

#define SECRET "GUEST-SECRET-KEY"

/** Where a request's indirect table or header is, in guest RAM behind the rings. */
enum { TABLE = 0x40000 };

/** What happens after the indices were read, when the memory of the request is the guest's again. */
enum finish { FINISH_NOT, FINISH_IN_QEMU, FINISH_IN_RING };

static void reuse(struct moving *moving)
{
	struct fixture *fixture = moving->fixture;
	const struct builder_queue *queue = &fixture->disk->queues[0];

	if (moving->reads == 3)
		memcpy(builder_bytes(&fixture->builder, fixture->builder.ram_address + TABLE, 16),
		       SECRET, 16);
	if (moving->reads != 4 || fixture->step == FINISH_NOT)
		return;
	if (fixture->step == FINISH_IN_QEMU)
		SET(queue->virtqueue, VirtQueue_inuse, 0);
	else if (queue->packed)
		builder_set_ring(&fixture->builder, queue, queue->desc + 14, 1 << 7 | 1 << 15);
	else
		builder_set_ring(&fixture->builder, queue, queue->used + 2, 1);
}

static bool is_recorded(const struct recorder *recorder, const char *text)
{
	for (size_t i = 0; i < recorder->last.num; i++) {
		if (memmem(recorder->last.pages[i]->bytes, PAGES_SIZE, text, strlen(text)))
			return true;
	}
	return false;
}

/** One request taken and one available, whose first descriptor is of 16 bytes at TABLE. */
static void put_requests(struct fixture *fixture, uint16_t flags)
{
	const struct builder_queue *queue = &fixture->disk->queues[0];
	uint8_t *desc = builder_bytes(&fixture->builder, queue->desc, 32);
	const struct builder_indices indices = { .avail = 2, .shadow = 2, .last = 1 };

	if (queue->packed)
		SET(queue->virtqueue, VirtQueue_last_avail_idx, 1);
	else
		builder_set_indices(&fixture->builder, queue, &indices);
	SET(queue->virtqueue, VirtQueue_inuse, 1);
	for (uint16_t head = 0; head < 2; head++, desc += 16) {
		for (int i = 0; i < 8; i++)
			desc[i] = (uint8_t)((BUILDER_RAM_GPA + TABLE) >> 8 * i);
		desc[8] = 16;
		desc[queue->packed ? 14 : 12] = (uint8_t)flags;
		if (queue->packed)
			desc[14] |= 1 << 7;
		else
			builder_set_ring(&fixture->builder, queue, queue->avail + 4 + 2 * head, head);
	}
}

/**
 * A request whose end was not sampled: its memory holds something else by now, which
 * is neither told nor recorded. That of one that is still there is.
 */
static void test_finished_is_not_recorded(void **state)
{
	static const uint16_t flags[] = { 0, CHAIN_DESC_F_INDIRECT };

	(void)state;
	for (unsigned int i = 0; i < 2 * ARRAY_SIZE(flags) * 3; i++) {
		struct fixture machine, *fixture = &machine;
		struct recorder recorder = { 0 };
		unsigned int reads;
		bool packed = i & 1, finished;

		if (packed)
			packed_machine(fixture);
		else
			machine_init(fixture, LITTLE_ENDIAN_ORDER, 8);
		put_requests(fixture, flags[i / 2 % 2]);
		fixture->step = i / 4;
		fixture->recorder = &recorder;
		const struct queue *queue = sample_moving(fixture, reuse, &reads);
		finished = fixture->step != FINISH_NOT;
		assert_null(recorder.error);
		/* a queue that has moved is not looked at again */
		assert_int_equal(reads, queue->torn ? 4 : 5);
		assert_int_equal(queue->request_num, finished ? 0 : packed ? 1 : 2);
		/* one that was used, and the driver wrote in its slot again, looks the same */
		assert_int_equal(queue->torn, finished && !(packed && fixture->step == FINISH_IN_RING));
		assert_int_equal(is_recorded(&recorder, SECRET), !finished);
		/* QEMU's own memory is recorded all the same */
		assert_true(is_recorded(&recorder, "virtio-name"));
		recorder_deinit(&recorder);
		forget(fixture);
		builder_deinit(&fixture->builder);
	}
}

/* ---- Roles by pointer
 * ---------------------------------------------------------------------------- */

static void test_net_ctrl_queue(void **state)
{
	struct fixture *fixture = *state;
	struct builder_device *net;
	struct builder_spec multiqueue = net_spec;

	/* four pairs configured, MQ not negotiated: ctrl is queue 2, and more follow */
	multiqueue.id = "net1";
	multiqueue.queue_num = 9;
	net = builder_add_device(&fixture->builder, &multiqueue);
	SET(net->vdev, VirtIONet_ctrl_vq, net->queues[2].virtqueue);
	sample(fixture);
	assert_string_equal(find(fixture, net)->queues[2].role, "ctrl");
	assert_int_equal(find(fixture, net)->queues[2].kind, QUEUE_POLLED);
	/* a pointer that points at no queue: the last of an odd number */
	SET(net->vdev, VirtIONet_ctrl_vq, NOWHERE);
	sample(fixture);
	assert_string_equal(find(fixture, net)->queues[8].role, "ctrl");
	assert_string_equal(find(fixture, net)->queues[2].role, "rx1");
	SET(net->vdev, VirtIONet_ctrl_vq, fixture->net->queues[1].virtqueue);
	sample(fixture);
	assert_string_equal(find(fixture, net)->queues[8].role, "ctrl");
}

static void test_balloon_queues(void **state)
{
	struct fixture *fixture = *state;
	const struct builder_spec spec = { .id = "balloon0",
					   .type = "virtio-balloon-device",
					   .device_id = 5,
					   .features = MODERN,
					   .queue_num = 4 };
	struct builder_device *balloon = builder_add_device(&fixture->builder, &spec);

	SET(balloon->vdev, VirtIOBalloon_ivq, balloon->queues[0].virtqueue);
	SET(balloon->vdev, VirtIOBalloon_dvq, balloon->queues[1].virtqueue);
	SET(balloon->vdev, VirtIOBalloon_svq, balloon->queues[2].virtqueue);
	/* no free-page queue, so that reporting has its index */
	SET(balloon->vdev, VirtIOBalloon_reporting_vq, balloon->queues[3].virtqueue);
	sample(fixture);
	const struct device *device = find(fixture, balloon);
	assert_string_equal(device->queues[0].role, "inflate");
	assert_string_equal(device->queues[1].role, "deflate");
	assert_string_equal(device->queues[2].role, "stats");
	assert_int_equal(device->queues[2].kind, QUEUE_HELD);
	assert_string_equal(device->queues[3].role, "reporting");
	assert_int_equal(device->queues[3].kind, QUEUE_REQUEST);
	/* pointers to anywhere say nothing: not judged */
	SET(balloon->vdev, VirtIOBalloon_svq, NOWHERE);
	SET(balloon->vdev, VirtIOBalloon_reporting_vq, 0);
	sample(fixture);
	device = find(fixture, balloon);
	assert_int_equal(device->queues[2].kind, QUEUE_UNKNOWN);
	assert_int_equal(device->queues[3].kind, QUEUE_UNKNOWN);
	assert_string_equal(device->queues[3].role, "");
}

/* ---- vhost
 * ------------------------------------------------------------------------------------------ */

static void test_vhost(void **state)
{
	struct fixture *fixture = *state;
	uint64_t vhost = builder_add_vhost(&fixture->builder, fixture->net->vdev, 0, 2, 1);

	sample(fixture);
	const struct device *net = find(fixture, fixture->net);
	assert_true(net->vhost);
	assert_fact(net->vhost_backend, 1);
	assert_true(net->queues[0].vhost && net->queues[1].vhost);
	/* the ctrl queue stays in QEMU */
	assert_false(net->queues[2].vhost);
	assert_false(find(fixture, fixture->disk)->vhost);
	assert_no_problem(fixture);

	/* stopped: vdev is NULL, or `started` is false */
	SET(vhost, vhost_dev_started, 0);
	sample(fixture);
	assert_false(find(fixture, fixture->net)->vhost);
	SET(vhost, vhost_dev_started, 1);
	SET(vhost, vhost_dev_vdev, 0);
	sample(fixture);
	assert_false(find(fixture, fixture->net)->vhost);
	assert_false(find(fixture, fixture->net)->queues[0].vhost);
}

static void test_vhost_for_each_pair(void **state)
{
	struct fixture *fixture = *state;
	struct builder_spec spec = net_spec;

	spec.queue_num = 5;
	struct builder_device *net = builder_add_device(&fixture->builder, &spec);
	builder_add_vhost(&fixture->builder, net->vdev, 0, 2, 1);
	builder_add_vhost(&fixture->builder, net->vdev, 2, 2, 1);
	sample(fixture);
	for (size_t i = 0; i < 5; i++)
		assert_int_equal(find(fixture, net)->queues[i].vhost, i < 4);
}

/** vhost runs, but no vhost_dev says for which queues. */
static void test_vhost_started_only(void **state)
{
	struct fixture *fixture = *state;

	SET(fixture->disk->vdev, VirtIODevice_vhost_started, 1);
	const struct device *disk = sample_disk(fixture);
	assert_true(disk->vhost);
	assert_true(disk->queues[0].vhost && disk->queues[1].vhost);
	assert_int_equal(disk->vhost_backend.state, FACT_ABSENT);
}

static void test_hostile_vhost(void **state)
{
	struct fixture *fixture = *state;
	uint64_t vhost = builder_add_vhost(&fixture->builder, fixture->net->vdev, UINT32_MAX,
					   UINT32_MAX, 77);

	sample(fixture);
	assert_true(find(fixture, fixture->net)->vhost);
	assert_false(find(fixture, fixture->net)->queues[0].vhost);
	SET(vhost, vhost_dev_vq_index, 1);
	SET(vhost, vhost_dev_vhost_ops, NOWHERE);
	sample(fixture);
	assert_int_equal(find(fixture, fixture->net)->vhost_backend.state, FACT_UNREADABLE);
	assert_false(find(fixture, fixture->net)->queues[0].vhost);
	assert_true(find(fixture, fixture->net)->queues[2].vhost);
	SET(vhost, vhost_dev_entry, vhost);
	sample(fixture);
	assert_problem(fixture, "vhost_devices: the list comes back to");
	assert_true(find(fixture, fixture->net)->queues[2].vhost);
	SET(vhost, vhost_dev_entry, NOWHERE);
	sample(fixture);
	assert_problem(fixture, "vhost_devices");
	assert_true(find(fixture, fixture->net)->queues[2].vhost);
}

/** After a list that ends too early: whose the other queues are, the transport may say. */
static void test_vhost_list_in_part(void **state)
{
	struct fixture *fixture = *state;
	uint64_t grabbed = fixture->net->virtio_bus;

	builder_add_vhost(&fixture->builder, fixture->net->vdev, 2, 1, 1);
	/* the first one of the list; where it goes on cannot be read */
	uint64_t vhost = builder_add_vhost(&fixture->builder, fixture->net->vdev, 0, 1, 1);
	SET(grabbed, VirtioBusState_ioeventfd_grabbed, 2);
	sample(fixture);
	assert_no_problem(fixture);
	for (size_t i = 0; i < 3; i++) {
		const struct queue *queue = &find(fixture, fixture->net)->queues[i];

		assert_int_equal(queue->vhost, i != 1);
		assert_false(queue->vhost_unknown);
	}

	SET(vhost, vhost_dev_entry, NOWHERE);
	sample(fixture);
	assert_problem(fixture, "vhost_devices");
	for (size_t i = 0; i < 3; i++) {
		const struct queue *queue = &find(fixture, fixture->net)->queues[i];

		assert_int_equal(queue->vhost, i == 0);
		assert_int_equal(queue->vhost_unknown, i != 0);
		assert_int_equal(queue->request_num, 0);
	}
	/* nobody took the disk's ioeventfds; zero is known, unreadable and absent are not */
	assert_false(find(fixture, fixture->disk)->queues[0].vhost_unknown);
	builder_hide(&fixture->builder,
		     builder_at(&fixture->builder, fixture->disk->virtio_bus,
				QEMU_VirtioBusState_ioeventfd_grabbed), 4);
	SET(fixture->disk->vdev, VirtIODevice_vhost_started, 1);
	sample(fixture);
	assert_true(find(fixture, fixture->disk)->queues[0].vhost_unknown);
	/* by QEMU's indices, which may be stale, some wait in the ring */
	assert_fact(find(fixture, fixture->disk)->queues[0].last_avail_idx, 15);
	assert_fact(find(fixture, fixture->disk)->queues[0].avail_idx, 20);
	assert_int_equal(find(fixture, fixture->disk)->queues[0].request_num, 0);
	SET(fixture->disk->vdev, VirtIODevice_vhost_started, 0);
	sample(fixture);
	assert_false(find(fixture, fixture->disk)->queues[0].vhost_unknown);
	fixture->builder.items[QEMU_VirtIODevice_vhost_started].present = false; /* 5.2 */
	sample(fixture);
	assert_true(find(fixture, fixture->disk)->queues[0].vhost_unknown);
	fixture->builder.items[QEMU_VirtioBusState_ioeventfd_grabbed].present = false;
	sample(fixture);
	assert_true(find(fixture, fixture->disk)->queues[0].vhost_unknown);
}

/* ---- What is missing
 * -------------------------------------------------------------------------------- */

/** Nobody is accused by a sample of an idle machine of which something could not be read. */
static void check_no_accusation(const struct sample *of, const char *what, uint64_t where)
{
	struct diagnosis diagnosis;

	assert_null(diagnose(NULL, of, &diagnosis));
	for (size_t i = 0; i < diagnosis.device_num; i++) {
		for (size_t j = 0; j < diagnosis.devices[i].queue_num; j++) {
			const struct queue_diagnosis *queue = &diagnosis.devices[i].queues[j];

			assert_true(queue->finding_num > 0);
			for (size_t k = 0; k < queue->finding_num; k++) {
				if (queue->findings[k].severity == SEVERITY_STUCK)
					fail_msg("%s 0x%llx: device %zu queue %zu: %s: %s", what,
						 (unsigned long long)where, i, j,
						 queue->findings[k].verdict,
						 queue->findings[k].evidence[0]);
			}
		}
	}
	diagnosis_deinit(&diagnosis);
}

static void idle_machine(struct fixture *fixture)
{
	static const struct builder_indices idle = { 20, 20, 20, 20, 20, 20, 20 };

	for (size_t i = 0; i < 2; i++)
		builder_set_indices(&fixture->builder, &fixture->disk->queues[i], &idle);
	for (size_t i = 0; i < 3; i++)
		builder_set_indices(&fixture->builder, &fixture->net->queues[i], &idle);
}

/** Each bit of QEMU's memory and of the guest's is missing once, in small and in large pieces. */
static void sweep(struct fixture *fixture)
{
	static const uint64_t sizes[] = { 16, 256, 4096 };
	uint64_t heap = fixture->builder.heap_address, ram = fixture->builder.ram_address;

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		for (int part = 0; part < 2; part++) {
			uint64_t start = part ? ram : heap + 0x1000;
			uint64_t end = part ? ram + fixture->builder.ram_used
					    : heap + fixture->builder.heap_used;

			for (uint64_t at = start; at < end; at += sizes[i]) {
				struct sample partial = { 0 };

				fixture->builder.hole_num = 0;
				builder_hide(&fixture->builder, at, sizes[i]);
				struct virtq_error *error =
					builder_sample(&fixture->builder, &partial);
				/* nothing is missing without a word */
				assert_true(partial.device_num == fixture->builder.device_num ||
					    partial.problem_num || error);
				virtq_error_destroy(error);
				check_no_accusation(&partial, "hole at", at);
				sample_deinit(&partial);
			}
		}
	}
}

static void test_unreadable_sweep(void **state)
{
	struct fixture *fixture = *state;

	idle_machine(fixture);
	sweep(fixture);
}

/** Requests wait since the VM is paused; where that cannot be read, nobody is accused. */
static void test_unreadable_sweep_paused(void **state)
{
	struct fixture *fixture = *state;

	SET(fixture->disk->vdev, VirtIODevice_vm_running, 0);
	SET(fixture->net->vdev, VirtIODevice_vm_running, 0);
	sweep(fixture);
}

/** Where guest_features cannot be read, a packed ring is not judged as a split one. */
static void test_unreadable_sweep_packed(void **state)
{
	struct fixture machine, *fixture = &machine;

	(void)state;
	packed_machine(fixture);
	SET(fixture->disk->queues[0].virtqueue, VirtQueue_last_avail_idx, 5);
	SET(fixture->disk->queues[0].virtqueue, VirtQueue_used_idx, 5);
	sweep(fixture);
	builder_deinit(&fixture->builder);
}

/** A QEMU without one of the optional structs, members or symbols is still sampled. */
static void test_optional_layout(void **state)
{
	struct fixture *fixture = *state;

	builder_add_vhost(&fixture->builder, fixture->net->vdev, 0, 2, 1);
	for (int without_caches = 0; without_caches < 2; without_caches++) {
		for (size_t i = 0; i < QEMU_QUERY_NUM; i++) {
			struct layout_item kept = fixture->builder.items[i];

			if (!qemu_schema.queries[i].optional)
				continue;
			fixture->builder.items[i] = (struct layout_item){ 0 };
			assert_int_equal(sample_disk(fixture)->queue_num, 2);
			assert_int_equal(fixture->sample.device_num, 2);
			assert_fact(find(fixture, fixture->disk)->queues[0].last_avail_idx, 15);
			fixture->builder.items[i] = kept;
		}
		SET(fixture->disk->queues[0].virtqueue, VirtQueue_caches, 0);
	}
}

static void test_schema_check(void **state)
{
	struct fixture *fixture = *state;
	struct layout *layout = &fixture->builder.layout;
	struct layout_item kept = layout->items[QEMU_VirtQueue_inuse];
	const struct layout_item queue = layout->items[QEMU_STRUCT_VirtQueue];
	/* the largest that QEMU 5.2 to 10.2 have, if not less than the builder's */
	static const struct {
		enum qemu_query type;
		uint64_t real;
	} copied[] = {
		{ QEMU_STRUCT_VRingMemoryRegionCaches, 352 }, { QEMU_STRUCT_FlatRange, 96 },
		{ QEMU_STRUCT_VirtIOPCIQueue, 28 },	      { QEMU_STRUCT_VirtIOIRQFD, 24 },
		{ QEMU_STRUCT_VirtQueueElement, 56 },	      { QEMU_STRUCT_VirtIONetQueue, 56 },
		{ QEMU_STRUCT_NetClientState, 376 },	      { QEMU_STRUCT_SVQDescState, 16 },
	};
	struct virtq_error *error;

	assert_null(qemu_schema_check(layout));
	layout->items[QEMU_VirtQueue_inuse].offset = 0x10000;
	error = qemu_schema_check(layout);
	assert_non_null(error);
	assert_memory_equal(error->message, "layout: VirtQueue.inuse at offset 65536, 4 bytes", 48);
	virtq_error_destroy(error);
	layout->items[QEMU_VirtQueue_inuse] = kept;
	layout->items[QEMU_VirtQueue_inuse].size = UINT64_MAX;
	error = qemu_schema_check(layout);
	assert_non_null(error);
	virtq_error_destroy(error);
	layout->items[QEMU_VirtQueue_inuse] = kept;

	/* more than what it is the beginning of: they are read into the same bytes */
	kept = layout->items[QEMU_STRUCT_Object];
	layout->items[QEMU_STRUCT_Object].size = 1 << 20;
	error = qemu_schema_check(layout);
	assert_non_null(error);
	assert_non_null(strstr(error->message, "struct Object, which it begins with"));
	virtq_error_destroy(error);
	layout->items[QEMU_STRUCT_Object] = kept;

	layout->items[QEMU_STRUCT_VirtQueue].size = 1 << 20;
	error = qemu_schema_check(layout);
	assert_non_null(error);
	virtq_error_destroy(error);
	layout->items[QEMU_STRUCT_VirtQueue].present = false;
	error = qemu_schema_check(layout);
	assert_non_null(error);
	virtq_error_destroy(error);
	layout->items[QEMU_STRUCT_VirtQueue] = queue;

	/* room for thousands of them is asked for at once */
	for (size_t i = 0; i < ARRAY_SIZE(copied); i++) {
		struct layout_item *item = &layout->items[copied[i].type];

		kept = *item;
		item->size = copied[i].real;
		assert_null(qemu_schema_check(layout));
		item->size = 8192;
		error = qemu_schema_check(layout);
		assert_non_null(error);
		virtq_error_destroy(error);
		*item = kept;
	}

	layout->pointer_size = 3;
	error = qemu_schema_check(layout);
	assert_non_null(error);
	assert_int_equal(error->code, VIRTQ_ERROR_BAD_DATA);
	virtq_error_destroy(error);
}

/** Sample with whatever the schema check lets through. */
static void sample_if_checked(struct fixture *fixture)
{
	struct sample sample_of = { 0 };
	struct virtq_error *error = qemu_schema_check(&fixture->builder.layout);

	if (!error)
		error = builder_sample(&fixture->builder, &sample_of);
	virtq_error_destroy(error);
	sample_deinit(&sample_of);
}

/**
 * Layouts come from files that anybody may have sent: no size or offset that
 * passes the check makes virtq read beyond its buffers or ask for absurd
 * amounts of memory.
 */
static void test_hostile_layout(void **state)
{
	static const uint64_t numbers[] = { 0,
					    1,
					    3,
					    7,
					    9,
					    16,
					    255,
					    4096,
					    8191,
					    8192,
					    8193,
					    1 << 20,
					    UINT32_MAX,
					    UINT64_C(1) << 41,
					    UINT64_MAX - 7,
					    UINT64_MAX };
	struct fixture *fixture = *state;
	struct layout_item *items = fixture->builder.items;

	SET(fixture->disk->queues[1].virtqueue, VirtQueue_caches, 0);
	builder_add_vhost(&fixture->builder, fixture->net->vdev, 0, 2, 1);
	for (size_t i = 0; i < QEMU_QUERY_NUM; i++) {
		struct layout_item kept = items[i];

		for (size_t j = 0; j < ARRAY_SIZE(numbers); j++) {
			items[i].size = numbers[j];
			sample_if_checked(fixture);
			items[i].offset = numbers[j];
			sample_if_checked(fixture);
			items[i].size = kept.size;
			sample_if_checked(fixture);
			items[i] = kept;
		}
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_whole),
		TEST(test_every_machine),
		TEST(test_runstate),
		TEST(test_ring_byte_order),
		TEST(test_without_event_idx),
		TEST(test_queue_not_set_up),
		TEST(test_many_queues),
		TEST(test_callback_that_returns),
		TEST(test_other_handlers_are_skipped),
		TEST(test_device_without_bus),
		TEST(test_device_without_handler),
		TEST(test_cycle_of_handlers),
		TEST(test_dangling_handler),
		TEST(test_wrong_vmstate),
		TEST(test_device_found_twice),
		TEST(test_cycles_in_the_tree),
		TEST(test_dangling_tree),
		TEST(test_deep_tree),
		TEST(test_shared_children),
		TEST(test_nothing_to_look_at),
		TEST(test_no_devices),
		TEST(test_where_the_id_is),
		TEST(test_bad_strings),
		TEST(test_bad_class),
		TEST(test_bad_class_of_many),
		TEST(test_deep_type),
		TEST(test_behind_a_bridge),
		TEST(test_msix),
		TEST(test_other_transports),
		TEST(test_bad_proxy),
		TEST(test_wrong_back_pointer),
		TEST(test_huge_ring),
		TEST(test_bad_queue_array),
		TEST(test_short_caches),
		TEST(test_wild_caches),
		TEST(test_translation),
		TEST(test_iommu),
		TEST(test_bad_flat_view),
		TEST(test_many_flat_ranges),
		TEST(test_no_guest_ram),
		TEST(test_part_of_a_ring),
		TEST(test_packed),
		TEST(test_torn),
		TEST(test_moves_later),
		TEST(test_moves_at_last),
		TEST(test_lost_ring_stands_still),
		TEST(test_packed_moves_on),
		TEST(test_replaced),
		TEST(test_one_map),
		TEST(test_ranges_of_all_maps),
		TEST(test_finished_is_not_recorded),
		TEST(test_net_ctrl_queue),
		TEST(test_balloon_queues),
		TEST(test_vhost),
		TEST(test_vhost_for_each_pair),
		TEST(test_vhost_started_only),
		TEST(test_hostile_vhost),
		TEST(test_vhost_list_in_part),
		TEST(test_unreadable_sweep),
		TEST(test_unreadable_sweep_packed),
		TEST(test_unreadable_sweep_paused),
		TEST(test_optional_layout),
		TEST(test_schema_check),
		TEST(test_hostile_layout),
	};

	return cmocka_run_group_tests_name("qemu", tests, NULL, NULL);
}
