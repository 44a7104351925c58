/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Snapshots: exactly what was read is in them, and reading them is reading the original. */
#include <elf.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "archive/packer.h"
#include "base/checked.h"
#include "base/sha256.h"
#include "core_builder.h"
#include "snapshot/core_writer.h"
#include "snapshot/snapshot.h"
#include "target/recording.h"
#include "target/target.h"
#include "test_target_common.h"

/* ---- Pieces -------------------------------------------------------------------------- */

static void sha256_of_known_texts(void **state)
{
	static const struct {
		const char *text;
		size_t length;
		const char *digest;
	} cases[] = {
		{ "", 0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
		{ "abc", 3, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
		/* FIPS 180-2, appendix B.2: two blocks */
		{ "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56,
		  "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
	};
	char digest[SHA256_TEXT_SIZE];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		sha256_text(cases[i].text, cases[i].length, digest);
		assert_string_equal(digest, cases[i].digest);
	}
	char *million = malloc(1000000);
	memset(million, 'a', 1000000);
	sha256_text(million, 1000000, digest);
	assert_string_equal(digest,
			    "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
	free(million);
}

static void check_ranges(const struct pages *pages, const struct pages_range *expected, size_t num)
{
	struct pages_range *ranges;
	size_t found;

	assert_ok(pages_ranges(pages, &ranges, &found));
	assert_int_equal(found, num);
	assert_memory_equal(ranges, expected, num * sizeof(*ranges));
	free(ranges);
}

static void pages_know_what_was_put_and_no_more(void **state)
{
	static const struct pages_range expected[] = { { 0x0ffe, 6 }, { 0x5000, 1 },
						       { 0x7fffffffffff0ff0, 16 } };
	struct pages pages = { 0 };
	char text[8] = "";

	(void)state;
	assert_ok(pages_put(&pages, 0x7fffffffffff0ff0, "0123456789abcdef", 16));
	assert_ok(pages_put(&pages, 0x1002, "ef", 2));
	assert_ok(pages_put(&pages, 0x0ffe, "abcd", 4));
	assert_ok(pages_put(&pages, 0x5000, "x", 1));
	assert_ok(pages_put(&pages, 0x5000, "y", 1));
	pages_sort(&pages);
	check_ranges(&pages, expected, 3);
	pages_get(&pages, 0x0ffe, text, 6);
	assert_string_equal(text, "abcdef");
	pages_get(&pages, 0x5000, text, 1);
	assert_int_equal(text[0], 'y');
	pages_deinit(&pages);
}

/** A target can have more addresses than there is memory. */
static void pages_are_limited(void **state)
{
	/* as if there were as many as there may be, and room for more in the table */
	struct pages pages = { .num = PAGES_MAX, .table_size = 4 * (size_t)PAGES_MAX };

	(void)state;
	pages.table = calloc(pages.table_size, sizeof(*pages.table));
	assert_non_null(pages.table);
	assert_error(pages_put(&pages, 0x1000, "ab", 2), VIRTQ_ERROR_LIMIT, 0,
		     "more than 65536 pages of memory to record");
	pages.num = 0;
	assert_ok(pages_put(&pages, 0x1000, "ab", 2));
	assert_int_equal(pages.num, 1);
	pages_deinit(&pages);
}

static void differences_are_found_to_the_byte(void **state)
{
	struct pages a = { 0 }, b = { 0 };
	uint8_t bytes[200] = { 0 };
	struct pages_range *ranges;
	size_t num;

	(void)state;
	assert_ok(pages_put(&a, 0x1f80, bytes, 200)); /* over a page's end */
	bytes[3] = bytes[5] = bytes[150] = 1;
	bytes[127] = bytes[128] = 1; /* neighbours on two pages */
	assert_ok(pages_put(&b, 0x1f80, bytes, 180));
	assert_ok(pages_put(&b, 0x9000, bytes, 8)); /* only one knows it */
	pages_sort(&a);
	pages_sort(&b);
	assert_ok(pages_differences(&a, &b, &ranges, &num));
	assert_int_equal(num, 3);
	assert_true(ranges[0].address == 0x1f83 && ranges[0].length == 3);
	assert_true(ranges[1].address == 0x1fff && ranges[1].length == 2);
	assert_true(ranges[2].address == 0x1f80 + 150 && ranges[2].length == 1);
	free(ranges);
	pages_deinit(&a);
	pages_deinit(&b);
}

/* ---- The core --------------------------------------------------------------------------- */

static struct target *open_core_bytes(const void *bytes, size_t length)
{
	struct target *target;
	int fd = temporary_file();

	temporary_fill(fd, bytes, length);
	assert_ok(target_open_core(temporary_path(fd).text, NULL, &target));
	close(fd);
	return target;
}

static void a_core_of_every_class_and_byte_order(void **state)
{
	static const uint8_t auxv[32] = { 0 };
	(void)state;
	for (int which = 0; which < 4; which++) {
		struct pages pages = { 0 };
		struct buffer buffer = { 0 };
		char bytes[8];
		uint8_t pointer_size = which & 1 ? 8 : 4;
		enum byte_order order = which & 2 ? BIG_ENDIAN_ORDER : LITTLE_ENDIAN_ORDER;
		const struct target_thread threads[] = {
			{ .tid = 42, .signal = 11, .has_pc = true, .pc = 0x1234, .sp = 0x5678 },
			{ .tid = 43 },
		};
		const struct target_mapping mapping = { 0x10000, 0x12000, 0x1000, "/usr/bin/qemu" };
		const struct core_writer writer = {
			.machine = which & 2 ? (which & 1 ? EM_S390 : EM_PPC) :
					       (which & 1 ? EM_X86_64 : EM_386),
			.order = order, .pointer_size = pointer_size, .pid = 42, .name = "qemu",
			.command = "qemu -S", .threads = threads, .threads_num = 2, .auxv = auxv,
			.auxv_length = 4 * pointer_size, .mappings = &mapping, .mappings_num = 1,
			.memory = &pages,
		};

		assert_ok(pages_put(&pages, 0x10ffd, "abcdefg", 7));
		assert_ok(pages_put(&pages, 0x20001, "x", 1));
		pages_sort(&pages);
		assert_ok(core_writer_write(&writer, &buffer));
		struct target *target = open_core_bytes(buffer.text, buffer.length);
		const struct target_info *info = target_get_info(target);
		assert_int_equal(info->machine, writer.machine);
		assert_int_equal(info->order, order);
		assert_int_equal(info->pointer_size, pointer_size);
		assert_int_equal(info->pid, 42);
		assert_int_equal(info->signal, 11);
		assert_string_equal(info->command, "qemu -S");
		assert_false(info->is_snapshot);

		size_t num;
		struct target_thread *found;
		assert_int_equal(target_get_mappings(target, &num)->file_offset, 0x1000);
		assert_int_equal(num, 1);
		assert_ok(target_get_threads(target, &found, &num));
		assert_int_equal(num, 2);
		assert_int_equal(found[1].tid, 43);
		if (pointer_size == 8) {
			assert_true(found[0].has_pc && !found[1].has_pc);
			assert_true(found[0].pc == 0x1234 && found[0].sp == 0x5678);
		}
		free(found);

		assert_ok(target_read(target, 0x10ffd, bytes, 7, "all"));
		assert_memory_equal(bytes, "abcdefg", 7);
		assert_ok(target_read(target, 0x20001, bytes, 1, "one"));
		virtq_error_destroy(target_read(target, 0x20001, bytes, 2, "too much"));
		assert_true(info->pid == 42);
		target_close(target);
		buffer_deinit(&buffer);
		pages_deinit(&pages);
	}
}

static void more_segments_than_the_header_counts(void **state)
{
	enum { NUM = 70000 };
	struct pages pages = { 0 };
	struct buffer buffer = { 0 };
	const struct core_writer writer = { .machine = EM_X86_64, .pointer_size = 8, .pid = 1,
					    .name = "q", .memory = &pages };
	char byte;

	(void)state;
	for (uint64_t i = 0; i < NUM; i++)
		assert_ok(pages_put(&pages, 0x10000 + 2 * i, &"01234567"[i % 8], 1));
	pages_sort(&pages);
	assert_ok(core_writer_write(&writer, &buffer));
	assert_int_equal(bytes_get_u16(buffer.text + 56, LITTLE_ENDIAN_ORDER), PN_XNUM);
	struct target *target = open_core_bytes(buffer.text, buffer.length);
	for (uint64_t i = 0; i < NUM; i += 999) {
		assert_ok(target_read(target, 0x10000 + 2 * i, &byte, 1, "byte"));
		assert_int_equal(byte, "01234567"[i % 8]);
		struct virtq_error *error = target_read(target, 0x10001 + 2 * i, &byte, 1, "gap");
		assert_non_null(error);
		virtq_error_destroy(error);
	}
	target_close(target);
	buffer_deinit(&buffer);
	pages_deinit(&pages);
}

/* ---- Recording, and reading it back -------------------------------------------------------- */

#define MARKER "CANARYCANARYCANARYCANARYCANARYCANARYCANARYCANARYCANARYCANARYCANARYCANARY"

/** Memory full of markers with something between them. */
static char memory[0x3000];

static struct target *open_memory(void)
{
	static struct target_bytes segment = { 0x1000, memory, sizeof(memory) };
	struct target *target;

	for (size_t i = 0; i < sizeof(memory); i++)
		memory[i] = MARKER[i % (sizeof(MARKER) - 1)];
	strcpy(memory + 0x100, "disk0"); /* a heap string; its neighbours are somebody's secrets */
	memcpy(memory + 0x200, "\1\2\3\4", 4);
	strcpy(memory + 0x300, "not \xff text");
	strcpy(memory + 0x400, MARKER); /* too long for its limit */
	memcpy(memory + 0x500, "before", 6);
	assert_ok(target_open_bytes(&segment, 1, LITTLE_ENDIAN_ORDER, 8, &target));
	return target;
}

/** What is done with the original and with the snapshot: every outcome as one text. */
static void do_reads(struct target *target, struct buffer *seen)
{
	static const uint64_t strings[] = { 0x1100, 0x1300, 0x9000, 0x3ffa };
	uint8_t bytes[64];
	char *string;

	for (size_t i = 0; i < ARRAY_SIZE(strings); i++) {
		struct virtq_error *error =
			target_read_string(target, strings[i], 4096, &string, "string");
		buffer_printf(seen, "%s\n", error ? virtq_error_message(error) : string);
		if (!error)
			free(string);
		virtq_error_destroy(error);
	}
	struct virtq_error *error = target_read_string(target, 0x1400, 32, &string, "long");
	buffer_printf(seen, "%s\n", error ? virtq_error_message(error) : string);
	virtq_error_destroy(error);

	static const struct { uint64_t address; size_t length; } reads[] = {
		{ 0x1200, 4 }, { 0x1500, 6 }, { 0x3ffe, 4 }, { 0x8000, 8 }, { 0x1202, 2 },
	};
	for (size_t i = 0; i < ARRAY_SIZE(reads); i++) {
		error = target_read(target, reads[i].address, bytes, reads[i].length, "read");
		if (error)
			buffer_printf(seen, "%d %s\n", error->code, virtq_error_message(error));
		for (size_t j = 0; !error && j < reads[i].length; j++)
			buffer_printf(seen, "%02x ", bytes[j]);
		virtq_error_destroy(error);
	}
}

static void write_snapshot(struct target *target, struct recorder *recorder,
			   struct analysis *analysis, struct buffer *buffer)
{
	struct privacy privacy = { 0 };
	const struct snapshot snapshot = {
		.target = target, .recorder = recorder, .analysis = analysis,
		.sample_ns = { 1000, 2000 }, .machine = EM_X86_64, .entry = 0x1000,
		.torn = { NULL, "0x1200,0x1500," }, .renewed = { NULL, "0x1500," },
		.layout = "virtq-layout 1\n", .privacy = &privacy,
	};

	assert_ok(snapshot_write(&snapshot, buffer));
	privacy_deinit(&privacy);
}

/** What the kernel says at a sample, as target.c tells it. */
static void say_kernel(struct recorder *recorder, int sample)
{
	struct virtq_error *error = error_new(VIRTQ_ERROR_BAD_DATA, "no eventfd");
	const struct target_thread threads[] = {
		{ .tid = 7, .state = 'S', .syscall = "ppoll", .name = "qemu one" },
		{ .tid = 8, .state = 'S', .syscall = "futex", .futex = 0xabcd12345678 },
		{ .tid = 9, .state = 'R' },
	};

	recorder_process_observer.eventfd(recorder, 20, (uint64_t)sample << 40, NULL);
	recorder_process_observer.eventfd(recorder, 5, 0, error);
	if (sample == 1)
		recorder_process_observer.eventfd(recorder, 6, 3, NULL);
	else
		recorder_process_observer.activities(recorder, threads, ARRAY_SIZE(threads));
	virtq_error_destroy(error);
}

enum { NO_ERROR = -1 };

static void check_count(struct target *target, int fd, int code, uint64_t wanted)
{
	uint64_t count = 0;
	struct virtq_error *error = target_get_eventfd_count(target, fd, &count);

	assert_int_equal(error ? (int)error->code : NO_ERROR, code);
	assert_true(count == wanted);
	virtq_error_destroy(error);
}

/** Of the last sample; then of the first, in which nobody asked for threads. */
static void check_kernel(struct target *snapshot)
{
	struct target_thread *threads;
	size_t num;

	check_count(snapshot, 20, NO_ERROR, UINT64_C(2) << 40);
	check_count(snapshot, 5, VIRTQ_ERROR_NOT_FOUND, 0);
	check_count(snapshot, 6, VIRTQ_ERROR_UNSUPPORTED, 0);
	check_count(snapshot, 21, VIRTQ_ERROR_UNSUPPORTED, 0);
	assert_ok(target_get_activities(snapshot, &threads, &num));
	assert_int_equal(num, 3);
	assert_int_equal(threads[0].tid, 7);
	assert_int_equal(threads[0].state, 'S');
	assert_string_equal(threads[0].syscall, "ppoll");
	assert_string_equal(threads[0].name, "qemu one");
	assert_true(threads[0].futex == 0 && threads[1].futex == 0xabcd12345678);
	assert_int_equal(threads[2].state, 'R');
	assert_string_equal(threads[2].syscall, "");
	free(threads);

	target_select_sample(snapshot, true);
	check_count(snapshot, 20, NO_ERROR, UINT64_C(1) << 40);
	check_count(snapshot, 5, VIRTQ_ERROR_NOT_FOUND, 0);
	check_count(snapshot, 6, NO_ERROR, 3);
	assert_ok(target_get_activities(snapshot, &threads, &num));
	assert_int_equal(num, 0);
	free(threads);
	target_select_sample(snapshot, false);
}

static void a_snapshot_reads_as_its_original(void **state)
{
	struct recorder recorder = { 0 };
	struct buffer first = { 0 }, last = { 0 }, again = { 0 }, core = { 0 };
	char command[] = "qemu -m 1", kind[] = "process 7";
	struct analysis analysis = { .samples = 2, .interval_ms = 2000,
				     .target = { .kind = "process", .live = true, .pid = 7,
						 .command = command, .original = kind } };
	struct target *target = open_memory();

	(void)state;
	target_set_observer(target, recorder_observe, &recorder);
	do_reads(target, &first);
	say_kernel(&recorder, 1);
	recorder_next_sample(&recorder);
	memcpy(memory + 0x500, "behind", 6);
	memory[0x201] = 9;
	do_reads(target, &last);
	say_kernel(&recorder, 2);
	assert_null(recorder.error);
	assert_string_not_equal(buffer_text(&first), buffer_text(&last));
	write_snapshot(target, &recorder, &analysis, &core);
	target_close(target);
	recorder_deinit(&recorder);

	/* Nothing that is beside of what was asked for is in it. */
	assert_null(memmem(core.text, core.length, "CANARY", 6));
	assert_non_null(memmem(core.text, core.length, "disk0", 6));

	struct target *snapshot = open_core_bytes(core.text, core.length);
	assert_true(target_get_info(snapshot)->is_snapshot);
	assert_string_equal(target_get_fact(snapshot, "original"), "process 7");
	assert_string_equal(target_get_fact(snapshot, "interval-ms"), "2000");
	assert_null(target_get_fact(snapshot, "interval"));
	/* a torn reading cannot be read again */
	assert_null(target_get_fact(snapshot, "torn-1"));
	assert_string_equal(target_get_fact(snapshot, "torn-2"), "0x1200,0x1500,");
	assert_null(target_get_fact(snapshot, "renewed-1"));
	assert_string_equal(target_get_fact(snapshot, "renewed-2"), "0x1500,");
	size_t length;
	assert_string_equal(target_get_layout(snapshot, &length), "virtq-layout 1\n");
	do_reads(snapshot, &again);
	assert_string_equal(buffer_text(&again), buffer_text(&last));
	buffer_deinit(&again);
	target_select_sample(snapshot, true);
	do_reads(snapshot, &again);
	assert_string_equal(buffer_text(&again), buffer_text(&first));
	target_select_sample(snapshot, false);
	buffer_deinit(&again);
	do_reads(snapshot, &again);
	assert_string_equal(buffer_text(&again), buffer_text(&last));

	check_kernel(snapshot);

	char byte;
	assert_error(target_read(snapshot, 0x1600, &byte, 1, "what nobody read"),
		     VIRTQ_ERROR_NOT_SAVED, 0x1600,
		     "what nobody read at 0x1600: 0x1600 was not read when the snapshot was taken");
	target_close(snapshot);
	buffer_deinit(&first);
	buffer_deinit(&last);
	buffer_deinit(&again);
	buffer_deinit(&core);
}

/** Every byte of the file changed, one at a time: nothing worse than an error. */
static void a_damaged_snapshot_is_harmless(void **state)
{
	struct recorder recorder = { 0 };
	struct buffer seen = { 0 }, core = { 0 };
	char kind[] = "process 7";
	struct analysis analysis = { .samples = 1,
				     .target = { .kind = "process", .original = kind } };
	struct target *target = open_memory();

	(void)state;
	target_set_observer(target, recorder_observe, &recorder);
	do_reads(target, &seen);
	recorder_next_sample(&recorder);
	memcpy(memory + 0x500, "behind", 6);
	do_reads(target, &seen);
	write_snapshot(target, &recorder, &analysis, &core);
	target_close(target);
	recorder_deinit(&recorder);

	int fd = temporary_file();
	for (size_t i = 0; i < core.length; i++) {
		struct target *snapshot;
		char original = core.text[i];

		core.text[i] = (char)(original ^ (i % 3 ? 0xff : 1));
		temporary_fill(fd, core.text, core.length);
		core.text[i] = original;
		struct virtq_error *error =
			target_open_core(temporary_path(fd).text, NULL, &snapshot);
		if (!error) {
			struct target_thread *threads = NULL;
			size_t num;

			buffer_deinit(&seen);
			do_reads(snapshot, &seen);
			target_select_sample(snapshot, true);
			do_reads(snapshot, &seen);
			virtq_error_destroy(target_get_threads(snapshot, &threads, &num));
			free(threads);
			target_close(snapshot);
		}
		virtq_error_destroy(error);
	}
	close(fd);
	buffer_deinit(&seen);
	buffer_deinit(&core);
}

static void put_failure(struct buffer *buffer, uint64_t address, uint64_t length, uint32_t samples,
			const char *message)
{
	core_writer_put(buffer, LITTLE_ENDIAN_ORDER, address, 8);
	core_writer_put(buffer, LITTLE_ENDIAN_ORDER, length, 8);
	core_writer_put(buffer, LITTLE_ENDIAN_ORDER, address, 8);
	core_writer_put(buffer, LITTLE_ENDIAN_ORDER, VIRTQ_ERROR_UNMAPPED, 4);
	core_writer_put(buffer, LITTLE_ENDIAN_ORDER, samples, 4);
	buffer_add_bytes(buffer, message, strlen(message) + 1);
}

static void check_failure(const struct recording *recording, uint64_t address, size_t length,
			  const char *message)
{
	struct virtq_error *error = recording_failure(recording, address, length);

	assert_true((error == NULL) == (message == NULL));
	if (error)
		assert_string_equal(virtq_error_message(error), message);
	virtq_error_destroy(error);
}

static void check_recorded_count(const struct recording *recording, int fd, bool known,
				 uint64_t wanted)
{
	uint64_t count = 0;
	struct virtq_error *error = recording_eventfd_count(recording, fd, &count);

	assert_true((error == NULL) == known);
	assert_true(count == wanted);
	virtq_error_destroy(error);
}

/** Records without end of the sample that is not looked at: none of them is passed at a lookup. */
static void many_records_of_one_key(void **state)
{
	enum { RECORDS = 200000, LOOKUPS = 65536 };
	static const char facts[] = "format " RECORDING_FORMAT "\n";
	struct buffer failures = { 0 }, kernel = { 0 };
	struct recording *recording;

	(void)state;
	put_failure(&failures, 0x1000, 4, 3, "neighbour");
	put_failure(&failures, 0x1000, 9, 0, "of no sample");
	for (int i = 0; i < RECORDS; i++) {
		put_failure(&failures, 0x1000, 8, 1, "first");
		buffer_add(&kernel, "1 eventfd 5 7\n");
	}
	put_failure(&failures, 0x1000, 8, 2, "last");
	put_failure(&failures, 0x1001, 8, 2, "neighbour");
	buffer_add(&kernel, "2 eventfd 5 9\n2 eventfd 6 -\n1 eventfd 4 1\n");
	const struct recording_bytes notes[RECORDING_NOTES] = {
		[RECORDING_FACTS] = { (const uint8_t *)facts, strlen(facts) },
		[RECORDING_FAILURES] = { (const uint8_t *)failures.text, failures.length },
		[RECORDING_KERNEL] = { (const uint8_t *)kernel.text, kernel.length },
	};
	assert_ok(recording_create(notes, LITTLE_ENDIAN_ORDER, &recording));

	clock_t start = clock();
	for (int i = 0; i < LOOKUPS; i++) {
		check_failure(recording, 0x1000, 8, "last");
		check_recorded_count(recording, 5, true, 9);
	}
	print_message("%d lookups among %d records: %.2f s\n", 2 * LOOKUPS, 2 * RECORDS,
		      (double)(clock() - start) / CLOCKS_PER_SEC);
	check_failure(recording, 0x1000, 4, "neighbour");
	check_failure(recording, 0x1000, 9, NULL);
	check_failure(recording, 0x1001, 8, "neighbour");
	check_recorded_count(recording, 4, false, 0);
	check_recorded_count(recording, 6, false, 0);
	recording_select(recording, true);
	check_failure(recording, 0x1000, 8, "first");
	check_failure(recording, 0x1000, 4, "neighbour");
	check_failure(recording, 0x1001, 8, NULL);
	check_recorded_count(recording, 5, true, 7);
	check_recorded_count(recording, 4, true, 1);
	recording_destroy(recording);
	buffer_deinit(&failures);
	buffer_deinit(&kernel);
}

/* ---- Archives ---------------------------------------------------------------------------------- */

static void an_archive_without_a_snapshot(void **state)
{
	struct packer *packer;
	struct target *target;
	void *bytes;
	size_t length;
	int fd = temporary_file();

	(void)state;
	assert_ok(packer_create(0, &packer));
	assert_ok(packer_add(packer, "directory/other.core", "x", 1));
	assert_ok(packer_finish(packer, &bytes, &length));
	packer_destroy(packer);
	temporary_fill(fd, bytes, length);
	free(bytes);
	struct virtq_error *error = target_open_core(temporary_path(fd).text, NULL, &target);
	assert_non_null(error);
	assert_int_equal(error->code, VIRTQ_ERROR_BAD_CORE);
	assert_non_null(strstr(virtq_error_message(error), "there is no snapshot.core in it"));
	virtq_error_destroy(error);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sha256_of_known_texts),
		cmocka_unit_test(pages_know_what_was_put_and_no_more),
		cmocka_unit_test(pages_are_limited),
		cmocka_unit_test(differences_are_found_to_the_byte),
		cmocka_unit_test(a_core_of_every_class_and_byte_order),
		cmocka_unit_test(more_segments_than_the_header_counts),
		cmocka_unit_test(a_snapshot_reads_as_its_original),
		cmocka_unit_test(a_damaged_snapshot_is_harmless),
		cmocka_unit_test(many_records_of_one_key),
		cmocka_unit_test(an_archive_without_a_snapshot),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
