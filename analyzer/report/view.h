/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the text renderers share: the options resolved, and small pieces of text. */
#ifndef VIRTQ_REPORT_VIEW_H
#define VIRTQ_REPORT_VIEW_H

#include "model/analysis.h"
#include "report/buffer.h"
#include "report/labels.h"

struct view {
	const struct analysis *analysis;
	bool color;
	bool verbose;
	bool quiet;
	bool utf8;
	unsigned int width;   /**< In columns. */
	struct labels labels; /**< For running text. */
	bool all_selected;    /**< The user did not name queues. */
};

MUST_CHECK struct virtq_error *view_init(const struct analysis *analysis,
					 const struct virtq_render_options *options,
					 struct view *view_ret);
void view_deinit(struct view *view);
#define _cleanup_view_ __attribute__((cleanup(view_deinit)))

/** The queue's findings; none if the diagnosis is shorter than the sample. */
struct queue_diagnosis view_diagnosis(const struct analysis *analysis, size_t device, size_t queue);

/** Is the queue shown in the table? */
bool view_shows(const struct view *view, size_t device, size_t queue);

/**
 * Does the finding say why a queue that could serve does not, as of a paused
 * VM? A driver that has not got to its queue yet is no such reason.
 */
bool view_explains(const struct queue *queue, const struct finding *finding);

/** Start and end of coloured text; nothing without colour. */
void view_color_on(const struct view *view, struct buffer *buffer, enum severity severity);
void view_color_off(const struct view *view, struct buffer *buffer);

/** Add "disk0 queue 0 (request)". */
void view_add_queue(const struct view *view, struct buffer *buffer, size_t device, size_t queue);

/** "virtio-blk-device" as "blk"; other types in full, escaped. NULL without memory. */
char *view_short_type(const struct view *view, const struct device *device);

/** Add the escaped @text, wrapped, after @prefix; its other lines are indented as far. */
void view_add_item(const struct view *view, struct buffer *buffer, const char *prefix,
		   const char *text);

/** As view_add_item(), for text of a target: it is escaped first. */
void view_add_raw_item(const struct view *view, struct buffer *buffer, const char *prefix,
		       const char *text);

/** Add the lines that say what was looked at and how often. */
void view_add_header(const struct view *view, struct buffer *buffer);

/** Add "  name   value" for each fact of @base; absent ones are named in one last line. */
void view_add_facts(const struct view *view, struct buffer *buffer, const void *base,
		    const struct fact_descriptor *descriptors, size_t num);

/** The same without the absent ones. */
void view_add_present_facts(const struct view *view, struct buffer *buffer, const void *base,
			    const struct fact_descriptor *descriptors, size_t num);

/** Add the device's names, its state, and its facts. */
void view_add_device(const struct view *view, struct buffer *buffer, size_t device);

/** Add the command that shows more about the queue, as "virtq show 4242 disk0:0"; in a report, of it. */
void view_add_show_command(const struct view *view, struct buffer *buffer, size_t device,
			   size_t queue);

/** Add what follows a finding's evidence: the rules considered and the next step. */
void view_add_advice(const struct view *view, struct buffer *buffer, const struct finding *finding);

/** Add in a line, without its end, what there is in all: @stuck findings, @unknown not judged. */
void view_add_summary(const struct view *view, struct buffer *buffer, size_t stuck, size_t unknown);

/** Add why the answer is incomplete; nothing if it is not. */
void view_add_incomplete(const struct view *view, struct buffer *buffer);

/** Add where the indices stand, oldest first, in one line; in show.c. */
void show_add_picture(struct buffer *buffer, const struct queue *queue);

/** The table of queues, in table.c. */
MUST_CHECK struct virtq_error *table_add(const struct view *view, struct buffer *buffer);

#endif
