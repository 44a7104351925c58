/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Cores as memory: what is saved, what is not, what was cut off, and mapped files. */
#include <elf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/checked.h"
#include "core_builder.h"
#include "target/target.h"
#include "test_target_common.h"

enum { PAGE = 4096 };

/** Write @builder's core and open it; the file is closed, the target keeps its own. */
static struct target *open_built(const struct core_builder *builder,
				 const struct target_core_options *options)
{
	int fd = temporary_file();
	struct target *target;

	core_builder_write(builder, fd, NULL);
	assert_ok(target_open_core(temporary_path(fd).text, options, &target));
	close(fd);
	return target;
}

static void assert_bad_core(const void *bytes, size_t length, enum virtq_error_code code,
			    const char *part)
{
	int fd = temporary_file();
	struct target *target;

	temporary_fill(fd, bytes, length);
	assert_error(target_open_core(temporary_path(fd).text, NULL, &target), code, 0, part);
	close(fd);
}

static uint64_t read_unsigned(struct target *target, uint64_t address, size_t size)
{
	uint64_t value = 0;

	assert_ok(target_read_unsigned(target, address, size, &value, "value"));
	return value;
}

static void assert_unreadable(struct target *target, uint64_t address, size_t length,
			      enum virtq_error_code code, uint64_t bad_address, const char *part)
{
	char *buffer = malloc(length);

	assert_error(target_read(target, address, buffer, length, "thing"), code, bad_address,
		     part);
	free(buffer);
}

static const char letters[2 * PAGE] = "abcdefgh";

static void add_saved(struct core_builder *builder, uint64_t address)
{
	core_builder_add_segment(builder, (struct builder_segment){
		.address = address, .memory_size = sizeof(letters), .file_size = sizeof(letters),
		.bytes = letters, .flags = PF_R | PF_W });
}

/* ------------------------------------------------------------------ */

static void three_ways_not_to_be_there(void **state)
{
	struct core_builder builder;

	(void)state;
	core_builder_init(&builder, EM_X86_64, LITTLE_ENDIAN_ORDER, 8);
	add_saved(&builder, 0x10000);
	/* Saved in part, and not saved at all, as the kernel writes it. */
	core_builder_add_segment(&builder, (struct builder_segment){
		.address = 0x20000, .memory_size = 2 * PAGE, .file_size = PAGE, .bytes = letters,
		.flags = PF_R });
	core_builder_add_segment(&builder, (struct builder_segment){
		.address = 0x30000, .memory_size = PAGE, .flags = PF_R | PF_W });

	struct target *target = open_built(&builder, NULL);
	char buffer[16] = "";
	assert_ok(target_read(target, 0x10002, buffer, 6, "letters"));
	assert_string_equal(buffer, "cdefgh");
	assert_int_equal(read_unsigned(target, 0x10000, 4), 0x64636261);
	assert_int_equal(read_unsigned(target, 0x20000, 2), 0x6261);

	assert_unreadable(target, 0x8, 8, VIRTQ_ERROR_UNMAPPED, 0x8, "thing at 0x8: 0x8 is not");
	assert_unreadable(target, 0xfffc, 8, VIRTQ_ERROR_UNMAPPED, 0xfffc, NULL);
	assert_unreadable(target, 0x10000, 3 * PAGE, VIRTQ_ERROR_UNMAPPED, 0x12000, NULL);
	assert_unreadable(target, 0x20ffc, 8, VIRTQ_ERROR_NOT_SAVED, 0x21000, "was not saved");
	assert_unreadable(target, 0x30010, 8, VIRTQ_ERROR_NOT_SAVED, 0x30010, NULL);
	assert_unreadable(target, 0x30ffc, 8, VIRTQ_ERROR_NOT_SAVED, 0x30ffc, NULL);
	assert_unreadable(target, 0x31000, 8, VIRTQ_ERROR_UNMAPPED, 0x31000, NULL);
	assert_unreadable(target, UINT64_MAX - 8, 8, VIRTQ_ERROR_UNMAPPED, UINT64_MAX - 8, NULL);
	assert_false(target_get_info(target)->truncated);
	assert_false(target_get_info(target)->omits_unsaved);
	assert_false(target_get_info(target)->live);
	target_close(target);
	core_builder_clear(&builder);
}

