/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is found around the queues of a QEMU made of bytes: notifiers and
 * interrupts, event loops and who they listen to, threads and their mutexes.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>
#include <elf.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/checked.h"
#include "qemu_builder.h"
#include "target/syscall.h"
#include "target/target_internal.h"
#include "vring/vring.h"

#define MODERN (VIRTIO_F_VERSION_1 | VIRTIO_F_EVENT_IDX)

enum { PID = 100, IOTHREAD_TID = 102 };

/** What the kernel of the machine says: the bytes' own target has no process. */
static struct {
	bool asked_threads;
	struct target_thread threads[8];
	size_t thread_num;
	struct {
		int fd;
		uint64_t count;
	} eventfds[4];
	bool no_counts; /**< As of a core. */
} kernel;

static struct virtq_error *get_threads(struct target *target, struct target_thread **threads_ret,
				       size_t *num_ret)
{
	(void)target;
	kernel.asked_threads = true;
	*threads_ret = array_new(kernel.thread_num, sizeof(**threads_ret));
	assert_non_null(*threads_ret);
	memcpy(*threads_ret, kernel.threads, kernel.thread_num * sizeof(**threads_ret));
	*num_ret = kernel.thread_num;
	return NULL;
}

static struct virtq_error *get_eventfd_count(struct target *target, int fd, uint64_t *count_ret)
{
	(void)target;
	if (kernel.no_counts)
		return error_new(VIRTQ_ERROR_UNSUPPORTED, "a core");
	for (size_t i = 0; i < ARRAY_SIZE(kernel.eventfds); i++) {
		if (kernel.eventfds[i].fd != fd)
			continue;
		*count_ret = kernel.eventfds[i].count;
		return NULL;
	}
	return error_new(VIRTQ_ERROR_BAD_DATA, "no eventfd");
}

/** A machine with one disk of two queues, whose kicks the main loop hears. */
struct fixture {
	struct qemu_builder builder;
	struct builder_device *device;
	uint64_t main_context, other_context;
	struct sample sample;
	struct device *disk;
	struct queue *queues;
};

static uint64_t add_context(struct fixture *fixture, uint32_t notify_me)
{
	uint64_t context = builder_new(&fixture->builder, QEMU_STRUCT_AioContext);

	builder_set(&fixture->builder, context, QEMU_AioContext_notify_me, notify_me);
	return context;
}

/** A handler at the head of the context's list. @param opaque 0: known by its file descriptor. */
static uint64_t add_handler(struct fixture *fixture, uint64_t context, uint64_t opaque, int fd)
{
	struct qemu_builder *builder = &fixture->builder;
	uint64_t handler = builder_new(builder, QEMU_STRUCT_AioHandler);

	builder_set(builder, handler, QEMU_AioHandler_opaque, opaque);
	builder_set(builder, handler, QEMU_AioHandler_fd, (uint64_t)fd);
	builder_set(builder, handler, QEMU_AioHandler_node,
		    builder_get(builder, context, QEMU_AioContext_aio_handlers));
	builder_set(builder, context, QEMU_AioContext_aio_handlers, handler);
	return handler;
}

static uint64_t host_notifier(const struct fixture *fixture, size_t queue)
{
	return builder_at(&fixture->builder, fixture->device->queues[queue].virtqueue,
			  QEMU_VirtQueue_host_notifier);
}

static void set_host_fd(struct fixture *fixture, size_t queue, int fd, bool initialized)
{
	uint64_t virtqueue = fixture->device->queues[queue].virtqueue;

	builder_set(&fixture->builder, virtqueue, QEMU_VirtQueue_host_fd, (uint32_t)fd);
	builder_set(&fixture->builder, virtqueue, QEMU_VirtQueue_host_initialized, initialized);
}

struct property {
	const char *name, *type;
	uint64_t object;
};

/** GLib's table of the properties, which has @size slots. @param wide size is a size_t. */
static void set_properties(struct fixture *fixture, uint64_t object, bool wide,
			   const struct property *properties, size_t num, size_t size)
{
	struct qemu_builder *builder = &fixture->builder;
	uint64_t table = builder_alloc(builder, 96), rest = table + (wide ? 8 : 4);
	uint64_t pointers = table + (wide ? 32 : 24);
	uint64_t keys = builder_alloc(builder, size * 8), values = builder_alloc(builder, size * 8);
	uint64_t hashes = builder_alloc(builder, size * 4);

	builder_write(builder, table, wide ? 8 : 4, size);
	builder_write(builder, rest, 4, 7);
	builder_write(builder, rest + 4, 4, size - 1);
	builder_write(builder, rest + 8, 4, num);
	builder_write(builder, rest + 12, 4, num + 1);
	builder_write(builder, rest + 16, 4, 3);
	builder_write(builder, pointers, 8, keys);
	builder_write(builder, pointers + 8, 8, hashes);
	builder_write(builder, pointers + 16, 8, values);
	/* slot 0 was emptied: what is left in it is not looked at */
	builder_write(builder, hashes, 4, 1);
	builder_write(builder, keys, 8, 0x1234);
	for (size_t i = 0; i < num; i++) {
		uint64_t property = builder_new(builder, QEMU_STRUCT_ObjectProperty);
		uint64_t name = builder_string(builder, properties[i].name);

		builder_set(builder, property, QEMU_ObjectProperty_name, name);
		builder_set(builder, property, QEMU_ObjectProperty_type,
			    builder_string(builder, properties[i].type));
		builder_set(builder, property, QEMU_ObjectProperty_opaque, properties[i].object);
		builder_write(builder, keys + 8 * (i + 1), 8, name);
		builder_write(builder, values + 8 * (i + 1), 8, property);
		builder_write(builder, hashes + 4 * (i + 1), 4, 0x1000 + (uint32_t)i);
	}
	builder_set(builder, object, QEMU_Object_properties, table);
}

