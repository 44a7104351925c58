/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The text form of layouts: round trip, damage, other versions. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "debuginfo/layout.h"

static const struct layout_unit units[] = {
	{ { "queue_pop" }, { "hw/queue.c" } },
	{ { NULL }, { "hw/other.c" } },
};

static const struct layout_query queries[] = {
	{ .kind = LAYOUT_STRUCT, .name = "Queue" },
	{ .kind = LAYOUT_MEMBER, .name = "Queue", .member = "ring.num", .size = 4 },
	{ .kind = LAYOUT_MEMBER, .name = "Queue", .member = "gone", .optional = true },
	{ .kind = LAYOUT_SYMBOL, .name = "queue_list", .unit = 1 },
	{ .kind = LAYOUT_LOCAL_STATIC, .name = "queue_root", .member = "root" },
	{ .kind = LAYOUT_ENUM, .name = "State" },
	{ .kind = LAYOUT_TEXT, .name = "emulator version " },
	{ .kind = LAYOUT_STRUCT, .name = "Gone", .optional = true },
	{ .kind = LAYOUT_TEXT, .name = "say \"\\\x01\" ", .optional = true },
	{ .kind = LAYOUT_BITS, .name = "Queue", .member = "few", .optional = true },
};

static const struct layout_schema schema = { units, ARRAY_SIZE(units), queries,
					     ARRAY_SIZE(queries), NULL, 0 };

static const char golden[] = "virtq-layout 1\n"
			     "build-id 00ff10\n"
			     "machine 22\n"
			     "order big\n"
			     "pointer-size 8\n"
			     "entry 0x1000\n"
			     "phdr 0x40\n"
			     "struct Queue 152\n"
			     "member Queue ring.num 8 4\n"
			     "absent member Queue gone\n"
			     "symbol queue_list 0xffffffffffffffff 16\n"
			     "static queue_root root 0x4010\n"
			     "enum State\n"
			     "value STATE_OFF -9223372036854775808\n"
			     "value STATE_ON 7\n"
			     "text \"emulator version \" \"7.2 (\\\"x\\\\\\xc3\\xa9\\\")\"\n"
			     "absent struct Gone\n"
			     "absent text \"say \\\"\\\\\\x01\\\" \"\n"
			     "bits Queue few 12 1 5 3\n";

/* The text with its last line, as a writer of this version would end it. */
static char *ended(const char *body)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);
	char *text;

	for (const char *at = body; *at; at++)
		hash = (hash ^ (unsigned char)*at) * UINT64_C(0x100000001b3);
	assert_true(asprintf(&text, "%send %016llx\n", body, (unsigned long long)hash) > 0);
	return text;
}

static struct virtq_error *parse(const char *text, const struct layout_schema *with,
				 struct layout **layout_ret)
{
	return layout_parse(text, strlen(text), "file", with, layout_ret);
}

/* Parse @text and expect an error with @code whose message has @part in it. */
static void expect_error(const char *text, const struct layout_schema *with,
			 enum virtq_error_code code, const char *part)
{
	struct layout *layout = NULL;
	struct virtq_error *error = parse(text, with, &layout);

	assert_non_null(error);
	assert_null(layout);
	assert_int_equal(virtq_error_code(error), code);
	if (!strstr(virtq_error_message(error), part))
		fail_msg("'%s' is not in: %s", part, virtq_error_message(error));
	virtq_error_destroy(error);
}

