/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Cores that are damaged or made to do harm: whatever their headers, notes and
 * memory say, opening and reading them ends, in time, with an answer or an error.
 */
#include <elf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/checked.h"
#include "core_builder.h"
#include "target/target.h"
#include "test_target_common.h"

enum { PAGE = 4096, RANDOM_CASES = 500 };

static uint32_t next_random(uint32_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

/** A core with a bit of everything, whose executable's file is @path. */
static struct builder_bytes build(uint16_t machine, enum byte_order order, uint8_t pointer_size,
				  const char *path, struct core_layout *layout_ret)
{
	const uint64_t base = 0x10000;
	struct builder_bytes module = module_build(machine, order, pointer_size, "aaaabbbb");
	struct core_builder builder;
	int fd = temporary_file();

	core_builder_init(&builder, machine, order, pointer_size);
	core_builder_add_thread(&builder, 100, 6);
	core_builder_add_process(&builder, 100, "qemu", "qemu -m 1G");
	core_builder_add_thread(&builder, 101, 6);
	core_builder_add_note(&builder, "LINUX", NT_X86_XSTATE, module.bytes, 64);
	core_builder_add_note(&builder, "CORE", NT_SIGINFO, module.bytes, 128);
	builder.entry = base + MODULE_ENTRY - MODULE_BASE;
	builder.phdr = base + (pointer_size == 8 ? sizeof(Elf64_Ehdr) : sizeof(Elf32_Ehdr));
	core_builder_add_segment(&builder, (struct builder_segment){
		.address = base, .memory_size = MODULE_CODE_SIZE, .file_size = PAGE,
		.bytes = module.bytes, .flags = PF_R | PF_X });
	core_builder_add_segment(&builder, (struct builder_segment){
		.address = base + MODULE_CODE_SIZE, .memory_size = PAGE, .file_size = PAGE,
		.bytes = module.bytes + MODULE_CODE_SIZE, .flags = PF_R | PF_W });
	core_builder_add_file(&builder, (struct builder_file){ base, base + MODULE_CODE_SIZE, 0,
							       path });
	core_builder_add_file(&builder, (struct builder_file){
		base + MODULE_CODE_SIZE, base + MODULE_SIZE, MODULE_CODE_SIZE, path });
	core_builder_write(&builder, fd, layout_ret);
	core_builder_clear(&builder);
	free(module.bytes);

	struct builder_bytes core = { 0 };
	builder_put(&core, NULL, layout_ret->size);
	assert_int_equal(pread(fd, core.bytes, core.length, 0), core.length);
	close(fd);
	return core;
}

/** Use a target in every way; only that it ends is asked for. */
static void use(struct target *target)
{
	static const uint64_t addresses[] = { 0, 0x10000, 0x11000, 0x11800, 0x12000, 0x12ff0,
					      0x13000, 0xffffffff, UINT64_MAX - 64 };
	struct target_thread *threads;
	uint8_t buffer[2 * PAGE];
	char *string;
	size_t num;

	for (size_t i = 0; i < ARRAY_SIZE(addresses); i++) {
		virtq_error_destroy(target_read(target, addresses[i], buffer, 8, "word"));
		virtq_error_destroy(target_read(target, addresses[i], buffer, sizeof(buffer),
						"pages"));
		struct virtq_error *error = target_read_string(target, addresses[i], 256, &string,
							       "string");
		if (!error)
			free(string);
		virtq_error_destroy(error);
	}
	target_get_build_id(target, buffer, 20);
	const struct target_mapping *mappings = target_get_mappings(target, &num);
	for (size_t i = 0; i < num; i++) {
		assert_true(mappings[i].start < mappings[i].end);
		assert_true(memchr(mappings[i].path, 0, 65536) != NULL);
		virtq_error_destroy(target_read(target, mappings[i].start, buffer, 16, "mapping"));
	}
	assert_ok(target_get_threads(target, &threads, &num));
	free(threads);
}

/** Open and use what is in @fd. @return did it open? */
static bool try_core(int fd)
{
	struct target *target;

	struct virtq_error *error = target_open_core(temporary_path(fd).text, NULL, &target);
	if (error) {
		assert_true(virtq_error_code(error) == VIRTQ_ERROR_BAD_CORE ||
			    virtq_error_code(error) == VIRTQ_ERROR_LIMIT);
		assert_non_null(strstr(virtq_error_message(error), "/proc/self/fd"));
		virtq_error_destroy(error);
		return false;
	}
	use(target);
	target_close(target);
	return true;
}

static void poke(int fd, const struct builder_bytes *core, size_t offset, uint8_t byte)
{
	assert_int_equal(pwrite(fd, &byte, 1, (off_t)offset), 1);
	try_core(fd);
	assert_int_equal(pwrite(fd, core->bytes + offset, 1, (off_t)offset), 1);
}

static void damage(uint16_t machine, enum byte_order order, uint8_t pointer_size)
{
	int executable = temporary_file(), fd = temporary_file();
	struct temporary_path path = temporary_path(executable);
	struct builder_bytes module = module_build(machine, order, pointer_size, "aaaabbbb");
	uint32_t random = 2463534242u + machine;
	struct core_layout layout;

	temporary_fill(executable, module.bytes, module.length);
	struct builder_bytes core = build(machine, order, pointer_size, path.text, &layout);
	temporary_fill(fd, core.bytes, core.length);
	assert_true(try_core(fd));

	/* Each byte of headers and notes, and of the ELF header that is in memory. */
	for (size_t i = 0; i < layout.notes + layout.notes_size; i++) {
		poke(fd, &core, i, (uint8_t)(core.bytes[i] ^ (1 + next_random(&random) % 255)));
		if (i < layout.notes || i % 4 == 0)
			poke(fd, &core, i, 0xff);
	}
	for (size_t i = layout.memory; i < layout.memory + 256; i++) {
		poke(fd, &core, i, (uint8_t)next_random(&random));
		poke(fd, &core, i, 0xff);
	}

	/* The mapped file, whose pages stand in for those of the core. */
	for (size_t i = 0; i < 300; i++) {
		uint8_t byte = (uint8_t)next_random(&random);

		assert_int_equal(pwrite(executable, &byte, 1, (off_t)i), 1);
		assert_true(try_core(fd));
		assert_int_equal(pwrite(executable, module.bytes + i, 1, (off_t)i), 1);
	}

	/* Several at once. */
	for (size_t i = 0; i < RANDOM_CASES; i++) {
		size_t length = layout.notes + layout.notes_size;
		uint8_t *damaged = malloc(core.length);

		memcpy(damaged, core.bytes, core.length);
		for (uint32_t left = 1 + next_random(&random) % 8; left; left--)
			damaged[24 + next_random(&random) % (length - 24)] =
				(uint8_t)next_random(&random);
		temporary_fill(fd, damaged, core.length);
		try_core(fd);
		free(damaged);
	}

	/* Cut at every place of the head, and at some after it. */
	for (size_t size = layout.memory + 200; size; size--) {
		temporary_fill(fd, core.bytes, size);
		bool opened = try_core(fd);
		assert_true(opened == (size >= layout.notes));
	}
	close(fd);
	close(executable);
	free(core.bytes);
	free(module.bytes);
}

static void damaged_x86_core_does_no_harm(void **state)
{
	(void)state;
	damage(EM_X86_64, LITTLE_ENDIAN_ORDER, 8);
}

static void damaged_i386_core_does_no_harm(void **state)
{
	(void)state;
	damage(EM_386, LITTLE_ENDIAN_ORDER, 4);
}

static void damaged_s390x_core_does_no_harm(void **state)
{
	(void)state;
	damage(EM_S390, BIG_ENDIAN_ORDER, 8);
}

/**
 * A guest writes ELF headers into its RAM, at each place a mapping may start,
 * that say that gigabytes of notes follow: nobody may believe it.
 */
static void elf_headers_in_guest_ram_are_not_followed(void **state)
{
	const uint64_t ram_size = (uint64_t)1 << 38;
	struct core_builder builder;
	struct target *target;
	int fd = temporary_file();
	struct builder_bytes image = module_build(EM_X86_64, LITTLE_ENDIAN_ORDER, 8, "aaaa");

	(void)state;
	Elf64_Phdr *header = (Elf64_Phdr *)(void *)(image.bytes + sizeof(Elf64_Ehdr));
	for (size_t i = 0; i < 3; i++)
		header[i] = (Elf64_Phdr){ .p_type = PT_NOTE, .p_offset = 8192,
					  .p_filesz = ram_size - 65536 };
	core_builder_init(&builder, EM_X86_64, LITTLE_ENDIAN_ORDER, 8);
	core_builder_add_thread(&builder, 100, 6);
	core_builder_add_segment(&builder, (struct builder_segment){
		.address = 0x7e0000000000, .memory_size = ram_size, .file_size = ram_size });
	struct core_layout layout;
	core_builder_write(&builder, fd, &layout);
	assert_int_equal(pwrite(fd, image.bytes, PAGE, (off_t)layout.memory), PAGE);
	alarm(60); /* for what does not read */
	struct work work = work_so_far();
	assert_ok(target_open_core(temporary_path(fd).text, NULL, &target));
	work = work_since(work);
	alarm(0);
	print_message("%" PRIu64 " bytes in %" PRIu64 " reads, %.1f ms\n", work.bytes, work.calls,
		      work.milliseconds);
	assert_true(work.calls < 100 && work.bytes < 65536);
	target_close(target);
	free(image.bytes);
	core_builder_clear(&builder);
	close(fd);
	if (!work.calls)
		skip(); /* this kernel does not count */
}

/** NT_FILE that claims what cannot be. */
static void lying_mapped_file_notes_are_bounded(void **state)
{
	static const uint64_t notes[][6] = {
		{ UINT64_MAX, 4096, 0x1000, 0x2000, 0, 0x612f },
		{ 1, UINT64_MAX, 0x1000, 0x2000, 3, 0x612f },
		{ 1, 4096, 0x2000, 0x1000, 0, 0x612f },
		{ 1, 4096, 0x1000, 0x2000, 0, 0x6161616161616161 },
		{ 1, 4096, 0, UINT64_MAX, 0, 0x612f },
		{ 0, 0, 0, 0, 0, 0 },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(notes); i++)
		for (size_t length = 0; length <= sizeof(notes[i]); length += 4) {
			struct core_builder builder;
			int fd = temporary_file();

			core_builder_init(&builder, EM_X86_64, LITTLE_ENDIAN_ORDER, 8);
			builder.entry = 0x1800;
			core_builder_add_note(&builder, "CORE", NT_FILE, notes[i], length);
			core_builder_add_segment(&builder, (struct builder_segment){
				.address = 0x10000, .memory_size = PAGE });
			core_builder_write(&builder, fd, NULL);
			assert_true(try_core(fd));
			core_builder_clear(&builder);
			close(fd);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(damaged_x86_core_does_no_harm),
		cmocka_unit_test(damaged_i386_core_does_no_harm),
		cmocka_unit_test(damaged_s390x_core_does_no_harm),
		cmocka_unit_test(elf_headers_in_guest_ram_are_not_followed),
		cmocka_unit_test(lying_mapped_file_notes_are_bounded),
	};

	return cmocka_run_group_tests_name("target_hostile", tests, NULL, NULL);
}
