/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The report of `virtq check`: the answer in a line, what was looked at, the
 * table, a paragraph for each thing found, a summary.
 */
#include "base/cleanup.h"
#include "report/groups.h"
#include "report/report.h"
#include "report/requests.h"
#include "report/utf8.h"
#include "report/view.h"
#include "report/words.h"

/* Queues of one group whose evidence is printed; the others are named. */
#define EVIDENCE_QUEUES 4

/** Add "disk0 queue 0; net0 queues 0-3, 5" for the places from @first on. */
static void add_places(const struct view *view, struct buffer *buffer, const struct group *group,
		       size_t first)
{
	const struct sample *sample = &view->analysis->sample;

	for (size_t i = first; i < group->num;) {
		size_t device = group->places[i].device;
		const struct queue *queues = sample->devices[device].queues;
		size_t end = i;

		while (end < group->num && group->places[end].device == device)
			end++;
		buffer_printf(buffer, "%s%s queue%s ", i == first ? "" : "; ",
			      view->labels.names[device], end - i > 1 ? "s" : "");
		for (size_t j = i; j < end;) {
			unsigned int low = queues[group->places[j].queue].index;
			unsigned int high = low;
			size_t k = j + 1;

			while (k < end && queues[group->places[k].queue].index == high + 1) {
				high++;
				k++;
			}
			buffer_printf(buffer, "%s%u", j == i ? "" : ", ", low);
			if (high > low)
				buffer_printf(buffer, "%s%u", high == low + 1 ? ", " : "-", high);
			j = k;
		}
		i = end;
	}
}

/** The answer: who has the request, or why nobody can have one. */
static void add_answer(const struct view *view, struct buffer *buffer, const struct groups *groups)
{
	for (size_t i = 0; i < groups->num; i++) {
		const struct group *group = &groups->groups[i];
		const struct place *place = &group->places[0];
		_cleanup_buffer_ struct buffer line = { 0 };
		_cleanup_buffer_ struct buffer wrapped = { 0 };

		view_add_queue(view, &line, place->device, place->queue);
		if (group->num > 1)
			buffer_printf(&line, " and %zu more", group->num - 1);
		buffer_printf(&line, ": %s",
			      place->finding->title ? place->finding->title
						    : place->finding->verdict);
		buffer_wrap(&wrapped, buffer_text(&line), 0, 2, view->width);
		view_color_on(view, buffer, place->finding->severity);
		buffer_add_bytes(buffer, buffer_text(&wrapped),
				 wrapped.length ? wrapped.length - 1 : 0);
		view_color_off(view, buffer);
		buffer_add(buffer, "\n");
		buffer->failed |= line.failed || wrapped.failed;
	}
}

/** The requests that wait, the oldest first, once for each queue that is stuck. */
static void add_place_requests(const struct view *view, struct buffer *buffer,
			       const struct place *place)
{
	enum { FEW = 3, MANY = 32 };
	const struct queue *queue =
		&view->analysis->sample.devices[place->device].queues[place->queue];
	struct queue_diagnosis diagnosis = view_diagnosis(view->analysis, place->device,
							  place->queue);
	size_t most = view->verbose ? MANY : FEW;

	if (place->finding->severity != SEVERITY_STUCK || place->finding != diagnosis.findings)
		return;
	for (size_t i = 0; i < queue->request_num && i < most; i++) {
		_cleanup_buffer_ struct buffer line = { 0 };

		buffer_add(&line, "request ");
		requests_add_line(&line, &queue->requests[i]);
		view_add_raw_item(view, buffer, "    - ", buffer_text(&line));
		buffer->failed |= line.failed;
	}
	if (queue->request_num > most) {
		_cleanup_buffer_ struct buffer line = { 0 };

		buffer_printf(&line, "and %zu more requests", queue->request_num - most);
		view_add_item(view, buffer, "    - ", buffer_text(&line));
		buffer->failed |= line.failed;
	}
}

/** Add the evidence of one finding of a group. */
static void add_place_evidence(const struct view *view, struct buffer *buffer,
			       const struct place *place)
{
	const struct device *device = &view->analysis->sample.devices[place->device];
	_cleanup_free_ char *type = view_short_type(view, device);
	_cleanup_buffer_ struct buffer line = { 0 };

	if (!type) {
		buffer->failed = true;
		return;
	}
	view_add_queue(view, &line, place->device, place->queue);
	buffer_printf(&line, ", %s", type);
	if (device->id && device->location) {
		buffer_add(&line, " at ");
		buffer_add_escaped(&line, device->location, view->utf8);
	}
	buffer_printf(&line, ", confidence %s", confidence_word(place->finding->confidence));
	view_add_item(view, buffer, "  ", buffer_text(&line));
	buffer->failed |= line.failed;
	for (size_t i = 0; i < place->finding->evidence_num; i++)
		view_add_raw_item(view, buffer, "    - ", place->finding->evidence[i]);
	add_place_requests(view, buffer, place);
}

static void add_group_heading(const struct view *view, struct buffer *buffer,
			      const struct finding *finding)
{
	size_t column = utf8_width(finding->verdict);

	view_color_on(view, buffer, finding->severity);
	buffer_add(buffer, finding->verdict);
	view_color_off(view, buffer);
	if (finding->title) {
		buffer_add(buffer, ": ");
		buffer_wrap(buffer, finding->title, column + 2, 2, view->width);
	} else {
		buffer_add(buffer, "\n");
	}
}