/** gcore leaves unsaved mappings out of the program headers: only NT_FILE tells. */
static void mapped_file_without_segment_is_not_saved(void **state)
{
	struct core_builder builder;

	(void)state;
	core_builder_init(&builder, EM_X86_64, LITTLE_ENDIAN_ORDER, 8);
	add_saved(&builder, 0x10000);
	core_builder_add_file(&builder, (struct builder_file){ 0x10000, 0x12000, 0, "/a" });
	core_builder_add_file(&builder, (struct builder_file){ 0x40000, 0x42000, PAGE,
							       "/nonexistent/b" });
	struct target *target = open_built(&builder, NULL);
	const struct target_mapping *mappings;
	size_t num;

	mappings = target_get_mappings(target, &num);
	assert_int_equal(num, 2);
	assert_string_equal(mappings[1].path, "/nonexistent/b");
	assert_int_equal(mappings[1].file_offset, PAGE);
	assert_true(target_get_info(target)->omits_unsaved);
	assert_unreadable(target, 0x41000, 8, VIRTQ_ERROR_NOT_SAVED, 0x41000, "/nonexistent/b");
	assert_unreadable(target, 0x42000, 8, VIRTQ_ERROR_UNMAPPED, 0x42000, "leaves out");
	target_close(target);
	core_builder_clear(&builder);
}

static void overlapping_segments_are_sorted_out(void **state)
{
	static const char other[2 * PAGE] = "ZZZZZZZZ";
	struct core_builder builder;

	(void)state;
	core_builder_init(&builder, EM_X86_64, LITTLE_ENDIAN_ORDER, 8);
	/* Out of order, one inside the other, one over the end, an unsaved one over all. */
	core_builder_add_segment(&builder, (struct builder_segment){
		.address = 0x10000, .memory_size = 0x100000 });
	core_builder_add_segment(&builder, (struct builder_segment){
		.address = 0x21000, .memory_size = 2 * PAGE, .file_size = 2 * PAGE,
		.bytes = other });
	add_saved(&builder, 0x20000);
	core_builder_add_segment(&builder, (struct builder_segment){
		.address = 0x20800, .memory_size = 16, .file_size = 16, .bytes = other });
	core_builder_add_segment(&builder, (struct builder_segment){
		.address = UINT64_MAX - 15, .memory_size = 64, .file_size = 64, .bytes = letters });
	struct target *target = open_built(&builder, NULL);
	char buffer[4 * PAGE];

	assert_int_equal(read_unsigned(target, 0x20000, 1), 'a');
	assert_int_equal(read_unsigned(target, 0x20800, 1), 0);
	assert_int_equal(read_unsigned(target, 0x21000, 1), 0); /* not 'Z' */
	assert_ok(target_read(target, 0x20000, buffer, 3 * PAGE, "all"));
	assert_unreadable(target, 0x22000, 2 * PAGE, VIRTQ_ERROR_NOT_SAVED, 0x23000, NULL);
	assert_unreadable(target, 0x10000, 8, VIRTQ_ERROR_NOT_SAVED, 0x10000, NULL);
	assert_int_equal(read_unsigned(target, UINT64_MAX - 15, 1), 'a');
	target_close(target);
	core_builder_clear(&builder);
}

