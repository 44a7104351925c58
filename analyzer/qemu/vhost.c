/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "qemu/vhost.h"

#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "qemu/notifier.h"
#include "qemu/requests.h"

static struct fact read_member(const struct qemu *qemu, uint64_t base, enum qemu_query member)
{
	struct fact fact;
	const struct member_read read = { base, member, &fact };

	members_read(qemu, &read, 1);
	return fact;
}

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

/** Most queues that all vhost devices together serve; a device has at most VIRTIO_QUEUE_MAX. */
enum { SERVED_MAX = 65536, VIRTIO_QUEUE_MAX = 1024 };

static struct virtq_error *read_ranges(struct sampler *sampler)
{
	static const char what[] = "vhost_devices";
	const struct qemu *qemu = sampler->qemu;
	struct list_walk walk = { 0 };
	size_t capacity = 0, served = 0;
	uint64_t entry;

	TRY(target_read_pointer(qemu->target, qemu_symbol(qemu, QEMU_SYMBOL_vhost_devices), &entry,
				what));
	while (entry) {
		struct image image;

		TRY(list_walk_step(qemu, &walk, entry, what));
		TRY(image_read(qemu, QEMU_STRUCT_vhost_dev, entry, what, &image));
		/* vdev is NULL, and the queues are QEMU's own, while it is stopped */
		if (image_get(&image, QEMU_vhost_dev_started) &&
		    image_get(&image, QEMU_vhost_dev_vdev)) {
			uint64_t num = image_get(&image, QEMU_vhost_dev_nvqs);

			/* each is looked at, also if many ranges are of the same queue */
			served += num < VIRTIO_QUEUE_MAX ? (size_t)num : VIRTIO_QUEUE_MAX;
			if (served > SERVED_MAX)
				return error_new(VIRTQ_ERROR_LIMIT, "%s: more than %d queues", what,
						 SERVED_MAX);
			if (!array_grow(&sampler->vhosts, sampler->vhost_num, &capacity,
					sizeof(*sampler->vhosts)))
				return &virtq_error_no_memory;
			sampler->vhosts[sampler->vhost_num++] = (struct vhost_range){
				.vdev = image_get(&image, QEMU_vhost_dev_vdev),
				.first = image_get(&image, QEMU_vhost_dev_vq_index),
				.num = num,
				.backend = read_backend(&image),
				.address = entry,
				.queues = image_get(&image, QEMU_vhost_dev_vqs),
				.opaque = image_get(&image, QEMU_vhost_dev_opaque),
			};
		}
		entry = image_get_link(&image, QEMU_vhost_dev_entry);
	}
	return NULL;
}

void vhost_read_ranges(struct sampler *sampler)
{
	struct virtq_error *error;

	if (!qemu_has(sampler->qemu, QEMU_SYMBOL_vhost_devices) ||
	    !qemu_has(sampler->qemu, QEMU_STRUCT_vhost_dev) ||
	    !qemu_has(sampler->qemu, QEMU_vhost_dev_entry))
		return;
	error = read_ranges(sampler);
	sampler->vhosts_missing = error;
	sampler_note(sampler, error);
}

/** The @index-th queue of @device that @range serves. */
static struct queue *queue_of_range(const struct device *device, const struct vhost_range *range,
				    size_t index)
{
	return index < range->served ? &device->queues[range->first + index] : NULL;
}

/** Give @range its queues, each of which has one vhost device: it is looked at once. */
static void claim_queues(struct vhost_range *range, struct device *device)
{
	uint64_t first = range->first;

	while (range->served < range->num && first < device->queue_num &&
	       range->served < device->queue_num - first) {
		struct queue *queue = &device->queues[first + range->served];

		if (queue->vhost) {
			sampler_set_problem(
				&device->problem,
				error_new(VIRTQ_ERROR_BAD_DATA,
					  "vhost_dev at 0x%llx: queue %u is another vhost device's",
					  (unsigned long long)range->address, queue->index));
			return;
		}
		queue->vhost = true;
		range->served++;
	}
}

/**
 * Could a vhost device that was not found serve @device? Each takes the
 * ioeventfds from the transport before it starts (vhost_dev_enable_notifiers()),
 * and nobody else does.
 */
