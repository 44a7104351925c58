/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The table of queues: one row each, columns as wide as what is in them, and
 * made to fit by giving up what matters least.
 */
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "report/utf8.h"
#include "report/view.h"

enum column {
	COLUMN_NUMBER,
	COLUMN_DEVICE,
	COLUMN_TYPE,
	COLUMN_INDEX, /* QUEUE is two columns: index, right-aligned, and role */
	COLUMN_ROLE,
	COLUMN_NUM,
	COLUMN_AVAIL,
	COLUMN_SHADOW,
	COLUMN_LAST,
	COLUMN_USED,
	COLUMN_EVENT,
	COLUMN_INUSE,
	COLUMN_VERDICT,
	COLUMNS,
};

static const struct {
	const char *heading;
	bool right;  /**< Right-aligned. */
	bool number; /**< One space before it is enough. */
} columns[COLUMNS] = {
	[COLUMN_NUMBER] = { "#", true, true },          [COLUMN_DEVICE] = { "DEVICE", false, true },
	[COLUMN_TYPE] = { "TYPE", false, false },       [COLUMN_INDEX] = { "", true, false },
	[COLUMN_ROLE] = { "QUEUE", false, true },       [COLUMN_NUM] = { "NUM", true, true },
	[COLUMN_AVAIL] = { "AVAIL", true, true },       [COLUMN_SHADOW] = { "SHADOW", true, true },
	[COLUMN_LAST] = { "LAST", true, true },         [COLUMN_USED] = { "USED", true, true },
	[COLUMN_EVENT] = { "EVENT", true, true },       [COLUMN_INUSE] = { "INUSE", true, true },
	[COLUMN_VERDICT] = { "VERDICT", false, false },
};

#define DEVICE_COLUMNS_MIN 8   /* labels_shorten() asks for it */
#define DEVICE_COLUMNS_GOOD 12 /* a PCI address */
#define ROLE_COLUMNS_MIN 6

/** From this many on, queues in a row that were never used share one line. */
#define UNUSED_RUN_MIN 4

/** A piece of text in the table's arena. */
struct cell {
	size_t offset; /**< 0: empty. */
	size_t width;  /**< In columns. */
};

struct row {
	size_t device;
	enum severity severity;
	bool first;                 /**< Of its device: only there is the device named. */
	struct cell cells[COLUMNS]; /**< COLUMN_DEVICE is empty: its width is not known yet. */
};

struct table {
	struct row *rows;
	size_t num;
	size_t capacity;
	struct buffer arena;    /**< NUL-terminated texts of the cells; the first is "". */
	bool unreadable;        /**< A "?" is in it. */
	bool stale;             /**< A "~" is in it. */
	size_t widths[COLUMNS]; /**< 0: not shown. */
	size_t gap;             /**< Before columns that are no numbers. */
};

static void table_deinit(struct table *table)
{
	free(table->rows);
	buffer_deinit(&table->arena);
}
#define _cleanup_table_ __attribute__((cleanup(table_deinit)))

static struct row *row_add(struct table *table)
{
	if (!array_grow(&table->rows, table->num, &table->capacity, sizeof(*table->rows)))
		return NULL;
	struct row *row = &table->rows[table->num++];
	*row = (struct row){ 0 };
	return row;
}

/** Make a cell of what was added to the arena since it was @start bytes long. */
static void end_cell(struct table *table, struct row *row, enum column column, size_t start)
{
	buffer_add_bytes(&table->arena, "", 1);
	if (table->arena.failed)
		return; /* and table_add() will say so */
	row->cells[column] = (struct cell){ start, utf8_width(table->arena.text + start) };
}

static void set_text(struct table *table, struct row *row, enum column column, const char *text)
{
	size_t start = table->arena.length;

	buffer_add(&table->arena, text);
	end_cell(table, row, column, start);
}

