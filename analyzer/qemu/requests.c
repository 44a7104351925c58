/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is in flight in a queue, from up to three places: the device model's
 * own lists (exact; see the sources), the available ring between
 * last_avail_idx and its end (exact: the driver cannot use those slots again),
 * and, if the first does not account for all that the device holds, the
 * history that both rings still show (an estimate; split only).
 */
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "qemu/queue.h"
#include "qemu/requests.h"
#include "qemu/ring.h"
#include "qemu/sample.h"
#include "target/hold.h"

/** Kinds of devices. One that is not here has no exact source. */
static const struct requests_kind {
	const char *type; /**< QOM type. */
	requests_source *source;
	requests_describer *describe;
} kinds[] = {
	{ "virtio-blk-device", requests_of_block, request_describe_block },
	{ "virtio-scsi-device", requests_of_scsi, request_describe_scsi },
	{ "virtio-net-device", requests_of_net, NULL },
	{ "virtio-serial-device", requests_of_serial, NULL },
	{ "virtio-9p-device", requests_of_9p, request_describe_9p },
	{ "virtio-gpu-device", requests_of_gpu, request_describe_gpu },
	{ "virtio-balloon-device", requests_of_balloon, NULL },
	{ "vhost-user-blk", NULL, request_describe_block },
	{ "vhost-scsi-common", NULL, request_describe_scsi },
};

/* ---- For sources ------------------------------------------------------------------- */

static bool outstanding_in_vhost(const struct queue *queue)
{
	return queue->vhost && fact_known(queue->avail_idx) && fact_known(queue->used_ring_idx) &&
	       fact_distance(queue->avail_idx, queue->used_ring_idx);
}

bool requests_wanted(const struct queue *queue)
{
	if (!queue->readable || !queue->set_up || queue->vhost_unknown)
		return false;
	return queue->vhost ? outstanding_in_vhost(queue) : fact_true(queue->inuse);
}

void requests_note(struct queue *queue, struct virtq_error *error)
{
	sampler_set_problem(&queue->requests_problem, error);
}

struct virtq_error *requests_note_all(struct device *device, struct virtq_error *error)
{
	if (error_is_fatal(error))
		return error;
	for (size_t i = 0; error && i < device->queue_num; i++) {
		struct queue *queue = &device->queues[i];

		if (requests_wanted(queue) && !queue->requests_problem)
			requests_note(queue, error_copy(error));
	}
	virtq_error_destroy(error);
	return NULL;
}

struct queue *requests_find_queue(struct device *device, uint64_t virtqueue)
{
	for (size_t i = 0; i < device->queue_num; i++) {
		if (virtqueue && device->queues[i].address == virtqueue)
			return &device->queues[i];
	}
	return NULL;
}

/** Is @head among the requests that the device holds? */
static bool is_held(const struct queue *queue, uint64_t head)
{
	for (size_t i = 0; i < queue->request_num; i++) {
		const struct request *request = &queue->requests[i];

		if (request->stage == REQUEST_IN_DEVICE && fact_is(request->head, head))
			return true;
	}
	return false;
}

/**
 * Did another source find it before? Two objects of QEMU with the same head are
 * two requests: the driver used the head again before the first was done.
 */
static bool is_known(const struct queue *queue, const struct request *request)
{
	for (size_t i = 0; i < queue->request_num; i++) {
		const struct request *known = &queue->requests[i];

		if (known->stage == REQUEST_IN_DEVICE && fact_equal(known->head, request->head) &&
		    (!known->address || !request->address || known->address == request->address))
			return true;
	}
	return false;
}

