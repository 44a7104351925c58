/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One sample, from the discovery of devices to the bytes of their rings. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/checked.h"
#include "qemu/device.h"
#include "qemu/discover.h"
#include "qemu/disk.h"
#include "qemu/event_loop.h"
#include "qemu/models.h"
#include "qemu/net.h"
#include "qemu/notifier.h"
#include "qemu/queue.h"
#include "qemu/requests.h"
#include "qemu/sample.h"
#include "qemu/sampler.h"
#include "qemu/threads.h"
#include "qemu/vhost.h"

/** Most notes of a sample; a target of which more is wrong is damaged throughout. */
enum { NOTES_MAX = 1000 };

void sampler_note(struct sampler *sampler, struct virtq_error *error)
{
	struct sample *sample = sampler->sample;

	if (!error)
		return;
	if (sample->problem_num >= NOTES_MAX) {
		virtq_error_destroy(error);
		return;
	}
	char **problems = reallocarray(sample->problems, sample->problem_num + 1,
				       sizeof(*problems));
	char *message = strdup(virtq_error_message(error));
	if (problems)
		sample->problems = problems;
	if (problems && message)
		problems[sample->problem_num++] = message;
	else
		free(message);
	virtq_error_destroy(error);
}

void sampler_set_problem(char **problem, struct virtq_error *error)
{
	if (error && !*problem)
		*problem = strdup(virtq_error_message(error));
	virtq_error_destroy(error);
}

struct virtq_error *sampler_note_problem(char **problem, struct virtq_error *error)
{
	if (error_is_fatal(error))
		return error;
	sampler_set_problem(problem, error);
	return NULL;
}

struct virtq_error *sampler_add_backend(struct device *device, enum backend_kind kind,
					struct backend **backend_ret)
{
	*backend_ret = NULL;
	if (device->backend_num >= BACKENDS_MAX)
		return NULL;
	struct backend *backends = reallocarray(device->backends, device->backend_num + 1,
						sizeof(*backends));
	if (!backends)
		return &virtq_error_no_memory;
	device->backends = backends;
	*backend_ret = &backends[device->backend_num++];
	**backend_ret = (struct backend){ .kind = kind };
	return NULL;
}

static char *spell_as_qapi(const char *enumerator, const char *prefix)
{
	size_t length = strlen(prefix);

	if (strncmp(enumerator, prefix, length) != 0)
		return NULL;
	char *name = strdup(enumerator + length);
	for (char *c = name; c && *c; c++)
		*c = *c == '_' ? '-' : *c >= 'A' && *c <= 'Z' ? (char)(*c - 'A' + 'a') : *c;
	return name;
}

char *sampler_qapi_name(const struct layout_item *enumeration, uint64_t value, const char *prefix)
{
	for (size_t i = 0; enumeration->present && i < enumeration->enumerator_num; i++) {
		if ((uint64_t)enumeration->enumerators[i].value == value)
			return spell_as_qapi(enumeration->enumerators[i].name, prefix);
	}
	return NULL;
}

/** current_run_state (5.2: softmmu/vl.c, later runstate.c) by its enumerator's name. */
static char *read_runstate(const struct qemu *qemu)
{
	const struct layout_item *values = qemu_item(qemu, QEMU_ENUM_RunState);
	uint64_t value;

	if (!qemu_has(qemu, QEMU_SYMBOL_current_run_state) || !values->present)
		return NULL;
	struct virtq_error *error =
		target_read_unsigned(qemu->target, qemu_symbol(qemu, QEMU_SYMBOL_current_run_state),
				     4, &value, "current_run_state");
	if (error) {
		virtq_error_destroy(error);
		return NULL;
	}
	return sampler_qapi_name(values, value, "RUN_STATE_");
}

static uint64_t monotonic_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

struct virtq_error *qemu_sample(const struct qemu *qemu, struct sample *sample_ret)
{
	struct sample sample = { 0 };
	size_t steps = 0;
	const struct qemu counted = { .target = qemu->target,
				      .layout = qemu->layout,
				      .bias = qemu->bias,
				      .steps = &steps };
	struct sampler sampler = { .qemu = &counted, .sample = &sample };
	uint64_t *addresses = NULL;
	size_t num = 0;

	struct virtq_error *error = discover_devices(&sampler, &addresses, &num);
	if (!error) {
		vhost_read_ranges(&sampler);
		sample.runstate = read_runstate(qemu);
		sample.devices = calloc(num ? num : 1, sizeof(*sample.devices));
		if (!sample.devices)
			error = &virtq_error_no_memory;
	}
	for (size_t i = 0; !error && i < num; i++) {
		struct device *device = &sample.devices[sample.device_num++];

		error = device_read(&sampler, addresses[i], device);
		if (!error)
			error = queues_read(&sampler, device);
		if (!error)
			error = disks_read(&sampler, device);
		if (!error)
			error = net_read(&sampler, device);
		if (!error)
			error = vhost_read(&sampler, device);
		if (!error)
			error = models_read(&sampler, device);
		if (!error)
			error = requests_read(&sampler, device);
	}
	if (!error)
		error = notifiers_read(&sampler);
	if (!error)
		error = vhost_read_notifiers(&sampler);
	if (!error)
		error = event_loops_read(&sampler);
	if (!error)
		error = threads_read(&sampler);
	if (!error)
		error = queues_look_again(&sampler);
	sample.time_ns = monotonic_ns();
	free(addresses);
	free(sampler.vhosts);
	guest_memory_deinit(&sampler.memory);
	qom_classes_deinit(&sampler.classes);
	if (error) {
		sample_deinit(&sample);
		return error;
	}
	*sample_ret = sample;
	return NULL;
}

const char *qemu_version(const struct layout *layout)
{
	return layout->items[QEMU_TEXT_version].text;
}