static bool may_be_served(const struct qemu *qemu, const struct device *device)
{
	struct fact bus = read_member(qemu, device->address, QEMU_DeviceState_parent_bus);
	struct fact grabbed = bus;

	if (fact_known(bus))
		grabbed = read_member(qemu, bus.value, QEMU_VirtioBusState_ioeventfd_grabbed);
	if (fact_known(grabbed))
		return grabbed.value;
	return !fact_is(device->vhost_started, 0);
}

void vhost_mark(struct sampler *sampler, struct device *device)
{
	bool ranged = false;

	for (size_t i = 0; i < sampler->vhost_num; i++) {
		struct vhost_range *range = &sampler->vhosts[i];

		if (range->vdev != device->address)
			continue;
		ranged = true;
		device->vhost = true;
		device->vhost_backend = range->backend;
		claim_queues(range, device);
	}
	/* vhost is on, but nothing says for which queues: do not judge any by
	 * fields that may be stale. */
	if (sampler->vhosts_missing) {
		bool unknown = may_be_served(sampler->qemu, device);

		for (size_t j = 0; j < device->queue_num; j++)
			device->queues[j].vhost_unknown = unknown && !device->queues[j].vhost;
	} else if (!ranged && fact_true(device->vhost_started)) {
		device->vhost = true;
		for (size_t j = 0; j < device->queue_num; j++)
			device->queues[j].vhost = true;
	}
}

/* ---- The other side of a vhost-user device ----------------------------------------- */

/** Type names of VhostBackendType, include/hw/virtio/vhost-backend.h: the same in all versions. */
enum { TYPE_KERNEL = 1, TYPE_USER, TYPE_VDPA };
static const char *const backend_types[] = {
	[TYPE_KERNEL] = "kernel", [TYPE_USER] = "user", [TYPE_VDPA] = "vdpa"
};

/** Devices that live on without their other side, and then have no started vhost_dev. */
static const struct {
	const char *type; /**< QOM, may be an ancestor. */
	enum qemu_query user; /**< Its VhostUserState. */
	enum qemu_query connected; /**< QEMU_QUERY_NUM: it has none. */
} user_types[] = {
	{ "vhost-user-blk", QEMU_VHostUserBlk_vhost_user, QEMU_VHostUserBlk_connected },
	{ "vhost-user-scsi", QEMU_VHostUserSCSI_vhost_user, QEMU_VHostUserSCSI_connected },
	{ "vhost-user-base", QEMU_VHostUserBase_vhost_user, QEMU_VHostUserBase_connected },
	{ "vhost-user-fs-device", QEMU_VHostUserFS_vhost_user, QEMU_QUERY_NUM },
};

struct fact vhost_user_connected(const struct qemu *qemu, uint64_t user, char **label_ret)
{
	enum qemu_query chr = qemu_has(qemu, QEMU_CharFrontend_chr) ? QEMU_CharFrontend_chr
								    : QEMU_CharBackend_chr;
	struct fact frontend = read_member(qemu, user, QEMU_VhostUserState_chr);
	struct fact chardev, open, label;

	if (label_ret)
		*label_ret = NULL;
	if (!fact_known(frontend))
		return frontend;
	chardev = read_member(qemu, frontend.value, chr);
	if (!fact_known(chardev))
		return chardev;
	const struct member_read reads[] = {
		{ chardev.value, QEMU_Chardev_be_open, &open },
		{ chardev.value, QEMU_Chardev_label, &label },
	};
	members_read(qemu, reads, ARRAY_SIZE(reads));
	if (label_ret && fact_true(label))
		/* without it the backend has no name, and nothing else is missing */
		virtq_error_destroy(target_read_string(qemu->target, label.value, NAME_SIZE_MAX,
						       label_ret, "Chardev.label"));
	open.value = !!open.value;
	return open;
}

/** Both what the chardev and what the device model says; one "no" is enough. */
static struct fact both(struct fact a, struct fact b)
{
	if (!fact_known(a) || fact_is(b, 0))
		return fact_known(b) ? b : a;
	return a;
}

/** The entry of user_types that @device is one of, or -1. */
static long user_type(struct sampler *sampler, const struct device *device)
{
	const struct qom_class *class;

	/* all of them begin so, and few devices do */
	if (!device->type || strncmp(device->type, "vhost-user-", 11) != 0)
		return -1;
	class = device_class(sampler, device);
	for (size_t i = 0; class && i < ARRAY_SIZE(user_types); i++) {
		if (qom_class_is(class, user_types[i].type))
			return (long)i;
	}
	return -1;
}