struct virtq_error *requests_add(struct sampler *sampler, struct queue *queue,
				 const struct request *request)
{
	if (request->stage == REQUEST_IN_DEVICE && fact_known(request->head) &&
	    (request->head.value >= queue->vring_num.value || is_known(queue, request)))
		return NULL;
	if (queue->request_num >= REQUESTS_KEPT_MAX) {
		requests_note(queue, error_new(VIRTQ_ERROR_LIMIT, "more than %d, the rest was left out",
					       REQUESTS_KEPT_MAX));
		return NULL;
	}
	if (sampler->request_num >= REQUESTS_SAMPLE_MAX) {
		requests_note(queue, error_new(VIRTQ_ERROR_LIMIT,
					       "more than %d of all queues, the rest was left out",
					       REQUESTS_SAMPLE_MAX));
		return NULL;
	}
	/* the array is doubled whenever it holds a power of two */
	if (!(queue->request_num & (queue->request_num - 1))) {
		struct request *requests =
			reallocarray(queue->requests, queue->request_num ? 2 * queue->request_num : 1,
				     sizeof(*requests));

		if (!requests)
			return &virtq_error_no_memory;
		queue->requests = requests;
	}
	queue->requests[queue->request_num++] = *request;
	sampler->request_num++;
	return NULL;
}

void request_add_number(struct request *request, const char *name, uint64_t value)
{
	request_add_word(request, name, "", value);
}

void request_add_word(struct request *request, const char *name, const char *text,
		      uint64_t value)
{
	if (request->field_num >= REQUEST_FIELDS_MAX)
		return;
	struct request_field *field = &request->fields[request->field_num++];

	*field = (struct request_field){ .name = name, .value = value };
	strncpy(field->text, text, sizeof(field->text) - 1);
}

void request_add_type(struct request *request, const char *word, uint64_t value)
{
	char number[24];

	snprintf(number, sizeof(number), "0x%llx", (unsigned long long)value);
	request_add_word(request, "type", word ? word : number, value);
}

struct virtq_error *request_from_element(const struct sampler *sampler, const struct queue *queue,
					 uint64_t address, struct request *request_ret)
{
	const struct qemu *qemu = sampler->qemu;
	struct image element;

	if (!qemu_has(qemu, QEMU_VirtQueueElement_index))
		return error_new(VIRTQ_ERROR_NOT_FOUND,
				 "VirtQueueElement is not in this binary's debug info");
	TRY(image_read(qemu, QEMU_STRUCT_VirtQueueElement, address, "VirtQueueElement", &element));
	uint64_t head = image_get(&element, QEMU_VirtQueueElement_index);
	uint64_t slots = queue->packed ? image_get(&element, QEMU_VirtQueueElement_ndescs) : 1;
	if (head >= queue->vring_num.value || slots > queue->vring_num.value)
		return error_new(VIRTQ_ERROR_BAD_DATA,
				 "VirtQueueElement at 0x%llx: index is %llu, the queue has %llu entries",
				 (unsigned long long)address, (unsigned long long)head,
				 (unsigned long long)queue->vring_num.value);
	*request_ret = (struct request){ .head = fact_of(head),
					 .source = REQUEST_EXACT,
					 .stage = REQUEST_IN_DEVICE,
					 .slots = (unsigned int)slots,
					 .address = address };
	return NULL;
}

void request_set_start(struct sampler *sampler, struct request *request, uint64_t started_ns)
{
	if ((int64_t)started_ns <= 0)
		return;
	request->started_ns = started_ns;
	if (started_ns > sampler->sample->newest_ns)
		sampler->sample->newest_ns = started_ns;
}

/* ---- Guest memory ------------------------------------------------------------------ */

enum { GUEST_PAGE = 4096 };

static bool read_guest(void *argument, uint64_t gpa, void *buffer, size_t length)
{
	struct sampler *sampler = argument;
	uint8_t *to = buffer;
	struct virtq_error *error = NULL;

	/* by pages: it may go from one range to another one */
	while (length && !error) {
		size_t part = GUEST_PAGE - gpa % GUEST_PAGE;
		uint64_t hva;

		if (part > length)
			part = length;
		error = guest_memory_translate(&sampler->memory, gpa, part, &hva);
		if (!error)
			error = target_read(sampler->qemu->target, hva, to, part, "descriptors");
		gpa += part;
		to += part;
		length -= part;
	}
	bool read = !error;
	virtq_error_destroy(error);
	return read;
}

/** What is in a range that is no RAM may be a device's memory or an IOMMU's. */
static bool is_outside_guest(void *argument, uint64_t gpa, uint64_t length)
{
	const struct sampler *sampler = argument;

	return guest_memory_is_outside(&sampler->memory, gpa, length);
}

/* ---- One queue's ring -------------------------------------------------------------- */

