/* SPDX-License-Identifier: GPL-3.0-or-later */
/* NT_PRSTATUS: where program counter and stack pointer are in it. */
#ifndef VIRTQ_TARGET_PRSTATUS_H
#define VIRTQ_TARGET_PRSTATUS_H

#include <stddef.h>
#include <stdint.h>

/** Of struct elf_prstatus on one of Linux's 64-bit machines. */
struct prstatus_layout {
	uint16_t machine; /**< ELF e_machine. */
	uint16_t size; /**< Of the whole, in bytes. */
	uint16_t pc, sp; /**< Offsets, in bytes. */
	uint16_t fpregset_size; /**< Of NT_FPREGSET, in bytes. */
	uint16_t orig_rax; /**< Offset, in bytes; 0: no such register. */
};

/** The DWARF number of the stack pointer; -1 for a machine that is not known. */
int prstatus_sp_number(uint16_t machine, uint8_t pointer_size);

/** The offset of the register with a DWARF number, in bytes; 0 if it is not kept or not known. */
uint16_t prstatus_register(uint16_t machine, uint8_t pointer_size, int number);

/** NULL for a machine that is not known. */
const struct prstatus_layout *prstatus_layout(uint16_t machine, uint8_t pointer_size);

#endif
