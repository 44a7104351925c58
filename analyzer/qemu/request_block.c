/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What virtio-blk holds. VirtIOBlock.rq lists only what is parked to be
 * restarted; a request that was submitted is known to its coroutine alone:
 * Coroutine.entry_arg is the BlkAioEmAIOCB whose common.opaque is the
 * VirtIOBlockReq (block/block-backend.c, blk_aio_prwv()).
 */
#include "base/checked.h"
#include "qemu/disk.h"
#include "qemu/requests.h"

/** struct virtio_blk_outhdr: le32 type, le32 ioprio, le64 sector (VIRTIO 1.2, section 5.2.6). */
enum { HEADER_SIZE = 16, HEADER_SECTOR = 8, STATUS_SIZE = 1, SECTOR_SIZE = 512 };

/** Types of requests; Linux' virtio_blk.h has them all. */
enum {
	TYPE_IN = 0,
	TYPE_OUT = 1,
	TYPE_FLUSH = 4,
	TYPE_DISCARD = 11,
	TYPE_WRITE_ZEROES = 13,
	TYPE_SECURE_ERASE = 14,
};

/** VIRTIO_BLK_T_BARRIER, a flag of old drivers. */
#define TYPE_BARRIER UINT32_C(0x80000000)

static const struct {
	uint32_t type;
	const char *word;
} words[] = {
	{ TYPE_IN, "in" },
	{ TYPE_OUT, "out" },
	{ 2, "scsi-cmd" },
	{ TYPE_FLUSH, "flush" },
	{ 8, "get-id" },
	{ 10, "get-lifetime" },
	{ TYPE_DISCARD, "discard" },
	{ TYPE_WRITE_ZEROES, "write-zeroes" },
	{ TYPE_SECURE_ERASE, "secure-erase" },
	{ 15, "zone-append" },
	{ 16, "zone-report" },
	{ 18, "zone-open" },
	{ 20, "zone-close" },
	{ 22, "zone-finish" },
	{ 24, "zone-reset" },
	{ 26, "zone-reset-all" },
};

static void add_type(struct request *request, uint32_t type)
{
	const char *word = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (words[i].type == type)
			word = words[i].word;
	}
	request_add_type(request, word, type);
}

static uint32_t header_type(const uint8_t *header, enum byte_order order)
{
	return bytes_get_u32(header, order) & ~TYPE_BARRIER;
}

void request_describe_block(const struct device *device, const struct queue *queue,
			    const struct chain *chain, const struct chain_memory *memory,
			    struct request *request)
{
	uint8_t header[HEADER_SIZE];

	(void)queue;
	/* an estimate may name a descriptor that holds data now; headers have a length of their own */
	if (request->source == REQUEST_ESTIMATED && chain->out[0].length != HEADER_SIZE)
		return;
	if (!chain_header(chain, memory, header, sizeof(header)))
		return;
	uint32_t type = header_type(header, device_byte_order(device));
	add_type(request, type);
	if (type != TYPE_IN && type != TYPE_OUT)
		return;
	request_add_number(request, "sector",
			   bytes_get_u64(header + HEADER_SECTOR, device_byte_order(device)));
	if (type == TYPE_IN && chain->in_length >= STATUS_SIZE)
		request_add_number(request, "length", chain->in_length - STATUS_SIZE);
	if (type == TYPE_OUT)
		request_add_number(request, "length", chain->out_length - HEADER_SIZE);
}

/* ---- VirtIOBlockReq ---------------------------------------------------------------- */

struct search {
	struct sampler *sampler;
	struct device *device;
	uint64_t blk;
};

/**
 * Data bytes of a read or write. The first of several merged requests has them
 * all in its iovec: those of the others, @rest, are not its own.
 */
static bool data_length(const struct image *req, uint32_t type, uint64_t rest, uint64_t *length_ret)
{
	uint64_t size = image_get(req, QEMU_VirtIOBlockReq_size);

	if (type == TYPE_IN && qemu_has(req->qemu, QEMU_VirtIOBlockReq_in_len)) {
		uint64_t in = image_get(req, QEMU_VirtIOBlockReq_in_len);

		*length_ret = in - STATUS_SIZE;
		return in >= STATUS_SIZE;
	}
	*length_ret = size - rest;
	return qemu_has(req->qemu, QEMU_VirtIOBlockReq_size) && size > rest;
}

/**
 * The VirtIOBlockReq at @address, if it is one of this device's.
 * @param acb its BlkAioEmAIOCB, or NULL if there is none.
 * @param rest bytes of the requests that were merged into it.
 * @return BAD_DATA if it is something else.
 */
