/* SPDX-License-Identifier: GPL-3.0-or-later */
/* vring/chain.h: descriptor chains as a driver writes them, and as it must not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/checked.h"
#include "vring/chain.h"

enum { NUM = 8, NEXT = CHAIN_DESC_F_NEXT, WRITE = CHAIN_DESC_F_WRITE };
enum { INDIRECT = CHAIN_DESC_F_INDIRECT };

/** Guest memory: 64 KiB at 0x10000; what lies above 0x30000 is outside for sure. */
enum { GUEST_BASE = 0x10000, GUEST_SIZE = 0x10000, OUTSIDE = 0x30000 };
struct guest {
	uint8_t bytes[GUEST_SIZE];
	size_t read; /**< Bytes that were asked for. */
};

static bool read_guest(void *argument, uint64_t gpa, void *buffer, size_t length)
{
	struct guest *guest = argument;

	if (!range_inside(gpa, length, GUEST_BASE, GUEST_BASE + GUEST_SIZE))
		return false;
	memcpy(buffer, guest->bytes + (gpa - GUEST_BASE), length);
	guest->read += length;
	return true;
}

static bool is_outside(void *argument, uint64_t gpa, uint64_t length)
{
	(void)argument;
	return gpa >= OUTSIDE || length > OUTSIDE - gpa;
}

struct fixture {
	enum byte_order order;
	uint8_t bytes[NUM * CHAIN_DESC_SIZE];
	struct guest guest;
	struct chain chain;
};

static void put(uint8_t *to, uint64_t value, size_t size, enum byte_order order)
{
	for (size_t i = 0; i < size; i++)
		to[order == BIG_ENDIAN_ORDER ? size - 1 - i : i] = (uint8_t)(value >> 8 * i);
}

/** A descriptor of a split table at @to. */
static void put_split(const struct fixture *fixture, uint8_t *to, uint64_t gpa, uint32_t length,
		      uint16_t flags, uint16_t next)
{
	put(to, gpa, 8, fixture->order);
	put(to + 8, length, 4, fixture->order);
	put(to + 12, flags, 2, fixture->order);
	put(to + 14, next, 2, fixture->order);
}

static void split(struct fixture *fixture, unsigned int index, uint64_t gpa, uint32_t length,
		  uint16_t flags, uint16_t next)
{
	put_split(fixture, fixture->bytes + (size_t)index * CHAIN_DESC_SIZE, gpa, length, flags,
		  next);
}

/** A descriptor of an indirect table at @gpa. */
static void indirect(struct fixture *fixture, uint64_t table, unsigned int index, uint64_t gpa,
		     uint32_t length, uint16_t flags, uint16_t next)
{
	put_split(fixture,
		  fixture->guest.bytes + (table - GUEST_BASE) + (size_t)index * CHAIN_DESC_SIZE,
		  gpa, length, flags, next);
}

/** The same for a packed ring: id before flags. */
static void packed(struct fixture *fixture, unsigned int index, uint64_t gpa, uint32_t length,
		   uint16_t id, uint16_t flags)
{
	split(fixture, index, gpa, length, id, flags);
}

static struct chain_memory memory_of(struct fixture *fixture)
{
	return (struct chain_memory){ read_guest, is_outside, &fixture->guest };
}

static const struct chain *decode(struct fixture *fixture, uint16_t head)
{
	const struct chain_table table = { fixture->bytes, NUM, fixture->order };
	const struct chain_memory memory = memory_of(fixture);

	chain_decode_split(&table, head, &memory, &fixture->chain);
	return &fixture->chain;
}

static const struct chain *decode_packed(struct fixture *fixture, unsigned int slot)
{
	const struct chain_table table = { fixture->bytes, NUM, fixture->order };
	const struct chain_memory memory = memory_of(fixture);

	chain_decode_packed(&table, slot, &memory, &fixture->chain);
	return &fixture->chain;
}

static void assert_chain(const struct chain *chain, enum chain_fault fault,
			 unsigned int descriptors, uint64_t out, uint64_t in)
{
	assert_int_equal(chain->fault, fault);
	assert_int_equal(chain->descriptors, descriptors);
	assert_int_equal(chain->out_length, out);
	assert_int_equal(chain->in_length, in);
}

