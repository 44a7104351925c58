/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The JSON document. The only file that knows json-c.
 *
 * Members keep their order and never vanish, except facts that the QEMU at
 * hand does not have. Host-virtual addresses and feature words are strings in
 * hexadecimal, since many readers keep numbers as doubles; what QAPI has as a
 * number (qapi/virtio.json) is one here as well.
 */
#include <inttypes.h>
#include <json-c/json.h>
#include <string.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "report/buffer.h"
#include "report/document.h"
#include "report/report.h"
#include "report/requests.h"
#include "report/view.h"
#include "report/words.h"

/** Facts that are written in hexadecimal for people, but are numbers in QAPI. */
static const char *const numbers[] = { "vring-desc", "vring-avail", "vring-used" };

/*
 * json-c uses NULL both for "out of memory" and for null. Every value goes
 * through the functions below, which tell the two apart and remember failure.
 */
struct writer {
	bool failed;
};

/** Put @value, which must not be NULL, into @object; it is taken over. */
static void add(struct writer *writer, json_object *object, const char *name, json_object *value)
{
	if (value && object && json_object_object_add(object, name, value) == 0)
		return;
	json_object_put(value);
	writer->failed = true;
}

static void add_null(struct writer *writer, json_object *object, const char *name)
{
	if (!object || json_object_object_add(object, name, NULL) != 0)
		writer->failed = true;
}

/** Put @value at the end of @array; it is taken over. */
static void append(struct writer *writer, json_object *array, json_object *value)
{
	if (value && array && json_object_array_add(array, value) == 0)
		return;
	json_object_put(value);
	writer->failed = true;
}

/** A member that is an object, borrowed; NULL (and failed) without memory. */
static json_object *add_object(struct writer *writer, json_object *object, const char *name)
{
	json_object *value = json_object_new_object();

	add(writer, object, name, value);
	return writer->failed ? NULL : value;
}

static json_object *add_array(struct writer *writer, json_object *object, const char *name)
{
	json_object *value = json_object_new_array();

	add(writer, object, name, value);
	return writer->failed ? NULL : value;
}

static json_object *append_object(struct writer *writer, json_object *array)
{
	json_object *value = json_object_new_object();

	append(writer, array, value);
	return writer->failed ? NULL : value;
}

/** A string of a target, which may hold anything. */
static json_object *new_string(const char *text)
{
	_cleanup_buffer_ struct buffer clean = { 0 };

	buffer_add_utf8(&clean, text);
	return clean.failed ? NULL : json_object_new_string(buffer_text(&clean));
}

static json_object *new_hex(uint64_t value)
{
	char text[sizeof("0x0123456789abcdef")];

	snprintf(text, sizeof(text), "0x%" PRIx64, value);
	return json_object_new_string(text);
}

/** An address in QEMU; 0, which means that there is none, gives null. */
static void add_address(struct writer *writer, json_object *object, const char *name,
			uint64_t address)
{
	if (address)
		add(writer, object, name, new_hex(address));
	else
		add_null(writer, object, name);
}

/** NULL gives null. */
static void add_string(struct writer *writer, json_object *object, const char *name,
		       const char *text)
{
	if (text)
		add(writer, object, name, new_string(text));
	else
		add_null(writer, object, name);
}

static void add_number(struct writer *writer, json_object *object, const char *name, uint64_t value)
{
	add(writer, object, name, json_object_new_uint64(value));
}

static void add_bool(struct writer *writer, json_object *object, const char *name, bool value)
{
	add(writer, object, name, json_object_new_boolean(value));
}

/** The strings of @list, in a member that is an array. */
static void add_strings(struct writer *writer, json_object *object, const char *name,
			char *const *list, size_t num)
{
	json_object *array = add_array(writer, object, name);

	for (size_t i = 0; i < num; i++)
		append(writer, array, new_string(list[i]));
}

static json_object *new_fact(const struct fact_descriptor *descriptor, uint64_t value)
{
	switch (descriptor->format) {
	case FACT_BOOL:
		return json_object_new_boolean(value != 0);
	case FACT_HEX:
		for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
			if (strcmp(numbers[i], descriptor->name) == 0)
				return json_object_new_uint64(value);
		return new_hex(value);
	case FACT_IO_STATUS:
	case FACT_ERROR_ACTION:
		/* a number that has no word is shown as it is */
		if (!fact_enum_word(descriptor->format, value))
			break;
		return new_string(fact_enum_word(descriptor->format, value));
	case FACT_DECIMAL:
		break;
	}
	return json_object_new_uint64(value);
}