static void test_round_trip(void **state)
{
	(void)state;
	_cleanup_free_ char *text = ended(golden);
	_cleanup_free_ char *again = NULL;
	_cleanup_layout_ struct layout *layout = NULL;

	assert_null(parse(text, &schema, &layout));
	assert_int_equal(layout->build_id_length, 3);
	assert_memory_equal(layout->build_id, "\x00\xff\x10", 3);
	assert_int_equal(layout->machine, 22);
	assert_int_equal(layout->order, BIG_ENDIAN_ORDER);
	assert_int_equal(layout->pointer_size, 8);
	assert_int_equal(layout->entry, 0x1000);
	assert_int_equal(layout->phdr, 0x40);
	assert_string_equal(layout->origin, "file");
	assert_ptr_equal(layout->schema, &schema);

	const struct layout_item *items = layout->items;
	assert_true(items[0].present);
	assert_int_equal(items[0].size, 152);
	assert_int_equal(items[1].offset, 8);
	assert_int_equal(items[1].size, 4);
	assert_false(items[2].present);
	assert_true(items[3].offset == UINT64_MAX);
	assert_int_equal(items[3].size, 16);
	assert_int_equal(items[4].offset, 0x4010);
	assert_int_equal(items[5].enumerator_num, 2);
	assert_string_equal(items[5].enumerators[0].name, "STATE_OFF");
	assert_true(items[5].enumerators[0].value == INT64_MIN);
	assert_int_equal(items[5].enumerators[1].value, 7);
	assert_string_equal(items[6].text, "7.2 (\"x\\\xc3\xa9\")");
	assert_false(items[7].present);
	assert_false(items[8].present);
	assert_int_equal(items[9].offset, 12);
	assert_int_equal(items[9].size, 1);
	assert_int_equal(items[9].shift, 5);
	assert_int_equal(items[9].bits, 3);

	assert_null(layout_print(layout, &again));
	assert_string_equal(again, text);
}

static void test_without_build_id(void **state)
{
	(void)state;
	static const struct layout_schema nothing = { units, ARRAY_SIZE(units), NULL, 0, NULL, 0 };
	_cleanup_free_ char *text =
		ended("virtq-layout 1\nmachine 62\norder little\npointer-size 4\nentry 0x0\n"
		      "phdr 0x0\n");
	_cleanup_free_ char *again = NULL;
	_cleanup_layout_ struct layout *layout = NULL;

	assert_null(parse(text, &nothing, &layout));
	assert_int_equal(layout->build_id_length, 0);
	assert_null(layout_print(layout, &again));
	assert_string_equal(again, text);
}

/* Any shorter text is damage, at whatever byte it ends. */
static void test_truncated(void **state)
{
	(void)state;
	_cleanup_free_ char *text = ended(golden);

	for (size_t length = 0; length < strlen(text); length++) {
		/* On the heap, so that a sanitizer sees any byte too many. */
		_cleanup_free_ char *part = malloc(length + 1);
		struct layout *layout = NULL;

		assert_non_null(part);
		memcpy(part, text, length);
		struct virtq_error *error = layout_parse(part, length, "file", &schema, &layout);
		assert_non_null(error);
		assert_null(layout);
		assert_int_equal(virtq_error_code(error), VIRTQ_ERROR_BAD_DATA);
		assert_non_null(strstr(virtq_error_message(error), "file:"));
		virtq_error_destroy(error);
	}
}

/* Any flipped bit is noticed, in whatever byte. */
static void test_flipped(void **state)
{
	(void)state;
	for (size_t at = 0; at < strlen(golden) + 21; at++) {
		for (int bit = 0; bit < 8; bit++) {
			_cleanup_free_ char *flipped = ended(golden);
			struct layout *layout = NULL;
			size_t length = strlen(flipped);

			flipped[at] ^= (char)(1 << bit);
			struct virtq_error *error =
				layout_parse(flipped, length, "file", &schema, &layout);
			assert_non_null(error);
			assert_null(layout);
			/* Another digit in the first line is another version. */
			if (at != strlen("virtq-layout "))
				assert_int_equal(virtq_error_code(error), VIRTQ_ERROR_BAD_DATA);
			virtq_error_destroy(error);
		}
	}
}

static void test_damage_says_where(void **state)
{
	(void)state;
	expect_error("", &schema, VIRTQ_ERROR_BAD_DATA, "file:1: not a saved layout");
	expect_error("hello\n", &schema, VIRTQ_ERROR_BAD_DATA, "not a saved layout");
	expect_error(golden, &schema, VIRTQ_ERROR_BAD_DATA, "truncated");
	_cleanup_free_ char *text = ended(golden);
	*strstr(text, "152") = '2';
	expect_error(text, &schema, VIRTQ_ERROR_BAD_DATA, "file:20: the checksum is wrong");
}