struct gathering {
	struct sampler *sampler;
	const struct device *device;
	struct queue *queue;
	const struct requests_kind *kind; /**< NULL: of no known kind. */
	struct chain_memory memory;
	struct ring_area areas[RING_AREAS];
	enum byte_order order;
	unsigned int num; /**< Entries of the ring. */
	uint8_t desc[VRING_NUM_MAX * CHAIN_DESC_SIZE];
	uint8_t avail[VRING_HEADER_SIZE + VRING_NUM_MAX * 2];
	uint8_t used[VRING_HEADER_SIZE + VRING_NUM_MAX * 8];
};

static struct virtq_error *read_part(struct gathering *gathering, unsigned int area,
				     size_t offset, void *buffer, size_t length, const char *what)
{
	if (offset + length > gathering->areas[area].length)
		return error_new(VIRTQ_ERROR_BAD_DATA,
				 "%s: QEMU has mapped %llu bytes there, expected at least %zu", what,
				 (unsigned long long)gathering->areas[area].length, offset + length);
	return target_read(gathering->sampler->qemu->target,
			   gathering->areas[area].hva + offset, buffer, length, what);
}

static struct virtq_error *read_area(struct gathering *gathering, unsigned int area,
				     void *buffer, size_t length, const char *what)
{
	return read_part(gathering, area, 0, buffer, length, what);
}

/** Complete a request with what its descriptors say; with the header, too, if it has no fields. */
static void apply_chain(struct gathering *gathering, const struct chain *chain,
			struct request *request)
{
	/* the device took it, so it was whole then: the estimate is wrong, or the driver wrote since */
	if (chain->fault && request->stage == REQUEST_IN_DEVICE) {
		request->fault = CHAIN_UNREADABLE;
		return;
	}
	request->descriptors = fact_of(chain->descriptors);
	request->out_length = fact_of(chain->out_length);
	request->in_length = fact_of(chain->in_length);
	if (chain->has_indirect)
		request->indirect = fact_of(chain->indirect);
	request->fault = chain->fault;
	if (!chain->fault && !request->field_num && gathering->kind && gathering->kind->describe)
		gathering->kind->describe(gathering->device, gathering->queue, chain,
					  &gathering->memory, request);
}

static uint16_t avail_head(const struct gathering *gathering, uint16_t position)
{
	return bytes_get_u16(gathering->avail + VRING_HEADER_SIZE +
				     2 * (size_t)(position % gathering->num),
			     gathering->order);
}

static uint32_t used_head(const struct gathering *gathering, uint16_t position)
{
	return bytes_get_u32(gathering->used + VRING_HEADER_SIZE +
				     8 * (size_t)(position % gathering->num),
			     gathering->order);
}

/**
 * Most descriptors that are followed in one sample: each ring may be full of
 * chains as long as the ring, and a guest may make them so.
 */
enum { DESCRIPTORS_MAX = 1 << 21, COST_OF_INDIRECT = 64 };

/**
 * Follow the chain that begins at @start: a head, or a slot of a packed ring.
 * @return false if there were too many: the chain is as one that cannot be read.
 */
static bool follow(struct gathering *gathering, uint16_t start, struct chain *chain)
{
	const struct chain_table table = { gathering->desc, gathering->num, gathering->order };
	size_t *num = &gathering->sampler->descriptor_num;

	*chain = (struct chain){ .fault = CHAIN_UNREADABLE };
	if (*num >= DESCRIPTORS_MAX) {
		requests_note(gathering->queue,
			      error_new(VIRTQ_ERROR_LIMIT,
					"more than %d descriptors of all queues, the rest was left out",
					DESCRIPTORS_MAX));
		return false;
	}
	if (gathering->queue->packed)
		chain_decode_packed(&table, start, &gathering->memory, chain);
	else
		chain_decode_split(&table, start, &gathering->memory, chain);
	*num += 1 + chain->descriptors + (chain->has_indirect ? COST_OF_INDIRECT : 0);
	return true;
}

/** Add the chain that begins at descriptor @head. */
static struct virtq_error *add_head(struct gathering *gathering, uint16_t head,
				    struct request request)
{
	struct chain chain;

