/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Descriptor chains: the input is a head, a table's length, and bytes that are
 * the table and then guest memory, which starts at address 0. What comes out
 * keeps within the bounds that chain.h promises.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "fuzz.h"
#include "vring/chain.h"

struct guest {
	const uint8_t *bytes;
	size_t length;
	size_t read; /**< Bytes that were asked for. */
};

static bool read_guest(void *argument, uint64_t gpa, void *buffer, size_t length)
{
	struct guest *guest = argument;

	guest->read += length;
	if (!range_inside(gpa, length, 0, guest->length))
		return false;
	memcpy(buffer, guest->bytes + gpa, length);
	return true;
}

static bool is_outside(void *argument, uint64_t gpa, uint64_t length)
{
	(void)argument;
	return !range_inside(gpa, length, 0, UINT64_C(1) << 32);
}

static void check(const struct chain *chain, const struct chain_memory *memory,
		  struct guest *guest, unsigned int num)
{
	uint8_t header[64];

	fuzz_assert(chain->fault <= CHAIN_ADDRESS);
	fuzz_assert(chain->descriptors <= VRING_NUM_MAX);
	fuzz_assert(chain->slots <= num || chain->slots == 1);
	fuzz_assert(chain->out_num <= CHAIN_PIECES && chain->out_num <= chain->descriptors);
	fuzz_assert(chain->out_length + chain->in_length >= chain->descriptors);
	fuzz_assert(chain->fault || chain->descriptors);
	/* at most one table was read */
	fuzz_assert(guest->read <= (size_t)VRING_NUM_MAX * CHAIN_DESC_SIZE);
	guest->read = 0;
	if (chain_header(chain, memory, header, sizeof(header)))
		fuzz_assert(chain->out_length >= sizeof(header));
	fuzz_assert(guest->read <= sizeof(header));
	guest->read = 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct chain chain;

	if (size < 4)
		return 0;
	uint16_t head = bytes_get_u16(data, LITTLE_ENDIAN_ORDER);
	unsigned int num = bytes_get_u16(data + 2, LITTLE_ENDIAN_ORDER) % (VRING_NUM_MAX + 1);
	data += 4;
	size -= 4;
	if (num > size / CHAIN_DESC_SIZE)
		num = (unsigned int)(size / CHAIN_DESC_SIZE);
	size_t table_size = (size_t)num * CHAIN_DESC_SIZE;
	struct guest guest = { data + table_size, size - table_size, 0 };
	const struct chain_memory known = { read_guest, is_outside, &guest };
	const struct chain_memory unknown = { NULL, NULL, NULL };

	for (int big = 0; big < 2; big++) {
		const struct chain_table table = { data, num,
						   big ? BIG_ENDIAN_ORDER : LITTLE_ENDIAN_ORDER };

		chain_decode_split(&table, head, &known, &chain);
		check(&chain, &known, &guest, num);
		chain_decode_packed(&table, head, &known, &chain);
		check(&chain, &known, &guest, num);
		chain_decode_split(&table, head, &unknown, &chain);
		check(&chain, &unknown, &guest, num);
	}
	return 0;
}

static void put(uint8_t *to, uint64_t gpa, uint32_t length, uint16_t third, uint16_t fourth)
{
	const uint64_t values[] = { gpa, length, third, fourth };
	static const size_t sizes[] = { 8, 4, 2, 2 };

	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		for (size_t j = 0; j < sizes[i]; j++)
			*to++ = (uint8_t)(values[i] >> 8 * j);
	}
}

/** A plain chain, one with an indirect table, and a packed one. */
size_t fuzz_seed(size_t index, uint8_t *seed, size_t size)
{
	enum { NUM = 4, LENGTH = 4 + 2 * NUM * CHAIN_DESC_SIZE };
	uint8_t *table = seed + 4, *guest = table + NUM * CHAIN_DESC_SIZE;

	if (index >= 3 || size < LENGTH)
		return 0;
	memset(seed, 0, LENGTH);
	seed[2] = NUM;
	uint8_t *to = index == 1 ? guest : table;
	bool packed = index == 2;
	uint16_t flags[] = { CHAIN_DESC_F_NEXT, CHAIN_DESC_F_NEXT | CHAIN_DESC_F_WRITE,
			     CHAIN_DESC_F_WRITE };
	for (uint16_t i = 0; i < ARRAY_SIZE(flags); i++)
		put(to + (size_t)i * CHAIN_DESC_SIZE, 16, 32, packed ? 1 : flags[i],
		    packed ? flags[i] : (uint16_t)(i + 1));
	if (index == 1)
		put(table, 0, 3 * CHAIN_DESC_SIZE, CHAIN_DESC_F_INDIRECT, 0);
	return LENGTH;
}