static struct virtq_error *add_request(const struct search *search, uint64_t address,
				       const struct image *acb, uint64_t rest,
				       const char *found_in)
{
	const struct qemu *qemu = search->sampler->qemu;
	const struct layout_item *out = qemu_item(qemu, QEMU_VirtIOBlockReq_out);
	struct request request;
	struct image req;
	uint64_t length;

	TRY(image_read(qemu, QEMU_STRUCT_VirtIOBlockReq, address, "VirtIOBlockReq", &req));
	struct queue *queue =
		requests_find_queue(search->device, image_get(&req, QEMU_VirtIOBlockReq_vq));
	if (!queue || image_get(&req, QEMU_VirtIOBlockReq_dev) != search->device->address)
		return error_new(VIRTQ_ERROR_BAD_DATA,
				 "VirtIOBlockReq at 0x%llx: it is none of this device",
				 (unsigned long long)address);
	TRY(request_from_element(search->sampler, queue, address, &request));
	request.found_in = found_in;
	if (!out->present || out->size < HEADER_SIZE)
		return requests_add(search->sampler, queue, &request);

	uint32_t type = header_type(req.bytes + out->offset, device_byte_order(search->device));
	add_type(&request, type);
	if (type == TYPE_IN || type == TYPE_OUT) {
		request_add_number(&request, "sector", image_get(&req, QEMU_VirtIOBlockReq_sector_num));
		if (data_length(&req, type, rest, &length))
			request_add_number(&request, "length", length);
	} else if (acb && (type == TYPE_DISCARD || type == TYPE_WRITE_ZEROES)) {
		/* where is in the payload; the coroutine has it, too */
		request_add_number(&request, "sector",
				   image_get(acb, QEMU_BlkAioEmAIOCB_offset) / SECTOR_SIZE);
		request_add_number(&request, "length", image_get(acb, QEMU_BlkAioEmAIOCB_bytes));
	}
	/* of the others QEMU does not keep it */
	if (type == TYPE_IN || type == TYPE_OUT || type == TYPE_FLUSH || type == TYPE_DISCARD ||
	    type == TYPE_WRITE_ZEROES)
		request_set_start(search->sampler, &request,
				  image_get(&req, QEMU_VirtIOBlockReq_start_time));
	return requests_add(search->sampler, queue, &request);
}

/** Follow a list of VirtIOBlockReqs to the size of all their data. */
static struct virtq_error *merged_size(const struct qemu *qemu, uint64_t first, uint64_t *size_ret)
{
	struct list_walk walk = { 0 };
	struct image req;
	uint64_t size = 0;

	for (uint64_t address = first; address;) {
		TRY(list_walk_step(qemu, &walk, address, "merged requests"));
		TRY(image_read(qemu, QEMU_STRUCT_VirtIOBlockReq, address, "VirtIOBlockReq", &req));
		size += image_get(&req, QEMU_VirtIOBlockReq_size);
		address = image_get(&req, QEMU_VirtIOBlockReq_mr_next);
	}
	*size_ret = size;
	return NULL;
}

/** A request and those that were merged into it (submit_requests()). */
static struct virtq_error *add_merged(const struct search *search, uint64_t first,
				      const struct image *acb, const char *found_in)
{
	const struct qemu *qemu = search->sampler->qemu;
	struct list_walk walk = { 0 };
	uint64_t address, rest;

	TRY(target_read_pointer(qemu->target,
				qemu_member_address(qemu, first, QEMU_VirtIOBlockReq_mr_next),
				&address, "VirtIOBlockReq.mr_next"));
	TRY(merged_size(qemu, address, &rest));
	TRY(add_request(search, first, acb, rest, found_in));
	while (address) {
		TRY(list_walk_step(qemu, &walk, address, "merged requests"));
		TRY(add_request(search, address, NULL, 0, found_in));
		TRY(target_read_pointer(qemu->target,
					qemu_member_address(qemu, address,
							    QEMU_VirtIOBlockReq_mr_next),
					&address, "VirtIOBlockReq.mr_next"));
	}
	return NULL;
}

/* ---- Coroutines -------------------------------------------------------------------- */

/** Is @value the address of one of the functions @symbols? True if none of them is known. */
static bool is_one_of(const struct qemu *qemu, uint64_t value, const enum qemu_query *symbols,
		      size_t num)
{
	bool any = false;

	for (size_t i = 0; i < num; i++) {
		if (!qemu_has(qemu, symbols[i]))
			continue;
		if (value == qemu_symbol(qemu, symbols[i]))
			return true;
		any = true;
	}
	return !any;
}