/** A read of 4096 bytes as virtio-blk's driver makes it: header, data, status. */
static void put_read(struct fixture *fixture)
{
	split(fixture, 5, 0x10000, 16, NEXT, 2);
	split(fixture, 2, 0x11000, 4096, NEXT | WRITE, 7);
	split(fixture, 7, 0x12000, 1, WRITE, 0);
}

/* ---- Split ------------------------------------------------------------------------- */

static void test_split(void **state)
{
	static const enum byte_order orders[] = { LITTLE_ENDIAN_ORDER, BIG_ENDIAN_ORDER };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(orders); i++) {
		struct fixture fixture = { .order = orders[i] };

		put_read(&fixture);
		const struct chain *chain = decode(&fixture, 5);
		assert_chain(chain, CHAIN_OK, 3, 16, 4097);
		assert_false(chain->has_indirect);
		assert_int_equal(chain->slots, 1);
		assert_int_equal(chain->out_num, 1);
		assert_int_equal(chain->out[0].gpa, 0x10000);
		assert_int_equal(fixture.guest.read, 0);
	}
}

static void test_split_indirect(void **state)
{
	struct fixture fixture = { .order = LITTLE_ENDIAN_ORDER };

	(void)state;
	/* NEXT of a descriptor that is INDIRECT leads nowhere, as QEMU has it */
	split(&fixture, 1, 0x18000, 4 * CHAIN_DESC_SIZE, INDIRECT | NEXT, 999);
	indirect(&fixture, 0x18000, 0, 0x10000, 16, NEXT, 3);
	indirect(&fixture, 0x18000, 3, 0x11000, 512, NEXT, 1);
	indirect(&fixture, 0x18000, 1, 0x12000, 1, WRITE, 0);
	const struct chain *chain = decode(&fixture, 1);
	assert_chain(chain, CHAIN_OK, 3, 528, 1);
	assert_true(chain->has_indirect);
	assert_int_equal(chain->indirect, 0x18000);
	assert_int_equal(fixture.guest.read, 4 * CHAIN_DESC_SIZE);

	/* INDIRECT later in a chain is a buffer to QEMU */
	put_read(&fixture);
	split(&fixture, 2, 0x11000, 4096, NEXT | WRITE | INDIRECT, 7);
	assert_chain(decode(&fixture, 5), CHAIN_OK, 3, 16, 4097);
}

static void test_split_faults(void **state)
{
	struct fixture fixture = { .order = LITTLE_ENDIAN_ORDER };

	(void)state;
	put_read(&fixture);
	assert_chain(decode(&fixture, NUM), CHAIN_HEAD, 0, 0, 0);
	assert_chain(decode(&fixture, 65535), CHAIN_HEAD, 0, 0, 0);

	split(&fixture, 2, 0x11000, 4096, NEXT | WRITE, NUM);
	assert_chain(decode(&fixture, 5), CHAIN_NEXT, 2, 16, 4096);

	split(&fixture, 2, 0x11000, 4096, NEXT | WRITE, 2);
	assert_int_equal(decode(&fixture, 5)->fault, CHAIN_LOOP);
	assert_int_equal(fixture.chain.descriptors, NUM);

	/* all descriptors in one chain are no loop */
	for (unsigned int i = 0; i < NUM; i++)
		split(&fixture, i, 0x11000, 8, i + 1 < NUM ? NEXT : 0, (uint16_t)(i + 1));
	assert_chain(decode(&fixture, 0), CHAIN_OK, NUM, 8 * NUM, 0);

	put_read(&fixture);
	split(&fixture, 7, 0x12000, 1, 0, 0);
	assert_chain(decode(&fixture, 5), CHAIN_ORDER, 2, 16, 4096);

	put_read(&fixture);
	split(&fixture, 2, 0x11000, 0, NEXT | WRITE, 7);
	assert_chain(decode(&fixture, 5), CHAIN_EMPTY, 1, 16, 0);

	put_read(&fixture);
	split(&fixture, 2, OUTSIDE - 1, 2, NEXT | WRITE, 7);
	assert_chain(decode(&fixture, 5), CHAIN_ADDRESS, 1, 16, 0);
	split(&fixture, 2, UINT64_MAX - 1, 4096, NEXT | WRITE, 7);
	assert_chain(decode(&fixture, 5), CHAIN_ADDRESS, 1, 16, 0);
	/* an address of which nothing is known is no fault */
	split(&fixture, 2, OUTSIDE - 4096, 4096, NEXT | WRITE, 7);
	assert_chain(decode(&fixture, 5), CHAIN_OK, 3, 16, 4097);
}

