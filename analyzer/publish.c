/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What becomes of a result: text, JSON, reports, snapshots; and layouts. */
#include <stdlib.h>

#include "base/cleanup.h"
#include "context.h"
#include "report/bundle.h"
#include "report/report.h"
#include "session.h"
#include "snapshot/snapshot.h"

/* ---- Render ------------------------------------------------------------------------ */

struct virtq_error *virtq_render_text(const struct virtq_result *result,
				      const struct virtq_render_options *options, char **text_ret)
{
	return report_text(&result->analysis, options, text_ret);
}

struct virtq_error *virtq_render_show(const struct virtq_result *result,
				      const struct virtq_render_options *options, char **text_ret)
{
	return report_show(&result->analysis, options, text_ret);
}

struct virtq_error *virtq_render_json(const struct virtq_result *result,
				      const struct virtq_error *error, char **text_ret)
{
	return report_json(result ? &result->analysis : NULL, error, text_ret);
}

/* ---- Report -------------------------------------------------------------------------- */

/** Replace what is private, before anything of the result leaves the host. */
static struct virtq_error *make_private(struct virtq_result *result, bool full)
{
	size_t num;
	const struct target_mapping *mappings = target_get_mappings(result->session->target, &num);
	struct buffer summary = { 0 };

	if (result->privacy)
		return NULL;
	result->privacy = calloc(1, sizeof(*result->privacy));
	if (!result->privacy)
		return &virtq_error_no_memory;
	result->privacy->keep = full;
	for (size_t i = 0; i < num; i++)
		privacy_learn_path(result->privacy, mappings[i].path);
	TRY(privacy_apply(result->privacy, &result->analysis));
	if (full)
		return NULL;
	privacy_add_summary(result->privacy, &summary);
	return buffer_take(&summary, &result->analysis.context.replaced);
}

static struct virtq_error *write_snapshot(struct virtq_result *result, const char *layout,
					  struct buffer *buffer)
{
	const struct virtq_session *session = result->session;
	const struct snapshot snapshot = {
		.target = session->target,
		.recorder = result->recorder,
		.analysis = &result->analysis,
		.torn = { result->torn[0], result->torn[1] },
		.renewed = { result->renewed[0], result->renewed[1] },
		.sample_ns = { result->sample_ns[0], result->sample_ns[1] },
		.machine = session->layout->machine,
		.entry = session->layout->entry + session->qemu.bias,
		.phdr = session->layout->phdr ? session->layout->phdr + session->qemu.bias : 0,
		.layout = layout,
		.privacy = result->privacy,
	};

	return snapshot_write(&snapshot, buffer);
}

static struct virtq_error *make_report(struct virtq_result *result, enum virtq_report_format format,
				       struct buffer *buffer)
{
	_cleanup_buffer_ struct buffer snapshot = { 0 };
	_cleanup_free_ char *layout = NULL;

	if (format == VIRTQ_REPORT_ARCHIVE || format == VIRTQ_REPORT_SNAPSHOT)
		TRY(layout_print(result->session->layout, &layout));
	if (format == VIRTQ_REPORT_SNAPSHOT)
		return write_snapshot(result, layout, buffer);
	if (format != VIRTQ_REPORT_ARCHIVE)
		return report_document(&result->analysis, format, buffer);
	TRY(write_snapshot(result, layout, &snapshot));
	return bundle_write(&result->analysis, &snapshot, layout, buffer);
}

struct virtq_error *virtq_report(struct virtq_result *result, enum virtq_report_format format,
				 const struct virtq_report_options *options, void **bytes_ret,
				 size_t *length_ret)
{
	_cleanup_buffer_ struct buffer buffer = { 0 };
	char *bytes;

	if (!result->recorder)
		return error_new(VIRTQ_ERROR_INVALID_ARGUMENT,
				 "nothing was recorded while the target was sampled");
	/* of a snapshot they are its writer's business */
	if (format != VIRTQ_REPORT_SNAPSHOT && !result->privacy)
		TRY(context_collect_threads(result->session->target, true, &result->analysis));
	TRY(make_private(result, options && options->full));
	TRY(make_report(result, format, &buffer));
	size_t length = buffer.length;
	TRY(buffer_take(&buffer, &bytes));
	*bytes_ret = bytes;
	*length_ret = length;
	return NULL;
}

/* ---- Layout -------------------------------------------------------------------------- */

struct virtq_error *virtq_layout_text(const char *name, const struct virtq_options *options,
				      char **text_ret)
{
	static const struct virtq_options defaults;
	struct virtq_session *session = NULL;

	if (!options)
		options = &defaults;
	struct virtq_error *error = virtq_session_open(name, options, &session);
	if (!error) {
		error = layout_print(session->layout, text_ret);
		virtq_session_close(session);
		return error;
	}
	/* no core: then it should be a binary */
	if (!error_catch(&error, VIRTQ_ERROR_BAD_CORE))
		return error;

	_cleanup_layout_ struct layout *layout = NULL;
	struct layout_options layout_options = {
		.debug_dir = options->debug_dir,
		.no_cache = options->no_layout_cache,
		.log = options->log,
		.log_argument = options->log_argument,
	};
	TRY(layout_resolve(name, &qemu_schema, &layout_options, &layout));
	return layout_print(layout, text_ret);
}
