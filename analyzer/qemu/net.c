/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "qemu/net.h"

#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "qemu/requests.h"
#include "qemu/vhost.h"

/** A virtio-net, with the parts of it that belong to its queue pairs. */
struct net {
	const struct qemu *qemu;
	uint64_t clients; /**< NICState.ncs, host-virtual. */
	size_t pair_num;
	uint8_t *client_bytes; /**< pair_num NetClientStates. */
	uint8_t *queue_bytes; /**< pair_num VirtIONetQueues. */
};

static void net_deinit(struct net *net)
{
	free(net->client_bytes);
	free(net->queue_bytes);
}
#define _cleanup_net_ __attribute__((cleanup(net_deinit)))

static bool is_net(const struct device *device)
{
	return device->type && strcmp(device->type, "virtio-net-device") == 0;
}

/** Pairs that exist: those configured, of which the driver may use fewer. */
static size_t pair_num(const struct device *device, struct fact configured)
{
	size_t num = device->queue_num / 2;

	return fact_known(configured) && configured.value < num ? configured.value : num;
}

static struct virtq_error *read_array(const struct qemu *qemu, uint64_t address, size_t num,
				      enum qemu_query type, const char *what, uint8_t **bytes_ret)
{
	size_t size = qemu_item(qemu, type)->size, length;

	if (!qemu_has(qemu, type))
		return error_new(VIRTQ_ERROR_NOT_FOUND, "%s: struct %s is not in this binary's debug info",
				 what, qemu_schema.queries[type].name);
	if (size > IMAGE_SIZE_MAX || !checked_mul(size, num, &length))
		return error_new(VIRTQ_ERROR_LIMIT, "%s: %zu elements of %zu bytes", what, num, size);
	_cleanup_free_ uint8_t *bytes = malloc(length ? length : 1);
	if (!bytes)
		return &virtq_error_no_memory;
	/* one by one, since a NetClientState holds MAC addresses and host names as well */
	for (size_t i = 0; i < num; i++)
		TRY(struct_read(qemu, type, address + i * size, what, bytes + i * size));
	*bytes_ret = take_pointer(bytes);
	return NULL;
}

/** VirtIONet.vqs: one VirtIONetQueue a pair, which say what net they are of. */
static struct virtq_error *read_queues(const struct qemu *qemu, const struct device *device,
				       uint64_t address, struct net *net)
{
	size_t stride = qemu_item(qemu, QEMU_STRUCT_VirtIONetQueue)->size;

	TRY(read_array(qemu, address, net->pair_num, QEMU_STRUCT_VirtIONetQueue, "VirtIONet.vqs",
		       &net->queue_bytes));
	for (size_t i = 0; i < net->pair_num; i++) {
		uint64_t owner =
			member_get(qemu, net->queue_bytes + i * stride, QEMU_VirtIONetQueue_n);

		if (owner != device->address)
			return error_new(VIRTQ_ERROR_BAD_DATA,
					 "VirtIONetQueue %zu: n is 0x%llx, expected 0x%llx", i,
					 (unsigned long long)owner,
					 (unsigned long long)device->address);
	}
	return NULL;
}

static struct virtq_error *read_clients(const struct qemu *qemu, const struct device *device,
					uint64_t address, struct net *net)
{
	struct image nic;

	TRY(image_read(qemu, QEMU_STRUCT_NICState, address, "VirtIONet.nic", &nic));
	TRY(image_check_pointer(&nic, QEMU_NICState_opaque, device->address));
	net->clients = image_get(&nic, QEMU_NICState_ncs);
	return read_array(qemu, net->clients, net->pair_num, QEMU_STRUCT_NetClientState,
			  "NICState.ncs", &net->client_bytes);
}

/** Find out what the device consists of, and read its queue pairs. */
static struct virtq_error *net_open(const struct qemu *qemu, const struct device *device,
				    struct net *net, uint64_t *nic_ret)
{
	struct fact queues, nic, pairs, pairs_before;
	const struct member_read reads[] = {
		{ device->address, QEMU_VirtIONet_vqs, &queues },
		{ device->address, QEMU_VirtIONet_nic, &nic },
		{ device->address, QEMU_VirtIONet_max_queue_pairs, &pairs },
		{ device->address, QEMU_VirtIONet_max_queues, &pairs_before },
	};

