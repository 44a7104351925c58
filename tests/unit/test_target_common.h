/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Assertions about errors, and counts of work, for the tests of targets; after cmocka.h. */
#ifndef VIRTQ_TEST_TARGET_COMMON_H
#define VIRTQ_TEST_TARGET_COMMON_H

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/error.h"

static inline void assert_ok(struct virtq_error *error)
{
	if (error)
		fail_msg("unexpected error %d: %s", virtq_error_code(error),
			 virtq_error_message(error));
}

/** @param part a part of the message, or NULL. */
static inline void assert_error(struct virtq_error *error, enum virtq_error_code code,
				uint64_t address, const char *part)
{
	if (!error)
		fail_msg("no error instead of %d", code);
	if (virtq_error_code(error) != code || error->address != address ||
	    (part && !strstr(virtq_error_message(error), part)))
		fail_msg("error %d at 0x%llx \"%s\" instead of %d at 0x%llx \"%s\"",
			 virtq_error_code(error), (unsigned long long)error->address,
			 virtq_error_message(error), code, (unsigned long long)address,
			 part ? part : "");
	virtq_error_destroy(error);
}

/** What this process has done so far: how often it read from files, how much, and when it is. */
struct work {
	uint64_t calls, bytes;
	double milliseconds;
};

static inline struct work work_so_far(void)
{
	struct work work = { 0 };
	struct timespec now;
	FILE *file = fopen("/proc/self/io", "r");

	if (file && fscanf(file, "rchar: %" SCNu64 " wchar: %*u syscr: %" SCNu64, &work.bytes,
			   &work.calls) != 2)
		work.calls = 0;
	if (file)
		fclose(file);
	clock_gettime(CLOCK_MONOTONIC, &now);
	work.milliseconds = (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
	return work;
}

/** @return all 0 but the time where the kernel does not count. */
static inline struct work work_since(struct work start)
{
	struct work end = work_so_far();

	return (struct work){ end.calls - start.calls, end.bytes - start.bytes,
			      end.milliseconds - start.milliseconds };
}

#endif