/** "/objects" with an IOThread. @return its AioContext. */
static uint64_t add_iothread(struct fixture *fixture, bool wide)
{
	struct qemu_builder *builder = &fixture->builder;
	uint64_t root = builder_new(builder, QEMU_STRUCT_Object);
	uint64_t objects = builder_new(builder, QEMU_STRUCT_Object);
	uint64_t iothread = builder_new(builder, QEMU_STRUCT_IOThread);
	uint64_t context = add_context(fixture, 2);
	const struct property of_root[] = { { "machine", "child<pc-machine>", 0x5000 },
					    { "type", "string", 0 },
					    { "objects", "child<container>", objects },
					    { "backend", "child<container>", 0x6000 } };
	const struct property of_objects[] = { { "tg0", "child<throttle-group>", 0x7000 },
					       { "fast", "child<iothread>", iothread } };

	set_properties(fixture, root, wide, of_root, ARRAY_SIZE(of_root), 8);
	set_properties(fixture, objects, wide, of_objects, ARRAY_SIZE(of_objects), 8);
	builder_set(builder, iothread, QEMU_IOThread_ctx, context);
	builder_set(builder, iothread, QEMU_IOThread_thread_id, IOTHREAD_TID);
	builder_set(builder, fixture->device->vdev, QEMU_Object_parent, fixture->device->proxy);
	builder_set(builder, fixture->device->proxy, QEMU_Object_parent, root);
	return context;
}

static int setup_with(void **state, enum byte_order order)
{
	static const struct builder_spec spec = { .id = "disk0", .type = "virtio-blk-device",
						  .device_id = 2, .devfn = 3 << 3,
						  .features = MODERN, .queue_num = 2 };
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	assert_non_null(fixture);
	memset(&kernel, 0, sizeof(kernel));
	builder_init(&fixture->builder, order, 8);
	fixture->device = builder_add_device(&fixture->builder, &spec);
	builder_set(&fixture->builder, fixture->device->virtio_bus,
		    QEMU_VirtioBusState_ioeventfd_started, 1);
	fixture->main_context = add_context(fixture, 1);
	fixture->other_context = add_context(fixture, 0);
	builder_write_pointer(&fixture->builder,
			      builder_symbol(&fixture->builder, QEMU_SYMBOL_iohandler_ctx),
			      fixture->main_context);
	builder_write_pointer(&fixture->builder,
			      builder_symbol(&fixture->builder, QEMU_SYMBOL_qemu_aio_context),
			      fixture->other_context);
	for (size_t i = 0; i < 2; i++) {
		set_host_fd(fixture, i, 20 + (int)i, true);
		add_handler(fixture, fixture->main_context, host_notifier(fixture, i), 20 + (int)i);
	}
	*state = fixture;
	return 0;
}

static int setup(void **state)
{
	return setup_with(state, LITTLE_ENDIAN_ORDER);
}

static int setup_big(void **state)
{
	return setup_with(state, BIG_ENDIAN_ORDER);
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	sample_deinit(&fixture->sample);
	builder_deinit(&fixture->builder);
	free(fixture);
	return 0;
}

/** Sample it with the kernel above. */
static void look(struct fixture *fixture)
{
	struct target_ops ops;
	struct target *target;
	struct qemu qemu;

	sample_deinit(&fixture->sample);
	assert_null(builder_open(&fixture->builder, &target, &qemu));
	ops = *target->ops;
	ops.get_threads = get_threads;
	ops.get_eventfd_count = get_eventfd_count;
	target->ops = &ops;
	target->info.pid = PID;
	struct virtq_error *error = qemu_sample(&qemu, &fixture->sample);
	target_close(target);
	if (error)
		fail_msg("%s", virtq_error_message(error));
	assert_int_equal(fixture->sample.device_num, 1);
	fixture->disk = &fixture->sample.devices[0];
	fixture->queues = fixture->disk->queues;
}

static void assert_fact(struct fact fact, uint64_t value)
{
	assert_int_equal(fact.state, FACT_KNOWN);
	assert_true(fact.value == value);
}

static void assert_absent(struct fact fact)
{
	assert_int_equal(fact.state, FACT_ABSENT);
}

