/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "qemu/models.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "qemu/in_order.h"
#include "qemu/requests.h"

/**
 * Add the element at @address, of which @request says more than where it is;
 * what is wrong with it is noted at @queue.
 */
static struct virtq_error *add_element(struct sampler *sampler, struct queue *queue,
				       uint64_t address, const struct request *more)
{
	struct request request = { 0 };
	struct virtq_error *error = request_from_element(sampler, queue, address, &request);

	if (!error) {
		request.found_in = more->found_in;
		request.field_num = more->field_num;
		memcpy(request.fields, more->fields, sizeof(request.fields));
		error = requests_add(sampler, queue, &request);
	}
	return sampler_note_problem(&queue->requests_problem, error);
}

/* ---- virtio-serial: hw/char/virtio-serial-bus.c ------------------------------------- */

/** Sees one port; its image is read and is one of @device's. */
typedef struct virtq_error *port_visitor(struct sampler *sampler, struct device *device,
					 const struct image *port);

static struct virtq_error *walk_ports(struct sampler *sampler, struct device *device,
				      port_visitor *visit)
{
	static const char what[] = "VirtIOSerial.ports";
	const struct qemu *qemu = sampler->qemu;
	struct list_walk walk = { 0 };
	uint64_t address;

	TRY(target_read_pointer(qemu->target,
				qemu_member_address(qemu, device->address, QEMU_VirtIOSerial_ports),
				&address, what));
	while (address) {
		struct image port;

		TRY(list_walk_step(qemu, &walk, address, what));
		if (walk.steps > BACKENDS_MAX)
			return error_new(VIRTQ_ERROR_LIMIT, "%s: more than %d ports", what,
					 BACKENDS_MAX);
		TRY(image_read(qemu, QEMU_STRUCT_VirtIOSerialPort, address, what, &port));
		TRY(image_check_pointer(&port, QEMU_VirtIOSerialPort_vser, device->address));
		TRY(visit(sampler, device, &port));
		address = image_get_link(&port, QEMU_VirtIOSerialPort_next);
	}
	return NULL;
}

/** "-device id=", else what the guest knows it by: its number. */
static struct virtq_error *name_port(const struct image *port, struct backend *backend)
{
	TRY(image_get_string(port, QEMU_DeviceState_id, "DeviceState.id of a port",
			     &backend->name));
	if (!backend->name && asprintf(&backend->name, "port %u",
				       (unsigned int)image_get(port, QEMU_VirtIOSerialPort_id)) < 0) {
		backend->name = NULL;
		return &virtq_error_no_memory;
	}
	return NULL;
}

