/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "report/buffer.h"
#include "report/labels.h"
#include "report/utf8.h"

void labels_deinit(struct labels *labels)
{
	for (size_t i = 0; i < labels->num; i++)
		free(labels->names[i]);
	free(labels->names);
	*labels = (struct labels){ 0 };
}

static bool labels_allocate(struct labels *labels, size_t num)
{
	labels->names = array_new(num, sizeof(*labels->names));
	labels->num = labels->names ? num : 0;
	return labels->names;
}

static const char *ellipsis(bool utf8)
{
	return utf8 ? "\u2026" : "..";
}

/** Keep @head columns of the start and what then fits of the end. */
static char *cut(const char *text, size_t columns, size_t head, bool utf8)
{
	const char *mark = ellipsis(utf8);
	char *result;

	if (utf8_width(text) <= columns)
		return strdup(text);
	size_t kept = columns > utf8_width(mark) ? columns - utf8_width(mark) : 0;
	if (head > kept)
		head = kept;
	if (asprintf(&result, "%.*s%s%s", (int)utf8_head(text, head), text, mark,
		     text + utf8_tail(text, kept - head)) < 0)
		return NULL;
	return result;
}

char *shorten_middle(const char *text, size_t columns, bool utf8)
{
	return cut(text, columns, columns / 2, utf8);
}

/** What tells the device apart in a path: "/machine/peripheral-anon/device[3]/virtio-backend". */
static struct virtq_error *path_label(const char *path, char **ret)
{
	static const char *const starts[] = { "/machine/peripheral/", "/machine/" };
	static const char end[] = "/virtio-backend";
	size_t length;

	for (size_t i = 0; i < ARRAY_SIZE(starts); i++) {
		if (strncmp(path, starts[i], strlen(starts[i])) == 0) {
			path += strlen(starts[i]);
			break;
		}
	}
	length = strlen(path);
	if (length > strlen(end) && strcmp(path + length - strlen(end), end) == 0)
		length -= strlen(end);
	*ret = strndup(path, length);
	return *ret ? NULL : &virtq_error_no_memory;
}

static struct virtq_error *label_of(const struct device *device, bool utf8, char **ret)
{
	_cleanup_buffer_ struct buffer buffer = { 0 };
	_cleanup_free_ char *short_path = NULL;

	if (device->id && *device->id) {
		buffer_add_escaped(&buffer, device->id, utf8);
	} else if (device->location && *device->location) {
		buffer_add_escaped(&buffer, device->location, utf8);
	} else if (device->path && *device->path) {
		TRY(path_label(device->path, &short_path));
		buffer_add_escaped(&buffer, short_path, utf8);
	} else {
		buffer_printf(&buffer, "0x%" PRIx64, device->address);
	}
	return buffer_take(&buffer, ret);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/** Sorted copy of the pointers; the caller frees the array only. */
static char **sorted_names(const struct labels *labels)
{
	char **sorted = array_new(labels->num, sizeof(*sorted));

	if (!sorted)
		return NULL;
	memcpy(sorted, labels->names, labels->num * sizeof(*sorted));
	qsort(sorted, labels->num, sizeof(*sorted), compare_names);
	return sorted;
}

static struct virtq_error *all_differ(const struct labels *labels, bool *ret)
{
	_cleanup_free_ char **sorted = sorted_names(labels);

	if (!sorted)
		return &virtq_error_no_memory;
	*ret = true;
	for (size_t i = 1; i < labels->num; i++)
		if (strcmp(sorted[i - 1], sorted[i]) == 0)
			*ret = false;
	return NULL;
}

/** Put "…#<number>" at the end of every name that is there more than once. */
static struct virtq_error *number_equals(struct labels *labels, size_t columns, bool utf8)
{
	_cleanup_free_ char **sorted = sorted_names(labels);
	_cleanup_labels_ struct labels numbered = { 0 };

	if (!sorted || !labels_allocate(&numbered, labels->num))
		return &virtq_error_no_memory;
	for (size_t i = 0; i < labels->num; i++) {
		char **found = bsearch(&labels->names[i], sorted, labels->num, sizeof(*sorted),
				       compare_names);
		bool equal =
			(found > sorted && compare_names(found - 1, found) == 0) ||
			(found < sorted + labels->num - 1 && compare_names(found, found + 1) == 0);
		char number[32];

		if (equal) {
			snprintf(number, sizeof(number), "%s#%zu", ellipsis(utf8), i);
			size_t taken = utf8_width(number);
			size_t left = columns > taken ? columns - taken : 0;
			if (asprintf(&numbered.names[i], "%.*s%s",
				     (int)utf8_head(labels->names[i], left), labels->names[i],
				     number) < 0)
				numbered.names[i] = NULL;
		} else {
			numbered.names[i] = strdup(labels->names[i]);
		}
		if (!numbered.names[i])
			return &virtq_error_no_memory;
	}
	labels_deinit(labels);
	*labels = numbered;
	numbered = (struct labels){ 0 };
	return NULL;
}

struct virtq_error *labels_init(const struct sample *sample, bool utf8, struct labels *labels_ret)
{
	_cleanup_labels_ struct labels labels = { 0 };
	bool differ;

	if (!labels_allocate(&labels, sample->device_num))
		return &virtq_error_no_memory;
	for (size_t i = 0; i < labels.num; i++)
		TRY(label_of(&sample->devices[i], utf8, &labels.names[i]));
	TRY(all_differ(&labels, &differ));
	if (!differ)
		TRY(number_equals(&labels, SIZE_MAX, utf8));
	*labels_ret = labels;
	labels = (struct labels){ 0 };
	return NULL;
}

static struct virtq_error *cut_all(const struct labels *labels, size_t columns, size_t head,
				   bool utf8, struct labels *labels_ret)
{
	_cleanup_labels_ struct labels shortened = { 0 };

	if (!labels_allocate(&shortened, labels->num))
		return &virtq_error_no_memory;
	for (size_t i = 0; i < labels->num; i++) {
		shortened.names[i] = cut(labels->names[i], columns, head, utf8);
		if (!shortened.names[i])
			return &virtq_error_no_memory;
	}
	*labels_ret = shortened;
	shortened = (struct labels){ 0 };
	return NULL;
}

struct virtq_error *labels_shorten(const struct labels *labels, size_t columns, bool utf8,
				   struct labels *labels_ret)
{
	/* Ids mostly differ at their end: try the middle, then ever more of the end. */
	const size_t heads[] = { columns / 2, columns / 3, columns / 4, 1, columns };
	bool differ = false;

	for (size_t i = 0; i < ARRAY_SIZE(heads); i++) {
		_cleanup_labels_ struct labels shortened = { 0 };

		TRY(cut_all(labels, columns, heads[i], utf8, &shortened));
		TRY(all_differ(&shortened, &differ));
		if (!differ && i + 1 == ARRAY_SIZE(heads))
			TRY(number_equals(&shortened, columns, utf8));
		if (differ || i + 1 == ARRAY_SIZE(heads)) {
			*labels_ret = shortened;
			shortened = (struct labels){ 0 };
			return NULL;
		}
	}
	return NULL;
}
