/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Saved layouts, as a user may have got them from anybody. The input is the
 * text without its last line, which has a checksum that no fuzzer finds; it is
 * added here. What is accepted must print and load as the same text; and if it
 * makes sense, the fake QEMU of tests/unit/qemu_builder.c is sampled by it.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/qemu_builder.c"
#include "base/cleanup.h"
#include "fuzz.h"

/** As layout_text.c makes it: FNV-1a. */
static uint64_t checksum(const uint8_t *text, size_t length)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < length; i++)
		hash = (hash ^ text[i]) * UINT64_C(0x100000001b3);
	return hash;
}

static char *with_last_line(const uint8_t *data, size_t size, size_t *length_ret)
{
	char *text = malloc(size + 32);

	if (!text)
		abort();
	memcpy(text, data, size);
	*length_ret = size + (size_t)snprintf(text + size, 32, "end %016" PRIx64 "\n",
					      checksum(data, size));
	return text;
}

/** What was accepted is a layout: it has one text, which is accepted again. */
static void check_text(const struct layout *layout)
{
	_cleanup_layout_ struct layout *again = NULL;
	_cleanup_free_ char *first = NULL, *second = NULL;

	fuzz_assert(!layout_print(layout, &first));
	fuzz_assert(!layout_parse(first, strlen(first), "again", &qemu_schema, &again));
	fuzz_assert(!layout_print(again, &second));
	fuzz_assert(strcmp(first, second) == 0);
}

static const struct builder_spec disk = { .id = "disk0",
					  .type = "virtio-blk-device",
					  .device_id = 2,
					  .features = VIRTIO_F_VERSION_1 | VIRTIO_F_EVENT_IDX,
					  .queue_num = 1 };

static struct qemu_builder *machine(void)
{
	static struct qemu_builder builder;

	if (!builder.heap) {
		builder_init(&builder, LITTLE_ENDIAN_ORDER, 8);
		builder_add_device(&builder, &disk);
		/* the caches' pointers lead to the FlatView */
		builder_set(&builder, builder.devices[0].queues[0].virtqueue, QEMU_VirtQueue_caches,
			    0);
	}
	return &builder;
}

static void sample_with(const struct layout *layout)
{
	_cleanup_target_ struct target *target = NULL;
	struct sample sample = { 0 };
	struct qemu qemu;

	/* as finish_open() in open.c does */
	if (layout->order != LITTLE_ENDIAN_ORDER || layout->pointer_size != 8)
		return;
	struct virtq_error *error = qemu_schema_check(layout);
	if (!error)
		error = builder_open(machine(), &target, &qemu);
	if (!error) {
		qemu.layout = layout;
		error = qemu_sample(&qemu, &sample);
	}
	virtq_error_destroy(error);
	sample_deinit(&sample);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_layout_ struct layout *layout = NULL;
	_cleanup_free_ char *text = NULL;
	size_t length;
	struct virtq_error *error =
		layout_parse((const char *)data, size, "fuzzed", &qemu_schema, &layout);

	if (error) {
		fuzz_assert(virtq_error_message(error)[0]);
		virtq_error_destroy(error);
		text = with_last_line(data, size, &length);
		error = layout_parse(text, length, "fuzzed", &qemu_schema, &layout);
	}
	if (error) {
		fuzz_assert(virtq_error_message(error)[0]);
		virtq_error_destroy(error);
		return 0;
	}
	check_text(layout);
	sample_with(layout);
	return 0;
}

/** The fake QEMU's own layout, whole and with things missing. */
size_t fuzz_seed(size_t index, uint8_t *seed, size_t size)
{
	struct layout layout = machine()->layout;
	struct layout_item items[QEMU_QUERY_NUM];
	_cleanup_free_ char *text = NULL;

	if (index >= 3)
		return 0;
	memcpy(items, machine()->items, sizeof(items));
	layout.items = items;
	for (size_t i = 0; i < QEMU_QUERY_NUM; i++)
		items[i].present &=
			index == 0 || !qemu_schema.queries[i].optional || (index == 1 && i % 2);
	if (layout_print(&layout, &text))
		abort();
	size_t length = (size_t)(strstr(text, "\nend ") + 1 - text);
	if (length > size)
		return 0;
	memcpy(seed, text, length);
	return length;
}
