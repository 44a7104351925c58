/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The pieces that the renderers are made of: escaping, widths, wrapping, names, words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "report/buffer.h"
#include "report/labels.h"
#include "report/requests.h"
#include "report/ring_marks.h"
#include "report/utf8.h"
#include "report/words.h"

static char *copy(const char *text)
{
	char *copied = strdup(text);

	assert_non_null(copied);
	return copied;
}

static void sample_init(struct sample *sample, size_t device_num)
{
	*sample = (struct sample){ .device_num = device_num };
	sample->devices = calloc(device_num, sizeof(struct device));
	assert_non_null(sample->devices);
}

static void test_shortened_names_differ(void **state)
{
	(void)state;
	for (int utf8 = 0; utf8 < 2; utf8++) {
		_cleanup_labels_ struct labels full = { 0 };
		struct sample sample;

		sample_init(&sample, 60);
		for (size_t i = 0; i < sample.device_num; i++) {
			char id[80];

			/* two of each: these can only be told apart by number */
			snprintf(id, sizeof(id),
				 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaa%02zuzzzzzzzzzzzzzz"
				 "zzzzzzzzzzzzzzzz",
				 i / 2);
			sample.devices[i].id = copy(id);
		}
		assert_null(labels_init(&sample, utf8, &full));
		for (size_t columns = 8; columns < 40; columns++) {
			_cleanup_labels_ struct labels labels = { 0 };

			assert_null(labels_shorten(&full, columns, utf8, &labels));
			for (size_t i = 0; i < labels.num; i++) {
				assert_true(utf8_width(labels.names[i]) <= columns);
				for (size_t j = 0; j < i; j++)
					assert_string_not_equal(labels.names[i], labels.names[j]);
			}
		}
		sample_deinit(&sample);
	}
}

static void test_names_of_devices(void **state)
{
	(void)state;
	_cleanup_labels_ struct labels labels = { 0 };
	struct sample sample;

	sample_init(&sample, 4);
	sample.devices[0].id = copy("disk0");
	sample.devices[0].location = copy("0000:00:03.0");
	sample.devices[1].location = copy("0000:00:04.0");
	sample.devices[2].path = copy("/machine/peripheral-anon/device[3]/virtio-backend");
	sample.devices[3].address = 0x1000;
	assert_null(labels_init(&sample, true, &labels));
	assert_string_equal(labels.names[0], "disk0");
	assert_string_equal(labels.names[1], "0000:00:04.0");
	assert_string_equal(labels.names[2], "peripheral-anon/device[3]");
	assert_string_equal(labels.names[3], "0x1000");
	sample_deinit(&sample);
}

static void test_every_error_code_has_a_word(void **state)
{
	(void)state;
	for (int code = VIRTQ_ERROR_NO_MEMORY; code <= VIRTQ_ERROR_UNSUPPORTED; code++)
		assert_string_not_equal(error_code_word((enum virtq_error_code)code), "unknown");
}

static void test_utf8(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		size_t length;
		uint32_t code;
	} cases[] = {
		{ "a", 1, 'a' },
		{ "\xc3\xa9", 2, 0xe9 },
		{ "\xe2\x82\xac", 3, 0x20ac },
		{ "\xf0\x9f\x98\x80", 4, 0x1f600 },
		{ "\xc3", 0, 0 }, /* cut short by the end */
		{ "\xe2\x82", 0, 0 },
		{ "\xc0\x80", 0, 0 }, /* overlong */
		{ "\xe0\x80\x80", 0, 0 },
		{ "\xed\xa0\x80", 0, 0 },     /* surrogate */
		{ "\xf4\x90\x80\x80", 0, 0 }, /* beyond the last code point */
		{ "\x80", 0, 0 },
		{ "\xff", 0, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint32_t code = 0;

		assert_int_equal(utf8_decode(cases[i].text, &code), cases[i].length);
		assert_int_equal(code, cases[i].code);
	}
	assert_int_equal(utf8_width("ab\xc3\xa9"), 3);
	assert_int_equal(utf8_head("ab\xc3\xa9"
				   "d",
				   3),
			 4);
	assert_int_equal(utf8_tail("ab\xc3\xa9"
				   "d",
				   2),
			 2);
}