	net->qemu = qemu;
	members_read(qemu, reads, ARRAY_SIZE(reads));
	net->pair_num = pair_num(device, fact_known(pairs) ? pairs : pairs_before);
	if (!fact_known(queues) || !fact_known(nic))
		return error_new(VIRTQ_ERROR_NOT_FOUND,
				 "vqs and nic of the VirtIONet could not be read");
	*nic_ret = nic.value;
	return read_queues(qemu, device, queues.value, net);
}

/** Packets that wait for @client; its queue knows it by a back-pointer. */
static struct fact read_packets(const struct qemu *qemu, uint64_t client, const uint8_t *bytes)
{
	uint64_t queue = member_get(qemu, bytes, QEMU_NetClientState_incoming_queue);
	struct fact owner, count;
	const struct member_read reads[] = {
		{ queue, QEMU_NetQueue_opaque, &owner },
		{ queue, QEMU_NetQueue_nq_count, &count },
	};

	members_read(qemu, reads, ARRAY_SIZE(reads));
	return owner.state == FACT_ABSENT || fact_is(owner, client) ? count : fact_unreadable();
}

static char *read_type(const struct qemu *qemu, const uint8_t *client)
{
	struct fact type;
	const struct member_read read = { member_get(qemu, client, QEMU_NetClientState_info),
					  QEMU_NetClientInfo_type, &type };

	members_read(qemu, &read, 1);
	return fact_known(type) ? sampler_qapi_name(qemu_item(qemu, QEMU_ENUM_NetClientDriver),
						    type.value, "NET_CLIENT_DRIVER_")
				: NULL;
}

/** What only some drivers have. A TAPState is far too long to be copied. */
static void read_driver(const struct qemu *qemu, uint64_t peer, struct backend *backend)
{
	if (!backend->type)
		return;
	if (strcmp(backend->type, "tap") == 0) {
		const struct member_read reads[] = {
			{ peer, QEMU_TAPState_read_poll, &backend->read_poll },
			{ peer, QEMU_TAPState_write_poll, &backend->write_poll },
		};

		members_read(qemu, reads, ARRAY_SIZE(reads));
	} else if (strcmp(backend->type, "vhost-user") == 0) {
		struct fact user;
		const struct member_read read = { peer, QEMU_NetVhostUserState_vhost_user, &user };

		members_read(qemu, &read, 1);
		backend->connected =
			fact_known(user) ? vhost_user_connected(qemu, user.value, NULL) : user;
	}
}

/** The netdev; each of the two points at the other (net/net.c, qemu_net_client_setup()). */
static struct virtq_error *read_peer(const struct qemu *qemu, uint64_t peer, struct backend *backend)
{
	struct image image;

	TRY(image_read(qemu, QEMU_STRUCT_NetClientState, peer, "NetClientState.peer", &image));
	TRY(image_check_pointer(&image, QEMU_NetClientState_peer, backend->address));
	if (fact_is(backend->link_down, 0))
		backend->link_down = fact_of(!!image_get(&image, QEMU_NetClientState_link_down));
	backend->peer_receive_disabled =
		member_get_fact(qemu, image.bytes, QEMU_NetClientState_receive_disabled);
	backend->peer_packets = read_packets(qemu, peer, image.bytes);
	backend->type = read_type(qemu, image.bytes);
	read_driver(qemu, peer, backend);
	return image_get_string(&image, QEMU_NetClientState_name, "NetClientState.name",
				&backend->name);
}

static void read_pair_queue(const struct net *net, size_t pair, struct backend *backend)
{
	const uint8_t *queue =
		net->queue_bytes + pair * qemu_item(net->qemu, QEMU_STRUCT_VirtIONetQueue)->size;

	backend->async_tx = member_get_fact(net->qemu, queue, QEMU_VirtIONetQueue_async_tx);
	backend->tx_waiting = member_get_fact(net->qemu, queue, QEMU_VirtIONetQueue_tx_waiting);
	/* a pointer and a number that says as much as a bool */
	backend->async_tx.value = !!backend->async_tx.value;
	backend->tx_waiting.value = !!backend->tx_waiting.value;
}

