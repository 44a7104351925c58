/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/checked.h"
#include "core_builder.h"

static void grow(void *array, size_t num, size_t *capacity, size_t size)
{
	if (!array_grow(array, num, capacity, size))
		abort();
}

void builder_put(struct builder_bytes *to, const void *bytes, size_t length)
{
	if (!length)
		return;
	while (to->capacity < to->length + length)
		grow(&to->bytes, to->capacity, &to->capacity, 1);
	if (bytes)
		memcpy(to->bytes + to->length, bytes, length);
	else
		memset(to->bytes + to->length, 0, length);
	to->length += length;
}

void builder_put_unsigned(struct builder_bytes *to, uint64_t value, size_t size,
			  enum byte_order order)
{
	uint8_t bytes[8];

	for (size_t i = 0; i < size; i++)
		bytes[order == BIG_ENDIAN_ORDER ? size - 1 - i : i] = (uint8_t)(value >> 8 * i);
	builder_put(to, bytes, size);
}

static void align(struct builder_bytes *to, size_t alignment)
{
	builder_put(to, NULL, (alignment - to->length % alignment) % alignment);
}

void core_builder_init(struct core_builder *builder, uint16_t machine, enum byte_order order,
		       uint8_t pointer_size)
{
	*builder = (struct core_builder){
		.machine = machine,
		.order = order,
		.pointer_size = pointer_size,
	};
}

void core_builder_clear(struct core_builder *builder)
{
	free(builder->notes.bytes);
	free(builder->segments);
	free(builder->files);
	*builder = (struct core_builder){ 0 };
}

void core_builder_add_segment(struct core_builder *builder, struct builder_segment segment)
{
	grow(&builder->segments, builder->segments_num, &builder->segments_capacity,
	     sizeof(*builder->segments));
	builder->segments[builder->segments_num++] = segment;
}

void core_builder_add_file(struct core_builder *builder, struct builder_file file)
{
	grow(&builder->files, builder->files_num, &builder->files_capacity,
	     sizeof(*builder->files));
	builder->files[builder->files_num++] = file;
}

static void put_note(struct builder_bytes *notes, enum byte_order order, const char *name,
		     uint32_t type, const void *content, size_t length)
{
	builder_put_unsigned(notes, strlen(name) + 1, 4, order);
	builder_put_unsigned(notes, length, 4, order);
	builder_put_unsigned(notes, type, 4, order);
	builder_put(notes, name, strlen(name) + 1);
	align(notes, 4);
	builder_put(notes, content, length);
	align(notes, 4);
}

void core_builder_add_note(struct core_builder *builder, const char *name, uint32_t type,
			   const void *content, size_t length)
{
	put_note(&builder->notes, builder->order, name, type, content, length);
}

void core_builder_add_thread(struct core_builder *builder, pid_t tid, int signal)
{
	enum byte_order order = builder->order;
	/* libbfd knows a note by its size. */
	size_t size = builder->machine == EM_X86_64 ? 336 : builder->machine == EM_386 ? 144 : 400;
	struct builder_bytes note = { 0 };

	builder_put_unsigned(&note, (uint64_t)signal, 4, order);
	builder_put(&note, NULL, 8);
	builder_put_unsigned(&note, (uint64_t)signal, 2, order);
	builder_put(&note, NULL, 2 + 2 * builder->pointer_size);
	builder_put_unsigned(&note, (uint64_t)tid, 4, order);
	builder_put(&note, NULL, size - note.length);
	core_builder_add_note(builder, "CORE", NT_PRSTATUS, note.bytes, note.length);
	free(note.bytes);
}

void core_builder_add_process(struct core_builder *builder, pid_t pid, const char *name,
			      const char *command)
{
	enum byte_order order = builder->order;
	bool wide = builder->pointer_size == 8;
	struct builder_bytes note = { 0 };
	char text[80] = "";

	builder_put(&note, "\0R\0\0", 4);
	builder_put(&note, NULL, wide ? 4 + 8 : 4);
	builder_put(&note, NULL, builder->machine == EM_386 ? 4 : 8);
	builder_put_unsigned(&note, (uint64_t)pid, 4, order);
	builder_put(&note, NULL, 12);
	strncpy(text, name, 16);
	builder_put(&note, text, 16);
	memset(text, 0, sizeof(text));
	memcpy(text, command, strnlen(command, sizeof(text)));
	builder_put(&note, text, sizeof(text));
	core_builder_add_note(builder, "CORE", NT_PRPSINFO, note.bytes, note.length);
	free(note.bytes);
}

