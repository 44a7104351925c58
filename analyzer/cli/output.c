/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/output.h"

struct output {
	const char *path;
	char *directory;
	char *temporary; /**< Name of the file until it gets its own; NULL: it has none. */
	int fd;
};

static char *directory_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash == path ? strdup("/") : slash ? strndup(path, (size_t)(slash - path)) :
						     strdup(".");
}

/** @return 0, or an errno. */
static int create(struct output *output)
{
	output->fd = open(output->directory, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
	if (output->fd >= 0)
		return 0;
	/* what file systems and kernels say that have no O_TMPFILE */
	if (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL && errno != ENOENT)
		return errno;
	if (asprintf(&output->temporary, "%s/.virtq-XXXXXX", output->directory) < 0) {
		output->temporary = NULL;
		return ENOMEM;
	}
	output->fd = mkostemp(output->temporary, O_CLOEXEC);
	if (output->fd >= 0)
		return 0;
	int problem = errno;
	free(output->temporary);
	output->temporary = NULL;
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
	return fsync(fd) < 0 && errno != EINVAL ? errno : 0;
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
		if (asprintf(&output->temporary, "%s/.virtq-%ld", output->directory,
			     (long)getpid()) < 0) {
			output->temporary = NULL;
			return ENOMEM;
		}
		unlink(output->temporary); /* of a virtq that was killed in this moment */
		int problem = link_as(output, output->temporary);
		if (problem) {
			free(output->temporary);
			output->temporary = NULL;
			return problem;
		}
	}
	if (rename(output->temporary, output->path) < 0)
		return errno;
	free(output->temporary);
	output->temporary = NULL;
	return 0;
}

static int publish(struct output *output, bool force)
{
	if (force)
		return replace(output);
	if (!output->temporary)
		return link_as(output, output->path);
	return link(output->temporary, output->path) < 0 ? errno : 0;
}

bool output_write(const char *path, const void *bytes, size_t length, bool force,
		  char **message_ret)
{
	struct output output = { .path = path, .directory = directory_of(path), .fd = -1 };
	struct stat status;
	int problem = output.directory ? 0 : ENOMEM;

	*message_ret = NULL;
	if (!problem && stat(path, &status) == 0) {
		/* said before the work, and again by link() if it appears meanwhile */
		if (S_ISDIR(status.st_mode))
			problem = EISDIR;
		else if (!force)
			problem = EEXIST;
	}
	if (!problem)
		problem = create(&output);
	if (!problem)
		problem = write_all(output.fd, bytes, length);
	if (!problem)
		problem = publish(&output, force);
	if (output.temporary)
		unlink(output.temporary);
	if (output.fd >= 0)
		close(output.fd);
	free(output.temporary);
	free(output.directory);
	if (problem && asprintf(message_ret, "%s: %s%s", path, strerror(problem),
				problem == EEXIST ? " (--force replaces it)" : "") < 0)
		*message_ret = NULL;
	return !problem;
}
