/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Part of the table in schema.h: the block layer, virtio-blk and virtio-scsi. */
#ifndef VIRTQ_QEMU_SCHEMA_BLOCK_H
#define VIRTQ_QEMU_SCHEMA_BLOCK_H

#define BLOCK_UNITS(X)

/* Where the units are, as in schema.c: function symbols, then names. */
#define BLOCK_UNIT_HOMES

#define BLOCK_STRUCTS(S)

#define BLOCK_MEMBERS(M)

#define BLOCK_SYMBOLS(Y)

#endif
