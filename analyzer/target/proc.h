/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Files of /proc/PID, below a descriptor of that directory. */
#ifndef VIRTQ_TARGET_PROC_H
#define VIRTQ_TARGET_PROC_H

#include "target/target.h"

/** Read a whole file of /proc, which has no size; a NUL is put behind it. */
MUST_CHECK struct virtq_error *proc_read(int directory, const char *name, char **text_ret,
					 size_t *length_ret);

/** comm, state and flags out of "PID (comm) state ppid ... flags ..."; comm may hold anything. */
bool proc_parse_stat(const char *text, char *name, size_t name_size, char *state_ret,
		     unsigned long *flags_ret);

/** When the process of this stat was started, in seconds since 1970; 0 if it does not say. */
uint64_t proc_start_time(const char *stat_text);

/** As target_get_threads(). @param info of the target; its machine says what system calls mean. */
MUST_CHECK struct virtq_error *proc_get_threads(int directory, const struct target_info *info,
						struct target_thread **threads_ret,
						size_t *num_ret);

/** As target_get_eventfd_count(). */
MUST_CHECK struct virtq_error *proc_get_eventfd_count(int directory, int fd, uint64_t *count_ret);

#endif
