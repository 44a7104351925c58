/* SPDX-License-Identifier: GPL-3.0-or-later */
/* QUEUE arguments against a sample with devices of every transport. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/checked.h"
#include "selection.h"

/* The sample only borrows here: nothing of it is released. */
#define TEXT(string) ((char *)(string))

struct machine {
	struct sample sample;
	struct device devices[6];
	struct queue queues[6][3];
};

static void machine_init(struct machine *machine)
{
	static const struct device devices[] = {
		{ .id = TEXT("disk0"),
		  .path = TEXT("/machine/peripheral/disk0/virtio-backend"),
		  .location = TEXT("0000:00:03.0"),
		  .queue_num = 2 },
		{ .id = TEXT("net0"),
		  .path = TEXT("/machine/peripheral/net0/virtio-backend"),
		  .location = TEXT("0000:01:00.0"),
		  .queue_num = 3 },
		/* without an id, and its proxy's path is the start of another's */
		{ .path = TEXT("/machine/peripheral-anon/device[1]/virtio-backend"),
		  .location = TEXT("0000:00:04.2"),
		  .queue_num = 1 },
		{ .id = TEXT("mmio0"),
		  .path = TEXT("/machine/peripheral/mmio0"),
		  .location = TEXT("0xa000000"),
		  .queue_num = 1 },
		{ .id = TEXT("ccw0"),
		  .path = TEXT("/machine/peripheral/ccw0/virtio-backend"),
		  .location = TEXT("fe.0.0001"),
		  .queue_num = 1 },
		/* nothing is known of it, and it has no queue */
		{ .queue_num = 0 },
	};

	*machine = (struct machine){ .sample = { .devices = machine->devices,
						 .device_num = ARRAY_SIZE(devices) } };
	memcpy(machine->devices, devices, sizeof(devices));
	for (size_t i = 0; i < ARRAY_SIZE(devices); i++) {
		machine->devices[i].address = 0x555500000000 + i * 0x1000;
		machine->devices[i].queues = machine->queues[i];
		for (size_t j = 0; j < machine->devices[i].queue_num; j++)
			machine->queues[i][j].address = 0x7f0000000000 + i * 0x1000 + j * 0x100;
	}
}

/** Which queues are selected, as "0.1 2.0". */
static void describe(const struct machine *machine, char *text, size_t size)
{
	size_t length = 0;

	text[0] = 0;
	for (size_t i = 0; i < machine->sample.device_num; i++) {
		for (size_t j = 0; j < machine->devices[i].queue_num; j++) {
			if (machine->devices[i].queues[j].selected)
				length += (size_t)snprintf(text + length, size - length,
							   "%s%zu.%zu", length ? " " : "", i, j);
		}
	}
}

static const struct {
	const char *specification;
	const char *selected;
} found[] = {
	/* qdev ids */
	{ "disk0", "0.0 0.1" },
	{ "disk0:0", "0.0" },
	{ "disk0:1", "0.1" },
	{ "net0:2", "1.2" },
	{ "mmio0", "3.0" },
	{ "ccw0:0", "4.0" },
	/* QOM paths, of the backend and of the proxy */
	{ "/machine/peripheral/disk0/virtio-backend", "0.0 0.1" },
	{ "/machine/peripheral/disk0/virtio-backend:1", "0.1" },
	{ "/machine/peripheral/disk0", "0.0 0.1" },
	{ "/machine/peripheral/net0:1", "1.1" },
	{ "/machine/peripheral-anon/device[1]", "2.0" },
	{ "/machine/peripheral-anon/device[1]:0", "2.0" },
	{ "/machine/peripheral/mmio0", "3.0" },
	/* locations: PCI addresses with and without their domain, and the other transports */
	{ "0000:00:03.0", "0.0 0.1" },
	{ "00:03.0", "0.0 0.1" },
	{ "0000:00:03.0:1", "0.1" },
	{ "00:03.0:1", "0.1" },
	{ "01:00.0:0", "1.0" },
	{ "0000:00:04.2", "2.0" },
	{ "fe.0.0001:0", "4.0" },
	/* addresses: of a VirtQueue, of a VirtIODevice */
	{ "0x7f0000000100", "0.1" },
	{ "0x7f0000003000", "3.0" },
	{ "0x555500000000", "0.0 0.1" },
	{ "0x555500001000", "1.0 1.1 1.2" },
	{ "0x000555500001000", "1.0 1.1 1.2" },
	/* numbers of devices in the sample */
	{ "0", "0.0 0.1" },
	{ "1:2", "1.2" },
	{ "3", "3.0" },
	{ "5", "" },
};

