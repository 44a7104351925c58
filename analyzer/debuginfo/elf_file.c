/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "debuginfo/elf_file.h"

enum { TEXT_MAX = 255 };

/* An ELF file may be hostile: no note, header or offset in it is believed unchecked. */

static bool find_build_id(struct elf_file *file, Elf_Data *notes)
{
	GElf_Nhdr header;
	size_t offset = 0, next, name, description;

	while (notes &&
	       (next = gelf_getnote(notes, offset, &header, &name, &description)) > offset) {
		const uint8_t *bytes = notes->d_buf;

		if (header.n_type == NT_GNU_BUILD_ID && header.n_namesz == sizeof("GNU") &&
		    !memcmp(bytes + name, "GNU", sizeof("GNU")) && header.n_descsz > 0 &&
		    header.n_descsz <= BUILD_ID_MAX) {
			memcpy(file->build_id, bytes + description, header.n_descsz);
			file->build_id_length = header.n_descsz;
			return true;
		}
		offset = next;
	}
	return false;
}

/*
 * Sections first: in a separate debug file the program headers are copies
 * whose file offsets need not mean anything.
 */
static void read_build_id(struct elf_file *file)
{
	Elf_Scn *section = NULL;
	GElf_Shdr header;

	while ((section = elf_nextscn(file->elf, section)))
		if (gelf_getshdr(section, &header) && header.sh_type == SHT_NOTE &&
		    find_build_id(file, elf_getdata(section, NULL)))
			return;

	size_t segment_num;
	GElf_Phdr segment;
	if (elf_getphdrnum(file->elf, &segment_num))
		return;
	for (size_t i = 0; i < segment_num && i < PN_XNUM; i++) {
		if (!gelf_getphdr(file->elf, (int)i, &segment) || segment.p_type != PT_NOTE ||
		    segment.p_filesz > INT32_MAX || segment.p_offset > INT64_MAX)
			continue;
		Elf_Type type = segment.p_align == 8 ? ELF_T_NHDR8 : ELF_T_NHDR;
		if (find_build_id(file, elf_getdata_rawchunk(file->elf, (int64_t)segment.p_offset,
							     segment.p_filesz, type)))
			return;
	}
}

static uint64_t find_phdr(struct elf_file *file, const GElf_Ehdr *header)
{
	size_t segment_num;
	GElf_Phdr segment;
	uint64_t in_load = 0;

	if (elf_getphdrnum(file->elf, &segment_num))
		return 0;
	for (size_t i = 0; i < segment_num && i < PN_XNUM; i++) {
		if (!gelf_getphdr(file->elf, (int)i, &segment))
			break;
		if (segment.p_type == PT_PHDR)
			return segment.p_vaddr;
		if (segment.p_type == PT_LOAD && header->e_phoff >= segment.p_offset &&
		    header->e_phoff - segment.p_offset < segment.p_filesz)
			in_load = segment.p_vaddr + (header->e_phoff - segment.p_offset);
	}
	return in_load;
}

static struct virtq_error *read_headers(struct elf_file *file)
{
	GElf_Ehdr header;

	if (elf_kind(file->elf) != ELF_K_ELF || !gelf_getehdr(file->elf, &header))
		return error_new(VIRTQ_ERROR_BAD_DATA, "%s: not an ELF file", file->path);
	file->linked = header.e_type == ET_EXEC || header.e_type == ET_DYN;
	if (!file->linked && header.e_type != ET_REL) /* dwz makes its supplements so. */
		return error_new(VIRTQ_ERROR_BAD_DATA, "%s: an ELF %s, not an executable",
				 file->path,
				 header.e_type == ET_CORE ? "core" : "file of another type");
	file->machine = header.e_machine;
	file->order =
		header.e_ident[EI_DATA] == ELFDATA2MSB ? BIG_ENDIAN_ORDER : LITTLE_ENDIAN_ORDER;
	file->pointer_size = header.e_ident[EI_CLASS] == ELFCLASS32 ? 4 : 8;
	file->entry = header.e_entry;
	file->phdr = find_phdr(file, &header);
	read_build_id(file);
	return NULL;
}

struct virtq_error *elf_file_open_fd(int fd, const char *name, struct elf_file **file_ret)
{
	_cleanup_close_ int guarded_fd = fd;
	_cleanup_elf_file_ struct elf_file *file = array_new(1, sizeof(*file));
	struct stat status;

	if (!file)
		return &virtq_error_no_memory;
	file->fd = take_fd(guarded_fd);
	file->path = strdup(name);
	if (!file->path)
		return &virtq_error_no_memory;
	if (fstat(file->fd, &status))
		return error_os(errno, "%s", name);
	if (!S_ISREG(status.st_mode))
		return error_new(VIRTQ_ERROR_INVALID_ARGUMENT, "%s: not a regular file", name);

	elf_version(EV_CURRENT);
	file->elf = elf_begin(file->fd, ELF_C_READ_MMAP, NULL);
	if (!file->elf)
		return error_new(VIRTQ_ERROR_BAD_DATA, "%s: not an ELF file: %s", name,
				 elf_errmsg(-1));
	TRY(read_headers(file));
	*file_ret = take_pointer(file);
	return NULL;
}