static void test_escape_without_utf8(void **state)
{
	(void)state;
	_cleanup_buffer_ struct buffer buffer = { 0 };

	buffer_add_escaped(&buffer, "\xc3\xa9\\\x7f", false);
	assert_string_equal(buffer_text(&buffer), "\\xc3\\xa9\\\\\\x7f");
}

static void test_wrap(void **state)
{
	(void)state;
	_cleanup_buffer_ struct buffer buffer = { 0 };

	buffer_add(&buffer, "> ");
	buffer_wrap(&buffer, "one two three four 012345678901234567890123456789 end", 2, 2, 16);
	assert_string_equal(buffer_text(&buffer), "> one two three\n  four\n  01234567890123\n"
						  "  45678901234567\n  89 end\n");
}

static void test_facts_in_words(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		enum fact_format format;
		struct fact fact;
		const char *words;
	} cases[] = {
		{ "inuse", FACT_DECIMAL, { 3, FACT_KNOWN }, "3" },
		{ "inuse", FACT_DECIMAL, { 0, FACT_UNREADABLE }, "unreadable" },
		{ "inuse", FACT_DECIMAL, { 0, FACT_ABSENT }, "absent" },
		{ "broken", FACT_BOOL, { 1, FACT_KNOWN }, "true" },
		{ "vring-desc", FACT_HEX, { 255, FACT_KNOWN }, "0xff" },
		{ "status", FACT_DECIMAL, { 0, FACT_KNOWN }, "0 (reset)" },
		{ "status",
		  FACT_DECIMAL,
		  { 0x9f, FACT_KNOWN },
		  "159 (ACKNOWLEDGE|DRIVER|FEATURES_OK|DRIVER_OK|FAILED|0x10)" },
		{ "status", FACT_DECIMAL, { 0x20, FACT_KNOWN }, "32 (0x20)" },
		{ "guest-features",
		  FACT_HEX,
		  { UINT64_C(0x17f11000000), FACT_KNOWN },
		  "0x17f11000000 (NOTIFY_ON_EMPTY|INDIRECT_DESC|VERSION_1|ACCESS_PLATFORM|"
		  "RING_PACKED|IN_ORDER|ORDER_PLATFORM|SR_IOV|NOTIFICATION_DATA|RING_RESET)" },
		{ "guest-features", FACT_HEX, { 1, FACT_KNOWN }, "0x1" },
		{ "vector", FACT_DECIMAL, { 0xffff, FACT_KNOWN }, "65535 (none)" },
		{ "used-flags", FACT_DECIMAL, { 1, FACT_KNOWN }, "1 (NO_NOTIFY)" },
		{ "used-flags", FACT_DECIMAL, { 0, FACT_KNOWN }, "0" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct fact_descriptor descriptor = { cases[i].name, 0, cases[i].format };
		_cleanup_buffer_ struct buffer buffer = { 0 };

		words_add_fact(&buffer, &descriptor, cases[i].fact);
		assert_string_equal(buffer_text(&buffer), cases[i].words);
	}
}

static void test_numbers(void **state)
{
	(void)state;
	_cleanup_buffer_ struct buffer buffer = { 0 };

	buffer_add_number(&buffer, 0);
	buffer_printf(&buffer, " %s ", "and");
	buffer_add_number(&buffer, UINT64_MAX);
	assert_string_equal(buffer_text(&buffer), "0 and 18446744073709551615");
	for (int i = 0; i < 1000; i++) /* longer than any first guess */
		buffer_printf(&buffer, "%0*d", i, 0);
	assert_int_equal(buffer.length, strlen(buffer_text(&buffer)));
}