static void set_number(struct table *table, struct row *row, enum column column, uint64_t number)
{
	size_t start = table->arena.length;

	buffer_add_number(&table->arena, number);
	end_cell(table, row, column, start);
}

static void set_fact(struct table *table, struct row *row, enum column column, struct fact fact)
{
	if (fact.state == FACT_UNREADABLE)
		table->unreadable = true;
	if (fact_known(fact))
		set_number(table, row, column, fact.value);
	else
		set_text(table, row, column, fact.state == FACT_UNREADABLE ? "?" : "-");
}

/**
 * Indices of QEMU that a vhost backend keeps instead are stale: a number here
 * would be taken for the truth. What the backend has done is in the guest's
 * used->idx.
 */
static void set_indices(struct table *table, struct row *row, const struct queue *queue)
{
	set_fact(table, row, COLUMN_NUM, queue->vring_num);
	set_fact(table, row, COLUMN_AVAIL, queue->avail_idx);
	set_fact(table, row, COLUMN_EVENT, queue->used_event);
	if (queue->vhost) {
		table->stale = true;
		set_text(table, row, COLUMN_SHADOW, "~");
		set_text(table, row, COLUMN_LAST, "~");
		set_text(table, row, COLUMN_INUSE, "~");
		set_fact(table, row, COLUMN_USED, queue->used_ring_idx);
	} else {
		set_fact(table, row, COLUMN_SHADOW, queue->shadow_avail_idx);
		set_fact(table, row, COLUMN_LAST, queue->last_avail_idx);
		set_fact(table, row, COLUMN_INUSE, queue->inuse);
		set_fact(table, row, COLUMN_USED, queue->used_idx);
	}
}

static void set_verdict(struct table *table, struct row *row, struct queue_diagnosis diagnosis,
			const struct queue *queue)
{
	size_t start = table->arena.length;

	if (diagnosis.finding_num) {
		row->severity = diagnosis.findings[0].severity;
		buffer_add(&table->arena, diagnosis.findings[0].verdict);
		if (diagnosis.finding_num > 1)
			buffer_printf(&table->arena, " +%zu", diagnosis.finding_num - 1);
	} else {
		row->severity = queue->set_up ? SEVERITY_UNKNOWN : SEVERITY_OFF;
		buffer_add(&table->arena, queue->set_up ? "-" : "off/not-set-up");
	}
	end_cell(table, row, COLUMN_VERDICT, start);
}

static struct virtq_error *name_device(const struct view *view, struct table *table,
				       struct row *row)
{
	_cleanup_free_ char *type =
		view_short_type(view, &view->analysis->sample.devices[row->device]);

	if (!type)
		return &virtq_error_no_memory;
	row->first = true;
	set_number(table, row, COLUMN_NUMBER, row->device);
	set_text(table, row, COLUMN_TYPE, type);
	return NULL;
}

/**
 * Is it set up, but nothing was ever put into it? Linux sets up the queues of
 * all ports a console might get, and of all CPUs a guest might get.
 */
static bool is_unused(const struct view *view, size_t device, size_t index)
{
	const struct queue *queue = &view->analysis->sample.devices[device].queues[index];
	struct queue_diagnosis diagnosis = view_diagnosis(view->analysis, device, index);

	return view_shows(view, device, index) && queue->set_up && !queue->packed && !queue->vhost &&
	       fact_is(queue->avail_idx, 0) && fact_is(queue->shadow_avail_idx, 0) &&
	       fact_is(queue->last_avail_idx, 0) && fact_is(queue->used_idx, 0) &&
	       fact_is(queue->inuse, 0) && diagnosis.finding_num == 1 &&
	       (diagnosis.findings[0].severity == SEVERITY_OK ||
		diagnosis.findings[0].severity == SEVERITY_OFF);
}

