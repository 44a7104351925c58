/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <string.h>

#include "base/checked.h"
#include "report/requests.h"
#include "report/ring_marks.h"
#include "vring/vring.h"

const char *request_source_word(enum request_source source)
{
	return source == REQUEST_EXACT ? "exact" : "estimated";
}

const char *request_stage_word(enum request_stage stage)
{
	return stage == REQUEST_AVAILABLE ? "available" : "in-device";
}

const char *chain_fault_word(enum chain_fault fault)
{
	static const char *const words[] = {
		[CHAIN_UNREADABLE] = "unreadable",
		[CHAIN_HEAD] = "head-index",
		[CHAIN_NEXT] = "next-index",
		[CHAIN_LOOP] = "loop",
		[CHAIN_INDIRECT_LENGTH] = "indirect-length",
		[CHAIN_INDIRECT_NESTED] = "indirect-nested",
		[CHAIN_ORDER] = "readable-after-writable",
		[CHAIN_EMPTY] = "zero-length",
		[CHAIN_ADDRESS] = "address-outside-ram",
	};

	return fault < ARRAY_SIZE(words) ? words[fault] : NULL;
}

static void add_fields(struct buffer *buffer, const struct request *request)
{
	for (size_t i = 0; i < request->field_num; i++) {
		const struct request_field *field = &request->fields[i];

		buffer_add(buffer, i ? ", " : ": ");
		/* "in, sector 80": the type needs no name */
		if (strcmp(field->name, "type") != 0)
			buffer_printf(buffer, "%s ", field->name);
		if (*field->text)
			buffer_add(buffer, field->text);
		else
			buffer_printf(buffer, "%" PRIu64, field->value);
	}
}

static void add_age(struct buffer *buffer, const struct request *request)
{
	const char *least = request->age_is_least ? "at least " : "";

	if (!fact_known(request->age_ns))
		return;
	uint64_t ms = request->age_ns.value / 1000000;
	if (!ms && request->age_is_least) /* says nothing */
		return;
	if (ms < 1000)
		buffer_printf(buffer, "; taken %s%" PRIu64 " ms ago", least, ms);
	else if (ms < 10000)
		buffer_printf(buffer, "; taken %s%" PRIu64 ".%" PRIu64 " s ago", least, ms / 1000,
			      ms / 100 % 10);
	else
		buffer_printf(buffer, "; taken %s%" PRIu64 " s ago", least, ms / 1000);
}

void requests_add_line(struct buffer *buffer, const struct request *request)
{
	const char *fault = chain_fault_word(request->fault);

	if (fact_known(request->head))
		buffer_printf(buffer, "head %" PRIu64, request->head.value);
	else
		buffer_add(buffer, "head ?");
	if (request->source == REQUEST_ESTIMATED)
		buffer_add(buffer, " (estimated)");
	add_fields(buffer, request);
	add_age(buffer, request);
	if (request->found_in)
		buffer_printf(buffer, "; %s", request->found_in);
	/* of a wrong chain no more is counted than what comes before the fault */
	if (fact_known(request->descriptors) && !fault)
		buffer_printf(buffer, "; %" PRIu64 " descriptor%s", request->descriptors.value,
			      request->descriptors.value == 1 ? "" : "s");
	if (fact_known(request->out_length) && fact_known(request->in_length) && !fault)
		buffer_printf(buffer, ", %" PRIu64 " bytes out, %" PRIu64 " in",
			      request->out_length.value, request->in_length.value);
	if (fault)
		buffer_printf(buffer, "; its descriptors: %s", fault);
}

/** Does the device hold more than is listed? An estimated request is listed, too. */
static bool some_not_found(const struct queue *queue)
{
	struct fact held = queue->vhost ? queue->vhost_inflight : queue->inuse;
	uint64_t listed = 0;

	if (!fact_known(held))
		return false;
	for (size_t i = 0; i < queue->request_num; i++) {
		const struct request *request = &queue->requests[i];

		if (request->stage != REQUEST_IN_DEVICE)
			continue;
		/* a packed ring's inuse counts descriptors */
		if (queue->packed && !queue->vhost && !request->slots)
			return false;
		listed += queue->packed && !queue->vhost ? request->slots : 1;
	}
	return listed < held.value;
}

void requests_add_summary(struct buffer *buffer, const struct queue *queue)
{
	size_t available = 0;

	if (!queue->request_num)
		return;
	for (size_t i = 0; i < queue->request_num; i++)
		available += queue->requests[i].stage == REQUEST_AVAILABLE;
	buffer_printf(buffer, "%zu in the device, %zu not taken", queue->request_num - available,
		      available);
	if (some_not_found(queue))
		buffer_add(buffer, ", and more that were not found");
}

/* ---- The ring as a strip -------------------------------------------------------------- */

/** What a column of the strip shows of the slots it stands for. */
static const char strip_letters[] = {
	[RING_FREE] = ' ',     [RING_IN_DEVICE] = 'D',	[RING_NOT_TAKEN] = 'T',
	[RING_NOT_SEEN] = 'N', [RING_IN_BACKEND] = 'B',
};

enum { STRIP_WIDTH_MAX = 128 };

void requests_add_strip(struct buffer *buffer, struct buffer *mark_line, const struct queue *queue,
			unsigned int width)
{
	uint64_t num = fact_known(queue->vring_num) ? queue->vring_num.value : 0;
	char strip[STRIP_WIDTH_MAX + 1], letters[STRIP_WIDTH_MAX + 1];
	struct ring_mark marks[RING_MARKS_MAX];
	size_t mark_num = ring_marks(queue, marks);
	bool any = false;

	if (!num || num > VRING_NUM_MAX || (queue->vhost && queue->packed))
		return;
	/* each column stands for as many slots as it takes to fit */
	uint64_t columns_max = width < STRIP_WIDTH_MAX ? width : STRIP_WIDTH_MAX;
	uint64_t slots = columns_max ? (num + columns_max - 1) / columns_max : num;
	size_t columns = (size_t)((num + slots - 1) / slots);
	memset(strip, '.', columns);
	memset(letters, ' ', columns);
	strip[columns] = letters[columns] = '\0';
	for (size_t i = 0; i < mark_num; i++) {
		if (marks[i].slots > num)
			return; /* impossible: the finding says so */
		for (uint64_t j = 0; j < marks[i].slots; j++)
			strip[(marks[i - 1].index.value + j) % num / slots] =
				strip_letters[marks[i].span];
		any |= marks[i].slots;
	}
	for (size_t i = mark_num; i--;) {
		if (!fact_known(marks[i].index))
			continue;
		char *letter = &letters[marks[i].index.value % num / slots];
		*letter = *letter == ' ' ? *marks[i].name : '*';
	}
	if (!any)
		return;
	buffer_printf(buffer, "[%s]", strip);
	size_t end = columns;
	while (end && letters[end - 1] == ' ')
		end--;
	buffer_printf(mark_line, " %.*s", (int)end, letters);
}
