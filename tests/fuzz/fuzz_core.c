/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Files that say they are cores, plain or compressed: the input is the file.
 * If it opens, everything that virtq asks of a core is asked.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "../unit/core_builder.c"
#include "base/cleanup.h"
#include "fuzz.h"
#include "target/target.h"

static void drop(struct virtq_error *error)
{
	fuzz_assert(!error || virtq_error_message(error)[0]);
	virtq_error_destroy(error);
}

static void read_at(struct target *target, uint64_t address)
{
	static const size_t lengths[] = { 1, 8, 4096, 5000 };
	uint8_t bytes[5000];
	char *string = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++)
		drop(target_read(target, address, bytes, lengths[i], "fuzzed"));
	struct virtq_error *error = target_read_string(target, address, 4096, &string, "fuzzed");
	fuzz_assert(error || strlen(string) < 4096);
	drop(error);
	free(string);
}

static void ask(struct target *target)
{
	const struct target_info *info = target_get_info(target);
	const struct target_auxv *auxv = target_get_auxv(target);
	struct target_thread *threads = NULL;
	size_t mapping_num, thread_num;
	uint64_t pointer;
	uint8_t id[64];
	const struct target_mapping *mappings = target_get_mappings(target, &mapping_num);

	fuzz_assert(info->kind == TARGET_CORE && !info->live);
	fuzz_assert(info->pointer_size == 4 || info->pointer_size == 8);
	fuzz_assert(target_get_build_id(target, id, sizeof(id)) <= sizeof(id));
	for (size_t i = 0; i < mapping_num && i < 64; i++) {
		fuzz_assert(mappings[i].path && mappings[i].start <= mappings[i].end);
		fuzz_assert(!i || mappings[i - 1].start <= mappings[i].start);
		read_at(target, mappings[i].start);
		read_at(target, mappings[i].end - 1);
	}
	struct virtq_error *error = target_get_threads(target, &threads, &thread_num);
	if (!error) {
		fuzz_assert(thread_num <= 65536);
		for (size_t i = 0; i < thread_num; i++)
			fuzz_assert(memchr(threads[i].name, 0, sizeof(threads[i].name)));
		free(threads);
	}
	drop(error);
	read_at(target, 0);
	read_at(target, UINT64_MAX);
	read_at(target, UINT64_MAX - 4096);
	/* where seeds have memory */
	read_at(target, 0x10000);
	read_at(target, 0x7f0000000000);
	if (auxv->has_entry)
		read_at(target, auxv->entry);
	if (auxv->has_phdr)
		read_at(target, auxv->phdr);
	drop(target_read_pointer(target, auxv->phdr, &pointer, "fuzzed"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct target_core_options options = { 0 };
	_cleanup_target_ struct target *target = NULL;
	_cleanup_close_ int fd = memfd_create("core", MFD_CLOEXEC);
	char path[32];

	if (fd < 0 || pwrite(fd, data, size, 0) != (ssize_t)size)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	struct virtq_error *error = target_open_core(path, &options, &target);
	if (!error)
		ask(target);
	drop(error);
	return 0;
}

/** Cores of several machines, with all notes, an unsaved segment and a truncated one. */
size_t fuzz_seed(size_t index, uint8_t *seed, size_t size)
{
	static const struct {
		uint16_t machine;
		enum byte_order order;
		uint8_t pointer_size;
	} machines[] = {
		{ EM_X86_64, LITTLE_ENDIAN_ORDER, 8 }, { EM_AARCH64, LITTLE_ENDIAN_ORDER, 8 },
		{ EM_S390, BIG_ENDIAN_ORDER, 8 },      { EM_386, LITTLE_ENDIAN_ORDER, 4 },
		{ EM_PPC, BIG_ENDIAN_ORDER, 4 },
	};
	struct core_builder builder;
	struct core_layout layout;
	uint8_t page[4096];

	if (index >= 2 * ARRAY_SIZE(machines))
		return 0;
	core_builder_init(&builder, machines[index / 2].machine, machines[index / 2].order,
			  machines[index / 2].pointer_size);
	builder.entry = MODULE_ENTRY;
	builder.phdr = MODULE_BASE + 0x40;
	core_builder_add_process(&builder, 42, "qemu-system-x86", "qemu-system-x86_64 -m 64");
	core_builder_add_thread(&builder, 42, 6);
	core_builder_add_thread(&builder, 43, 0);
	core_builder_add_file(&builder, (struct builder_file){ MODULE_BASE, MODULE_BASE + 0x3000, 0,
							       "/proc/self/exe" });
	for (size_t i = 0; i < sizeof(page); i++)
		page[i] = (uint8_t)(i % 95 + 32);
	core_builder_add_segment(&builder, (struct builder_segment){ .address = MODULE_BASE,
								     .memory_size = 0x3000,
								     .file_size = 512,
								     .bytes = page,
								     .flags = PF_R | PF_X });
	core_builder_add_segment(&builder, (struct builder_segment){ .address = 0x200000,
								     .memory_size = 0x2000,
								     .flags = PF_R | PF_W });
	core_builder_add_segment(&builder, (struct builder_segment){ .address = 0x70000000,
								     .memory_size = 0x1000,
								     .file_size = 0x1000,
								     .bytes = page,
								     .flags = PF_R | PF_W });
	builder.extended_count = index % 2;

	_cleanup_close_ int fd = memfd_create("seed", MFD_CLOEXEC);
	if (fd < 0)
		abort();
	core_builder_write(&builder, fd, &layout);
	core_builder_clear(&builder);
	ssize_t length = pread(fd, seed, size, 0);
	return length > 0 ? (size_t)length : 0;
}