/** How many queues from @index on share one row: those of a long run that was never used. */
static size_t queues_of_row(const struct view *view, size_t device, size_t index)
{
	const struct device *shown = &view->analysis->sample.devices[device];
	size_t num = 0;

	if (view->verbose)
		return 1;
	while (index + num < shown->queue_num && is_unused(view, device, index + num) &&
	       fact_equal(shown->queues[index + num].vring_num, shown->queues[index].vring_num) &&
	       strcmp(view_diagnosis(view->analysis, device, index + num).findings[0].verdict,
		      view_diagnosis(view->analysis, device, index).findings[0].verdict) == 0)
		num++;
	return num >= UNUSED_RUN_MIN ? num : 1;
}

static void name_queues(const struct view *view, struct table *table, struct row *row,
			const struct queue *queue, size_t num)
{
	size_t start = table->arena.length;

	if (num > 1) {
		buffer_printf(&table->arena, "%u-%zu", queue->index, queue->index + num - 1);
		end_cell(table, row, COLUMN_INDEX, start);
		start = table->arena.length;
		buffer_printf(&table->arena, "%zu unused", num);
	} else {
		set_number(table, row, COLUMN_INDEX, queue->index);
		start = table->arena.length;
		buffer_add_escaped(&table->arena, queue->role, view->utf8);
	}
	end_cell(table, row, COLUMN_ROLE, start);
}

static struct virtq_error *add_device(const struct view *view, struct table *table, size_t device)
{
	const struct device *shown = &view->analysis->sample.devices[device];
	bool first = true;
	size_t num;

	for (size_t i = 0; i < shown->queue_num; i += num) {
		const struct queue *queue = &shown->queues[i];

		num = queues_of_row(view, device, i);
		if (!view_shows(view, device, i))
			continue;
		struct row *row = row_add(table);
		if (!row)
			return &virtq_error_no_memory;
		row->device = device;
		if (first)
			TRY(name_device(view, table, row));
		first = false;
		name_queues(view, table, row, queue, num);
		set_indices(table, row, queue);
		set_verdict(table, row, view_diagnosis(view->analysis, device, i), queue);
	}
	/* A device whose queues could not even be counted must not vanish. */
	if (!shown->queue_num && shown->problem && view->all_selected) {
		struct row *row = row_add(table);
		if (!row)
			return &virtq_error_no_memory;
		row->device = device;
		TRY(name_device(view, table, row));
		set_text(table, row, COLUMN_INDEX, "?");
		set_text(table, row, COLUMN_VERDICT, "unreadable");
		row->severity = SEVERITY_UNKNOWN;
		table->unreadable = true;
	}
	return NULL;
}

static size_t gap_before(const struct table *table, size_t column)
{
	return columns[column].number ? 1 : table->gap;
}

static size_t total_width(const struct table *table)
{
	size_t total = 0;

	for (size_t i = 0; i < COLUMNS; i++)
		if (table->widths[i])
			total += table->widths[i] + (total ? gap_before(table, i) : 0);
	return total;
}

/** Take @column down to @least, but not further than needed to fit. */
static void give_up(struct table *table, enum column column, size_t least, size_t width)
{
	size_t total = total_width(table);
	size_t have = table->widths[column];

	if (total <= width || have <= least)
		return;
	size_t excess = total - width;
	table->widths[column] = have - least > excess ? have - excess : least;
}

static void measure(const struct view *view, struct table *table)
{
	table->gap = 2;
	for (size_t i = 0; i < COLUMNS; i++)
		table->widths[i] = strlen(columns[i].heading);
	for (size_t i = 0; i < table->num; i++) {
		const struct row *row = &table->rows[i];

		for (size_t j = 0; j < COLUMNS; j++) {
			size_t width = row->cells[j].width;

			if (j == COLUMN_DEVICE && row->first)
				width = utf8_width(view->labels.names[row->device]);
			if (width > table->widths[j])
				table->widths[j] = width;
		}
	}
	if (total_width(table) > view->width)
		table->widths[COLUMN_TYPE] = 0;
	if (total_width(table) > view->width)
		table->gap = 1;
	give_up(table, COLUMN_DEVICE, DEVICE_COLUMNS_GOOD, view->width);
	give_up(table, COLUMN_ROLE, ROLE_COLUMNS_MIN, view->width);
	give_up(table, COLUMN_DEVICE, DEVICE_COLUMNS_MIN, view->width);
}

