/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The report of `virtq show`: everything about a queue, the meaning first. */
#include <inttypes.h>
#include <string.h>

#include "report/report.h"
#include "report/requests.h"
#include "report/view.h"
#include "report/words.h"

static void add_index(struct buffer *buffer, const char *name, struct fact index)
{
	if (fact_known(index))
		buffer_printf(buffer, "%s %" PRIu64, name, index.value);
	else
		buffer_printf(buffer, "%s %s", name, index.state == FACT_ABSENT ? "-" : "?");
}

/** Add what lies between two indices, oldest first: " = ", " --3 in device--> " or " .. ". */
static void add_step(struct buffer *buffer, struct fact from, struct fact to, struct fact num,
		     const char *meaning)
{
	if (!fact_known(from) || !fact_known(to)) {
		buffer_add(buffer, " .. ");
		return;
	}
	uint16_t distance = fact_distance(to, from);
	if (!distance)
		buffer_add(buffer, " = ");
	else if (fact_known(num) && distance > num.value)
		buffer_printf(buffer, " --%u: impossible--> ", distance);
	else
		buffer_printf(buffer, " --%u %s--> ", distance, meaning);
}

static void add_wrap(struct buffer *buffer, struct fact wrap)
{
	if (fact_known(wrap))
		buffer_printf(buffer, "/%u", wrap.value ? 1 : 0);
}

/**
 * Packed indices count slots and wrap at the ring's size, not at 65536; the
 * wrap counters (VIRTIO 1.2, 2.8.1) tell a full ring from an empty one.
 */
static void add_packed(struct buffer *buffer, const struct queue *queue)
{
	add_index(buffer, "used", queue->used_idx);
	add_wrap(buffer, queue->used_wrap_counter);
	if (fact_known(queue->used_idx) && fact_known(queue->last_avail_idx) &&
	    fact_known(queue->vring_num)) {
		uint64_t distance = queue->last_avail_idx.value - queue->used_idx.value;

		if (fact_known(queue->used_wrap_counter) &&
		    fact_known(queue->last_avail_wrap_counter) &&
		    queue->used_wrap_counter.value != queue->last_avail_wrap_counter.value)
			distance += queue->vring_num.value;
		if (!distance)
			buffer_add(buffer, " = ");
		else if (distance > queue->vring_num.value)
			buffer_add(buffer, " --impossible--> ");
		else
			buffer_printf(buffer, " --%" PRIu64 " slots in device--> ", distance);
	} else {
		buffer_add(buffer, " .. ");
	}
	add_index(buffer, "last", queue->last_avail_idx);
	add_wrap(buffer, queue->last_avail_wrap_counter);
	if (fact_known(queue->next_available))
		buffer_add(buffer, queue->next_available.value ? " --not taken--> driver has more"
							       : " = driver has no more");
	else
		buffer_add(buffer, " .. what the driver added is unreadable");
}

void show_add_picture(struct buffer *buffer, const struct queue *queue)
{
	if (queue->packed && !queue->vhost) {
		add_packed(buffer, queue);
	} else if (queue->vhost) {
		add_index(buffer, "used", queue->used_ring_idx);
		add_step(buffer, queue->used_ring_idx, queue->avail_idx, queue->vring_num,
			 "in backend or not seen");
		add_index(buffer, "avail", queue->avail_idx);
	} else {
		add_index(buffer, "used", queue->used_idx);
		add_step(buffer, queue->used_idx, queue->last_avail_idx, queue->vring_num,
			 "in device");
		add_index(buffer, "last", queue->last_avail_idx);
		add_step(buffer, queue->last_avail_idx, queue->shadow_avail_idx, queue->vring_num,
			 "not taken");
		add_index(buffer, "shadow", queue->shadow_avail_idx);
		add_step(buffer, queue->shadow_avail_idx, queue->avail_idx, queue->vring_num,
			 "not seen");
		add_index(buffer, "avail", queue->avail_idx);
	}
}