static void other_machines_are_read_in_their_order(void **state)
{
	static const struct {
		uint16_t machine;
		enum byte_order order;
		uint8_t pointer_size;
	} machines[] = {
		{ EM_X86_64, LITTLE_ENDIAN_ORDER, 8 }, { EM_386, LITTLE_ENDIAN_ORDER, 4 },
		{ EM_AARCH64, LITTLE_ENDIAN_ORDER, 8 }, { EM_S390, BIG_ENDIAN_ORDER, 8 },
		{ EM_PPC64, BIG_ENDIAN_ORDER, 8 },	{ EM_PPC, BIG_ENDIAN_ORDER, 4 },
		{ 0x1234, LITTLE_ENDIAN_ORDER, 4 },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(machines); i++) {
		struct core_builder builder;
		struct target_thread *threads;
		size_t num;

		core_builder_init(&builder, machines[i].machine, machines[i].order,
				  machines[i].pointer_size);
		core_builder_add_thread(&builder, 4243, 6);
		core_builder_add_process(&builder, 4242, "qemu-system-x86", "qemu -m 1G \033 ");
		core_builder_add_thread(&builder, 4242, 0);
		builder.entry = 0x10100;
		builder.phdr = 0x10040;
		add_saved(&builder, 0x10000);
		core_builder_add_file(&builder, (struct builder_file){ 0x10000, 0x12000, 0,
								       "/usr/bin/qemu (deleted)" });
		struct target *target = open_built(&builder, NULL);
		const struct target_info *info = target_get_info(target);

		assert_int_equal(info->kind, TARGET_CORE);
		assert_int_equal(info->machine, machines[i].machine);
		assert_int_equal(info->order, machines[i].order);
		assert_int_equal(info->pointer_size, machines[i].pointer_size);
		assert_int_equal(info->signal, 6);
		assert_int_equal(info->pid, 4242);
		assert_string_equal(info->command, "qemu -m 1G ?");
		assert_string_equal(info->executable, "/usr/bin/qemu");
		assert_string_equal(info->executable_name, "/usr/bin/qemu (deleted)");
		assert_int_equal(target_get_auxv(target)->entry, 0x10100);
		assert_int_equal(target_get_auxv(target)->phdr, 0x10040);
		assert_int_equal(read_unsigned(target, 0x10000, 4),
				 machines[i].order == BIG_ENDIAN_ORDER ? 0x61626364 : 0x64636261);
		assert_ok(target_get_threads(target, &threads, &num));
		assert_int_equal(num, 2);
		assert_int_equal(threads[0].tid, 4243);
		assert_int_equal(threads[0].signal, 6);
		assert_string_equal(threads[0].name, "");
		assert_int_equal(threads[1].tid, 4242);
		assert_int_equal(threads[1].signal, 0);
		assert_string_equal(threads[1].name, "qemu-system-x86");
		assert_int_equal(threads[1].state, 'R');
		free(threads);
		target_close(target);
		core_builder_clear(&builder);
	}
}

static void core_without_notes_opens(void **state)
{
	struct core_builder builder;

	(void)state;
	core_builder_init(&builder, EM_X86_64, LITTLE_ENDIAN_ORDER, 8);
	add_saved(&builder, 0x10000);
	struct target *target = open_built(&builder, NULL);
	const struct target_info *info = target_get_info(target);
	struct target_thread *threads;
	uint8_t id[20];
	size_t num;

	assert_int_equal(read_unsigned(target, 0x10001, 1), 'b');
	assert_null(info->command);
	assert_null(info->executable);
	assert_null(info->executable_name);
	assert_int_equal(info->pid, 0);
	assert_false(target_get_auxv(target)->has_entry);
	assert_int_equal(target_get_build_id(target, id, sizeof(id)), 0);
	assert_ok(target_get_threads(target, &threads, &num));
	assert_int_equal(num, 0);
	free(threads);
	target_close(target);
	core_builder_clear(&builder);
}

static void many_segments_are_counted_by_a_section(void **state)
{
	enum { NUM = 70000 };
	struct core_builder builder;

	(void)state;
	core_builder_init(&builder, EM_X86_64, LITTLE_ENDIAN_ORDER, 8);
	for (uint64_t i = 0; i < NUM; i++)
		core_builder_add_segment(&builder, (struct builder_segment){
			.address = 0x10000 + i * 2 * PAGE, .memory_size = PAGE,
			.file_size = i % 1000 ? 0 : 8, .bytes = letters });
	struct target *target = open_built(&builder, NULL);
	assert_int_equal(read_unsigned(target, 0x10000 + 69000 * 2 * PAGE, 1), 'a');
	assert_unreadable(target, 0x10000 + 69001 * 2 * PAGE, 1, VIRTQ_ERROR_NOT_SAVED,
			  0x10000 + 69001 * 2 * PAGE, NULL);
	target_close(target);
	core_builder_clear(&builder);

	for (unsigned int word = 4; word <= 8; word += 4) {
		core_builder_init(&builder, EM_S390, BIG_ENDIAN_ORDER, (uint8_t)word);
		builder.extended_count = true;
		add_saved(&builder, 0x10000);
		target = open_built(&builder, NULL);
		assert_int_equal(read_unsigned(target, 0x10000, 1), 'a');
		target_close(target);
		core_builder_clear(&builder);
	}
}

/* ------------------------------------------------------------------ */

