/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <ctype.h>
#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"
#include "report/utf8.h"
#include "report/view.h"
#include "report/words.h"

#define WIDTH_DEFAULT 100
#define WIDTH_MIN 60
#define LABEL_COLUMNS 48   /* of a device's name in running text */
#define BUILD_ID_DIGITS 12 /* enough to tell builds apart; JSON has it in full */

struct virtq_error *view_init(const struct analysis *analysis,
			      const struct virtq_render_options *options, struct view *view_ret)
{
	static const struct virtq_render_options defaults = { 0 };
	_cleanup_labels_ struct labels labels = { 0 };
	struct view view = { .analysis = analysis, .all_selected = true };

	if (!options)
		options = &defaults;
	view.color = options->color;
	view.verbose = options->verbose;
	view.quiet = options->quiet;
	view.utf8 = utf8_locale();
	view.width = options->width ? options->width : WIDTH_DEFAULT;
	if (view.width < WIDTH_MIN)
		view.width = WIDTH_MIN;
	for (size_t i = 0; i < analysis->sample.device_num; i++)
		for (size_t j = 0; j < analysis->sample.devices[i].queue_num; j++)
			if (!analysis->sample.devices[i].queues[j].selected)
				view.all_selected = false;
	TRY(labels_init(&analysis->sample, view.utf8, &labels));
	TRY(labels_shorten(&labels, LABEL_COLUMNS, view.utf8, &view.labels));
	*view_ret = view;
	return NULL;
}

void view_deinit(struct view *view)
{
	labels_deinit(&view->labels);
}

struct queue_diagnosis view_diagnosis(const struct analysis *analysis, size_t device, size_t queue)
{
	const struct diagnosis *diagnosis = &analysis->diagnosis;

	if (device >= diagnosis->device_num || queue >= diagnosis->devices[device].queue_num)
		return (struct queue_diagnosis){ 0 };
	return diagnosis->devices[device].queues[queue];
}

bool view_shows(const struct view *view, size_t device, size_t queue)
{
	const struct queue *shown = &view->analysis->sample.devices[device].queues[queue];
	struct queue_diagnosis diagnosis = view_diagnosis(view->analysis, device, queue);

	if (!shown->selected)
		return false;
	if (shown->set_up || !shown->readable || view->verbose || !view->all_selected)
		return true;
	for (size_t i = 0; i < diagnosis.finding_num; i++)
		if (diagnosis.findings[i].severity >= SEVERITY_UNKNOWN)
			return true;
	return false;
}

bool view_explains(const struct queue *queue, const struct finding *finding)
{
	return queue->set_up && finding->severity == SEVERITY_OFF &&
	       strcmp(finding->verdict, "off/not-set-up") != 0;
}

void view_color_on(const struct view *view, struct buffer *buffer, enum severity severity)
{
	static const char *const codes[] = {
		[SEVERITY_OK] = "\033[32m",      /* green */
		[SEVERITY_OFF] = "\033[2m",      /* dim */
		[SEVERITY_UNKNOWN] = "\033[33m", /* yellow */
		[SEVERITY_STUCK] = "\033[1;31m", /* bold red */
	};

	if (view->color)
		buffer_add(buffer, codes[severity]);
}

void view_color_off(const struct view *view, struct buffer *buffer)
{
	if (view->color)
		buffer_add(buffer, "\033[0m");
}

void view_add_queue(const struct view *view, struct buffer *buffer, size_t device, size_t queue)
{
	const struct queue *named = &view->analysis->sample.devices[device].queues[queue];

	buffer_printf(buffer, "%s queue %u", view->labels.names[device], named->index);
	if (named->role[0]) {
		buffer_add(buffer, " (");
		buffer_add_escaped(buffer, named->role, view->utf8);
		buffer_add(buffer, ")");
	}
}

char *view_short_type(const struct view *view, const struct device *device)
{
	static const char start[] = "virtio-";
	static const char end[] = "-device";
	_cleanup_buffer_ struct buffer buffer = { 0 };
	const char *type = device->type ? device->type : "?";
	size_t length;
	char *result;

	if (strncmp(type, start, strlen(start)) == 0)
		type += strlen(start);
	length = strlen(type);
	if (length > strlen(end) && strcmp(type + length - strlen(end), end) == 0)
		length -= strlen(end);

	_cleanup_free_ char *core = strndup(type, length);
	if (!core)
		return NULL;
	buffer_add_escaped(&buffer, core, view->utf8);
	_cleanup_error_ struct virtq_error *error = buffer_take(&buffer, &result);
	return error ? NULL : result;
}

