/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Samples with any facts: the input is two samples of one device with two
 * queues, backends, requests, event loops and threads, fact by fact, which are
 * diagnosed and rendered.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "fuzz_model.h"

enum { QUEUES = 2 };

/** A fact in three bytes: how it is known, and a number, which is small most of the time. */
static struct fact take_fact(struct cursor *cursor)
{
	uint8_t how = (uint8_t)cursor_take_unsigned(cursor, 1);
	uint64_t value = cursor_take_unsigned(cursor, 2);

	switch (how & 7) {
	case 0:
		return (struct fact){ 0 };
	case 1:
		return fact_unreadable();
	case 2:
		return fact_of(value << (how >> 2));
	case 3:
		return fact_of(~value);
	default:
		return fact_of(value);
	}
}

static void take_facts(struct cursor *cursor, void *base, const struct fact_descriptor *descriptors,
		       size_t num)
{
	for (size_t i = 0; i < num; i++)
		*(struct fact *)((char *)base + descriptors[i].offset) = take_fact(cursor);
}

/** A name of up to 15 bytes, which may be any. */
static char *take_name(struct cursor *cursor)
{
	char name[16] = { 0 };
	size_t length = cursor_take_unsigned(cursor, 1) % 20;

	if (length > 15)
		return NULL;
	for (size_t i = 0; i < length; i++)
		name[i] = (char)cursor_take_unsigned(cursor, 1);
	return strdup(name);
}

/** Elements of a small array: none most of the time. */
static size_t take_count(struct cursor *cursor, size_t most)
{
	size_t count = cursor_take_unsigned(cursor, 1);

	return count <= most ? count : 0;
}

static void *take_array(size_t num, size_t size)
{
	void *array = calloc(num ? num : 1, size);

	if (!array)
		abort();
	return array;
}

static void take_requests(struct cursor *cursor, struct queue *queue)
{
	static const char *const lists[] = { NULL, "tracked requests" };

	queue->request_num = take_count(cursor, 6);
	queue->requests = take_array(queue->request_num, sizeof(*queue->requests));
	queue->requests_complete = queue->request_num & 1;
	for (size_t i = 0; i < queue->request_num; i++) {
		struct request *request = &queue->requests[i];
		uint8_t how = (uint8_t)cursor_take_unsigned(cursor, 1);

		*request = (struct request){
			.head = take_fact(cursor),
			.source = (enum request_source)(how & 1),
			.stage = (enum request_stage)(how >> 1 & 1),
			.fault = (enum chain_fault)((how >> 2) % (CHAIN_ADDRESS + 1)),
			.found_in = lists[how & 1],
			.address = cursor_take_unsigned(cursor, 1),
			.descriptors = take_fact(cursor),
			.out_length = take_fact(cursor),
			.in_length = take_fact(cursor),
			.indirect = take_fact(cursor),
			.age_ns = take_fact(cursor),
			.field_num = how % (REQUEST_FIELDS_MAX + 1),
		};
		for (size_t j = 0; j < request->field_num; j++) {
			request->fields[j].name = "field";
			request->fields[j].value = cursor_take_unsigned(cursor, 2);
			if (request->fields[j].value & 1)
				snprintf(request->fields[j].text, sizeof(request->fields[j].text),
					 "word %u", how);
		}
	}
}

static void take_backends(struct cursor *cursor, struct device *device)
{
	device->backend_num = take_count(cursor, 4);
	device->backends = take_array(device->backend_num, sizeof(*device->backends));
	for (size_t i = 0; i < device->backend_num; i++) {
		struct backend *backend = &device->backends[i];
		uint8_t how = (uint8_t)cursor_take_unsigned(cursor, 1);

		*backend = (struct backend){
			.kind = (enum backend_kind)(how % (BACKEND_OTHER + 1)),
			.first_queue = how & 0x40 ? 1 : 0,
			.queue_num = how & 0x80 ? 0 : 2,
			.name = take_name(cursor),
			.node = take_name(cursor),
			.type = take_name(cursor),
		};
		take_facts(cursor, backend, backend_fact_descriptors, backend_fact_descriptor_num);
	}
}

