/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/output.h"

struct output {
	const char *path;
	char *directory;
	char *temporary; /**< Name of the file until it gets its own; NULL: it has none. */
	mode_t mode; /**< As open() takes it. */
	int fd;
};

/* ---- What is there already -------------------------------------------------- */

bool output_is_stdout(const char *path)
{
	struct stat file, standard;

	return strcmp(path, "-") == 0 ||
	       (stat(path, &file) == 0 && fstat(STDOUT_FILENO, &standard) == 0 &&
		file.st_dev == standard.st_dev && file.st_ino == standard.st_ino);
}

/** Is it a name of something that is open, such as /dev/stderr? Not a file of its own, then. */
static bool leads_to_proc(const char *path)
{
	static const char proc[] = "/proc/";
	char start[sizeof(proc) - 1];

	return readlink(path, start, sizeof(start)) == sizeof(start) &&
	       memcmp(start, proc, sizeof(start)) == 0;
}

/** @param into_ret it is to be written into. @return 0, or an errno. */
static int look_at(const char *path, unsigned int flags, bool *into_ret)
{
	struct stat status;

	*into_ret = false;
	/* a link that leads nowhere is something, too */
	if (stat(path, &status) < 0 && lstat(path, &status) < 0)
		return 0;
	if (S_ISDIR(status.st_mode))
		return EISDIR;
	if (S_ISCHR(status.st_mode) || S_ISFIFO(status.st_mode) || leads_to_proc(path)) {
		*into_ret = true;
		return 0;
	}
	if (!S_ISREG(status.st_mode) && !S_ISLNK(status.st_mode))
		return EOPNOTSUPP;
	return flags & OUTPUT_REPLACE ? 0 : EEXIST;
}

/** @return Whether there is none. */
static bool tell(const char *path, int problem, char **message_ret)
{
	*message_ret = NULL;
	if (problem && asprintf(message_ret, "%s: %s%s", path, strerror(problem),
				problem == EEXIST ? " (--force replaces it)" : "") < 0)
		*message_ret = NULL;
	return !problem;
}

bool output_check(const char *path, unsigned int flags, char **message_ret)
{
	bool into;

	return tell(path, look_at(path, flags, &into), message_ret);
}

/* ---- A new file --------------------------------------------------------------- */

static char *directory_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash == path ? strdup("/") : slash ? strndup(path, (size_t)(slash - path)) :
						     strdup(".");
}

/** @return 0, or an errno. */
static int name_temporary(struct output *output)
{
	unsigned int number;

	if (getrandom(&number, sizeof(number), 0) != sizeof(number))
		return errno;
	if (asprintf(&output->temporary, "%s/.virtq-%08x", output->directory, number) >= 0)
		return 0;
	output->temporary = NULL;
	return ENOMEM;
}

static void forget_temporary(struct output *output)
{
	free(output->temporary);
	output->temporary = NULL;
}

/** @return 0, or an errno. */
static int create(struct output *output)
{
	output->fd = open(output->directory, O_TMPFILE | O_WRONLY | O_CLOEXEC, output->mode);
	if (output->fd >= 0)
		return 0;
	/* what file systems and kernels say that have no O_TMPFILE */
	if (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL && errno != ENOENT)
		return errno;
	int problem = name_temporary(output);
	if (problem)
		return problem;
	output->fd = open(output->temporary, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, output->mode);
	if (output->fd >= 0)
		return 0;
	problem = errno;
	forget_temporary(output);
	return problem;
}

static int write_all(int fd, const char *bytes, size_t length)
{
	while (length) {
		ssize_t put = write(fd, bytes, length);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return errno;
		bytes += put;
		length -= (size_t)put;
	}
	return 0;
}

/** Give the file without a name one. */
static int link_as(const struct output *output, const char *path)
{
	char self[64];

	snprintf(self, sizeof(self), "/proc/self/fd/%d", output->fd);
	return linkat(AT_FDCWD, self, AT_FDCWD, path, AT_SYMLINK_FOLLOW) < 0 ? errno : 0;
}

/** Put it in the place of another file: link() does not do that, rename() does. */
static int replace(struct output *output)
{
	if (!output->temporary) {
		int problem = name_temporary(output);

		if (!problem)
			problem = link_as(output, output->temporary);
		if (problem) {
			forget_temporary(output);
			return problem;
		}
	}
	if (rename(output->temporary, output->path) < 0)
		return errno;
	forget_temporary(output);
	return 0;
}

/** Give the temporary file its name if nothing else has it. */
static int rename_new(struct output *output)
{
	if (link(output->temporary, output->path) == 0)
		return 0;
	int problem = errno;
	/* what file systems say that have no links, as vfat */
	if (problem != EPERM && problem != EOPNOTSUPP && problem != ENOSYS)
		return problem;
	if (renameat2(AT_FDCWD, output->temporary, AT_FDCWD, output->path, RENAME_NOREPLACE) < 0)
		return errno == EEXIST ? EEXIST : problem;
	forget_temporary(output);
	return 0;
}

static int publish(struct output *output, bool force)
{
	if (fsync(output->fd) < 0 && errno != EINVAL)
		return errno;
	if (force)
		return replace(output);
	return output->temporary ? rename_new(output) : link_as(output, output->path);
}

/** @return 0, or an errno. */
static int write_file(const char *path, const void *bytes, size_t length, unsigned int flags)
{
	struct output output = {
		.path = path,
		.directory = directory_of(path),
		.mode = flags & OUTPUT_PUBLIC ? 0666 : 0600,
		.fd = -1,
	};
	int problem = output.directory ? create(&output) : ENOMEM;

	if (!problem)
		problem = write_all(output.fd, bytes, length);
	if (!problem)
		problem = publish(&output, flags & OUTPUT_REPLACE);
	if (output.temporary)
		unlink(output.temporary);
	if (output.fd >= 0)
		close(output.fd);
	forget_temporary(&output);
	free(output.directory);
	return problem;
}

/** @return 0, or an errno. A FIFO is waited for, as a shell would. */
static int write_into(const char *path, const void *bytes, size_t length)
{
	int fd = open(path, O_WRONLY | O_APPEND | O_NOCTTY | O_CLOEXEC);

	if (fd < 0)
		return errno;
	int problem = write_all(fd, bytes, length);
	if (close(fd) < 0 && !problem)
		problem = errno;
	return problem;
}

bool output_write(const char *path, const void *bytes, size_t length, unsigned int flags,
		  char **message_ret)
{
	bool into;
	int problem = look_at(path, flags, &into);

	/* what appears meanwhile is told when the file gets its name */
	if (!problem)
		problem = into ? write_into(path, bytes, length) :
				 write_file(path, bytes, length, flags);
	return tell(path, problem, message_ret);
}
