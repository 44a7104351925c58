/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What stands behind the queues of a QEMU made of bytes, disks excepted: net,
 * vhost, ports, 9p, gpu, and the log of VIRTIO_F_IN_ORDER.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "qemu_builder.h"
#include "vring/vring.h"

#define IN_ORDER (UINT64_C(1) << 35)

/** Drivers, as the builder's enumeration has them. */
enum { DRIVER_NIC = 1, DRIVER_TAP = 3, DRIVER_VHOST_USER = 12 };
enum { KERNEL = 1, USER, VDPA };

struct fixture {
	struct qemu_builder builder;
	struct builder_device *built;
	struct sample sample;
	struct device *device;
	struct backend *backends;
	struct queue *queues;
};

static void start(struct fixture *fixture, const struct builder_spec *spec)
{
	fixture->built = builder_add_device(&fixture->builder, spec);
}

static void sample(struct fixture *fixture)
{
	struct virtq_error *error;

	sample_deinit(&fixture->sample);
	error = builder_sample(&fixture->builder, &fixture->sample);
	assert_null(error);
	assert_int_equal(fixture->sample.device_num, 1);
	fixture->device = &fixture->sample.devices[0];
	fixture->backends = fixture->device->backends;
	fixture->queues = fixture->device->queues;
}

static int setup_order(void **state, enum byte_order order, uint8_t pointer_size)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	if (!fixture)
		return -1;
	builder_init(&fixture->builder, order, pointer_size);
	*state = fixture;
	return 0;
}

static int setup(void **state)
{
	return setup_order(state, LITTLE_ENDIAN_ORDER, 8);
}

static int setup_big(void **state)
{
	return setup_order(state, BIG_ENDIAN_ORDER, 4);
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	sample_deinit(&fixture->sample);
	builder_deinit(&fixture->builder);
	free(fixture);
	return 0;
}

static uint64_t new_element(struct fixture *fixture, unsigned int index)
{
	uint64_t element = builder_new(&fixture->builder, QEMU_STRUCT_VirtQueueElement);

	builder_set(&fixture->builder, element, QEMU_VirtQueueElement_index, index);
	builder_set(&fixture->builder, element, QEMU_VirtQueueElement_ndescs, 1);
	return element;
}

/** Popped @num and not used, all made available. */
static void set_inuse(struct fixture *fixture, size_t queue, uint16_t num)
{
	const struct builder_queue *built = &fixture->built->queues[queue];

	builder_set_indices(&fixture->builder, built,
			    &(struct builder_indices){ .avail = (uint16_t)(100 + num),
						       .shadow = (uint16_t)(100 + num),
						       .last = (uint16_t)(100 + num),
						       .used = 100 });
	builder_set(&fixture->builder, built->virtqueue, QEMU_VirtQueue_inuse, num);
}

#define assert_fact(actual, expected)                        \
	do {                                               \
		struct fact fact_ = (actual);              \
		assert_int_equal(fact_.state, FACT_KNOWN); \
		assert_int_equal(fact_.value, (expected)); \
	} while (0)
#define assert_absent(fact) assert_int_equal((fact).state, FACT_ABSENT)
#define assert_unreadable(fact) assert_int_equal((fact).state, FACT_UNREADABLE)

/** The one request of a queue that the device holds. */
static void assert_held(const struct queue *queue, size_t index, uint64_t head, const char *found_in)
{
	assert_true(queue->request_num > index);
	const struct request *request = &queue->requests[index];

	assert_fact(request->head, head);
	assert_int_equal(request->source, REQUEST_EXACT);
	assert_int_equal(request->stage, REQUEST_IN_DEVICE);
	assert_string_equal(request->found_in, found_in);
}

static void assert_field(const struct request *request, const char *name, uint64_t value,
			 const char *text)
{
	for (size_t i = 0; i < request->field_num; i++) {
		if (strcmp(request->fields[i].name, name) != 0)
			continue;
		assert_int_equal(request->fields[i].value, value);
		assert_string_equal(request->fields[i].text, text);
		return;
	}
	fail_msg("no field %s", name);
}

/* ---- net --------------------------------------------------------------------------- */

enum { PAIRS = 2 };

/** Addresses of a virtio-net with two queue pairs, both behind taps. */
struct net {
	uint64_t nic, clients, queues, peers[PAIRS];
};

static uint64_t client_at(struct fixture *fixture, const struct net *net, size_t pair)
{
	return net->clients + pair * builder_size(&fixture->builder, QEMU_STRUCT_NetClientState);
}

static uint64_t queue_at(struct fixture *fixture, const struct net *net, size_t pair)
{
	return net->queues + pair * builder_size(&fixture->builder, QEMU_STRUCT_VirtIONetQueue);
}

static void fill_client(struct fixture *fixture, uint64_t client, unsigned int driver,
			uint64_t peer, unsigned int packets)
{
	struct qemu_builder *builder = &fixture->builder;
	uint64_t info = builder_new(builder, QEMU_STRUCT_NetClientInfo);
	uint64_t queue = builder_new(builder, QEMU_STRUCT_NetQueue);

	builder_set(builder, info, QEMU_NetClientInfo_type, driver);
	builder_set(builder, queue, QEMU_NetQueue_opaque, client);
	builder_set(builder, queue, QEMU_NetQueue_nq_count, packets);
	builder_set(builder, client, QEMU_NetClientState_info, info);
	builder_set(builder, client, QEMU_NetClientState_incoming_queue, queue);
	builder_set(builder, client, QEMU_NetClientState_peer, peer);
	/* the other bits there are not this one */
	builder_write(builder, builder_at(builder, client, QEMU_NetClientState_receive_disabled), 4,
		      ~UINT32_C(0));
	builder_set(builder, client, QEMU_NetClientState_receive_disabled, 0);
}

static void add_net(struct fixture *fixture, struct net *net)
{
	struct qemu_builder *builder = &fixture->builder;

	start(fixture, &(struct builder_spec){ .id = "net0", .type = "virtio-net-device",
					       .device_id = 1, .features = VIRTIO_F_VERSION_1,
					       .queue_num = 2 * PAIRS + 1 });
	uint64_t vdev = fixture->built->vdev;
	net->nic = builder_new(builder, QEMU_STRUCT_NICState);
	net->clients = builder_alloc(
		builder, PAIRS * builder_size(builder, QEMU_STRUCT_NetClientState));
	net->queues = builder_alloc(
		builder, PAIRS * builder_size(builder, QEMU_STRUCT_VirtIONetQueue));
	builder_set(builder, vdev, QEMU_VirtIONet_nic, net->nic);
	builder_set(builder, vdev, QEMU_VirtIONet_vqs, net->queues);
	builder_set(builder, vdev, QEMU_VirtIONet_max_queue_pairs, PAIRS);
	builder_set(builder, net->nic, QEMU_NICState_opaque, vdev);
	builder_set(builder, net->nic, QEMU_NICState_ncs, net->clients);
	for (size_t i = 0; i < PAIRS; i++) {
		net->peers[i] = builder_new(builder, QEMU_STRUCT_TAPState);
		fill_client(fixture, client_at(fixture, net, i), DRIVER_NIC, net->peers[i], 0);
		fill_client(fixture, net->peers[i], DRIVER_TAP, client_at(fixture, net, i), 0);
		builder_set(builder, net->peers[i], QEMU_NetClientState_name,
			    builder_string(builder, "wire0"));
		builder_set(builder, net->peers[i], QEMU_TAPState_read_poll, 1);
		builder_set(builder, queue_at(fixture, net, i), QEMU_VirtIONetQueue_n, vdev);
	}
}