void view_add_item(const struct view *view, struct buffer *buffer, const char *prefix,
		   const char *text)
{
	size_t indent = utf8_width(prefix);

	buffer_add(buffer, prefix);
	buffer_wrap(buffer, text, indent, indent, view->width);
}

void view_add_raw_item(const struct view *view, struct buffer *buffer, const char *prefix,
		       const char *text)
{
	_cleanup_buffer_ struct buffer escaped = { 0 };

	buffer_add_escaped(&escaped, text, view->utf8);
	view_add_item(view, buffer, prefix, buffer_text(&escaped));
	buffer->failed |= escaped.failed;
}

static void add_target(const struct view *view, struct buffer *buffer)
{
	const struct analysis_target *target = &view->analysis->target;

	if (target->description) {
		buffer_add_escaped(buffer, target->description, view->utf8);
	} else {
		buffer_add(buffer, target->kind ? target->kind : "target");
		if (target->path) {
			buffer_add(buffer, " ");
			buffer_add_escaped(buffer, target->path, view->utf8);
		} else if (target->pid) {
			buffer_printf(buffer, " %ld", (long)target->pid);
		}
		if (target->original) {
			buffer_add(buffer, " of ");
			buffer_add_escaped(buffer, target->original, view->utf8);
		}
	}
	if (target->signal) {
		const char *name = sigabbrev_np(target->signal);

		if (name)
			buffer_printf(buffer, ", killed by SIG%s", name);
		else
			buffer_printf(buffer, ", killed by signal %d", target->signal);
	}
	if (target->truncated)
		buffer_add(buffer, ", truncated");
}

static void add_qemu(const struct view *view, struct buffer *buffer)
{
	const struct analysis_qemu *qemu = &view->analysis->qemu;
	const char *runstate = view->analysis->sample.runstate;

	buffer_add(buffer, "QEMU ");
	buffer_add_escaped(buffer, qemu->version ? qemu->version : "of unknown version",
			   view->utf8);
	buffer_add(buffer, ", ");
	buffer_add_escaped(buffer, runstate ? runstate : "run state unknown", view->utf8);
	if (qemu->build_id) {
		_cleanup_buffer_ struct buffer id = { 0 };

		buffer_add_escaped(&id, qemu->build_id, view->utf8);
		buffer_printf(buffer, ", build-id %.*s", BUILD_ID_DIGITS, buffer_text(&id));
	}
}

/** Is a queue out of service that the driver has set up? */
static bool anything_off(const struct analysis *analysis)
{
	for (size_t i = 0; i < analysis->sample.device_num; i++) {
		for (size_t j = 0; j < analysis->sample.devices[i].queue_num; j++) {
			const struct queue *queue = &analysis->sample.devices[i].queues[j];
			struct queue_diagnosis diagnosis = view_diagnosis(analysis, i, j);

			for (size_t k = 0; k < diagnosis.finding_num && queue->selected; k++)
				if (view_explains(queue, &diagnosis.findings[k]))
					return true;
		}
	}
	return false;
}

static void add_samples(const struct view *view, struct buffer *buffer)
{
	const struct analysis *analysis = view->analysis;

	if (analysis->samples > 1)
		/* no %f: the decimal point must not follow the locale */
		buffer_printf(buffer, "two samples %u.%u s apart", analysis->interval_ms / 1000,
			      analysis->interval_ms % 1000 / 100);
	else if (analysis->target.live && analysis_status(analysis) == 0)
		buffer_add(buffer, anything_off(analysis) ? "one sample" :
							    "one sample: nothing suspicious in it");
	else
		buffer_add(buffer, "one sample: progress cannot be seen, confidence is limited");
}

void view_add_header(const struct view *view, struct buffer *buffer)
{
	const struct analysis *analysis = view->analysis;
	_cleanup_buffer_ struct buffer line = { 0 };

	add_target(view, &line);
	buffer_add(&line, ": ");
	add_qemu(view, &line);
	buffer_wrap(buffer, buffer_text(&line), 0, 0, view->width);
	buffer->failed |= line.failed;
	add_samples(view, buffer);
	buffer_add(buffer, "\n");
	if (!view->verbose)
		return;
	if (analysis->qemu.executable)
		view_add_raw_item(view, buffer, "  executable  ", analysis->qemu.executable);
	if (analysis->qemu.build_id)
		view_add_raw_item(view, buffer, "  build-id    ", analysis->qemu.build_id);
	if (analysis->qemu.layout)
		view_add_raw_item(view, buffer, "  layout      ", analysis->qemu.layout);
	if (analysis->target.command)
		view_add_raw_item(view, buffer, "  command     ", analysis->target.command);
}

