/* SPDX-License-Identifier: GPL-3.0-or-later */
/* vring/ against definitions that are slower and plainer than it. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>

#include "base/checked.h"
#include "vring/vring.h"

/* ---- Split --------------------------------------------------------------------- */

/** VIRTIO 1.2, 2.7.7.2, word for word: walk from @old_idx to @new_idx and look whether @event is
 * met. */
static bool need_event_by_walking(uint16_t event, uint16_t new_idx, uint16_t old_idx)
{
	for (uint16_t idx = old_idx; idx != new_idx; idx++) {
		if (idx == event)
			return true;
	}
	return false;
}

/** All triples of a few values on both sides of @center, which may be where indices wrap. */
static void check_need_event_around(uint16_t center)
{
	enum { REACH = 20 };

	for (int event = -REACH; event <= REACH; event++) {
		for (int old_idx = -REACH; old_idx <= REACH; old_idx++) {
			for (int new_idx = -REACH; new_idx <= REACH; new_idx++) {
				uint16_t e = (uint16_t)(center + event);
				uint16_t n = (uint16_t)(center + new_idx);
				uint16_t o = (uint16_t)(center + old_idx);

				if (vring_need_event(e, n, o) != need_event_by_walking(e, n, o))
					fail_msg("need_event(event %u, new %u, old %u)", e, n, o);
			}
		}
	}
}

static void test_need_event(void **state)
{
	static const uint16_t centers[] = { 0, 1, 255, 256, 1024, 32767, 32768, 65535 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(centers); i++)
		check_need_event_around(centers[i]);
}

/** Every event for a few moves, of every length that a queue of any size can make. */
static void test_need_event_every_event(void **state)
{
	static const uint16_t olds[] = { 0, 40000, 65535 - 128, 65535 };
	static const uint16_t moves[] = { 0, 1, 2, 256, 1023, 1024, 32767, 32768, 65535 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(olds); i++) {
		for (size_t j = 0; j < ARRAY_SIZE(moves); j++) {
			uint32_t hits = 0;

			for (uint32_t event = 0; event < 65536; event++) {
				bool passed = vring_need_event(
					(uint16_t)event, (uint16_t)(olds[i] + moves[j]), olds[i]);
				uint16_t from_old = (uint16_t)(event - olds[i]);

				assert_int_equal(passed, from_old < moves[j]);
				hits += passed;
			}
			assert_int_equal(hits, moves[j]);
		}
	}
}

static void test_header(void **state)
{
	static const uint8_t bytes[] = { 0x01, 0x00, 0xfe, 0xff };
	struct vring_header little = vring_header_decode(bytes, LITTLE_ENDIAN_ORDER);
	struct vring_header big = vring_header_decode(bytes, BIG_ENDIAN_ORDER);

	(void)state;
	assert_int_equal(little.flags, 1);
	assert_int_equal(little.idx, 65534);
	assert_int_equal(big.flags, 0x100);
	assert_int_equal(big.idx, 0xfeff);
}

/** struct virtq_avail and struct virtq_used of VIRTIO 1.2, 2.7.6 and 2.7.8, as C lays them out. */
static void test_offsets(void **state)
{
	struct avail_of_8 {
		uint16_t flags, idx, ring[8], used_event;
	};
	struct used_of_8 {
		uint16_t flags, idx;
		struct {
			uint32_t id, len;
		} ring[8];
		uint16_t avail_event;
	};

	(void)state;
	assert_int_equal(VRING_HEADER_SIZE, offsetof(struct avail_of_8, ring));
	assert_int_equal(vring_used_event_offset(8), offsetof(struct avail_of_8, used_event));
	assert_int_equal(vring_avail_event_offset(8), offsetof(struct used_of_8, avail_event));
	assert_int_equal(vring_used_event_offset(256), 516);
	assert_int_equal(vring_avail_event_offset(256), 2052);
	/* legacy rings need not be a power of two */
	assert_int_equal(vring_used_event_offset(3), 10);
	assert_int_equal(vring_avail_event_offset(3), 28);
	assert_int_equal(vring_used_event_offset(VRING_NUM_MAX), 2052);
	assert_int_equal(vring_avail_event_offset(VRING_NUM_MAX), 8196);
}

/* ---- Packed -------------------------------------------------------------------- */

