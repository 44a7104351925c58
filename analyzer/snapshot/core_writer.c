/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * By hand and not through libelf, which wants the whole file in the memory
 * image of its choice and cannot write a PT_LOAD of odd length at an odd
 * address: three structs are all there is to it.
 */
#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "snapshot/core_writer.h"
#include "target/prstatus.h"

enum { NOTE_ALIGNMENT = 4, FILE_UNIT = 4096 };

void core_writer_put(struct buffer *buffer, enum byte_order order, uint64_t value, size_t size)
{
	char bytes[8];

	for (size_t i = 0; i < size; i++)
		bytes[order == BIG_ENDIAN_ORDER ? size - 1 - i : i] = (char)(value >> 8 * i);
	buffer_add_bytes(buffer, bytes, size);
}

struct output {
	const struct core_writer *writer;
	struct buffer *buffer;
};

static void put(const struct output *output, uint64_t value, size_t size)
{
	core_writer_put(output->buffer, output->writer->order, value, size);
}

/** A word of the class. */
static void put_word(const struct output *output, uint64_t value)
{
	put(output, value, output->writer->pointer_size);
}

static void put_zeros(const struct output *output, size_t num)
{
	static const char zeros[64];

	for (; num > sizeof(zeros); num -= sizeof(zeros))
		buffer_add_bytes(output->buffer, zeros, sizeof(zeros));
	buffer_add_bytes(output->buffer, zeros, num);
}

static void put_text(const struct output *output, const char *text, size_t size)
{
	size_t length = text ? strnlen(text, size - 1) : 0;

	buffer_add_bytes(output->buffer, text ? text : "", length);
	put_zeros(output, size - length);
}

/** Where the length of the note that is being written goes; ended by end_note(). */
static size_t begin_note(const struct output *output, const char *name, uint32_t type)
{
	size_t length = strlen(name) + 1;
	size_t at = output->buffer->length + 4;

	put(output, length, 4);
	put(output, 0, 4);
	put(output, type, 4);
	buffer_add_bytes(output->buffer, name, length);
	put_zeros(output, -length % NOTE_ALIGNMENT);
	return at;
}

/** @param at from begin_note(). */
static void end_note(const struct output *output, size_t at)
{
	size_t name = (size_t)bytes_get(output->buffer->failed ? "\0\0\0\0" :
					output->buffer->text + at - 4, 4, output->writer->order);
	struct buffer length = { 0 };

	if (output->buffer->failed)
		return;
	size_t start = at + 8 + name + (-name % NOTE_ALIGNMENT);
	core_writer_put(&length, output->writer->order, output->buffer->length - start, 4);
	if (!length.failed)
		memcpy(output->buffer->text + at, length.text, 4);
	output->buffer->failed |= length.failed;
	buffer_deinit(&length);
	put_zeros(output, -(output->buffer->length - start) % NOTE_ALIGNMENT);
}

/** Put @value, 8 bytes, in the place of what is at @offset. */
static void overwrite(const struct output *output, size_t offset, uint64_t value)
{
	_cleanup_buffer_ struct buffer bytes = { 0 };

	core_writer_put(&bytes, output->writer->order, value, 8);
	output->buffer->failed |= bytes.failed;
	if (!output->buffer->failed)
		memcpy(output->buffer->text + offset, bytes.text, 8);
}

static void put_prstatus(const struct output *output, const struct target_thread *thread)
{
	size_t word = output->writer->pointer_size;
	size_t size = word == 8 ? 336 : 144;
	const struct prstatus_layout *layout =
		prstatus_layout(output->writer->machine, output->writer->pointer_size);

	size_t at = begin_note(output, "CORE", NT_PRSTATUS);
	size_t start = output->buffer->length;
	put(output, (uint64_t)thread->signal, 4); /* si_signo, si_code, si_errno */
	put_zeros(output, 8);
	put(output, (uint64_t)thread->signal, 2); /* pr_cursig, padding, pr_sigpend, pr_sighold */
	put_zeros(output, 2 + 2 * word);
	put(output, (uint64_t)thread->tid, 4); /* pr_pid; then parents, times, registers */
	put_zeros(output, (layout ? layout->size : size) - (output->buffer->length - start));
	if (layout && thread->has_pc) {
		overwrite(output, start + layout->pc, thread->pc);
		overwrite(output, start + layout->sp, thread->sp);
	}
	end_note(output, at);
	if (!layout)
		return;
	/* without it gdb complains at each thread */
	at = begin_note(output, "CORE", NT_FPREGSET);
	put_zeros(output, layout->fpregset_size);
	end_note(output, at);
}

static void put_prpsinfo(const struct output *output)
{
	size_t word = output->writer->pointer_size;
	size_t at = begin_note(output, "CORE", NT_PRPSINFO);

	put_zeros(output, word == 8 ? 8 : 4); /* state, sname, zomb, nice */
	put_word(output, 0); /* flag */
	put_zeros(output, 8); /* uid, gid */
	put(output, (uint64_t)output->writer->pid, 4);
	put_zeros(output, 12); /* ppid, pgrp, sid */
	put_text(output, output->writer->name, 16);
	put_text(output, output->writer->command, 80);
	end_note(output, at);
}

static void put_files(const struct output *output)
{
	const struct core_writer *writer = output->writer;
	size_t at = begin_note(output, "CORE", NT_FILE);

	put_word(output, writer->mappings_num);
	put_word(output, FILE_UNIT);
	for (size_t i = 0; i < writer->mappings_num; i++) {
		put_word(output, writer->mappings[i].start);
		put_word(output, writer->mappings[i].end);
		put_word(output, writer->mappings[i].file_offset / FILE_UNIT);
	}
	for (size_t i = 0; i < writer->mappings_num; i++)
		buffer_add_bytes(output->buffer, writer->mappings[i].path,
				 strlen(writer->mappings[i].path) + 1);
	end_note(output, at);
}

