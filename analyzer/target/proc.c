/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "target/proc.h"
#include "target/prstatus.h"
#include "target/syscall.h"
#include "target/target_internal.h"
#include "target/text.h"

enum { PROC_FILE_LIMIT = 64 << 20 };

struct virtq_error *proc_read(int directory, const char *name, char **text_ret, size_t *length_ret)
{
	_cleanup_close_ int fd = openat(directory, name, O_RDONLY | O_CLOEXEC);
	_cleanup_free_ char *text = NULL;
	size_t length = 0, capacity = 0;

	if (fd < 0)
		return error_os(errno, "/proc: %s", name);
	for (;;) {
		if (length + 1 >= capacity) {
			capacity = capacity ? 2 * capacity : 4096;
			char *grown = capacity <= PROC_FILE_LIMIT ? realloc(text, capacity) : NULL;
			if (!grown)
				return &virtq_error_no_memory;
			text = grown;
		}
		ssize_t got = read(fd, text + length, capacity - length - 1);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return error_os(errno, "/proc: %s", name);
		if (got == 0)
			break;
		length += (size_t)got;
	}
	text[length] = 0;
	*text_ret = take_pointer(text);
	*length_ret = length;
	return NULL;
}

bool proc_parse_stat(const char *text, char *name, size_t name_size, char *state_ret,
		     unsigned long *flags_ret)
{
	const char *open = strchr(text, '('), *close = strrchr(text, ')');

	if (!open || !close || close < open)
		return false;
	if (sscanf(close + 1, " %c %*d %*d %*d %*d %*d %lu", state_ret, flags_ret) != 2)
		return false;
	size_t length = (size_t)(close - open - 1);
	if (length >= name_size)
		length = name_size - 1;
	memcpy(name, open + 1, length);
	name[length] = 0;
	text_make_printable(name);
	return true;
}

uint64_t proc_start_time(const char *stat_text)
{
	unsigned long long ticks;
	struct timespec boot, now;
	const char *close = strrchr(stat_text, ')');
	long hz = sysconf(_SC_CLK_TCK);

	if (!close || hz <= 0 ||
	    sscanf(close + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d"
			      " %*d %*d %llu", &ticks) != 1 ||
	    clock_gettime(CLOCK_BOOTTIME, &boot) < 0 || clock_gettime(CLOCK_REALTIME, &now) < 0)
		return 0;
	return (uint64_t)(now.tv_sec - boot.tv_sec) + ticks / (unsigned long)hz;
}

/**
 * Where a thread waits in the kernel: "running", "-1 SP PC" outside of a system
 * call, or "NUMBER six arguments SP PC". The arguments are nobody's business but
 * for the address of a mutex.
 */
static void read_syscall(int directory, const struct target_info *info, const char *tid,
			 struct target_thread *thread)
{
	_cleanup_free_ char *text = NULL;
	char path[64];
	size_t length;
	long number;

	snprintf(path, sizeof(path), "task/%.16s/syscall", tid);
	_cleanup_error_ struct virtq_error *error = proc_read(directory, path, &text, &length);
	if (error || sscanf(text, "%ld", &number) != 1)
		return;
	if (number < 0)
		thread->has_pc = sscanf(text, "%*d %" SCNx64 " %" SCNx64, &thread->sp,
					&thread->pc) == 2;
	else
		thread->has_pc = sscanf(text, "%*d %*s %*s %*s %*s %*s %*s %" SCNx64 " %" SCNx64,
					&thread->sp, &thread->pc) == 2;
	int sp = prstatus_sp_number(info->machine, info->pointer_size);
	if (thread->has_pc && sp >= 0) {
		thread->registers[sp] = thread->sp;
		thread->registers_known = UINT64_C(1) << sp;
	}
	thread->in_user_mode = number < 0;
	if (number < 0)
		return;
	uint64_t arguments[2] = { 0 };
	if (sscanf(text, "%*d %" SCNx64 " %" SCNx64, &arguments[0], &arguments[1]) == 2)
		syscall_describe(info->machine, (uint64_t)number, arguments, thread);
}

static struct virtq_error *read_thread(int directory, const struct target_info *info,
				       const char *tid, struct target_thread *thread_ret)
{
	struct target_thread thread = { .tid = (pid_t)strtol(tid, NULL, 10) };
	_cleanup_free_ char *text = NULL;
	char path[64];
	size_t length;
	unsigned long flags;

	snprintf(path, sizeof(path), "task/%.16s/stat", tid);
	TRY(proc_read(directory, path, &text, &length));
	if (!proc_parse_stat(text, thread.name, sizeof(thread.name), &thread.state, &flags))
		return error_new(VIRTQ_ERROR_BAD_DATA, "/proc: %s", path);
	read_syscall(directory, info, tid, &thread);
	*thread_ret = thread;
	return NULL;
}

static void closedir_pointer(DIR **directory)
{
	if (*directory)
		closedir(*directory);
}

static struct virtq_error *error_exited(pid_t pid)
{
	return error_new(VIRTQ_ERROR_NO_PROCESS, "process %d exited", (int)pid);
}

struct virtq_error *proc_get_threads(int directory, const struct target_info *info,
				     struct target_thread **threads_ret, size_t *num_ret)
{
	_cleanup_free_ struct target_thread *threads = NULL;
	size_t num = 0, capacity = 0;
	struct dirent *entry;

	int fd = openat(directory, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	__attribute__((cleanup(closedir_pointer))) DIR *tasks = fd < 0 ? NULL : fdopendir(fd);
	if (!tasks) {
		int os_errno = errno;

		if (fd >= 0)
			close(fd);
		return os_errno == ESRCH || os_errno == ENOENT ?
			       error_exited(info->pid) :
			       error_os(os_errno, "threads of process %d", (int)info->pid);
	}
	while ((entry = readdir(tasks)) && num < TARGET_THREADS_LIMIT) {
		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		if (!array_grow(&threads, num, &capacity, sizeof(*threads)))
			return &virtq_error_no_memory;
		struct virtq_error *error =
			read_thread(directory, info, entry->d_name, &threads[num]);
		if (!error)
			num++;
		virtq_error_destroy(error); /* it ended since readdir() */
	}
	if (!num)
		return error_exited(info->pid);
	*threads_ret = take_pointer(threads);
	*num_ret = num;
	return NULL;
}

/** "eventfd-count: %16llx" among the lines of fdinfo. */
struct virtq_error *proc_get_eventfd_count(int directory, int fd, uint64_t *count_ret)
{
	static const char key[] = "eventfd-count:";
	char path[32], text[512];

	snprintf(path, sizeof(path), "fdinfo/%d", fd);
	_cleanup_close_ int info = openat(directory, path, O_RDONLY | O_CLOEXEC);
	ssize_t length = info < 0 ? -1 : read(info, text, sizeof(text) - 1);
	if (length < 0)
		return error_os(errno, "/proc: %s", path);
	text[length] = 0;
	const char *line = strstr(text, key);
	if (!line || sscanf(line + strlen(key), "%" SCNx64, count_ret) != 1)
		return error_new(VIRTQ_ERROR_BAD_DATA, "file descriptor %d is no eventfd", fd);
	return NULL;
}
