/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "snapshot/pages.h"

/** Differences that are this near to each other become one, in bytes: each costs 16. */
enum { DIFFERENCE_GAP = 16 };

void pages_deinit(struct pages *pages)
{
	for (size_t i = 0; i < pages->num; i++)
		free(pages->pages[i]);
	free(pages->pages);
	free(pages->table);
	*pages = (struct pages){ 0 };
}

static bool is_known(const struct pages_page *page, size_t offset)
{
	return page->known[offset / 8] >> (offset % 8) & 1;
}

/** Where bytes from @offset on are not @known, or not unknown, any more. */
static size_t run_end(const struct pages_page *page, size_t offset, bool known)
{
	const uint8_t whole = known ? 0xff : 0;

	while (offset < PAGES_SIZE) {
		if (offset % 8 == 0 && page->known[offset / 8] == whole)
			offset += 8;
		else if (is_known(page, offset) == known)
			offset++;
		else
			break;
	}
	return offset;
}

static size_t *find_slot(const struct pages *pages, uint64_t number)
{
	size_t slot = (size_t)(number * UINT64_C(0x9e3779b97f4a7c15) >> 20) & (pages->table_size - 1);

	while (pages->table[slot] && pages->pages[pages->table[slot] - 1]->number != number)
		slot = (slot + 1) & (pages->table_size - 1);
	return &pages->table[slot];
}

static bool grow_table(struct pages *pages)
{
	size_t size = pages->table_size ? 2 * pages->table_size : 256;
	size_t *table = calloc(size, sizeof(*table));

	if (!table)
		return false;
	free(pages->table);
	pages->table = table;
	pages->table_size = size;
	for (size_t i = 0; i < pages->num; i++)
		*find_slot(pages, pages->pages[i]->number) = i + 1;
	return true;
}

static struct virtq_error *get_page(struct pages *pages, uint64_t number,
				    struct pages_page **page_ret)
{
	if (2 * (pages->num + 1) > pages->table_size && !grow_table(pages))
		return &virtq_error_no_memory;
	size_t *slot = find_slot(pages, number);
	if (*slot) {
		*page_ret = pages->pages[*slot - 1];
		return NULL;
	}
	if (pages->num >= PAGES_MAX)
		return error_new(VIRTQ_ERROR_LIMIT, "more than %d pages of memory to record", PAGES_MAX);
	if (!array_grow(&pages->pages, pages->num, &pages->capacity, sizeof(*pages->pages)))
		return &virtq_error_no_memory;
	struct pages_page *page = calloc(1, sizeof(*page));
	if (!page)
		return &virtq_error_no_memory;
	page->number = number;
	pages->pages[pages->num++] = page;
	*slot = pages->num;
	*page_ret = page;
	return NULL;
}

struct virtq_error *pages_put(struct pages *pages, uint64_t address, const void *bytes,
			      size_t length)
{
	const uint8_t *from = bytes;

	while (length) {
		size_t offset = (size_t)(address % PAGES_SIZE);
		size_t step = PAGES_SIZE - offset < length ? PAGES_SIZE - offset : length;
		struct pages_page *page;

		TRY(get_page(pages, address / PAGES_SIZE, &page));
		memcpy(page->bytes + offset, from, step);
		for (size_t i = offset; i < offset + step; i++) {
			if (i % 8 == 0 && offset + step - i >= 8) {
				page->known[i / 8] = 0xff;
				i += 7;
			} else {
				page->known[i / 8] |= (uint8_t)(1 << i % 8);
			}
		}
		from += step;
		address += step;
		length -= step;
	}
	return NULL;
}

struct virtq_error *pages_put_all(struct pages *pages, const struct pages *from)
{
	for (size_t i = 0; i < from->num; i++) {
		const struct pages_page *page = from->pages[i];

		for (size_t start = run_end(page, 0, false), end; start < PAGES_SIZE;
		     start = run_end(page, end, false)) {
			end = run_end(page, start, true);
			TRY(pages_put(pages, page->number * PAGES_SIZE + start, page->bytes + start,
				      end - start));
		}
	}
	return NULL;
}