static struct virtq_error *read_port(struct sampler *sampler, struct device *device,
				     const struct image *port)
{
	const struct qemu *qemu = sampler->qemu;
	uint64_t id = image_get(port, QEMU_VirtIOSerialPort_id);
	struct backend *backend;

	TRY(sampler_add_backend(device, BACKEND_PORT, &backend));
	if (!backend)
		return NULL;
	backend->address = port->address;
	/* VIRTIO 1.2, section 5.3.2: queues 2 and 3 are those of control */
	if (id <= device->queue_num) {
		backend->first_queue = (uint16_t)(id ? 2 * id + 2 : 0);
		backend->queue_num = 2;
	}
#define BOOL(fact, member)                                                \
	backend->fact = member_get_fact(qemu, port->bytes, QEMU_VirtIOSerialPort_##member); \
	backend->fact.value = !!backend->fact.value;
	BOOL(element_held, elem)
	BOOL(throttled, throttled)
	BOOL(guest_connected, guest_connected)
	BOOL(host_connected, host_connected)
#undef BOOL
	return sampler_note_problem(&backend->problem, name_port(port, backend));
}

static struct virtq_error *serial_read(struct sampler *sampler, struct device *device)
{
	struct virtq_error *error = walk_ports(sampler, device, read_port);
	struct backend *backend;

	if (!error || error_is_fatal(error))
		return error;
	/* a port that is not there must not look like one that holds nothing */
	struct virtq_error *add_error = sampler_add_backend(device, BACKEND_PORT, &backend);
	if (add_error || !backend) {
		virtq_error_destroy(error);
		return add_error;
	}
	backend->queue_num = (uint16_t)device->queue_num;
	backend->element_held = fact_unreadable();
	return sampler_note_problem(&backend->problem, error);
}

static struct virtq_error *add_port_element(struct sampler *sampler, struct device *device,
					    const struct image *port)
{
	static const struct request more = { .found_in = "port" };
	uint64_t element = image_get(port, QEMU_VirtIOSerialPort_elem);
	struct queue *queue =
		requests_find_queue(device, image_get(port, QEMU_VirtIOSerialPort_ovq));

	return element && queue ? add_element(sampler, queue, element, &more) : NULL;
}

/** What a slow chardev has not taken yet: at most one element a port. */
struct virtq_error *requests_of_serial(struct sampler *sampler, struct device *device)
{
	if (!qemu_has(sampler->qemu, QEMU_VirtIOSerial_ports))
		return NULL;
	struct virtq_error *error = walk_ports(sampler, device, add_port_element);

	if (error_is_fatal(error))
		return error;
	/* the backend says why */
	virtq_error_destroy(error);
	return NULL;
}

/* ---- 9p: hw/9pfs/virtio-9p-device.c, hw/9pfs/9p.h ---------------------------------------- */

/** Most requests at a time: MAX_REQ, of which QEMU has 128. */
enum { P9_REQUESTS_MAX = 1024 };

/** Names of the requests by their id, without the T: 9P2000.L, and what it kept of 9P2000. */
static const struct {
	uint8_t id;
	const char *name;
} p9_names[] = {
	{ 8, "Tstatfs" },       { 12, "Tlopen" },    { 14, "Tlcreate" },   { 16, "Tsymlink" },
	{ 18, "Tmknod" },       { 20, "Trename" },   { 22, "Treadlink" },  { 24, "Tgetattr" },
	{ 26, "Tsetattr" },     { 30, "Txattrwalk" }, { 32, "Txattrcreate" }, { 40, "Treaddir" },
	{ 50, "Tfsync" },       { 52, "Tlock" },     { 54, "Tgetlock" },   { 70, "Tlink" },
	{ 72, "Tmkdir" },       { 74, "Trenameat" }, { 76, "Tunlinkat" },  { 100, "Tversion" },
	{ 102, "Tauth" },       { 104, "Tattach" },  { 108, "Tflush" },    { 110, "Twalk" },
	{ 112, "Topen" },       { 114, "Tcreate" },  { 116, "Tread" },     { 118, "Twrite" },
	{ 120, "Tclunk" },      { 122, "Tremove" },  { 124, "Tstat" },     { 126, "Twstat" },
};

static const char *p9_name(uint64_t id)
{
	for (size_t i = 0; i < ARRAY_SIZE(p9_names); i++) {
		if (p9_names[i].id == id)
			return p9_names[i].name;
	}
	return NULL;
}

/** V9fsVirtioState.elems: a pointer for each request that is held, at the index of its V9fsPDU. */
static struct virtq_error *p9_elements(const struct qemu *qemu, const struct device *device,
				       uint64_t **elements_ret, size_t *num_ret)
{
	size_t size = qemu->layout->pointer_size;
	const struct layout_item *item = qemu_item(qemu, QEMU_V9fsVirtioState_elems);
	size_t num = item->size / size;

	if (num > P9_REQUESTS_MAX)
		return error_new(VIRTQ_ERROR_LIMIT, "V9fsVirtioState.elems: %zu requests", num);
	_cleanup_free_ uint64_t *elements = array_new(num, sizeof(*elements));
	_cleanup_free_ uint8_t *bytes = array_new(num, size);
	if (!elements || !bytes)
		return &virtq_error_no_memory;
	TRY(target_read(qemu->target,
			qemu_member_address(qemu, device->address, QEMU_V9fsVirtioState_elems),
			bytes, num * size, "V9fsVirtioState.elems"));
	for (size_t i = 0; i < num; i++)
		elements[i] = bytes_get(bytes + i * size, size, qemu->layout->order);
	*elements_ret = take_pointer(elements);
	*num_ret = num;
	return NULL;
}

static struct virtq_error *p9_fill(const struct qemu *qemu, const struct device *device,
				   struct backend *backend)
{
	_cleanup_free_ uint64_t *elements = NULL;
	struct fact name;
	const struct member_read reads[] = {
		/* requests are taken as long as there is a V9fsPDU for one */
		{ device->address, QEMU_V9fsVirtioState_free_list, &backend->blocked },
		{ device->address, QEMU_V9fsVirtioState_fsdev_id, &name },
	};
	size_t num, held = 0;

	members_read(qemu, reads, ARRAY_SIZE(reads));
	backend->blocked.value = fact_known(backend->blocked) && !backend->blocked.value;
	backend->elements_held = fact_unreadable();
	TRY(p9_elements(qemu, device, &elements, &num));
	for (size_t i = 0; i < num; i++)
		held += elements[i] != 0;
	backend->elements_held = fact_of(held);
	if (!fact_true(name))
		return NULL;
	return target_read_string(qemu->target, name.value, NAME_SIZE_MAX, &backend->name,
				  "V9fsState.fsconf.fsdev_id");
}

/** A backend of all queues; NULL in @*backend_ret if there are too many. */
static struct virtq_error *add_whole(struct device *device, const char *type,
				     struct backend **backend_ret)
{
	TRY(sampler_add_backend(device, BACKEND_OTHER, backend_ret));
	if (!*backend_ret)
		return NULL;
	(*backend_ret)->address = device->address;
	(*backend_ret)->queue_num = (uint16_t)device->queue_num;
	(*backend_ret)->type = strdup(type);
	return (*backend_ret)->type ? NULL : &virtq_error_no_memory;
}

static struct virtq_error *p9_read(struct sampler *sampler, struct device *device)
{
	struct backend *backend;

	TRY(add_whole(device, "9p", &backend));
	return backend ? sampler_note_problem(&backend->problem,
					      p9_fill(sampler->qemu, device, backend))
		       : NULL;
}

/** size u32, id u8, tag u16: little endian always. */
void request_describe_9p(const struct device *device, const struct queue *queue,
			 const struct chain *chain, const struct chain_memory *memory,
			 struct request *request)
{
	uint8_t header[7];

	(void)device;
	(void)queue;
	/* an estimate may name a descriptor that holds data now, and headers have no length of their own */
	if (request->source == REQUEST_ESTIMATED ||
	    !chain_header(chain, memory, header, sizeof(header)))
		return;
	request_add_type(request, p9_name(header[4]), header[4]);
	request_add_number(request, "tag", bytes_get_u16(header + 5, LITTLE_ENDIAN_ORDER));
}

static struct virtq_error *p9_add(struct sampler *sampler, struct queue *queue, uint64_t element,
				  uint64_t pdu_address, size_t index)
{
	const struct qemu *qemu = sampler->qemu;
	struct request more = { .found_in = "9p requests" };
	struct image pdu;

	TRY(image_read(qemu, QEMU_STRUCT_V9fsPDU, pdu_address, "V9fsPDU", &pdu));
	if (image_get(&pdu, QEMU_V9fsPDU_idx) != index)
		return error_new(VIRTQ_ERROR_BAD_DATA, "V9fsPDU %zu: idx is %llu", index,
				 (unsigned long long)image_get(&pdu, QEMU_V9fsPDU_idx));
	uint64_t id = image_get(&pdu, QEMU_V9fsPDU_id);
	request_add_type(&more, p9_name(id), id);
	request_add_number(&more, "tag", image_get(&pdu, QEMU_V9fsPDU_tag));
	if (image_get(&pdu, QEMU_V9fsPDU_cancelled))
		request_add_number(&more, "cancelled", 1);
	return add_element(sampler, queue, element, &more);
}

/** The requests that worker threads have, by their V9fsPDUs. */
struct virtq_error *requests_of_9p(struct sampler *sampler, struct device *device)
{
	const struct qemu *qemu = sampler->qemu;
	size_t stride = qemu_item(qemu, QEMU_STRUCT_V9fsPDU)->size, num = 0;
	_cleanup_free_ uint64_t *elements = NULL;
	struct virtq_error *error;

	if (!device->queue_num || !qemu_has(qemu, QEMU_V9fsVirtioState_elems) ||
	    !qemu_has(qemu, QEMU_V9fsVirtioState_pdus) || !stride ||
	    qemu_item(qemu, QEMU_V9fsVirtioState_pdus)->size / stride > P9_REQUESTS_MAX)
		return NULL;
	error = p9_elements(qemu, device, &elements, &num);
	for (size_t i = 0; !error && i < num; i++) {
		if (elements[i])
			error = p9_add(sampler, &device->queues[0], elements[i],
				       qemu_member_address(qemu, device->address,
							   QEMU_V9fsVirtioState_pdus) +
					       i * stride,
				       i);
	}
	return sampler_note_problem(&device->queues[0].requests_problem, error);
}

/* ---- gpu: hw/display/virtio-gpu.c ----------------------------------------------------------- */

/** Sees one virtio_gpu_ctrl_command of a list; NULL to count only. */
typedef struct virtq_error *command_visitor(struct sampler *sampler, struct device *device,
					    const struct image *command, bool fenced);

static struct virtq_error *walk_commands(struct sampler *sampler, struct device *device,
					 enum qemu_query list, command_visitor *visit,
					 size_t *num)
{
	static const char what[] = "virtio_gpu_ctrl_command";
	const struct qemu *qemu = sampler->qemu;
	struct list_walk walk = { 0 };
	uint64_t address;

	TRY(target_read_pointer(qemu->target, qemu_member_address(qemu, device->address, list),
				&address, what));
	while (address) {
		struct image command;

		TRY(list_walk_step(qemu, &walk, address, what));
		if (walk.steps > REQUESTS_KEPT_MAX)
			return error_new(VIRTQ_ERROR_LIMIT, "%s: more than %d", what,
					 REQUESTS_KEPT_MAX);
		TRY(image_read(qemu, QEMU_STRUCT_virtio_gpu_ctrl_command, address, what, &command));
		if (!requests_find_queue(device,
					 image_get(&command, QEMU_virtio_gpu_ctrl_command_vq)))
			return error_new(VIRTQ_ERROR_BAD_DATA,
					 "%s at 0x%llx: it is of no queue of the device", what,
					 (unsigned long long)address);
		if (visit)
			TRY(visit(sampler, device, &command, list == QEMU_VirtIOGPU_fenceq));
		++*num;
		address = image_get_link(&command, QEMU_virtio_gpu_ctrl_command_next);
	}
	return NULL;
}

static struct virtq_error *gpu_fill(struct sampler *sampler, struct device *device,
				    struct backend *backend)
{
	const struct member_read read = { device->address, QEMU_VirtIOGPUBase_renderer_blocked,
					  &backend->blocked };
	size_t held = 0;

	members_read(sampler->qemu, &read, 1);
	/* a counter */
	backend->blocked.value = !!backend->blocked.value;
	backend->elements_held = fact_unreadable();
	TRY(walk_commands(sampler, device, QEMU_VirtIOGPU_cmdq, NULL, &held));
	TRY(walk_commands(sampler, device, QEMU_VirtIOGPU_fenceq, NULL, &held));
	backend->elements_held = fact_of(held);
	return NULL;
}

static struct virtq_error *gpu_read(struct sampler *sampler, struct device *device)
{
	struct backend *backend;

	TRY(add_whole(device, "gpu", &backend));
	return backend ? sampler_note_problem(&backend->problem, gpu_fill(sampler, device, backend)) : NULL;
}

/** Commands by their type: VIRTIO 1.2, section 5.7.6.7, enum virtio_gpu_ctrl_type. */
static const char *gpu_command(uint64_t type)
{
	static const char *const two_d[] = {
		"get-display-info", "resource-create-2d", "resource-unref", "set-scanout",
		"resource-flush", "transfer-to-host-2d", "resource-attach-backing",
		"resource-detach-backing", "get-capset-info", "get-capset", "get-edid",
		"resource-assign-uuid", "resource-create-blob", "set-scanout-blob",
	};
	static const char *const three_d[] = {
		"ctx-create", "ctx-destroy", "ctx-attach-resource", "ctx-detach-resource",
		"resource-create-3d", "transfer-to-host-3d", "transfer-from-host-3d", "submit-3d",
		"resource-map-blob", "resource-unmap-blob",
	};
	static const char *const cursor[] = { "update-cursor", "move-cursor" };
	static const struct {
		uint64_t first;
		const char *const *names;
		size_t num;
	} groups[] = {
		{ 0x100, two_d, ARRAY_SIZE(two_d) },
		{ 0x200, three_d, ARRAY_SIZE(three_d) },
		{ 0x300, cursor, ARRAY_SIZE(cursor) },
	};

	for (size_t i = 0; i < ARRAY_SIZE(groups); i++)
		if (type >= groups[i].first && type - groups[i].first < groups[i].num)
			return groups[i].names[type - groups[i].first];
	return NULL;
}

static void gpu_add_fields(struct request *request, uint64_t type, uint64_t fence, uint64_t context)
{
	request_add_type(request, gpu_command(type), type);
	request_add_number(request, "fence_id", fence);
	request_add_number(request, "ctx_id", context);
}

/** VIRTIO 1.2, section 5.7.6.7: type u32, flags u32, fence_id u64, ctx_id u32, little endian. */
void request_describe_gpu(const struct device *device, const struct queue *queue,
			  const struct chain *chain, const struct chain_memory *memory,
			  struct request *request)
{
	uint8_t header[20];

	(void)device;
	(void)queue;
	if (request->source != REQUEST_ESTIMATED &&
	    chain_header(chain, memory, header, sizeof(header)))
		gpu_add_fields(request, bytes_get_u32(header, LITTLE_ENDIAN_ORDER),
			       bytes_get_u64(header + 8, LITTLE_ENDIAN_ORDER),
			       bytes_get_u32(header + 16, LITTLE_ENDIAN_ORDER));
}

static struct virtq_error *gpu_add(struct sampler *sampler, struct device *device,
				   const struct image *command, bool fenced)
{
	struct request more = { .found_in = fenced ? "gpu fences" : "gpu commands" };
	uint64_t element =
		qemu_member_address(sampler->qemu, command->address, QEMU_virtio_gpu_ctrl_command_elem);
	struct queue *queue =
		requests_find_queue(device, image_get(command, QEMU_virtio_gpu_ctrl_command_vq));

	/* QEMU copies the header when it carries the command out: before, these are old bytes */
	if (fenced)
		gpu_add_fields(&more, image_get(command, QEMU_virtio_gpu_ctrl_command_type),
			       image_get(command, QEMU_virtio_gpu_ctrl_command_fence_id),
			       image_get(command, QEMU_virtio_gpu_ctrl_command_ctx_id));
	return add_element(sampler, queue, element, &more);
}

/** Commands that were not carried out, and those that wait for their fence. */
struct virtq_error *requests_of_gpu(struct sampler *sampler, struct device *device)
{
	size_t num = 0;

	if (!qemu_has(sampler->qemu, QEMU_VirtIOGPU_fenceq))
		return NULL;
	struct virtq_error *error =
		walk_commands(sampler, device, QEMU_VirtIOGPU_cmdq, gpu_add, &num);

	if (!error)
		error = walk_commands(sampler, device, QEMU_VirtIOGPU_fenceq, gpu_add, &num);
	if (error_is_fatal(error))
		return error;
	/* the backend says why */
	virtq_error_destroy(error);
	return NULL;
}

/* ---- balloon: hw/virtio/virtio-balloon.c ------------------------------------------------------ */

/** The element that is kept until statistics are asked for again. */
struct virtq_error *requests_of_balloon(struct sampler *sampler, struct device *device)
{
	static const struct request more = { .found_in = "statistics" };
	struct fact element, virtqueue;
	const struct member_read reads[] = {
		{ device->address, QEMU_VirtIOBalloon_stats_vq_elem, &element },
		{ device->address, QEMU_VirtIOBalloon_svq, &virtqueue },
	};

	members_read(sampler->qemu, reads, ARRAY_SIZE(reads));
	struct queue *queue =
		fact_true(virtqueue) ? requests_find_queue(device, virtqueue.value) : NULL;
	return queue && fact_true(element) ? add_element(sampler, queue, element.value, &more)
					   : NULL;
}

/* ---- All of them ---------------------------------------------------------------------------------- */

struct virtq_error *models_read(struct sampler *sampler, struct device *device)
{
	static const struct {
		const char *type; /**< QOM, may be an ancestor. */
		const char *prefix; /**< Of the types' names, to look no further. */
		enum qemu_query needed; /**< A member without which nothing is known. */
		struct virtq_error *(*read)(struct sampler *sampler, struct device *device);
	} models[] = {
		{ "virtio-serial-device", "virtio-serial-", QEMU_VirtIOSerial_ports, serial_read },
		{ "virtio-9p-device", "virtio-9p-", QEMU_V9fsVirtioState_elems, p9_read },
		/* with and without OpenGL: virtio-gpu-device, virtio-gpu-gl-device */
		{ "virtio-gpu-device", "virtio-gpu-", QEMU_VirtIOGPU_fenceq, gpu_read },
	};

	in_order_read(sampler, device);
	for (size_t i = 0; device->type && i < ARRAY_SIZE(models); i++) {
		if (strncmp(device->type, models[i].prefix, strlen(models[i].prefix)) == 0 &&
		    qemu_has(sampler->qemu, models[i].needed) &&
		    device_is(sampler, device, models[i].type))
			return models[i].read(sampler, device);
	}
	return NULL;
}
