/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "target/hold.h"
#include "target/target_internal.h"

struct held_read {
	uint64_t address;
	size_t length;
	struct virtq_error *error; /**< Why it failed; owned. */
	uint8_t bytes[]; /**< None if it failed. */
};

static void read_free(struct held_read *read)
{
	if (read)
		virtq_error_destroy(read->error);
	free(read);
}

static struct held_read *read_new(uint64_t address, const void *bytes, size_t length,
				  const struct virtq_error *error)
{
	struct held_read *read = malloc(sizeof(*read) + (bytes ? length : 0));

	if (!read)
		return NULL;
	*read = (struct held_read){ .address = address, .length = length };
	if (bytes)
		memcpy(read->bytes, bytes, length);
	else
		read->error = error_copy(error);
	return read;
}

static void hold_read(void *argument, uint64_t address, const void *bytes, size_t length,
		      const struct virtq_error *error)
{
	struct target_hold *hold = argument;
	struct held_read *read = NULL;

	if (array_grow(&hold->reads, hold->num, &hold->capacity, sizeof(struct held_read *)))
		read = read_new(address, bytes, length, error);
	if (read)
		hold->reads[hold->num++] = read;
	else
		hold->no_memory = true;
}

void target_hold(struct target *target, struct target_hold *hold)
{
	*hold = (struct target_hold){ .target = target,
				      .observer = target->observer,
				      .observer_argument = target->observer_argument };
	if (hold->observer)
		target_set_observer(target, hold_read, hold);
}

void target_hold_forget(struct target_hold *hold, size_t first, size_t num)
{
	for (size_t i = first; i < hold->num && i - first < num; i++) {
		read_free(hold->reads[i]);
		hold->reads[i] = NULL;
	}
}

void target_hold_release(struct target_hold *hold)
{
	target_set_observer(hold->target, hold->observer, hold->observer_argument);
	for (size_t i = 0; i < hold->num; i++) {
		const struct held_read *read = hold->reads[i];

		if (read)
			hold->observer(hold->observer_argument, read->address,
				       read->error ? NULL : read->bytes, read->length, read->error);
	}
	if (hold->no_memory)
		hold->observer(hold->observer_argument, 0, NULL, 0, &virtq_error_no_memory);
	target_hold_forget(hold, 0, hold->num);
	free(hold->reads);
	*hold = (struct target_hold){ 0 };
}
