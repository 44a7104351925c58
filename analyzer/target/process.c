/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A live process, read by process_vm_readv() while it runs: no ptrace, no
 * signal, no pause. A directory descriptor on /proc/PID and a pidfd, both
 * opened first, make sure that what is read is of that process and not of a
 * later one with its number.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "target/elf_reader.h"
#include "target/notes.h"
#include "target/proc.h"
#include "target/target_internal.h"
#include "target/text.h"

struct process_target {
	struct target base;
	int directory; /**< /proc/PID. */
	int pidfd; /**< -1 if the kernel (before 5.3) has none: then a reused PID goes unseen. */
};

static struct virtq_error *error_exited(pid_t pid)
{
	return error_new(VIRTQ_ERROR_NO_PROCESS, "process %d exited", (int)pid);
}

/* ------------------------------------------------------------------ */
/* Reading */

static bool has_exited(const struct process_target *process)
{
	struct pollfd pollfd = { .fd = process->pidfd, .events = POLLIN };

	return process->pidfd >= 0 && poll(&pollfd, 1, 0) > 0;
}

/** Why this process may not be read, and by whom it could be. */
static struct virtq_error *error_permission(pid_t pid)
{
	char path[64], scope = '0', hint[160] = "";
	struct stat status;
	uid_t self = geteuid();

	snprintf(path, sizeof(path), "/proc/%d", (int)pid);
	_cleanup_close_ int yama = open("/proc/sys/kernel/yama/ptrace_scope", O_RDONLY | O_CLOEXEC);
	if (yama < 0 || read(yama, &scope, 1) != 1)
		scope = '0';
	if (self == 0)
		snprintf(hint, sizeof(hint), "CAP_SYS_PTRACE is missing (a container?)%s",
			 scope == '3' ? ", and kernel.yama.ptrace_scope=3 forbids it to all" : "");
	else if (stat(path, &status) == 0 && status.st_uid != self)
		snprintf(hint, sizeof(hint),
			 "it belongs to user %u; run as that user, as root, or with CAP_SYS_PTRACE",
			 (unsigned int)status.st_uid);
	else if (scope != '0')
		snprintf(hint, sizeof(hint),
			 "kernel.yama.ptrace_scope is %c; run as root or with CAP_SYS_PTRACE", scope);
	else
		snprintf(hint, sizeof(hint),
			 "it has privileges of its own; run as root or with CAP_SYS_PTRACE");
	return error_new(VIRTQ_ERROR_NO_PERMISSION, "process %d may not be read: %s", (int)pid, hint);
}

/** Say of a file of /proc/PID that could not be read what that means for the process. */
static struct virtq_error *explain(struct virtq_error *error, pid_t pid)
{
	struct virtq_error *better = NULL;

	if (!error)
		return NULL;
	if (error->os_errno == ENOENT || error->os_errno == ESRCH)
		better = error_exited(pid);
	else if (error->os_errno == EACCES || error->os_errno == EPERM)
		better = error_permission(pid);
	if (!better)
		return error;
	virtq_error_destroy(error);
	return better;
}

/** An error that is about the whole process, or NULL if @os_errno is about an address. */
static struct virtq_error *error_of_process(const struct process_target *process, int os_errno)
{
	pid_t pid = process->base.info.pid;

	switch (os_errno) {
	case EFAULT:
		return NULL;
	case ESRCH:
		return error_exited(pid);
	case EPERM:
	case EACCES:
		return error_permission(pid);
	case ENOSYS:
		return error_new(VIRTQ_ERROR_UNSUPPORTED,
				 "this kernel or sandbox has no process_vm_readv()");
	default:
		return error_os(os_errno, "reading process %d", (int)pid);
	}
}

/** A read that is under way: requests[first] from byte `done` on, then those after it. */
struct transfer {
	struct target_request *requests;
	size_t num;
	size_t first;
	size_t done;
};

/**
 * One call for up to IOV_MAX requests, in order.
 * @param length_limit read no more than this of the first one, and none of the others; 0: no limit.
 * @return number of bytes read, -1 with errno.
 */
