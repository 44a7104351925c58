/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The only file of target/ that sees libbfd, which validates a core and gives
 * its segments, auxv, mapped-file note, signal and command.
 *
 * libbfd works on the copy of headers and notes that core_elf.c read, never
 * on the file: for each segment it looks into the dumped memory for an ELF
 * header with a build-id and follows its program headers, and that memory is
 * guest RAM, in which a guest can put an ELF header of its choice.
 */
#define PACKAGE "virtq" /* bfd.h insists on an autoconf package */
#define PACKAGE_VERSION VIRTQ_VERSION
#include <bfd.h>
#include <elf.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "target/core_image.h"
#include "target/text.h"

/* libbfd has a global error, a global error handler and a list of open files. */
static pthread_mutex_t bfd_lock = PTHREAD_MUTEX_INITIALIZER;
static bool bfd_usable;

static void drop_message(const char *format, va_list arguments)
{
	(void)format;
	(void)arguments;
}

static void initialize(void)
{
	/* The magic is the size of a public struct: header and library agree. */
	bfd_usable = bfd_init() == BFD_INIT_MAGIC;
}

static void bfd_close_pointer(bfd **abfd)
{
	if (*abfd)
		bfd_close_all_done(*abfd);
}
#define _cleanup_bfd_ __attribute__((cleanup(bfd_close_pointer)))

static void *open_metadata(bfd *abfd, void *closure)
{
	(void)abfd;
	return closure;
}

static int close_metadata(bfd *abfd, void *stream)
{
	(void)abfd;
	(void)stream;
	return 0;
}

/** What libbfd is shown: the copy of the headers and notes, in a file as long as it should be. */
struct view {
	const struct core_metadata *metadata;
	uint64_t size;
};

/**
 * How long the file would be if nothing had been cut off. core.c finds out
 * about truncation by itself; libbfd would print a warning on stderr that no
 * error handler sees. @return 0 if no file can be so long.
 */
static uint64_t whole_size(const struct core_metadata *metadata)
{
	uint64_t size = metadata->file_size;

	for (size_t i = 0; i < metadata->segments_num; i++) {
		const struct elf_segment *segment = &metadata->segments[i];
		uint64_t end;

		if (!checked_add(segment->offset, segment->file_size, &end) || end > INT64_MAX)
			return 0;
		if (segment->file_size && end > size)
			size = end;
	}
	return size;
}

static int stat_metadata(bfd *abfd, void *stream, struct stat *status)
{
	const struct view *view = stream;

	(void)abfd;
	*status = (struct stat){ .st_mode = S_IFREG | 0400 };
	status->st_size = (off_t)view->size;
	return 0;
}

static void copy_chunk(const struct core_chunk *chunk, uint64_t offset, uint8_t *buffer,
		       size_t length)
{
	uint64_t low = offset > chunk->offset ? offset : chunk->offset;
	uint64_t end = offset + length, chunk_end = chunk->offset + chunk->length;
	uint64_t high = end < chunk_end ? end : chunk_end;

	if (low < high)
		memcpy(buffer + (low - offset), chunk->bytes + (low - chunk->offset), high - low);
}

/** Memory contents read as zeros. */
static file_ptr read_metadata(bfd *abfd, void *stream, void *buffer, file_ptr length,
			      file_ptr offset)
{
	const struct view *view = stream;
	const struct core_metadata *metadata = view->metadata;
	uint64_t start = (uint64_t)offset, size = (uint64_t)length;

	(void)abfd;
	if (offset < 0 || length < 0 || start >= view->size)
		return 0;
	if (size > view->size - start)
		size = view->size - start;
	memset(buffer, 0, size);
	copy_chunk(&metadata->header, start, buffer, size);
	copy_chunk(&metadata->section, start, buffer, size);
	copy_chunk(&metadata->program_headers, start, buffer, size);
	for (size_t i = 0; i < metadata->notes_num; i++)
		copy_chunk(&metadata->notes[i], start, buffer, size);
	return (file_ptr)size;
}

/**
 * Open as what the header says. Left to itself, libbfd would try all of its
 * formats. Debian's knows no machine but its own in full; what it does not
 * know is opened as generic ELF, whose segments and auxv are right, but whose
 * thread and process notes are read as if they were this machine's.
 */
