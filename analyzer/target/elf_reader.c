/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The only file of target/ that sees libelf. Headers, program headers and
 * notes are converted from plain bytes: libelf is never handed a core itself,
 * since it would believe a damaged section header count.
 */
#include <elf.h>
#include <gelf.h>
#include <libelf.h>
#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <elfutils/libdwelf.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "target/elf_reader.h"

static void elf_end_pointer(Elf **elf)
{
	elf_end(*elf);
}
#define _cleanup_elf_ __attribute__((cleanup(elf_end_pointer)))

static void set_version(void)
{
	elf_version(EV_CURRENT);
}

/** libelf refuses to work until it was told once which version is meant. */
static void prepare(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, set_version);
}

/** Convert @source_size bytes of file representation into libelf's structs. */
static bool convert(uint8_t pointer_size, enum byte_order order, Elf_Type type, const void *source,
		    size_t source_size, void *target, size_t target_size)
{
	unsigned int encoding = order == BIG_ENDIAN_ORDER ? ELFDATA2MSB : ELFDATA2LSB;
	Elf_Data from = { .d_buf = (void *)source, .d_type = type, .d_version = EV_CURRENT,
			  .d_size = source_size };
	Elf_Data to = { .d_buf = target, .d_type = type, .d_version = EV_CURRENT,
			.d_size = target_size };

	prepare();
	return pointer_size == 8 ? elf64_xlatetom(&to, &from, encoding) != NULL :
				   elf32_xlatetom(&to, &from, encoding) != NULL;
}

bool elf_reader_identify(const void *bytes, size_t length, struct elf_identity *identity_ret)
{
	const uint8_t *ident = bytes;
	struct elf_identity identity = { 0 };

	if (length < EI_NIDENT || memcmp(ident, ELFMAG, SELFMAG) != 0)
		return false;
	if (ident[EI_CLASS] != ELFCLASS32 && ident[EI_CLASS] != ELFCLASS64)
		return false;
	if (ident[EI_DATA] != ELFDATA2LSB && ident[EI_DATA] != ELFDATA2MSB)
		return false;
	identity.pointer_size = ident[EI_CLASS] == ELFCLASS64 ? 8 : 4;
	identity.order = ident[EI_DATA] == ELFDATA2MSB ? BIG_ENDIAN_ORDER : LITTLE_ENDIAN_ORDER;

#define TAKE_HEADER(Header, Segment, Section)                                              \
	do {                                                                               \
		Header header;                                                             \
		if (length < sizeof(header) ||                                             \
		    !convert(identity.pointer_size, identity.order, ELF_T_EHDR, bytes,     \
			     sizeof(header), &header, sizeof(header)))                     \
			return false;                                                      \
		identity.type = header.e_type;                                             \
		identity.machine = header.e_machine;                                       \
		identity.entry = header.e_entry;                                           \
		identity.phoff = header.e_phoff;                                           \
		identity.shoff = header.e_shoff;                                           \
		identity.phnum = header.e_phnum;                                           \
		identity.phentsize = header.e_phentsize;                                   \
		identity.header_size = sizeof(Header);                                     \
		identity.segment_size = sizeof(Segment);                                   \
		identity.section_size = sizeof(Section);                                   \
	} while (0)

	if (identity.pointer_size == 8)
		TAKE_HEADER(Elf64_Ehdr, Elf64_Phdr, Elf64_Shdr);
	else
		TAKE_HEADER(Elf32_Ehdr, Elf32_Phdr, Elf32_Shdr);
#undef TAKE_HEADER
	*identity_ret = identity;
	return true;
}

uint32_t elf_reader_section_info(const struct elf_identity *identity, const void *section)
{
	Elf64_Shdr section64;
	Elf32_Shdr section32;

	if (identity->pointer_size == 8)
		return convert(8, identity->order, ELF_T_SHDR, section, sizeof(section64),
			       &section64, sizeof(section64)) ? section64.sh_info : 0;
	return convert(4, identity->order, ELF_T_SHDR, section, sizeof(section32), &section32,
		       sizeof(section32)) ? section32.sh_info : 0;
}