/** The facts of @base but the one named @skip; unreadable ones are null, and in @unreadable. */
static void add_facts(struct writer *writer, json_object *object, json_object *unreadable,
		      const void *base, const struct fact_descriptor *descriptors, size_t num,
		      const char *skip)
{
	for (size_t i = 0; i < num; i++) {
		const struct fact_descriptor *descriptor = &descriptors[i];
		struct fact fact = fact_at(base, descriptor);

		if (fact.state == FACT_ABSENT)
			continue;
		if (fact.state == FACT_UNREADABLE)
			append(writer, unreadable, json_object_new_string(descriptor->name));
		if (skip && strcmp(descriptor->name, skip) == 0)
			continue;
		if (fact.state == FACT_UNREADABLE)
			add_null(writer, object, descriptor->name);
		else
			add(writer, object, descriptor->name, new_fact(descriptor, fact.value));
	}
}

/** A fact that is an enum; @word is NULL for a value without a name. */
static void add_enum(struct writer *writer, json_object *object, json_object *unreadable,
		     const char *name, struct fact fact, const char *word)
{
	if (fact.state == FACT_ABSENT)
		return;
	if (fact.state == FACT_UNREADABLE)
		append(writer, unreadable, json_object_new_string(name));
	add_string(writer, object, name, fact_known(fact) ? word : NULL);
}

static void add_finding(struct writer *writer, json_object *array, const struct finding *finding)
{
	json_object *object = append_object(writer, array);

	add_string(writer, object, "verdict", finding->verdict);
	add_string(writer, object, "title", finding->title);
	add_string(writer, object, "severity", severity_word(finding->severity));
	add_string(writer, object, "confidence", confidence_word(finding->confidence));
	add_strings(writer, object, "evidence", finding->evidence, finding->evidence_num);

	json_object *considered = add_array(writer, object, "considered");
	for (const char *const *rule = finding->considered; rule && *rule; rule++)
		append(writer, considered, new_string(*rule));
	add_string(writer, object, "next", finding->next);
}

static void add_verdict(struct writer *writer, json_object *object, const struct queue *queue,
			struct queue_diagnosis diagnosis)
{
	if (diagnosis.finding_num) {
		add_string(writer, object, "verdict", diagnosis.findings[0].verdict);
		add_string(writer, object, "confidence",
			   confidence_word(diagnosis.findings[0].confidence));
	} else {
		add_string(writer, object, "verdict", queue->set_up ? NULL : "off/not-set-up");
		add_null(writer, object, "confidence");
	}
	json_object *findings = add_array(writer, object, "findings");
	for (size_t i = 0; i < diagnosis.finding_num; i++)
		add_finding(writer, findings, &diagnosis.findings[i]);
}

static void add_problems(struct writer *writer, json_object *object, const struct queue *queue)
{
	_cleanup_buffer_ struct buffer reason = { 0 };

	if (queue->problem)
		buffer_add(&reason, queue->problem);
	if (queue->ring_problem)
		buffer_printf(&reason, "%s%s", queue->problem ? "; " : "", queue->ring_problem);
	writer->failed |= reason.failed;
	add_string(writer, object, "unreadable-reason",
		   queue->problem || queue->ring_problem ? buffer_text(&reason) : NULL);
}

static void add_optional(struct writer *writer, json_object *object, const char *name,
			 struct fact fact)
{
	if (fact_known(fact))
		add_number(writer, object, name, fact.value);
	else if (fact.state == FACT_UNREADABLE)
		add_null(writer, object, name);
}

static void add_request(struct writer *writer, json_object *array, const struct request *request)
{
	json_object *object = append_object(writer, array);

	if (fact_known(request->head))
		add_number(writer, object, "head", request->head.value);
	else
		add_null(writer, object, "head");
	add_string(writer, object, "source", request_source_word(request->source));
	add_string(writer, object, "stage", request_stage_word(request->stage));
	add_string(writer, object, "found-in", request->found_in);
	add_address(writer, object, "host-address", request->address);
	for (size_t i = 0; i < request->field_num; i++) {
		const struct request_field *field = &request->fields[i];

		if (*field->text)
			add_string(writer, object, field->name, field->text);
		else
			add_number(writer, object, field->name, field->value);
	}
	add_optional(writer, object, "descriptors", request->descriptors);
	add_optional(writer, object, "out-length", request->out_length);
	add_optional(writer, object, "in-length", request->in_length);
	add_optional(writer, object, "indirect", request->indirect);
	add_optional(writer, object, "age-ns", request->age_ns);
	add_string(writer, object, "fault", chain_fault_word(request->fault));
}