static void add_name_value(const struct view *view, struct buffer *buffer, const char *name,
			   const char *value)
{
	_cleanup_buffer_ struct buffer prefix = { 0 };

	buffer_printf(&prefix, "  %-26s ", name);
	view_add_item(view, buffer, buffer_text(&prefix), value);
	buffer->failed |= prefix.failed;
}

static void add_name_raw(const struct view *view, struct buffer *buffer, const char *name,
			 const char *value)
{
	_cleanup_buffer_ struct buffer escaped = { 0 };

	if (!value)
		return;
	buffer_add_escaped(&escaped, value, view->utf8);
	add_name_value(view, buffer, name, buffer_text(&escaped));
	buffer->failed |= escaped.failed;
}

static void add_name_hex(const struct view *view, struct buffer *buffer, const char *name,
			 uint64_t address)
{
	_cleanup_buffer_ struct buffer value = { 0 };

	if (!address)
		return;
	buffer_printf(&value, "0x%" PRIx64, address);
	add_name_value(view, buffer, name, buffer_text(&value));
	buffer->failed |= value.failed;
}

void view_add_present_facts(const struct view *view, struct buffer *buffer, const void *base,
			    const struct fact_descriptor *descriptors, size_t num)
{
	for (size_t i = 0; i < num; i++) {
		_cleanup_buffer_ struct buffer value = { 0 };
		struct fact fact = fact_at(base, &descriptors[i]);

		if (fact.state == FACT_ABSENT)
			continue;
		words_add_fact(&value, &descriptors[i], fact);
		add_name_value(view, buffer, descriptors[i].name, buffer_text(&value));
		buffer->failed |= value.failed;
	}
}

void view_add_facts(const struct view *view, struct buffer *buffer, const void *base,
		    const struct fact_descriptor *descriptors, size_t num)
{
	_cleanup_buffer_ struct buffer absent = { 0 };

	view_add_present_facts(view, buffer, base, descriptors, num);
	for (size_t i = 0; i < num; i++)
		if (fact_at(base, &descriptors[i]).state == FACT_ABSENT)
			buffer_printf(&absent, "%s%s", absent.length ? ", " : "",
				      descriptors[i].name);
	if (absent.length)
		add_name_value(view, buffer, "absent", buffer_text(&absent));
	buffer->failed |= absent.failed;
}

/** What serves the rings, if not QEMU itself. */
static void add_vhost(const struct view *view, struct buffer *buffer, const struct device *device)
{
	const char *backend = fact_known(device->vhost_backend)
				      ? vhost_backend_word(device->vhost_backend.value)
				      : NULL;
	_cleanup_buffer_ struct buffer value = { 0 };

	if (!device->vhost)
		return;
	buffer_add(&value, "vhost");
	if (backend)
		buffer_printf(&value, " (%s)", backend);
	add_name_value(view, buffer, "served by", buffer_text(&value));
	buffer->failed |= value.failed;
}

void view_add_device(const struct view *view, struct buffer *buffer, size_t device)
{
	const struct device *shown = &view->analysis->sample.devices[device];
	_cleanup_buffer_ struct buffer value = { 0 };

	buffer_printf(&value, "device %zu: %s", device, view->labels.names[device]);
	buffer_wrap(buffer, buffer_text(&value), 0, 2, view->width);
	add_name_raw(view, buffer, "id", shown->id);
	add_name_raw(view, buffer, "type", shown->type ? shown->type : "unreadable");
	add_name_raw(view, buffer, "name", shown->name);
	add_name_raw(view, buffer, "path", shown->path);
	add_name_raw(view, buffer, "transport", shown->transport);
	add_name_raw(view, buffer, "address", shown->location);
	add_name_raw(view, buffer, "bus-name", shown->bus_name);
	add_name_hex(view, buffer, "VirtIODevice at", shown->address);
	add_name_hex(view, buffer, "proxy at", shown->proxy);
	add_vhost(view, buffer, shown);
	if (fact_known(shown->device_endian))
		add_name_value(view, buffer, "device-endian",
			       device_endian_word(shown->device_endian.value));
	add_name_value(view, buffer, "ring byte order", shown->big_endian ? "big" : "little");
	view_add_facts(view, buffer, shown, device_fact_descriptors, device_fact_descriptor_num);
	add_name_raw(view, buffer, "problem", shown->problem);
	buffer->failed |= value.failed;
}

#define WORD_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-."

