/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Backtraces: from a program counter, a stack pointer and memory that somebody
 * else reads, by the call frame information of the files that are mapped.
 * Names come from the symbols of these files; nothing is searched elsewhere.
 */
#ifndef VIRTQ_DEBUGINFO_UNWINDER_H
#define VIRTQ_DEBUGINFO_UNWINDER_H

#include "base/error.h"

/** Registers by their DWARF numbers; more than any machine here restores by call frame information. */
enum { UNWINDER_REGISTERS = 33 };
enum { UNWINDER_FRAMES_MAX = 40, UNWINDER_MODULES_MAX = 512 };

/** An executable or library and where its first byte is in memory. */
struct unwinder_module {
	const char *path; /**< Of a file that can be opened. */
	uint64_t start; /**< Run-time address of its file offset 0. */
};

struct unwinder_setup {
	const struct unwinder_module *modules;
	size_t modules_num;
	pid_t pid;
	/** Read a word of @size bytes; false ends the backtrace. */
	bool (*read)(void *argument, uint64_t address, size_t size, uint64_t *word_ret);
	void *argument;
};

struct unwinder_thread {
	pid_t tid;
	uint64_t pc;
	uint64_t registers[UNWINDER_REGISTERS];
	uint64_t known; /**< Bit by bit, which of the registers are. */
};

struct unwinder;

/** @return UNSUPPORTED if no module can be read. */
MUST_CHECK struct virtq_error *unwinder_create(const struct unwinder_setup *setup,
					       struct unwinder **unwinder_ret);
/** NULL is fine. */
void unwinder_destroy(struct unwinder *unwinder);

/**
 * Addresses inside of a thread's functions, the innermost first. As far as it
 * goes: what is missing is no error.
 * @return how many there are.
 */
size_t unwinder_run(struct unwinder *unwinder, const struct unwinder_thread *thread,
		    uint64_t frames_ret[UNWINDER_FRAMES_MAX]);

/** An address and the function that it is in. */
struct unwinder_name {
	uint64_t address;
	char *name; /**< NULL: not known; else owned by the caller. */
};

/** Name all addresses at once: the symbols, which are many, are gone through once. */
MUST_CHECK struct virtq_error *unwinder_names(struct unwinder *unwinder,
					      struct unwinder_name *names, size_t num);

#endif
