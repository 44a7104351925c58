/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Targets that are not cores: bytes, callbacks, live processes; and what all have in common. */
#include <errno.h>
#include <link.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/checked.h"
#include "target/target.h"
#include "test_target_common.h"

enum { PAGE = 4096 };

/* ------------------------------------------------------------------ */
/* Bytes */

static struct target *open_bytes(const void *bytes, size_t length, enum byte_order order)
{
	const struct target_bytes segments[] = { { 0x1000, bytes, length } };
	struct target *target;

	assert_ok(target_open_bytes(segments, 1, order, 8, &target));
	return target;
}

static void bytes_are_read_across_segments(void **state)
{
	const struct target_bytes segments[] = { { 0x2000, "cdef", 4 }, { 0x1ffe, "ab", 2 } };
	struct target *target;
	char buffer[8] = "";

	(void)state;
	assert_ok(target_open_bytes(segments, 2, LITTLE_ENDIAN_ORDER, 8, &target));
	assert_ok(target_read(target, 0x1ffe, buffer, 6, "letters"));
	assert_string_equal(buffer, "abcdef");
	assert_error(target_read(target, 0x1fff, buffer, 8, "letters"), VIRTQ_ERROR_UNMAPPED,
		     0x2004, "letters at 0x1fff: 0x2004 is not mapped");
	assert_error(target_read(target, 0x10, buffer, 1, "letters"), VIRTQ_ERROR_UNMAPPED, 0x10,
		     NULL);
	assert_ok(target_read(target, 0x10, buffer, 0, "nothing"));
	assert_int_equal(target_get_info(target)->kind, TARGET_BYTES);
	target_close(target);
	target_close(NULL);
}

static void ranges_that_wrap_around_are_unmapped(void **state)
{
	struct target *target = open_bytes("abcd", 4, LITTLE_ENDIAN_ORDER);
	char buffer[8];

	(void)state;
	assert_error(target_read(target, UINT64_MAX - 3, buffer, 8, "end"), VIRTQ_ERROR_UNMAPPED,
		     UINT64_MAX - 3, "end of the address space");
	assert_error(target_read(target, 0x1000, buffer, SIZE_MAX, "much"), VIRTQ_ERROR_UNMAPPED,
		     0x1000, NULL);
	target_close(target);
}

static void integers_have_the_targets_byte_order(void **state)
{
	static const uint8_t bytes[] = { 1, 2, 3, 4, 5, 6, 7, 8 };
	struct target *little = open_bytes(bytes, 8, LITTLE_ENDIAN_ORDER);
	struct target *big = open_bytes(bytes, 8, BIG_ENDIAN_ORDER);
	uint64_t value;

	(void)state;
	assert_ok(target_read_unsigned(little, 0x1000, 2, &value, "x"));
	assert_int_equal(value, 0x0201);
	assert_ok(target_read_unsigned(big, 0x1000, 4, &value, "x"));
	assert_int_equal(value, 0x01020304);
	assert_ok(target_read_pointer(big, 0x1000, &value, "x"));
	assert_int_equal(value, 0x0102030405060708);
	assert_ok(target_read_unsigned(big, 0x1007, 1, &value, "x"));
	assert_int_equal(value, 8);
	assert_error(target_read_unsigned(big, 0x1000, 3, &value, "x"),
		     VIRTQ_ERROR_INVALID_ARGUMENT, 0, NULL);
	target_close(little);
	target_close(big);
}

