/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Part of the table in schema.h: event loops, threads, notifiers and interrupts. */
#ifndef VIRTQ_QEMU_SCHEMA_LOOP_H
#define VIRTQ_QEMU_SCHEMA_LOOP_H

#define LOOP_UNITS(X)

/* Where the units are, as in schema.c: function symbols, then names. */
#define LOOP_UNIT_HOMES

#define LOOP_STRUCTS(S)

#define LOOP_MEMBERS(M)

#define LOOP_SYMBOLS(Y)

#endif
