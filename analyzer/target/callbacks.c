/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A target that somebody else reads, as gdb does for its plugin. It stands
 * still between two samples, and a read may be a round trip to another
 * machine: memory is fetched in whole blocks, neighbours in one read, and kept
 * until target_refresh().
 */
#include <elf.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "target/block_cache.h"
#include "target/elf_reader.h"
#include "target/proc.h"
#include "target/prstatus.h"
#include "target/syscall.h"
#include "target/target_internal.h"
#include "target/text.h"

struct callbacks_target {
	struct target base;
	int (*read)(void *argument, uint64_t address, void *buffer, size_t length);
	void *argument;
	char *description;
	int directory; /**< /proc/PID of a process on this machine; -1: none. */
	size_t (*threads)(void *argument, const char *const *registers,
			  struct virtq_thread *threads, size_t threads_max);
	struct block_cache cache;
};

/** Blocks fetched with one read at most. */
enum { RUN_MAX = 16 };

static bool call(struct callbacks_target *target, uint64_t address, void *buffer, size_t length)
{
	target->base.statistics.calls++;
	return target->read(target->argument, address, buffer, length) == 0;
}

/** Why nothing can be read at @address: the debugger does not say, but its core may. */
static struct virtq_error *explain(struct callbacks_target *target, uint64_t address)
{
	struct target *core = target->base.core;
	uint8_t byte;
	struct target_request request = { .address = address, .buffer = &byte, .length = 1 };

	if (core)
		core->ops->read_many(core, &request, 1);
	return request.error ? request.error :
			       error_address(VIRTQ_ERROR_UNMAPPED, address,
					     "0x%" PRIx64 " cannot be read through %s", address,
					     target->description);
}

/** The callback does not say how far it came, so ask page by page. */
static struct virtq_error *read_by_pages(struct callbacks_target *target,
					 const struct target_request *request)
{
	size_t done = 0;

	while (done < request->length) {
		uint64_t address = request->address + done;
		size_t step = page_left(address);

		if (step > request->length - done)
			step = request->length - done;
		if (!call(target, address, (uint8_t *)request->buffer + done, step))
			return explain(target, address);
		done += step;
	}
	return NULL;
}

static bool is_missing(const struct callbacks_target *target, uint64_t block)
{
	return !block_cache_find(&target->cache, block);
}

/** Read what can be read of a block by its pages. @return which, as block.pages. */
static unsigned int fetch_pages(struct callbacks_target *target, uint64_t address, uint8_t *bytes)
{
	unsigned int pages = 0;

	for (unsigned int i = 0; i < BLOCK_PAGES; i++)
		if (call(target, address + i * BLOCK_PAGE_SIZE, bytes + i * BLOCK_PAGE_SIZE,
			 BLOCK_PAGE_SIZE))
			pages |= 1U << i;
	return pages;
}

/** Fetch @num neighbouring blocks with one read; if that fails, by smaller ones. */
static void fetch_run(struct callbacks_target *target, uint64_t address, size_t num)
{
	const unsigned int all_pages = (1U << BLOCK_PAGES) - 1;
	_cleanup_free_ uint8_t *bytes = array_new(num, BLOCK_SIZE);

	if (!bytes)
		return; /* then requests are served without the cache */
	bool all = call(target, address, bytes, num * BLOCK_SIZE);
	for (size_t i = 0; i < num; i++) {
		struct block block = { address + i * BLOCK_SIZE, bytes + i * BLOCK_SIZE, all_pages };

		if (!all && (num == 1 || !call(target, block.address, block.bytes, BLOCK_SIZE)))
			block.pages = fetch_pages(target, block.address, block.bytes);
		if (!block_cache_add(&target->cache, &block))
			return;
	}
}

