/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One ELF file of any machine, opened read-only: what its headers and notes
 * say, its sections, its constants. Knows nothing of DWARF.
 */
#ifndef VIRTQ_DEBUGINFO_ELF_FILE_H
#define VIRTQ_DEBUGINFO_ELF_FILE_H

#include "base/bytes.h"
#include "base/error.h"

struct Elf;

enum { BUILD_ID_MAX = 64 };

struct elf_file {
	char *path;
	int fd;
	struct Elf *elf;
	bool linked; /**< An executable or shared object, or the debug info of one. */
	uint16_t machine; /**< e_machine */
	enum byte_order order;
	uint8_t pointer_size; /**< In bytes. */
	uint64_t entry; /**< e_entry */
	uint64_t phdr; /**< Link-time address of the program headers, 0 if not in memory. */
	uint8_t build_id[BUILD_ID_MAX];
	size_t build_id_length; /**< In bytes; 0: none. */
};

/**
 * Open the executable, shared object or debug file @path.
 * @return OS, INVALID_ARGUMENT if it is not a regular file, BAD_DATA if it is
 *         not such an ELF file.
 */
MUST_CHECK struct virtq_error *elf_file_open(const char *path, struct elf_file **file_ret);

/** The same for an open file, taken over also on error; @name stands for it in messages. */
MUST_CHECK struct virtq_error *elf_file_open_fd(int fd, const char *name,
						struct elf_file **file_ret);

/** NULL is fine. */
void elf_file_close(struct elf_file *file);

/** Is there DWARF in this very file (not merely the emptied headers of it)? */
bool elf_file_has_dwarf(const struct elf_file *file);

/** Is a section compressed by anything but zlib, as by zstd, which elfutils reads since 0.189? */
bool elf_file_has_foreign_compression(const struct elf_file *file);

bool elf_file_has_build_id(const struct elf_file *file, const uint8_t *id, size_t length);

/**
 * The bytes of section @name as they are in the file, uncompressed if libelf
 * or libdw did so before; NULL if there is none or it holds no bytes. Borrowed
 * until elf_file_close().
 */
const uint8_t *elf_file_section(const struct elf_file *file, const char *name, size_t *length_ret);

/**
 * Look through the allocated, non-executable sections for a string that
 * starts with @start, best one that has a NUL before it.
 *
 * @param[out] text_ret what follows @start up to NUL or newline, at most 255
 *             bytes; NULL if there is no such string; the caller frees it.
 * @return NO_MEMORY
 */
MUST_CHECK struct virtq_error *elf_file_find_text(const struct elf_file *file, const char *start,
						  char **text_ret);

static inline void elf_file_close_pointer(struct elf_file **file)
{
	elf_file_close(*file);
}
#define _cleanup_elf_file_ __attribute__((cleanup(elf_file_close_pointer)))

#endif