	follow(gathering, head, &chain);
	request.head = fact_of(head);
	apply_chain(gathering, &chain, &request);
	return requests_add(gathering->sampler, gathering->queue, &request);
}

/** Complete what the sources found: descriptors stay as they are until a request is used. */
static void complete_split(struct gathering *gathering)
{
	for (size_t i = 0; i < gathering->queue->request_num; i++) {
		struct request *request = &gathering->queue->requests[i];
		struct chain chain;

		if (!fact_known(request->head) || fact_known(request->descriptors))
			continue;
		follow(gathering, (uint16_t)request->head.value, &chain);
		apply_chain(gathering, &chain, request);
	}
}

/* ---- Available, not popped --------------------------------------------------------- */

static const struct request available = { .source = REQUEST_EXACT,
					  .stage = REQUEST_AVAILABLE,
					  .found_in = "available ring" };

/**
 * A device that is broken refused the last chain that it popped: in a split
 * ring last_avail_idx is behind that, but inuse does not count it.
 */
static bool has_refused(const struct device *device, const struct queue *queue)
{
	return fact_true(device->broken) && !queue->packed && fact_known(queue->inuse) &&
	       fact_known(queue->used_idx) &&
	       fact_distance(queue->last_avail_idx, queue->used_idx) == queue->inuse.value + 1;
}

/** The first entry that was not popped. A vhost device's is known if it says what it has. */
static struct fact first_available(const struct queue *queue)
{
	if (!queue->vhost)
		return queue->last_avail_idx;
	if (!fact_known(queue->vhost_inflight) || !fact_known(queue->used_ring_idx))
		return (struct fact){ 0 };
	return fact_of((uint16_t)(queue->used_ring_idx.value + queue->vhost_inflight.value));
}

static struct virtq_error *add_available_split(struct gathering *gathering)
{
	struct queue *queue = gathering->queue;
	uint16_t first = (uint16_t)first_available(queue).value;
	uint16_t num = fact_distance(queue->avail_idx, first_available(queue));
	struct request request = available;

	if (has_refused(gathering->device, queue)) {
		request.found_in = "refused by the device";
		TRY(add_head(gathering, avail_head(gathering, (uint16_t)(first - 1)), request));
	}
	/* buffers that wait for events are no requests */
	if (queue->kind == QUEUE_PREPOSTED)
		return NULL;
	if (num > gathering->num) {
		requests_note(queue, error_new(VIRTQ_ERROR_BAD_DATA,
					       "the driver's index is %u ahead, the ring has %u entries",
					       num, gathering->num));
		return NULL;
	}
	for (uint16_t i = 0; i < num; i++)
		TRY(add_head(gathering, avail_head(gathering, (uint16_t)(first + i)), available));
	return NULL;
}

static struct virtq_error *add_available_packed(struct gathering *gathering)
{
	struct queue *queue = gathering->queue;
	unsigned int slot = (unsigned int)queue->last_avail_idx.value;
	bool wrap = fact_true(queue->last_avail_wrap_counter);

	if (queue->kind == QUEUE_PREPOSTED && !fact_true(gathering->device->broken))
		return NULL;
	for (unsigned int walked = 0; walked < gathering->num && slot < gathering->num;) {
		struct request request = available;
		struct chain chain;
		uint16_t flags = bytes_get_u16(gathering->desc + (size_t)slot * CHAIN_DESC_SIZE +
						       VRING_PACKED_DESC_FLAGS,
					       gathering->order);

		if (!vring_packed_is_available(flags, wrap) ||
		    !follow(gathering, (uint16_t)slot, &chain))
			break;
		request.head = fact_of(chain.id);
		request.slots = chain.slots;
		apply_chain(gathering, &chain, &request);
		TRY(requests_add(gathering->sampler, queue, &request));
		/* where the next one begins is not known then */
		if (chain.fault || queue->kind == QUEUE_PREPOSTED)
			break;
		walked += chain.slots;
		slot += chain.slots;
		if (slot >= gathering->num) {
			slot -= gathering->num;
			wrap = !wrap;
		}
	}
	return NULL;
}

/* ---- Estimates from the rings' history --------------------------------------------- */