static void add_cell(const struct table *table, struct buffer *buffer, size_t column,
		     const char *text, size_t text_width)
{
	size_t width = table->widths[column];
	size_t space = width > text_width ? width - text_width : 0;

	if (columns[column].right)
		buffer_spaces(buffer, space);
	buffer_add(buffer, text);
	if (!columns[column].right && column != COLUMN_VERDICT)
		buffer_spaces(buffer, space);
}

static void add_headings(const struct table *table, struct buffer *buffer)
{
	for (size_t i = 0; i < COLUMNS; i++) {
		const char *heading = columns[i].heading;

		if (!table->widths[i])
			continue;
		buffer_spaces(buffer, i ? gap_before(table, i) : 0);
		if (i == COLUMN_INDEX) {
			/* QUEUE starts where its index does and runs on over its role */
			buffer_add(buffer, columns[COLUMN_ROLE].heading);
			size_t both = table->widths[i] + 1 + table->widths[COLUMN_ROLE];
			buffer_spaces(buffer, both - strlen(columns[COLUMN_ROLE].heading));
			i = COLUMN_ROLE;
			continue;
		}
		add_cell(table, buffer, i, heading, strlen(heading));
	}
	buffer_add(buffer, "\n");
}

static struct virtq_error *add_row(const struct view *view, const struct table *table,
				   const struct labels *labels, const struct row *row,
				   struct buffer *buffer)
{
	for (size_t i = 0; i < COLUMNS; i++) {
		const char *text = buffer_text(&table->arena) + row->cells[i].offset;
		size_t width = row->cells[i].width;
		_cleanup_free_ char *shortened = NULL;

		if (!table->widths[i])
			continue;
		if (i == COLUMN_DEVICE && row->first) {
			text = labels->names[row->device];
			width = utf8_width(text);
		} else if (i == COLUMN_ROLE && width > table->widths[i]) {
			shortened = shorten_middle(text, table->widths[i], view->utf8);
			if (!shortened)
				return &virtq_error_no_memory;
			text = shortened;
			width = utf8_width(text);
		}
		buffer_spaces(buffer, i ? gap_before(table, i) : 0);
		if (i == COLUMN_VERDICT)
			view_color_on(view, buffer, row->severity);
		add_cell(table, buffer, i, text, width);
		if (i == COLUMN_VERDICT)
			view_color_off(view, buffer);
	}
	buffer_add(buffer, "\n");
	return NULL;
}

struct virtq_error *table_add(const struct view *view, struct buffer *buffer)
{
	_cleanup_table_ struct table table = { 0 };
	_cleanup_labels_ struct labels labels = { 0 };

	buffer_add_bytes(&table.arena, "", 1);
	for (size_t i = 0; i < view->analysis->sample.device_num; i++)
		TRY(add_device(view, &table, i));
	if (table.arena.failed)
		return &virtq_error_no_memory;
	if (!table.num)
		return NULL;
	measure(view, &table);
	TRY(labels_shorten(&view->labels, table.widths[COLUMN_DEVICE], view->utf8, &labels));
	add_headings(&table, buffer);
	for (size_t i = 0; i < table.num; i++)
		TRY(add_row(view, &table, &labels, &table.rows[i], buffer));
	if (table.unreadable)
		buffer_add(buffer, "? could not be read\n");
	if (table.stale)
		buffer_add(buffer, "~ kept by the vhost backend, not by QEMU; "
				   "USED is read from guest RAM\n");
	return NULL;
}