static void strings_are_text_and_end(void **state)
{
	static char bytes[PAGE + 8];
	struct target *target = open_bytes(bytes, sizeof(bytes), LITTLE_ENDIAN_ORDER);
	char *string;

	(void)state;
	memcpy(bytes, "disk0", 6);
	memcpy(bytes + 16, "caf\xc3\xa9", 6);
	memcpy(bytes + 32, "\xc3(", 3); /* no continuation byte */
	memcpy(bytes + 48, "\xc0\xaf", 3); /* overlong */
	memcpy(bytes + 64, "a\033[31m", 7); /* control characters */
	memcpy(bytes + 80, "\xed\xa0\x80", 4); /* a surrogate */
	memset(bytes + 1000, 'x', 500);
	memset(bytes + sizeof(bytes) - 8, 'y', 8); /* does not end before memory does */

	assert_ok(target_read_string(target, 0x1000, 64, &string, "id"));
	assert_string_equal(string, "disk0");
	free(string);
	assert_ok(target_read_string(target, 0x1000 + 16, 6, &string, "id"));
	assert_string_equal(string, "caf\xc3\xa9");
	free(string);
	assert_ok(target_read_string(target, 0x1000 + 1000, 501, &string, "id"));
	assert_int_equal(strlen(string), 500);
	free(string);
	assert_ok(target_read_string(target, 0x1000 + 15, 1, &string, "id"));
	assert_string_equal(string, "");
	free(string);

	assert_error(target_read_string(target, 0x1000 + 1000, 500, &string, "id"),
		     VIRTQ_ERROR_BAD_DATA, 0, "no string ends within 500 bytes");
	assert_error(target_read_string(target, 0x1000, 5, &string, "id"), VIRTQ_ERROR_BAD_DATA, 0,
		     NULL);
	assert_error(target_read_string(target, 0x1000, 0, &string, "id"), VIRTQ_ERROR_BAD_DATA, 0,
		     NULL);
	for (size_t at = 32; at <= 80; at += 16)
		assert_error(target_read_string(target, 0x1000 + at, 64, &string, "id"),
			     VIRTQ_ERROR_BAD_DATA, 0, "not text");
	assert_error(target_read_string(target, 0x1000 + sizeof(bytes) - 8, 64, &string, "id"),
		     VIRTQ_ERROR_UNMAPPED, 0x1000 + sizeof(bytes), NULL);
	target_close(target);
}

static void strings_may_end_where_memory_ends(void **state)
{
	static char bytes[PAGE];
	struct target *target = open_bytes(bytes, sizeof(bytes), LITTLE_ENDIAN_ORDER);
	char *string;

	(void)state;
	memcpy(bytes + PAGE - 4, "end", 4);
	assert_ok(target_read_string(target, 0x1000 + PAGE - 4, 256, &string, "name"));
	assert_string_equal(string, "end");
	free(string);
	target_close(target);
}

struct seen {
	unsigned int calls, failures;
	uint64_t bytes;
};

static void observe(void *argument, uint64_t address, const void *bytes, size_t length,
		    const struct virtq_error *error)
{
	struct seen *seen = argument;

	if (!bytes) {
		assert_int_equal(error->code, VIRTQ_ERROR_UNMAPPED);
		seen->failures++;
		return;
	}
	assert_null(error);

	assert_in_range(address, 0x1000, 0x1003);
	assert_memory_equal(bytes, &"abcd"[address - 0x1000], length);
	seen->calls++;
	seen->bytes += length;
}

static void observer_and_statistics_see_what_was_read(void **state)
{
	struct target *target = open_bytes("abcd", 4, LITTLE_ENDIAN_ORDER);
	struct seen seen = { 0 };
	char buffer[16];
	struct target_request requests[] = {
		{ .address = 0x1000, .buffer = buffer, .length = 4, .what = "all" },
		{ .address = 0x1002, .buffer = buffer + 4, .length = 4, .what = "too much" },
		{ .address = 0x9999, .buffer = buffer + 8, .length = 0, .what = "nothing" },
		{ .address = 0x1003, .buffer = buffer + 8, .length = 1, .what = "last" },
	};

	(void)state;
	target_set_observer(target, observe, &seen);
	target_read_many(target, requests, ARRAY_SIZE(requests));
	assert_null(requests[0].error);
	assert_error(requests[1].error, VIRTQ_ERROR_UNMAPPED, 0x1004, "too much at 0x1002");
	assert_null(requests[2].error);
	assert_null(requests[3].error);
	assert_int_equal(seen.calls, 2);
	assert_int_equal(seen.failures, 1);
	assert_int_equal(seen.bytes, 5);
	assert_int_equal(target_get_statistics(target)->reads, 4);
	assert_int_equal(target_get_statistics(target)->bytes, 5);
	target_set_observer(target, NULL, NULL);
	assert_ok(target_read(target, 0x1000, buffer, 1, "unseen"));
	assert_int_equal(seen.calls, 2);
	target_close(target);
}

/* ------------------------------------------------------------------ */
/* Callbacks */

static int read_page_one_and_three(void *argument, uint64_t address, void *buffer, size_t length)
{
	(void)argument;
	for (size_t i = 0; i < length; i++) {
		uint64_t page = (address + i) / PAGE;

		if (page != 1 && page != 3)
			return -1;
		((uint8_t *)buffer)[i] = (uint8_t)page;
	}
	return 0;
}

