/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A core's headers and notes through libelf. This is what bounds them for
 * both libraries, what reads thread notes, and what stands in where libbfd
 * gives up: it refuses a core that was cut inside its notes or has one damaged
 * note, although the rest of such a core can be read.
 */
#include <elf.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "target/core_image.h"
#include "target/prstatus.h"
#include "target/target_internal.h"
#include "target/text.h"

void core_image_clear(struct core_image *image)
{
	free(image->ranges);
	free(image->auxv.bytes);
	free(image->files.bytes);
	for (size_t i = 0; i < RECORDING_NOTES; i++)
		free(image->recording[i].bytes);
	free(image->command);
	free(image->threads);
	*image = (struct core_image){ 0 };
}

void core_metadata_clear(struct core_metadata *metadata)
{
	free(metadata->segments);
	free(metadata->header.bytes);
	free(metadata->section.bytes);
	free(metadata->program_headers.bytes);
	for (size_t i = 0; i < metadata->notes_num; i++)
		free(metadata->notes[i].bytes);
	*metadata = (struct core_metadata){ 0 };
}

/** Read up to @length bytes at @offset; what is beyond the end of the file is left out. */
static struct virtq_error *read_chunk(int fd, const struct core_metadata *metadata, uint64_t offset,
				      size_t length, struct core_chunk *chunk_ret)
{
	struct core_chunk chunk = { .offset = offset };
	uint64_t available = offset < metadata->file_size ? metadata->file_size - offset : 0;

	if (length > available)
		length = (size_t)available;
	chunk.bytes = malloc(length ? length : 1);
	if (!chunk.bytes)
		return &virtq_error_no_memory;
	while (chunk.length < length) {
		ssize_t got = pread(fd, chunk.bytes + chunk.length, length - chunk.length,
				    (off_t)(offset + chunk.length));

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			int saved_errno = errno;

			free(chunk.bytes);
			return error_os(saved_errno, "%s: reading at offset 0x%" PRIx64,
					metadata->name, offset);
		}
		if (got == 0)
			break;
		chunk.length += (size_t)got;
	}
	*chunk_ret = chunk;
	return NULL;
}

static struct virtq_error *read_segments(int fd, struct core_metadata *metadata)
{
	const struct elf_identity *identity = &metadata->identity;
	uint64_t num = identity->phnum;

	if (identity->phnum == PN_XNUM && identity->shoff) {
		TRY(read_chunk(fd, metadata, identity->shoff, identity->section_size,
			       &metadata->section));
		if (metadata->section.length < identity->section_size)
			return error_new(VIRTQ_ERROR_BAD_CORE,
					 "%s is cut before the section header, at offset 0x%" PRIx64
					 ", that holds the number of its segments",
					 metadata->name, identity->shoff);
		uint32_t info = elf_reader_section_info(identity, metadata->section.bytes);
		if (info)
			num = info;
	}
	if (!num || !identity->phoff)
		return error_new(VIRTQ_ERROR_BAD_CORE, "%s is a core without program headers",
				 metadata->name);
	if (identity->phentsize != identity->segment_size)
		return error_new(VIRTQ_ERROR_BAD_CORE,
				 "%s has program headers of %u bytes instead of %u (damaged header)",
				 metadata->name, identity->phentsize, identity->segment_size);
	if (num > CORE_SEGMENTS_LIMIT)
		return error_new(VIRTQ_ERROR_LIMIT,
				 "%s has %" PRIu64 " program headers, more than %d", metadata->name,
				 num, CORE_SEGMENTS_LIMIT);

	size_t size = (size_t)num * identity->segment_size;
	TRY(read_chunk(fd, metadata, identity->phoff, size, &metadata->program_headers));
	if (metadata->program_headers.length < size)
		return error_new(VIRTQ_ERROR_BAD_CORE,
				 "%s is cut inside its %" PRIu64
				 " program headers: they start at offset 0x%" PRIx64
				 ", the file ends at 0x%" PRIx64,
				 metadata->name, num, identity->phoff, metadata->file_size);
	metadata->segments = array_new((size_t)num, sizeof(*metadata->segments));
	if (!metadata->segments || !elf_reader_convert_segments(identity,
								metadata->program_headers.bytes,
								(size_t)num, metadata->segments))
		return &virtq_error_no_memory;
	metadata->segments_num = (size_t)num;
	return NULL;
}

static bool count_note(void *argument, const struct elf_note *note)
{
	size_t *left = argument;

	(void)note;
	return *left && --*left;
}

static struct virtq_error *read_notes(int fd, struct core_metadata *metadata)
{
	size_t left = CORE_NOTES_SIZE_LIMIT, notes_left = CORE_NOTES_LIMIT;