static void assert_unreadable(struct fact fact)
{
	assert_int_equal(fact.state, FACT_UNREADABLE);
}

/* ---- Notifiers ---------------------------------------------------------------------- */

static void an_eventfd_that_was_never_set_up_is_absent(void **state)
{
	struct fixture *fixture = *state;

	set_host_fd(fixture, 0, 0, true);
	set_host_fd(fixture, 1, -1, true);
	look(fixture);
	assert_absent(fixture->queues[0].host_notifier_fd);
	assert_absent(fixture->queues[1].host_notifier_fd);
	assert_absent(fixture->queues[0].host_notifier_count);
	assert_absent(fixture->queues[0].listeners);

	set_host_fd(fixture, 0, 20, false);
	look(fixture);
	assert_absent(fixture->queues[0].host_notifier_fd);
	fixture->builder.items[QEMU_VirtQueue_host_initialized].present = false; /* 5.2 */
	look(fixture);
	assert_fact(fixture->queues[0].host_notifier_fd, 20);
	fixture->builder.items[QEMU_VirtQueue_host_fd].present = false;
	look(fixture);
	assert_absent(fixture->queues[0].host_notifier_fd);
}

static void counts_are_known_of_a_live_process_only(void **state)
{
	struct fixture *fixture = *state;

	kernel.eventfds[0].fd = 20;
	kernel.eventfds[0].count = UINT64_C(0xfffffffffffffffe);
	look(fixture);
	assert_fact(fixture->queues[0].host_notifier_count, UINT64_C(0xfffffffffffffffe));
	assert_unreadable(fixture->queues[1].host_notifier_count);
	assert_absent(fixture->queues[0].guest_notifier_count);
	kernel.no_counts = true;
	look(fixture);
	assert_fact(fixture->queues[0].host_notifier_fd, 20);
	assert_absent(fixture->queues[0].host_notifier_count);
	assert_absent(fixture->queues[1].host_notifier_count);
}

static void a_vector_is_masked_by_itself_or_with_the_function(void **state)
{
	struct fixture *fixture = *state;
	struct qemu_builder *builder = &fixture->builder;
	uint64_t proxy = fixture->device->proxy;
	uint64_t table = builder_alloc(builder, 16 * 4), pending = builder_alloc(builder, 8);
	uint64_t irqfds = builder_alloc(builder, 4 * builder_size(builder, QEMU_STRUCT_VirtIOIRQFD));

	/* the queues have vectors 1 and 2 */
	builder_set(builder, proxy, QEMU_PCIDevice_msix_entries_nr, 3);
	builder_set(builder, proxy, QEMU_PCIDevice_msix_table, table);
	builder_set(builder, proxy, QEMU_PCIDevice_msix_pba, pending);
	builder_write(builder, table + 16 + 12, 1, 1);
	builder_write(builder, pending, 1, 1 << 2);
	look(fixture);
	assert_fact(fixture->disk->msix_function_masked, 0);
	assert_fact(fixture->disk->irqfds, 0);
	assert_fact(fixture->queues[0].vector_masked, 1);
	assert_fact(fixture->queues[1].vector_masked, 0);
	assert_fact(fixture->queues[0].vector_pending, 0);
	assert_fact(fixture->queues[1].vector_pending, 1);
	assert_absent(fixture->queues[0].irqfd_users);

	builder_set(builder, proxy, QEMU_PCIDevice_msix_function_masked, 1);
	builder_set(builder, proxy, QEMU_VirtIOPCIProxy_vector_irqfd, irqfds);
	builder_set(builder, irqfds + builder_size(builder, QEMU_STRUCT_VirtIOIRQFD),
		    QEMU_VirtIOIRQFD_users, 3);
	look(fixture);
	assert_fact(fixture->disk->irqfds, 1);
	assert_fact(fixture->queues[1].vector_masked, 1);
	assert_fact(fixture->queues[0].irqfd_users, 3);
	assert_fact(fixture->queues[1].irqfd_users, 0);

	/* the driver wants no interrupt; the table ends before the vector */
	builder_set(builder, fixture->device->queues[0].virtqueue, QEMU_VirtQueue_vector, 0xffff);
	builder_set(builder, fixture->device->queues[1].virtqueue, QEMU_VirtQueue_vector, 3);
	look(fixture);
	assert_absent(fixture->queues[0].vector_masked);
	assert_absent(fixture->queues[1].vector_masked);
	assert_absent(fixture->queues[1].irqfd_users);

	/* without MSI-X the table means nothing, and QEMU has the function masked */
	builder_set(builder, fixture->device->queues[1].virtqueue, QEMU_VirtQueue_vector, 2);
	builder_write(builder, builder_get(builder, proxy, QEMU_PCIDevice_config) + 0x43, 1, 0);
	look(fixture);
	assert_fact(fixture->disk->msix_enabled, 0);
	assert_absent(fixture->disk->msix_function_masked);
	assert_absent(fixture->queues[1].vector_masked);
	assert_absent(fixture->queues[1].vector_pending);
}