static void truncated_cores_say_so(void **state)
{
	struct core_builder builder;
	struct core_layout layout;
	int fd = temporary_file();

	(void)state;
	core_builder_init(&builder, EM_X86_64, LITTLE_ENDIAN_ORDER, 8);
	core_builder_add_thread(&builder, 7, 6);
	core_builder_add_process(&builder, 7, "qemu", "qemu");
	builder.entry = 0x10100;
	add_saved(&builder, 0x10000);
	add_saved(&builder, 0x20000);
	core_builder_write(&builder, fd, &layout);

	for (uint64_t size = layout.size;; size -= size > layout.memory ? 511 : 7) {
		struct target *target;

		assert_int_equal(ftruncate(fd, (off_t)size), 0);
		struct virtq_error *error = target_open_core(temporary_path(fd).text, NULL,
							     &target);
		if (size < layout.notes) {
			assert_error(error, VIRTQ_ERROR_BAD_CORE, 0, "cut inside its");
			break;
		}
		assert_ok(error);
		assert_int_equal(target_get_info(target)->truncated, size < layout.size);
		uint64_t first = layout.memory, second = first + sizeof(letters);
		char buffer[sizeof(letters)];
		error = target_read(target, 0x20000, buffer, sizeof(buffer), "second");
		if (size < layout.size)
			assert_error(error, VIRTQ_ERROR_TRUNCATED,
				     0x20000 + (size > second ? size - second : 0), "cut off");
		else
			assert_ok(error);
		error = target_read(target, 0x10000, buffer, sizeof(buffer), "first");
		if (size < second)
			assert_error(error, VIRTQ_ERROR_TRUNCATED,
				     0x10000 + (size > first ? size - first : 0), "cut off");
		else
			assert_ok(error);
		assert_unreadable(target, 0x30000, 1, VIRTQ_ERROR_UNMAPPED, 0x30000, NULL);
		/* Once all of its notes are there, libbfd and libelf must agree on them. */
		if (size >= layout.notes + layout.notes_size) {
			assert_int_equal(target_get_info(target)->signal, 6);
			assert_int_equal(target_get_auxv(target)->entry, 0x10100);
		}
		target_close(target);
	}
	close(fd);
	core_builder_clear(&builder);
}

/** Offsets and sizes near the end of what 64 bits can say. */
static void impossible_offsets_are_truncation(void **state)
{
	struct core_builder builder;
	struct core_layout layout;

	(void)state;
	core_builder_init(&builder, EM_X86_64, LITTLE_ENDIAN_ORDER, 8);
	add_saved(&builder, 0x10000);
	struct builder_bytes head = core_builder_head(&builder, &layout);
	Elf64_Phdr *header = (Elf64_Phdr *)(void *)(head.bytes + layout.program_headers) + 1;
	static const uint64_t offsets[] = { UINT64_MAX - 16, INT64_MAX, INT64_MAX - 4096,
					    (uint64_t)1 << 63 };
	for (size_t i = 0; i < ARRAY_SIZE(offsets); i++) {
		int fd = temporary_file();
		struct target *target;

		header->p_offset = offsets[i];
		temporary_fill(fd, head.bytes, head.length);
		assert_ok(target_open_core(temporary_path(fd).text, NULL, &target));
		assert_true(target_get_info(target)->truncated);
		assert_unreadable(target, 0x10000, 4096, VIRTQ_ERROR_TRUNCATED, 0x10000, NULL);
		assert_unreadable(target, 0x11ff0, 8, VIRTQ_ERROR_TRUNCATED, 0x11ff0, NULL);
		target_close(target);
		close(fd);
	}
	free(head.bytes);
	core_builder_clear(&builder);
}

/* ------------------------------------------------------------------ */