/** Of a device of user_types: its chardev, whether or not vhost is started. */
static void read_user_device(const struct qemu *qemu, uint64_t vdev, long type,
			     struct backend *backend)
{
	enum qemu_query connected = user_types[type].connected;

	if (!backend->name && qemu_has(qemu, user_types[type].user))
		backend->connected = vhost_user_connected(
			qemu, qemu_member_address(qemu, vdev, user_types[type].user),
			&backend->name);
	if (connected != QEMU_QUERY_NUM)
		backend->connected = both(backend->connected,
					  read_member(qemu, vdev, connected));
}

/** struct vhost_user (hw/virtio/vhost-user.c) is private, and knows its vhost_dev. */
static void read_user_range(const struct qemu *qemu, const struct vhost_range *range,
			    struct backend *backend)
{
	struct fact dev, user;
	const struct member_read reads[] = {
		{ range->opaque, QEMU_vhost_user_dev, &dev },
		{ range->opaque, QEMU_vhost_user_user, &user },
	};

	members_read(qemu, reads, ARRAY_SIZE(reads));
	if (!fact_known(user))
		backend->connected = user;
	else if (!fact_is(dev, range->address))
		backend->connected = fact_unreadable();
	else
		backend->connected = vhost_user_connected(qemu, user.value, &backend->name);
}

/* ---- Notifiers ------------------------------------------------------------------------ */

/**
 * vhost_virtqueue_start() hands the VirtQueue's own notifiers to the vhost
 * device (the kick and call of struct vhost_virtqueue are used by no version);
 * while a vector is masked, the calls go to masked_notifier.
 */
static struct virtq_error *read_notifiers(const struct qemu *qemu, const struct vhost_range *range,
					  struct device *device)
{
	size_t stride = qemu_item(qemu, QEMU_STRUCT_vhost_virtqueue)->size;
	struct queue *queue;

	for (size_t i = 0; (queue = queue_of_range(device, range, i)); i++) {
		/* a shadow virtqueue has others */
		if (queue->svq_avail_idx.state == FACT_ABSENT) {
			queue->vhost_kick_fd = queue->host_notifier_fd;
			queue->vhost_kick_count = queue->host_notifier_count;
			queue->vhost_call_fd = queue->guest_notifier_fd;
			queue->vhost_call_count = queue->guest_notifier_count;
		}
		if (qemu_has(qemu, QEMU_vhost_dev_vqs) &&
		    qemu_has(qemu, QEMU_vhost_virtqueue_masked_notifier))
			TRY(notifier_read_count(
				qemu,
				notifier_descriptor(read_member(qemu, range->queues + i * stride,
							  QEMU_vhost_virtqueue_masked_notifier)),
				&queue->vhost_masked_count));
	}
	return NULL;
}

struct virtq_error *vhost_read_notifiers(struct sampler *sampler)
{
	struct sample *sample = sampler->sample;

	for (size_t i = 0; i < sampler->vhost_num; i++) {
		for (size_t j = 0; j < sample->device_num; j++) {
			if (sample->devices[j].address == sampler->vhosts[i].vdev)
				TRY(read_notifiers(sampler->qemu, &sampler->vhosts[i],
						   &sample->devices[j]));
		}
	}
	return NULL;
}

/* ---- Shadow virtqueues of vhost-vdpa -------------------------------------------------- */

/** Most shadow virtqueues of one vhost_dev that are looked for. */
enum { SHADOWS_MAX = 1024 };

/** Where the shadow virtqueues of a range are. */
struct shadows {
	struct fact enabled;
	size_t num;
	uint64_t addresses[SHADOWS_MAX];
};

/**
 * vhost_vdpa.shadow_vqs: a GPtrArray of VhostShadowVirtqueue, one for each queue
 * of the range. Those of queues that it serves are read.
 */
static struct virtq_error *read_shadows(const struct qemu *qemu, const struct vhost_range *range,
					struct shadows *shadows)
{
	struct fact dev, array, length, data;
	uint8_t bytes[SHADOWS_MAX * 8];
	const struct member_read reads[] = {
		{ range->opaque, QEMU_vhost_vdpa_dev, &dev },
		{ range->opaque, QEMU_vhost_vdpa_shadow_vqs_enabled, &shadows->enabled },
		{ range->opaque, QEMU_vhost_vdpa_shadow_vqs, &array },
	};

