/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Builds ELF cores, and small ELF modules to be mapped in them, byte by byte,
 * of any class and byte order. Everything is checked by the test's assertions;
 * running out of memory aborts.
 */
#ifndef VIRTQ_TESTS_CORE_BUILDER_H
#define VIRTQ_TESTS_CORE_BUILDER_H

#include <sys/types.h>

#include "base/bytes.h"

/** A growing array of bytes. */
struct builder_bytes {
	uint8_t *bytes;
	size_t length, capacity;
};

/** A PT_LOAD to be. */
struct builder_segment {
	uint64_t address; /**< Host-virtual. */
	uint64_t memory_size; /**< In bytes. */
	uint64_t file_size; /**< In bytes; a hole where `bytes` is NULL. */
	const void *bytes; /**< Borrowed until the core is built. */
	uint32_t flags; /**< PF_*. */
	uint64_t offset; /**< In the file; 0: after what came before. */
};

/** An entry of NT_FILE. */
struct builder_file {
	uint64_t start, end, offset; /**< Offset in bytes. */
	const char *path; /**< Borrowed until the core is built. */
};

struct core_builder {
	uint16_t machine;
	enum byte_order order;
	uint8_t pointer_size;
	uint64_t entry, phdr; /**< For the auxv, written if either is not 0. */
	struct builder_bytes notes; /**< What core_builder_add_note() and its kin added. */
	struct builder_segment *segments;
	size_t segments_num, segments_capacity;
	struct builder_file *files;
	size_t files_num, files_capacity;
	bool extended_count; /**< Give the number of program headers by section header 0. */
};

/** Where things came to be in the file. */
struct core_layout {
	uint64_t program_headers; /**< Offset. */
	uint64_t notes, notes_size; /**< Offset and size in bytes. */
	uint64_t memory; /**< Offset of the first PT_LOAD's bytes. */
	uint64_t size; /**< Of the file. */
};

void builder_put(struct builder_bytes *to, const void *bytes, size_t length);
/** @param size in bytes. */
void builder_put_unsigned(struct builder_bytes *to, uint64_t value, size_t size,
			  enum byte_order order);

void core_builder_init(struct core_builder *builder, uint16_t machine, enum byte_order order,
		       uint8_t pointer_size);
void core_builder_clear(struct core_builder *builder);

void core_builder_add_segment(struct core_builder *builder, struct builder_segment segment);
void core_builder_add_file(struct core_builder *builder, struct builder_file file);
void core_builder_add_note(struct core_builder *builder, const char *name, uint32_t type,
			   const void *content, size_t length);
/** NT_PRSTATUS. */
void core_builder_add_thread(struct core_builder *builder, pid_t tid, int signal);
/** NT_PRPSINFO. */
void core_builder_add_process(struct core_builder *builder, pid_t pid, const char *name,
			      const char *command);

/** Header, program headers and notes in memory; the segments' bytes are not in it. */
struct builder_bytes core_builder_head(const struct core_builder *builder,
				       struct core_layout *layout_ret);
/** Write a core; what no segment gives bytes for stays a hole. */
void core_builder_write(const struct core_builder *builder, int fd, struct core_layout *layout_ret);

/** A file without a name; open it by temporary_path(). */
int temporary_file(void);
struct temporary_path {
	char text[32];
};
struct temporary_path temporary_path(int fd);
/** Replace what a file holds. */
void temporary_fill(int fd, const void *bytes, size_t length);

/**
 * An executable of two pages read-only code and one page of data, linked at
 * MODULE_BASE, filled with bytes that tell where they are from (see
 * module_byte()).
 */
enum {
	MODULE_BASE = 0x10000,
	MODULE_CODE_SIZE = 0x2000,
	MODULE_DATA_SIZE = 0x1000,
	MODULE_SIZE = MODULE_CODE_SIZE + MODULE_DATA_SIZE,
	MODULE_ENTRY = MODULE_BASE + 0x1800,
};
struct builder_bytes module_build(uint16_t machine, enum byte_order order, uint8_t pointer_size,
				  const char *build_id);
/** What the file has at @offset, beyond its headers. */
uint8_t module_byte(uint64_t offset);

#endif