/** Where the side that is told wants to be told, against where the other side is. */
static void add_event(const struct view *view, struct buffer *buffer, const char *prefix,
		      const char *name, struct fact event, const char *index_name,
		      struct fact index, struct fact num)
{
	_cleanup_buffer_ struct buffer line = { 0 };

	if (!fact_known(event) || !fact_known(index) || !fact_known(num))
		return;
	uint16_t passed = fact_distance(index, event);
	buffer_printf(&line, "%s %" PRIu64 ", %s %" PRIu64 ": ", name, event.value, index_name,
		      index.value);
	if (!passed)
		buffer_add(&line, "due with the next one");
	else if (passed <= num.value)
		buffer_printf(&line, "passed by %u", passed);
	else
		buffer_add(&line, "not near");
	view_add_item(view, buffer, prefix, buffer_text(&line));
	buffer->failed |= line.failed;
}

/** The ring as it lies in memory: which slots are out, and where the indices stand. */
static void add_strip(const struct view *view, struct buffer *buffer, const struct queue *queue)
{
	static const char indent[] = "              ";
	_cleanup_buffer_ struct buffer strip = { 0 }, marks = { 0 };
	size_t used = strlen(indent) + 2;

	requests_add_strip(&strip, &marks, queue,
			   view->width > used + 16 ? (unsigned int)(view->width - used) : 16);
	if (!strip.length)
		return;
	buffer_printf(buffer, "%s%s\n%s%s\n", indent, buffer_text(&strip), indent,
		      buffer_text(&marks));
	view_add_item(view, buffer, indent,
		      queue->vhost ? "B in the backend or not seen; u used, a avail, * both" :
				     "D in the device, T not taken, N not seen; "
				     "u used, l last, s shadow, a avail, * several");
	buffer->failed |= strip.failed | marks.failed;
}

static void add_requests(const struct view *view, struct buffer *buffer, const struct queue *queue)
{
	static const char indent[] = "              ";
	_cleanup_buffer_ struct buffer summary = { 0 };

	requests_add_summary(&summary, queue);
	if (summary.length)
		view_add_item(view, buffer, "  requests    ", buffer_text(&summary));
	for (size_t i = 0; i < queue->request_num; i++) {
		_cleanup_buffer_ struct buffer line = { 0 };

		requests_add_line(&line, &queue->requests[i]);
		view_add_raw_item(view, buffer, indent, buffer_text(&line));
		buffer->failed |= line.failed;
	}
	if (queue->requests_problem)
		view_add_raw_item(view, buffer, summary.length ? indent : "  requests    ",
				  queue->requests_problem);
	buffer->failed |= summary.failed;
}

/** Whose event loop polls for the driver's kicks, and what its thread was doing. */
static void add_listener(const struct view *view, struct buffer *buffer, const struct queue *queue)
{
	const struct sample *sample = &view->analysis->sample;
	_cleanup_buffer_ struct buffer line = { 0 };
	const struct context *context = NULL;

	if (!fact_known(queue->listeners))
		return;
	for (size_t i = 0; i < sample->context_num; i++)
		if (fact_is(queue->listener, sample->contexts[i].address))
			context = &sample->contexts[i];
	if (!queue->listeners.value) {
		context = NULL;
		buffer_add(&line, "nobody polls the kick eventfd");
	} else if (context && context->name) {
		buffer_printf(&line, "%s%s", context->main ? "" : "IOThread ", context->name);
	} else {
		buffer_add(&line, "an event loop without a name");
	}
	for (size_t i = 0; context && i < sample->thread_num; i++) {
		const struct thread *thread = &sample->threads[i];
		const char *activity = thread_activity_word(thread->activity);

		if (!fact_is(context->thread_id, (uint64_t)thread->tid))
			continue;
		buffer_printf(&line, ", thread %ld%s%s", (long)thread->tid, activity ? ": " : "",
			      activity ? activity : "");
		if (*thread->syscall)
			buffer_printf(&line, " (%s)", thread->syscall);
		if (fact_known(thread->lock_owner))
			buffer_printf(&line, ", for a mutex that thread %" PRIu64 " holds",
				      thread->lock_owner.value);
	}
	view_add_raw_item(view, buffer, "  listener    ", buffer_text(&line));
	buffer->failed |= line.failed;
}