/* Bodies with a right checksum that make no sense all the same. */
static void test_senseless(void **state)
{
	static const struct {
		const char *from, *to, *part;
	} cases[] = {
		{ "12 1 5 3", "12 1 5", "file:19: the answer is incomplete" },
		{ "12 1 5 3", "12 1 5 4", "file:19: the answer is incomplete" },
		{ "12 1 5 3", "12 1 5 0", "file:19: the answer is incomplete" },
		{ "12 1 5 3", "12 9 5 3", "file:19: the answer is incomplete" },
		{ "12 1 5 3", "12 8 64 1", "file:19: the answer is incomplete" },
		{ "12 1 5 3", "12 8 18446744073709551615 2", "file:19: the answer is incomplete" },
		{ "struct Queue 152", "struct Queue", "file:8: the answer is incomplete" },
		{ "struct Queue 152", "struct Queue 15x", "file:8: the answer is incomplete" },
		{ "struct Queue 152", "struct", "file:8: a name is missing" },
		{ "struct Queue 152", "struct Queue 99999999999999999999", "incomplete" },
		{ "ring.num 8 4", "ring.num 8", "file:9: the answer is incomplete" },
		{ "root 0x4010", "root 0x", "incomplete" },
		{ "root 0x4010", "root -1", "incomplete" },
		{ "STATE_ON 7", "STATE_ON", "file:15: a value without" },
		{ "STATE_ON 7", "STATE_ON 9223372036854775808", "a value without" },
		{ "enum State\n", "", "a value without" },
		{ "text \"emulator version \"", "text \"emulator version ", "quote does not end" },
		{ "\\xa9\\\")\"", "\\xa9\\\")", "a quote does not end" },
		{ "machine 22\n", "", "lines about the binary are missing" },
		{ "machine 22\n", "machine 65536\n", "file:3: the value makes no sense" },
		{ "order big", "order middle", "makes no sense" },
		{ "pointer-size 8", "pointer-size 7", "makes no sense" },
		{ "build-id 00ff10", "build-id 00ff1", "makes no sense" },
		{ "build-id 00ff10", "build-id 00FF10", "makes no sense" },
		{ "build-id 00ff10", "build-id", "makes no sense" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *at = strstr(golden, cases[i].from);
		_cleanup_free_ char *body = NULL;

		assert_non_null(at);
		assert_true(asprintf(&body, "%.*s%s%s", (int)(at - golden), golden, cases[i].to,
				     at + strlen(cases[i].from)) > 0);
		_cleanup_free_ char *text = ended(body);
		expect_error(text, &schema, VIRTQ_ERROR_BAD_DATA, cases[i].part);
	}
}

/* What a later version of the same form adds is passed over. */
static void test_unknown_lines(void **state)
{
	(void)state;
	const char *middle = strstr(golden, "struct Queue");
	_cleanup_free_ char *body = NULL, *again = NULL;
	_cleanup_layout_ struct layout *layout = NULL;

	assert_true(asprintf(&body,
			     "%.*s# a remark \"\n\nsection .text 1 2 3 4 5 6 7 8 9\n"
			     "absent section x\nabsent\nstruct NotAsked 12\nabsent member NotAsked x\n"
			     "enum NotAsked\nvalue X 1\n%s",
			     (int)(middle - golden), golden, middle) > 0);
	_cleanup_free_ char *text = ended(body), *plain = ended(golden);
	assert_null(parse(text, &schema, &layout));
	assert_null(layout_print(layout, &again));
	assert_string_equal(again, plain);
}

static void test_other_order(void **state)
{
	(void)state;
	struct layout_query turned[ARRAY_SIZE(queries)];
	const struct layout_schema other = { units, ARRAY_SIZE(units), turned,
					     ARRAY_SIZE(turned), NULL, 0 };
	_cleanup_free_ char *text = ended(golden);
	_cleanup_layout_ struct layout *layout = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(queries); i++)
		turned[i] = queries[ARRAY_SIZE(queries) - 1 - i];
	assert_null(parse(text, &other, &layout));
	assert_int_equal(layout->items[ARRAY_SIZE(queries) - 1].size, 152);
	assert_int_equal(layout->items[4].enumerator_num, 2);
}