/** Add @word as a shell reads it. Only printable text gets here. */
static void add_shell_word(struct buffer *buffer, const char *word)
{
	if (*word && word[strspn(word, WORD_CHARACTERS "/:,+@%")] == '\0') {
		buffer_add(buffer, word);
		return;
	}
	buffer_add(buffer, "'");
	for (; *word; word++) {
		if (*word == '\'')
			buffer_add(buffer, "'\\''");
		else
			buffer_add_bytes(buffer, word, 1);
	}
	buffer_add(buffer, "'");
}

/** Can it be typed and pasted as it is? */
static bool typeable(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < 0x20 || (unsigned char)*text >= 0x7f)
			return false;
	return true;
}

/** An id that can stand before ":INDEX" and is not taken for an index itself. */
static bool plain_id(const char *id)
{
	return id && isalpha((unsigned char)*id) && id[strspn(id, WORD_CHARACTERS)] == '\0';
}

void view_add_show_command(const struct view *view, struct buffer *buffer, size_t device,
			   size_t queue)
{
	const struct analysis_target *target = &view->analysis->target;
	const struct device *shown = &view->analysis->sample.devices[device];

	buffer_add(buffer, "virtq show ");
	/* whoever reads a report has it, and not the host that it is of */
	if (view->analysis->context.present) {
		buffer_add(buffer, "THIS-REPORT.tar.gz ");
	} else if (target->path && strcmp(target->path, "-") != 0 && typeable(target->path)) {
		add_shell_word(buffer, target->path);
		buffer_add(buffer, " ");
	} else if (target->path) {
		buffer_add(buffer, "CORE ");
	} else if (target->pid && !target->description) {
		buffer_printf(buffer, "%ld ", (long)target->pid);
	}
	if (plain_id(shown->id))
		buffer_add(buffer, shown->id);
	else
		buffer_printf(buffer, "%zu", device);
	buffer_printf(buffer, ":%u", shown->queues[queue].index);
}

void view_add_advice(const struct view *view, struct buffer *buffer, const struct finding *finding)
{
	_cleanup_buffer_ struct buffer rules = { 0 };

	for (const char *const *rule = finding->considered; rule && *rule; rule++)
		buffer_printf(&rules, "%s%s", rule == finding->considered ? "" : ", ", *rule);
	if (rules.length)
		view_add_item(view, buffer, "  considered  ", buffer_text(&rules));
	if (finding->next)
		view_add_item(view, buffer, "  next        ", finding->next);
	buffer->failed |= rules.failed;
}

void view_add_incomplete(const struct view *view, struct buffer *buffer)
{
	const struct analysis *analysis = view->analysis;

	if (!analysis->incomplete_num)
		return;
	buffer_add(buffer, "the answer is incomplete:\n");
	for (size_t i = 0; i < analysis->incomplete_num; i++)
		view_add_raw_item(view, buffer, "  - ", analysis->incomplete[i]);
}

/** Queues with a ring, and the devices that have them. */
static void count_queues(const struct analysis *analysis, size_t *queues_ret, size_t *devices_ret)
{
	size_t queues = 0;
	size_t devices = 0;

	for (size_t i = 0; i < analysis->sample.device_num; i++) {
		const struct device *device = &analysis->sample.devices[i];
		size_t before = queues;

		for (size_t j = 0; j < device->queue_num; j++)
			if (device->queues[j].selected &&
			    (device->queues[j].set_up || !device->queues[j].readable))
				queues++;
		if (queues > before)
			devices++;
	}
	*queues_ret = queues;
	*devices_ret = devices;
}

static const char *plural(size_t num)
{
	return num == 1 ? "" : "s";
}

void view_add_summary(const struct view *view, struct buffer *buffer, size_t stuck, size_t unknown)
{
	const struct analysis *analysis = view->analysis;
	size_t queues, devices;

	count_queues(analysis, &queues, &devices);
	if (stuck)
		buffer_printf(buffer, "%zu finding%s in ", stuck, plural(stuck));
	else if (!analysis->sample.device_num)
		buffer_add(buffer, "no virtio device found: ");
	else if (!queues && analysis->incomplete_num)
		buffer_add(buffer, "no queue could be read: ");
	else if (!queues)
		buffer_add(buffer, "no queue is set up: ");
	else if (unknown || analysis->incomplete_num)
		buffer_add(buffer, "nothing stuck in what could be read: ");
	else
		buffer_add(buffer, "nothing stuck: ");
	buffer_printf(buffer, "%zu queue%s of %zu device%s", queues, plural(queues), devices,
		      plural(devices));
	if (!stuck)
		buffer_add(buffer, " looked at");
	if (unknown)
		buffer_printf(buffer, ", %zu not judged", unknown);
}
