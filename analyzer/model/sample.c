/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>

#include "base/checked.h"
#include "model/sample.h"

#define DESCRIBE_QUEUE(member, name, source, format, required) \
	{ name, offsetof(struct queue, member), format },
#define DESCRIBE_RING(member, name, format) { name, offsetof(struct queue, member), format },
#define DESCRIBE_DEVICE(member, name, source, format, required) \
	{ name, offsetof(struct device, member), format },
#define DESCRIBE_TRANSPORT(member, name, format) { name, offsetof(struct device, member), format },
#define DESCRIBE_BACKEND(member, name, format) { name, offsetof(struct backend, member), format },
#define DESCRIBE_CONTEXT(member, name, source, format) \
	{ name, offsetof(struct context, member), format },

const struct fact_descriptor queue_fact_descriptors[] = {
	VIRTQUEUE_FACTS(DESCRIBE_QUEUE)
	RING_FACTS(DESCRIBE_RING)
	NOTIFIER_FACTS(DESCRIBE_RING)
	{ "handle-output", offsetof(struct queue, handle_output), FACT_HEX },
	{ "enabled", offsetof(struct queue, proxy_enabled), FACT_BOOL },
};
const size_t queue_fact_descriptor_num = ARRAY_SIZE(queue_fact_descriptors);

const struct fact_descriptor device_fact_descriptors[] = {
	VIRTIODEVICE_FACTS(DESCRIBE_DEVICE)
	{ "vhost-started", offsetof(struct device, vhost_started), FACT_BOOL },
	TRANSPORT_FACTS(DESCRIBE_TRANSPORT)
};
const size_t device_fact_descriptor_num = ARRAY_SIZE(device_fact_descriptors);

const struct fact_descriptor backend_fact_descriptors[] = { BACKEND_FACTS(DESCRIBE_BACKEND) };
const size_t backend_fact_descriptor_num = ARRAY_SIZE(backend_fact_descriptors);

const struct fact_descriptor context_fact_descriptors[] = {
	{ "thread-id", offsetof(struct context, thread_id), FACT_DECIMAL },
	AIOCONTEXT_FACTS(DESCRIBE_CONTEXT)
};
const size_t context_fact_descriptor_num = ARRAY_SIZE(context_fact_descriptors);

static void backend_deinit(struct backend *backend)
{
	free(backend->name);
	free(backend->node);
	free(backend->type);
	free(backend->problem);
}

static void device_deinit(struct device *device)
{
	for (size_t i = 0; i < device->queue_num; i++) {
		free(device->queues[i].problem);
		free(device->queues[i].ring_problem);
		free(device->queues[i].requests);
		free(device->queues[i].requests_problem);
	}
	for (size_t i = 0; i < device->backend_num; i++)
		backend_deinit(&device->backends[i]);
	free(device->backends);
	free(device->queues);
	free(device->id);
	free(device->path);
	free(device->type);
	free(device->name);
	free(device->bus_name);
	free(device->location);
	free(device->problem);
}

void sample_deinit(struct sample *sample)
{
	for (size_t i = 0; i < sample->device_num; i++)
		device_deinit(&sample->devices[i]);
	free(sample->devices);
	for (size_t i = 0; i < sample->context_num; i++)
		free(sample->contexts[i].name);
	free(sample->contexts);
	free(sample->threads);
	for (size_t i = 0; i < sample->problem_num; i++)
		free(sample->problems[i]);
	free(sample->problems);
	free(sample->runstate);
	*sample = (struct sample){ 0 };
}