static void add_auxv(const struct core_builder *builder, struct builder_bytes *notes)
{
	const uint64_t words[] = { AT_PHDR, builder->phdr, AT_PAGESZ, 4096,
				   AT_ENTRY, builder->entry, AT_NULL, 0 };
	struct builder_bytes note = { 0 };

	if (!builder->entry && !builder->phdr)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		builder_put_unsigned(&note, words[i], builder->pointer_size, builder->order);
	put_note(notes, builder->order, "CORE", NT_AUXV, note.bytes, note.length);
	free(note.bytes);
}

static void add_files(const struct core_builder *builder, struct builder_bytes *notes)
{
	size_t word = builder->pointer_size;
	struct builder_bytes note = { 0 };

	if (!builder->files_num)
		return;
	builder_put_unsigned(&note, builder->files_num, word, builder->order);
	builder_put_unsigned(&note, 4096, word, builder->order);
	for (size_t i = 0; i < builder->files_num; i++) {
		builder_put_unsigned(&note, builder->files[i].start, word, builder->order);
		builder_put_unsigned(&note, builder->files[i].end, word, builder->order);
		builder_put_unsigned(&note, builder->files[i].offset / 4096, word, builder->order);
	}
	for (size_t i = 0; i < builder->files_num; i++)
		builder_put(&note, builder->files[i].path, strlen(builder->files[i].path) + 1);
	put_note(notes, builder->order, "CORE", NT_FILE, note.bytes, note.length);
	free(note.bytes);
}

/** What differs between the classes of a header is where words are. */
static void put_header(struct builder_bytes *to, uint16_t type, uint16_t machine,
		       enum byte_order order, uint8_t word, uint64_t entry, uint64_t phoff,
		       uint64_t shoff, size_t phnum)
{
	bool wide = word == 8;
	const uint8_t ident[EI_NIDENT] = {
		ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, wide ? ELFCLASS64 : ELFCLASS32,
		order == BIG_ENDIAN_ORDER ? ELFDATA2MSB : ELFDATA2LSB, EV_CURRENT,
	};

	builder_put(to, ident, sizeof(ident));
	builder_put_unsigned(to, type, 2, order);
	builder_put_unsigned(to, machine, 2, order);
	builder_put_unsigned(to, EV_CURRENT, 4, order);
	builder_put_unsigned(to, entry, word, order);
	builder_put_unsigned(to, phoff, word, order);
	builder_put_unsigned(to, shoff, word, order);
	builder_put_unsigned(to, 0, 4, order);
	builder_put_unsigned(to, wide ? sizeof(Elf64_Ehdr) : sizeof(Elf32_Ehdr), 2, order);
	builder_put_unsigned(to, wide ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr), 2, order);
	builder_put_unsigned(to, phnum, 2, order);
	builder_put_unsigned(to, wide ? sizeof(Elf64_Shdr) : sizeof(Elf32_Shdr), 2, order);
	builder_put_unsigned(to, shoff ? 1 : 0, 2, order);
	builder_put_unsigned(to, 0, 2, order);
}

static void put_program_header(struct builder_bytes *to, enum byte_order order, uint8_t word,
			       uint32_t type, uint32_t flags, uint64_t offset, uint64_t address,
			       uint64_t file_size, uint64_t memory_size, uint64_t alignment)
{
	builder_put_unsigned(to, type, 4, order);
	if (word == 8)
		builder_put_unsigned(to, flags, 4, order);
	builder_put_unsigned(to, offset, word, order);
	builder_put_unsigned(to, address, word, order);
	builder_put_unsigned(to, 0, word, order);
	builder_put_unsigned(to, file_size, word, order);
	builder_put_unsigned(to, memory_size, word, order);
	if (word == 4)
		builder_put_unsigned(to, flags, 4, order);
	builder_put_unsigned(to, alignment, word, order);
}

/** Section header 0, whose sh_info has the number of program headers. */
static void put_count_section(struct builder_bytes *to, enum byte_order order, uint8_t word,
			      size_t num)
{
	builder_put(to, NULL, 8);
	builder_put(to, NULL, 4 * word);
	builder_put_unsigned(to, 0, 4, order);
	builder_put_unsigned(to, num, 4, order);
	builder_put(to, NULL, 2 * word);
}

static uint64_t next_offset(const struct builder_segment *segment, uint64_t *offset)
{
	uint64_t here = segment->offset ? segment->offset : (*offset + 4095) / 4096 * 4096;

	if (here + segment->file_size > *offset)
		*offset = here + segment->file_size;
	return here;
}