static struct elf_segment segment_from(const GElf_Phdr *header)
{
	return (struct elf_segment){
		.type = header->p_type,
		.flags = header->p_flags,
		.offset = header->p_offset,
		.address = header->p_vaddr,
		.file_size = header->p_filesz,
		.memory_size = header->p_memsz,
		.alignment = header->p_align,
	};
}

bool elf_reader_convert_segments(const struct elf_identity *identity, const void *bytes, size_t num,
				 struct elf_segment *segments_ret)
{
	const uint8_t *position = bytes;

	/* One at a time: no second copy of a table that may be megabytes long. */
	for (size_t i = 0; i < num; i++, position += identity->segment_size) {
		GElf_Phdr header;

		if (identity->pointer_size == 8) {
			if (!convert(8, identity->order, ELF_T_PHDR, position, sizeof(header),
				     &header, sizeof(header)))
				return false;
		} else {
			Elf32_Phdr header32;

			if (!convert(4, identity->order, ELF_T_PHDR, position, sizeof(header32),
				     &header32, sizeof(header32)))
				return false;
			header = (GElf_Phdr){
				.p_type = header32.p_type,
				.p_flags = header32.p_flags,
				.p_offset = header32.p_offset,
				.p_vaddr = header32.p_vaddr,
				.p_filesz = header32.p_filesz,
				.p_memsz = header32.p_memsz,
				.p_align = header32.p_align,
			};
		}
		segments_ret[i] = segment_from(&header);
	}
	return true;
}

/** Make libelf see no section headers in a copy of an image: those are not loaded, or lie. */
static void hide_sections(const struct elf_identity *identity, uint8_t *image)
{
	if (identity->pointer_size == 8) {
		memset(image + offsetof(Elf64_Ehdr, e_shoff), 0, sizeof(Elf64_Off));
		memset(image + offsetof(Elf64_Ehdr, e_shnum), 0, 2 * sizeof(Elf64_Half));
	} else {
		memset(image + offsetof(Elf32_Ehdr, e_shoff), 0, sizeof(Elf32_Off));
		memset(image + offsetof(Elf32_Ehdr, e_shnum), 0, 2 * sizeof(Elf32_Half));
	}
}

/** An ELF header of @identity's kind that says that nothing follows it. */
static void make_bare_header(const struct elf_identity *identity, uint8_t *image)
{
	bool big = identity->order == BIG_ENDIAN_ORDER;

	memset(image, 0, ELF_READER_HEADER_SIZE);
	memcpy(image, ELFMAG, SELFMAG);
	image[EI_CLASS] = identity->pointer_size == 8 ? ELFCLASS64 : ELFCLASS32;
	image[EI_DATA] = big ? ELFDATA2MSB : ELFDATA2LSB;
	image[EI_VERSION] = EV_CURRENT;
	image[EI_NIDENT + (big ? 1 : 0)] = ET_CORE;
}

void elf_reader_each_note(const struct elf_identity *identity, const void *bytes, size_t length,
			  uint64_t alignment, elf_note_callback callback, void *argument)
{
	size_t size;

	if (!length || !checked_add(length, (size_t)ELF_READER_HEADER_SIZE, &size))
		return;

	/* libelf iterates over the notes of an ELF file, so make one around them. */
	_cleanup_free_ uint8_t *image = malloc(size);
	if (!image)
		return;
	make_bare_header(identity, image);
	memcpy(image + ELF_READER_HEADER_SIZE, bytes, length);

	prepare();
	_cleanup_elf_ Elf *elf = elf_memory((char *)image, size);
	Elf_Data *data = elf ? elf_getdata_rawchunk(elf, ELF_READER_HEADER_SIZE, length,
						    alignment == 8 ? ELF_T_NHDR8 : ELF_T_NHDR) :
			       NULL;
	if (!data)
		return;

	size_t offset = 0, name_offset, content_offset;
	GElf_Nhdr header;
	while ((offset = gelf_getnote(data, offset, &header, &name_offset, &content_offset)) > 0) {
		const char *content = data->d_buf;
		const char *name = content + name_offset;
		struct elf_note note = {
			.name = "",
			.type = header.n_type,
			.content = content + content_offset,
			.length = header.n_descsz,
		};

		if (header.n_namesz && memchr(name, 0, header.n_namesz))
			note.name = name;
		if (!callback(argument, &note))
			return;
	}
}