static void add_requests(struct writer *writer, json_object *object, const struct queue *queue)
{
	json_object *requests = add_array(writer, object, "requests");

	for (size_t i = 0; i < queue->request_num; i++)
		add_request(writer, requests, &queue->requests[i]);
	add_bool(writer, object, "requests-complete", queue->requests_complete);
	add_string(writer, object, "requests-problem", queue->requests_problem);
}

static void add_queue(struct writer *writer, json_object *array, const struct queue *queue,
		      struct queue_diagnosis diagnosis)
{
	json_object *object = append_object(writer, array);
	json_object *unreadable = json_object_new_array();

	/* The position in QEMU's array: also there when the stored index is not. */
	add_number(writer, object, "queue-index", queue->index);
	if (fact_known(queue->queue_index) && !fact_is(queue->queue_index, queue->index))
		add_number(writer, object, "stored-queue-index", queue->queue_index.value);
	add_string(writer, object, "role", queue->role);
	add_string(writer, object, "kind", queue_kind_word(queue->kind));
	add_address(writer, object, "host-address", queue->address);
	add_address(writer, object, "caches-address", queue->caches_address);
	add_bool(writer, object, "set-up", queue->set_up);
	add_bool(writer, object, "readable", queue->readable);
	add_bool(writer, object, "packed", queue->packed);
	add_bool(writer, object, "event-idx", queue->event_idx);
	if (queue->vhost_unknown)
		add_null(writer, object, "vhost");
	else
		add_bool(writer, object, "vhost", queue->vhost);
	add_bool(writer, object, "torn", queue->torn);
	add_facts(writer, object, unreadable, queue, queue_fact_descriptors,
		  queue_fact_descriptor_num, "queue-index");
	if (queue->vhost_unknown)
		append(writer, unreadable, json_object_new_string("vhost"));
	add(writer, object, "unreadable", unreadable);
	add_problems(writer, object, queue);
	add_requests(writer, object, queue);
	add_verdict(writer, object, queue, diagnosis);
}

static void add_backend(struct writer *writer, json_object *array, const struct backend *backend)
{
	json_object *object = append_object(writer, array);
	json_object *unreadable = json_object_new_array();

	add_string(writer, object, "kind", backend_kind_word(backend->kind));
	add_string(writer, object, "name", backend->name);
	add_string(writer, object, "node", backend->node);
	add_string(writer, object, "type", backend->type);
	add_address(writer, object, "host-address", backend->address);
	add_number(writer, object, "first-queue", backend->first_queue);
	add_number(writer, object, "num-queues", backend->queue_num);
	add_facts(writer, object, unreadable, backend, backend_fact_descriptors,
		  backend_fact_descriptor_num, NULL);
	add(writer, object, "unreadable", unreadable);
	add_string(writer, object, "unreadable-reason", backend->problem);
}

static void add_device(struct writer *writer, json_object *array, const struct analysis *analysis,
		       size_t index)
{
	const struct device *device = &analysis->sample.devices[index];
	json_object *object = append_object(writer, array);
	json_object *unreadable = json_object_new_array();

	add_number(writer, object, "index", index);
	add_string(writer, object, "id", device->id);
	add_string(writer, object, "path", device->path);
	add_string(writer, object, "type", device->type);
	add_string(writer, object, "name", device->name);
	add_string(writer, object, "transport",
		   device->transport && *device->transport ? device->transport : NULL);
	add_string(writer, object, "address", device->location);
	add_string(writer, object, "bus-name", device->bus_name);
	add_address(writer, object, "host-address", device->address);
	add_address(writer, object, "proxy-address", device->proxy);
	add_bool(writer, object, "big-endian", device->big_endian);
	add_bool(writer, object, "realized", device->realized);
	if (device->name_unreadable)
		append(writer, unreadable, json_object_new_string("name"));
	if (device->bus_name_unreadable)
		append(writer, unreadable, json_object_new_string("bus-name"));
	add_facts(writer, object, unreadable, device, device_fact_descriptors,
		  device_fact_descriptor_num, NULL);
	add_enum(writer, object, unreadable, "device-endian", device->device_endian,
		 device_endian_word(device->device_endian.value));
	add_number(writer, object, "num-vqs", device->queue_num);
	add_bool(writer, object, "vhost", device->vhost);
	add_enum(writer, object, unreadable, "vhost-backend", device->vhost_backend,
		 vhost_backend_word(device->vhost_backend.value));
	add(writer, object, "unreadable", unreadable);
	add_string(writer, object, "unreadable-reason", device->problem);

	json_object *backends = add_array(writer, object, "backends");
	for (size_t i = 0; i < device->backend_num; i++)
		add_backend(writer, backends, &device->backends[i]);
	json_object *queues = add_array(writer, object, "queues");
	for (size_t i = 0; i < device->queue_num; i++)
		if (device->queues[i].selected)
			add_queue(writer, queues, &device->queues[i],
				  view_diagnosis(analysis, index, i));
}