static void what_cannot_be_read_of_a_transport_is_not_zero(void **state)
{
	struct fixture *fixture = *state;
	struct qemu_builder *builder = &fixture->builder;
	uint64_t proxy = fixture->device->proxy;

	builder_set(builder, proxy, QEMU_PCIDevice_msix_entries_nr, 3);
	builder_set(builder, proxy, QEMU_PCIDevice_msix_table, 0x10);
	builder_set(builder, proxy, QEMU_PCIDevice_msix_pba, UINT64_MAX - 1);
	builder_set(builder, proxy, QEMU_VirtIOPCIProxy_vector_irqfd, 0x10);
	look(fixture);
	assert_unreadable(fixture->queues[0].vector_masked);
	assert_unreadable(fixture->queues[0].vector_pending);
	assert_unreadable(fixture->queues[0].irqfd_users);
	assert_null(fixture->disk->problem);

	/* a table longer than there is any is garbage */
	builder_set(builder, proxy, QEMU_PCIDevice_msix_entries_nr, 1U << 31);
	look(fixture);
	assert_absent(fixture->queues[0].vector_masked);
}

/** Also where there are more devices than are looked at together. */
static void each_device_has_its_own_transport(void **state)
{
	struct fixture *fixture = *state;
	struct qemu_builder *builder = &fixture->builder;
	enum { DEVICES = 35 };

	for (size_t i = 1; i < DEVICES; i++) {
		const struct builder_spec spec = { .type = "virtio-blk-device", .device_id = 2,
						   .features = MODERN, .queue_num = 1 };

		builder->device_num = 1; /* the place of the one before is used again */
		uint64_t proxy = builder_add_device(builder, &spec)->proxy;
		uint64_t table = builder_alloc(builder, 32), pending = builder_alloc(builder, 8);
		builder_set(builder, proxy, QEMU_PCIDevice_msix_entries_nr, 2);
		builder_set(builder, proxy, QEMU_PCIDevice_msix_table, table);
		builder_set(builder, proxy, QEMU_PCIDevice_msix_pba, pending);
		builder_set(builder, proxy, QEMU_PCIDevice_irq_state, i & 1);
		builder_write(builder, table + 16 + 12, 1, i >> 1 & 1);
		builder_write(builder, pending, 1, i & 4 ? 2 : 0);
	}
	assert_null(builder_sample(builder, &fixture->sample));
	assert_int_equal(fixture->sample.device_num, DEVICES);
	/* the handler that came last is the first of the list */
	for (size_t i = 1; i < DEVICES; i++) {
		const struct device *device = &fixture->sample.devices[DEVICES - 1 - i];

		assert_fact(device->intx_asserted, i & 1);
		assert_fact(device->queues[0].vector_masked, i >> 1 & 1);
		assert_fact(device->queues[0].vector_pending, i >> 2 & 1);
	}
}

static void interrupt_lines(void **state)
{
	struct fixture *fixture = *state;
	struct qemu_builder *builder = &fixture->builder;
	static const struct builder_spec mmio = { .id = "m", .type = "virtio-blk-device",
						  .bus_type = "virtio-mmio-bus", .device_id = 2,
						  .features = MODERN, .queue_num = 1 };

	builder_set(builder, fixture->device->virtio_bus, QEMU_VirtioBusState_ioeventfd_grabbed, 1);
	builder_set(builder, fixture->device->proxy, QEMU_PCIDevice_irq_state, 1);
	look(fixture);
	assert_fact(fixture->disk->intx_asserted, 1);
	assert_fact(fixture->disk->ioeventfd_started, 1);
	assert_fact(fixture->disk->ioeventfd_grabbed, 1);
	assert_absent(fixture->queues[0].listeners); /* vhost's own */

	struct builder_device *other = builder_add_device(builder, &mmio);
	builder_set(builder, other->vdev, QEMU_VirtIODevice_isr, 3);
	sample_deinit(&fixture->sample);
	assert_null(builder_sample(builder, &fixture->sample));
	for (size_t i = 0; i < 2; i++) {
		const struct device *device = &fixture->sample.devices[i];

		if (device->address != other->vdev)
			continue;
		assert_string_equal(device->transport, "mmio");
		assert_fact(device->intx_asserted, 1);
		assert_absent(device->msix_function_masked);
		assert_absent(device->irqfds);
	}
}

/* ---- Event loops ----------------------------------------------------------------------- */

static const struct context *context_at(const struct fixture *fixture, uint64_t address)
{
	for (size_t i = 0; i < fixture->sample.context_num; i++)
		if (fixture->sample.contexts[i].address == address)
			return &fixture->sample.contexts[i];
	return NULL;
}

static void the_main_loop_hears_its_queues(void **state)
{
	struct fixture *fixture = *state;

	add_iothread(fixture, true);
	look(fixture);
	assert_fact(fixture->queues[0].listeners, 1);
	assert_fact(fixture->queues[0].listener, fixture->main_context);
	assert_int_equal(fixture->sample.context_num, 3);
	const struct context *context = context_at(fixture, fixture->main_context);
	assert_non_null(context);
	assert_string_equal(context->name, "main loop");
	assert_true(context->main);
	assert_fact(context->thread_id, PID);
	assert_fact(context->notify_me, 1);
}

