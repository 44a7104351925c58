/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What virtio-scsi holds: SCSIDevice.requests has all commands, and each one's
 * hba_private is the VirtIOSCSIReq (hw/scsi/virtio-scsi.c). Task management
 * functions are in no list.
 */
#include "base/checked.h"
#include "qemu/disk.h"
#include "qemu/requests.h"

/** struct virtio_scsi_cmd_req: lun[8], le64 tag, task_attr, prio, crn, cdb[] (VIRTIO 1.2, 5.6.6.1). */
enum { HEADER_LUN = 1, HEADER_TAG = 8, HEADER_CDB = 19 };

/** Sizes that a driver may change by the configuration space, and does not. */
enum { CDB_SIZE = 32, RESPONSE_SIZE = 12 + 96 };

/** Queues before this one are control and event. */
enum { FIRST_REQUEST_QUEUE = 2 };

/** Longest CDB that is looked at. */
enum { CDB_MAX = 16 };

/** SPC-5 and SBC-4, annexes with operation codes. */
static const struct {
	uint8_t opcode;
	const char *word;
	bool has_lba;
} opcodes[] = {
	{ 0x00, "TEST UNIT READY", false },
	{ 0x03, "REQUEST SENSE", false },
	{ 0x08, "READ(6)", true },
	{ 0x0a, "WRITE(6)", true },
	{ 0x12, "INQUIRY", false },
	{ 0x15, "MODE SELECT(6)", false },
	{ 0x16, "RESERVE(6)", false },
	{ 0x17, "RELEASE(6)", false },
	{ 0x1a, "MODE SENSE(6)", false },
	{ 0x1b, "START STOP UNIT", false },
	{ 0x1e, "PREVENT ALLOW MEDIUM REMOVAL", false },
	{ 0x25, "READ CAPACITY(10)", false },
	{ 0x28, "READ(10)", true },
	{ 0x2a, "WRITE(10)", true },
	{ 0x2e, "WRITE AND VERIFY(10)", true },
	{ 0x2f, "VERIFY(10)", true },
	{ 0x35, "SYNCHRONIZE CACHE(10)", true },
	{ 0x41, "WRITE SAME(10)", true },
	{ 0x42, "UNMAP", false },
	{ 0x4a, "GET EVENT STATUS NOTIFICATION", false },
	{ 0x55, "MODE SELECT(10)", false },
	{ 0x5a, "MODE SENSE(10)", false },
	{ 0x5e, "PERSISTENT RESERVE IN", false },
	{ 0x5f, "PERSISTENT RESERVE OUT", false },
	{ 0x85, "ATA PASS-THROUGH(16)", false },
	{ 0x88, "READ(16)", true },
	{ 0x89, "COMPARE AND WRITE", true },
	{ 0x8a, "WRITE(16)", true },
	{ 0x8e, "WRITE AND VERIFY(16)", true },
	{ 0x8f, "VERIFY(16)", true },
	{ 0x91, "SYNCHRONIZE CACHE(16)", true },
	{ 0x93, "WRITE SAME(16)", true },
	{ 0x9e, "SERVICE ACTION IN(16)", false },
	{ 0xa0, "REPORT LUNS", false },
	{ 0xa1, "ATA PASS-THROUGH(12)", false },
	{ 0xa3, "MAINTENANCE IN", false },
	{ 0xa8, "READ(12)", true },
	{ 0xaa, "WRITE(12)", true },
};

/** Add the operation code. @return whether its CDB has a logical block address. */
static bool add_opcode(struct request *request, uint8_t opcode)
{
	for (size_t i = 0; i < ARRAY_SIZE(opcodes); i++) {
		if (opcodes[i].opcode != opcode)
			continue;
		request_add_word(request, "opcode", opcodes[i].word, opcode);
		return opcodes[i].has_lba;
	}
	request_add_number(request, "opcode", opcode);
	return false;
}

/** The logical block address of a CDB: the group of the operation code says where it is. */
static uint64_t cdb_lba(const uint8_t cdb[CDB_MAX])
{
	switch (cdb[0] >> 5) {
	case 0:
		return bytes_get_u32(cdb, BIG_ENDIAN_ORDER) & 0x1fffff;
	case 4:
		return bytes_get_u64(cdb + 2, BIG_ENDIAN_ORDER);
	default:
		return bytes_get_u32(cdb + 2, BIG_ENDIAN_ORDER);
	}
}

/** Of the CDB no more is read than the operation code if that has no address: the rest may be a secret. */
void request_describe_scsi(const struct device *device, const struct queue *queue,
			   const struct chain *chain, const struct chain_memory *memory,
			   struct request *request)
{
	uint8_t header[HEADER_CDB + CDB_MAX];
	uint64_t out_header = HEADER_CDB + CDB_SIZE;

	/* an estimate may name a descriptor that holds data now; headers have a length of their own */
	if (request->source == REQUEST_ESTIMATED && chain->out[0].length != out_header)
		return;
	if (queue->index < FIRST_REQUEST_QUEUE ||
	    !chain_header(chain, memory, header, HEADER_CDB + 1))
		return;
	/* virtio_scsi_get_lun(): flat addressing in two bytes */
	request_add_number(request, "target", header[HEADER_LUN]);
	request_add_number(request, "lun",
			   bytes_get_u16(header + HEADER_LUN + 1, BIG_ENDIAN_ORDER) & 0x3fff);
	request_add_number(request, "tag", bytes_get_u64(header + HEADER_TAG, device_byte_order(device)));
	if (add_opcode(request, header[HEADER_CDB]) &&
	    chain_header(chain, memory, header, sizeof(header)))
		request_add_number(request, "lba", cdb_lba(header + HEADER_CDB));
	if (chain->out_length > out_header)
		request_add_number(request, "length", chain->out_length - out_header);
	else if (chain->in_length >= RESPONSE_SIZE)
		request_add_number(request, "length", chain->in_length - RESPONSE_SIZE);
}