static void test_net_idle(void **state)
{
	struct fixture *fixture = *state;
	struct net net;

	add_net(fixture, &net);
	sample(fixture);
	assert_int_equal(fixture->device->backend_num, PAIRS);
	for (size_t i = 0; i < PAIRS; i++) {
		const struct backend *backend = &fixture->backends[i];

		assert_int_equal(backend->kind, BACKEND_NET);
		assert_null(backend->problem);
		assert_string_equal(backend->name, "wire0");
		assert_string_equal(backend->type, "tap");
		assert_int_equal(backend->address, client_at(fixture, &net, i));
		assert_int_equal(backend->first_queue, 2 * i);
		assert_int_equal(backend->queue_num, 2);
		assert_fact(backend->link_down, 0);
		assert_fact(backend->receive_disabled, 0);
		assert_fact(backend->incoming_packets, 0);
		assert_fact(backend->peer_receive_disabled, 0);
		assert_fact(backend->peer_packets, 0);
		assert_fact(backend->read_poll, 1);
		assert_fact(backend->write_poll, 0);
		assert_fact(backend->async_tx, 0);
		assert_fact(backend->tx_waiting, 0);
		assert_absent(backend->connected);
		assert_absent(backend->in_flight);
	}
}

/** Every fact of the second pair is another one than that of the first. */
static void test_net_blocked(void **state)
{
	struct fixture *fixture = *state;
	struct qemu_builder *builder = &fixture->builder;
	struct net net;

	add_net(fixture, &net);
	uint64_t client = client_at(fixture, &net, 1), queue = queue_at(fixture, &net, 1);
	builder_set(builder, client, QEMU_NetClientState_receive_disabled, 1);
	builder_set(builder, builder_get(builder, client, QEMU_NetClientState_incoming_queue),
		    QEMU_NetQueue_nq_count, 7);
	builder_set(builder, net.peers[1], QEMU_NetClientState_receive_disabled, 1);
	builder_set(builder,
		    builder_get(builder, net.peers[1], QEMU_NetClientState_incoming_queue),
		    QEMU_NetQueue_nq_count, 1);
	builder_set(builder, net.peers[1], QEMU_NetClientState_link_down, 1);
	builder_set(builder, net.peers[1], QEMU_TAPState_read_poll, 0);
	builder_set(builder, net.peers[1], QEMU_TAPState_write_poll, 1);
	builder_set(builder, queue, QEMU_VirtIONetQueue_async_tx, new_element(fixture, 3));
	builder_set(builder, queue, QEMU_VirtIONetQueue_tx_waiting, 2);
	set_inuse(fixture, 3, 1);
	sample(fixture);

	const struct backend *backend = &fixture->backends[1];
	assert_fact(backend->link_down, 1);
	assert_fact(backend->receive_disabled, 1);
	assert_fact(backend->incoming_packets, 7);
	assert_fact(backend->peer_receive_disabled, 1);
	assert_fact(backend->peer_packets, 1);
	assert_fact(backend->read_poll, 0);
	assert_fact(backend->write_poll, 1);
	assert_fact(backend->async_tx, 1);
	assert_fact(backend->tx_waiting, 1);
	assert_fact(fixture->backends[0].async_tx, 0);
	assert_fact(fixture->backends[0].link_down, 0);
	assert_int_equal(fixture->queues[3].request_num, 1);
	assert_held(&fixture->queues[3], 0, 3, "async_tx");
	assert_int_equal(fixture->queues[1].request_num, 0);

	/* down is also what the NIC itself says */
	builder_set(builder, net.peers[1], QEMU_NetClientState_link_down, 0);
	builder_set(builder, client, QEMU_NetClientState_link_down, 1);
	sample(fixture);
	assert_fact(fixture->backends[1].link_down, 1);
}

/** A driver without VIRTIO_NET_F_MQ has one pair, whatever is configured; nor is one invented. */
static void test_net_pairs(void **state)
{
	struct fixture *fixture = *state;
	struct qemu_builder *builder = &fixture->builder;
	struct net net;

	add_net(fixture, &net);
	builder_set(builder, fixture->built->vdev, QEMU_VirtIONet_max_queue_pairs, 1);
	sample(fixture);
	assert_int_equal(fixture->device->backend_num, 1);
	builder_set(builder, fixture->built->vdev, QEMU_VirtIONet_max_queue_pairs, 60000);
	sample(fixture);
	assert_int_equal(fixture->device->backend_num, PAIRS);

	/* until 6.1 it was called max_queues */
	builder->items[QEMU_VirtIONet_max_queue_pairs].present = false;
	builder_set(builder, fixture->built->vdev, QEMU_VirtIONet_max_queues, 1);
	sample(fixture);
	assert_int_equal(fixture->device->backend_num, 1);
}

static void test_net_absent(void **state)
{
	struct fixture *fixture = *state;
	struct qemu_builder *builder = &fixture->builder;
	struct net net;

	add_net(fixture, &net);
	builder->items[QEMU_NetClientState_receive_disabled].present = false;
	builder->items[QEMU_STRUCT_NetQueue].present = false;
	builder->items[QEMU_NetQueue_opaque].present = false;
	builder->items[QEMU_NetQueue_nq_count].present = false;
	builder->items[QEMU_ENUM_NetClientDriver].present = false;
	sample(fixture);
	assert_null(fixture->backends[0].problem);
	assert_absent(fixture->backends[0].receive_disabled);
	assert_absent(fixture->backends[0].incoming_packets);
	assert_absent(fixture->backends[0].peer_packets);
	assert_fact(fixture->backends[0].link_down, 0);
	assert_null(fixture->backends[0].type);
	assert_string_equal(fixture->backends[0].name, "wire0");

	builder->items[QEMU_VirtIONet_nic].present = false;
	sample(fixture);
	assert_int_equal(fixture->device->backend_num, 0);
}

/** A NIC whose netdev was removed. */
static void test_net_without_peer(void **state)
{
	struct fixture *fixture = *state;
	struct net net;

	add_net(fixture, &net);
	builder_set(&fixture->builder, client_at(fixture, &net, 0), QEMU_NetClientState_peer, 0);
	sample(fixture);
	assert_null(fixture->backends[0].problem);
	assert_null(fixture->backends[0].name);
	assert_fact(fixture->backends[0].link_down, 0);
	assert_absent(fixture->backends[0].peer_packets);
}

