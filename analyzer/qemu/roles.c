/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The role table: VIRTIO 1.2 section 5 ("Virtqueues" of each device type), and
 * which of the queues QEMU's devices and Linux's drivers keep filled.
 */
#include <stdio.h>
#include <string.h>

#include "base/checked.h"
#include "qemu/roles.h"

/** Device ids (VIRTIO 1.2, section 5) that need more than the table. */
enum { ID_NET = 1, ID_CONSOLE = 3, ID_BALLOON = 5, ID_CRYPTO = 20 };

struct role {
	const char *name;
	enum queue_kind kind;
};

/** Roles of the first queues; the last named one is that of all that follow if `repeat`. */
struct device_roles {
	uint16_t device_id;
	bool repeat; /**< The last role is numbered and goes on: request0, request1, ... */
	struct role roles[4];
};

static const struct device_roles table[] = {
	{ 2, true, { { "request", QUEUE_REQUEST } } }, /* block */
	/* one buffer waits for entropy as long as the backend is slow or out of quota */
	{ 4, false, { { "request", QUEUE_PREPOSTED } } },
	{ 8, true, { { "ctrl", QUEUE_REQUEST }, { "event", QUEUE_PREPOSTED }, { "request", QUEUE_REQUEST } } },
	{ 9, false, { { "request", QUEUE_REQUEST } } }, /* 9P transport */
	{ 16, false, { { "ctrl", QUEUE_REQUEST }, { "cursor", QUEUE_REQUEST } } }, /* GPU */
	{ 18, false, { { "event", QUEUE_PREPOSTED }, { "status", QUEUE_REQUEST } } }, /* input */
	{ 19, false, { { "rx", QUEUE_PREPOSTED }, { "tx", QUEUE_REQUEST }, { "event", QUEUE_PREPOSTED } } },
	{ 23, false, { { "request", QUEUE_REQUEST }, { "event", QUEUE_PREPOSTED } } }, /* IOMMU */
	{ 24, false, { { "request", QUEUE_REQUEST } } }, /* memory */
	/* both streams hold their buffers for a whole period while they run */
	{ 25, false, { { "ctrl", QUEUE_REQUEST }, { "event", QUEUE_PREPOSTED }, { "tx", QUEUE_HELD }, { "rx", QUEUE_PREPOSTED } } },
	{ 26, true, { { "hiprio", QUEUE_REQUEST }, { "request", QUEUE_REQUEST } } }, /* file system */
	{ 27, false, { { "request", QUEUE_REQUEST } } }, /* pmem */
	{ 32, false, { { "cmd", QUEUE_REQUEST }, { "event", QUEUE_PREPOSTED } } }, /* SCMI */
	{ 33, false, { { "request", QUEUE_REQUEST } } }, /* NSM */
	{ 34, false, { { "request", QUEUE_REQUEST } } }, /* I2C */
	{ 41, false, { { "request", QUEUE_REQUEST }, { "event", QUEUE_PREPOSTED } } }, /* GPIO */
};

static void assign(struct queue *queue, enum queue_kind kind, const char *name)
{
	snprintf(queue->role, sizeof(queue->role), "%s", name);
	queue->kind = kind;
}

static void assign_numbered(struct queue *queue, enum queue_kind kind, const char *name,
			    unsigned int number)
{
	snprintf(queue->role, sizeof(queue->role), "%s%u", name, number);
	queue->kind = kind;
}

static void assign_from_table(struct device *device)
{
	const struct device_roles *roles = NULL;
	size_t named = 0;

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		if (fact_is(device->device_id, table[i].device_id))
			roles = &table[i];
	}
	if (!roles)
		return;
	while (named < ARRAY_SIZE(roles->roles) && roles->roles[named].name)
		named++;
	bool numbered = roles->repeat && device->queue_num > named;
	for (size_t i = 0; i < device->queue_num; i++) {
		size_t last = named - 1;

		if (roles->repeat && i >= last && numbered)
			assign_numbered(&device->queues[i], roles->roles[last].kind,
					roles->roles[last].name, (unsigned int)(i - last));
		else if (i < named)
			assign(&device->queues[i], roles->roles[i].kind, roles->roles[i].name);
	}
}

/** The queue that the pointer member of the device's struct points at, or -1. */
static long queue_of_pointer(const struct sampler *sampler, const struct device *device,
			     enum qemu_query member)
{
	const struct qemu *qemu = sampler->qemu;
	uint64_t pointer;

