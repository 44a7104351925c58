/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Requests in flight of a device's queues. What the driver made available and
 * nobody has popped is in the ring (here); what the device holds is known best
 * to the device model, so each kind of device has a source of its own, listed
 * in requests.c; where that does not find all, the ring's history estimates.
 */
#ifndef VIRTQ_QEMU_REQUESTS_H
#define VIRTQ_QEMU_REQUESTS_H

#include "qemu/sampler.h"
#include "vring/chain.h"

/**
 * Fill the requests of all queues of a device whose queues and backends were
 * read. What cannot be found is noted in queue->requests_problem.
 * @return NO_MEMORY, or NO_PROCESS if the target is gone.
 */
MUST_CHECK struct virtq_error *requests_read(struct sampler *sampler, struct device *device);

/* ---- For sources ---------------------------------------------------------------- */

/**
 * A source: add what the device holds of its queues, as REQUEST_EXACT and
 * REQUEST_IN_DEVICE. Called once a device, and only if requests_wanted() of at
 * least one queue.
 * @return NO_MEMORY or NO_PROCESS; all else goes to requests_note().
 */
typedef struct virtq_error *requests_source(struct sampler *sampler, struct device *device);

/* The sources, one a kind of device; requests.c has the table. */
requests_source requests_of_block, requests_of_scsi, requests_of_net, requests_of_serial,
	requests_of_9p, requests_of_gpu, requests_of_balloon;
/* Those of any kind of device: what is known to vhost, and the log of VIRTIO_F_IN_ORDER. */
requests_source requests_of_vhost, requests_of_order;

/**
 * Say what the header of a chain says, for a request that is known by its
 * descriptors only. Reads no more of the guest's memory than the header.
 */
typedef void requests_describer(const struct device *device, const struct queue *queue,
				const struct chain *chain, const struct chain_memory *memory,
				struct request *request);
requests_describer request_describe_block, request_describe_scsi, request_describe_9p,
	request_describe_gpu;

/** Does the device hold requests of @queue (inuse, or a vhost device that is started)? */
bool requests_wanted(const struct queue *queue);

/**
 * Append a copy of @request. A head that is listed already as held by the
 * device, and one that is not below the queue's size, is not added again.
 * Beyond REQUESTS_KEPT_MAX, and REQUESTS_SAMPLE_MAX of all queues, it is
 * dropped and said in requests_problem.
 */
MUST_CHECK struct virtq_error *requests_add(struct sampler *sampler, struct queue *queue,
					    const struct request *request);

/** Note why requests of @queue could not be found, unless it is said already; takes over @error. */
void requests_note(struct queue *queue, struct virtq_error *error);

/**
 * The same for all queues of @device that requests_wanted() of.
 * @return @error if there is no use going on, else NULL.
 */
MUST_CHECK struct virtq_error *requests_note_all(struct device *device, struct virtq_error *error);

/** The queue whose VirtQueue is at @virtqueue, or NULL. */
struct queue *requests_find_queue(struct device *device, uint64_t virtqueue);

/** Append a field of the header; dropped beyond REQUEST_FIELDS_MAX. @name is static. */
void request_add_number(struct request *request, const char *name, uint64_t value);
/** @text is a word of virtq's own, as "in"; @value is the number it stands for. */
void request_add_word(struct request *request, const char *name, const char *text,
		      uint64_t value);
/** The kind of request, which is always text: @word, or the number in hexadecimal without one. */
void request_add_type(struct request *request, const char *word, uint64_t value);

/**
 * A request that the device holds, from the VirtQueueElement at @address:
 * head, REQUEST_EXACT, REQUEST_IN_DEVICE, and address. The caller adds
 * found_in and what it knows, then requests_add(), which completes it with
 * what the descriptors say.
 * @return BAD_DATA if its index is not below the size of @queue; the errors of
 *         target_read().
 */
MUST_CHECK struct virtq_error *request_from_element(const struct sampler *sampler,
						    const struct queue *queue, uint64_t address,
						    struct request *request_ret);

/** Of what was sampled, note when the device took @request; 0 and nonsense are ignored. */
void request_set_start(struct sampler *sampler, struct request *request, uint64_t started_ns);

#endif