static void what_is_no_core_is_named(void **state)
{
	struct core_builder builder;
	struct target *target;

	(void)state;
	assert_error(target_open_core("/nonexistent/core", NULL, &target), VIRTQ_ERROR_OS, 0,
		     "/nonexistent/core: No such file");
	assert_error(target_open_core("/proc", NULL, &target), VIRTQ_ERROR_BAD_CORE, 0,
		     "/proc is a directory");
	assert_error(target_open_core("/dev/null", NULL, &target), VIRTQ_ERROR_BAD_CORE, 0,
		     "is a device");
	assert_error(target_open_core("/proc/self/exe", NULL, &target), VIRTQ_ERROR_BAD_CORE, 0,
		     "is an executable");
	assert_bad_core("", 0, VIRTQ_ERROR_BAD_CORE, "is empty");
	assert_bad_core("hello, world\n", 13, VIRTQ_ERROR_BAD_CORE, "is text");
	assert_bad_core("#!/bin/sh\nexit\n", 15, VIRTQ_ERROR_BAD_CORE, "is a script");
	assert_bad_core(letters + PAGE, PAGE, VIRTQ_ERROR_BAD_CORE, "is nothing but zeros");
	assert_bad_core("\1\2\3\4\5\6\7", 7, VIRTQ_ERROR_BAD_CORE, "is of an unknown kind");
	assert_bad_core("\177ELF", 4, VIRTQ_ERROR_BAD_CORE, "cut inside its header");
	assert_bad_core("LibvirtQemudSave....", 20, VIRTQ_ERROR_BAD_CORE, "saved by libvirt");

	core_builder_init(&builder, EM_X86_64, LITTLE_ENDIAN_ORDER, 8);
	add_saved(&builder, 0x10000);
	struct builder_bytes head = core_builder_head(&builder, NULL);
	Elf64_Ehdr *header = (Elf64_Ehdr *)(void *)head.bytes;
	Elf64_Ehdr good = *header;
	header->e_phnum = 0;
	assert_bad_core(head.bytes, head.length, VIRTQ_ERROR_BAD_CORE, "without program headers");
	*header = good;
	header->e_phentsize = 55;
	assert_bad_core(head.bytes, head.length, VIRTQ_ERROR_BAD_CORE,
			"program headers of 55 bytes instead of 56");
	*header = good;
	header->e_type = ET_REL;
	assert_bad_core(head.bytes, head.length, VIRTQ_ERROR_BAD_CORE, "is an object file");
	*header = good;
	header->e_ident[EI_DATA] = 3;
	assert_bad_core(head.bytes, head.length, VIRTQ_ERROR_BAD_CORE, "with a damaged header");
	*header = good;
	header->e_phoff = UINT64_MAX - 8;
	assert_bad_core(head.bytes, head.length, VIRTQ_ERROR_BAD_CORE, "cut inside its");
	free(head.bytes);

	core_builder_add_note(&builder, "QEMU", 0, letters, 440);
	head = core_builder_head(&builder, NULL);
	assert_bad_core(head.bytes, head.length, VIRTQ_ERROR_BAD_CORE, "dump of the guest's memory");
	free(head.bytes);
	core_builder_clear(&builder);
}

static void huge_counts_are_refused(void **state)
{
	struct core_builder builder;
	struct core_layout layout;
	struct target *target;

	(void)state;
	core_builder_init(&builder, EM_X86_64, LITTLE_ENDIAN_ORDER, 8);
	builder.extended_count = true;
	add_saved(&builder, 0x10000);
	struct builder_bytes head = core_builder_head(&builder, &layout);
	Elf64_Ehdr *header = (Elf64_Ehdr *)(void *)head.bytes;
	Elf64_Shdr *section = (Elf64_Shdr *)(void *)(head.bytes + header->e_shoff);

	section->sh_info = UINT32_MAX;
	assert_bad_core(head.bytes, head.length, VIRTQ_ERROR_LIMIT,
			"4294967295 program headers, more than");
	section->sh_info = 2;

	/* Half a terabyte of notes in a sparse file: the first ones are looked at. */
	Elf64_Phdr *note = (Elf64_Phdr *)(void *)(head.bytes + layout.program_headers);
	note->p_filesz = (uint64_t)1 << 39;
	int fd = temporary_file();
	temporary_fill(fd, head.bytes, head.length);
	assert_int_equal(ftruncate(fd, (off_t)1 << 40), 0);
	assert_ok(target_open_core(temporary_path(fd).text, NULL, &target));
	target_close(target);
	close(fd);
	free(head.bytes);
	core_builder_clear(&builder);
}

/* ------------------------------------------------------------------ */

/** A core of a program that maps module_build()'s file at `base`. */
struct mapped_core {
	struct core_builder builder;
	uint64_t base;
	int file;
	struct temporary_path path;
	struct builder_bytes module;
};

enum {
	HOLDS_HEADER = 1, /**< The first page of the file was saved. */
	HAS_FILES = 2, /**< NT_FILE. */
	LISTS_UNSAVED = 4, /**< Program headers for what was not saved. */
};