/** What does not point back is not believed, and says so. */
static void test_net_damaged(void **state)
{
	struct fixture *fixture = *state;
	struct qemu_builder *builder = &fixture->builder;
	struct net net;

	add_net(fixture, &net);
	builder_set(builder, net.peers[0], QEMU_NetClientState_peer, 0x1000);
	builder_set(builder,
		    builder_get(builder, client_at(fixture, &net, 1),
				QEMU_NetClientState_incoming_queue),
		    QEMU_NetQueue_opaque, 0x1000);
	sample(fixture);
	assert_non_null(strstr(fixture->backends[0].problem, "peer is 0x1000, expected 0x"));
	assert_null(fixture->backends[0].name);
	assert_absent(fixture->backends[0].peer_packets);
	assert_fact(fixture->backends[0].link_down, 0);
	assert_unreadable(fixture->backends[1].incoming_packets);
	assert_fact(fixture->backends[1].peer_packets, 0);

	builder_set(builder, net.nic, QEMU_NICState_opaque, 0x2000);
	sample(fixture);
	assert_int_equal(fixture->device->backend_num, PAIRS);
	assert_non_null(strstr(fixture->backends[1].problem, "opaque is 0x2000, expected 0x"));
	assert_unreadable(fixture->backends[1].link_down);
	assert_unreadable(fixture->backends[1].incoming_packets);
	assert_fact(fixture->backends[1].async_tx, 0);

	builder_set(builder, queue_at(fixture, &net, 1), QEMU_VirtIONetQueue_n, 0x3000);
	set_inuse(fixture, 3, 1);
	sample(fixture);
	assert_non_null(strstr(fixture->backends[0].problem, "VirtIONetQueue 1: n is 0x3000"));
	assert_unreadable(fixture->backends[0].async_tx);
	/* the others see no harm */
	assert_null(fixture->device->problem);
}

/** Neither does an element whose head cannot be one. */
static void test_net_bad_element(void **state)
{
	struct fixture *fixture = *state;
	struct net net;

	add_net(fixture, &net);
	builder_set(&fixture->builder, queue_at(fixture, &net, 0), QEMU_VirtIONetQueue_async_tx,
		    new_element(fixture, 16));
	set_inuse(fixture, 1, 1);
	sample(fixture);
	for (size_t i = 0; i < fixture->queues[1].request_num; i++)
		assert_string_not_equal(fixture->queues[1].requests[i].found_in, "async_tx");
	assert_non_null(strstr(fixture->queues[1].requests_problem, "index is 16"));
	assert_false(fixture->queues[1].requests_complete);
}

/* ---- vhost ---------------------------------------------------------------------------- */

enum { BLK_QUEUES = 2, RING = 16, REGION = 16 + RING * 16 };

/** A vhost-user-blk that is connected, with an in-flight region in which nothing is. */
struct user {
	uint64_t vhost, chardev, inflight, region;
};

static void add_user_disk(struct fixture *fixture, struct user *user)
{
	struct qemu_builder *builder = &fixture->builder;

	start(fixture, &(struct builder_spec){ .id = "disk0", .type = "vhost-user-blk",
					       .device_id = 2, .features = VIRTIO_F_VERSION_1,
					       .queue_num = BLK_QUEUES, .ring_num = RING });
	uint64_t vdev = fixture->built->vdev;
	uint64_t state = builder_at(builder, vdev, QEMU_VHostUserBlk_vhost_user);
	uint64_t frontend = builder_new(builder, QEMU_STRUCT_CharFrontend);
	uint64_t vhost_user = builder_new(builder, QEMU_STRUCT_vhost_user);

	user->vhost = builder_add_vhost(builder, vdev, 0, BLK_QUEUES, USER);
	user->chardev = builder_new(builder, QEMU_STRUCT_Chardev);
	builder_set(builder, user->chardev, QEMU_Chardev_label, builder_string(builder, "socket0"));
	builder_set(builder, user->chardev, QEMU_Chardev_be_open, 1);
	builder_set(builder, frontend, QEMU_CharFrontend_chr, user->chardev);
	builder_set(builder, state, QEMU_VhostUserState_chr, frontend);
	builder_set(builder, vdev, QEMU_VHostUserBlk_connected, 1);
	builder_set(builder, user->vhost, QEMU_vhost_dev_opaque, vhost_user);
	builder_set(builder, user->vhost, QEMU_vhost_dev_vqs,
		    builder_alloc(builder, BLK_QUEUES * builder_size(builder,
								     QEMU_STRUCT_vhost_virtqueue)));
	builder_set(builder, vhost_user, QEMU_vhost_user_dev, user->vhost);
	builder_set(builder, vhost_user, QEMU_vhost_user_user, state);

	user->inflight = builder_new(builder, QEMU_STRUCT_vhost_inflight);
	user->region = builder_alloc(builder, BLK_QUEUES * REGION);
	builder_set(builder, vdev, QEMU_VHostUserBlk_inflight, user->inflight);
	builder_set(builder, user->inflight, QEMU_vhost_inflight_addr, user->region);
	builder_set(builder, user->inflight, QEMU_vhost_inflight_size, BLK_QUEUES * REGION);
	for (size_t i = 0; i < BLK_QUEUES; i++) {
		builder_write(builder, user->region + i * REGION + 8, 2, 1);
		builder_write(builder, user->region + i * REGION + 10, 2, RING);
	}
}

static void set_inflight(struct fixture *fixture, const struct user *user, size_t queue,
			 uint16_t head, uint64_t counter)
{
	uint64_t entry = user->region + queue * REGION + 16 + head * UINT64_C(16);

	builder_write(&fixture->builder, entry, 1, 1);
	builder_write(&fixture->builder, entry + 8, 8, counter);
}

/** Outstanding: made available and not used. */
static void set_outstanding(struct fixture *fixture, const struct user *user, size_t queue,
			    uint16_t num)
{
	const struct builder_queue *built = &fixture->built->queues[queue];

	builder_set_indices(&fixture->builder, built,
			    &(struct builder_indices){ .avail = (uint16_t)(200 + num), .used = 200 });
	builder_write(&fixture->builder, user->region + queue * REGION + 14, 2, 200);
}

static void test_user_connected(void **state)
{
	struct fixture *fixture = *state;
	struct qemu_builder *builder = &fixture->builder;
	struct user user;

	add_user_disk(fixture, &user);
	sample(fixture);
	assert_int_equal(fixture->device->backend_num, 1);
	assert_int_equal(fixture->backends[0].kind, BACKEND_VHOST);
	assert_string_equal(fixture->backends[0].name, "socket0");
	assert_string_equal(fixture->backends[0].type, "user");
	assert_int_equal(fixture->backends[0].address, user.vhost);
	assert_int_equal(fixture->backends[0].first_queue, 0);
	assert_int_equal(fixture->backends[0].queue_num, BLK_QUEUES);
	assert_fact(fixture->backends[0].connected, 1);
	assert_null(fixture->backends[0].problem);
	/* never set up, in bytes that have no process */
	assert_absent(fixture->queues[0].vhost_masked_count);
	assert_absent(fixture->device->svq);

	/* before 10.2 the struct between had another name */
	builder->items[QEMU_STRUCT_CharFrontend].present = false;
	builder->items[QEMU_CharFrontend_chr].present = false;
	builder->items[QEMU_CharBackend_chr] = (struct layout_item){
		.present = true, .offset = builder->items[QEMU_CharFrontend_chr].offset,
		.size = builder->pointer_size
	};
	sample(fixture);
	assert_string_equal(fixture->backends[0].name, "socket0");
	assert_fact(fixture->backends[0].connected, 1);

	/* the socket is closed, and the device model has not heard of it yet */
	builder_set(builder, user.chardev, QEMU_Chardev_be_open, 0);
	sample(fixture);
	assert_fact(fixture->backends[0].connected, 0);
}