/** Both forms of GLib's tables. */
static void an_iothread_hears_its_queue(void **state)
{
	struct fixture *fixture = *state;

	for (int wide = 0; wide < 2; wide++) {
		uint64_t context = add_iothread(fixture, wide);

		builder_set(&fixture->builder, fixture->main_context, QEMU_AioContext_aio_handlers,
			    0);
		add_handler(fixture, context, host_notifier(fixture, 1), 21);
		add_handler(fixture, context, 0, 20); /* by number alone */
		look(fixture);
		assert_fact(fixture->queues[0].listeners, 1);
		assert_fact(fixture->queues[0].listener, context);
		assert_fact(fixture->queues[1].listener, context);
		const struct context *found = context_at(fixture, context);
		assert_non_null(found);
		assert_string_equal(found->name, "fast");
		assert_false(found->main);
		assert_fact(found->thread_id, IOTHREAD_TID);
	}
}

static void two_loops_and_none(void **state)
{
	struct fixture *fixture = *state;
	uint64_t context = add_iothread(fixture, true);

	add_handler(fixture, context, host_notifier(fixture, 0), 20);
	add_handler(fixture, context, 0, 20); /* one loop, though by two handlers */
	uint64_t handler = builder_get(&fixture->builder, fixture->main_context,
				       QEMU_AioContext_aio_handlers);
	builder_set(&fixture->builder, handler, QEMU_AioHandler_deleted, 0x1000);
	look(fixture);
	assert_fact(fixture->queues[0].listeners, 2);
	assert_fact(fixture->queues[1].listeners, 0); /* its handler is as good as gone */
	assert_absent(fixture->queues[1].listener);
}

static void nobody_is_missed_where_nobody_should_be(void **state)
{
	struct fixture *fixture = *state;
	struct qemu_builder *builder = &fixture->builder;

	add_iothread(fixture, true);
	builder_set(builder, fixture->main_context, QEMU_AioContext_aio_handlers, 0);
	builder_set(builder, fixture->device->queues[0].virtqueue,
		    QEMU_VirtQueue_host_notifier_enabled, 0);
	look(fixture);
	assert_absent(fixture->queues[0].listeners);
	assert_fact(fixture->queues[1].listeners, 0);
	builder_set(builder, fixture->device->virtio_bus, QEMU_VirtioBusState_ioeventfd_started, 0);
	look(fixture);
	assert_absent(fixture->queues[1].listeners);
	builder_set(builder, fixture->device->virtio_bus, QEMU_VirtioBusState_ioeventfd_started, 1);
	builder_add_vhost(builder, fixture->device->vdev, 0, 2, 1);
	look(fixture);
	assert_absent(fixture->queues[1].listeners);
}

static void an_unknown_glib_accuses_nobody(void **state)
{
	struct fixture *fixture = *state;
	struct qemu_builder *builder = &fixture->builder;
	uint64_t context = add_iothread(fixture, true);
	uint64_t root = builder_get(builder, fixture->device->proxy, QEMU_Object_parent);
	uint64_t table = builder_get(builder, root, QEMU_Object_properties);

	builder_set(builder, context, QEMU_AioContext_aio_handlers, 0);
	builder_set(builder, fixture->main_context, QEMU_AioContext_aio_handlers, 0);
	add_handler(fixture, fixture->main_context, host_notifier(fixture, 1), 21);
	builder_write(builder, table + 12, 4, 0x55); /* mask */
	look(fixture);
	assert_int_equal(fixture->sample.context_num, 2);
	assert_unreadable(fixture->queues[0].listeners);
	assert_fact(fixture->queues[1].listeners, 1);

	/* a table that looks well, with other things in it */
	builder_write(builder, table + 12, 4, 7);
	uint64_t values = builder_read_pointer(builder, table + 48);
	builder_write_pointer(builder, values + 8, fixture->device->vdev);
	look(fixture);
	assert_int_equal(fixture->sample.context_num, 2);
	assert_unreadable(fixture->queues[0].listeners);
}

static void a_list_that_is_broken_accuses_nobody(void **state)
{
	struct fixture *fixture = *state;
	struct qemu_builder *builder = &fixture->builder;
	uint64_t handler, last;

	add_iothread(fixture, true);
	builder_set(builder, fixture->other_context, QEMU_AioContext_aio_handlers, 0);
	builder_set(builder, fixture->main_context, QEMU_AioContext_aio_handlers, 0);
	last = add_handler(fixture, fixture->main_context, 0x3000, 50);
	handler = add_handler(fixture, fixture->main_context, 0x3000, 51);
	builder_set(builder, last, QEMU_AioHandler_node, handler);
	look(fixture);
	assert_unreadable(fixture->queues[0].listeners);
	builder_set(builder, last, QEMU_AioHandler_node, 0x1001);
	look(fixture);
	assert_unreadable(fixture->queues[0].listeners);
	builder_set(builder, last, QEMU_AioHandler_node, 0);
	look(fixture);
	assert_fact(fixture->queues[0].listeners, 0);
	assert_int_equal(fixture->sample.problem_num, 0);
}

