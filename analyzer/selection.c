/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "selection.h"

/** Decimal number that is the whole of @text. */
static bool parse_number(const char *text, size_t *number_ret)
{
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	unsigned long number = strtoul(text, &end, 10);
	if (*end)
		return false;
	*number_ret = number;
	return true;
}

/** A QOM path names the backend, or the proxy in front of it. */
static bool path_matches(const char *path, const char *name)
{
	size_t length = strlen(name);

	return path && strncmp(path, name, length) == 0 &&
	       (!path[length] || strcmp(path + length, "/virtio-backend") == 0);
}

/** PCI addresses may be given without their domain, as lspci prints them. */
static bool location_matches(const char *location, const char *name)
{
	return location && (strcmp(location, name) == 0 ||
			    (strncmp(location, "0000:", 5) == 0 && strcmp(location + 5, name) == 0));
}

static struct device *find_device(struct sample *sample, const char *name)
{
	size_t number;

	for (size_t i = 0; i < sample->device_num; i++) {
		struct device *device = &sample->devices[i];

		if ((device->id && strcmp(device->id, name) == 0) ||
		    path_matches(device->path, name) || location_matches(device->location, name))
			return device;
	}
	if (parse_number(name, &number) && number < sample->device_num)
		return &sample->devices[number];
	return NULL;
}

/** 0x...: a VirtQueue's address, or a VirtIODevice's for all of its queues. */
static struct virtq_error *select_address(struct sample *sample, const char *text)
{
	bool found = false;
	char *end;

	errno = 0;
	unsigned long long address = strtoull(text, &end, 16);
	if (*end || !text[2] || errno)
		return error_new(VIRTQ_ERROR_INVALID_ARGUMENT, "'%s' is not an address", text);
	for (size_t i = 0; i < sample->device_num; i++) {
		struct device *device = &sample->devices[i];

		for (size_t j = 0; j < device->queue_num; j++) {
			if (device->address != address && device->queues[j].address != address)
				continue;
			device->queues[j].selected = true;
			found = true;
		}
	}
	return found ? NULL : error_new(VIRTQ_ERROR_NOT_FOUND,
					"no VirtQueue or VirtIODevice that is in use is at %s", text);
}

static struct virtq_error *select_one(struct sample *sample, const char *specification)
{
	struct device *device = find_device(sample, specification);

	if (device) {
		for (size_t i = 0; i < device->queue_num; i++)
			device->queues[i].selected = true;
		return NULL;
	}

	/* a PCI address has colons too: only the last one can be the separator */
	const char *colon = strrchr(specification, ':');
	size_t index;
	/* the address of a virtio-mmio device was met above */
	if (!colon && strncmp(specification, "0x", 2) == 0)
		return select_address(sample, specification);
	if (!colon)
		return error_new(VIRTQ_ERROR_NOT_FOUND, "no virtio device '%s'", specification);
	if (!parse_number(colon + 1, &index))
		return error_new(VIRTQ_ERROR_NOT_FOUND,
				 "no virtio device '%s', and '%s' is not the number of a queue",
				 specification, colon + 1);
	_cleanup_free_ char *name = strndup(specification, (size_t)(colon - specification));
	if (!name)
		return &virtq_error_no_memory;
	device = find_device(sample, name);
	if (!device)
		return error_new(VIRTQ_ERROR_NOT_FOUND, "no virtio device '%s'", name);
	if (index >= device->queue_num)
		return error_new(VIRTQ_ERROR_NOT_FOUND, "device '%s' has %zu queue%s, and no queue %zu",
				 name, device->queue_num, device->queue_num == 1 ? "" : "s", index);
	device->queues[index].selected = true;
	return NULL;
}

struct virtq_error *selection_apply(struct sample *sample, const char *const *specifications,
				    size_t num)
{
	for (size_t i = 0; i < sample->device_num; i++) {
		for (size_t j = 0; j < sample->devices[i].queue_num; j++)
			sample->devices[i].queues[j].selected = num == 0;
	}
	for (size_t i = 0; i < num; i++)
		TRY(select_one(sample, specifications[i]));
	return NULL;
}
