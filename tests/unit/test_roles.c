/* SPDX-License-Identifier: GPL-3.0-or-later */
/* qemu/roles.c against the table of VIRTIO 1.2, section 5, and of what QEMU makes of it. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>
#include <string.h>

#include "base/checked.h"
#include "qemu/roles.h"

enum { QUEUES_MAX = 10 };

/** What is expected of the queues, in order. */
struct role_case {
	const char *name;
	uint16_t device_id;
	struct {
		const char *role;
		enum queue_kind kind;
	} queues[QUEUES_MAX]; /**< Up to the first without a role; "" is the role of no role. */
};

#define REQUEST(role)                                                                              \
	{                                                                                          \
		role, QUEUE_REQUEST                                                                \
	}
#define POSTED(role)                                                                               \
	{                                                                                          \
		role, QUEUE_PREPOSTED                                                              \
	}
#define LAZY(role)                                                                                 \
	{                                                                                          \
		role, QUEUE_LAZY                                                                   \
	}
#define POLLED(role)                                                                               \
	{                                                                                          \
		role, QUEUE_POLLED                                                                 \
	}
#define HELD(role)                                                                                 \
	{                                                                                          \
		role, QUEUE_HELD                                                                   \
	}
#define UNKNOWN                                                                                    \
	{                                                                                          \
		"", QUEUE_UNKNOWN                                                                  \
	}

/* clang-format off */
static const struct role_case cases[] = {
	{ "net", 1, { POSTED("rx0"), LAZY("tx0"), POLLED("ctrl") } },
	{ "net without ctrl", 1, { POSTED("rx0"), LAZY("tx0") } },
	{ "net, two pairs", 1,
	  { POSTED("rx0"), LAZY("tx0"), POSTED("rx1"), LAZY("tx1"), POLLED("ctrl") } },
	{ "block, one queue", 2, { REQUEST("request") } },
	{ "block", 2, { REQUEST("request0"), REQUEST("request1"), REQUEST("request2") } },
	{ "console", 3, { POSTED("rx0"), LAZY("tx0") } },
	{ "console, multiport", 3,
	  { POSTED("rx0"), LAZY("tx0"), POSTED("ctrl-rx"), POLLED("ctrl-tx"), POSTED("rx1"),
	    LAZY("tx1"), POSTED("rx2"), LAZY("tx2") } },
	{ "rng", 4, { POSTED("request") } },
	{ "balloon", 5, { REQUEST("inflate"), REQUEST("deflate"), HELD("stats") } },
	{ "balloon without stats", 5, { REQUEST("inflate"), REQUEST("deflate") } },
	/* which of the two that may follow this is, only QEMU's pointers say */
	{ "balloon with more", 5,
	  { REQUEST("inflate"), REQUEST("deflate"), HELD("stats"), UNKNOWN, UNKNOWN } },
	{ "scsi, one request queue", 8, { REQUEST("ctrl"), POSTED("event"), REQUEST("request") } },
	{ "scsi", 8,
	  { REQUEST("ctrl"), POSTED("event"), REQUEST("request0"), REQUEST("request1") } },
	{ "9p", 9, { REQUEST("request") } },
	{ "gpu", 16, { REQUEST("ctrl"), REQUEST("cursor") } },
	{ "input", 18, { POSTED("event"), REQUEST("status") } },
	{ "vsock", 19, { POSTED("rx"), REQUEST("tx"), POSTED("event") } },
	{ "crypto", 20, { REQUEST("data0"), REQUEST("ctrl") } },
	{ "crypto, three data queues", 20,
	  { REQUEST("data0"), REQUEST("data1"), REQUEST("data2"), REQUEST("ctrl") } },
	{ "iommu", 23, { REQUEST("request"), POSTED("event") } },
	{ "mem", 24, { REQUEST("request") } },
	{ "sound", 25, { REQUEST("ctrl"), POSTED("event"), HELD("tx"), POSTED("rx") } },
	{ "fs", 26, { REQUEST("hiprio"), REQUEST("request") } },
	{ "fs, two request queues", 26,
	  { REQUEST("hiprio"), REQUEST("request0"), REQUEST("request1") } },
	{ "pmem", 27, { REQUEST("request") } },
	{ "scmi", 32, { REQUEST("cmd"), POSTED("event") } },
	{ "nsm", 33, { REQUEST("request") } },
	{ "i2c", 34, { REQUEST("request") } },
	{ "gpio", 41, { REQUEST("request"), POSTED("event") } },
	/* a queue too many is not judged by the role of another */
	{ "gpu with a third queue", 16, { REQUEST("ctrl"), REQUEST("cursor"), UNKNOWN } },
	{ "a type nobody knows", 4711, { UNKNOWN, UNKNOWN } },
	{ "type 0", 0, { UNKNOWN } },
};
/* clang-format on */