/* ---- Threads ------------------------------------------------------------------------------ */

static void make_busy(struct fixture *fixture)
{
	static const struct builder_indices busy = { 20, 18, 15, 12, 11, 17, 10 };

	builder_set_indices(&fixture->builder, &fixture->device->queues[0], &busy);
}

static struct target_thread *add_thread(pid_t tid, char state, const char *syscall)
{
	struct target_thread *thread = &kernel.threads[kernel.thread_num++];

	thread->tid = tid;
	thread->state = state;
	snprintf(thread->syscall, sizeof(thread->syscall), "%s", syscall);
	return thread;
}

static void threads_are_looked_at_if_there_is_a_reason(void **state)
{
	struct fixture *fixture = *state;

	add_thread(PID, 'S', "ppoll");
	look(fixture);
	assert_false(kernel.asked_threads);
	assert_int_equal(fixture->sample.thread_num, 0);
	kernel.eventfds[0].fd = 21; /* a kick that nobody has read */
	kernel.eventfds[0].count = 1;
	look(fixture);
	assert_int_equal(fixture->sample.thread_num, 1);
	kernel.eventfds[0].count = 0;
	make_busy(fixture);
	look(fixture);
	assert_int_equal(fixture->sample.thread_num, 1);
}

static void what_threads_do(void **state)
{
	static const struct {
		char state;
		const char *syscall;
		enum thread_activity activity;
	} cases[] = {
		{ 'R', "", THREAD_RUNNING },          { 'S', "ppoll", THREAD_POLLING },
		{ 'S', "io_uring_enter", THREAD_POLLING }, { 'S', "futex", THREAD_LOCKING },
		{ 'D', "io_uring_enter", THREAD_BLOCKED }, { 'S', "ioctl", THREAD_BLOCKED },
		{ 'T', "ppoll", THREAD_STOPPED },     { 'S', "restart_syscall", THREAD_UNKNOWN },
		{ 0, "epoll_wait", THREAD_POLLING },  { 0, "", THREAD_UNKNOWN },
		{ 'S', "", THREAD_UNKNOWN },          { 'Z', "ppoll", THREAD_UNKNOWN },
	};
	struct fixture *fixture = *state;

	make_busy(fixture);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		kernel.thread_num = 0;
		memset(kernel.threads, 0, sizeof(kernel.threads));
		add_thread(PID, cases[i].state, cases[i].syscall);
		look(fixture);
		assert_int_equal(fixture->sample.thread_num, 1);
		assert_int_equal(fixture->sample.threads[0].activity, cases[i].activity);
		assert_absent(fixture->sample.threads[0].lock);
	}
}

static void the_owner_of_a_mutex(void **state)
{
	struct fixture *fixture = *state;
	struct qemu_builder *builder = &fixture->builder;
	uint64_t mutex = builder_new(builder, QEMU_STRUCT_QemuMutex);
	const struct thread *waiting;

	make_busy(fixture);
	add_thread(PID, 'S', "ppoll");
	add_thread(101, 'S', "futex")->futex = builder_at(builder, mutex, QEMU_QemuMutex_word);
	builder_set(builder, mutex, QEMU_QemuMutex_word, 2);
	builder_set(builder, mutex, QEMU_QemuMutex_owner, PID);
	builder_set(builder, mutex, QEMU_QemuMutex_users, 1);
	look(fixture);
	waiting = &fixture->sample.threads[1];
	assert_fact(waiting->lock, builder_at(builder, mutex, QEMU_QemuMutex_word));
	assert_fact(waiting->lock_owner, PID);
	assert_absent(fixture->sample.threads[0].lock_owner);

	static const struct {
		uint32_t word, owner, users;
	} others[] = { { 0, PID, 1 }, { 2, 77, 1 }, { 2, PID, 0 }, { UINT32_MAX, PID, 1 },
		       { 2, PID, 1000 }, { 2, 0, 1 } };
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		builder_set(builder, mutex, QEMU_QemuMutex_word, others[i].word);
		builder_set(builder, mutex, QEMU_QemuMutex_owner, others[i].owner);
		builder_set(builder, mutex, QEMU_QemuMutex_users, others[i].users);
		look(fixture);
		assert_int_equal(fixture->sample.threads[1].lock.state, FACT_KNOWN);
		assert_absent(fixture->sample.threads[1].lock_owner);
	}

	/* debug info that does not tell what a mutex is like: glibc's are all the same */
	builder->items[QEMU_QemuMutex_owner].present = false;
	builder_write(builder, mutex, 4, 2);
	builder_write(builder, mutex + 8, 4, PID);
	builder_write(builder, mutex + 12, 4, 1);
	kernel.threads[1].futex = mutex;
	look(fixture);
	assert_fact(fixture->sample.threads[1].lock_owner, PID);
	kernel.threads[1].futex = 0x10;
	look(fixture);
	assert_unreadable(fixture->sample.threads[1].lock_owner);
}