static bool device_selected(const struct device *device, bool all_selected)
{
	for (size_t i = 0; i < device->queue_num; i++)
		if (device->queues[i].selected)
			return true;
	return !device->queue_num && all_selected;
}

static void add_devices(struct writer *writer, json_object *document,
			const struct analysis *analysis)
{
	json_object *devices = add_array(writer, document, "devices");
	bool all_selected = true;

	if (!analysis)
		return;
	for (size_t i = 0; i < analysis->sample.device_num; i++)
		for (size_t j = 0; j < analysis->sample.devices[i].queue_num; j++)
			if (!analysis->sample.devices[i].queues[j].selected)
				all_selected = false;
	for (size_t i = 0; i < analysis->sample.device_num; i++)
		if (device_selected(&analysis->sample.devices[i], all_selected))
			add_device(writer, devices, analysis, i);
}

/** Who would do the work: what was looked at of QEMU's event loops and threads. */
static void add_workers(struct writer *writer, json_object *document,
			const struct analysis *analysis)
{
	json_object *loops = add_array(writer, document, "event-loops");
	json_object *threads = add_array(writer, document, "threads");

	for (size_t i = 0; analysis && i < analysis->sample.context_num; i++) {
		const struct context *context = &analysis->sample.contexts[i];
		json_object *object = append_object(writer, loops);
		json_object *unreadable = json_object_new_array();

		add_string(writer, object, "name", context->name);
		add_address(writer, object, "host-address", context->address);
		add_bool(writer, object, "main", context->main);
		add_facts(writer, object, unreadable, context, context_fact_descriptors,
			  context_fact_descriptor_num, NULL);
		add(writer, object, "unreadable", unreadable);
	}
	for (size_t i = 0; analysis && i < analysis->sample.thread_num; i++) {
		const struct thread *thread = &analysis->sample.threads[i];
		json_object *object = append_object(writer, threads);
		const char state[2] = { thread->state };

		add_number(writer, object, "tid", (uint64_t)thread->tid);
		add_string(writer, object, "name", *thread->name ? thread->name : NULL);
		add_string(writer, object, "state", thread->state ? state : NULL);
		add_string(writer, object, "activity", thread_activity_word(thread->activity));
		add_string(writer, object, "waits-in", *thread->syscall ? thread->syscall : NULL);
		if (fact_known(thread->lock))
			add_address(writer, object, "lock", thread->lock.value);
		add_optional(writer, object, "lock-owner", thread->lock_owner);
	}
}

static void add_target(struct writer *writer, json_object *document,
		       const struct analysis *analysis)
{
	if (!analysis) {
		add_null(writer, document, "target");
		return;
	}
	const struct analysis_target *target = &analysis->target;
	json_object *object = add_object(writer, document, "target");

	add_string(writer, object, "kind", target->kind);
	add_bool(writer, object, "live", target->live);
	if (target->pid)
		add_number(writer, object, "pid", (uint64_t)target->pid);
	else
		add_null(writer, object, "pid");
	add_string(writer, object, "path", target->path);
	add_string(writer, object, "original", target->original);
	add_string(writer, object, "description", target->description);
	add_string(writer, object, "command", target->command);
	if (target->signal)
		add(writer, object, "signal", json_object_new_int(target->signal));
	else
		add_null(writer, object, "signal");
	add_bool(writer, object, "truncated", target->truncated);
	add_number(writer, object, "samples", analysis->samples);
	add_number(writer, object, "interval-ms", analysis->interval_ms);
}

static void add_qemu(struct writer *writer, json_object *document, const struct analysis *analysis)
{
	if (!analysis) {
		add_null(writer, document, "qemu");
		return;
	}
	json_object *object = add_object(writer, document, "qemu");

	add_string(writer, object, "version", analysis->qemu.version);
	add_string(writer, object, "build-id", analysis->qemu.build_id);
	add_string(writer, object, "exe", analysis->qemu.executable);
	add_string(writer, object, "layout", analysis->qemu.layout);
	add_string(writer, object, "runstate", analysis->sample.runstate);
}