static void callbacks_tell_the_first_bad_address(void **state)
{
	const struct virtq_callbacks callbacks = {
		.read = read_page_one_and_three,
		.executable = "/nonexistent/qemu",
		.description = "gdb inferior 1",
	};
	struct target *target;
	uint8_t buffer[3 * PAGE];
	uint8_t id[20];

	(void)state;
	assert_ok(target_open_callbacks(&callbacks, 62, LITTLE_ENDIAN_ORDER, 8, &target));
	assert_ok(target_read(target, PAGE + 16, buffer, PAGE - 16, "one"));
	assert_int_equal(buffer[0], 1);
	assert_error(target_read(target, PAGE + 16, buffer, 2 * PAGE, "one"), VIRTQ_ERROR_UNMAPPED,
		     2 * PAGE, "0x2000 cannot be read through gdb inferior 1");
	assert_error(target_read(target, 3 * PAGE - 8, buffer, 16, "three"), VIRTQ_ERROR_UNMAPPED,
		     3 * PAGE - 8, NULL);
	assert_int_equal(target_get_info(target)->machine, 62);
	assert_string_equal(target_get_info(target)->executable, "/nonexistent/qemu");
	assert_int_equal(target_get_build_id(target, id, sizeof(id)), 0);
	target_close(target);
}

/** Of three threads: one in ppoll, one that waits for a mutex, and one without registers. */
static size_t tell_threads(void *argument, const char *const *registers,
			   struct virtq_thread *threads, size_t threads_max)
{
	static const struct {
		const char *name;
		uint64_t values[2];
	} told[] = {
		{ "pc", { 0x1010, 0x1020 } }, { "sp", { 0x3000, 0x3008 } },
		{ "rsp", { 0x3000, 0x3008 } }, { "rax", { (uint64_t)-514, (uint64_t)-512 } },
		{ "orig_rax", { 271, 202 } }, { "rdi", { 1, 0x3040 } }, { "rsi", { 2, 128 } },
	};

	assert_true(threads_max >= 3);
	for (size_t i = 0; registers[i]; i++) {
		assert_true(i < VIRTQ_THREAD_REGISTERS);
		for (size_t j = 0; j < 2; j++) {
			for (size_t k = 0; k < ARRAY_SIZE(told); k++)
				if (strcmp(told[k].name, registers[i]) == 0)
					threads[j].registers[i] = told[k].values[j];
			threads[j].known |= UINT64_C(1) << i;
		}
	}
	for (int i = 0; i < 3; i++)
		threads[i].tid = 100 + i;
	memcpy(threads[1].name, "IO iot\0330", 9);
	++*(int *)argument;
	return 3;
}

static void callbacks_tell_of_threads(void **state)
{
	int calls = 0;
	const struct virtq_callbacks callbacks = {
		.read = read_page_one_and_three, .threads = tell_threads, .argument = &calls,
	};
	struct target_thread *threads;
	struct target *target;
	size_t num;

	(void)state;
	assert_ok(target_open_callbacks(&callbacks, 62, LITTLE_ENDIAN_ORDER, 8, &target));
	assert_int_equal(calls, 0); /* nobody needs them yet */
	assert_ok(target_get_activities(target, &threads, &num));
	assert_int_equal(calls, 1);
	assert_int_equal(num, 3);
	assert_int_equal(threads[0].tid, 100);
	assert_string_equal(threads[0].syscall, "ppoll");
	assert_true(threads[0].has_pc);
	assert_int_equal(threads[0].pc, 0x1010);
	assert_int_equal(threads[0].registers_known, 0xffff);
	assert_int_equal(threads[0].registers[7], 0x3000);
	assert_int_equal(threads[0].futex, 0);
	assert_string_equal(threads[1].syscall, "futex");
	assert_int_equal(threads[1].futex, 0x3040);
	assert_string_equal(threads[1].name, "IO iot?0");
	assert_int_equal(threads[2].tid, 102);
	assert_string_equal(threads[2].syscall, "");
	assert_false(threads[2].has_pc || threads[2].in_user_mode || threads[2].state);
	free(threads);
	target_close(target);
}

