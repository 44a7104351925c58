/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Scope guards: release on every way out of a block. */
#ifndef VIRTQ_BASE_CLEANUP_H
#define VIRTQ_BASE_CLEANUP_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static inline void cleanup_free_pointer(void *pointer)
{
	free(*(void **)pointer);
}
static inline void cleanup_close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}
static inline void cleanup_fclose_file(FILE **file)
{
	if (*file)
		fclose(*file);
}

#define _cleanup_free_ __attribute__((cleanup(cleanup_free_pointer)))
#define _cleanup_close_ __attribute__((cleanup(cleanup_close_fd)))
#define _cleanup_fclose_ __attribute__((cleanup(cleanup_fclose_file)))

/** Hand a guarded pointer out of its scope. */
#define take_pointer(pointer)                              \
	({                                                 \
		__typeof__(pointer) taken_pointer_ = (pointer); \
		(pointer) = NULL;                          \
		taken_pointer_;                            \
	})

/** Hand a guarded descriptor out of its scope. */
#define take_fd(fd)                     \
	({                              \
		int taken_fd_ = (fd);   \
		(fd) = -1;              \
		taken_fd_;              \
	})

#endif