static int compare_blocks(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/** Fetch the missing blocks of all requests, in runs of neighbours. */
static void fetch(struct callbacks_target *target, const struct target_request *requests, size_t num)
{
	_cleanup_free_ uint64_t *missing = NULL;
	size_t missing_num = 0, capacity = 0;

	for (size_t i = 0; i < num; i++) {
		uint64_t last = block_floor(requests[i].address + requests[i].length - 1);

		for (uint64_t block = block_floor(requests[i].address);; block += BLOCK_SIZE) {
			if (is_missing(target, block)) {
				if (!array_grow(&missing, missing_num, &capacity, sizeof(*missing)))
					return;
				missing[missing_num++] = block;
			}
			if (block == last)
				break;
		}
	}
	if (missing_num)
		qsort(missing, missing_num, sizeof(*missing), compare_blocks);
	for (size_t i = 0; i < missing_num; i++) {
		uint64_t first = missing[i];
		size_t blocks = 1;

		if (!is_missing(target, first))
			continue; /* several requests wanted it */
		for (size_t j = i + 1; j < missing_num && blocks < RUN_MAX &&
				       missing[j] - first <= blocks * BLOCK_SIZE; j++)
			blocks = (size_t)(missing[j] - first) / BLOCK_SIZE + 1;
		fetch_run(target, first, blocks);
	}
}

/** Is it mapped from QEMU's binary, which the debugger was given? */
static bool is_in_executable(struct target *core, uint64_t address)
{
	const struct target_mapping *mapping = target_find_mapping(core, address);
	const struct target_mapping *executable = mapping ? target_find_executable(core) : NULL;

	return executable && strcmp(mapping->path, executable->path) == 0;
}

/**
 * Has the core the bytes that were read? Where it has not, gdb shows zeros, as
 * for guest RAM that was not saved, or what the binary has there. That may be so
 * for what was never written, which only gdb's user knows without build-ids.
 */
static struct virtq_error *check_saved(const struct callbacks_target *target,
				       const struct target_request *request)
{
	struct target *core = target->base.core;

	for (size_t done = 0, step; core && done < request->length; done += step) {
		uint8_t page[TARGET_PAGE_SIZE];
		struct target_request again = { .address = request->address + done, .buffer = page };

		step = page_left(again.address);
		if (step > request->length - done)
			step = request->length - done;
		again.length = step;
		core->ops->read_many(core, &again, 1);
		if (again.error && !(again.error->code == VIRTQ_ERROR_NOT_SAVED &&
				     is_in_executable(core, again.address)))
			return again.error;
		virtq_error_destroy(again.error);
	}
	return NULL;
}

static void callbacks_read_many(struct target *base, struct target_request *requests, size_t num)
{
	struct callbacks_target *target = (struct callbacks_target *)base;

	fetch(target, requests, num);
	for (size_t i = 0; i < num; i++) {
		struct target_request *request = &requests[i];

		/* a debugger's memory may end within a page: at the end of a section */
		if (!block_cache_copy(&target->cache, request->address, request->buffer,
				      request->length) &&
		    !call(target, request->address, request->buffer, request->length))
			request->error = read_by_pages(target, request);
		if (!request->error)
			request->error = check_saved(target, request);
	}
}

static void callbacks_refresh(struct target *base)
{
	block_cache_clear(&((struct callbacks_target *)base)->cache);
}

/** Asked for first; then come those with DWARF numbers from 0 on, without the stack pointer's. */
enum { PC, SP, DWARF_0 };

/** gdb's names of the registers that tell what a thread does, and a NULL. */
static const char *const *register_names(const struct target_info *info)
{
	static const char *const x86_64[] = { "pc", "sp", "rax", "rdx", "rcx", "rbx", "rsi", "rdi",
					      "rbp", "rsp", "r8", "r9", "r10", "r11", "r12", "r13",
					      "r14", "r15", "orig_rax", NULL };
	static const char *const aarch64[] = {
		"pc", "sp", "x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10",
		"x11", "x12", "x13", "x14", "x15", "x16", "x17", "x18", "x19", "x20", "x21",
		"x22", "x23", "x24", "x25", "x26", "x27", "x28", "x29", "x30", "sp", NULL
	};
	static const char *const s390x[] = { "pc", "sp", "r0", "r1", "r2", "r3", "r4", "r5", "r6",
					     "r7", "r8", "r9", "r10", "r11", "r12", "r13", "r14",
					     "r15", NULL };
	static const char *const other[] = { "pc", "sp", NULL };

	if (info->pointer_size != 8)
		return other;
	return info->machine == EM_X86_64 ? x86_64 : info->machine == EM_AARCH64 ? aarch64 :
	       info->machine == EM_S390 ? s390x : other;
}

/** As the reader of a core makes it from NT_PRSTATUS. */
static struct target_thread make_thread(const struct target_info *info, const char *const *names,
					const struct virtq_thread *told)
{
	struct target_thread thread = { .tid = told->tid };

	snprintf(thread.name, sizeof(thread.name), "%.31s", told->name);
	text_make_printable(thread.name);
	thread.has_pc = told->known >> PC & told->known >> SP & 1;
	thread.pc = told->registers[PC];
	thread.sp = told->registers[SP];
	for (size_t i = DWARF_0; names[i]; i++) {
		size_t number = i - DWARF_0;

		if (!(told->known >> i & 1) ||
		    !prstatus_register(info->machine, info->pointer_size, (int)number))
			continue;
		thread.registers[number] = told->registers[i];
		thread.registers_known |= UINT64_C(1) << number;
	}
	/* orig_rax is behind the 16 others */
	enum { ORIGINAL = DWARF_0 + 16, ALL = 0xffff };
	thread.has_orig_rax = info->machine == EM_X86_64 && told->known >> ORIGINAL & 1 &&
			      thread.registers_known == ALL;
	if (thread.has_orig_rax)
		thread.orig_rax = (int64_t)told->registers[ORIGINAL];
	return thread;
}

static struct virtq_error *ask_for_threads(struct callbacks_target *target,
					   struct target_thread **threads_ret, size_t *num_ret)
{
	enum { THREADS_MAX = 4096 };
	const struct target_info *info = &target->base.info;
	const char *const *names = register_names(info);
	_cleanup_free_ struct virtq_thread *told = array_new(THREADS_MAX, sizeof(*told));

	if (!told)
		return &virtq_error_no_memory;
	size_t num = target->threads ?
		target->threads(target->argument, names, told, THREADS_MAX) : 0;
	if (!num)
		return error_new(VIRTQ_ERROR_UNSUPPORTED, "%s does not tell what they do",
				 target->description);
	if (num > THREADS_MAX)
		num = THREADS_MAX;
	struct target_thread *threads = array_new(num, sizeof(*threads));
	if (!threads)
		return &virtq_error_no_memory;
	for (size_t i = 0; i < num; i++)
		threads[i] = make_thread(info, names, &told[i]);
	syscall_of_threads(&target->base, threads, num);
	*threads_ret = threads;
	*num_ret = num;
	return NULL;
}

static struct virtq_error *callbacks_get_threads(struct target *base,
						 struct target_thread **threads_ret,
						 size_t *num_ret)
{
	struct callbacks_target *target = (struct callbacks_target *)base;

	if (target->directory >= 0)
		return proc_get_threads(target->directory, &base->info, threads_ret, num_ret);
	return ask_for_threads(target, threads_ret, num_ret);
}

static struct virtq_error *callbacks_get_eventfd_count(struct target *base, int fd,
						       uint64_t *count_ret)
{
	const struct callbacks_target *target = (struct callbacks_target *)base;

	if (target->directory < 0)
		return error_new(VIRTQ_ERROR_UNSUPPORTED, "no process of this machine");
	return proc_get_eventfd_count(target->directory, fd, count_ret);
}

static void callbacks_close(struct target *base)
{
	struct callbacks_target *target = (struct callbacks_target *)base;

	callbacks_refresh(base);
	if (target->directory >= 0)
		close(target->directory);
	free(target->description);
}

static const struct target_ops callbacks_ops = {
	.read_many = callbacks_read_many,
	.refresh = callbacks_refresh,
	.get_threads = callbacks_get_threads,
	.get_eventfd_count = callbacks_get_eventfd_count,
	.close = callbacks_close,
};

/** Place the executable by its load bias, as a kernel's auxv would. */
static void place_executable(struct target *target, uint64_t bias)
{
	struct elf_module module;
	_cleanup_close_ int fd = target->executable ?
		open(target->executable, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC) : -1;

	if (fd < 0)
		return;
	struct virtq_error *error = elf_reader_module_from_file(fd, &module);
	if (error) {
		virtq_error_destroy(error); /* whoever needs the file will say so */
		return;
	}
	const struct elf_segment *first = elf_reader_first_load(&module);
	if (first && page_floor(first->offset) == 0) {
		target->header = bias + first->address - first->offset;
		target->auxv = (struct target_auxv){
			.has_entry = module.identity.entry != 0,
			.has_phdr = true,
			.entry = bias + module.identity.entry,
			.phdr = target->header + module.identity.phoff,
		};
	}
	elf_reader_module_clear(&module);
}

/** /proc of a process on this machine. What it tells is welcome, and not needed. */
static void open_process(struct callbacks_target *target)
{
	_cleanup_free_ char *text = NULL;
	size_t length;
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d", (int)target->base.info.pid);
	target->directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (target->directory < 0)
		return;
	struct virtq_error *error = proc_read(target->directory, "stat", &text, &length);
	if (!error)
		target->base.info.started = proc_start_time(text);
	virtq_error_destroy(error);
}

/** The core that the debugger reads. What it tells is welcome, and not needed. */
static void open_core(struct target *target, const char *path)
{
	const struct target_core_options options = { .executable = target->executable };
	struct virtq_error *error = target_open_core(path, &options, &target->core);

	if (!error && target->core->info.pid != target->info.pid) {
		/* the file was replaced since the debugger opened it */
		target_close(target->core);
		target->core = NULL;
	}
	virtq_error_destroy(error);
}

struct virtq_error *target_open_callbacks(const struct virtq_callbacks *callbacks,
					  uint16_t machine, enum byte_order order,
					  uint8_t pointer_size, struct target **target_ret)
{
	if (!callbacks->read)
		return error_new(VIRTQ_ERROR_INVALID_ARGUMENT, "no callback to read memory with");
	if (pointer_size != 4 && pointer_size != 8)
		return error_new(VIRTQ_ERROR_INVALID_ARGUMENT, "no pointer has %u bytes",
				 pointer_size);

	struct callbacks_target *target = calloc(1, sizeof(*target));
	if (!target)
		return &virtq_error_no_memory;
	*target = (struct callbacks_target){
		.base = {
			.ops = &callbacks_ops,
			.info = {
				.kind = TARGET_CALLBACKS,
				.machine = machine,
				.order = order,
				.pointer_size = pointer_size,
			},
		},
		.read = callbacks->read,
		.threads = callbacks->threads,
		.argument = callbacks->argument,
		.directory = -1,
		.description = strdup(callbacks->description ?: "the debugger"),
	};
	struct target *base = &target->base;
	if (callbacks->executable) {
		base->executable = strdup(callbacks->executable);
		base->executable_name = strdup(callbacks->executable);
	}
	if (!target->description ||
	    (callbacks->executable && (!base->executable || !base->executable_name))) {
		target_close(base);
		return &virtq_error_no_memory;
	}
	base->info.pid = callbacks->pid > 0 ? callbacks->pid : 0;
	if (base->info.pid && callbacks->is_local)
		open_process(target);
	if (base->info.pid && callbacks->core)
		open_core(base, callbacks->core);
	place_executable(base, callbacks->load_bias);
	target_publish(base);
	*target_ret = base;
	return NULL;
}
