/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A core's container, between the files that read it (core_elf.c, core_bfd.c)
 * and the one that serves memory from it (core.c). Only files in target/
 * include this.
 */
#ifndef VIRTQ_CORE_IMAGE_H
#define VIRTQ_CORE_IMAGE_H

#include "target/elf_reader.h"
#include "target/recording.h"
#include "target/target.h"

enum {
	/** Most program headers; the kernel's default limit of mappings is a quarter. */
	CORE_SEGMENTS_LIMIT = 1 << 18,
	/** Most bytes of notes; a thread has 3 to 12 KiB of them. */
	CORE_NOTES_SIZE_LIMIT = 64 << 20,
	/** Most PT_NOTE segments read; the kernel and gcore write one. */
	CORE_NOTES_SEGMENTS_LIMIT = 64,
	/** Most notes given to libbfd, which makes sections of each; more are left to libelf. */
	CORE_NOTES_LIMIT = 1 << 20,
};

/** Bytes of the core file kept in memory while it is being opened. */
struct core_chunk {
	uint64_t offset; /**< In the file. */
	size_t length;
	uint8_t *bytes; /**< Owned. */
	uint64_t alignment; /**< PT_NOTE: p_align. */
};

/**
 * The parts of a core that describe it: headers and notes. They are read once,
 * within limits, and both libraries work on this copy.
 */
struct core_metadata {
	const char *name; /**< For messages; borrowed. */
	uint64_t file_size;
	struct elf_identity identity;
	struct elf_segment *segments; /**< Owned. */
	size_t segments_num;
	struct core_chunk header, section, program_headers;
	struct core_chunk notes[CORE_NOTES_SEGMENTS_LIMIT];
	size_t notes_num;
	bool notes_complete; /**< All of the notes are there, and within the limits. */
};

/** A stretch of the address space as the program headers tell it. */
struct core_range {
	uint64_t start; /**< Host-virtual. */
	uint64_t length; /**< In bytes. */
	uint64_t offset; /**< In the file; saved ranges only. */
	bool saved; /**< The bytes are (or were, if truncated) in the file. */
	bool writable; /**< PF_W. */
};

struct core_bytes {
	uint8_t *bytes; /**< Owned. */
	size_t length;
};

/** What the container says. All members are owned. */
struct core_image {
	struct core_range *ranges; /**< In the order of the program headers; may overlap. */
	size_t ranges_num;
	struct core_bytes auxv; /**< NT_AUXV as stored. */
	struct core_bytes files; /**< NT_FILE as stored. */
	struct core_bytes recording[RECORDING_NOTES]; /**< Of a snapshot: notes of virtq's own. */
	pid_t pid;
	int signal;
	char *command;
	struct target_thread *threads;
	size_t threads_num;
};

/** Release what an image owns; a zeroed one is fine. */
void core_image_clear(struct core_image *image);

/**
 * Read the headers and notes of the core behind @fd.
 * @param name for messages; borrowed as long as the metadata lives.
 * @return BAD_CORE saying what the file is instead; LIMIT; OS.
 */
MUST_CHECK struct virtq_error *core_metadata_read(int fd, const char *name, uint64_t file_size,
						  struct core_metadata *metadata_ret);
void core_metadata_clear(struct core_metadata *metadata);

/**
 * Fill everything but the ranges in from the notes, through libelf.
 * @return BAD_CORE if the notes say that this is no process's core.
 */
MUST_CHECK struct virtq_error *core_elf_read_notes(const struct core_metadata *metadata,
						   struct core_image *image);
/** Fill the ranges in from the program headers, through libelf. */
MUST_CHECK struct virtq_error *core_elf_read_ranges(const struct core_metadata *metadata,
						    struct core_image *image);

/**
 * Let libbfd validate the core, and replace in @image what it knows better.
 * @return false if it does not accept the core; @image is unchanged then.
 */
bool core_bfd_read(const struct core_metadata *metadata, struct core_image *image);

/** "an empty file", "text", ... from a file's first bytes; static storage. */
const char *core_describe(const void *bytes, size_t length);

#endif