static int compare_pages(const void *left, const void *right)
{
	const struct pages_page *const *a = left, *const *b = right;

	return (*a)->number < (*b)->number ? -1 : (*a)->number > (*b)->number;
}

void pages_sort(struct pages *pages)
{
	if (pages->num)
		qsort(pages->pages, pages->num, sizeof(*pages->pages), compare_pages);
	free(pages->table);
	pages->table = NULL;
	pages->table_size = 0;
}

/** Ranges as they are found, each merged with the one before if that ends near. */
struct collection {
	struct pages_range *ranges;
	size_t num, capacity;
	uint64_t gap;
};

static bool collect(struct collection *collection, uint64_t address, uint64_t length)
{
	struct pages_range *last =
		collection->num ? &collection->ranges[collection->num - 1] : NULL;

	if (last && address - (last->address + last->length) <= collection->gap) {
		last->length = address + length - last->address;
		return true;
	}
	if (!array_grow(&collection->ranges, collection->num, &collection->capacity,
			sizeof(*collection->ranges)))
		return false;
	collection->ranges[collection->num++] = (struct pages_range){ address, length };
	return true;
}

static struct virtq_error *finish(struct collection *collection, bool complete,
				  struct pages_range **ranges_ret, size_t *num_ret)
{
	if (!complete) {
		free(collection->ranges);
		return &virtq_error_no_memory;
	}
	*ranges_ret = collection->ranges;
	*num_ret = collection->num;
	return NULL;
}

struct virtq_error *pages_ranges(const struct pages *pages, struct pages_range **ranges_ret,
				 size_t *num_ret)
{
	struct collection collection = { 0 };
	bool complete = true;

	for (size_t i = 0; i < pages->num; i++) {
		const struct pages_page *page = pages->pages[i];

		for (size_t start = run_end(page, 0, false), end; start < PAGES_SIZE && complete;
		     start = run_end(page, end, false)) {
			end = run_end(page, start, true);
			complete = collect(&collection, page->number * PAGES_SIZE + start,
					   end - start);
		}
	}
	return finish(&collection, complete, ranges_ret, num_ret);
}

static const struct pages_page *find_page(const struct pages *pages, uint64_t number)
{
	size_t low = 0, high = pages->num;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (pages->pages[middle]->number < number)
			low = middle + 1;
		else
			high = middle;
	}
	return low < pages->num && pages->pages[low]->number == number ? pages->pages[low] : NULL;
}

void pages_get(const struct pages *pages, uint64_t address, void *buffer, size_t length)
{
	uint8_t *to = buffer;

	while (length) {
		size_t offset = (size_t)(address % PAGES_SIZE);
		size_t step = PAGES_SIZE - offset < length ? PAGES_SIZE - offset : length;
		const struct pages_page *page = find_page(pages, address / PAGES_SIZE);

		if (page)
			memcpy(to, page->bytes + offset, step);
		else
			memset(to, 0, step);
		to += step;
		address += step;
		length -= step;
	}
}

struct virtq_error *pages_differences(const struct pages *pages, const struct pages *other,
				      struct pages_range **ranges_ret, size_t *num_ret)
{
	struct collection collection = { .gap = 0 };
	bool complete = true;

	for (size_t i = 0; i < pages->num; i++) {
		const struct pages_page *a = pages->pages[i], *b = find_page(other, a->number);
		size_t last = PAGES_SIZE; /* where the run of differences began */
		size_t end = 0;

		for (size_t j = 0; b && j < PAGES_SIZE && complete; j++) {
			bool both = is_known(a, j) && is_known(b, j);

			/* a run goes on over a few equal bytes, never over unknown ones */
			if (last < PAGES_SIZE && (!both || j - end >= DIFFERENCE_GAP)) {
				complete = collect(&collection, a->number * PAGES_SIZE + last,
						   end - last);
				last = PAGES_SIZE;
			}
			if (!both || a->bytes[j] == b->bytes[j])
				continue;
			if (last == PAGES_SIZE)
				last = j;
			end = j + 1;
		}
		if (last < PAGES_SIZE && complete)
			complete = collect(&collection, a->number * PAGES_SIZE + last, end - last);
	}
	return finish(&collection, complete, ranges_ret, num_ret);
}