static void test_user_disconnected(void **state)
{
	struct fixture *fixture = *state;
	struct qemu_builder *builder = &fixture->builder;
	struct user user;

	add_user_disk(fixture, &user);
	builder_set(builder, user.vhost, QEMU_vhost_dev_started, 0);
	builder_set(builder, user.chardev, QEMU_Chardev_be_open, 0);
	builder_set(builder, fixture->built->vdev, QEMU_VHostUserBlk_connected, 0);
	sample(fixture);
	assert_false(fixture->device->vhost);
	assert_int_equal(fixture->device->backend_num, 1);
	assert_int_equal(fixture->backends[0].kind, BACKEND_VHOST);
	assert_int_equal(fixture->backends[0].queue_num, BLK_QUEUES);
	assert_string_equal(fixture->backends[0].name, "socket0");
	assert_fact(fixture->backends[0].connected, 0);

	/* a socket that is there again is not enough */
	builder_set(builder, user.chardev, QEMU_Chardev_be_open, 1);
	sample(fixture);
	assert_fact(fixture->backends[0].connected, 0);
	builder_set(builder, fixture->built->vdev, QEMU_VHostUserBlk_connected, 1);
	sample(fixture);
	assert_fact(fixture->backends[0].connected, 1);

	/* what cannot be read accuses nobody */
	builder->items[QEMU_VHostUserBlk_connected].present = false;
	builder_hide(builder, user.chardev, 8);
	builder_hide(builder, builder_at(builder, user.chardev, QEMU_Chardev_be_open), 4);
	sample(fixture);
	assert_unreadable(fixture->backends[0].connected);
}

/** What another struct hangs on a vhost_dev is not this device's. */
static void test_user_back_pointer(void **state)
{
	struct fixture *fixture = *state;
	struct user user;

	add_user_disk(fixture, &user);
	fixture->builder.items[QEMU_VHostUserBlk_vhost_user].present = false;
	fixture->builder.items[QEMU_VHostUserBlk_connected].present = false;
	builder_set(&fixture->builder,
		    builder_get(&fixture->builder, user.vhost, QEMU_vhost_dev_opaque),
		    QEMU_vhost_user_dev, 0x1000);
	sample(fixture);
	assert_unreadable(fixture->backends[0].connected);
	assert_null(fixture->backends[0].name);
}

static void test_inflight(void **state)
{
	struct fixture *fixture = *state;
	struct user user;

	add_user_disk(fixture, &user);
	set_outstanding(fixture, &user, 1, 5);
	set_inflight(fixture, &user, 1, 9, 41);
	set_inflight(fixture, &user, 1, 2, 43);
	set_inflight(fixture, &user, 1, 15, 42);
	/* the ring goes on with these, which were not taken */
	const struct builder_queue *queue = &fixture->built->queues[1];
	for (uint16_t i = 0; i < 5; i++)
		builder_set_ring(&fixture->builder, queue, queue->avail + 4 + 2 * ((200 + i) % RING),
				 (uint16_t)(i == 3 ? 7 : i == 4 ? 8 : 0));
	sample(fixture);
	assert_fact(fixture->queues[1].vhost_inflight, 3);
	assert_int_equal(fixture->queues[1].request_num, 5);
	assert_held(&fixture->queues[1], 0, 9, "in-flight region");
	assert_held(&fixture->queues[1], 1, 15, "in-flight region");
	assert_held(&fixture->queues[1], 2, 2, "in-flight region");
	assert_fact(fixture->queues[1].requests[3].head, 7);
	assert_int_equal(fixture->queues[1].requests[3].stage, REQUEST_AVAILABLE);
	assert_fact(fixture->queues[1].requests[4].head, 8);
	assert_true(fixture->queues[1].requests_complete);
	/* the other queue has nothing to look for */
	assert_int_equal(fixture->queues[0].request_num, 0);
	assert_absent(fixture->queues[0].vhost_inflight);
}

static void test_inflight_nothing_taken(void **state)
{
	struct fixture *fixture = *state;
	struct user user;

	add_user_disk(fixture, &user);
	set_outstanding(fixture, &user, 0, 1);
	sample(fixture);
	assert_fact(fixture->queues[0].vhost_inflight, 0);
	assert_int_equal(fixture->queues[0].request_num, 1);
	assert_int_equal(fixture->queues[0].requests[0].stage, REQUEST_AVAILABLE);
	assert_null(fixture->queues[0].requests_problem);
}

/** Between the used index and the region the device is in the middle of something. */
static void test_inflight_moving(void **state)
{
	struct fixture *fixture = *state;
	struct user user;

	add_user_disk(fixture, &user);
	set_outstanding(fixture, &user, 0, 3);
	set_inflight(fixture, &user, 0, 4, 1);
	set_inflight(fixture, &user, 0, 5, 2);
	builder_write(&fixture->builder, user.region + 12, 2, 4); /* last_batch_head */
	builder_write(&fixture->builder, user.region + 14, 2, 199); /* used_idx */
	sample(fixture);
	assert_int_equal(fixture->queues[0].request_num, 1);
	assert_held(&fixture->queues[0], 0, 5, "in-flight region");
	assert_absent(fixture->queues[0].vhost_inflight);
	assert_false(fixture->queues[0].requests_complete);
}

static void test_inflight_damaged(void **state)
{
	struct fixture *fixture = *state;
	struct qemu_builder *builder = &fixture->builder;
	static const struct {
		unsigned int offset, value;
		const char *problem;
	} cases[] = {
		{ 8, 2, "version 2, expected 1" },
		{ 10, RING + 1, "17 descriptors do not fit in 272 bytes" },
		{ 10, 65535, "65535 descriptors do not fit in 272 bytes" },
	};
	struct user user;

	add_user_disk(fixture, &user);
	set_outstanding(fixture, &user, 0, 3);
	set_inflight(fixture, &user, 0, 4, 1);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		builder_write(builder, user.region + 8, 2, 1);
		builder_write(builder, user.region + 10, 2, RING);
		builder_write(builder, user.region + cases[i].offset, 2, cases[i].value);
		sample(fixture);
		assert_int_equal(fixture->queues[0].request_num, 0);
		assert_non_null(strstr(fixture->queues[0].requests_problem, cases[i].problem));
		assert_absent(fixture->queues[0].vhost_inflight);
	}
	/* version 0 is a region that was never used */
	builder_write(builder, user.region + 8, 2, 0);
	sample(fixture);
	assert_int_equal(fixture->queues[0].request_num, 0);
	assert_absent(fixture->queues[0].vhost_inflight);

	builder_write(builder, user.region + 8, 2, 1);
	builder_set(builder, user.inflight, QEMU_vhost_inflight_size, 20);
	sample(fixture);
	assert_non_null(strstr(fixture->queues[0].requests_problem, "10 bytes a queue"));
	/* not negotiated, or not there */
	builder_set(builder, user.inflight, QEMU_vhost_inflight_addr, 0);
	sample(fixture);
	assert_int_equal(fixture->queues[0].request_num, 0);
	builder_set(builder, fixture->built->vdev, QEMU_VHostUserBlk_inflight, 0);
	sample(fixture);
	assert_int_equal(fixture->queues[0].request_num, 0);
}

/** A device may offer far more descriptors than the ring has; what nobody uses is not read. */
static void test_inflight_of_a_short_ring(void **state)
{
	struct fixture *fixture = *state;
	struct qemu_builder *builder = &fixture->builder;
	enum { OFFERED = 1024, LENGTH = 16 + OFFERED * 16 };
	struct user user;

	add_user_disk(fixture, &user);
	user.region = builder_alloc(builder, LENGTH);
	builder_set(builder, user.inflight, QEMU_vhost_inflight_addr, user.region);
	builder_set(builder, user.inflight, QEMU_vhost_inflight_size, BLK_QUEUES * LENGTH);
	builder_write(builder, user.region + 8, 2, 1);
	builder_write(builder, user.region + 10, 2, OFFERED);
	set_outstanding(fixture, &user, 0, 1);
	set_inflight(fixture, &user, 0, RING - 1, 1);
	builder_hide(builder, user.region + REGION, LENGTH - REGION);
	sample(fixture);
	assert_null(fixture->queues[0].requests_problem);
	assert_fact(fixture->queues[0].vhost_inflight, 1);
	assert_held(&fixture->queues[0], 0, RING - 1, "in-flight region");
}

