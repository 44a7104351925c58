/* SPDX-License-Identifier: GPL-3.0-or-later */
/* report.txt: the report for people, with what goes before and behind it in an attachment. */
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "report/bundle.h"
#include "report/document.h"
#include "report/report.h"
#include "report/view.h"

enum { TEXT_WIDTH = 100 };

void document_add_time(struct buffer *buffer, uint64_t seconds, bool iso)
{
	time_t time = (time_t)seconds;
	struct tm parts;
	char text[64];

	if (!gmtime_r(&time, &parts) ||
	    !strftime(text, sizeof(text), iso ? "%Y-%m-%dT%H:%M:%SZ" : "%Y-%m-%d %H:%M:%S UTC",
		      &parts))
		return;
	buffer_add(buffer, text);
}

void document_add_duration(struct buffer *buffer, uint64_t seconds)
{
	uint64_t days = seconds / 86400, hours = seconds / 3600 % 24, minutes = seconds / 60 % 60;

	if (days)
		buffer_printf(buffer, "%" PRIu64 " day%s %" PRIu64 " h", days, days == 1 ? "" : "s",
			      hours);
	else if (hours)
		buffer_printf(buffer, "%" PRIu64 " h %" PRIu64 " min", hours, minutes);
	else if (minutes)
		buffer_printf(buffer, "%" PRIu64 " min %" PRIu64 " s", minutes, seconds % 60);
	else
		buffer_printf(buffer, "%" PRIu64 " s", seconds);
}

/** Add "  name      value", wrapped; nothing without a value. */
static void add_line(const struct view *view, struct buffer *buffer, const char *name,
		     const char *value)
{
	_cleanup_buffer_ struct buffer prefix = { 0 };

	if (!value || !*value)
		return;
	buffer_printf(&prefix, "%-12s", name);
	view_add_raw_item(view, buffer, buffer_text(&prefix), value);
	buffer->failed |= prefix.failed;
}

static void add_vm(const struct view *view, struct buffer *buffer)
{
	const struct analysis_context *context = &view->analysis->context;
	_cleanup_buffer_ struct buffer line = { 0 };

	if (context->vm_name)
		buffer_add(&line, context->vm_name);
	if (context->machine)
		buffer_printf(&line, "%smachine type %s", line.length ? ", " : "", context->machine);
	if (context->started && context->time >= context->started) {
		buffer_add(&line, line.length ? ", up " : "up ");
		document_add_duration(&line, context->time - context->started);
	}
	add_line(view, buffer, "vm", buffer_text(&line));
	buffer->failed |= line.failed;
}

static void add_preamble(const struct view *view, struct buffer *buffer)
{
	const struct analysis *analysis = view->analysis;
	const struct analysis_context *context = &analysis->context;
	_cleanup_buffer_ struct buffer line = { 0 };

	buffer_add(buffer, "virtq " VIRTQ_VERSION " report");
	if (context->time) {
		buffer_add(buffer, ", taken ");
		document_add_time(buffer, context->time, false);
	}
	buffer_add(buffer, "\n");
	add_line(view, buffer, "qemu", analysis->qemu.version);
	add_line(view, buffer, "build-id", analysis->qemu.build_id);
	add_vm(view, buffer);
	if (context->kernel)
		buffer_add(&line, context->kernel);
	if (context->distribution)
		buffer_printf(&line, "%s%s", line.length ? "; " : "", context->distribution);
	add_line(view, buffer, "host", buffer_text(&line));
	add_line(view, buffer, "executable", analysis->qemu.executable);
	add_line(view, buffer, "command", analysis->target.command);
	add_line(view, buffer, "replaced", context->replaced);
	buffer->failed |= line.failed;
}

static void add_thread(const struct view *view, struct buffer *buffer,
		       const struct analysis_thread *thread)
{
	_cleanup_buffer_ struct buffer syscall = { 0 };

	buffer_add_escaped(&syscall, *thread->syscall ? thread->syscall : "-", view->utf8);
	buffer_printf(buffer, "%7d %c  %-16s ", (int)thread->tid, thread->state ? thread->state : '?',
		      buffer_text(&syscall));
	buffer->failed |= syscall.failed;
	buffer_add_escaped(buffer, *thread->name ? thread->name : "?", view->utf8);
	if (thread->signal)
		buffer_printf(buffer, ", signal %d", thread->signal);
	buffer_add(buffer, "\n");
	for (size_t i = 0; i < thread->frame_num; i++) {
		buffer_printf(buffer, "          #%-3zu", i);
		buffer_add_escaped(buffer, thread->frames[i], view->utf8);
		buffer_add(buffer, "\n");
	}
}

static void add_threads(const struct view *view, struct buffer *buffer)
{
	const struct analysis_context *context = &view->analysis->context;

	if (!context->thread_num && !context->threads_problem)
		return;
	buffer_printf(buffer, "\n%zu thread%s\n", context->thread_num,
		      context->thread_num == 1 ? "" : "s");
	if (context->thread_num)
		buffer_add(buffer, "    TID S  WAITS IN         NAME\n");
	for (size_t i = 0; i < context->thread_num; i++)
		add_thread(view, buffer, &context->threads[i]);
	if (context->threads_problem)
		view_add_raw_item(view, buffer, "  - ", context->threads_problem);
}

static struct virtq_error *add_text(const struct analysis *analysis, struct buffer *buffer)
{
	const struct virtq_render_options options = { .width = TEXT_WIDTH };
	_cleanup_view_ struct view view = { 0 };
	_cleanup_free_ char *text = NULL;

	TRY(view_init(analysis, &options, &view));
	add_preamble(&view, buffer);
	buffer_add(buffer, "\n");
	TRY(report_text(analysis, &options, &text));
	buffer_add(buffer, text);
	add_threads(&view, buffer);
	return buffer->failed ? &virtq_error_no_memory : NULL;
}

static struct virtq_error *add_json(const struct analysis *analysis, struct buffer *buffer)
{
	_cleanup_free_ char *text = NULL;

	TRY(report_json(analysis, NULL, &text));
	buffer_add(buffer, text);
	return buffer->failed ? &virtq_error_no_memory : NULL;
}

struct virtq_error *report_document(const struct analysis *analysis,
				    enum virtq_report_format format, struct buffer *buffer)
{
	switch (format) {
	case VIRTQ_REPORT_TEXT:
		return add_text(analysis, buffer);
	case VIRTQ_REPORT_JSON:
		return add_json(analysis, buffer);
	case VIRTQ_REPORT_HTML:
		return report_html(analysis, buffer);
	case VIRTQ_REPORT_ARCHIVE:
	case VIRTQ_REPORT_SNAPSHOT:
		break;
	}
	return error_new(VIRTQ_ERROR_INVALID_ARGUMENT, "no such format of a report: %d",
			 (int)format);
}
