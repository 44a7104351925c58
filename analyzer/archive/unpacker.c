/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <archive.h>
#include <archive_entry.h>
#include <stdlib.h>
#include <string.h>

#include "archive/unpacker.h"

struct unpacker {
	struct archive *archive;
	unpacker_input input;
	void *argument;
	bool empty;
};

static la_ssize_t read_input(struct archive *archive, void *argument, const void **buffer_ret)
{
	struct unpacker *unpacker = argument;
	ssize_t got = unpacker->input(unpacker->argument, buffer_ret);

	if (got < 0)
		archive_set_error(archive, -1, "the input failed");
	return got;
}

static struct virtq_error *error_of(struct archive *archive)
{
	return error_new(VIRTQ_ERROR_BAD_DATA, "%s",
			 archive_error_string(archive) ?: "damaged input");
}

static bool is_member(struct archive_entry *entry, const char *member)
{
	const char *path = archive_entry_pathname(entry);
	const char *name = path ? strrchr(path, '/') : NULL;

	return path && archive_entry_filetype(entry) == AE_IFREG &&
	       strcmp(name ? name + 1 : path, member) == 0;
}

static struct virtq_error *find_member(struct unpacker *unpacker, const char *member)
{
	struct archive *archive = unpacker->archive;
	struct archive_entry *entry;

	for (;;) {
		int status = archive_read_next_header(archive, &entry);

		if (status == ARCHIVE_RETRY)
			continue;
		if (status == ARCHIVE_EOF) {
			unpacker->empty = archive_filter_bytes(archive, -1) == 0;
			if (unpacker->empty)
				return NULL;
			return error_new(VIRTQ_ERROR_NOT_FOUND, "no %s in it", member);
		}
		if (status < ARCHIVE_WARN)
			return error_of(archive);
		if ((archive_format(archive) & ARCHIVE_FORMAT_BASE_MASK) != ARCHIVE_FORMAT_TAR ||
		    is_member(entry, member))
			return NULL;
	}
}

struct virtq_error *unpacker_open(unpacker_input input, void *argument, const char *member,
				  struct unpacker **unpacker_ret)
{
	struct unpacker *unpacker = calloc(1, sizeof(*unpacker));
	struct virtq_error *error = NULL;

	if (!unpacker)
		return &virtq_error_no_memory;
	unpacker->input = input;
	unpacker->argument = argument;
	unpacker->archive = archive_read_new();
	if (!unpacker->archive) {
		free(unpacker);
		return &virtq_error_no_memory;
	}
	archive_read_support_filter_gzip(unpacker->archive);
	archive_read_support_filter_bzip2(unpacker->archive);
	archive_read_support_filter_xz(unpacker->archive);
	archive_read_support_filter_zstd(unpacker->archive);
	archive_read_support_filter_lz4(unpacker->archive);
	archive_read_support_format_tar(unpacker->archive);
	archive_read_support_format_raw(unpacker->archive);
	archive_read_support_format_empty(unpacker->archive);
	if (archive_read_open(unpacker->archive, unpacker, NULL, read_input, NULL) != ARCHIVE_OK)
		error = error_of(unpacker->archive);
	if (!error)
		error = find_member(unpacker, member);
	if (error) {
		unpacker_close(unpacker);
		return error;
	}
	*unpacker_ret = unpacker;
	return NULL;
}

void unpacker_close(struct unpacker *unpacker)
{
	if (!unpacker)
		return;
	archive_read_free(unpacker->archive);
	free(unpacker);
}

struct virtq_error *unpacker_next(struct unpacker *unpacker, const void **bytes_ret,
				  size_t *length_ret)
{
	for (;;) {
		la_int64_t offset;
		int status = archive_read_data_block(unpacker->archive, bytes_ret, length_ret,
						     &offset);

		if (status == ARCHIVE_EOF) {
			*length_ret = 0;
			return NULL;
		}
		if (status == ARCHIVE_RETRY)
			continue;
		if (status < ARCHIVE_WARN)
			return error_of(unpacker->archive);
		if (*length_ret)
			return NULL;
	}
}

const char *unpacker_compression(const struct unpacker *unpacker)
{
	return archive_filter_code(unpacker->archive, 0) == ARCHIVE_FILTER_NONE ?
		       NULL : archive_filter_name(unpacker->archive, 0);
}

bool unpacker_is_empty(const struct unpacker *unpacker)
{
	return unpacker->empty;
}

uint64_t unpacker_consumed(const struct unpacker *unpacker)
{
	la_int64_t bytes = archive_filter_bytes(unpacker->archive, -1);

	return bytes > 0 ? (uint64_t)bytes : 0;
}