	shadows->num = 0;
	members_read(qemu, reads, ARRAY_SIZE(reads));
	if (fact_known(dev) && dev.value != range->address)
		return error_new(VIRTQ_ERROR_BAD_DATA, "vhost_vdpa at 0x%llx: dev is 0x%llx, expected 0x%llx",
				 (unsigned long long)range->opaque, (unsigned long long)dev.value,
				 (unsigned long long)range->address);
	if (!fact_true(shadows->enabled) || !fact_true(array))
		return NULL;
	const struct member_read array_reads[] = {
		{ array.value, QEMU_GPtrArray_len, &length },
		{ array.value, QEMU_GPtrArray_pdata, &data },
	};
	members_read(qemu, array_reads, ARRAY_SIZE(array_reads));
	if (!fact_known(length) || !fact_known(data))
		return error_new(VIRTQ_ERROR_NOT_FOUND, "shadow virtqueues could not be read");
	if (length.value > SHADOWS_MAX)
		return error_new(VIRTQ_ERROR_LIMIT, "%llu shadow virtqueues, expected at most %d",
				 (unsigned long long)length.value, SHADOWS_MAX);

	size_t size = qemu->layout->pointer_size;
	size_t num = length.value < range->served ? length.value : range->served;
	TRY(target_read(qemu->target, data.value, bytes, num * size, "vhost_vdpa.shadow_vqs"));
	for (size_t i = 0; i < num; i++)
		shadows->addresses[i] = bytes_get(bytes + i * size, size, qemu->layout->order);
	shadows->num = num;
	return NULL;
}

/** A shadow virtqueue that is of this queue of the guest's. */
static struct virtq_error *read_shadow(const struct qemu *qemu, const struct queue *queue,
				       uint64_t address, struct image *shadow)
{
	TRY(image_read(qemu, QEMU_STRUCT_VhostShadowVirtqueue, address, "VhostShadowVirtqueue",
		       shadow));
	return image_check_pointer(shadow, QEMU_VhostShadowVirtqueue_vq, queue->address);
}

/** QEMU stands between driver and device: the vhost device's kicks and calls are others then. */
static struct virtq_error *read_shadow_facts(const struct image *shadow, struct queue *queue)
{
	const struct qemu *qemu = shadow->qemu;
	struct fact kick =
		member_get_fact(qemu, shadow->bytes, QEMU_VhostShadowVirtqueue_hdev_kick);
	struct fact call =
		member_get_fact(qemu, shadow->bytes, QEMU_VhostShadowVirtqueue_hdev_call);

	queue->svq_avail_idx = member_get_fact(qemu, shadow->bytes,
					       QEMU_VhostShadowVirtqueue_shadow_avail_idx);
	queue->svq_used_idx = member_get_fact(qemu, shadow->bytes,
					      QEMU_VhostShadowVirtqueue_shadow_used_idx);
	queue->svq_last_used_idx = member_get_fact(qemu, shadow->bytes,
						   QEMU_VhostShadowVirtqueue_last_used_idx);
	queue->vhost_kick_fd = notifier_descriptor(kick);
	queue->vhost_call_fd = notifier_descriptor(call);
	TRY(notifier_read_count(qemu, queue->vhost_kick_fd, &queue->vhost_kick_count));
	return notifier_read_count(qemu, queue->vhost_call_fd, &queue->vhost_call_count);
}

static struct virtq_error *read_vdpa(const struct qemu *qemu, const struct vhost_range *range,
				     struct device *device)
{
	struct shadows shadows;
	struct queue *queue;

	if (!qemu_has(qemu, QEMU_vhost_dev_opaque) ||
	    !qemu_has(qemu, QEMU_vhost_vdpa_shadow_vqs_enabled))
		return NULL;
	struct virtq_error *error = read_shadows(qemu, range, &shadows);
	if (error) {
		device->svq = fact_unreadable();
		return error;
	}
	if (!fact_true(device->svq))
		device->svq = shadows.enabled;
	for (size_t i = 0; i < shadows.num && (queue = queue_of_range(device, range, i)); i++) {
		struct image shadow;

		TRY(read_shadow(qemu, queue, shadows.addresses[i], &shadow));
		TRY(read_shadow_facts(&shadow, queue));
	}
	return NULL;
}