static void test_packed_descriptor(void **state)
{
	struct descriptor { /* 2.8.13 */
		uint64_t addr;
		uint32_t len;
		uint16_t id, flags;
	};
	struct event_suppress { /* 2.8.14 */
		uint16_t desc, flags;
	};

	(void)state;
	assert_int_equal(VRING_PACKED_DESC_SIZE, sizeof(struct descriptor));
	assert_int_equal(VRING_PACKED_DESC_FLAGS, offsetof(struct descriptor, flags));
	assert_int_equal(VRING_PACKED_EVENT_SIZE, sizeof(struct event_suppress));
	assert_int_equal(VRING_PACKED_EVENT_ENABLE, 0);
	assert_int_equal(VRING_PACKED_EVENT_DISABLE, 1);
	assert_int_equal(VRING_PACKED_EVENT_DESC, 2);
}

/** 2.8.1: all values of the two bits, with every other bit set and clear. */
static void test_packed_available(void **state)
{
	static const struct {
		bool avail, used, wrap, available;
	} cases[] = {
		{ false, false, true, false }, /* the ring as it is first: zeros */
		{ false, false, false, false },
		{ true, false, true, true },   /* made available in a lap with the counter set */
		{ true, false, false, false }, /* not read yet: left from the lap before */
		{ false, true, false, true },  /* made available in a lap with the counter clear */
		{ false, true, true, false },
		{ true, true, true, false }, /* used */
		{ true, true, false, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint16_t flags =
			(uint16_t)((cases[i].avail ? 1 << 7 : 0) | (cases[i].used ? 1 << 15 : 0));

		assert_int_equal(vring_packed_is_available(flags, cases[i].wrap),
				 cases[i].available);
		assert_int_equal(vring_packed_is_available(flags | 0x7f7f, cases[i].wrap),
				 cases[i].available);
	}
}

/** Step by step from one position to the other, as a device does. */
static unsigned int packed_distance_by_walking(unsigned int idx, bool wrap, unsigned int from_idx,
					       bool from_wrap, unsigned int num)
{
	unsigned int steps = 0;

	while (from_idx != idx || from_wrap != wrap) {
		if (++from_idx == num) {
			from_idx = 0;
			from_wrap = !from_wrap;
		}
		steps++;
	}
	return steps;
}

static void test_packed_distance(void **state)
{
	static const unsigned int nums[] = { 1, 2, 3, 7, 8, 16 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(nums); i++) {
		unsigned int num = nums[i];

		for (unsigned int a = 0; a < 2 * num; a++) {
			for (unsigned int b = 0; b < 2 * num; b++) {
				unsigned int idx = a % num, from = b % num;
				bool wrap = a < num, from_wrap = b < num;

				assert_int_equal(
					vring_packed_distance(idx, wrap, from, from_wrap, num),
					packed_distance_by_walking(idx, wrap, from, from_wrap,
								   num));
			}
		}
	}
}

/** Slots outside the ring, as a hostile target may say: any answer, but one on the circle. */
static void test_packed_distance_of_nonsense(void **state)
{
	static const unsigned int slots[] = { 0, 1, 255, 256, 511, 512, 513, 32768, 65535 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(slots); i++) {
		for (size_t j = 0; j < ARRAY_SIZE(slots); j++) {
			for (int wraps = 0; wraps < 4; wraps++)
				assert_true(vring_packed_distance(slots[i], wraps & 1, slots[j],
								  wraps & 2, 256) < 512);
		}
	}
	assert_int_equal(vring_packed_distance(5, true, 3, true, 0), 0);
	/* twice as many are 0 in 32 bits */
	assert_int_equal(vring_packed_distance(5, true, 3, true, 0x80000000), 0);
	assert_int_equal(vring_packed_distance(5, true, 3, true, UINT32_MAX), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_need_event),
		cmocka_unit_test(test_need_event_every_event),
		cmocka_unit_test(test_header),
		cmocka_unit_test(test_offsets),
		cmocka_unit_test(test_packed_descriptor),
		cmocka_unit_test(test_packed_available),
		cmocka_unit_test(test_packed_distance),
		cmocka_unit_test(test_packed_distance_of_nonsense),
	};

	return cmocka_run_group_tests_name("vring", tests, NULL, NULL);
}