static void build_mapped(struct mapped_core *core, uint16_t machine, enum byte_order order,
			 const char *id_in_core, const char *id_in_file, unsigned int what)
{
	struct core_builder *builder = &core->builder;
	struct builder_bytes file = module_build(machine, order, 8, id_in_file);

	core->base = 0x7f0000400000;
	core->file = temporary_file();
	core->path = temporary_path(core->file);
	temporary_fill(core->file, file.bytes, file.length);
	free(file.bytes);
	core->module = module_build(machine, order, 8, id_in_core);

	core_builder_init(builder, machine, order, 8);
	builder->entry = core->base + MODULE_ENTRY - MODULE_BASE;
	builder->phdr = core->base + sizeof(Elf64_Ehdr);
	if (what & HOLDS_HEADER)
		core_builder_add_segment(builder, (struct builder_segment){
			.address = core->base, .memory_size = MODULE_CODE_SIZE, .file_size = PAGE,
			.bytes = core->module.bytes, .flags = PF_R | PF_X });
	else if (what & LISTS_UNSAVED)
		core_builder_add_segment(builder, (struct builder_segment){
			.address = core->base, .memory_size = MODULE_CODE_SIZE,
			.flags = PF_R | PF_X });
	if (what & LISTS_UNSAVED)
		core_builder_add_segment(builder, (struct builder_segment){
			.address = core->base + MODULE_CODE_SIZE, .memory_size = PAGE,
			.flags = PF_R | PF_W });
	add_saved(builder, 0x7fff00000000);
	if (what & HAS_FILES) {
		core_builder_add_file(builder, (struct builder_file){
			core->base, core->base + PAGE, 0, core->path.text });
		core_builder_add_file(builder, (struct builder_file){
			core->base + PAGE, core->base + MODULE_CODE_SIZE, PAGE, core->path.text });
		core_builder_add_file(builder, (struct builder_file){
			core->base + MODULE_CODE_SIZE, core->base + MODULE_SIZE, MODULE_CODE_SIZE,
			core->path.text });
	}
}

static void clear_mapped(struct mapped_core *core)
{
	core_builder_clear(&core->builder);
	free(core->module.bytes);
	close(core->file);
}

static void assert_code(struct target *target, const struct mapped_core *core)
{
	uint8_t buffer[PAGE];

	assert_ok(target_read(target, core->base + PAGE, buffer, PAGE, "code"));
	for (size_t i = 0; i < PAGE; i++)
		assert_int_equal(buffer[i], module_byte(PAGE + i));
	/* From the saved page into the one that is in the file. */
	if (core->builder.segments[0].file_size) {
		assert_ok(target_read(target, core->base + PAGE - 4, buffer, 8, "code"));
		assert_int_equal(buffer[0], module_byte(PAGE - 4));
		assert_int_equal(buffer[7], module_byte(PAGE + 3));
	}
}

static void assert_no_code(struct target *target, const struct mapped_core *core,
			   const char *part)
{
	assert_unreadable(target, core->base + PAGE - 4 + 4, 8, VIRTQ_ERROR_NOT_SAVED,
			  core->base + PAGE, part);
}

static void mapped_file_stands_in_if_its_build_id_matches(void **state)
{
	static const unsigned int kinds[] = { HOLDS_HEADER | HAS_FILES,
					      HOLDS_HEADER | HAS_FILES | LISTS_UNSAVED };
	struct mapped_core core;
	uint8_t id[64];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		build_mapped(&core, i ? EM_S390 : EM_X86_64,
			     i ? BIG_ENDIAN_ORDER : LITTLE_ENDIAN_ORDER, "aaaabbbbccccddddeeee",
			     "aaaabbbbccccddddeeee", kinds[i]);
		struct target *target = open_built(&core.builder, NULL);
		assert_code(target, &core);
		assert_int_equal(target_get_build_id(target, id, sizeof(id)), 20);
		assert_memory_equal(id, "aaaabbbbccccddddeeee", 20);
		assert_string_equal(target_get_info(target)->executable, core.path.text);

		/* Writable: what the file has need not be what memory had. */
		assert_unreadable(target, core.base + MODULE_CODE_SIZE - 8, 16,
				  VIRTQ_ERROR_NOT_SAVED, core.base + MODULE_CODE_SIZE, NULL);
		target_close(target);
		clear_mapped(&core);
	}
}

static void mapped_file_with_another_build_id_is_refused(void **state)
{
	struct mapped_core core;

	(void)state;
	build_mapped(&core, EM_X86_64, LITTLE_ENDIAN_ORDER, "aaaa", "bbbb",
		     HOLDS_HEADER | HAS_FILES);
	struct target *target = open_built(&core.builder, NULL);
	for (int i = 0; i < 2; i++) /* the refusal is remembered */
		assert_no_code(target, &core,
			       "has build-id 62626262, the core wants 61616161");
	target_close(target);

	/* Not even if the user insists. */
	const struct target_core_options options = { .executable = core.path.text };
	target = open_built(&core.builder, &options);
	assert_no_code(target, &core, "has build-id 62626262, the core wants 61616161");
	target_close(target);
	clear_mapped(&core);

	build_mapped(&core, EM_X86_64, LITTLE_ENDIAN_ORDER, "aaaa", NULL, HOLDS_HEADER | HAS_FILES);
	target = open_built(&core.builder, NULL);
	assert_no_code(target, &core, "has no build-id, the core wants 61616161");
	target_close(target);
	clear_mapped(&core);
}

