/* SPDX-License-Identifier: GPL-3.0-or-later */
/* System calls of Linux's machines: their names, and which one the registers of a core say. */
#ifndef VIRTQ_TARGET_SYSCALL_H
#define VIRTQ_TARGET_SYSCALL_H

#include "target/target_internal.h"

/**
 * Set the thread's syscall, and its futex if it waits for a mutex, from the
 * number of the call and its first two arguments.
 * @param machine ELF e_machine; of one that is not known here, this one's numbers are meant.
 */
void syscall_describe(uint16_t machine, uint64_t number, const uint64_t arguments[2],
		      struct target_thread *thread);

/**
 * The same from the registers of a thread that was stopped, as its NT_PRSTATUS
 * has them. Nothing is set if they do not say.
 * @param original x86-64: orig_rax; else of no meaning.
 * @param code the four bytes before the program counter and the four from it on;
 *        NULL: not known, which x86-64 does not need.
 */
void syscall_from_registers(uint16_t machine, uint64_t original, const uint8_t *code,
			    struct target_thread *thread);

/** The same of a machine (aarch64) whose registers do not say without the instruction there. */
void syscall_from_code(struct target *target, struct target_thread *threads, size_t num);

#endif