/** However many vhost devices say that a queue is theirs, it is looked at once. */
static void test_queue_of_two_vhosts(void **state)
{
	struct fixture *fixture = *state;
	struct user user;

	add_user_disk(fixture, &user);
	uint64_t other = builder_add_vhost(&fixture->builder, fixture->built->vdev, 1, 1, USER);
	sample(fixture);
	/* the one that was plugged last comes first */
	assert_int_equal(fixture->device->backend_num, 2);
	assert_int_equal(fixture->backends[0].address, other);
	assert_int_equal(fixture->backends[0].first_queue, 1);
	assert_int_equal(fixture->backends[0].queue_num, 1);
	assert_int_equal(fixture->backends[1].address, user.vhost);
	assert_int_equal(fixture->backends[1].first_queue, 0);
	assert_int_equal(fixture->backends[1].queue_num, 1);
	assert_true(fixture->queues[0].vhost && fixture->queues[1].vhost);
	assert_non_null(strstr(fixture->device->problem, "queue 1 is another vhost device's"));
}

/** A vhost-user netdev: its chardev is that of all pairs, and without it there is no vhost_dev. */
static void test_user_net(void **state)
{
	struct fixture *fixture = *state;
	struct qemu_builder *builder = &fixture->builder;
	struct net net;

	add_net(fixture, &net);
	uint64_t user = builder_new(builder, QEMU_STRUCT_VhostUserState);
	uint64_t frontend = builder_new(builder, QEMU_STRUCT_CharFrontend);
	uint64_t chardev = builder_new(builder, QEMU_STRUCT_Chardev);
	builder_set(builder, user, QEMU_VhostUserState_chr, frontend);
	builder_set(builder, frontend, QEMU_CharFrontend_chr, chardev);
	for (size_t i = 0; i < PAIRS; i++) {
		uint64_t peer = builder_new(builder, QEMU_STRUCT_NetVhostUserState);

		fill_client(fixture, peer, DRIVER_VHOST_USER, client_at(fixture, &net, i), 0);
		builder_set(builder, client_at(fixture, &net, i), QEMU_NetClientState_peer, peer);
		builder_set(builder, peer, QEMU_NetClientState_name, builder_string(builder, "wire0"));
		builder_set(builder, peer, QEMU_NetVhostUserState_vhost_user, user);
	}
	sample(fixture);
	assert_int_equal(fixture->device->backend_num, 2 * PAIRS);
	for (size_t i = 0; i < PAIRS; i++) {
		const struct backend *backend = &fixture->backends[PAIRS + i];

		assert_string_equal(fixture->backends[i].type, "vhost-user");
		assert_absent(fixture->backends[i].read_poll);
		assert_fact(fixture->backends[i].connected, 0);
		assert_int_equal(backend->kind, BACKEND_VHOST);
		assert_string_equal(backend->name, "wire0");
		assert_string_equal(backend->type, "user");
		assert_int_equal(backend->first_queue, 2 * i);
		assert_int_equal(backend->queue_num, 2);
		assert_fact(backend->connected, 0);
	}

	/* a pair with a vhost_dev is that one's */
	builder_set(builder, chardev, QEMU_Chardev_be_open, 1);
	uint64_t vhost = builder_add_vhost(builder, fixture->built->vdev, 2, 2, USER);
	uint64_t vhost_user = builder_new(builder, QEMU_STRUCT_vhost_user);
	builder_set(builder, vhost, QEMU_vhost_dev_opaque, vhost_user);
	builder_set(builder, vhost_user, QEMU_vhost_user_dev, vhost);
	builder_set(builder, vhost_user, QEMU_vhost_user_user, user);
	sample(fixture);
	assert_int_equal(fixture->device->backend_num, 2 * PAIRS);
	assert_int_equal(fixture->backends[2].address, vhost);
	assert_int_equal(fixture->backends[2].first_queue, 2);
	assert_fact(fixture->backends[2].connected, 1);
	assert_int_equal(fixture->backends[3].first_queue, 0);
	assert_fact(fixture->backends[3].connected, 1);
}

/** A vhost-vdpa of which QEMU shadows both queues. */
static void test_shadow_virtqueues(void **state)
{
	struct fixture *fixture = *state;
	struct qemu_builder *builder = &fixture->builder;
	uint64_t shadows[2];

	start(fixture, &(struct builder_spec){ .id = "net0", .type = "vhost-vdpa-device",
					       .device_id = 1, .features = VIRTIO_F_VERSION_1,
					       .queue_num = 2 });
	uint64_t vhost = builder_add_vhost(builder, fixture->built->vdev, 0, 2, VDPA);
	uint64_t vdpa = builder_new(builder, QEMU_STRUCT_vhost_vdpa);
	uint64_t array = builder_new(builder, QEMU_STRUCT_GPtrArray);
	uint64_t data = builder_alloc(builder, 64);

	builder_set(builder, vhost, QEMU_vhost_dev_opaque, vdpa);
	builder_set(builder, vdpa, QEMU_vhost_vdpa_dev, vhost);
	builder_set(builder, vdpa, QEMU_vhost_vdpa_shadow_vqs, array);
	builder_set(builder, array, QEMU_GPtrArray_pdata, data);
	builder_set(builder, array, QEMU_GPtrArray_len, 2);
	for (size_t i = 0; i < 2; i++) {
		shadows[i] = builder_new(builder, QEMU_STRUCT_VhostShadowVirtqueue);
		builder_write_pointer(builder, data + i * builder->pointer_size, shadows[i]);
		builder_set(builder, shadows[i], QEMU_VhostShadowVirtqueue_vq,
			    fixture->built->queues[i].virtqueue);
		builder_set(builder, shadows[i], QEMU_VhostShadowVirtqueue_shadow_avail_idx, 11 + i);
		builder_set(builder, shadows[i], QEMU_VhostShadowVirtqueue_shadow_used_idx, 9 + i);
		builder_set(builder, shadows[i], QEMU_VhostShadowVirtqueue_last_used_idx, 8 + i);
		builder_set(builder, shadows[i], QEMU_VhostShadowVirtqueue_hdev_kick, 30 + i);
		builder_set(builder, shadows[i], QEMU_VhostShadowVirtqueue_hdev_call, UINT32_MAX);
	}
	sample(fixture);
	assert_string_equal(fixture->backends[0].type, "vdpa");
	assert_fact(fixture->device->svq, 0);
	assert_absent(fixture->queues[0].svq_avail_idx);

	builder_set(builder, vdpa, QEMU_vhost_vdpa_shadow_vqs_enabled, 1);
	size_t stride = builder_size(builder, QEMU_STRUCT_SVQDescState);
	uint64_t states = builder_alloc(builder, 4 * stride);
	builder_set(builder, shadows[1], QEMU_VhostShadowVirtqueue_num, 4);
	builder_set(builder, shadows[1], QEMU_VhostShadowVirtqueue_desc_state, states);
	builder_set(builder, states + 2 * stride, QEMU_SVQDescState_elem, new_element(fixture, 6));
	builder_set_indices(builder, &fixture->built->queues[1],
			    &(struct builder_indices){ .avail = 1 });
	sample(fixture);
	assert_fact(fixture->device->svq, 1);
	for (size_t i = 0; i < 2; i++) {
		assert_fact(fixture->queues[i].svq_avail_idx, 11 + i);
		assert_fact(fixture->queues[i].svq_used_idx, 9 + i);
		assert_fact(fixture->queues[i].svq_last_used_idx, 8 + i);
		assert_fact(fixture->queues[i].vhost_kick_fd, 30 + i);
		assert_absent(fixture->queues[i].vhost_call_fd);
	}
	assert_int_equal(fixture->queues[1].request_num, 1);
	assert_held(&fixture->queues[1], 0, 6, "shadow virtqueue");

	/* a shadow is as long as the queue, and each of its elements is another one */
	builder_set(builder, shadows[1], QEMU_VhostShadowVirtqueue_num, 17);
	sample(fixture);
	assert_non_null(strstr(fixture->queues[1].requests_problem, "vring.num is 17, expected at most 16"));
	builder_set(builder, shadows[1], QEMU_VhostShadowVirtqueue_num, 4);
	builder_set(builder, states + 3 * stride, QEMU_SVQDescState_elem,
		    builder_get(builder, states + 2 * stride, QEMU_SVQDescState_elem));
	sample(fixture);
	assert_non_null(strstr(fixture->queues[1].requests_problem, "desc_state: the list comes back to"));
	assert_int_equal(fixture->queues[1].request_num, 1);

	/* of another queue, of another device, or too many */
	builder_set(builder, shadows[1], QEMU_VhostShadowVirtqueue_vq, 0x1000);
	sample(fixture);
	assert_non_null(strstr(fixture->backends[0].problem, "vq is 0x1000"));
	assert_absent(fixture->queues[1].svq_avail_idx);
	builder_set(builder, array, QEMU_GPtrArray_len, 100000);
	sample(fixture);
	assert_non_null(strstr(fixture->backends[0].problem, "100000 shadow virtqueues"));
	assert_unreadable(fixture->device->svq);
	builder_set(builder, vdpa, QEMU_vhost_vdpa_dev, 0x1000);
	sample(fixture);
	assert_non_null(strstr(fixture->backends[0].problem, "dev is 0x1000"));
	assert_unreadable(fixture->device->svq);
}