static void test_ring_marks(void **state)
{
	struct ring_mark marks[RING_MARKS_MAX];
	struct queue queue = { .vring_num = fact_of(8), .used_idx = fact_of(65534) };

	(void)state;
	queue.last_avail_idx = fact_of(1);
	queue.shadow_avail_idx = fact_of(1);
	queue.avail_idx = fact_of(4);
	queue.used_ring_idx = fact_of(65535);
	assert_int_equal(ring_marks(&queue, marks), 4);
	assert_string_equal(marks[1].name, "last");
	assert_int_equal(marks[1].span, RING_IN_DEVICE);
	assert_int_equal(marks[1].slots, 3); /* across the wrap at 65536 */
	assert_int_equal(marks[2].slots, 0);
	assert_int_equal(marks[3].slots, 3);

	/* of an index that could not be read nothing is drawn, on either side of it */
	queue.shadow_avail_idx = fact_unreadable();
	ring_marks(&queue, marks);
	assert_int_equal(marks[2].slots, 0);
	assert_int_equal(marks[3].slots, 0);

	queue.vhost = true;
	assert_int_equal(ring_marks(&queue, marks), 2);
	assert_int_equal(marks[1].index.value, 4);
	assert_int_equal(marks[1].slots, 5);
	assert_int_equal(marks[1].span, RING_IN_BACKEND);

	/* the same slot of a packed ring is none or all of it: the wrap counters say which */
	queue = (struct queue){ .packed = true, .vring_num = fact_of(8), .used_idx = fact_of(5) };
	queue.last_avail_idx = fact_of(5);
	queue.used_wrap_counter = fact_of(1);
	queue.last_avail_wrap_counter = fact_of(1);
	assert_int_equal(ring_marks(&queue, marks), 2);
	assert_int_equal(marks[1].slots, 0);
	queue.last_avail_wrap_counter = fact_of(0);
	ring_marks(&queue, marks);
	assert_int_equal(marks[1].slots, 8);
	queue.last_avail_wrap_counter = fact_unreadable();
	ring_marks(&queue, marks);
	assert_int_equal(marks[1].slots, 0);
}

/** An estimated request is one that was found. */
static void test_requests_that_were_not_found(void **state)
{
	static const char two[] = "2 in the device, 1 not taken";
	static const char more[] = "2 in the device, 1 not taken, and more that were not found";
	struct request requests[] = {
		{ .head = fact_of(3), .stage = REQUEST_IN_DEVICE, .slots = 1 },
		{ .head = fact_of(5), .stage = REQUEST_IN_DEVICE, .source = REQUEST_ESTIMATED },
		{ .head = fact_of(7), .stage = REQUEST_AVAILABLE },
	};
	const struct {
		bool packed, vhost;
		unsigned int slots; /* of the second */
		struct fact inuse, vhost_inflight;
		const char *summary;
	} cases[] = {
		{ false, false, 0, fact_of(2), { 0 }, two },
		{ false, false, 0, fact_of(3), { 0 }, more },
		{ false, false, 0, fact_unreadable(), { 0 }, two },
		{ true, false, 4, fact_of(5), { 0 }, two },
		{ true, false, 4, fact_of(6), { 0 }, more },
		{ true, false, 0, fact_of(6), { 0 }, two },
		{ false, true, 0, fact_of(9), { 0 }, two }, /* a stale inuse */
		{ false, true, 0, fact_of(0), fact_of(2), two },
		{ false, true, 0, fact_of(0), fact_of(4), more },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct queue queue = { .packed = cases[i].packed, .vhost = cases[i].vhost,
				       .inuse = cases[i].inuse,
				       .vhost_inflight = cases[i].vhost_inflight,
				       .requests = requests,
				       .request_num = ARRAY_SIZE(requests) };
		_cleanup_buffer_ struct buffer buffer = { 0 };

		requests[1].slots = cases[i].slots;
		requests_add_summary(&buffer, &queue);
		assert_string_equal(buffer_text(&buffer), cases[i].summary);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shortened_names_differ),
		cmocka_unit_test(test_names_of_devices),
		cmocka_unit_test(test_every_error_code_has_a_word),
		cmocka_unit_test(test_utf8),
		cmocka_unit_test(test_escape_without_utf8),
		cmocka_unit_test(test_wrap),
		cmocka_unit_test(test_facts_in_words),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_ring_marks),
		cmocka_unit_test(test_requests_that_were_not_found),
	};

	if (!setlocale(LC_CTYPE, "C.UTF-8"))
		return 77;
	return cmocka_run_group_tests_name("report pieces", tests, NULL, NULL);
}