/** A QEMU whose debug info has none of the pointers that say more. */
static const struct sampler *sampler_without_layout(void)
{
	static struct layout_item items[QEMU_QUERY_NUM];
	static const struct layout layout = { .schema = &qemu_schema, .items = items };
	static const struct qemu qemu = { .layout = &layout };
	static const struct sampler sampler = { .qemu = &qemu };

	return &sampler;
}

static void test_roles(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct queue queues[QUEUES_MAX] = { 0 };
		struct device device = { .device_id = fact_of(cases[i].device_id),
					 .queues = queues };

		while (device.queue_num < QUEUES_MAX && cases[i].queues[device.queue_num].role)
			device.queue_num++;
		roles_assign(sampler_without_layout(), &device);
		for (size_t j = 0; j < device.queue_num; j++) {
			if (strcmp(queues[j].role, cases[i].queues[j].role) != 0 ||
			    queues[j].kind != cases[i].queues[j].kind)
				fail_msg("%s, queue %zu: '%s' (%d), expected '%s' (%d)",
					 cases[i].name, j, queues[j].role, queues[j].kind,
					 cases[i].queues[j].role, cases[i].queues[j].kind);
		}
	}
}

static void test_unknown_type(void **state)
{
	struct queue queue = { .kind = QUEUE_REQUEST };
	struct device device = { .queues = &queue, .queue_num = 1 };

	(void)state;
	device.device_id = fact_unreadable();
	roles_assign(sampler_without_layout(), &device);
	assert_int_equal(queue.kind, QUEUE_UNKNOWN);
	queue.kind = QUEUE_REQUEST;
	device.device_id = (struct fact){ 0 };
	roles_assign(sampler_without_layout(), &device);
	assert_int_equal(queue.kind, QUEUE_UNKNOWN);
}

/** As many queues as a device can have: names are cut nowhere, and nothing is left out. */
static void test_many_queues(void **state)
{
	static const uint16_t types[] = { 1, 2, 3, 8, 20, 26 };
	static struct queue queues[1024];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		struct device device = { .device_id = fact_of(types[i]),
					 .queues = queues,
					 .queue_num = ARRAY_SIZE(queues) };

		memset(queues, 0, sizeof(queues));
		roles_assign(sampler_without_layout(), &device);
		for (size_t j = 0; j < device.queue_num; j++) {
			assert_int_not_equal(queues[j].kind, QUEUE_UNKNOWN);
			assert_true(strlen(queues[j].role) < sizeof(queues[j].role) - 1);
			if (j) /* no two neighbours have one name */
				assert_string_not_equal(queues[j].role, queues[j - 1].role);
		}
	}
}

/** No type at all makes a device without queues anything but that. */
static void test_no_queues(void **state)
{
	(void)state;
	for (uint16_t type = 0; type < 64; type++) {
		struct device device = { .device_id = fact_of(type) };

		roles_assign(sampler_without_layout(), &device);
		assert_int_equal(device.queue_num, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_roles),
		cmocka_unit_test(test_unknown_type),
		cmocka_unit_test(test_many_queues),
		cmocka_unit_test(test_no_queues),
	};

	return cmocka_run_group_tests_name("roles", tests, NULL, NULL);
}