/* ---- virtio-serial ------------------------------------------------------------------------ */

static uint64_t add_port(struct fixture *fixture, unsigned int id)
{
	struct qemu_builder *builder = &fixture->builder;
	uint64_t port = builder_new(builder, QEMU_STRUCT_VirtIOSerialPort);
	uint64_t vdev = fixture->built->vdev;

	builder_set(builder, port, QEMU_VirtIOSerialPort_vser, vdev);
	builder_set(builder, port, QEMU_VirtIOSerialPort_id, id);
	builder_set(builder, port, QEMU_VirtIOSerialPort_ovq,
		    fixture->built->queues[id ? 3 + 2 * id : 1].virtqueue);
	builder_set(builder, port, QEMU_VirtIOSerialPort_next,
		    builder_get(builder, vdev, QEMU_VirtIOSerial_ports));
	builder_set(builder, vdev, QEMU_VirtIOSerial_ports, port);
	return port;
}

static void start_serial(struct fixture *fixture)
{
	start(fixture, &(struct builder_spec){ .id = "serial0", .type = "virtio-serial-device",
					       .device_id = 3, .features = VIRTIO_F_VERSION_1,
					       .queue_num = 8 });
}

static void test_ports(void **state)
{
	struct fixture *fixture = *state;
	struct qemu_builder *builder = &fixture->builder;

	start_serial(fixture);
	uint64_t agent = add_port(fixture, 1);
	add_port(fixture, 0);
	builder_set(builder, agent, QEMU_DeviceState_id, builder_string(builder, "agent"));
	builder_set(builder, agent, QEMU_VirtIOSerialPort_elem, new_element(fixture, 12));
	builder_set(builder, agent, QEMU_VirtIOSerialPort_throttled, 1);
	builder_set(builder, agent, QEMU_VirtIOSerialPort_guest_connected, 1);
	set_inuse(fixture, 5, 1);
	sample(fixture);
	assert_int_equal(fixture->device->backend_num, 2);
	assert_int_equal(fixture->backends[0].kind, BACKEND_PORT);
	assert_string_equal(fixture->backends[0].name, "port 0");
	assert_int_equal(fixture->backends[0].first_queue, 0);
	assert_fact(fixture->backends[0].element_held, 0);
	assert_fact(fixture->backends[0].throttled, 0);
	assert_string_equal(fixture->backends[1].name, "agent");
	assert_int_equal(fixture->backends[1].address, agent);
	assert_int_equal(fixture->backends[1].first_queue, 4);
	assert_int_equal(fixture->backends[1].queue_num, 2);
	assert_fact(fixture->backends[1].element_held, 1);
	assert_fact(fixture->backends[1].throttled, 1);
	assert_fact(fixture->backends[1].guest_connected, 1);
	assert_fact(fixture->backends[1].host_connected, 0);
	assert_int_equal(fixture->queues[5].request_num, 1);
	assert_held(&fixture->queues[5], 0, 12, "port");
	assert_true(fixture->queues[5].requests_complete);
}

static void test_ports_damaged(void **state)
{
	struct fixture *fixture = *state;
	struct qemu_builder *builder = &fixture->builder;

	start_serial(fixture);
	uint64_t last = add_port(fixture, 1);
	uint64_t first = add_port(fixture, 0);
	builder_set(builder, last, QEMU_VirtIOSerialPort_next, first);
	sample(fixture);
	const struct backend *backend = &fixture->backends[fixture->device->backend_num - 1];
	assert_non_null(strstr(backend->problem, "the list comes back"));
	assert_unreadable(backend->element_held);

	builder_set(builder, last, QEMU_VirtIOSerialPort_next, 0);
	builder_set(builder, last, QEMU_VirtIOSerialPort_vser, 0x1000);
	sample(fixture);
	assert_int_equal(fixture->device->backend_num, 2);
	assert_null(fixture->backends[0].problem);
	assert_non_null(strstr(fixture->backends[1].problem, "vser is 0x1000"));
	assert_unreadable(fixture->backends[1].element_held);

	/* a number that no port can have */
	builder_set(builder, last, QEMU_VirtIOSerialPort_vser, fixture->built->vdev);
	builder_set(builder, last, QEMU_VirtIOSerialPort_id, UINT32_MAX);
	sample(fixture);
	assert_int_equal(fixture->backends[1].queue_num, 0);
}

/* ---- 9p ------------------------------------------------------------------------------------- */