static bool stands_behind(const struct backend *backend, const struct queue *queue)
{
	return queue->index >= backend->first_queue &&
	       queue->index - backend->first_queue < backend->queue_num;
}

static void add_backend(const struct view *view, struct buffer *buffer,
			const struct backend *backend)
{
	_cleanup_buffer_ struct buffer title = { 0 };

	buffer_printf(&title, "%s %s", backend_kind_word(backend->kind),
		      backend->name ? backend->name : "without a name");
	if (backend->node)
		buffer_printf(&title, ", node %s", backend->node);
	if (backend->type)
		buffer_printf(&title, ", %s", backend->type);
	buffer_printf(&title, ", at 0x%" PRIx64, backend->address);
	view_add_raw_item(view, buffer, "  backend     ", buffer_text(&title));
	view_add_present_facts(view, buffer, backend, backend_fact_descriptors,
			       backend_fact_descriptor_num);
	if (backend->problem)
		view_add_raw_item(view, buffer, "  unreadable  ", backend->problem);
	buffer->failed |= title.failed;
}

/** Those that stand behind a queue that is shown. */
static void add_backends(const struct view *view, struct buffer *buffer,
			 const struct device *device)
{
	for (size_t i = 0; i < device->backend_num; i++) {
		bool shown = false;

		for (size_t j = 0; j < device->queue_num; j++)
			shown |= device->queues[j].selected &&
				 stands_behind(&device->backends[i], &device->queues[j]);
		if (shown)
			add_backend(view, buffer, &device->backends[i]);
	}
}

static void add_ring(const struct view *view, struct buffer *buffer, const struct queue *queue)
{
	_cleanup_buffer_ struct buffer line = { 0 };

	if (!queue->readable) {
		view_add_item(view, buffer, "  ring        ", "the VirtQueue could not be read");
		return;
	}
	if (!queue->set_up) {
		view_add_item(view, buffer, "  ring        ", "not set up by the driver");
		return;
	}
	show_add_picture(&line, queue);
	view_add_item(view, buffer, "  ring        ", buffer_text(&line));
	buffer->failed |= line.failed;
	add_strip(view, buffer, queue);
	add_requests(view, buffer, queue);
	add_event(view, buffer, "  interrupt   ", "used_event", queue->used_event,
		  queue->vhost ? "used->idx" : "used_idx",
		  queue->vhost ? queue->used_ring_idx : queue->used_idx, queue->vring_num);
	add_event(view, buffer, "  kick        ", "avail_event", queue->avail_event, "avail->idx",
		  queue->avail_idx, queue->vring_num);
	add_listener(view, buffer, queue);
	if (queue->vhost)
		view_add_item(view, buffer, "  note        ",
			      "a vhost backend serves this queue: "
			      "QEMU's own indices below are stale");
	if (queue->torn)
		view_add_item(view, buffer, "  note        ",
			      "guest and device moved while it was read: the values below may not "
			      "belong to one instant");
}

static void add_finding(const struct view *view, struct buffer *buffer,
			const struct finding *finding)
{
	buffer_add(buffer, "  verdict     ");
	view_color_on(view, buffer, finding->severity);
	buffer_add(buffer, finding->verdict);
	view_color_off(view, buffer);
	buffer_printf(buffer, ", confidence %s\n", confidence_word(finding->confidence));
	if (finding->title)
		view_add_item(view, buffer, "              ", finding->title);
	for (size_t i = 0; i < finding->evidence_num; i++)
		view_add_raw_item(view, buffer, i ? "              " : "  evidence    ",
				  finding->evidence[i]);
	view_add_advice(view, buffer, finding);
}