static void unchecked_file_needs_the_user(void **state)
{
	struct mapped_core core, other;

	(void)state;
	build_mapped(&core, EM_X86_64, LITTLE_ENDIAN_ORDER, "aaaa", "aaaa",
		     HAS_FILES | LISTS_UNSAVED);
	struct target *target = open_built(&core.builder, NULL);
	assert_no_code(target, &core, "the core does not hold the build-id of /proc/self");
	target_close(target);

	struct target_core_options options = { .executable = core.path.text };
	target = open_built(&core.builder, &options);
	assert_code(target, &core);
	assert_string_equal(target_get_info(target)->executable, core.path.text);
	target_close(target);

	/* A file that cannot be it: another machine; another entry point; no ELF; nothing. */
	build_mapped(&other, EM_S390, BIG_ENDIAN_ORDER, "aaaa", "aaaa", 0);
	options.executable = other.path.text;
	target = open_built(&core.builder, &options);
	assert_no_code(target, &core, "is for another machine");
	target_close(target);
	clear_mapped(&other);

	core.builder.entry++;
	options.executable = core.path.text;
	target = open_built(&core.builder, &options);
	assert_no_code(target, &core, "is not what the core ran");
	target_close(target);
	core.builder.entry--;

	options.executable = "/proc/self/status";
	target = open_built(&core.builder, &options);
	assert_no_code(target, &core, "not an ELF file");
	target_close(target);
	options.executable = "/dev/null";
	target = open_built(&core.builder, &options);
	assert_no_code(target, &core, "/dev/null is not a regular file");
	target_close(target);
	clear_mapped(&core);
}

/** qemu-user's cores have no NT_FILE; the auxv places the executable that the user gives. */
static void executable_is_placed_by_auxv(void **state)
{
	struct mapped_core core;

	(void)state;
	build_mapped(&core, EM_AARCH64, LITTLE_ENDIAN_ORDER, "aaaa", "aaaa", LISTS_UNSAVED);
	const struct target_core_options options = { .executable = core.path.text };
	struct target *target = open_built(&core.builder, &options);
	assert_code(target, &core);
	uint8_t id[4];
	assert_int_equal(target_get_build_id(target, id, sizeof(id)), 4);
	assert_memory_equal(id, "aaaa", 4);
	assert_unreadable(target, core.base + MODULE_CODE_SIZE, 8, VIRTQ_ERROR_NOT_SAVED,
			  core.base + MODULE_CODE_SIZE, NULL);
	assert_unreadable(target, core.base - 1, 1, VIRTQ_ERROR_UNMAPPED, core.base - 1, NULL);
	target_close(target);
	clear_mapped(&core);
}

/** Guest RAM in a file is mapped shared and may be any bytes, even those of an ELF file. */
static void data_files_never_stand_in(void **state)
{
	struct mapped_core core;
	int ram = temporary_file();

	(void)state;
	build_mapped(&core, EM_X86_64, LITTLE_ENDIAN_ORDER, "aaaa", "aaaa",
		     HOLDS_HEADER | HAS_FILES);
	temporary_fill(ram, letters, sizeof(letters));
	const struct temporary_path path = temporary_path(ram);
	core_builder_add_file(&core.builder, (struct builder_file){
		0x7f1000000000, 0x7f1000000000 + sizeof(letters), 0, path.text });
	core_builder_add_file(&core.builder, (struct builder_file){
		0x7f2000000000, 0x7f2000001000, 0, "/dev/zero" });
	struct target *target = open_built(&core.builder, NULL);
	assert_unreadable(target, 0x7f1000000000, 8, VIRTQ_ERROR_NOT_SAVED, 0x7f1000000000,
			  "not an ELF file");
	assert_unreadable(target, 0x7f2000000008, 8, VIRTQ_ERROR_NOT_SAVED, 0x7f2000000008,
			  "not a regular file");
	target_close(target);
	close(ram);
	clear_mapped(&core);
}