/* ---- Registers -------------------------------------------------------------------------------- */

enum { RAX = 0, RSI = 4, RDI = 5 }; /* DWARF numbers of x86-64 */

static void registers_of_x86_64(void **state)
{
	struct target_thread thread = { 0 };

	(void)state;
	thread.has_orig_rax = true;
	thread.orig_rax = 202;
	thread.registers[RAX] = (uint64_t)-512; /* ERESTARTSYS */
	thread.registers[RDI] = 0x5000;
	thread.registers[RSI] = 128; /* FUTEX_WAIT_PRIVATE */
	syscall_from_registers(EM_X86_64, NULL, &thread);
	assert_string_equal(thread.syscall, "futex");
	assert_true(thread.futex == 0x5000 && !thread.in_user_mode);

	thread = (struct target_thread){ .has_orig_rax = true, .orig_rax = 202,
					 .registers = { [RAX] = (uint64_t)-512, [RDI] = 0x5000,
							[RSI] = 0x189 } };
	syscall_from_registers(EM_X86_64, NULL, &thread); /* a condition */
	assert_string_equal(thread.syscall, "futex");
	assert_true(thread.futex == 0);

	thread = (struct target_thread){ .has_orig_rax = true, .orig_rax = 271,
					 .registers = { [RAX] = 1 } };
	syscall_from_registers(EM_X86_64, NULL, &thread); /* ppoll() has an answer */
	assert_string_equal(thread.syscall, "");
	assert_false(thread.in_user_mode);

	thread = (struct target_thread){ .has_orig_rax = true, .orig_rax = -1,
					 .registers = { [RAX] = (uint64_t)-4 } };
	syscall_from_registers(EM_X86_64, NULL, &thread);
	assert_string_equal(thread.syscall, "");
	assert_true(thread.in_user_mode);

	thread = (struct target_thread){ .registers = { [RAX] = (uint64_t)-4 } }; /* a stub without orig_rax */
	syscall_from_registers(EM_X86_64, NULL, &thread);
	assert_string_equal(thread.syscall, "");
	assert_false(thread.in_user_mode);

	thread = (struct target_thread){ .has_orig_rax = true, .orig_rax = 9999,
					 .registers = { [RAX] = (uint64_t)-4 } };
	syscall_from_registers(EM_X86_64, NULL, &thread);
	assert_string_equal(thread.syscall, "9999");
}

/** A thread that was let go and stopped again before it repeated its call. */
static void registers_of_x86_64_before_a_call_is_repeated(void **state)
{
	/* syscall at the program counter; before it */
	static const uint8_t again[] = { 0, 0, 0, 0, 0x0f, 0x05, 0x89, 0xc2 };
	static const uint8_t ended[] = { 0, 0, 0x0f, 0x05, 0x89, 0xc2, 0, 0 };
	static const struct {
		int64_t orig_rax;
		uint64_t rax;
		const uint8_t *code;
		const char *syscall;
		uint64_t futex;
	} cases[] = {
		{ 202, 202, again, "futex", 0x5000 },
		{ 202, 219, again, "futex", 0x5000 }, /* by restart_syscall(), as it has a timeout */
		{ 271, 271, again, "ppoll", 0 },
		{ 0, 0, ended, "", 0 }, /* read() has found the end of a file */
		{ 202, 202, NULL, "", 0 }, /* the core has no code */
		{ 202, 1, again, "", 0 },
		{ -1, 202, again, "", 0 }, /* is about to call for the first time */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct target_thread thread = {
			.has_orig_rax = true, .orig_rax = cases[i].orig_rax,
			.registers = { [RAX] = cases[i].rax, [RDI] = 0x5000, [RSI] = 128 },
		};

		syscall_from_registers(EM_X86_64, cases[i].code, &thread);
		assert_string_equal(thread.syscall, cases[i].syscall);
		assert_int_equal(thread.futex, cases[i].futex);
		assert_int_equal(thread.in_user_mode, cases[i].orig_rax < 0);
	}
}

static void registers_of_aarch64(void **state)
{
	/* svc #0 at the program counter; before it; nowhere */
	static const uint8_t again[] = { 0, 0, 0, 0, 1, 0, 0, 0xd4 };
	static const uint8_t ended[] = { 1, 0, 0, 0xd4, 0, 0, 0, 0 };
	static const uint8_t other[] = { 0x1f, 0x20, 3, 0xd5, 0x1f, 0x20, 3, 0xd5 };
	struct target_thread thread = { .registers = { [0] = 0x5000, [1] = 128, [8] = 98 } };

	(void)state;
	syscall_from_registers(EM_AARCH64, again, &thread);
	assert_string_equal(thread.syscall, "futex");
	assert_true(thread.futex == 0x5000);

	thread = (struct target_thread){ .registers = { [0] = (uint64_t)-4, [1] = 128, [8] = 22 } };
	syscall_from_registers(EM_AARCH64, ended, &thread);
	assert_string_equal(thread.syscall, "epoll_pwait");

	thread = (struct target_thread){ .registers = { [0] = 1, [8] = 73 } };
	syscall_from_registers(EM_AARCH64, ended, &thread);
	assert_string_equal(thread.syscall, "");
	syscall_from_registers(EM_AARCH64, NULL, &thread); /* the core has no code */
	assert_false(thread.in_user_mode);
	syscall_from_registers(EM_AARCH64, other, &thread);
	assert_true(thread.in_user_mode);
	assert_string_equal(thread.syscall, "");
}