static void test_9p(void **state)
{
	struct fixture *fixture = *state;
	struct qemu_builder *builder = &fixture->builder;

	start(fixture, &(struct builder_spec){ .id = "fs0", .type = "virtio-9p-device",
					       .device_id = 9, .features = VIRTIO_F_VERSION_1,
					       .queue_num = 1 });
	uint64_t vdev = fixture->built->vdev;
	uint64_t elements = builder_at(builder, vdev, QEMU_V9fsVirtioState_elems);
	uint64_t pdus = builder_at(builder, vdev, QEMU_V9fsVirtioState_pdus);
	size_t stride = builder_size(builder, QEMU_STRUCT_V9fsPDU);

	builder_set(builder, vdev, QEMU_V9fsVirtioState_fsdev_id, builder_string(builder, "share0"));
	builder_set(builder, vdev, QEMU_V9fsVirtioState_free_list, pdus);
	sample(fixture);
	assert_int_equal(fixture->device->backend_num, 1);
	assert_int_equal(fixture->backends[0].kind, BACKEND_OTHER);
	assert_string_equal(fixture->backends[0].name, "share0");
	assert_string_equal(fixture->backends[0].type, "9p");
	assert_fact(fixture->backends[0].elements_held, 0);
	assert_fact(fixture->backends[0].blocked, 0);

	builder_set(builder, vdev, QEMU_V9fsVirtioState_free_list, 0);
	for (unsigned int i = 1; i < 3; i++) {
		builder_write_pointer(builder, elements + i * builder->pointer_size,
				      new_element(fixture, 10 + i));
		builder_set(builder, pdus + i * stride, QEMU_V9fsPDU_idx, i);
		builder_set(builder, pdus + i * stride, QEMU_V9fsPDU_id, i == 1 ? 116 : 200);
		builder_set(builder, pdus + i * stride, QEMU_V9fsPDU_tag, 1000 + i);
		builder_set(builder, pdus + i * stride, QEMU_V9fsPDU_cancelled, i == 2);
	}
	set_inuse(fixture, 0, 2);
	sample(fixture);
	assert_fact(fixture->backends[0].elements_held, 2);
	assert_fact(fixture->backends[0].blocked, 1);
	assert_int_equal(fixture->queues[0].request_num, 2);
	assert_held(&fixture->queues[0], 0, 11, "9p requests");
	assert_field(&fixture->queues[0].requests[0], "type", 116, "Tread");
	assert_field(&fixture->queues[0].requests[0], "tag", 1001, "");
	assert_held(&fixture->queues[0], 1, 12, "9p requests");
	assert_field(&fixture->queues[0].requests[1], "type", 200, "0xc8");
	assert_field(&fixture->queues[0].requests[1], "cancelled", 1, "");
	assert_true(fixture->queues[0].requests_complete);

	/* the PDU of another index */
	builder_set(builder, pdus + stride, QEMU_V9fsPDU_idx, 77);
	sample(fixture);
	assert_non_null(strstr(fixture->queues[0].requests_problem, "V9fsPDU 1: idx is 77"));
}

/* ---- gpu ------------------------------------------------------------------------------------- */

static uint64_t add_command(struct fixture *fixture, enum qemu_query list, unsigned int head,
			    uint64_t fence)
{
	struct qemu_builder *builder = &fixture->builder;
	uint64_t command = builder_new(builder, QEMU_STRUCT_virtio_gpu_ctrl_command);
	uint64_t element = builder_at(builder, command, QEMU_virtio_gpu_ctrl_command_elem);
	uint64_t vdev = fixture->built->vdev;

	builder_set(builder, element, QEMU_VirtQueueElement_index, head);
	builder_set(builder, command, QEMU_virtio_gpu_ctrl_command_vq,
		    fixture->built->queues[0].virtqueue);
	builder_set(builder, command, QEMU_virtio_gpu_ctrl_command_type, 0x207);
	builder_set(builder, command, QEMU_virtio_gpu_ctrl_command_fence_id, fence);
	builder_set(builder, command, QEMU_virtio_gpu_ctrl_command_ctx_id, 3);
	builder_set(builder, command, QEMU_virtio_gpu_ctrl_command_next,
		    builder_get(builder, vdev, list));
	builder_set(builder, vdev, list, command);
	return command;
}