/** A time as ISO 8601; 0 gives null. */
static void add_time(struct writer *writer, json_object *object, const char *name, uint64_t seconds)
{
	_cleanup_buffer_ struct buffer text = { 0 };

	document_add_time(&text, seconds, true);
	writer->failed |= text.failed;
	add_string(writer, object, name, seconds ? buffer_text(&text) : NULL);
}

static void add_thread(struct writer *writer, json_object *array,
		       const struct analysis_thread *thread)
{
	json_object *object = append_object(writer, array);
	const char state[2] = { thread->state };

	add_number(writer, object, "tid", (uint64_t)thread->tid);
	add_string(writer, object, "name", *thread->name ? thread->name : NULL);
	add_string(writer, object, "state", thread->state ? state : NULL);
	add_string(writer, object, "waits-in", *thread->syscall ? thread->syscall : NULL);
	if (thread->signal)
		add_number(writer, object, "signal", (uint64_t)thread->signal);
	else
		add_null(writer, object, "signal");
	add_strings(writer, object, "backtrace", thread->frames, thread->frame_num);
}

/** What a report has beyond an answer; nothing if this is no report. */
static void add_context(struct writer *writer, json_object *document,
			const struct analysis *analysis)
{
	if (!analysis || !analysis->context.present)
		return;
	const struct analysis_context *context = &analysis->context;
	json_object *object = add_object(writer, document, "report");

	add_time(writer, object, "time", context->time);
	add_time(writer, object, "started", context->started);
	add_string(writer, object, "host-kernel", context->kernel);
	add_string(writer, object, "host-distribution", context->distribution);
	add_string(writer, object, "vm-name", context->vm_name);
	add_string(writer, object, "machine", context->machine);
	add_string(writer, object, "replaced", context->replaced);
	json_object *threads = add_array(writer, object, "threads");
	for (size_t i = 0; i < context->thread_num; i++)
		add_thread(writer, threads, &context->threads[i]);
	add_string(writer, object, "threads-problem", context->threads_problem);
}

static void add_error(struct writer *writer, json_object *document, const struct analysis *analysis,
		      const struct virtq_error *error)
{
	if (analysis && !error) {
		add_null(writer, document, "error");
		return;
	}
	json_object *object = add_object(writer, document, "error");

	add_string(writer, object, "code",
		   error_code_word(error ? virtq_error_code(error) : VIRTQ_ERROR_INVALID_ARGUMENT));
	add_string(writer, object, "message",
		   error ? virtq_error_message(error) : "nothing was analysed");
}

/** Is there nothing that could not be looked at? Also asked when there are findings. */
static bool is_complete(const struct analysis *analysis)
{
	if (analysis->incomplete_num)
		return false;
	for (size_t i = 0; i < analysis->sample.device_num; i++) {
		for (size_t j = 0; j < analysis->sample.devices[i].queue_num; j++) {
			struct queue_diagnosis diagnosis = view_diagnosis(analysis, i, j);

			if (!analysis->sample.devices[i].queues[j].selected)
				continue;
			for (size_t k = 0; k < diagnosis.finding_num; k++)
				if (diagnosis.findings[k].severity == SEVERITY_UNKNOWN)
					return false;
		}
	}
	return true;
}

static void put_document(json_object **document)
{
	json_object_put(*document);
}

struct virtq_error *report_json(const struct analysis *analysis, const struct virtq_error *error,
				char **ret)
{
	__attribute__((cleanup(put_document))) json_object *document = json_object_new_object();
	struct writer writer = { 0 };

	add(&writer, document, "schema", json_object_new_int(VIRTQ_JSON_SCHEMA));
	add_string(&writer, document, "virtq", VIRTQ_VERSION);
	add_bool(&writer, document, "complete", analysis && !error && is_complete(analysis));
	add_error(&writer, document, analysis, error);
	add_target(&writer, document, analysis);
	add_qemu(&writer, document, analysis);
	add_strings(&writer, document, "incomplete", analysis ? analysis->incomplete : NULL,
		    analysis ? analysis->incomplete_num : 0);
	add_devices(&writer, document, analysis);
	add_workers(&writer, document, analysis);
	add_context(&writer, document, analysis);
	if (writer.failed)
		return &virtq_error_no_memory;

	const char *text = json_object_to_json_string_ext(
		document,
		JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED | JSON_C_TO_STRING_NOSLASHESCAPE);
	_cleanup_buffer_ struct buffer buffer = { 0 };
	if (!text)
		return &virtq_error_no_memory;
	buffer_add(&buffer, text);
	buffer_add(&buffer, "\n");
	return buffer_take(&buffer, ret);
}