/* ---- All of a device -------------------------------------------------------------------- */

static struct virtq_error *add_range(struct sampler *sampler, const struct vhost_range *range,
				     long type, struct device *device)
{
	const struct qemu *qemu = sampler->qemu;
	struct virtq_error *error = NULL;
	struct backend *backend;

	TRY(sampler_add_backend(device, BACKEND_VHOST, &backend));
	if (!backend)
		return NULL;
	backend->address = range->address;
	backend->queue_num = (uint16_t)range->served;
	if (range->served)
		backend->first_queue = (uint16_t)range->first;
	if (fact_known(range->backend) && range->backend.value < ARRAY_SIZE(backend_types) &&
	    backend_types[range->backend.value]) {
		backend->type = strdup(backend_types[range->backend.value]);
		if (!backend->type)
			return &virtq_error_no_memory;
	}
	if (fact_is(range->backend, TYPE_USER) && qemu_has(qemu, QEMU_vhost_dev_opaque))
		read_user_range(qemu, range, backend);
	if (fact_is(range->backend, TYPE_VDPA))
		error = read_vdpa(qemu, range, device);
	if (type >= 0)
		read_user_device(qemu, device->address, type, backend);
	return sampler_note_problem(&backend->problem, error);
}

/**
 * A virtio-net whose vhost-user netdev is not there has no vhost_dev, and its
 * queues are QEMU's own for want of another.
 */
static struct virtq_error *add_netdevs(struct sampler *sampler, struct device *device)
{
	size_t num = device->backend_num;

	for (size_t i = 0; i < num; i++) {
		const struct backend *net = &device->backends[i];
		struct fact connected = net->connected;
		uint16_t first = net->first_queue;
		bool served = false;
		struct backend *backend;

		if (net->kind != BACKEND_NET || !net->type || strcmp(net->type, "vhost-user") != 0)
			continue;
		for (size_t j = 0; j < sampler->vhost_num; j++)
			served |= sampler->vhosts[j].vdev == device->address &&
				  sampler->vhosts[j].first == first;
		if (served)
			continue;
		/* the array may move */
		TRY(sampler_add_backend(device, BACKEND_VHOST, &backend));
		if (!backend)
			return NULL;
		net = &device->backends[i];
		backend->first_queue = first;
		backend->queue_num = net->queue_num;
		backend->connected = connected;
		backend->type = strdup(backend_types[TYPE_USER]);
		backend->name = net->name ? strdup(net->name) : NULL;
	}
	return NULL;
}

struct virtq_error *vhost_read(struct sampler *sampler, struct device *device)
{
	long type = user_type(sampler, device);
	bool ranged = false;

	for (size_t i = 0; i < sampler->vhost_num; i++) {
		if (sampler->vhosts[i].vdev != device->address)
			continue;
		ranged = true;
		TRY(add_range(sampler, &sampler->vhosts[i], type, device));
	}
	if (!ranged && type >= 0) {
		struct backend *backend;

		TRY(sampler_add_backend(device, BACKEND_VHOST, &backend));
		if (!backend)
			return NULL;
		backend->queue_num = (uint16_t)device->queue_num;
		backend->type = strdup(backend_types[TYPE_USER]);
		read_user_device(sampler->qemu, device->address, type, backend);
	}
	return add_netdevs(sampler, device);
}

/* ---- Requests ----------------------------------------------------------------------------- */

/*
 * docs/interop/vhost-user.rst, "Inflight I/O tracking", of a split ring: for each
 * queue this header and an entry for each descriptor, in the host's byte order.
 */
enum {
	REGION_VERSION_OFFSET = 8,
	REGION_DESC_NUM_OFFSET = 10,
	REGION_LAST_HEAD_OFFSET = 12,
	REGION_USED_IDX_OFFSET = 14,
	REGION_HEADER_SIZE = 16,
	REGION_VERSION = 1,
	ENTRY_COUNTER_OFFSET = 8,
	ENTRY_SIZE = 16,
};

/** A request that the region says is in flight. */
struct inflight {
	uint64_t counter; /**< Rises with each request that the device takes. */
	uint16_t head;
};

static int compare_inflight(const void *a, const void *b)
{
	const struct inflight *left = a, *right = b;

	return left->counter < right->counter ? -1 : left->counter > right->counter;
}

