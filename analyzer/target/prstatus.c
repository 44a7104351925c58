/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <elf.h>

#include "base/checked.h"
#include "target/prstatus.h"

/* The registers are after 112 bytes on all of them, 8 bytes each. */
#define REGISTER(number) (112 + 8 * (number))

const struct prstatus_layout *prstatus_layout(uint16_t machine, uint8_t pointer_size)
{
	static const struct prstatus_layout layouts[] = {
		{ EM_X86_64, 336, REGISTER(16), REGISTER(19), 512, REGISTER(15) },
		{ EM_AARCH64, 392, REGISTER(32), REGISTER(31), 528, 0 },
		{ EM_S390, 336, REGISTER(1), REGISTER(17), 136, 0 },
		{ EM_PPC64, 504, REGISTER(32), REGISTER(1), 264, 0 },
		{ EM_RISCV, 376, REGISTER(0), REGISTER(2), 264, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(layouts) && pointer_size == 8; i++)
		if (layouts[i].machine == machine)
			return &layouts[i];
	return NULL;
}

int prstatus_sp_number(uint16_t machine, uint8_t pointer_size)
{
	if (pointer_size != 8)
		return -1;
	return machine == EM_X86_64 ? 7 : machine == EM_AARCH64 ? 31 : machine == EM_S390 ? 15 : -1;
}

uint16_t prstatus_register(uint16_t machine, uint8_t pointer_size, int number)
{
	/* rax rdx rcx rbx rsi rdi rbp rsp r8...r15, in struct user_regs_struct */
	static const uint8_t x86_64[] = { 10, 12, 11, 5, 13, 14, 4, 19, 9, 8, 7, 6, 3, 2, 1, 0 };

	if (pointer_size != 8 || number < 0)
		return 0;
	switch (machine) {
	case EM_X86_64:
		return number < (int)ARRAY_SIZE(x86_64) ? (uint16_t)REGISTER(x86_64[number]) : 0;
	case EM_AARCH64:
		return number < 32 ? (uint16_t)REGISTER(number) : 0;
	case EM_S390:
		return number < 16 ? (uint16_t)REGISTER(2 + number) : 0;
	default:
		return 0;
	}
}