static void put_notes(const struct output *output)
{
	const struct core_writer *writer = output->writer;
	const struct target_thread process = { .tid = writer->pid };

	/* The kernel's order: the first thread, the process, the other threads. */
	put_prstatus(output, writer->threads_num ? &writer->threads[0] : &process);
	put_prpsinfo(output);
	if (writer->auxv) {
		size_t at = begin_note(output, "CORE", NT_AUXV);

		buffer_add_bytes(output->buffer, writer->auxv, writer->auxv_length);
		end_note(output, at);
	}
	put_files(output);
	for (size_t i = 1; i < writer->threads_num; i++)
		put_prstatus(output, &writer->threads[i]);
	for (size_t i = 0; i < writer->notes_num; i++) {
		size_t at = begin_note(output, writer->notes[i].name, writer->notes[i].type);

		buffer_add_bytes(output->buffer, writer->notes[i].bytes, writer->notes[i].length);
		end_note(output, at);
	}
}

/* ------------------------------------------------------------------ */

static void put_header(const struct output *output, size_t segments, uint64_t phoff, uint64_t shoff)
{
	const struct core_writer *writer = output->writer;
	bool wide = writer->pointer_size == 8;
	const char identity[EI_NIDENT] = {
		ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3,
		wide ? ELFCLASS64 : ELFCLASS32,
		writer->order == BIG_ENDIAN_ORDER ? ELFDATA2MSB : ELFDATA2LSB,
		EV_CURRENT,
	};

	buffer_add_bytes(output->buffer, identity, sizeof(identity));
	put(output, ET_CORE, 2);
	put(output, writer->machine, 2);
	put(output, EV_CURRENT, 4);
	put_word(output, 0); /* entry */
	put_word(output, phoff);
	put_word(output, shoff);
	put(output, 0, 4); /* flags */
	put(output, wide ? sizeof(Elf64_Ehdr) : sizeof(Elf32_Ehdr), 2);
	put(output, wide ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr), 2);
	put(output, segments >= PN_XNUM ? PN_XNUM : segments, 2);
	put(output, wide ? sizeof(Elf64_Shdr) : sizeof(Elf32_Shdr), 2);
	put(output, shoff ? 1 : 0, 2);
	put(output, SHN_UNDEF, 2);
}

/** The section header that holds the number of segments, if that is too large for the header. */
static void put_section(const struct output *output, size_t segments)
{
	put(output, 0, 4); /* name */
	put(output, SHT_NULL, 4);
	put_word(output, 0); /* flags */
	put_word(output, 0); /* addr */
	put_word(output, 0); /* offset */
	put_word(output, 0); /* size */
	put(output, 0, 4); /* link */
	put(output, segments, 4); /* info */
	put_word(output, 0); /* addralign */
	put_word(output, 0); /* entsize */
}

static void put_segment(const struct output *output, uint32_t type, uint32_t flags, uint64_t offset,
			uint64_t address, uint64_t length, uint64_t alignment)
{
	bool wide = output->writer->pointer_size == 8;

	put(output, type, 4);
	if (wide)
		put(output, flags, 4);
	put_word(output, offset);
	put_word(output, address);
	put_word(output, 0); /* paddr */
	put_word(output, length);
	put_word(output, type == PT_LOAD ? length : 0);
	if (!wide)
		put(output, flags, 4);
	put_word(output, alignment);
}

struct virtq_error *core_writer_write(const struct core_writer *writer, struct buffer *buffer)
{
	bool wide = writer->pointer_size == 8;
	_cleanup_free_ struct pages_range *ranges = NULL;
	_cleanup_buffer_ struct buffer notes = { 0 };
	const struct output output = { writer, buffer };
	size_t num;

	TRY(pages_ranges(writer->memory, &ranges, &num));
	put_notes(&(const struct output){ writer, &notes });

	size_t segments = num + 1;
	uint64_t header = wide ? sizeof(Elf64_Ehdr) : sizeof(Elf32_Ehdr);
	uint64_t section = segments < PN_XNUM ? 0 : wide ? sizeof(Elf64_Shdr) : sizeof(Elf32_Shdr);
	uint64_t offset = header + section +
			  segments * (wide ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr));
	put_header(&output, segments, header + section, section ? header : 0);
	if (section)
		put_section(&output, segments);
	put_segment(&output, PT_NOTE, 0, offset, 0, notes.length, NOTE_ALIGNMENT);
	offset += notes.length;
	for (size_t i = 0; i < num; i++) {
		put_segment(&output, PT_LOAD, PF_R | PF_W, offset, ranges[i].address,
			    ranges[i].length, 1);
		offset += ranges[i].length;
	}
	buffer->failed |= notes.failed;
	if (!buffer->failed)
		buffer_add_bytes(buffer, notes.text, notes.length);
	if (!wide && offset > UINT32_MAX)
		return error_new(VIRTQ_ERROR_LIMIT, "a snapshot of more than 4 GiB");
	for (size_t i = 0; i < num; i++) {
		_cleanup_free_ char *bytes = malloc((size_t)ranges[i].length);

		if (!bytes)
			return &virtq_error_no_memory;
		pages_get(writer->memory, ranges[i].address, bytes, (size_t)ranges[i].length);
		buffer_add_bytes(buffer, bytes, (size_t)ranges[i].length);
	}
	return buffer->failed ? &virtq_error_no_memory : NULL;
}