struct virtq_error *elf_file_open(const char *path, struct elf_file **file_ret)
{
	/* Not to hang on a FIFO, nor to get a terminal. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return error_os(errno, "%s", path);
	return elf_file_open_fd(fd, path, file_ret);
}

void elf_file_close(struct elf_file *file)
{
	if (!file)
		return;
	elf_end(file->elf);
	if (file->fd >= 0)
		close(file->fd);
	free(file->path);
	free(file);
}

static Elf_Scn *find_section(const struct elf_file *file, const char *name, GElf_Shdr *header_ret)
{
	Elf_Scn *section = NULL;
	size_t names;

	if (elf_getshdrstrndx(file->elf, &names))
		return NULL;
	while ((section = elf_nextscn(file->elf, section))) {
		if (!gelf_getshdr(section, header_ret))
			continue;
		const char *section_name = elf_strptr(file->elf, names, header_ret->sh_name);
		if (section_name && !strcmp(section_name, name))
			return section;
	}
	return NULL;
}

bool elf_file_has_dwarf(const struct elf_file *file)
{
	/* The last is the older way to write a compressed section. */
	static const char *const names[] = { ".debug_info", ".zdebug_info" };
	GElf_Shdr header;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (find_section(file, names[i], &header) && header.sh_type != SHT_NOBITS &&
		    header.sh_size)
			return true;
	return false;
}

bool elf_file_has_foreign_compression(const struct elf_file *file)
{
	Elf_Scn *section = NULL;
	GElf_Shdr header;

	while ((section = elf_nextscn(file->elf, section))) {
		if (!gelf_getshdr(section, &header) || !(header.sh_flags & SHF_COMPRESSED))
			continue;
		Elf_Data *data = elf_rawdata(section, NULL);
		/* Elf32_Chdr and Elf64_Chdr both begin with ch_type, of 4 bytes */
		if (data && data->d_buf && data->d_size >= 4 &&
		    bytes_get_u32(data->d_buf, file->order) != ELFCOMPRESS_ZLIB)
			return true;
	}
	return false;
}

bool elf_file_has_build_id(const struct elf_file *file, const uint8_t *id, size_t length)
{
	return file->build_id_length == length && !memcmp(file->build_id, id, length);
}

const uint8_t *elf_file_section(const struct elf_file *file, const char *name, size_t *length_ret)
{
	GElf_Shdr header;
	Elf_Scn *section = find_section(file, name, &header);

	if (!section || header.sh_type == SHT_NOBITS)
		return NULL;
	Elf_Data *data = elf_rawdata(section, NULL);
	if (!data || !data->d_buf)
		return NULL;
	*length_ret = data->d_size;
	return data->d_buf;
}

/** Length of a constant: to NUL, newline, TEXT_MAX or @most. */
static size_t text_length(const char *text, size_t most)
{
	size_t length = 0;

	while (length < most && length < TEXT_MAX && text[length] && text[length] != '\n')
		length++;
	return length;
}

/**
 * What follows @start, up to NUL or newline, in one section: read through a
 * window, since mapping all constants of a large binary costs memory.
 *
 * @exact: only where a string begins; else anywhere.
 * @return NULL if there is none; the caller frees it.
 */
static struct virtq_error *find_in_section(const struct elf_file *file, const GElf_Shdr *header,
					   const char *start, bool exact, char **text_ret)
{
	enum { WINDOW = 64 << 10 };
	size_t length = strlen(start), overlap = 1 + length + TEXT_MAX, have = 0;
	_cleanup_free_ char *window = malloc(WINDOW + overlap);
	uint64_t offset = 0;

	if (!window)
		return &virtq_error_no_memory;
	*text_ret = NULL;
	while (offset < header->sh_size) {
		uint64_t left = header->sh_size - offset;
		ssize_t got = pread(file->fd, window + have, left < WINDOW ? left : WINDOW,
				    (off_t)(header->sh_offset + offset));
		if (got <= 0)
			return NULL; /* a section that is not in the file holds no text */
		offset += (uint64_t)got;
		have += (size_t)got;

		const char *end = window + have;
		for (const char *at = window; (at = memmem(at, (size_t)(end - at), start, length)); at++) {
			/* near the end the text may go on in the next window */
			if (end - at < (ptrdiff_t)(length + TEXT_MAX) && offset < header->sh_size)
				break;
			if (exact && (at == window ? offset > have : at[-1] != 0))
				continue;
			size_t most = (size_t)(end - at) - length;
			*text_ret = strndup(at + length, text_length(at + length, most));
			return *text_ret ? NULL : &virtq_error_no_memory;
		}
		size_t keep = have < overlap ? have : overlap;
		memmove(window, window + have - keep, keep);
		have = keep;
	}
	return NULL;
}

struct virtq_error *elf_file_find_text(const struct elf_file *file, const char *start,
				       char **text_ret)
{
	char *text = NULL;

	for (int exact = 1; exact >= 0 && !text; exact--) {
		Elf_Scn *section = NULL;
		GElf_Shdr header;

		while (!text && (section = elf_nextscn(file->elf, section))) {
			if (!gelf_getshdr(section, &header) || header.sh_type != SHT_PROGBITS ||
			    !(header.sh_flags & SHF_ALLOC) || header.sh_flags & SHF_EXECINSTR ||
			    header.sh_size > INT64_MAX ||
			    header.sh_offset > INT64_MAX - header.sh_size)
				continue;
			TRY(find_in_section(file, &header, start, exact, &text));
		}
	}
	*text_ret = text;
	return NULL;
}
