/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Writes an ELF core of given bytes and notes, into memory: of any machine,
 * class and byte order. Every PT_LOAD has exactly the bytes that are known.
 */
#ifndef VIRTQ_SNAPSHOT_CORE_WRITER_H
#define VIRTQ_SNAPSHOT_CORE_WRITER_H

#include "report/buffer.h"
#include "snapshot/pages.h"
#include "target/target.h"

/** A note with a name of the caller's. */
struct core_writer_note {
	const char *name;
	uint32_t type;
	const void *bytes;
	size_t length;
};

/** What goes into the core; everything is borrowed. */
struct core_writer {
	uint16_t machine; /**< ELF e_machine. */
	enum byte_order order;
	uint8_t pointer_size; /**< In bytes, 4 or 8: gives the class. */
	pid_t pid;
	const char *name; /**< Of the process, for NT_PRPSINFO. */
	const char *command; /**< Likewise, the first 79 bytes of it; NULL: none. */
	/** NT_PRSTATUS of each; with none, one of the process that says nothing. */
	const struct target_thread *threads;
	size_t threads_num;
	/** NT_AUXV as it is stored; NULL: none. */
	const void *auxv;
	size_t auxv_length;
	const struct target_mapping *mappings; /**< NT_FILE. */
	size_t mappings_num;
	const struct core_writer_note *notes;
	size_t notes_num;
	const struct pages *memory; /**< Sorted. */
};

/** Append the core to @buffer. @return NULL, NO_MEMORY, or LIMIT if it does not fit into the class. */
MUST_CHECK struct virtq_error *core_writer_write(const struct core_writer *writer,
						 struct buffer *buffer);

/** Append @value as @size bytes in the byte order. */
void core_writer_put(struct buffer *buffer, enum byte_order order, uint64_t value, size_t size);

#endif