static void callbacks_say_that_threads_are_not_known(void **state)
{
	const struct virtq_callbacks callbacks = {
		.read = read_page_one_and_three,
		.description = "gdb inferior 1",
		.pid = 1,
		.core = "/nonexistent/core",
	};
	struct target_thread *threads;
	struct target *target;
	uint64_t count;
	size_t num;

	(void)state;
	assert_ok(target_open_callbacks(&callbacks, 62, LITTLE_ENDIAN_ORDER, 8, &target));
	assert_error(target_get_threads(target, &threads, &num), VIRTQ_ERROR_UNSUPPORTED, 0,
		     "gdb inferior 1 does not tell what they do");
	assert_error(target_get_eventfd_count(target, 3, &count), VIRTQ_ERROR_UNSUPPORTED, 0, NULL);
	target_close(target);
}

/* ------------------------------------------------------------------ */
/* Processes */

/** What /proc or the dynamic loader knows of our own build-id. */
struct own_id {
	uint8_t bytes[64];
	size_t length;
};

static int find_own_id(struct dl_phdr_info *info, size_t size, void *argument)
{
	struct own_id *id = argument;

	(void)size;
	for (size_t i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *header = &info->dlpi_phdr[i];
		const uint8_t *note = (const uint8_t *)(info->dlpi_addr + header->p_vaddr);
		const ElfW(Nhdr) *note_header = (const void *)note;

		if (header->p_type != PT_NOTE || note_header->n_type != NT_GNU_BUILD_ID)
			continue;
		id->length = note_header->n_descsz;
		memcpy(id->bytes, note + sizeof(*note_header) + 4, id->length);
	}
	return 1; /* the first is the main program */
}

static struct target *open_process(pid_t pid)
{
	struct target *target;

	assert_ok(target_open_process(pid, &target));
	return target;
}

static void own_process_can_be_read(void **state)
{
	static const char text[] = "in this very process";
	struct target *target = open_process(getpid());
	const struct target_info *info = target_get_info(target);
	const struct target_mapping *mappings;
	char buffer[sizeof(text)];
	struct own_id own = { .length = 0 };
	uint8_t id[64];
	size_t num;

	(void)state;
	assert_ok(target_read(target, (uintptr_t)text, buffer, sizeof(text), "text"));
	assert_string_equal(buffer, text);
	assert_true(info->live);
	assert_int_equal(info->kind, TARGET_PROCESS);
	assert_int_equal(info->pid, getpid());
	assert_int_equal(info->pointer_size, sizeof(void *));
	assert_non_null(strstr(info->executable_name, "test_target"));
	assert_non_null(strstr(info->command, "test_target"));
	assert_int_equal(target_get_statistics(target)->calls, 1);

	dl_iterate_phdr(find_own_id, &own);
	assert_int_equal(target_get_build_id(target, id, sizeof(id)), own.length);
	assert_memory_equal(id, own.bytes, own.length);
	assert_int_equal(target_get_build_id(target, id, 4), own.length ? 4 : 0);

	assert_true(target_get_auxv(target)->has_entry);
	mappings = target_get_mappings(target, &num);
	bool found = false;
	for (size_t i = 0; i < num; i++) {
		found = found || (target_get_auxv(target)->entry >= mappings[i].start &&
				  target_get_auxv(target)->entry < mappings[i].end &&
				  !strcmp(mappings[i].path, info->executable_name));
		assert_true(!i || mappings[i].start >= mappings[i - 1].end);
	}
	assert_true(found);
	target_close(target);
}

/** Four pages of 'A', 'B', 'C', 'D' of which the third cannot be read. */
static uint8_t *map_with_hole(void)
{
	uint8_t *pages = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_true(pages != MAP_FAILED);
	for (size_t i = 0; i < 4; i++)
		memset(pages + i * PAGE, 'A' + (int)i, PAGE);
	assert_int_equal(munmap(pages + 2 * PAGE, PAGE), 0);
	return pages;
}

/** A child that shares our memory's layout and waits to be killed. */
static pid_t fork_child(void)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;)
		pause();
}