/** A head that was popped, and how long ago it was last seen in each ring. */
struct candidate {
	uint16_t head;
	int since_avail; /**< Entries ago, from last_avail_idx; 1 is the last one popped. */
	int age; /**< Orders candidates: the likelier to be in flight, the smaller. */
	bool sure; /**< The used ring has not seen it since: it is in flight. */
};

static int compare_candidates(const void *left, const void *right)
{
	const struct candidate *a = left, *b = right;

	if (a->age != b->age)
		return a->age < b->age ? -1 : 1;
	return a->since_avail > b->since_avail ? -1 : a->since_avail < b->since_avail;
}

/**
 * Rank the heads that were popped: one that the used ring has not seen since
 * is in flight for sure, and of the others those whose last use lies longest
 * before their last submission. (Both rings only show their last lap: a head
 * that is outstanding for longer than that is not among them.)
 * @return how many; at most @num.
 */
static size_t rank_heads(const struct gathering *gathering, struct candidate *candidates)
{
	const struct queue *queue = gathering->queue;
	uint16_t last_avail = (uint16_t)queue->last_avail_idx.value;
	uint16_t used_idx = (uint16_t)queue->used_ring_idx.value;
	int unpopped = fact_distance(queue->avail_idx, queue->last_avail_idx);
	int popped = (uint16_t)(last_avail - used_idx);
	int num = (int)gathering->num;
	int since_used[VRING_NUM_MAX] = { 0 };
	bool seen[VRING_NUM_MAX] = { false };
	size_t candidate_num = 0;

	for (int ago = num; ago >= 1; ago--) {
		uint32_t head = used_head(gathering, (uint16_t)(used_idx - ago));

		/* before the first lap is over, slots that were never written are behind index 0 */
		if (head < gathering->num && (ago <= used_idx || head))
			since_used[head] = ago;
	}
	for (int ago = 1; ago <= num - unpopped; ago++) {
		uint16_t head = avail_head(gathering, (uint16_t)(last_avail - ago));

		if (head >= gathering->num || seen[head] || (ago > last_avail && !head))
			continue;
		seen[head] = true;
		if (is_held(queue, head))
			continue;
		/* how far the last use is before the submission, on the used ring's count */
		int distance = since_used[head] ? ago - since_used[head] - popped : -2 * num;
		if (distance >= 0)
			continue;
		candidates[candidate_num++] =
			(struct candidate){ head, ago, distance, !since_used[head] };
	}
	qsort(candidates, candidate_num, sizeof(*candidates), compare_candidates);
	return candidate_num;
}

static struct virtq_error *add_estimated(struct gathering *gathering, size_t missing)
{
	static const struct request estimated = { .source = REQUEST_ESTIMATED,
						  .stage = REQUEST_IN_DEVICE,
						  .found_in = "history of the rings",
						  .slots = 1 };
	struct candidate candidates[VRING_NUM_MAX];

	if (!fact_known(gathering->queue->used_ring_idx) ||
	    fact_distance(gathering->queue->avail_idx, gathering->queue->last_avail_idx) >
		    gathering->num)
		return NULL;
	size_t num = rank_heads(gathering, candidates);
	for (size_t i = 0; i < num && i < missing; i++) {
		struct chain_memory memory = gathering->memory;

		/* of one that may have ended long ago the memory may hold something else by now */
		if (!candidates[i].sure)
			gathering->memory.read = NULL;
		struct virtq_error *error = add_head(gathering, candidates[i].head, estimated);
		gathering->memory = memory;
		TRY(error);
	}
	return NULL;
}

/* ---- A queue ----------------------------------------------------------------------- */

/** What the requests that the device is known to hold add to inuse. */
static uint64_t count_held(const struct queue *queue)
{
	uint64_t num = 0;

	for (size_t i = 0; i < queue->request_num; i++) {
		if (queue->requests[i].stage == REQUEST_IN_DEVICE)
			num += queue->requests[i].slots ? queue->requests[i].slots : 1;
	}
	return num;
}

/** Is something in the ring that was not popped? Under vhost last_avail_idx says nothing. */
static bool has_available(const struct queue *queue)
{
	if (queue->vhost)
		return false;
	return queue->packed ? fact_true(queue->next_available) :
			       fact_known(queue->avail_idx) &&
				       fact_distance(queue->avail_idx, queue->last_avail_idx);
}