static void test_found(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(found); i++) {
		struct machine machine;
		char selected[100];

		machine_init(&machine);
		_cleanup_error_ struct virtq_error *error =
			selection_apply(&machine.sample, &found[i].specification, 1);
		if (error)
			fail_msg("%s: %s", found[i].specification, error->message);
		describe(&machine, selected, sizeof(selected));
		if (strcmp(selected, found[i].selected) != 0)
			fail_msg("%s: selected '%s', expected '%s'", found[i].specification,
				 selected, found[i].selected);
	}
}

static const struct {
	const char *specification;
	const char *message;
} not_found[] = {
	{ "disk1", "no virtio device 'disk1'" },
	{ "disk", "no virtio device 'disk'" },
	{ "disk00", "no virtio device 'disk00'" },
	{ "6", "no virtio device '6'" },
	{ "-1", "no virtio device '-1'" },
	{ "+1", "no virtio device '+1'" },
	{ " 1", "no virtio device ' 1'" },
	{ "", "no virtio device ''" },
	{ "18446744073709551616", "no virtio device '18446744073709551616'" },
	{ "/machine", "no virtio device '/machine'" },
	{ "/machine/peripheral", "no virtio device '/machine/peripheral'" },
	{ "/machine/peripheral/disk0/", "no virtio device '/machine/peripheral/disk0/'" },
	{ "03.0", "no virtio device '03.0'" },
	{ "disk0:2", "device 'disk0' has 2 queues, and no queue 2" },
	{ "disk0:18446744073709551616",
	  "device 'disk0' has 2 queues, and no queue 18446744073709551615" },
	{ "00:03.0:2", "device '00:03.0' has 2 queues, and no queue 2" },
	{ "mmio0:1", "device 'mmio0' has 1 queue, and no queue 1" },
	{ "5:0", "device '5' has 0 queues, and no queue 0" },
	{ "0x1", "no VirtQueue or VirtIODevice that is in use is at 0x1" },
	{ "0x7f0000000101", "no VirtQueue or VirtIODevice that is in use is at 0x7f0000000101" },
	/* of a device without queues */
	{ "0x555500005000", "no VirtQueue or VirtIODevice that is in use is at 0x555500005000" },
	{ "disk1:0", "no virtio device 'disk1'" },
	{ ":0", "no virtio device ''" },
	{ "disk0:", "no virtio device 'disk0:', and '' is not the number of a queue" },
	{ "disk0:x", "no virtio device 'disk0:x', and 'x' is not the number of a queue" },
	{ "disk0:-1", "no virtio device 'disk0:-1', and '-1' is not the number of a queue" },
	{ "disk0:1x", "no virtio device 'disk0:1x', and '1x' is not the number of a queue" },
	{ "disk0:0:0", "no virtio device 'disk0:0'" },
	{ "0000:00:09.0",
	  "no virtio device '0000:00:09.0', and '09.0' is not the number of a queue" },
	{ "0001:00:03.0",
	  "no virtio device '0001:00:03.0', and '03.0' is not the number of a queue" },
};

static void test_not_found(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(not_found); i++) {
		struct machine machine;

		machine_init(&machine);
		_cleanup_error_ struct virtq_error *error =
			selection_apply(&machine.sample, &not_found[i].specification, 1);
		if (!error)
			fail_msg("'%s' was found", not_found[i].specification);
		assert_int_equal(error->code, VIRTQ_ERROR_NOT_FOUND);
		assert_string_equal(error->message, not_found[i].message);
	}
}

