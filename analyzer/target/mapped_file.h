/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Bytes that a core leaves out since they are in a mapped executable or
 * library: read from that file, after it was shown to be the very same one.
 *
 * Only ELF files stand in, and of these only what their program headers map
 * read-only. A shared file mapping may be guest RAM, and a writable page may
 * have been written to. A read-only page is what the file says: to write to
 * it (relocation, a breakpoint), its mapping must have got anonymous pages,
 * and the kernel and gcore save a private mapping with anonymous pages whole.
 */
#ifndef VIRTQ_MAPPED_FILE_H
#define VIRTQ_MAPPED_FILE_H

#include "target/elf_reader.h"
#include "target/target.h"

struct mapped_files;

/** Read what the core itself holds. @return number of bytes read, from @address on. */
typedef size_t (*mapped_files_saved)(void *argument, uint64_t address, void *buffer,
				     size_t length);

/** Borrowed as long as the mapped_files live, but for the strings, which are copied. */
struct mapped_files_setup {
	const struct target *target; /**< Its info, auxv and mappings are used. */
	const char *executable; /**< Given by the user for the main executable, or NULL. */
	const char *executable_path; /**< Where the core says it is, or NULL. */
	const char *sysroot; /**< Or NULL. */
	mapped_files_saved saved;
	void *argument;
};

MUST_CHECK struct virtq_error *mapped_files_create(const struct mapped_files_setup *setup,
						   struct mapped_files **files_ret);
/** NULL is fine. */
void mapped_files_destroy(struct mapped_files *files);

/**
 * Name the file of the main executable: the user's, else the core's under the
 * sysroot if it is there, else the core's. Both are NULL if unknown.
 * @param path_ret to open it by. @param name_ret for people. The caller frees them.
 */
MUST_CHECK struct virtq_error *mapped_files_name_executable(const struct mapped_files *files,
							    char **path_ret, char **name_ret);

/**
 * Read from the file mapped at @address, up to @length bytes.
 * @param reason_ret why nothing could be read, or NULL if no file is mapped there;
 *        valid as long as @files.
 * @return number of bytes read, from @address on; 0 if none could be.
 */
size_t mapped_files_read(struct mapped_files *files, uint64_t address, void *buffer,
			 size_t length, const char **reason_ret);

/** Read an ELF image's headers out of the memory of a core, as mapped_files_saved does. */
MUST_CHECK struct virtq_error *mapped_files_read_module(mapped_files_saved saved, void *argument,
							uint64_t header,
							struct elf_module *module_ret);

#endif