static bfd *open_as(const struct view *view, bool *knows_machine_ret)
{
	static const struct {
		uint16_t machine;
		uint8_t pointer_size;
		enum byte_order order;
		const char *target;
	} known[] = {
		{ EM_X86_64, 8, LITTLE_ENDIAN_ORDER, "elf64-x86-64" },
		{ EM_386, 4, LITTLE_ENDIAN_ORDER, "elf32-i386" },
		{ EM_AARCH64, 8, LITTLE_ENDIAN_ORDER, "elf64-littleaarch64" },
		{ EM_ARM, 4, LITTLE_ENDIAN_ORDER, "elf32-littlearm" },
		{ EM_S390, 8, BIG_ENDIAN_ORDER, "elf64-s390" },
		{ EM_PPC64, 8, LITTLE_ENDIAN_ORDER, "elf64-powerpcle" },
		{ EM_PPC64, 8, BIG_ENDIAN_ORDER, "elf64-powerpc" },
		{ EM_RISCV, 8, LITTLE_ENDIAN_ORDER, "elf64-littleriscv" },
	};
	const struct elf_identity *identity = &view->metadata->identity;
	const char *target = identity->pointer_size == 8 ?
		identity->order == BIG_ENDIAN_ORDER ? "elf64-big" : "elf64-little" :
		identity->order == BIG_ENDIAN_ORDER ? "elf32-big" : "elf32-little";

	*knows_machine_ret = false;
	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (known[i].machine == identity->machine && known[i].order == identity->order &&
		    known[i].pointer_size == identity->pointer_size &&
		    bfd_find_target(known[i].target, NULL)) {
			target = known[i].target;
			*knows_machine_ret = true;
		}
	return bfd_openr_iovec(view->metadata->name, target, open_metadata, (void *)view,
			       read_metadata, close_metadata, stat_metadata);
}

static bool read_ranges(bfd *abfd, const struct core_metadata *metadata, struct core_image *image)
{
	uint64_t mask = metadata->identity.pointer_size == 8 ? UINT64_MAX : UINT32_MAX;
	size_t capacity = 0;

	for (asection *section = abfd->sections; section; section = section->next) {
		flagword flags = bfd_section_flags(section);

		/* Of a core's sections only PT_LOAD's are allocated. */
		if (!(flags & SEC_ALLOC) || !bfd_section_size(section))
			continue;
		if (!array_grow(&image->ranges, image->ranges_num, &capacity,
				sizeof(*image->ranges)))
			return false;
		image->ranges[image->ranges_num++] = (struct core_range){
			.start = bfd_section_vma(section) & mask,
			.length = bfd_section_size(section),
			.offset = (uint64_t)section->filepos,
			.saved = flags & SEC_HAS_CONTENTS,
			.writable = !(flags & SEC_READONLY),
		};
	}
	return true;
}

static void read_section(bfd *abfd, const char *name, struct core_bytes *bytes)
{
	asection *section = bfd_get_section_by_name(abfd, name);
	bfd_byte *contents = NULL;

	if (!section || !bfd_malloc_and_get_section(abfd, section, &contents)) {
		free(contents);
		return;
	}
	bytes->bytes = contents;
	bytes->length = (size_t)bfd_section_size(section);
}

static bool read_image(const struct core_metadata *metadata, struct core_image *image,
		       bool *knows_machine_ret)
{
	const struct view view = { metadata, whole_size(metadata) };
	_cleanup_bfd_ bfd *abfd = view.size ? open_as(&view, knows_machine_ret) : NULL;

	if (!abfd || !bfd_check_format(abfd, bfd_core) || !read_ranges(abfd, metadata, image))
		return false;
	read_section(abfd, ".auxv", &image->auxv);
	read_section(abfd, ".note.linuxcore.file", &image->files);
	if (!*knows_machine_ret)
		return true;

	const char *command = bfd_core_file_failing_command(abfd);
	image->signal = bfd_core_file_failing_signal(abfd);
	image->pid = bfd_core_file_pid(abfd);
	image->command = command ? strdup(command) : NULL;
	if (image->command) {
		text_make_printable(image->command);
		text_trim(image->command);
	}
	return true;
}

static void take_bytes(struct core_bytes *to, struct core_bytes *from)
{
	if (!from->bytes)
		return;
	free(to->bytes);
	*to = *from;
	*from = (struct core_bytes){ 0 };
}

bool core_bfd_read(const struct core_metadata *metadata, struct core_image *image)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct core_image read = { 0 };
	bool knows_machine, accepted;

	/* libbfd would allocate what a note segment claims to be long. */
	if (!metadata->notes_complete)
		return false;

	pthread_mutex_lock(&bfd_lock);
	pthread_once(&once, initialize);
	bfd_error_handler_type handler = bfd_set_error_handler(drop_message);
	accepted = bfd_usable && read_image(metadata, &read, &knows_machine);
	bfd_set_error_handler(handler);
	pthread_mutex_unlock(&bfd_lock);

	if (accepted) {
		free(image->ranges);
		image->ranges = take_pointer(read.ranges);
		image->ranges_num = read.ranges_num;
		take_bytes(&image->auxv, &read.auxv);
		take_bytes(&image->files, &read.files);
	}
	if (accepted && knows_machine) {
		/* libbfd tells the last thread's; of gcore's only the first has one. */
		if (!image->signal)
			image->signal = read.signal;
		if (read.pid)
			image->pid = read.pid;
		if (read.command) {
			free(image->command);
			image->command = take_pointer(read.command);
		}
	}
	core_image_clear(&read);
	return accepted;
}