static void sysroot_comes_before_the_plain_path(void **state)
{
	struct mapped_core core;
	char directory[] = "/tmp/virtq-test-XXXXXX";

	(void)state;
	assert_non_null(mkdtemp(directory));
	char *moved, *inside = strdup("/bin-of-core");
	assert_true(asprintf(&moved, "%s%s", directory, inside) > 0);
	build_mapped(&core, EM_X86_64, LITTLE_ENDIAN_ORDER, "aaaa", "aaaa", HOLDS_HEADER);
	core_builder_add_file(&core.builder, (struct builder_file){
		core.base, core.base + MODULE_CODE_SIZE, 0, inside });
	const struct target_core_options options = { .sysroot = directory };

	struct target *target = open_built(&core.builder, &options);
	assert_no_code(target, &core, "/bin-of-core: No such file");
	target_close(target);

	struct builder_bytes file = module_build(EM_X86_64, LITTLE_ENDIAN_ORDER, 8, "aaaa");
	FILE *copy = fopen(moved, "w");
	assert_non_null(copy);
	fwrite(file.bytes, 1, file.length, copy);
	fclose(copy);
	free(file.bytes);
	target = open_built(&core.builder, &options);
	assert_code(target, &core);
	assert_string_equal(strrchr(target_get_info(target)->executable, '/'), inside);
	assert_int_equal(access(target_get_info(target)->executable, R_OK), 0);
	target_close(target);

	unlink(moved);
	rmdir(directory);
	free(moved);
	free(inside);
	clear_mapped(&core);
}

/* ------------------------------------------------------------------ */

static struct work open_work(const struct core_builder *builder)
{
	struct target *target;
	int fd = temporary_file();

	core_builder_write(builder, fd, NULL);
	struct work work = work_so_far();
	assert_ok(target_open_core(temporary_path(fd).text, NULL, &target));
	assert_int_equal(read_unsigned(target, 0x10000, 1), 'a');
	work = work_since(work);
	target_close(target);
	close(fd);
	return work;
}

static void terabyte_opens_like_a_kilobyte(void **state)
{
	struct core_builder builder;

	(void)state;
	core_builder_init(&builder, EM_X86_64, LITTLE_ENDIAN_ORDER, 8);
	core_builder_add_thread(&builder, 7, 6);
	add_saved(&builder, 0x10000);
	open_work(&builder); /* what is done once only */
	struct work small = open_work(&builder);
	core_builder_add_segment(&builder, (struct builder_segment){
		.address = 0x7e0000000000, .memory_size = (uint64_t)1 << 40,
		.file_size = (uint64_t)1 << 40, .flags = PF_R | PF_W });
	add_saved(&builder, 0x7fff00000000);
	alarm(60); /* for what does not read */
	struct work large = open_work(&builder);
	alarm(0);
	print_message("small core: %" PRIu64 " bytes in %" PRIu64 " reads, %.3f ms; "
		      "1 TiB core: %" PRIu64 " bytes in %" PRIu64 " reads, %.3f ms\n",
		      small.bytes, small.calls, small.milliseconds, large.bytes, large.calls,
		      large.milliseconds);
	/* two segments more, so two headers more */
	assert_true(large.calls <= small.calls + 2 && large.bytes <= small.bytes + PAGE);

	struct target *target = open_built(&builder, NULL);
	assert_int_equal(read_unsigned(target, 0x7fff00000001, 1), 'b');
	assert_int_equal(read_unsigned(target, 0x7e8000000001, 8), 0);
	target_close(target);
	core_builder_clear(&builder);
	if (!large.calls)
		skip(); /* this kernel does not count */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(three_ways_not_to_be_there),
		cmocka_unit_test(mapped_file_without_segment_is_not_saved),
		cmocka_unit_test(overlapping_segments_are_sorted_out),
		cmocka_unit_test(other_machines_are_read_in_their_order),
		cmocka_unit_test(core_without_notes_opens),
		cmocka_unit_test(many_segments_are_counted_by_a_section),
		cmocka_unit_test(truncated_cores_say_so),
		cmocka_unit_test(impossible_offsets_are_truncation),
		cmocka_unit_test(what_is_no_core_is_named),
		cmocka_unit_test(huge_counts_are_refused),
		cmocka_unit_test(mapped_file_stands_in_if_its_build_id_matches),
		cmocka_unit_test(mapped_file_with_another_build_id_is_refused),
		cmocka_unit_test(unchecked_file_needs_the_user),
		cmocka_unit_test(executable_is_placed_by_auxv),
		cmocka_unit_test(data_files_never_stand_in),
		cmocka_unit_test(sysroot_comes_before_the_plain_path),
		cmocka_unit_test(terabyte_opens_like_a_kilobyte),
	};

	return cmocka_run_group_tests_name("target_core", tests, NULL, NULL);
}