static ssize_t read_some(struct process_target *process, const struct transfer *transfer,
			 size_t length_limit)
{
	struct iovec local[IOV_MAX], remote[IOV_MAX];
	size_t num = 0;

	for (size_t i = transfer->first; i < transfer->num && num < IOV_MAX; i++) {
		const struct target_request *request = &transfer->requests[i];
		size_t skip = i == transfer->first ? transfer->done : 0;
		size_t length = request->length - skip;

		if (length_limit && length > length_limit)
			length = length_limit;
		local[num] = (struct iovec){ (uint8_t *)request->buffer + skip, length };
		remote[num] = (struct iovec){ (void *)(uintptr_t)(request->address + skip), length };
		num++;
		if (length_limit)
			break;
	}
	process->base.statistics.calls++;
	return process_vm_readv(process->base.info.pid, local, num, remote, num, 0);
}

static void advance(struct transfer *transfer, size_t got)
{
	while (got) {
		size_t left = transfer->requests[transfer->first].length - transfer->done;

		if (got < left) {
			transfer->done += got;
			return;
		}
		got -= left;
		transfer->first++;
		transfer->done = 0;
	}
}

/**
 * The call failed with EFAULT and read nothing. Linux has then read all pages
 * before the bad one in earlier calls, but promises only to stop somewhere in
 * the range, so look page by page for where exactly.
 */
static int find_bad_page(struct process_target *process, struct transfer *transfer)
{
	size_t index = transfer->first;
	const struct target_request *request = &transfer->requests[index];

	while (transfer->first == index) {
		uint64_t address = request->address + transfer->done;
		ssize_t got = read_some(process, transfer, page_left(address));

		if (got <= 0)
			return got < 0 ? errno : EFAULT;
		advance(transfer, (size_t)got);
	}
	return 0;
}

static void fail_rest(struct process_target *process, struct transfer *transfer, int os_errno)
{
	for (size_t i = transfer->first; i < transfer->num; i++)
		transfer->requests[i].error = error_of_process(process, os_errno);
}

static void process_read_many(struct target *base, struct target_request *requests, size_t num)
{
	struct process_target *process = (struct process_target *)base;
	struct transfer transfer = { .requests = requests, .num = num };

	while (transfer.first < num) {
		ssize_t got = read_some(process, &transfer, 0);

		if (got > 0) {
			advance(&transfer, (size_t)got);
			continue;
		}
		int os_errno = got < 0 ? errno : EFAULT;
		if (os_errno == EFAULT)
			os_errno = find_bad_page(process, &transfer);
		if (os_errno == EFAULT) {
			requests[transfer.first].error = target_error_unmapped(
				requests[transfer.first].address + transfer.done);
			transfer.first++;
			transfer.done = 0;
		} else if (os_errno) {
			fail_rest(process, &transfer, os_errno);
			break;
		}
	}

	/* Alive after the read means that the PID was not another process's during it. */
	if (!has_exited(process))
		return;
	for (size_t i = 0; i < num; i++) {
		virtq_error_destroy(requests[i].error);
		requests[i].error = error_exited(base->info.pid);
	}
}

/* ------------------------------------------------------------------ */
/* /proc */

/** "start-end perms offset device inode   path"; @return false if no file is mapped. */
static bool parse_mapping(char *line, struct target_mapping *mapping_ret)
{
	char *path = strchr(line, '/'), *at;

	/* Most have none, and sscanf() would take longer than all that is read of the process. */
	if (!path)
		return false;
	mapping_ret->start = strtoull(line, &at, 16);
	if (*at != '-')
		return false;
	mapping_ret->end = strtoull(at + 1, &at, 16);
	at += strspn(at, " ");
	at += strcspn(at, " "); /* permissions */
	mapping_ret->file_offset = strtoull(at, &at, 16);
	for (int i = 0; i < 2; i++) { /* device, inode */
		at += strspn(at, " ");
		at += strcspn(at, " ");
	}
	mapping_ret->path = path;
	return at + strspn(at, " ") == path;
}

static struct virtq_error *read_mappings(struct process_target *process)
{
	struct target *base = &process->base;
	size_t length, capacity = 0;
	char *next;

