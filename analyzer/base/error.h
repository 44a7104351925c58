/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The error object. A function that can fail returns `struct virtq_error *`;
 * NULL is success. Output parameters are written on success only.
 */
#ifndef VIRTQ_BASE_ERROR_H
#define VIRTQ_BASE_ERROR_H

#include <stdarg.h>

#include "virtq.h"

#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(string, first) __attribute__((format(printf, string, first)))

struct virtq_error {
	enum virtq_error_code code;
	int os_errno; /**< For VIRTQ_ERROR_OS, else 0. */
	uint64_t address; /**< Host-virtual address for UNMAPPED, NOT_SAVED, TRUNCATED, else 0. */
	char *message;
};

/** The one error that needs no memory to report. Destroying it is harmless. */
extern struct virtq_error virtq_error_no_memory;

MUST_CHECK struct virtq_error *error_new(enum virtq_error_code code, const char *format, ...)
	PRINTF_LIKE(2, 3) __attribute__((returns_nonnull));

/** @param address host-virtual address at which reading stopped. */
MUST_CHECK struct virtq_error *error_address(enum virtq_error_code code, uint64_t address,
					     const char *format, ...)
	PRINTF_LIKE(3, 4) __attribute__((returns_nonnull));

/** "<formatted>: <strerror(os_errno)>"; EPERM and EACCES become NO_PERMISSION, ESRCH NO_PROCESS. */
MUST_CHECK struct virtq_error *error_os(int os_errno, const char *format, ...)
	PRINTF_LIKE(2, 3) __attribute__((returns_nonnull));

/** Put "<formatted>: " before the message; takes over and returns @error. NULL stays NULL. */
MUST_CHECK struct virtq_error *error_prefix(struct virtq_error *error, const char *format, ...)
	PRINTF_LIKE(2, 3);

/** @error once more, for another owner; NULL stays NULL. */
MUST_CHECK struct virtq_error *error_copy(const struct virtq_error *error);

/** Is there no use going on: memory ran out, or the live target is gone? */
static inline bool error_is_fatal(const struct virtq_error *error)
{
	return error &&
	       (error->code == VIRTQ_ERROR_NO_MEMORY || error->code == VIRTQ_ERROR_NO_PROCESS);
}

/** Of the errors of many reads: keep the first fatal one in @*gone, and destroy all others. */
static inline void error_keep_fatal(struct virtq_error **gone, struct virtq_error *error)
{
	if (!*gone && error_is_fatal(error))
		*gone = error;
	else
		virtq_error_destroy(error);
}

/** Destroy @error if it has @code and return true; else leave it alone and return false. */
bool error_catch(struct virtq_error **error, enum virtq_error_code code);

static inline void error_destroy_pointer(struct virtq_error **error)
{
	virtq_error_destroy(*error);
}
#define _cleanup_error_ __attribute__((cleanup(error_destroy_pointer)))

/** Return from the calling function if @expression gives an error. */
#define TRY(expression)                                     \
	do {                                                \
		struct virtq_error *try_error_ = (expression); \
		if (try_error_)                             \
			return try_error_;                  \
	} while (0)

#endif