/* ---- A process -------------------------------------------------------------------------------- */

static pthread_mutex_t process_mutex = PTHREAD_MUTEX_INITIALIZER;

static void *wait_for_mutex(void *argument)
{
	pthread_mutex_lock(&process_mutex);
	return argument;
}

/** The child: its first thread holds the mutex for ever, the second one waits for it. */
static void hold_mutex(void)
{
	pthread_t thread;

	pthread_mutex_lock(&process_mutex);
	pthread_create(&thread, NULL, wait_for_mutex, NULL);
	for (;;)
		pause();
}

static size_t waiting_for(struct target *target, uint64_t futex, char *state_ret)
{
	struct target_thread *threads;
	size_t num, found = 0;

	assert_null(target_get_activities(target, &threads, &num));
	for (size_t i = 0; i < num; i++) {
		found += threads[i].futex == futex;
		if (threads[i].futex == futex)
			*state_ret = threads[i].state;
	}
	free(threads);
	return found;
}

static void what_the_kernel_says_of_a_process(void **state)
{
	const uint64_t wanted = UINT64_C(0x123456789a);
	const uint64_t mutex = (uint64_t)(uintptr_t)&process_mutex;
	int eventfd_fd = eventfd(0, 0), other_fd = dup(2);
	char thread_state = 0;
	struct target *target;
	uint64_t count = 0;

	(void)state;
	assert_true(eventfd_fd >= 0 && other_fd >= 0);
	assert_int_equal(write(eventfd_fd, &wanted, sizeof(wanted)), sizeof(wanted));
	pid_t pid = fork();
	if (pid == 0)
		hold_mutex();
	struct virtq_error *error = target_open_process(pid, &target);
	if (error) {
		/* a sandbox may forbid it, and then nothing can be said here */
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		virtq_error_destroy(error);
		skip();
	}
	assert_null(target_get_eventfd_count(target, eventfd_fd, &count));
	assert_true(count == wanted); /* the kernel prints it in hexadecimal */
	static const int none[] = { 1000, -1 };
	for (size_t i = 0; i < ARRAY_SIZE(none) + 1; i++) {
		error = target_get_eventfd_count(target, i ? none[i - 1] : other_fd, &count);
		assert_non_null(error);
		assert_int_not_equal(error->code, VIRTQ_ERROR_UNSUPPORTED);
		assert_int_not_equal(error->code, VIRTQ_ERROR_NO_PROCESS);
		virtq_error_destroy(error);
	}
	for (int i = 0; i < 6000 && !waiting_for(target, mutex, &thread_state); i++)
		usleep(10000);
	assert_int_equal(waiting_for(target, mutex, &thread_state), 1);
	assert_int_equal(thread_state, 'S');

	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	error = target_get_eventfd_count(target, eventfd_fd, &count);
	assert_non_null(error);
	assert_int_equal(error->code, VIRTQ_ERROR_NO_PROCESS);
	virtq_error_destroy(error);
	target_close(target);
	close(eventfd_fd);
	close(other_fd);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define TEST_BIG(name) \
	{ #name " (big endian)", name, setup_big, teardown, NULL }

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_eventfd_that_was_never_set_up_is_absent),
		TEST(counts_are_known_of_a_live_process_only),
		TEST(a_vector_is_masked_by_itself_or_with_the_function),
		TEST_BIG(a_vector_is_masked_by_itself_or_with_the_function),
		TEST(what_cannot_be_read_of_a_transport_is_not_zero),
		TEST(each_device_has_its_own_transport),
		TEST(interrupt_lines),
		TEST(the_main_loop_hears_its_queues),
		TEST(an_iothread_hears_its_queue),
		TEST_BIG(an_iothread_hears_its_queue),
		TEST(two_loops_and_none),
		TEST(nobody_is_missed_where_nobody_should_be),
		TEST(an_unknown_glib_accuses_nobody),
		TEST(a_list_that_is_broken_accuses_nobody),
		TEST(threads_are_looked_at_if_there_is_a_reason),
		TEST(what_threads_do),
		TEST(the_owner_of_a_mutex),
		TEST_BIG(the_owner_of_a_mutex),
		cmocka_unit_test(registers_of_x86_64),
		cmocka_unit_test(registers_of_x86_64_before_a_call_is_repeated),
		cmocka_unit_test(registers_of_aarch64),
		cmocka_unit_test(what_the_kernel_says_of_a_process),
	};

	return cmocka_run_group_tests_name("evidence", tests, NULL, NULL);
}