static void test_indirect_faults(void **state)
{
	static const uint32_t lengths[] = { 0, 1, 15, 17, 3 * CHAIN_DESC_SIZE + 8 };
	struct fixture fixture = { .order = LITTLE_ENDIAN_ORDER };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		split(&fixture, 0, 0x18000, lengths[i], INDIRECT, 0);
		assert_chain(decode(&fixture, 0), CHAIN_INDIRECT_LENGTH, 0, 0, 0);
		assert_true(fixture.chain.has_indirect);
	}
	split(&fixture, 0, 0x18000, 2 * CHAIN_DESC_SIZE, INDIRECT, 0);
	indirect(&fixture, 0x18000, 0, 0x10000, 16, NEXT, 1);
	indirect(&fixture, 0x18000, 1, 0x19000, 32, INDIRECT, 0);
	assert_chain(decode(&fixture, 0), CHAIN_INDIRECT_NESTED, 1, 16, 0);
	/* `next` is bounded by the table, not by the ring */
	indirect(&fixture, 0x18000, 0, 0x10000, 16, NEXT, 2);
	assert_chain(decode(&fixture, 0), CHAIN_NEXT, 1, 16, 0);
	indirect(&fixture, 0x18000, 0, 0x10000, 16, NEXT, 0);
	assert_int_equal(decode(&fixture, 0)->fault, CHAIN_LOOP);
	assert_int_equal(fixture.chain.descriptors, 2);

	/* a table that cannot be read accuses nobody; one outside does */
	split(&fixture, 0, 0x20000, 2 * CHAIN_DESC_SIZE, INDIRECT, 0);
	assert_chain(decode(&fixture, 0), CHAIN_UNREADABLE, 0, 0, 0);
	split(&fixture, 0, OUTSIDE, 2 * CHAIN_DESC_SIZE, INDIRECT, 0);
	assert_chain(decode(&fixture, 0), CHAIN_ADDRESS, 0, 0, 0);

	/* a table of 4 GiB: no more is read than a chain can have */
	fixture.guest.read = 0;
	split(&fixture, 0, 0x10000, UINT32_C(0xfffffff0), INDIRECT, 0);
	const struct chain_table table = { fixture.bytes, NUM, fixture.order };
	const struct chain_memory memory = { read_guest, NULL, &fixture.guest };
	chain_decode_split(&table, 0, &memory, &fixture.chain);
	assert_int_equal(fixture.guest.read, VRING_NUM_MAX * CHAIN_DESC_SIZE);
}

/* ---- Packed ------------------------------------------------------------------------ */

static void test_packed(void **state)
{
	struct fixture fixture = { .order = LITTLE_ENDIAN_ORDER };

	(void)state;
	/* over the end of the ring */
	packed(&fixture, 7, 0x10000, 16, 0, NEXT);
	packed(&fixture, 0, 0x11000, 4096, 0, NEXT | WRITE);
	packed(&fixture, 1, 0x12000, 1, 77, WRITE);
	const struct chain *chain = decode_packed(&fixture, 7);
	assert_chain(chain, CHAIN_OK, 3, 16, 4097);
	assert_int_equal(chain->slots, 3);
	assert_int_equal(chain->id, 77);

	packed(&fixture, 3, 0x18000, 2 * CHAIN_DESC_SIZE, 12, INDIRECT);
	/* in a packed table neither NEXT nor the id says anything */
	indirect(&fixture, 0x18000, 0, 0x10000, 16, 5, 0);
	indirect(&fixture, 0x18000, 1, 0x11000, 8, 6, WRITE);
	chain = decode_packed(&fixture, 3);
	assert_chain(chain, CHAIN_OK, 2, 16, 8);
	assert_int_equal(chain->slots, 1);
	assert_int_equal(chain->id, 12);
	assert_true(chain->has_indirect);
}

