/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <elf.h>
#include <inttypes.h>
#include <linux/futex.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

#include "base/checked.h"
#include "target/syscall.h"

#ifndef SYS_poll
#define SYS_poll -1
#endif
#ifndef SYS_epoll_wait
#define SYS_epoll_wait -1
#endif
#ifndef SYS_pause
#define SYS_pause -1
#endif

/** System calls that QEMU's threads wait in. */
static const struct {
	const char *name;
	int16_t x86_64, generic; /**< generic: aarch64, riscv. -1: it has none. */
	int16_t native;
} names[] = {
	{ "read", 0, 63, SYS_read },
	{ "write", 1, 64, SYS_write },
	{ "ioctl", 16, 29, SYS_ioctl },
	{ "futex", 202, 98, SYS_futex },
	{ "ppoll", 271, 73, SYS_ppoll },
	{ "poll", 7, -1, SYS_poll },
	{ "epoll_wait", 232, -1, SYS_epoll_wait },
	{ "epoll_pwait", 281, 22, SYS_epoll_pwait },
	{ "pause", 34, -1, SYS_pause },
	{ "pread64", 17, 67, SYS_pread64 },
	{ "pwrite64", 18, 68, SYS_pwrite64 },
	{ "preadv", 295, 69, SYS_preadv },
	{ "pwritev", 296, 70, SYS_pwritev },
	{ "fsync", 74, 82, SYS_fsync },
	{ "fdatasync", 75, 83, SYS_fdatasync },
	{ "fallocate", 285, 47, SYS_fallocate },
	{ "recvmsg", 47, 212, SYS_recvmsg },
	{ "sendmsg", 46, 211, SYS_sendmsg },
	{ "io_getevents", 208, 4, SYS_io_getevents },
	{ "io_submit", 209, 2, SYS_io_submit },
	{ "io_uring_enter", 426, 426, SYS_io_uring_enter },
	{ "nanosleep", 35, 101, SYS_nanosleep },
	{ "clock_nanosleep", 230, 115, SYS_clock_nanosleep },
	{ "rt_sigtimedwait", 128, 137, SYS_rt_sigtimedwait },
	{ "restart_syscall", 219, 128, SYS_restart_syscall },
};

static int number_of(size_t i, uint16_t machine)
{
	switch (machine) {
	case EM_X86_64:
		return names[i].x86_64;
	case EM_AARCH64:
	case EM_RISCV:
		return names[i].generic;
	default:
		return names[i].native;
	}
}

void syscall_describe(uint16_t machine, uint64_t number, const uint64_t arguments[2],
		      struct target_thread *thread)
{
	const char *name = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(names) && number <= INT16_MAX && !name; i++)
		if (number_of(i, machine) == (int)number)
			name = names[i].name;
	if (name)
		snprintf(thread->syscall, sizeof(thread->syscall), "%s", name);
	else
		snprintf(thread->syscall, sizeof(thread->syscall), "%" PRIu64, number);
	/* conditions wait by FUTEX_WAIT_BITSET, QEMU's own events by the shared FUTEX_WAIT */
	if (name && !strcmp(name, "futex") && arguments[1] == FUTEX_WAIT_PRIVATE)
		thread->futex = arguments[0];
}

/** Did a call end so because its thread was to be stopped? (linux/errno.h; the first is EINTR.) */
static bool is_interrupted(uint64_t result)
{
	int64_t value = (int64_t)result;

	return value == -4 || value == -512 || value == -513 || value == -514 || value == -516;
}

enum { RAX = 0, RSI = 4, RDI = 5 }; /* DWARF numbers of x86-64 */

/**
 * Has the kernel made the thread ready to repeat its call, if it stands at a
 * SYSCALL instruction? Its number, or restart_syscall's, is then in rax
 * (arch_do_signal_or_restart() in arch/x86/kernel/signal.c). A debugger sees
 * that of a thread that it stops a moment after it was let go.
 */
static bool may_repeat_x86_64(const struct target_thread *thread)
{
	enum { RESTART_SYSCALL = 219 };

	return thread->has_orig_rax && thread->orig_rax >= 0 &&
	       (thread->registers[RAX] == (uint64_t)thread->orig_rax ||
		thread->registers[RAX] == RESTART_SYSCALL);
}

/**
 * orig_rax is negative if the kernel was entered by an interrupt, else the
 * number of the call, and the arguments are still in their registers.
 */
static void from_x86_64(const uint8_t *code, struct target_thread *thread)
{
	static const uint8_t instruction[] = { 0x0f, 0x05 };
	const uint64_t arguments[] = { thread->registers[RDI], thread->registers[RSI] };

	thread->in_user_mode = thread->has_orig_rax && thread->orig_rax < 0;
	if (!thread->has_orig_rax || thread->in_user_mode)
		return;
	if (is_interrupted(thread->registers[RAX]) ||
	    (code && may_repeat_x86_64(thread) &&
	     memcmp(code + 4, instruction, sizeof(instruction)) == 0))
		syscall_describe(EM_X86_64, (uint64_t)thread->orig_rax, arguments, thread);
}

/**
 * Before it stops a thread, the kernel makes it ready to repeat the call: it
 * stands at the SVC instruction with x0 as it was. A call that is not to be
 * repeated has ended with EINTR, and x0 is lost.
 */
static void from_aarch64(const uint8_t *code, struct target_thread *thread)
{
	static const uint8_t svc[] = { 0x01, 0x00, 0x00, 0xd4 };
	enum { X0 = 0, X1 = 1, X8 = 8 };
	uint64_t arguments[] = { thread->registers[X0], thread->registers[X1] };

	if (!code)
		return;
	if (memcmp(code + 4, svc, sizeof(svc)) == 0) {
		syscall_describe(EM_AARCH64, thread->registers[X8], arguments, thread);
	} else if (memcmp(code, svc, sizeof(svc)) == 0) {
		arguments[1] = FUTEX_WAKE;
		if (thread->registers[X0] == (uint64_t)-4)
			syscall_describe(EM_AARCH64, thread->registers[X8], arguments, thread);
	} else {
		thread->in_user_mode = true;
	}
}

void syscall_from_registers(uint16_t machine, const uint8_t *code, struct target_thread *thread)
{
	if (machine == EM_X86_64)
		from_x86_64(code, thread);
	else if (machine == EM_AARCH64)
		from_aarch64(code, thread);
}

enum { CODE_SIZE = 8 };

static bool needs_code(uint16_t machine, const struct target_thread *thread)
{
	return machine == EM_AARCH64 || (machine == EM_X86_64 && may_repeat_x86_64(thread));
}

/** @return false if it cannot be read. */
static bool read_code(struct target *target, const struct target_thread *thread, uint8_t *code)
{
	struct target_request request = {
		.address = thread->pc - 4, .buffer = code, .length = CODE_SIZE,
	};

	if (!thread->has_pc || thread->pc < 4 || thread->pc > UINT64_MAX - CODE_SIZE)
		return false;
	target->ops->read_many(target, &request, 1);
	bool is_read = !request.error;
	virtq_error_destroy(request.error);
	return is_read;
}

void syscall_of_threads(struct target *target, struct target_thread *threads, size_t num)
{
	uint16_t machine = target->info.machine;

	for (size_t i = 0; i < num; i++) {
		uint8_t code[CODE_SIZE];
		bool has_code = needs_code(machine, &threads[i]) &&
				read_code(target, &threads[i], code);

		syscall_from_registers(machine, has_code ? code : NULL, &threads[i]);
	}
}
