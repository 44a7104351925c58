/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Part of the table in schema.h: net, vhost, serial and other device models. */
#ifndef VIRTQ_QEMU_SCHEMA_NET_H
#define VIRTQ_QEMU_SCHEMA_NET_H

#define NET_UNITS(X)

/* Where the units are, as in schema.c: function symbols, then names. */
#define NET_UNIT_HOMES

#define NET_STRUCTS(S)

#define NET_MEMBERS(M)

#define NET_SYMBOLS(Y)

#endif