static struct virtq_error *read_ring(struct gathering *gathering)
{
	const struct queue *queue = gathering->queue;

	TRY(ring_locate(gathering->sampler, gathering->device, gathering->queue,
			gathering->areas));
	TRY(read_area(gathering, RING_DESC, gathering->desc,
		      (size_t)gathering->num * CHAIN_DESC_SIZE, "descriptors"));
	if (!queue->packed)
		TRY(read_area(gathering, RING_AVAIL, gathering->avail,
			      VRING_HEADER_SIZE + 2 * (size_t)gathering->num, "available ring"));
	return NULL;
}

/** Add what the ring says to what the source said. */
static struct virtq_error *gather_from_ring(struct gathering *gathering, uint64_t missing)
{
	struct queue *queue = gathering->queue;

	TRY(read_ring(gathering));
	if (queue->packed)
		return add_available_packed(gathering);
	complete_split(gathering);
	if (missing && missing <= gathering->num && !queue->vhost) {
		TRY(read_area(gathering, RING_USED, gathering->used,
			      VRING_HEADER_SIZE + 8 * (size_t)gathering->num, "used ring"));
		TRY(add_estimated(gathering, (size_t)missing));
	}
	return first_available(queue).state == FACT_KNOWN ? add_available_split(gathering) : NULL;
}

/**
 * Does the ring say that more was used than was sampled? Under vhost nothing else
 * does, and QEMU tells the guest before it counts itself.
 */
static struct virtq_error *has_used(struct gathering *gathering, bool *moved_ret)
{
	const struct queue *queue = gathering->queue;
	uint8_t header[VRING_HEADER_SIZE];

	TRY(read_area(gathering, RING_USED, header, sizeof(header), "used ring"));
	*moved_ret |= !fact_is(queue->used_ring_idx,
			       vring_header_decode(header, gathering->order).idx);
	return NULL;
}

/**
 * The same of a packed ring: is the slot used that QEMU is to use next? A ring that
 * was overwritten says so, too, so it is no witness that the queue moved.
 */
static struct virtq_error *check_unused(struct gathering *gathering)
{
	const struct queue *queue = gathering->queue;
	size_t slot = (size_t)queue->used_idx.value;
	uint8_t flags[2];

	if (!fact_known(queue->used_wrap_counter) || slot >= gathering->num)
		return NULL;
	TRY(read_part(gathering, RING_DESC, slot * CHAIN_DESC_SIZE + VRING_PACKED_DESC_FLAGS, flags,
		      sizeof(flags), "descriptor at used_idx"));
	if (!vring_packed_is_used(bytes_get_u16(flags, gathering->order),
				  fact_true(queue->used_wrap_counter)))
		return NULL;
	return error_new(VIRTQ_ERROR_NOT_FOUND, "slot %zu is used, of which QEMU does not say so", slot);
}

static struct virtq_error *has_popped(const struct qemu *qemu, const struct queue *queue,
				      bool *moved_ret)
{
	struct image virtqueue;

	TRY(image_read(qemu, QEMU_STRUCT_VirtQueue, queue->address, "VirtQueue", &virtqueue));
	*moved_ret |= queue_has_moved(qemu, virtqueue.bytes, queue);
	return NULL;
}

/** Has a live queue moved on since it was sampled? */
static struct virtq_error *has_moved(struct gathering *gathering, bool *moved_ret)
{
	const struct queue *queue = gathering->queue;

	if (!queue->vhost)
		TRY(has_popped(gathering->sampler->qemu, queue, moved_ret));
	return queue->packed ? check_unused(gathering) : has_used(gathering, moved_ret);
}

/**
 * Gather from the ring of a live target. A request that ended since the queue was
 * sampled is the driver's again: its descriptors, and what they point to, may by
 * now be anything that the guest keeps there. Nothing of them is believed, or told
 * to whoever records what is read, unless the queue is seen to stand still.
 */
static struct virtq_error *gather_live(struct gathering *gathering, uint64_t missing)
{
	struct queue *queue = gathering->queue;
	size_t num = queue->request_num;
	_cleanup_free_ struct request *requests = array_new(num, sizeof(*requests));
	struct virtq_error *error, *problem = NULL;
	struct target_hold hold;
	bool moved = queue->torn;