static struct virtq_error *add_inflight(struct sampler *sampler, struct queue *queue,
					const uint8_t *region, size_t num)
{
	enum byte_order order = sampler->qemu->layout->order;
	_cleanup_free_ struct inflight *entries = array_new(num, sizeof(*entries));
	uint16_t last_head = bytes_get_u16(region + REGION_LAST_HEAD_OFFSET, order);
	uint16_t used_idx = bytes_get_u16(region + REGION_USED_IDX_OFFSET, order);
	/* else the ring has moved, or the device has pushed its last request and not yet struck it off */
	bool same_instant = fact_is(queue->used_ring_idx, used_idx);
	size_t found = 0;

	if (!entries)
		return &virtq_error_no_memory;
	for (size_t i = 0; i < num; i++) {
		const uint8_t *entry = region + REGION_HEADER_SIZE + i * ENTRY_SIZE;

		if (entry[0] == 1 && (same_instant || i != last_head))
			entries[found++] = (struct inflight){
				bytes_get_u64(entry + ENTRY_COUNTER_OFFSET, order), (uint16_t)i
			};
	}
	qsort(entries, found, sizeof(*entries), compare_inflight);
	for (size_t i = 0; i < found; i++) {
		const struct request request = { .head = fact_of(entries[i].head),
						 .source = REQUEST_EXACT,
						 .stage = REQUEST_IN_DEVICE,
						 .found_in = "in-flight region" };

		TRY(requests_add(sampler, queue, &request));
	}
	if (same_instant)
		queue->vhost_inflight = fact_of(found);
	return NULL;
}

/** The region of one queue, [@address, @address + @length). */
static struct virtq_error *read_region(struct sampler *sampler, struct queue *queue,
				       uint64_t address, uint64_t length)
{
	const struct qemu *qemu = sampler->qemu;
	static const char what[] = "in-flight region";
	uint8_t header[REGION_HEADER_SIZE];

	if (length < sizeof(header))
		return error_new(VIRTQ_ERROR_BAD_DATA, "%s: %llu bytes a queue", what,
				 (unsigned long long)length);
	TRY(target_read(qemu->target, address, header, sizeof(header), what));
	uint16_t version = bytes_get_u16(header + REGION_VERSION_OFFSET, qemu->layout->order);
	uint16_t num = bytes_get_u16(header + REGION_DESC_NUM_OFFSET, qemu->layout->order);
	/* the device has not begun to use it */
	if (!version)
		return NULL;
	if (version != REGION_VERSION)
		return error_new(VIRTQ_ERROR_UNSUPPORTED, "%s: version %u, expected %d", what,
				 version, REGION_VERSION);
	if (num > (length - REGION_HEADER_SIZE) / ENTRY_SIZE)
		return error_new(VIRTQ_ERROR_BAD_DATA, "%s: %u descriptors do not fit in %llu bytes",
				 what, num, (unsigned long long)length);

	/* the guest may use fewer than the device offers */
	size_t used = num < queue->vring_num.value ? num : (size_t)queue->vring_num.value;
	size_t size = REGION_HEADER_SIZE + used * ENTRY_SIZE;
	_cleanup_free_ uint8_t *region = malloc(size);
	if (!region)
		return &virtq_error_no_memory;
	TRY(target_read(qemu->target, address, region, size, what));
	return add_inflight(sampler, queue, region, used);
}

/** Where the device model keeps the struct vhost_inflight; QEMU_QUERY_NUM: it has none. */
static enum qemu_query inflight_member(const struct device *device)
{
	if (!device->type)
		return QEMU_QUERY_NUM;
	if (strcmp(device->type, "vhost-user-blk") == 0)
		return QEMU_VHostUserBlk_inflight;
	if (strcmp(device->type, "vhost-user-scsi") == 0)
		return QEMU_VHostSCSICommon_inflight;
	return QEMU_QUERY_NUM;
}

static struct virtq_error *inflight_requests(struct sampler *sampler,
					     const struct vhost_range *range,
					     struct device *device)
{
	const struct qemu *qemu = sampler->qemu;
	enum qemu_query member = inflight_member(device);
	struct fact pointer, address, size;
	struct queue *queue;