/* Asked and absent is one thing, never asked another. */
static void test_newer_schema(void **state)
{
	(void)state;
	struct layout_query more[] = { queries[0], { .kind = LAYOUT_STRUCT, .name = "New" } };
	const struct layout_schema newer = { units, ARRAY_SIZE(units), more, 2, NULL, 0 };
	_cleanup_free_ char *text = ended(golden);

	expect_error(text, &newer, VIRTQ_ERROR_MISMATCH, "does not answer for struct New");
	more[1].optional = true;
	expect_error(text, &newer, VIRTQ_ERROR_MISMATCH, "does not answer for struct New");
	more[1] = (struct layout_query){ .kind = LAYOUT_MEMBER, .name = "Queue", .member = "gone" };
	expect_error(text, &newer, VIRTQ_ERROR_NOT_FOUND, "no Queue.gone in the QEMU");
	more[1] = (struct layout_query){ .kind = LAYOUT_MEMBER, .name = "Queue",
					 .member = "ring.num", .size = 8 };
	expect_error(text, &newer, VIRTQ_ERROR_MISMATCH, "Queue.ring.num has 4 bytes, not 8");
}

static void test_other_version(void **state)
{
	(void)state;
	static const char *const versions[] = { "0", "2", "18446744073709551615", "0x2" };

	for (size_t i = 0; i < ARRAY_SIZE(versions); i++) {
		_cleanup_free_ char *body = NULL;

		assert_true(asprintf(&body, "virtq-layout %s\nsomething else\n", versions[i]) > 0);
		expect_error(body, &schema, VIRTQ_ERROR_UNSUPPORTED, "reads version 1");
	}
	expect_error("virtq-layout x\nend\n", &schema, VIRTQ_ERROR_BAD_DATA, "file:");
}

static void test_bytes_that_are_no_text(void **state)
{
	(void)state;
	struct layout *layout = NULL;
	_cleanup_free_ char *text = ended(golden);
	size_t length = strlen(text);

	text[20] = 0;
	struct virtq_error *error = layout_parse(text, length, "file", &schema, &layout);
	assert_int_equal(virtq_error_code(error), VIRTQ_ERROR_BAD_DATA);
	virtq_error_destroy(error);
}

static void test_load(void **state)
{
	(void)state;
	char directory[] = "/tmp/virtq-test-XXXXXX", path[64], fifo[64];
	struct layout *layout = NULL;
	_cleanup_free_ char *text = ended(golden);

	assert_non_null(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/layout", directory);
	snprintf(fifo, sizeof(fifo), "%s/fifo", directory);

	struct virtq_error *error = layout_load(path, &schema, &layout);
	assert_int_equal(virtq_error_code(error), VIRTQ_ERROR_OS);
	assert_non_null(strstr(virtq_error_message(error), path));
	virtq_error_destroy(error);
	error = layout_load(directory, &schema, &layout);
	assert_int_equal(virtq_error_code(error), VIRTQ_ERROR_INVALID_ARGUMENT);
	virtq_error_destroy(error);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	error = layout_load(fifo, &schema, &layout);
	assert_int_equal(virtq_error_code(error), VIRTQ_ERROR_INVALID_ARGUMENT);
	virtq_error_destroy(error);

	FILE *file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
	assert_null(layout_load(path, &schema, &layout));
	assert_string_equal(layout->origin, path);
	assert_int_equal(layout->items[0].size, 152);
	layout_destroy(layout);

	unlink(path);
	unlink(fifo);
	rmdir(directory);
}

static void test_query_without_unit(void **state)
{
	(void)state;
	static const struct layout_query lost[] = {
		{ .kind = LAYOUT_STRUCT, .name = "X", .unit = 9 }
	};
	static const struct layout_schema wrong = { units, ARRAY_SIZE(units), lost, 1, NULL, 0 };

	expect_error("", &wrong, VIRTQ_ERROR_INVALID_ARGUMENT, "query 0 has no unit");
}

static void test_format_build_id(void **state)
{
	(void)state;
	char text[7];

	layout_format_build_id((const uint8_t *)"\x00\xa9\xff", 3, text);
	assert_string_equal(text, "00a9ff");
	layout_format_build_id(NULL, 0, text);
	assert_string_equal(text, "");
	layout_destroy(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_without_build_id),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_flipped),
		cmocka_unit_test(test_damage_says_where),
		cmocka_unit_test(test_senseless),
		cmocka_unit_test(test_unknown_lines),
		cmocka_unit_test(test_other_order),
		cmocka_unit_test(test_newer_schema),
		cmocka_unit_test(test_other_version),
		cmocka_unit_test(test_bytes_that_are_no_text),
		cmocka_unit_test(test_load),
		cmocka_unit_test(test_query_without_unit),
		cmocka_unit_test(test_format_build_id),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