struct builder_bytes core_builder_head(const struct core_builder *builder,
				       struct core_layout *layout_ret)
{
	enum byte_order order = builder->order;
	uint8_t word = builder->pointer_size;
	struct builder_bytes head = { 0 }, notes = { 0 };
	size_t num = builder->segments_num + 1;
	bool extended = builder->extended_count || num >= PN_XNUM;
	size_t header_size = word == 8 ? sizeof(Elf64_Ehdr) : sizeof(Elf32_Ehdr);
	size_t entry_size = word == 8 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);
	size_t section_size = word == 8 ? sizeof(Elf64_Shdr) : sizeof(Elf32_Shdr);
	struct core_layout layout = { .program_headers = header_size };

	builder_put(&notes, builder->notes.bytes, builder->notes.length);
	add_auxv(builder, &notes);
	add_files(builder, &notes);

	uint64_t sections = header_size + num * entry_size;
	layout.notes = sections + (extended ? section_size : 0);
	layout.notes_size = notes.length;
	uint64_t offset = layout.notes + layout.notes_size;
	layout.memory = (offset + 4095) / 4096 * 4096;

	put_header(&head, ET_CORE, builder->machine, order, word, 0, header_size,
		   extended ? sections : 0, extended ? PN_XNUM : num);
	put_program_header(&head, order, word, PT_NOTE, 0, layout.notes, 0, notes.length, 0, 0);
	for (size_t i = 0; i < builder->segments_num; i++) {
		const struct builder_segment *segment = &builder->segments[i];
		uint64_t here = next_offset(segment, &offset);

		put_program_header(&head, order, word, PT_LOAD, segment->flags, here,
				   segment->address, segment->file_size, segment->memory_size,
				   4096);
	}
	if (extended)
		put_count_section(&head, order, word, num);
	builder_put(&head, notes.bytes, notes.length);
	free(notes.bytes);
	layout.size = offset;
	if (layout_ret)
		*layout_ret = layout;
	return head;
}

static void write_at(int fd, const void *bytes, size_t length, uint64_t offset)
{
	if (pwrite(fd, bytes, length, (off_t)offset) != (ssize_t)length) {
		perror("core_builder: pwrite");
		abort();
	}
}

void core_builder_write(const struct core_builder *builder, int fd, struct core_layout *layout_ret)
{
	struct core_layout layout;
	struct builder_bytes head = core_builder_head(builder, &layout);
	uint64_t offset = layout.notes + layout.notes_size;

	write_at(fd, head.bytes, head.length, 0);
	for (size_t i = 0; i < builder->segments_num; i++) {
		const struct builder_segment *segment = &builder->segments[i];
		uint64_t here = next_offset(segment, &offset);

		if (segment->bytes)
			write_at(fd, segment->bytes, segment->file_size, here);
	}
	if (ftruncate(fd, (off_t)layout.size) < 0)
		abort();
	free(head.bytes);
	if (layout_ret)
		*layout_ret = layout;
}

/* ------------------------------------------------------------------ */

int temporary_file(void)
{
	int fd = memfd_create("virtq-test", MFD_CLOEXEC);

	if (fd < 0)
		abort();
	return fd;
}

struct temporary_path temporary_path(int fd)
{
	struct temporary_path path;

	snprintf(path.text, sizeof(path.text), "/proc/self/fd/%d", fd);
	return path;
}

void temporary_fill(int fd, const void *bytes, size_t length)
{
	if (ftruncate(fd, 0) < 0)
		abort();
	write_at(fd, bytes, length, 0);
}

/* ------------------------------------------------------------------ */

uint8_t module_byte(uint64_t offset)
{
	return (uint8_t)(offset * 7 + offset / 251);
}

struct builder_bytes module_build(uint16_t machine, enum byte_order order, uint8_t pointer_size,
				  const char *build_id)
{
	struct builder_bytes file = { 0 }, note = { 0 };
	bool wide = pointer_size == 8;
	size_t header_size = wide ? sizeof(Elf64_Ehdr) : sizeof(Elf32_Ehdr);
	size_t entry_size = wide ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);
	size_t num = build_id ? 3 : 2, note_offset = header_size + num * entry_size;

	if (build_id)
		put_note(&note, order, "GNU", NT_GNU_BUILD_ID, build_id, strlen(build_id));
	put_header(&file, ET_DYN, machine, order, pointer_size, MODULE_ENTRY, header_size, 0, num);
	put_program_header(&file, order, pointer_size, PT_LOAD, PF_R | PF_X, 0, MODULE_BASE,
			   MODULE_CODE_SIZE, MODULE_CODE_SIZE, 4096);
	put_program_header(&file, order, pointer_size, PT_LOAD, PF_R | PF_W, MODULE_CODE_SIZE,
			   MODULE_BASE + MODULE_CODE_SIZE, MODULE_DATA_SIZE, MODULE_DATA_SIZE, 4096);
	if (build_id)
		put_program_header(&file, order, pointer_size, PT_NOTE, PF_R, note_offset,
				   MODULE_BASE + note_offset, note.length, note.length, 4);
	builder_put(&file, note.bytes, note.length);
	free(note.bytes);
	while (file.length < MODULE_SIZE) {
		uint8_t byte = module_byte(file.length);

		builder_put(&file, &byte, 1);
	}
	return file;
}