/** Loops at the addresses that a queue's listener may have, and threads they may name. */
static void take_threads(struct cursor *cursor, struct sample *sample)
{
	sample->context_num = take_count(cursor, 3);
	sample->contexts = take_array(sample->context_num, sizeof(*sample->contexts));
	for (size_t i = 0; i < sample->context_num; i++) {
		struct context *context = &sample->contexts[i];

		context->address = cursor_take_unsigned(cursor, 1);
		context->main = context->address & 1;
		context->name = take_name(cursor);
		take_facts(cursor, context, context_fact_descriptors, context_fact_descriptor_num);
	}
	sample->thread_num = take_count(cursor, 5);
	sample->threads = take_array(sample->thread_num, sizeof(*sample->threads));
	for (size_t i = 0; i < sample->thread_num; i++) {
		struct thread *thread = &sample->threads[i];
		uint8_t how = (uint8_t)cursor_take_unsigned(cursor, 1);

		*thread = (struct thread){
			.tid = (pid_t)cursor_take_unsigned(cursor, 1),
			.state = "SRDTtZ"[how % 6],
			.activity = (enum thread_activity)(how % (THREAD_STOPPED + 1)),
			.lock = take_fact(cursor),
			.lock_owner = take_fact(cursor),
		};
		snprintf(thread->name, sizeof(thread->name), "thread %u", how);
		snprintf(thread->syscall, sizeof(thread->syscall), "%s", how & 16 ? "pread64" : "");
	}
}

static void take_queue(struct cursor *cursor, uint16_t index, struct queue *queue)
{
	uint16_t flags = (uint16_t)cursor_take_unsigned(cursor, 2);

	*queue = (struct queue){
		.index = index,
		.kind = (enum queue_kind)(flags % (QUEUE_UNKNOWN + 1)),
		.address = 0x1000,
		.caches_address = flags & 0x8000 ? 0 : 0x2000,
		.selected = !(flags & 0x4000),
		.set_up = !(flags & 0x2000),
		.readable = !(flags & 0x1000),
		.packed = flags & 0x0800,
		.event_idx = !(flags & 0x0400),
		.vhost = flags & 0x0200,
		.torn = flags & 0x0100,
	};
	snprintf(queue->role, sizeof(queue->role), "role%u", flags & 0xff);
	take_facts(cursor, queue, queue_fact_descriptors, queue_fact_descriptor_num);
	if (!queue->readable || flags & 1)
		queue->problem = take_name(cursor);
	if (flags & 2)
		queue->ring_problem = take_name(cursor);
	queue->ring_error = (enum virtq_error_code)(flags % (VIRTQ_ERROR_UNSUPPORTED + 1));
	take_requests(cursor, queue);
}

static void take_sample(struct cursor *cursor, struct sample *sample)
{
	struct device *device = calloc(1, sizeof(*device));
	struct queue *queues = calloc(QUEUES, sizeof(*queues));
	uint16_t flags = (uint16_t)cursor_take_unsigned(cursor, 2);

	if (!device || !queues)
		abort();
	*sample = (struct sample){ .time_ns = cursor_take_unsigned(cursor, 4),
				   .process = flags & 128,
				   .devices = device,
				   .device_num = 1 };
	if (flags & 128)
		sample->host_kernel = fact_of(KERNEL_VERSION(5, 10 + (flags >> 8 & 1)));
	device->address = 0x4000 + (flags & 1);
	device->transport = flags & 2 ? "pci" : flags & 4 ? "ccw" : "";
	device->big_endian = flags & 8;
	device->vhost = flags & 16;
	device->realized = flags & 32;
	device->id = take_name(cursor);
	device->path = take_name(cursor);
	device->type = take_name(cursor);
	device->location = take_name(cursor);
	take_facts(cursor, device, device_fact_descriptors, device_fact_descriptor_num);
	device->queues = queues;
	device->queue_num = flags & 64 ? QUEUES : 1;
	for (uint16_t i = 0; i < device->queue_num; i++)
		take_queue(cursor, i, &queues[i]);
	take_backends(cursor, device);
	take_threads(cursor, sample);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cursor cursor = cursor_init(data, size, LITTLE_ENDIAN_ORDER);
	uint8_t two = (uint8_t)cursor_take_unsigned(&cursor, 1);
	struct sample before = { 0 };
	struct analysis analysis = { 0 };

	if (two & 1)
		take_sample(&cursor, &before);
	/* the same bytes again, of which a few may differ: two samples that can be compared */
	if (two & 2)
		cursor = cursor_init(data + !!size, size ? size - 1 : 0, LITTLE_ENDIAN_ORDER);
	take_sample(&cursor, &analysis.sample);
	if (two & 4)
		analysis.sample.runstate = take_name(&cursor);
	fuzz_analysis(two & 1 ? &before : NULL, &analysis, true);
	sample_deinit(&before);
	return 0;
}

size_t fuzz_seed(size_t index, uint8_t *seed, size_t size)
{
	enum { LENGTH = 900 };
	uint32_t state = (uint32_t)index + 1;

	if (index >= 8 || size < LENGTH)
		return 0;
	seed[0] = (uint8_t)index;
	for (size_t i = 1; i < LENGTH; i++) {
		state = state * 1664525 + 1013904223;
		/* facts are known and small, queues and devices without oddities */
		seed[i] = i % 3 == 1 ? 4 : i % 3 == 2 ? (uint8_t)(state >> 29) : 0;
	}
	return LENGTH;
}