	if (!requests)
		return &virtq_error_no_memory;
	if (num)
		memcpy(requests, queue->requests, num * sizeof(*requests));
	target_hold(gathering->sampler->qemu->target, &hold);
	error = moved ? NULL : gather_from_ring(gathering, missing);
	if (!moved && !error_is_fatal(error))
		problem = has_moved(gathering, &moved);
	if (moved && !problem)
		problem = error_new(VIRTQ_ERROR_NOT_FOUND,
				    "the queue moved while its requests were looked for");
	if (problem) {
		target_hold_forget(&hold, 0, SIZE_MAX);
		if (num)
			memcpy(queue->requests, requests, num * sizeof(*requests));
		gathering->sampler->request_num -= queue->request_num - num;
		queue->request_num = num;
	}
	target_hold_release(&hold);
	/* a request may be in the lists of both moments: no rule may look at them */
	queue->torn |= moved;
	if (problem && (!error || moved)) {
		virtq_error_destroy(error);
		return problem;
	}
	virtq_error_destroy(problem);
	return error;
}

/** Of a ring that could not be read to the end, descriptors prove nothing. */
static void withdraw_faults(struct queue *queue)
{
	for (size_t i = 0; i < queue->request_num; i++) {
		if (queue->requests[i].fault)
			queue->requests[i].fault = CHAIN_UNREADABLE;
	}
}

/** What the reader is told when not all is known for sure. */
static void note_missing(struct queue *queue, uint64_t held)
{
	uint64_t exact = 0;

	for (size_t i = 0; i < queue->request_num; i++) {
		if (queue->requests[i].stage == REQUEST_IN_DEVICE &&
		    queue->requests[i].source == REQUEST_EXACT)
			exact++;
	}
	requests_note(queue, error_new(VIRTQ_ERROR_NOT_FOUND,
				       "the device holds %llu, of which %llu are known for sure",
				       (unsigned long long)held, (unsigned long long)exact));
}

/** A request and where it was found: qsort() need not keep the order of what compares equal. */
struct ranked {
	const struct request *request;
};

/** What the device holds before what it does not; a known start before none; early before late. */
static int compare_requests(const void *left, const void *right)
{
	const struct request *a = ((const struct ranked *)left)->request;
	const struct request *b = ((const struct ranked *)right)->request;

	if (a->stage != b->stage)
		return a->stage == REQUEST_IN_DEVICE ? -1 : 1;
	if (!a->started_ns != !b->started_ns)
		return a->started_ns ? -1 : 1;
	if (a->started_ns != b->started_ns)
		return a->started_ns < b->started_ns ? -1 : 1;
	return a < b ? -1 : a > b;
}

static struct virtq_error *sort_requests(struct queue *queue)
{
	size_t num = queue->request_num;

	if (num < 2)
		return NULL;
	_cleanup_free_ struct ranked *ranked = array_new(num, sizeof(*ranked));
	_cleanup_free_ struct request *sorted = array_new(num, sizeof(*sorted));
	if (!ranked || !sorted)
		return &virtq_error_no_memory;
	for (size_t i = 0; i < num; i++)
		ranked[i].request = &queue->requests[i];
	qsort(ranked, num, sizeof(*ranked), compare_requests);
	for (size_t i = 0; i < num; i++)
		sorted[i] = *ranked[i].request;
	memcpy(queue->requests, sorted, num * sizeof(*sorted));
	return NULL;
}

static struct virtq_error *gather(struct gathering *gathering)
{
	struct queue *queue = gathering->queue;
	uint64_t held = queue->vhost ? 0 : queue->inuse.value;
	uint64_t exact = count_held(queue);
	uint64_t missing = held > exact ? held - exact : 0;
	struct virtq_error *error = target_get_info(gathering->sampler->qemu->target)->live ?
					    gather_live(gathering, missing) :
					    gather_from_ring(gathering, missing);