/* ---- SCSIRequest ------------------------------------------------------------------- */

struct search {
	struct sampler *sampler;
	struct device *device;
	const struct image *scsi; /**< The SCSIDevice that is looked at. */
	bool is_disk; /**< Its requests are SCSIDiskReqs (hw/scsi/scsi-disk.c). */
};

static struct virtq_error *set_start(const struct search *search, uint64_t sreq,
				     struct request *request)
{
	const struct qemu *qemu = search->sampler->qemu;
	const struct layout_item *item = qemu_item(qemu, QEMU_SCSIDiskReq_start_time);
	uint64_t started;

	if (!search->is_disk || !item->present)
		return NULL;
	TRY(target_read_unsigned(qemu->target, sreq + item->offset, item->size, &started,
				 "SCSIDiskReq.acct"));
	request_set_start(search->sampler, request, started);
	return NULL;
}

static struct virtq_error *add_request(const struct search *search, const struct image *sreq)
{
	const struct qemu *qemu = search->sampler->qemu;
	const struct layout_item *tag = qemu_item(qemu, QEMU_VirtIOSCSIReq_tag);
	uint64_t address = image_get(sreq, QEMU_SCSIRequest_hba_private);
	struct request request;
	struct image req;

	/* such as a request of the SCSI layer itself, or one whose guest has forgotten it */
	if (!address)
		return NULL;
	TRY(image_read(qemu, QEMU_STRUCT_VirtIOSCSIReq, address, "VirtIOSCSIReq", &req));
	struct queue *queue =
		requests_find_queue(search->device, image_get(&req, QEMU_VirtIOSCSIReq_vq));
	if (!queue || image_get(&req, QEMU_VirtIOSCSIReq_dev) != search->device->address ||
	    image_get(&req, QEMU_VirtIOSCSIReq_sreq) != sreq->address)
		return error_new(VIRTQ_ERROR_BAD_DATA,
				 "VirtIOSCSIReq at 0x%llx: it is none of this device",
				 (unsigned long long)address);
	TRY(request_from_element(search->sampler, queue, address, &request));
	request.found_in = "SCSI requests";
	request_add_number(&request, "target", image_get(search->scsi, QEMU_SCSIDevice_id));
	request_add_number(&request, "lun", image_get(sreq, QEMU_SCSIRequest_lun));
	/* a copy of the header as the driver wrote it */
	if (tag->present && tag->size == 8)
		request_add_number(&request, "tag",
				   bytes_get_u64(req.bytes + tag->offset, device_byte_order(search->device)));
	if (qemu_has(qemu, QEMU_SCSIRequest_opcode) &&
	    add_opcode(&request, (uint8_t)image_get(sreq, QEMU_SCSIRequest_opcode)) &&
	    qemu_has(qemu, QEMU_SCSIRequest_lba))
		request_add_number(&request, "lba", image_get(sreq, QEMU_SCSIRequest_lba));
	if (qemu_has(qemu, QEMU_SCSIRequest_xfer))
		request_add_number(&request, "length", image_get(sreq, QEMU_SCSIRequest_xfer));
	TRY(set_start(search, sreq->address, &request));
	return requests_add(search->sampler, queue, &request);
}

static struct virtq_error *visit_requests(struct search *search)
{
	const struct qemu *qemu = search->sampler->qemu;
	struct list_walk walk = { 0 };
	struct image sreq;

	for (uint64_t address = image_get_link(search->scsi, QEMU_SCSIDevice_requests); address;
	     address = image_get_link(&sreq, QEMU_SCSIRequest_next)) {
		TRY(list_walk_step(qemu, &walk, address, "SCSI requests"));
		TRY(image_read(qemu, QEMU_STRUCT_SCSIRequest, address, "SCSIRequest", &sreq));
		if (image_get(&sreq, QEMU_SCSIRequest_dev) != search->scsi->address)
			return error_new(VIRTQ_ERROR_BAD_DATA,
					 "SCSIRequest at 0x%llx: it is none of this device",
					 (unsigned long long)address);
		TRY(add_request(search, &sreq));
	}
	return NULL;
}

static struct virtq_error *visit_device(void *argument, const struct image *scsi)
{
	struct search *search = argument;
	const struct qom_class *class;

	search->scsi = scsi;
	TRY(qom_class_of(search->sampler->qemu, &search->sampler->classes, scsi->bytes,
			 "SCSIDevice", &class));
	search->is_disk = qom_class_is(class, "scsi-disk-base");
	return visit_requests(search);
}

struct virtq_error *requests_of_scsi(struct sampler *sampler, struct device *device)
{
	const struct qemu *qemu = sampler->qemu;
	struct search search = { .sampler = sampler, .device = device };

	if (!qemu_has(qemu, QEMU_VirtIOSCSIReq_vq) || !qemu_has(qemu, QEMU_VirtIOSCSIReq_sreq) ||
	    !qemu_has(qemu, QEMU_VirtIOSCSIReq_dev) ||
	    !qemu_has(qemu, QEMU_SCSIRequest_hba_private) ||
	    !qemu_has(qemu, QEMU_SCSIDevice_requests) || !qemu_has(qemu, QEMU_SCSIRequest_next))
		return NULL;
	return requests_note_all(device, disk_visit_scsi(sampler, device, visit_device, &search));
}