	metadata->notes_complete = true;
	for (size_t i = 0; i < metadata->segments_num; i++) {
		const struct elf_segment *segment = &metadata->segments[i];

		if (segment->type != PT_NOTE || !segment->file_size)
			continue;
		if (metadata->notes_num == CORE_NOTES_SEGMENTS_LIMIT) {
			metadata->notes_complete = false;
			break;
		}
		size_t wanted = segment->file_size < left ? (size_t)segment->file_size : left;
		struct core_chunk *chunk = &metadata->notes[metadata->notes_num];
		TRY(read_chunk(fd, metadata, segment->offset, wanted, chunk));
		chunk->alignment = segment->alignment;
		metadata->notes_num++;
		left -= chunk->length;
		if (chunk->length < segment->file_size)
			metadata->notes_complete = false;
		elf_reader_each_note(&metadata->identity, chunk->bytes, chunk->length,
				     chunk->alignment, count_note, &notes_left);
	}
	if (!notes_left)
		metadata->notes_complete = false;
	return NULL;
}

struct virtq_error *core_metadata_read(int fd, const char *name, uint64_t file_size,
				       struct core_metadata *metadata_ret)
{
	struct core_metadata metadata = { .name = name, .file_size = file_size };

	struct virtq_error *error = read_chunk(fd, &metadata, 0, ELF_READER_HEADER_SIZE,
					       &metadata.header);
	if (!error && (!elf_reader_identify(metadata.header.bytes, metadata.header.length,
					    &metadata.identity) ||
		       metadata.identity.type != ET_CORE))
		error = error_new(VIRTQ_ERROR_BAD_CORE, "%s is %s, expected an ELF core", name,
				  core_describe(metadata.header.bytes, metadata.header.length));
	if (!error)
		error = read_segments(fd, &metadata);
	if (!error)
		error = read_notes(fd, &metadata);
	if (error) {
		core_metadata_clear(&metadata);
		return error;
	}
	*metadata_ret = metadata;
	return NULL;
}

/* ------------------------------------------------------------------ */

struct note_reader {
	const struct core_metadata *metadata;
	struct core_image image;
	size_t threads_capacity;
	char process_name[32]; /**< comm of the process's first thread. */
	char process_state;
	const char *other; /**< What the notes say it is, if not a process's core. */
	bool no_memory;
};

/**
 * The start of struct elf_prstatus is the same on all of Linux's machines but
 * for the size of a long, so registers aside no machine has to be known:
 * si_signo, si_code, si_errno (4 bytes each), pr_cursig (2, then 2 of padding),
 * pr_sigpend, pr_sighold (a long each), pr_pid (4).
 */
static void take_prstatus(struct note_reader *reader, const struct elf_note *note)
{
	enum byte_order order = reader->metadata->identity.order;
	size_t long_size = reader->metadata->identity.pointer_size;
	struct cursor cursor = cursor_init(note->content, note->length, order);
	struct core_image *image = &reader->image;

	cursor_take(&cursor, 12);
	uint16_t signal = (uint16_t)cursor_take_unsigned(&cursor, 2);
	cursor_take(&cursor, 2 + 2 * long_size);
	uint32_t tid = (uint32_t)cursor_take_unsigned(&cursor, 4);
	if (cursor.failed || image->threads_num == TARGET_THREADS_LIMIT)
		return;
	if (!array_grow(&image->threads, image->threads_num, &reader->threads_capacity,
			sizeof(*image->threads))) {
		reader->no_memory = true;
		return;
	}
	/* The kernel writes the thread that dumped first. */
	if (!image->threads_num)
		image->signal = signal;
	struct target_thread *thread = &image->threads[image->threads_num++];
	*thread = (struct target_thread){ .tid = (pid_t)tid, .signal = signal };
	const struct prstatus_layout *layout =
		prstatus_layout(reader->metadata->identity.machine, (uint8_t)long_size);
	if (!layout || note->length < layout->size)
		return;
	thread->pc = bytes_get_u64((const uint8_t *)note->content + layout->pc, order);
	thread->sp = bytes_get_u64((const uint8_t *)note->content + layout->sp, order);
	thread->has_pc = thread->pc != 0;
	for (int i = 0; i < TARGET_REGISTERS; i++) {
		uint16_t offset = prstatus_register(reader->metadata->identity.machine,
						    (uint8_t)long_size, i);
		if (!offset)
			continue;
		thread->registers[i] = bytes_get_u64((const uint8_t *)note->content + offset, order);
		thread->registers_known |= UINT64_C(1) << i;
	}
	thread->has_orig_rax = layout->orig_rax;
	if (thread->has_orig_rax)
		thread->orig_rax = (int64_t)bytes_get_u64((const uint8_t *)note->content +
							  layout->orig_rax, order);
}

/**
 * struct elf_prpsinfo: pr_state, pr_sname, pr_zomb, pr_nice (1 each), pr_flag
 * (a long), pr_uid, pr_gid (4 each; 2 on old 32-bit machines), pr_pid, pr_ppid,
 * pr_pgrp, pr_sid (4 each), pr_fname (16), pr_psargs (80).
 */