static void end_child(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void unmapped_page_fails_only_its_request(void **state)
{
	uint8_t *pages = map_with_hole();
	uint64_t base = (uintptr_t)pages, hole = base + 2 * PAGE;
	pid_t pid = fork_child();
	struct target *target = open_process(pid);
	static uint8_t buffers[6][4 * PAGE];
	struct target_request requests[] = {
		{ .address = base, .buffer = buffers[0], .length = 8, .what = "first" },
		{ .address = base + 100, .buffer = buffers[1], .length = 4 * PAGE - 100,
		  .what = "over the hole" },
		{ .address = base + 3 * PAGE, .buffer = buffers[2], .length = PAGE, .what = "D" },
		{ .address = hole + 8, .buffer = buffers[3], .length = 8, .what = "in the hole" },
		{ .address = hole - 1, .buffer = buffers[4], .length = 2, .what = "edge" },
		{ .address = base + PAGE, .buffer = buffers[5], .length = PAGE, .what = "B" },
	};

	(void)state;
	munmap(pages, 4 * PAGE); /* ours; the child keeps its own */
	target_read_many(target, requests, ARRAY_SIZE(requests));
	assert_null(requests[0].error);
	assert_memory_equal(buffers[0], "AAAAAAAA", 8);
	assert_error(requests[1].error, VIRTQ_ERROR_UNMAPPED, hole, "over the hole");
	assert_null(requests[2].error);
	assert_int_equal(buffers[2][PAGE - 1], 'D');
	assert_error(requests[3].error, VIRTQ_ERROR_UNMAPPED, hole + 8, NULL);
	assert_error(requests[4].error, VIRTQ_ERROR_UNMAPPED, hole, NULL);
	assert_null(requests[5].error);
	assert_int_equal(buffers[5][0], 'B');

	/* Addresses that no process can have. */
	assert_error(target_read(target, 0, buffers[0], 8, "NULL"), VIRTQ_ERROR_UNMAPPED, 0, NULL);
	assert_error(target_read(target, 0xffff800000000000, buffers[0], 8, "kernel"),
		     VIRTQ_ERROR_UNMAPPED, 0xffff800000000000, NULL);
	target_close(target);
	end_child(pid);
}

static void many_requests_take_few_calls(void **state)
{
	enum { NUM = 3000 };
	static uint32_t values[NUM], got[NUM];
	static struct target_request requests[NUM];
	struct target *target = open_process(getpid());

	(void)state;
	for (uint32_t i = 0; i < NUM; i++) {
		values[i] = i * 2654435761u;
		requests[i] = (struct target_request){
			.address = (uintptr_t)&values[i],
			.buffer = &got[i],
			.length = sizeof(got[i]),
			.what = "value",
		};
	}
	requests[1500].address = 8; /* unmapped, at 8 */
	target_read_many(target, requests, NUM);
	for (size_t i = 0; i < NUM; i++) {
		if (i == 1500) {
			assert_error(requests[i].error, VIRTQ_ERROR_UNMAPPED, 8, NULL);
			continue;
		}
		assert_null(requests[i].error);
		assert_int_equal(got[i], values[i]);
	}
	/* 3 for 3000 requests, and a few more to find out about the bad one. */
	assert_in_range(target_get_statistics(target)->calls, 3, 8);
	target_close(target);
}

static void process_that_exits_is_noticed(void **state)
{
	static const char text[] = "text";
	pid_t pid = fork_child();
	struct target *target = open_process(pid);
	struct target_thread *threads;
	char buffer[2 * sizeof(text)], *part;
	size_t num;
	siginfo_t info;

	(void)state;
	assert_true(asprintf(&part, "process %d exited", (int)pid) > 0);
	assert_ok(target_read(target, (uintptr_t)text, buffer, sizeof(text), "text"));
	kill(pid, SIGKILL);
	waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT);
	struct target_request requests[] = {
		{ .address = (uintptr_t)text, .buffer = buffer, .length = 4, .what = "a" },
		{ .address = 0, .buffer = buffer, .length = 4, .what = "b" },
	};
	target_read_many(target, requests, 2);
	assert_error(requests[0].error, VIRTQ_ERROR_NO_PROCESS, 0, part);
	assert_error(requests[1].error, VIRTQ_ERROR_NO_PROCESS, 0, part);

	/* Not yet waited for, it is a zombie. */
	struct target *other;
	assert_error(target_open_process(pid, &other), VIRTQ_ERROR_NO_PROCESS, 0, "zombie");
	waitpid(pid, NULL, 0);
	assert_error(target_read(target, (uintptr_t)text, buffer, sizeof(text), "text"),
		     VIRTQ_ERROR_NO_PROCESS, 0, part);
	assert_error(target_get_threads(target, &threads, &num), VIRTQ_ERROR_NO_PROCESS, 0, part);
	assert_error(target_open_process(pid, &other), VIRTQ_ERROR_NO_PROCESS, 0,
		     "there is no process");
	free(part);
	target_close(target);
}