	/* The lines stay where they are and the paths point into them. */
	TRY(proc_read(process->directory, "maps", &base->mapping_paths, &length));
	for (char *line = base->mapping_paths; *line; line = next) {
		struct target_mapping mapping;

		next = strchrnul(line, '\n');
		if (*next)
			*next++ = 0;
		if (!parse_mapping(line, &mapping))
			continue;
		if (base->mappings_num == TARGET_MAPPINGS_LIMIT)
			break;
		if (!array_grow(&base->mappings, base->mappings_num, &capacity,
				sizeof(*base->mappings)))
			return &virtq_error_no_memory;
		base->mappings[base->mappings_num++] = mapping;
	}
	return NULL;
}

static struct virtq_error *read_command(struct process_target *process)
{
	_cleanup_free_ char *arguments = NULL;
	size_t length;

	TRY(proc_read(process->directory, "cmdline", &arguments, &length));
	process->base.command = text_join_arguments(arguments, length);
	if (!process->base.command)
		return &virtq_error_no_memory;
	text_make_printable(process->base.command);
	text_trim(process->base.command);
	return NULL;
}

/** An error that came of a process that is gone says so. */
static struct virtq_error *explain_exit(struct process_target *process, struct virtq_error *error)
{
	if (!error || !has_exited(process))
		return error;
	virtq_error_destroy(error);
	return error_exited(process->base.info.pid);
}

static struct virtq_error *process_get_threads(struct target *base,
					       struct target_thread **threads_ret, size_t *num_ret)
{
	struct process_target *process = (struct process_target *)base;

	return explain_exit(process, proc_get_threads(process->directory, &base->info, threads_ret,
						      num_ret));
}

static struct virtq_error *process_get_eventfd_count(struct target *base, int fd,
						     uint64_t *count_ret)
{
	struct process_target *process = (struct process_target *)base;

	return explain_exit(process, proc_get_eventfd_count(process->directory, fd, count_ret));
}

/* ------------------------------------------------------------------ */
/* Opening */

/** Is there a process of this number that has memory? */
static struct virtq_error *check_alive(struct process_target *process, pid_t pid)
{
	enum { PF_KTHREAD = 0x00200000 };
	_cleanup_free_ char *text = NULL;
	char name[32] = "", state = 0;
	unsigned long flags = 0;
	size_t length;

	TRY(explain(proc_read(process->directory, "stat", &text, &length), pid));
	if (!proc_parse_stat(text, name, sizeof(name), &state, &flags))
		return error_new(VIRTQ_ERROR_BAD_DATA, "/proc/%d/stat cannot be understood",
				 (int)pid);
	process->base.info.started = proc_start_time(text);
	if (flags & PF_KTHREAD)
		return error_new(VIRTQ_ERROR_INVALID_ARGUMENT,
				 "process %d (%s) is a kernel thread, not a QEMU", (int)pid, name);
	if (state == 'Z' || state == 'X')
		return error_new(VIRTQ_ERROR_NO_PROCESS,
				 "process %d (%s) has exited and waits for its parent (a zombie)",
				 (int)pid, name);
	return NULL;
}

/** /proc/TID exists for every thread though only processes are listed. */
static struct virtq_error *check_is_process(const struct process_target *process, pid_t pid)
{
	_cleanup_free_ char *text = NULL;
	size_t length;
	int group = 0;

	TRY(explain(proc_read(process->directory, "status", &text, &length), pid));
	const char *line = strstr(text, "\nTgid:");
	if (!line || sscanf(line, "\nTgid: %d", &group) != 1 || group == pid)
		return NULL;
	return error_new(VIRTQ_ERROR_INVALID_ARGUMENT, "%d is a thread of process %d", (int)pid,
			 group);
}

static struct virtq_error *read_executable(struct process_target *process)
{
	struct target *base = &process->base;
	uint8_t header[ELF_READER_HEADER_SIZE];
	struct elf_identity identity;
	char name[PATH_MAX];
	pid_t pid = base->info.pid;

	ssize_t length = readlinkat(process->directory, "exe", name, sizeof(name) - 1);
	if (length < 0) {
		if (errno == EACCES || errno == EPERM)
			return error_permission(pid);
		return error_exited(pid);
	}
	name[length] = 0;