/** What is not judged, in few lines: where, the first reason, what to do. */
static void add_group_short(const struct view *view, struct buffer *buffer,
			    const struct group *group)
{
	const struct finding *finding = group->places[0].finding;
	_cleanup_buffer_ struct buffer where = { 0 };

	add_group_heading(view, buffer, finding);
	add_places(view, &where, group, 0);
	view_add_item(view, buffer, "  ", buffer_text(&where));
	buffer->failed |= where.failed;
	if (finding->evidence_num)
		view_add_raw_item(view, buffer, "    - ", finding->evidence[0]);
	if (finding->next)
		view_add_item(view, buffer, "  next        ", finding->next);
}

/** A paragraph: what was found, where, why, and what to do. */
static void add_group(const struct view *view, struct buffer *buffer, const struct group *group)
{
	const struct place *first = &group->places[0];
	bool evidence = false;

	for (size_t i = 0; i < group->num; i++)
		evidence |= group->places[i].finding->evidence_num > 0;
	if (first->finding->severity < SEVERITY_UNKNOWN && !evidence) {
		add_group_short(view, buffer, group);
		return;
	}
	size_t in_full =
		view->verbose || group->num <= EVIDENCE_QUEUES + 1 ? group->num : EVIDENCE_QUEUES;

	add_group_heading(view, buffer, first->finding);
	for (size_t i = 0; i < in_full; i++)
		add_place_evidence(view, buffer, &group->places[i]);
	if (in_full < group->num) {
		_cleanup_buffer_ struct buffer rest = { 0 };

		buffer_printf(&rest, "and %zu more (evidence with -v): ", group->num - in_full);
		add_places(view, &rest, group, in_full);
		view_add_item(view, buffer, "  ", buffer_text(&rest));
		buffer->failed |= rest.failed;
	}
	view_add_advice(view, buffer, first->finding);
	if (first->finding->severity == SEVERITY_STUCK) {
		_cleanup_buffer_ struct buffer command = { 0 };

		view_add_show_command(view, &command, first->device, first->queue);
		view_add_item(view, buffer, "  more        ", buffer_text(&command));
		buffer->failed |= command.failed;
	}
}

static void add_groups(const struct view *view, struct buffer *buffer, const struct groups *groups,
		       void (*add)(const struct view *, struct buffer *, const struct group *))
{
	for (size_t i = 0; i < groups->num; i++) {
		if (buffer->length)
			buffer_add(buffer, "\n");
		add(view, buffer, &groups->groups[i]);
	}
}

static void add_devices(const struct view *view, struct buffer *buffer)
{
	const struct sample *sample = &view->analysis->sample;

	for (size_t i = 0; i < sample->device_num; i++) {
		bool shown = view->all_selected;

		for (size_t j = 0; j < sample->devices[i].queue_num && !shown; j++)
			shown = sample->devices[i].queues[j].selected;
		if (!shown)
			continue;
		buffer_add(buffer, "\n");
		view_add_device(view, buffer, i);
	}
}

struct virtq_error *report_text(const struct analysis *analysis,
				const struct virtq_render_options *options, char **ret)
{
	_cleanup_view_ struct view view = { 0 };
	_cleanup_groups_ struct groups answer = { 0 };
	_cleanup_groups_ struct groups stuck = { 0 };
	_cleanup_groups_ struct groups unknown = { 0 };
	_cleanup_groups_ struct groups off = { 0 };
	_cleanup_groups_ struct groups all_off = { 0 };
	_cleanup_groups_ struct groups ok = { 0 };
	_cleanup_buffer_ struct buffer buffer = { 0 };

	TRY(view_init(analysis, options, &view));
	TRY(groups_init(analysis, SEVERITY_STUCK, false, &stuck));
	/* A paused VM is not stuck, but whoever asks should not have to guess. */
	TRY(groups_init(analysis, SEVERITY_OFF, true, &off));
	TRY(groups_init_answer(analysis, &answer));
	bool off_first = stuck.num && groups_say_off(&answer);
	if (view.quiet) {
		if (off_first)
			add_groups(&view, &buffer, &off, add_group_short);
		add_groups(&view, &buffer, &stuck, add_group);
		return buffer_take(&buffer, ret);
	}
	TRY(groups_init(analysis, SEVERITY_UNKNOWN, false, &unknown));
	add_answer(&view, &buffer, &answer);
	if (buffer.length)
		buffer_add(&buffer, "\n");
	view_add_header(&view, &buffer);
	buffer_add(&buffer, "\n");
	TRY(table_add(&view, &buffer));
	if (off_first)
		add_groups(&view, &buffer, &off, add_group_short);
	add_groups(&view, &buffer, &stuck, add_group);
	add_groups(&view, &buffer, &unknown, view.verbose ? add_group : add_group_short);
	if (view.verbose) {
		TRY(groups_init(analysis, SEVERITY_OFF, false, &all_off));
		TRY(groups_init(analysis, SEVERITY_OK, false, &ok));
		add_groups(&view, &buffer, &all_off, add_group);
		add_groups(&view, &buffer, &ok, add_group);
		add_devices(&view, &buffer);
	} else if (!off_first) {
		add_groups(&view, &buffer, &off, add_group_short);
	}
	buffer_add(&buffer, "\n");
	view_add_summary(&view, &buffer, stuck.finding_num, unknown.finding_num);
	buffer_add(&buffer, "\n");
	view_add_incomplete(&view, &buffer);
	return buffer_take(&buffer, ret);
}