static void test_gpu(void **state)
{
	struct fixture *fixture = *state;
	struct qemu_builder *builder = &fixture->builder;
	static const char *const types[] = { "virtio-gpu-gl-device", "virtio-gpu-device",
					     "virtio-device", "device", "object", NULL };

	start(fixture, &(struct builder_spec){ .id = "gpu0", .type = "virtio-gpu-gl-device",
					       .device_id = 16, .features = VIRTIO_F_VERSION_1,
					       .queue_num = 2 });
	uint64_t vdev = fixture->built->vdev;
	builder_set(builder, vdev, QEMU_Object_class, builder_class(builder, types));
	add_command(fixture, QEMU_VirtIOGPU_cmdq, 4, 0);
	uint64_t fenced = add_command(fixture, QEMU_VirtIOGPU_fenceq, 7, 99);
	builder_set(builder, vdev, QEMU_VirtIOGPUBase_renderer_blocked, 2);
	set_inuse(fixture, 0, 2);
	sample(fixture);
	assert_int_equal(fixture->device->backend_num, 1);
	assert_string_equal(fixture->backends[0].type, "gpu");
	assert_fact(fixture->backends[0].blocked, 1);
	assert_fact(fixture->backends[0].elements_held, 2);
	assert_int_equal(fixture->queues[0].request_num, 2);
	/* what was not carried out has no header of its own yet */
	assert_held(&fixture->queues[0], 0, 4, "gpu commands");
	assert_held(&fixture->queues[0], 1, 7, "gpu fences");
	assert_field(&fixture->queues[0].requests[1], "type", 0x207, "submit-3d");
	assert_field(&fixture->queues[0].requests[1], "fence_id", 99, "");
	assert_field(&fixture->queues[0].requests[1], "ctx_id", 3, "");

	/* VIRTIO 1.2, section 5.7.6.7: the ends of each group, and what is in none */
	static const struct {
		uint64_t type;
		const char *word;
	} commands[] = {
		{ 0, "0x0" },
		{ 0xff, "0xff" },
		{ 0x100, "get-display-info" },
		{ 0x104, "resource-flush" },
		{ 0x10d, "set-scanout-blob" },
		{ 0x10e, "0x10e" },
		{ 0x200, "ctx-create" },
		{ 0x209, "resource-unmap-blob" },
		{ 0x20a, "0x20a" },
		{ 0x300, "update-cursor" },
		{ 0x301, "move-cursor" },
		{ 0x302, "0x302" },
		{ 0xffffffff, "0xffffffff" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		builder_set(builder, fenced, QEMU_virtio_gpu_ctrl_command_type, commands[i].type);
		sample(fixture);
		assert_field(&fixture->queues[0].requests[1], "type", commands[i].type,
			     commands[i].word);
	}

	builder_set(builder, fenced, QEMU_virtio_gpu_ctrl_command_vq, 0x1000);
	sample(fixture);
	assert_non_null(strstr(fixture->backends[0].problem, "it is of no queue of the device"));
	assert_unreadable(fixture->backends[0].elements_held);
	assert_int_equal(fixture->queues[0].requests[0].head.value, 4);
}

/** A vhost-user-gpu has the same device id and another struct. */
static void test_gpu_of_others(void **state)
{
	struct fixture *fixture = *state;

	start(fixture, &(struct builder_spec){ .id = "gpu0", .type = "virtio-gpu-other",
					       .device_id = 16, .features = VIRTIO_F_VERSION_1,
					       .queue_num = 2 });
	sample(fixture);
	assert_int_equal(fixture->device->backend_num, 0);
}

/* ---- balloon ---------------------------------------------------------------------------------- */

static void test_balloon(void **state)
{
	struct fixture *fixture = *state;
	struct qemu_builder *builder = &fixture->builder;

	start(fixture, &(struct builder_spec){ .id = "balloon0", .type = "virtio-balloon-device",
					       .device_id = 5, .features = VIRTIO_F_VERSION_1,
					       .queue_num = 3 });
	builder_set(builder, fixture->built->vdev, QEMU_VirtIOBalloon_svq,
		    fixture->built->queues[2].virtqueue);
	builder_set(builder, fixture->built->vdev, QEMU_VirtIOBalloon_stats_vq_elem,
		    new_element(fixture, 1));
	set_inuse(fixture, 2, 1);
	sample(fixture);
	assert_int_equal(fixture->queues[2].request_num, 1);
	assert_held(&fixture->queues[2], 0, 1, "statistics");
}

/* ---- VIRTIO_F_IN_ORDER ------------------------------------------------------------------------- */

/** An element in the log: in the slot of its position. */
static void set_logged(struct fixture *fixture, uint64_t log, unsigned int slot, unsigned int head,
		       unsigned int slots, bool filled)
{
	struct qemu_builder *builder = &fixture->builder;
	uint64_t element = log + slot * builder_size(builder, QEMU_STRUCT_VirtQueueElement);

	builder_set(builder, element, QEMU_VirtQueueElement_index, head);
	builder_set(builder, element, QEMU_VirtQueueElement_ndescs, slots);
	builder_set(builder, element, QEMU_VirtQueueElement_in_order_filled, filled);
}

static uint64_t start_ordered(struct fixture *fixture, uint64_t features)
{
	struct qemu_builder *builder = &fixture->builder;

	/* of a type that has no list of its own */
	start(fixture, &(struct builder_spec){ .id = "crypto0", .type = "virtio-crypto-device",
					       .device_id = 20,
					       .features = VIRTIO_F_VERSION_1 | features,
					       .queue_num = 2, .ring_num = RING });
	uint64_t log = builder_alloc(
		builder, RING * builder_size(builder, QEMU_STRUCT_VirtQueueElement));
	builder_set(builder, fixture->built->queues[0].virtqueue, QEMU_VirtQueue_used_elems, log);
	return log;
}

static void test_order_split(void **state)
{
	struct fixture *fixture = *state;
	uint64_t log = start_ordered(fixture, IN_ORDER);

	/* positions 100 to 102; 100 is slot 4 */
	set_inuse(fixture, 0, 3);
	set_logged(fixture, log, 4, 9, 1, false);
	set_logged(fixture, log, 5, 2, 1, true);
	set_logged(fixture, log, 6, 11, 1, false);
	sample(fixture);
	assert_fact(fixture->queues[0].in_order_blocker, 9);
	assert_int_equal(fixture->queues[0].request_num, 3);
	assert_held(&fixture->queues[0], 0, 9, "in-order log");
	assert_held(&fixture->queues[0], 1, 2, "in-order log, finished");
	assert_held(&fixture->queues[0], 2, 11, "in-order log");
	assert_true(fixture->queues[0].requests_complete);

	/* nobody waits for one that is not done if nothing after it is */
	set_logged(fixture, log, 5, 2, 1, false);
	sample(fixture);
	assert_absent(fixture->queues[0].in_order_blocker);
	/* the first of them is about to be used: the third waits for the second */
	set_logged(fixture, log, 4, 9, 1, true);
	set_logged(fixture, log, 6, 11, 1, true);
	sample(fixture);
	assert_fact(fixture->queues[0].in_order_blocker, 2);
}

static void test_order_packed(void **state)
{
	struct fixture *fixture = *state;
	struct qemu_builder *builder = &fixture->builder;
	uint64_t log = start_ordered(fixture, IN_ORDER | VIRTIO_F_RING_PACKED);
	uint64_t virtqueue = fixture->built->queues[0].virtqueue;

	/* slots 14 to 2 of 16, over the end of the ring */
	builder_set(builder, virtqueue, QEMU_VirtQueue_used_idx, 14);
	builder_set(builder, virtqueue, QEMU_VirtQueue_used_wrap_counter, 1);
	builder_set(builder, virtqueue, QEMU_VirtQueue_last_avail_idx, 3);
	builder_set(builder, virtqueue, QEMU_VirtQueue_last_avail_wrap_counter, 0);
	builder_set(builder, virtqueue, QEMU_VirtQueue_inuse, 5);
	set_logged(fixture, log, 14, 3, 3, false);
	set_logged(fixture, log, 1, 8, 2, true);
	sample(fixture);
	assert_fact(fixture->queues[0].in_order_blocker, 3);
	assert_int_equal(fixture->queues[0].request_num, 2);
	assert_held(&fixture->queues[0], 0, 3, "in-order log");
	assert_held(&fixture->queues[0], 1, 8, "in-order log, finished");
	assert_true(fixture->queues[0].requests_complete);
}

static void test_order_damaged(void **state)
{
	struct fixture *fixture = *state;
	struct qemu_builder *builder = &fixture->builder;
	static const struct {
		unsigned int head, slots;
	} cases[] = { { RING, 1 }, { 1, 0 }, { 1, 4 }, { 1, 70000 } };
	uint64_t log = start_ordered(fixture, IN_ORDER);

	set_inuse(fixture, 0, 3);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		set_logged(fixture, log, 4, cases[i].head, cases[i].slots, false);
		set_logged(fixture, log, 5, 2, 1, true);
		set_logged(fixture, log, 6, 3, 1, true);
		sample(fixture);
		assert_unreadable(fixture->queues[0].in_order_blocker);
		assert_non_null(strstr(fixture->queues[0].requests_problem, "used_elems, slot 4"));
	}
	builder_set(builder, fixture->built->queues[0].virtqueue, QEMU_VirtQueue_used_elems, 0);
	sample(fixture);
	assert_unreadable(fixture->queues[0].in_order_blocker);
	/* a QEMU that has no such log, and a driver that does not ask for the order */
	builder->items[QEMU_VirtQueueElement_in_order_filled].present = false;
	sample(fixture);
	assert_absent(fixture->queues[0].in_order_blocker);
	builder->items[QEMU_VirtQueueElement_in_order_filled].present = true;
	builder_set(builder, fixture->built->vdev, QEMU_VirtIODevice_guest_features,
		    VIRTIO_F_VERSION_1);
	sample(fixture);
	assert_absent(fixture->queues[0].in_order_blocker);
}

#define TEST(function)                                                              \
	{ #function, function, setup, teardown, NULL },                             \
	{                                                                           \
		#function ", big endian, 32 bits", function, setup_big, teardown, NULL \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_net_idle),
		TEST(test_net_blocked),
		TEST(test_net_pairs),
		TEST(test_net_absent),
		TEST(test_net_without_peer),
		TEST(test_net_damaged),
		TEST(test_net_bad_element),
		TEST(test_user_connected),
		TEST(test_user_disconnected),
		TEST(test_user_back_pointer),
		TEST(test_inflight),
		TEST(test_inflight_nothing_taken),
		TEST(test_inflight_moving),
		TEST(test_inflight_damaged),
		TEST(test_inflight_of_a_short_ring),
		TEST(test_queue_of_two_vhosts),
		TEST(test_user_net),
		TEST(test_shadow_virtqueues),
		TEST(test_ports),
		TEST(test_ports_damaged),
		TEST(test_9p),
		TEST(test_gpu),
		TEST(test_gpu_of_others),
		TEST(test_balloon),
		TEST(test_order_split),
		TEST(test_order_packed),
		TEST(test_order_damaged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