	_cleanup_close_ int fd = openat(process->directory, "exe", O_RDONLY | O_CLOEXEC);
	if (fd < 0 && (errno == EACCES || errno == EPERM))
		return error_permission(pid);
	ssize_t got = fd < 0 ? -1 : pread(fd, header, sizeof(header), 0);
	if (got < 0)
		return error_os(errno, "executable of process %d (%s)", (int)pid, name);
	if (!elf_reader_identify(header, (size_t)got, &identity))
		return error_new(VIRTQ_ERROR_BAD_DATA, "process %d runs %s, which is not ELF",
				 (int)pid, name);
	base->info.machine = identity.machine;
	base->info.order = identity.order;
	base->info.pointer_size = identity.pointer_size;

	text_make_printable(name);
	base->executable_name = strdup(name);
	if (!base->executable_name || asprintf(&base->executable, "/proc/%d/exe", (int)pid) < 0) {
		base->executable = NULL;
		return &virtq_error_no_memory;
	}
	return NULL;
}

static struct virtq_error *read_auxv(struct process_target *process)
{
	_cleanup_free_ char *bytes = NULL;
	struct target *base = &process->base;
	size_t length;

	TRY(proc_read(process->directory, "auxv", &bytes, &length));
	base->auxv = notes_read_auxv(bytes, length, base->info.order, base->info.pointer_size).auxv;
	base->raw_auxv = take_pointer(bytes);
	base->raw_auxv_length = length;
	target_find_executable(base);
	return NULL;
}

/** Try what the user came for, so that a lack of rights shows here and not in every queue. */
static struct virtq_error *check_readable(struct process_target *process)
{
	uint8_t byte;
	struct target_request request = {
		.address = process->base.header,
		.buffer = &byte,
		.length = 1,
	};

	if (!request.address)
		return NULL;
	process_read_many(&process->base, &request, 1);
	if (error_catch(&request.error, VIRTQ_ERROR_UNMAPPED))
		return NULL;
	return request.error;
}

static struct virtq_error *open_process(struct process_target *process, pid_t pid)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d", (int)pid);
	process->directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (process->directory < 0) {
		if (errno == ENOENT)
			return error_new(VIRTQ_ERROR_NO_PROCESS, "there is no process %d",
					 (int)pid);
		return error_os(errno, "%s", path);
	}
	TRY(check_is_process(process, pid));
	TRY(check_alive(process, pid));
	process->pidfd = pidfd_open(pid, 0);
	if (process->pidfd < 0 && errno == ESRCH)
		return error_exited(pid);

	TRY(read_executable(process));
	struct virtq_error *error = explain(read_mappings(process), pid);
	if (!error)
		error = explain(read_auxv(process), pid);
	if (!error)
		error = explain(read_command(process), pid);
	if (!error)
		error = check_readable(process);
	/* The directory still answers: the pidfd is of the same process. */
	if (!error)
		error = check_alive(process, pid);
	if (error && has_exited(process)) {
		virtq_error_destroy(error);
		return error_exited(pid);
	}
	return error;
}

static void process_close(struct target *base)
{
	struct process_target *process = (struct process_target *)base;

	if (process->pidfd >= 0)
		close(process->pidfd);
	if (process->directory >= 0)
		close(process->directory);
}

static const struct target_ops process_ops = {
	.read_many = process_read_many,
	.get_threads = process_get_threads,
	.get_eventfd_count = process_get_eventfd_count,
	.close = process_close,
};

struct virtq_error *target_open_process(pid_t pid, struct target **target_ret)
{
	if (pid <= 0)
		return error_new(VIRTQ_ERROR_INVALID_ARGUMENT, "%d is not a process ID", (int)pid);

	struct process_target *process = calloc(1, sizeof(*process));
	if (!process)
		return &virtq_error_no_memory;
	process->base.ops = &process_ops;
	process->base.info.kind = TARGET_PROCESS;
	process->base.info.live = true;
	process->base.info.pid = pid;
	process->directory = -1;
	process->pidfd = -1;
	struct virtq_error *error = open_process(process, pid);
	if (error) {
		target_close(&process->base);
		return error;
	}
	process->base.statistics = (struct target_statistics){ 0 };
	target_publish(&process->base);
	*target_ret = &process->base;
	return NULL;
}