static void add_flags(struct buffer *buffer, const struct queue *queue)
{
	buffer_printf(buffer, "%s ring, EVENT_IDX %s, %s queue", queue->packed ? "packed" : "split",
		      queue->event_idx ? "on" : "off", queue_kind_word(queue->kind));
}

/** The findings of the queue and nothing else; nothing if it is not stuck. */
static void add_queue_quietly(const struct view *view, struct buffer *buffer, size_t device,
			      size_t queue)
{
	struct queue_diagnosis diagnosis = view_diagnosis(view->analysis, device, queue);
	_cleanup_buffer_ struct buffer title = { 0 };

	for (size_t i = 0; i < diagnosis.finding_num; i++) {
		if (diagnosis.findings[i].severity != SEVERITY_STUCK)
			continue;
		if (!title.length) {
			buffer_add(buffer, buffer->length ? "\n" : "");
			view_add_queue(view, &title, device, queue);
			buffer_wrap(buffer, buffer_text(&title), 0, 2, view->width);
		}
		add_finding(view, buffer, &diagnosis.findings[i]);
	}
	buffer->failed |= title.failed;
}

static void add_queue(const struct view *view, struct buffer *buffer, size_t device, size_t queue)
{
	const struct queue *shown = &view->analysis->sample.devices[device].queues[queue];
	struct queue_diagnosis diagnosis = view_diagnosis(view->analysis, device, queue);
	_cleanup_buffer_ struct buffer title = { 0 };
	_cleanup_buffer_ struct buffer address = { 0 };

	view_add_queue(view, &title, device, queue);
	if (shown->readable) {
		buffer_add(&title, ": ");
		add_flags(&title, shown);
	}
	buffer_wrap(buffer, buffer_text(&title), 0, 2, view->width);
	for (size_t i = 0; i < diagnosis.finding_num; i++)
		add_finding(view, buffer, &diagnosis.findings[i]);
	add_ring(view, buffer, shown);
	if (shown->problem)
		view_add_raw_item(view, buffer, "  unreadable  ", shown->problem);
	if (shown->ring_problem)
		view_add_raw_item(view, buffer, "  unreadable  ", shown->ring_problem);
	buffer_printf(&address, "VirtQueue at 0x%" PRIx64, shown->address);
	if (shown->caches_address)
		buffer_printf(&address, ", its caches at 0x%" PRIx64, shown->caches_address);
	view_add_item(view, buffer, "  facts       ", buffer_text(&address));
	view_add_facts(view, buffer, shown, queue_fact_descriptors, queue_fact_descriptor_num);
	buffer->failed |= title.failed || address.failed;
}

struct virtq_error *report_show(const struct analysis *analysis,
				const struct virtq_render_options *options, char **ret)
{
	_cleanup_view_ struct view view = { 0 };
	_cleanup_buffer_ struct buffer buffer = { 0 };
	const struct sample *sample = &analysis->sample;

	TRY(view_init(analysis, options, &view));
	if (view.quiet) {
		for (size_t i = 0; i < sample->device_num; i++)
			for (size_t j = 0; j < sample->devices[i].queue_num; j++)
				if (sample->devices[i].queues[j].selected)
					add_queue_quietly(&view, &buffer, i, j);
		return buffer_take(&buffer, ret);
	}
	view_add_header(&view, &buffer);
	for (size_t i = 0; i < sample->device_num; i++) {
		bool any = false;

		for (size_t j = 0; j < sample->devices[i].queue_num; j++) {
			if (!sample->devices[i].queues[j].selected)
				continue;
			any = true;
			buffer_add(&buffer, "\n");
			add_queue(&view, &buffer, i, j);
		}
		if (!any)
			continue;
		buffer_add(&buffer, "\n");
		view_add_device(&view, &buffer, i);
		add_backends(&view, &buffer, &sample->devices[i]);
	}
	if (analysis->incomplete_num)
		buffer_add(&buffer, "\n");
	view_add_incomplete(&view, &buffer);
	return buffer_take(&buffer, ret);
}