static struct virtq_error *read_pair_client(const struct net *net, size_t pair,
					    struct backend *backend)
{
	const struct qemu *qemu = net->qemu;
	size_t stride = qemu_item(qemu, QEMU_STRUCT_NetClientState)->size;
	const uint8_t *client = net->client_bytes + pair * stride;
	uint64_t peer = member_get(qemu, client, QEMU_NetClientState_peer);

	backend->address = net->clients + pair * stride;
	backend->link_down = member_get_fact(qemu, client, QEMU_NetClientState_link_down);
	backend->link_down.value = !!backend->link_down.value;
	backend->receive_disabled =
		member_get_fact(qemu, client, QEMU_NetClientState_receive_disabled);
	backend->incoming_packets = read_packets(qemu, backend->address, client);
	return peer ? read_peer(qemu, peer, backend) : NULL;
}

/** Until they are read, for the case that they cannot be. */
static void facts_unreadable(const struct qemu *qemu, struct backend *backend)
{
	const struct {
		enum qemu_query member;
		struct fact *fact;
	} facts[] = {
		{ QEMU_NetClientState_link_down, &backend->link_down },
		{ QEMU_NetClientState_receive_disabled, &backend->receive_disabled },
		{ QEMU_NetQueue_nq_count, &backend->incoming_packets },
		{ QEMU_VirtIONetQueue_async_tx, &backend->async_tx },
		{ QEMU_VirtIONetQueue_tx_waiting, &backend->tx_waiting },
	};

	for (size_t i = 0; i < ARRAY_SIZE(facts); i++) {
		if (qemu_has(qemu, facts[i].member))
			*facts[i].fact = fact_unreadable();
	}
}

struct virtq_error *net_read(struct sampler *sampler, struct device *device)
{
	const struct qemu *qemu = sampler->qemu;
	_cleanup_net_ struct net net = { 0 };
	uint64_t nic = 0;

	if (!is_net(device) || !qemu_has(qemu, QEMU_VirtIONet_vqs) ||
	    !qemu_has(qemu, QEMU_VirtIONet_nic))
		return NULL;
	struct virtq_error *open_error = net_open(qemu, device, &net, &nic);
	struct virtq_error *client_error =
		open_error ? NULL : read_clients(qemu, device, nic, &net);
	_cleanup_error_ struct virtq_error *error = open_error ? open_error : client_error;

	for (size_t i = 0; !error_is_fatal(error) && i < net.pair_num; i++) {
		struct backend *backend;

		TRY(sampler_add_backend(device, BACKEND_NET, &backend));
		if (!backend)
			break;
		backend->first_queue = (uint16_t)(2 * i);
		backend->queue_num = 2;
		facts_unreadable(qemu, backend);
		if (!open_error)
			read_pair_queue(&net, i, backend);
		if (error) {
			backend->problem = strdup(virtq_error_message(error));
			continue;
		}
		TRY(sampler_note_problem(&backend->problem, read_pair_client(&net, i, backend)));
	}
	return error_is_fatal(error) ? take_pointer(error) : NULL;
}

/** The packets that the netdevs are busy with: at most one a queue pair. */
struct virtq_error *requests_of_net(struct sampler *sampler, struct device *device)
{
	const struct qemu *qemu = sampler->qemu;
	_cleanup_net_ struct net net = { 0 };
	uint64_t nic;

	if (!qemu_has(qemu, QEMU_VirtIONetQueue_async_tx))
		return NULL;
	struct virtq_error *error = net_open(qemu, device, &net, &nic);
	if (error) {
		if (error_is_fatal(error))
			return error;
		/* the backends say why */
		virtq_error_destroy(error);
		return NULL;
	}
	for (size_t i = 0; i < net.pair_num; i++) {
		const uint8_t *bytes =
			net.queue_bytes + i * qemu_item(qemu, QEMU_STRUCT_VirtIONetQueue)->size;
		uint64_t element = member_get(qemu, bytes, QEMU_VirtIONetQueue_async_tx);
		struct queue *queue = &device->queues[2 * i + 1];
		struct request request = { 0 };

		if (!element)
			continue;
		error = request_from_element(sampler, queue, element, &request);
		if (!error) {
			request.found_in = "async_tx";
			error = requests_add(sampler, queue, &request);
		}
		TRY(sampler_note_problem(&queue->requests_problem, error));
	}
	return NULL;
}
