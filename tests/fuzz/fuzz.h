/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What every fuzz target is: to libFuzzer, and to replay.c. */
#ifndef VIRTQ_TESTS_FUZZ_H
#define VIRTQ_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/** Run one input; anything but a return is a find. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/**
 * Make a seed, so that fuzzing and replaying begin with inputs that get far.
 * @param size room in @seed, in bytes.
 * @return its length in bytes, 0 if there is no seed @index.
 */
size_t fuzz_seed(size_t index, uint8_t *seed, size_t size);

/** Most bytes of a seed. */
enum { FUZZ_SEED_MAX = 64 << 10 };

/** A promise that virtq makes and broke. */
#define fuzz_assert(condition)                                                                     \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #condition);  \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

#endif
