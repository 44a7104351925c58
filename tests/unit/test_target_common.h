/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Assertions about errors, for the tests of targets; after cmocka.h. */
#ifndef VIRTQ_TEST_TARGET_COMMON_H
#define VIRTQ_TEST_TARGET_COMMON_H

#include <string.h>

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

#endif