static void *wait_for_end(void *argument)
{
	pthread_setname_np(pthread_self(), "vcpu) 7");
	pthread_barrier_wait(argument);
	pthread_barrier_wait(argument);
	return NULL;
}

static void threads_have_names_and_states(void **state)
{
	struct target *target = open_process(getpid());
	struct target_thread *threads;
	pthread_barrier_t barrier;
	pthread_t thread;
	size_t num;
	int found = 0;

	(void)state;
	pthread_barrier_init(&barrier, NULL, 2);
	pthread_create(&thread, NULL, wait_for_end, &barrier);
	pthread_barrier_wait(&barrier);
	assert_ok(target_get_threads(target, &threads, &num));
	assert_in_range(num, 2, 64);
	for (size_t i = 0; i < num; i++) {
		if (threads[i].tid == getpid())
			found++;
		if (!strcmp(threads[i].name, "vcpu) 7")) {
			assert_non_null(strchr("RSD", threads[i].state));
			found++;

			/* A thread's number is not a process's. */
			struct target *other;
			assert_error(target_open_process(threads[i].tid, &other),
				     VIRTQ_ERROR_INVALID_ARGUMENT, 0, "is a thread of process");
		}
	}
	assert_int_equal(found, 2);
	free(threads);
	pthread_barrier_wait(&barrier);
	pthread_join(thread, NULL);
	pthread_barrier_destroy(&barrier);
	target_close(target);
}

static void what_is_no_process_is_said(void **state)
{
	struct target *target;

	(void)state;
	assert_error(target_open_process(0, &target), VIRTQ_ERROR_INVALID_ARGUMENT, 0, NULL);
	assert_error(target_open_process(-1, &target), VIRTQ_ERROR_INVALID_ARGUMENT, 0, NULL);
	assert_error(target_open_process(0x7ffffffe, &target), VIRTQ_ERROR_NO_PROCESS, 0,
		     "there is no process 2147483646");

	/* In a container there may be no kernel thread to be seen. */
	char name[32] = "";
	FILE *comm = fopen("/proc/2/comm", "r");
	if (comm && fgets(name, sizeof(name), comm) && !strcmp(name, "kthreadd\n"))
		assert_error(target_open_process(2, &target), VIRTQ_ERROR_INVALID_ARGUMENT, 0,
			     "process 2 (kthreadd) is a kernel thread");
	if (comm)
		fclose(comm);
}

static void lack_of_rights_is_explained(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();

	/* A child without rights tries to look at us. */
	pid_t self = getpid(), pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		struct target *target;

		if (setgid(65534) < 0 || setuid(65534) < 0)
			_exit(77);
		struct virtq_error *error = target_open_process(self, &target);
		bool good = error && virtq_error_code(error) == VIRTQ_ERROR_NO_PERMISSION &&
			    strstr(virtq_error_message(error), "it belongs to user 0") &&
			    strstr(virtq_error_message(error), "CAP_SYS_PTRACE");
		if (!good)
			fprintf(stderr, "%s\n", error ? virtq_error_message(error) : "no error");
		virtq_error_destroy(error);
		_exit(good ? 0 : 1);
	}
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		skip();
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_are_read_across_segments),
		cmocka_unit_test(ranges_that_wrap_around_are_unmapped),
		cmocka_unit_test(integers_have_the_targets_byte_order),
		cmocka_unit_test(strings_are_text_and_end),
		cmocka_unit_test(strings_may_end_where_memory_ends),
		cmocka_unit_test(observer_and_statistics_see_what_was_read),
		cmocka_unit_test(callbacks_tell_the_first_bad_address),
		cmocka_unit_test(callbacks_tell_of_threads),
		cmocka_unit_test(callbacks_say_that_threads_are_not_known),
		cmocka_unit_test(own_process_can_be_read),
		cmocka_unit_test(unmapped_page_fails_only_its_request),
		cmocka_unit_test(many_requests_take_few_calls),
		cmocka_unit_test(process_that_exits_is_noticed),
		cmocka_unit_test(threads_have_names_and_states),
		cmocka_unit_test(what_is_no_process_is_said),
		cmocka_unit_test(lack_of_rights_is_explained),
	};

	return cmocka_run_group_tests_name("target", tests, NULL, NULL);
}
