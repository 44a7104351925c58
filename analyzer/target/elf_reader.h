/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * ELF structures through libelf: identity, program headers, notes, build-id.
 * elf_reader.c is the only file in target/ that sees libelf; no type of it
 * shows here. Everything given to these functions may be garbage.
 */
#ifndef VIRTQ_ELF_READER_H
#define VIRTQ_ELF_READER_H

#include "base/bytes.h"
#include "base/error.h"

/** Bytes that identify an ELF file of either class. */
enum { ELF_READER_HEADER_SIZE = 64 };
/** A build-id is 20 bytes long as a rule; longer ones than this are ignored. */
enum { ELF_READER_BUILD_ID_SIZE = 64 };

/** The ELF header. */
struct elf_identity {
	uint16_t type; /**< ET_CORE, ET_EXEC, ... */
	uint16_t machine; /**< EM_X86_64, ... */
	enum byte_order order;
	uint8_t pointer_size; /**< In bytes: 4 or 8, by the class. */
	uint64_t entry; /**< Link-time address. */
	uint64_t phoff; /**< File offset of the program headers. */
	uint64_t shoff; /**< File offset of the section headers; 0 if there are none. */
	uint16_t phnum; /**< PN_XNUM: see elf_reader_section_info(). */
	uint16_t phentsize; /**< As the file says, in bytes. */
	uint8_t header_size; /**< Of this class's ELF header, in bytes. */
	uint8_t segment_size; /**< What phentsize should be, in bytes. */
	uint8_t section_size; /**< Of a section header, in bytes. */
};

/** A program header. */
struct elf_segment {
	uint32_t type, flags;
	uint64_t offset, address, file_size, memory_size, alignment;
};

/** What has to be known of an executable or a library to find its bytes in memory. */
struct elf_module {
	struct elf_identity identity;
	struct elf_segment *segments; /**< All program headers; owned. */
	size_t segments_num;
	uint8_t build_id[ELF_READER_BUILD_ID_SIZE];
	size_t build_id_length; /**< In bytes; 0: it has none. */
};

/** Read an ELF header. @return false if @bytes are not the start of an ELF file. */
bool elf_reader_identify(const void *bytes, size_t length, struct elf_identity *identity_ret);

/** sh_info of a section header of @identity's section_size bytes: the real phnum for PN_XNUM. */
uint32_t elf_reader_section_info(const struct elf_identity *identity, const void *section);

/** Convert @num program headers of @identity's segment_size bytes each. @return false without memory. */
bool elf_reader_convert_segments(const struct elf_identity *identity, const void *bytes, size_t num,
				 struct elf_segment *segments_ret);

/** A note; everything is borrowed for the duration of the callback. */
struct elf_note {
	const char *name; /**< NUL-terminated. */
	uint32_t type;
	const void *content;
	size_t length; /**< Of the content, in bytes. */
};
/** @return false to stop. */
typedef bool (*elf_note_callback)(void *argument, const struct elf_note *note);

/**
 * Call back for each note of a PT_NOTE segment's bytes, up to the first one
 * that does not fit. @alignment is the segment's.
 */
void elf_reader_each_note(const struct elf_identity *identity, const void *bytes, size_t length,
			  uint64_t alignment, elf_note_callback callback, void *argument);

/**
 * Read a module from the first @length bytes of its image. A build-id that
 * is further away is not found.
 * @return BAD_DATA if it is no ELF image or its program headers are out of reach.
 */
MUST_CHECK struct virtq_error *elf_reader_module_from_bytes(const void *bytes, size_t length,
							    struct elf_module *module_ret);
/** The same from a file; @fd is borrowed. */
MUST_CHECK struct virtq_error *elf_reader_module_from_file(int fd, struct elf_module *module_ret);

/** Release what an elf_module owns; a zeroed one is fine. */
void elf_reader_module_clear(struct elf_module *module);

/** Find the lowest PT_LOAD, the one with the ELF header; NULL if there is none. */
const struct elf_segment *elf_reader_first_load(const struct elf_module *module);

#endif