/** Other coroutines (of block jobs, of other users of the node) are none of ours. */
static struct virtq_error *take_coroutine(const struct search *search, uint64_t address,
					  const char *found_in)
{
	static const enum qemu_query entries[] = {
		QEMU_SYMBOL_blk_aio_read_entry, QEMU_SYMBOL_blk_aio_write_entry,
		QEMU_SYMBOL_blk_aio_pdiscard_entry, QEMU_SYMBOL_blk_aio_flush_entry
	};
	static const enum qemu_query callbacks[] = {
		QEMU_SYMBOL_virtio_blk_rw_complete, QEMU_SYMBOL_virtio_blk_flush_complete,
		QEMU_SYMBOL_virtio_blk_discard_write_zeroes_complete
	};
	const struct qemu *qemu = search->sampler->qemu;
	struct image coroutine, acb;

	TRY(image_read(qemu, QEMU_STRUCT_Coroutine, address, "Coroutine", &coroutine));
	if (!is_one_of(qemu, image_get(&coroutine, QEMU_Coroutine_entry), entries,
		       ARRAY_SIZE(entries)))
		return NULL;
	TRY(image_read(qemu, QEMU_STRUCT_BlkAioEmAIOCB,
		       image_get(&coroutine, QEMU_Coroutine_entry_arg), "BlkAioEmAIOCB", &acb));
	if (image_get(&acb, QEMU_BlkAioEmAIOCB_blk) != search->blk ||
	    !is_one_of(qemu, image_get(&acb, QEMU_BlkAioEmAIOCB_cb), callbacks,
		       ARRAY_SIZE(callbacks)))
		return NULL;
	return add_merged(search, image_get(&acb, QEMU_BlkAioEmAIOCB_opaque), &acb, found_in);
}

static struct virtq_error *visit_coroutine(void *argument, uint64_t coroutine, const char *found_in)
{
	const struct search *search = argument;

	return requests_note_all(search->device, take_coroutine(search, coroutine, found_in));
}

/** VirtIOBlock.rq: failed requests that wait for the VM to go on, or that migration brought. */
static struct virtq_error *add_parked(const struct search *search)
{
	const struct qemu *qemu = search->sampler->qemu;
	struct list_walk walk = { 0 };
	uint64_t address;

	if (!qemu_has(qemu, QEMU_VirtIOBlock_rq) || !qemu_has(qemu, QEMU_VirtIOBlockReq_next))
		return NULL;
	TRY(target_read_pointer(qemu->target,
				qemu_member_address(qemu, search->device->address,
						    QEMU_VirtIOBlock_rq),
				&address, "VirtIOBlock.rq"));
	while (address) {
		TRY(list_walk_step(qemu, &walk, address, "parked requests"));
		TRY(add_request(search, address, NULL, 0, "parked requests"));
		TRY(target_read_pointer(qemu->target,
					qemu_member_address(qemu, address, QEMU_VirtIOBlockReq_next),
					&address, "VirtIOBlockReq.next"));
	}
	return NULL;
}

static bool layout_is_known(const struct qemu *qemu)
{
	static const enum qemu_query needed[] = {
		QEMU_VirtIOBlock_blk,	    QEMU_VirtIOBlockReq_dev,
		QEMU_VirtIOBlockReq_vq,	    QEMU_VirtIOBlockReq_mr_next,
		QEMU_Coroutine_entry_arg,   QEMU_BlkAioEmAIOCB_blk,
		QEMU_BlkAioEmAIOCB_opaque,  QEMU_BlkAioEmAIOCB_cb,
		QEMU_VirtQueueElement_index,
	};

	for (size_t i = 0; i < ARRAY_SIZE(needed); i++) {
		if (!qemu_has(qemu, needed[i]))
			return false;
	}
	return true;
}

struct virtq_error *requests_of_block(struct sampler *sampler, struct device *device)
{
	const struct qemu *qemu = sampler->qemu;
	struct search search = { .sampler = sampler, .device = device };

	if (!layout_is_known(qemu))
		return NULL;
	TRY(requests_note_all(device, target_read_pointer(qemu->target,
					     qemu_member_address(qemu, device->address,
								 QEMU_VirtIOBlock_blk),
					     &search.blk, "VirtIOBlock.blk")));
	TRY(requests_note_all(device, add_parked(&search)));
	if (!search.blk)
		return NULL;
	return requests_note_all(device, disk_visit(sampler, search.blk, visit_coroutine, &search));
}