	if (error_is_fatal(error))
		return error;
	if (error)
		withdraw_faults(queue);
	requests_note(queue, error);
	if (!queue->vhost && exact != held)
		note_missing(queue, held);
	else if (queue->vhost && !queue->request_num && !fact_known(queue->vhost_inflight) &&
		 queue->kind != QUEUE_PREPOSTED)
		requests_note(queue, error_new(VIRTQ_ERROR_NOT_FOUND,
					       "which ones the vhost device holds is not known"));
	queue->requests_complete = (queue->vhost ? fact_known(queue->vhost_inflight) : exact == held) &&
				   !queue->requests_problem && queue->kind != QUEUE_PREPOSTED;
	return sort_requests(queue);
}

/* ---- A device ---------------------------------------------------------------------- */

static const struct requests_kind *kind_of(struct sampler *sampler, const struct device *device)
{
	const struct qom_class *class = device_class(sampler, device);

	for (size_t i = 0; class && i < ARRAY_SIZE(kinds); i++) {
		if (qom_class_is(class, kinds[i].type))
			return &kinds[i];
	}
	return NULL;
}

/** Is there anything to be found of @queue? */
static bool is_of_interest(const struct device *device, const struct queue *queue)
{
	/* by indices that may be stale, what is finished long ago waits, and its memory is the guest's */
	if (!queue->readable || !queue->set_up || queue->vhost_unknown || !fact_known(queue->inuse) ||
	    !queue->vring_num.value || queue->vring_num.value > VRING_NUM_MAX)
		return false;
	return requests_wanted(queue) ||
	       (has_available(queue) && (queue->kind != QUEUE_PREPOSTED || fact_true(device->broken))) ||
	       has_refused(device, queue);
}

struct virtq_error *requests_read(struct sampler *sampler, struct device *device)
{
	const struct requests_kind *kind = NULL;
	struct virtq_error *error = NULL;
	bool any = false, wanted = false;

	for (size_t i = 0; i < device->queue_num; i++) {
		any |= is_of_interest(device, &device->queues[i]);
		wanted |= requests_wanted(&device->queues[i]);
	}
	if (!any)
		return NULL;
	_cleanup_free_ struct gathering *gathering = array_new(1, sizeof(*gathering));
	if (!gathering)
		return &virtq_error_no_memory;
	kind = kind_of(sampler, device);
	if (kind && kind->source && wanted)
		TRY(kind->source(sampler, device));
	if (wanted) {
		TRY(requests_of_vhost(sampler, device));
		TRY(requests_of_order(sampler, device));
	}
	/* since the rings were read memory may have been plugged; without any, chains are
	 * told as far as the ring itself goes */
	sampler->memory.vdev = 0;
	error = guest_memory_of(sampler->qemu, device->address, &sampler->memory);
	if (error_is_fatal(error))
		return error;
	virtq_error_destroy(error);
	error = NULL;
	for (size_t i = 0; !error && i < device->queue_num; i++) {
		struct queue *queue = &device->queues[i];

		if (!is_of_interest(device, queue))
			continue;
		gathering->sampler = sampler;
		gathering->device = device;
		gathering->queue = queue;
		/* those of the queue before must not be taken for its own */
		memset(gathering->areas, 0, sizeof(gathering->areas));
		gathering->kind = kind;
		gathering->memory =
			(struct chain_memory){ read_guest, is_outside_guest, sampler };
		gathering->order = device_byte_order(device);
		gathering->num = (unsigned int)queue->vring_num.value;
		error = gather(gathering);
	}
	return error;
}

void qemu_set_ages(struct sample *sample, uint64_t now_ns, uint64_t oldest_ns)
{
	uint64_t now = now_ns ? now_ns : sample->newest_ns;

	for (size_t i = 0; i < sample->device_num; i++) {
		for (size_t j = 0; j < sample->devices[i].queue_num; j++) {
			const struct queue *queue = &sample->devices[i].queues[j];

			for (size_t k = 0; k < queue->request_num; k++) {
				struct request *request = &queue->requests[k];
				uint64_t started = request->started_ns;

				/* a start in the future is of another clock (qtest's, a time namespace's) */
				if (!started || started > now ||
				    (oldest_ns && now - started > oldest_ns) ||
				    (!now_ns && started == now))
					continue;
				request->age_ns = fact_of(now - started);
				request->age_is_least = !now_ns;
			}
		}
	}
}