static void test_bad_addresses(void **state)
{
	static const char *const addresses[] = { "0x",   "0xg",  "0x7f0000000000x",
						 "0x 1", "0x-1", "0x10000000000000000" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(addresses); i++) {
		struct machine machine;

		machine_init(&machine);
		_cleanup_error_ struct virtq_error *error =
			selection_apply(&machine.sample, &addresses[i], 1);
		if (!error)
			fail_msg("'%s' was found", addresses[i]);
		assert_int_equal(error->code, VIRTQ_ERROR_INVALID_ARGUMENT);
	}
}

/** The location of a virtio-mmio device is an address, too: the guest's, not one of QEMU's. */
static void test_mmio_location(void **state)
{
	static const char *const locations[] = { "0xa000000", "0xa000000:0" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(locations); i++) {
		struct machine machine;
		char selected[100];

		machine_init(&machine);
		_cleanup_error_ struct virtq_error *error =
			selection_apply(&machine.sample, &locations[i], 1);
		if (error)
			fail_msg("%s", error->message);
		describe(&machine, selected, sizeof(selected));
		assert_string_equal(selected, "3.0");
	}
}

static void test_nothing_given_is_everything(void **state)
{
	struct machine machine;
	char selected[100];

	(void)state;
	machine_init(&machine);
	assert_null(selection_apply(&machine.sample, NULL, 0));
	describe(&machine, selected, sizeof(selected));
	assert_string_equal(selected, "0.0 0.1 1.0 1.1 1.2 2.0 3.0 4.0");
}

static void test_many_add_up(void **state)
{
	static const char *const specifications[] = { "net0:1", "disk0:0", "net0:0", "net0:1" };
	static const char *const bad[] = { "net0", "gone" };
	struct machine machine;
	char selected[100];

	(void)state;
	machine_init(&machine);
	/* what was selected before does not stay so */
	machine.devices[4].queues[0].selected = true;
	assert_null(selection_apply(&machine.sample, specifications, ARRAY_SIZE(specifications)));
	describe(&machine, selected, sizeof(selected));
	assert_string_equal(selected, "0.0 1.0 1.1");

	/* one that is not found is an error also after others that are */
	_cleanup_error_ struct virtq_error *error =
		selection_apply(&machine.sample, bad, ARRAY_SIZE(bad));
	assert_non_null(error);
	assert_string_equal(error->message, "no virtio device 'gone'");
}

/** An id may look like anything: it goes before a number, and a whole name before NAME:INDEX. */
static void test_precedence(void **state)
{
	static const char *const number = "1", *const with_colon = "net0:1";
	struct machine machine;
	char selected[100];

	(void)state;
	machine_init(&machine);
	machine.devices[3].id = TEXT("1");
	assert_null(selection_apply(&machine.sample, &number, 1));
	describe(&machine, selected, sizeof(selected));
	assert_string_equal(selected, "3.0");

	machine_init(&machine);
	machine.devices[3].location = TEXT("net0:1");
	assert_null(selection_apply(&machine.sample, &with_colon, 1));
	describe(&machine, selected, sizeof(selected));
	assert_string_equal(selected, "3.0");
}

static void test_no_devices(void **state)
{
	static const char *const any = "0";
	struct sample sample = { 0 };

	(void)state;
	assert_null(selection_apply(&sample, NULL, 0));
	_cleanup_error_ struct virtq_error *error = selection_apply(&sample, &any, 1);
	assert_non_null(error);
	assert_string_equal(error->message, "no virtio device '0'");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_found),
		cmocka_unit_test(test_not_found),
		cmocka_unit_test(test_bad_addresses),
		cmocka_unit_test(test_mmio_location),
		cmocka_unit_test(test_nothing_given_is_everything),
		cmocka_unit_test(test_many_add_up),
		cmocka_unit_test(test_precedence),
		cmocka_unit_test(test_no_devices),
	};

	return cmocka_run_group_tests_name("selection", tests, NULL, NULL);
}