static struct virtq_error *module_from_elf(Elf *elf, struct elf_module *module)
{
	size_t num;
	const void *build_id;

	if (elf_getphdrnum(elf, &num) < 0)
		return error_new(VIRTQ_ERROR_BAD_DATA, "program headers: %s", elf_errmsg(-1));
	if (num >= PN_XNUM)
		return error_new(VIRTQ_ERROR_BAD_DATA, "too many program headers");
	module->segments = array_new(num, sizeof(*module->segments));
	if (!module->segments)
		return &virtq_error_no_memory;
	for (size_t i = 0; i < num; i++) {
		GElf_Phdr header;

		if (!gelf_getphdr(elf, (int)i, &header))
			return error_new(VIRTQ_ERROR_BAD_DATA, "program header %zu: %s", i,
					 elf_errmsg(-1));
		module->segments[i] = segment_from(&header);
		module->segments_num = i + 1;
	}

	ssize_t length = dwelf_elf_gnu_build_id(elf, &build_id);
	if (length > 0 && (size_t)length <= sizeof(module->build_id)) {
		memcpy(module->build_id, build_id, (size_t)length);
		module->build_id_length = (size_t)length;
	}
	return NULL;
}

struct virtq_error *elf_reader_module_from_bytes(const void *bytes, size_t length,
						 struct elf_module *module_ret)
{
	struct elf_module module = { 0 };

	if (!elf_reader_identify(bytes, length, &module.identity))
		return error_new(VIRTQ_ERROR_BAD_DATA, "no ELF header");
	if (module.identity.phnum == PN_XNUM)
		return error_new(VIRTQ_ERROR_BAD_DATA, "too many program headers");

	_cleanup_free_ uint8_t *image = malloc(length);
	if (!image)
		return &virtq_error_no_memory;
	memcpy(image, bytes, length);
	hide_sections(&module.identity, image);

	prepare();
	_cleanup_elf_ Elf *elf = elf_memory((char *)image, length);
	if (!elf)
		return error_new(VIRTQ_ERROR_BAD_DATA, "%s", elf_errmsg(-1));
	struct virtq_error *error = module_from_elf(elf, &module);
	if (error) {
		elf_reader_module_clear(&module);
		return error;
	}
	*module_ret = module;
	return NULL;
}

struct virtq_error *elf_reader_module_from_file(int fd, struct elf_module *module_ret)
{
	struct elf_module module = { 0 };
	uint8_t header[ELF_READER_HEADER_SIZE];

	ssize_t got = pread(fd, header, sizeof(header), 0);
	if (got < 0 || !elf_reader_identify(header, (size_t)got, &module.identity))
		return error_new(VIRTQ_ERROR_BAD_DATA, "not an ELF file");

	/* Not mapped: the file may shrink while it is being replaced. */
	prepare();
	_cleanup_elf_ Elf *elf = elf_begin(fd, ELF_C_READ, NULL);
	if (!elf)
		return error_new(VIRTQ_ERROR_BAD_DATA, "%s", elf_errmsg(-1));
	struct virtq_error *error = module_from_elf(elf, &module);
	if (error) {
		elf_reader_module_clear(&module);
		return error;
	}
	*module_ret = module;
	return NULL;
}

void elf_reader_module_clear(struct elf_module *module)
{
	free(module->segments);
	*module = (struct elf_module){ 0 };
}

const struct elf_segment *elf_reader_first_load(const struct elf_module *module)
{
	const struct elf_segment *first = NULL;

	for (size_t i = 0; i < module->segments_num; i++) {
		const struct elf_segment *segment = &module->segments[i];

		if (segment->type == PT_LOAD && (!first || segment->address < first->address))
			first = segment;
	}
	return first;
}