static void take_prpsinfo(struct note_reader *reader, const struct elf_note *note)
{
	enum { FNAME_SIZE = 16, PSARGS_SIZE = 80, SIZE_WITH_SHORT_IDS = 124 };
	enum byte_order order = reader->metadata->identity.order;
	bool wide = reader->metadata->identity.pointer_size == 8;
	size_t id_size = note->length == SIZE_WITH_SHORT_IDS ? 2 : 4;
	struct cursor cursor = cursor_init(note->content, note->length, order);
	struct core_image *image = &reader->image;

	if (image->command)
		return;
	cursor_take(&cursor, 1);
	char state = (char)cursor_take_unsigned(&cursor, 1);
	cursor_take(&cursor, wide ? 2 + 4 + 8 : 2 + 4);
	cursor_take(&cursor, 2 * id_size);
	uint32_t pid = (uint32_t)cursor_take_unsigned(&cursor, 4);
	cursor_take(&cursor, 3 * 4);
	const uint8_t *fname = cursor_take(&cursor, FNAME_SIZE);
	const uint8_t *psargs = cursor_take(&cursor, PSARGS_SIZE);
	if (!psargs)
		return;
	image->pid = (pid_t)pid;
	reader->process_state = state;
	memcpy(reader->process_name, fname, FNAME_SIZE);
	text_make_printable(reader->process_name);
	image->command = strndup((const char *)(*psargs ? psargs : fname),
				 *psargs ? PSARGS_SIZE : FNAME_SIZE);
	if (!image->command) {
		reader->no_memory = true;
		return;
	}
	text_make_printable(image->command);
	text_trim(image->command);
}

static void take_bytes(struct note_reader *reader, const struct elf_note *note,
		       struct core_bytes *bytes)
{
	if (bytes->bytes)
		return;
	bytes->bytes = malloc(note->length ? note->length : 1);
	if (!bytes->bytes) {
		reader->no_memory = true;
		return;
	}
	memcpy(bytes->bytes, note->content, note->length);
	bytes->length = note->length;
}

static bool take_note(void *argument, const struct elf_note *note)
{
	struct note_reader *reader = argument;

	if (!strcmp(note->name, "QEMU"))
		reader->other = "a dump of the guest's memory (dump-guest-memory, virsh dump"
				" --memory-only), not a core of the QEMU process";
	else if (!strcmp(note->name, "VMCOREINFO"))
		reader->other = reader->other ? reader->other :
						"a kernel crash dump, not a core of a process";
	if (!strcmp(note->name, RECORDING_NOTE_NAME) && note->type < RECORDING_NOTES)
		take_bytes(reader, note, &reader->image.recording[note->type]);
	if (strcmp(note->name, "CORE") != 0)
		return !reader->no_memory;
	switch (note->type) {
	case NT_PRSTATUS:
		take_prstatus(reader, note);
		break;
	case NT_PRPSINFO:
		take_prpsinfo(reader, note);
		break;
	case NT_AUXV:
		take_bytes(reader, note, &reader->image.auxv);
		break;
	case NT_FILE:
		take_bytes(reader, note, &reader->image.files);
		break;
	}
	return !reader->no_memory;
}

struct virtq_error *core_elf_read_notes(const struct core_metadata *metadata,
					struct core_image *image)
{
	struct note_reader reader = { .metadata = metadata };

	for (size_t i = 0; i < metadata->notes_num && !reader.no_memory; i++)
		elf_reader_each_note(&metadata->identity, metadata->notes[i].bytes,
				     metadata->notes[i].length, metadata->notes[i].alignment,
				     take_note, &reader);
	if (reader.no_memory || reader.other) {
		core_image_clear(&reader.image);
		return reader.no_memory ? &virtq_error_no_memory :
					  error_new(VIRTQ_ERROR_BAD_CORE, "%s is %s",
						    metadata->name, reader.other);
	}

	/* A core names no thread but the one the process is named after. */
	for (size_t i = 0; i < reader.image.threads_num; i++) {
		struct target_thread *thread = &reader.image.threads[i];

		if (thread->tid != reader.image.pid)
			continue;
		memcpy(thread->name, reader.process_name, sizeof(thread->name));
		thread->state = reader.process_state;
		break;
	}
	*image = reader.image;
	return NULL;
}

struct virtq_error *core_elf_read_ranges(const struct core_metadata *metadata,
					 struct core_image *image)
{
	/* A segment is one stretch that was saved, then one that was not. */
	struct core_range *ranges = array_new(2 * metadata->segments_num, sizeof(*ranges));
	size_t num = 0;

	if (!ranges)
		return &virtq_error_no_memory;
	for (size_t i = 0; i < metadata->segments_num; i++) {
		const struct elf_segment *segment = &metadata->segments[i];
		bool writable = segment->flags & PF_W;

		if (segment->type != PT_LOAD)
			continue;
		if (segment->file_size)
			ranges[num++] = (struct core_range){
				.start = segment->address,
				.length = segment->file_size,
				.offset = segment->offset,
				.saved = true,
				.writable = writable,
			};
		if (segment->memory_size > segment->file_size)
			ranges[num++] = (struct core_range){
				.start = segment->address + segment->file_size,
				.length = segment->memory_size - segment->file_size,
				.writable = writable,
			};
	}
	free(image->ranges);
	image->ranges = ranges;
	image->ranges_num = num;
	return NULL;
}