static void test_packed_faults(void **state)
{
	struct fixture fixture = { .order = LITTLE_ENDIAN_ORDER };

	(void)state;
	assert_chain(decode_packed(&fixture, NUM), CHAIN_HEAD, 0, 0, 0);
	for (unsigned int i = 0; i < NUM; i++)
		packed(&fixture, i, 0x10000, 8, 1, NEXT);
	assert_int_equal(decode_packed(&fixture, 2)->fault, CHAIN_LOOP);
	assert_int_equal(fixture.chain.slots, NUM);
	packed(&fixture, 3, 0x10000, 0, 1, 0);
	assert_chain(decode_packed(&fixture, 2), CHAIN_EMPTY, 1, 8, 0);
	packed(&fixture, 3, 0x18000, 24, 1, INDIRECT);
	assert_int_equal(decode_packed(&fixture, 3)->fault, CHAIN_INDIRECT_LENGTH);
	packed(&fixture, 3, 0x10000, (VRING_NUM_MAX + 1) * CHAIN_DESC_SIZE, 1, INDIRECT);
	for (unsigned int i = 0; i < VRING_NUM_MAX; i++)
		indirect(&fixture, 0x10000, i, 0x20000, 1, 0, WRITE);
	assert_chain(decode_packed(&fixture, 3), CHAIN_LOOP, VRING_NUM_MAX, 0, VRING_NUM_MAX);
}

/* ---- Headers ----------------------------------------------------------------------- */

static void test_header(void **state)
{
	struct fixture fixture = { .order = LITTLE_ENDIAN_ORDER };
	struct chain_memory memory = memory_of(&fixture);
	uint8_t header[16];

	(void)state;
	for (unsigned int i = 0; i < 32; i++)
		fixture.guest.bytes[i] = (uint8_t)i;
	/* the driver may cut it into pieces (VIRTIO 1.2, 2.7.4) */
	split(&fixture, 0, 0x10004, 5, NEXT, 1);
	split(&fixture, 1, 0x10010, 4096, NEXT, 2);
	split(&fixture, 2, 0x12000, 1, WRITE, 0);
	decode(&fixture, 0);
	assert_true(chain_header(&fixture.chain, &memory, header, sizeof(header)));
	assert_memory_equal(header, "\x04\x05\x06\x07\x08", 5);
	assert_memory_equal(header + 5, fixture.guest.bytes + 0x10, 11);
	/* not a byte more */
	assert_int_equal(fixture.guest.read, sizeof(header));

	split(&fixture, 1, 0x10010, 10, NEXT, 2);
	decode(&fixture, 0);
	assert_false(chain_header(&fixture.chain, &memory, header, sizeof(header)));
	split(&fixture, 1, 0x20010, 4096, NEXT, 2);
	decode(&fixture, 0);
	assert_false(chain_header(&fixture.chain, &memory, header, sizeof(header)));
}

/** Whatever the bytes are, a decoded chain keeps within its bounds. */
static void test_noise(void **state)
{
	static struct fixture fixture;
	unsigned int seed = 1;

	(void)state;
	for (unsigned int round = 0; round < 20000; round++) {
		for (size_t i = 0; i < sizeof(fixture.bytes); i++)
			fixture.bytes[i] = (uint8_t)(rand_r(&seed) >> 8);
		/* half of the time close to something that makes sense */
		for (size_t i = 0; round % 2 && i < NUM; i++)
			split(&fixture, (unsigned int)i,
			      GUEST_BASE + (uint64_t)(rand_r(&seed) % 0x18000),
			      (uint32_t)(rand_r(&seed) % 64), (uint16_t)(rand_r(&seed) % 8),
			      (uint16_t)(rand_r(&seed) % (NUM + 1)));
		const struct chain *chain = decode(&fixture, (uint16_t)(rand_r(&seed) % NUM));
		assert_true(chain->descriptors <= VRING_NUM_MAX);
		assert_true(chain->out_num <= CHAIN_PIECES && chain->out_num <= chain->descriptors);
		if (!chain->fault)
			assert_true(chain->descriptors && chain->out_length + chain->in_length);
		chain = decode_packed(&fixture, (unsigned int)(rand_r(&seed) % NUM));
		assert_true(chain->slots <= NUM && chain->descriptors <= VRING_NUM_MAX);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_split),	       cmocka_unit_test(test_split_indirect),
		cmocka_unit_test(test_split_faults),   cmocka_unit_test(test_indirect_faults),
		cmocka_unit_test(test_packed),	       cmocka_unit_test(test_packed_faults),
		cmocka_unit_test(test_header),	       cmocka_unit_test(test_noise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