	if (!qemu_has(qemu, member))
		return -1;
	struct virtq_error *error =
		target_read_pointer(qemu->target, qemu_member_address(qemu, device->address, member),
				    &pointer, "pointer to a VirtQueue");
	if (error) {
		virtq_error_destroy(error);
		return -1;
	}
	for (size_t i = 0; i < device->queue_num; i++) {
		if (device->queues[i].address == pointer)
			return (long)i;
	}
	return -1;
}

/**
 * rx and tx in pairs, then ctrl. ctrl_vq says which one, as it depends on
 * what was negotiated (hw/net/virtio-net.c, virtio_net_change_num_queue_pairs());
 * without it the last queue of an odd number is ctrl.
 */
static void assign_net(const struct sampler *sampler, struct device *device)
{
	long ctrl = queue_of_pointer(sampler, device, QEMU_VirtIONet_ctrl_vq);

	if (ctrl < 0 && device->queue_num % 2)
		ctrl = (long)device->queue_num - 1;
	for (size_t i = 0; i < device->queue_num; i++) {
		struct queue *queue = &device->queues[i];

		/* Linux spins for the completion and never enables callbacks */
		if ((long)i == ctrl)
			assign(queue, QUEUE_POLLED, "ctrl");
		else if (i % 2 == 0)
			assign_numbered(queue, QUEUE_PREPOSTED, "rx", (unsigned int)i / 2);
		else
			assign_numbered(queue, QUEUE_LAZY, "tx", (unsigned int)i / 2);
	}
}

/** Port 0, then the control queues, then the other ports (VIRTIO 1.2, section 5.3.2). */
static void assign_console(struct device *device)
{
	for (size_t i = 0; i < device->queue_num; i++) {
		struct queue *queue = &device->queues[i];
		bool rx = i % 2 == 0;
		unsigned int port = i < 2 ? 0 : (unsigned int)i / 2 - 1;
		/* Linux takes sent buffers back when it sends the next ones, and
		 * spins for control messages (drivers/char/virtio_console.c) */
		enum queue_kind kind = rx ? QUEUE_PREPOSTED : i == 3 ? QUEUE_POLLED : QUEUE_LAZY;

		if (i == 2 || i == 3)
			assign(queue, kind, rx ? "ctrl-rx" : "ctrl-tx");
		else
			assign_numbered(queue, kind, rx ? "rx" : "tx", port);
	}
}

/** Which queues exist depends on features: QEMU's own pointers say (virtio-balloon.c). */
static void assign_balloon(const struct sampler *sampler, struct device *device)
{
	static const struct {
		enum qemu_query member;
		struct role role;
		int index; /**< Where it is without the pointer, -1 if that cannot be said. */
	} queues[] = {
		{ QEMU_VirtIOBalloon_ivq, { "inflate", QUEUE_REQUEST }, 0 },
		{ QEMU_VirtIOBalloon_dvq, { "deflate", QUEUE_REQUEST }, 1 },
		/* one element is kept until statistics are asked for again */
		{ QEMU_VirtIOBalloon_svq, { "stats", QUEUE_HELD }, 2 },
		{ QEMU_VirtIOBalloon_free_page_vq, { "free-page", QUEUE_POLLED }, -1 },
		{ QEMU_VirtIOBalloon_reporting_vq, { "reporting", QUEUE_REQUEST }, -1 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(queues); i++) {
		long index = queue_of_pointer(sampler, device, queues[i].member);

		if (index < 0 && !qemu_has(sampler->qemu, queues[i].member))
			index = queues[i].index;
		if (index >= 0 && (size_t)index < device->queue_num)
			assign(&device->queues[index], queues[i].role.kind, queues[i].role.name);
	}
}

/** Data queues, and one control queue at the end. */
static void assign_crypto(struct device *device)
{
	for (size_t i = 0; i < device->queue_num; i++) {
		if (i + 1 == device->queue_num)
			assign(&device->queues[i], QUEUE_REQUEST, "ctrl");
		else
			assign_numbered(&device->queues[i], QUEUE_REQUEST, "data", (unsigned int)i);
	}
}

void roles_assign(const struct sampler *sampler, struct device *device)
{
	for (size_t i = 0; i < device->queue_num; i++)
		device->queues[i].kind = QUEUE_UNKNOWN;
	if (!fact_known(device->device_id))
		return;
	switch (device->device_id.value) {
	case ID_NET:
		assign_net(sampler, device);
		break;
	case ID_CONSOLE:
		assign_console(device);
		break;
	case ID_BALLOON:
		assign_balloon(sampler, device);
		break;
	case ID_CRYPTO:
		assign_crypto(device);
		break;
	default:
		assign_from_table(device);
	}
}