	if (member == QEMU_QUERY_NUM || !qemu_has(qemu, member) || !range->served)
		return NULL;
	pointer = read_member(qemu, device->address, member);
	if (!fact_true(pointer))
		return NULL;
	const struct member_read reads[] = {
		{ pointer.value, QEMU_vhost_inflight_addr, &address },
		{ pointer.value, QEMU_vhost_inflight_size, &size },
	};
	members_read(qemu, reads, ARRAY_SIZE(reads));
	/* not negotiated */
	if (!fact_true(address) || !fact_known(size))
		return NULL;
	for (size_t i = 0; (queue = queue_of_range(device, range, i)); i++) {
		uint64_t stride = size.value / range->num;
		struct virtq_error *error;

		if (!requests_wanted(queue))
			continue;
		if (queue->packed)
			error = error_new(VIRTQ_ERROR_UNSUPPORTED,
					  "in-flight region: that of a packed ring is not read");
		else
			error = read_region(sampler, queue, address.value + i * stride, stride);
		TRY(sampler_note_problem(&queue->requests_problem, error));
	}
	return NULL;
}

/** VhostShadowVirtqueue.desc_state: an element for each of the guest's that the device has. */
static struct virtq_error *add_shadowed(struct sampler *sampler, struct queue *queue,
					const struct image *shadow)
{
	const struct qemu *qemu = sampler->qemu;
	uint64_t num = image_get(shadow, QEMU_VhostShadowVirtqueue_num);
	size_t stride = qemu_item(qemu, QEMU_STRUCT_SVQDescState)->size, length;
	struct list_walk walk = { 0 };

	if (!qemu_has(qemu, QEMU_SVQDescState_elem) ||
	    !qemu_has(qemu, QEMU_VhostShadowVirtqueue_num))
		return NULL;
	/* it is as long as the guest's (vhost_svq_start()) */
	if (num > queue->vring_num.value || !checked_mul((size_t)num, stride, &length))
		return error_new(VIRTQ_ERROR_BAD_DATA,
				 "VhostShadowVirtqueue: vring.num is %llu, expected at most %llu",
				 (unsigned long long)num, (unsigned long long)queue->vring_num.value);
	_cleanup_free_ uint8_t *states = malloc(length ? length : 1);
	if (!states)
		return &virtq_error_no_memory;
	TRY(target_read(qemu->target, image_get(shadow, QEMU_VhostShadowVirtqueue_desc_state),
			states, length, "VhostShadowVirtqueue.desc_state"));
	for (size_t i = 0; i < num; i++) {
		uint64_t element = member_get(qemu, states + i * stride, QEMU_SVQDescState_elem);
		struct request request = { 0 };

		if (!element)
			continue;
		TRY(list_walk_step(qemu, &walk, element, "VhostShadowVirtqueue.desc_state"));
		TRY(request_from_element(sampler, queue, element, &request));
		request.found_in = "shadow virtqueue";
		TRY(requests_add(sampler, queue, &request));
	}
	return NULL;
}

static struct virtq_error *shadow_requests(struct sampler *sampler, const struct vhost_range *range,
					   struct device *device)
{
	const struct qemu *qemu = sampler->qemu;
	struct shadows shadows;
	struct queue *queue;

	if (!fact_true(device->svq))
		return NULL;
	struct virtq_error *error = read_shadows(qemu, range, &shadows);
	for (size_t i = 0; !error && i < shadows.num && (queue = queue_of_range(device, range, i));
	     i++) {
		struct image shadow;

		error = read_shadow(qemu, queue, shadows.addresses[i], &shadow);
		if (!error)
			error = add_shadowed(sampler, queue, &shadow);
		TRY(sampler_note_problem(&queue->requests_problem, take_pointer(error)));
	}
	if (error_is_fatal(error))
		return error;
	/* the backend says why */
	virtq_error_destroy(error);
	return NULL;
}

/**
 * What the region that a vhost-user device and QEMU share for the case that the
 * device dies says, and what shadow virtqueues hold.
 */
struct virtq_error *requests_of_vhost(struct sampler *sampler, struct device *device)
{
	for (size_t i = 0; i < sampler->vhost_num; i++) {
		const struct vhost_range *range = &sampler->vhosts[i];

		if (range->vdev != device->address)
			continue;
		if (fact_is(range->backend, TYPE_USER))
			TRY(inflight_requests(sampler, range, device));
		if (fact_is(range->backend, TYPE_VDPA))
			TRY(shadow_requests(sampler, range, device));
	}
	return NULL;
}
