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
 * The same, and in_user_mode, from the registers of a thread that was stopped,
 * as its NT_PRSTATUS has them. Nothing is set if they do not say.
 * @param code the four bytes before the program counter and the four from it on;
 *        NULL: not known, or not needed.
 */
void syscall_from_registers(uint16_t machine, const uint8_t *code, struct target_thread *thread);

/** The same of all threads; where registers do not say without it, the code is read from the target. */
void syscall_of_threads(struct target *target, struct target_thread *threads, size_t num);

#endif
