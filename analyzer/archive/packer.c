/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <archive.h>
#include <archive_entry.h>
#include <stdlib.h>
#include <string.h>

#include "archive/packer.h"
#include "base/cleanup.h"

struct packer {
	struct archive *archive;
	uint64_t time;
	char *bytes;
	size_t length, capacity;
};

static la_ssize_t write_output(struct archive *archive, void *argument, const void *bytes,
			       size_t length)
{
	struct packer *packer = argument;

	if (length > packer->capacity - packer->length) {
		size_t capacity = 2 * (packer->length + length);
		char *grown = realloc(packer->bytes, capacity);

		if (!grown) {
			archive_set_error(archive, -1, "out of memory");
			return -1;
		}
		packer->bytes = grown;
		packer->capacity = capacity;
	}
	memcpy(packer->bytes + packer->length, bytes, length);
	packer->length += length;
	return (la_ssize_t)length;
}

static struct virtq_error *error_of(struct archive *archive)
{
	return error_new(VIRTQ_ERROR_OS, "packing the report: %s",
			 archive_error_string(archive) ?: "unknown reason");
}

static struct virtq_error *open_archive(struct packer *packer)
{
	packer->archive = archive_write_new();
	if (!packer->archive)
		return &virtq_error_no_memory;
	if (archive_write_add_filter_gzip(packer->archive) != ARCHIVE_OK ||
	    archive_write_set_format_ustar(packer->archive) != ARCHIVE_OK ||
	    /* no time of day in the gzip header: the same report packs to the same bytes */
	    archive_write_set_options(packer->archive, "gzip:!timestamp") < ARCHIVE_WARN ||
	    archive_write_set_bytes_in_last_block(packer->archive, 1) != ARCHIVE_OK ||
	    archive_write_open(packer->archive, packer, NULL, write_output, NULL) != ARCHIVE_OK)
		return error_of(packer->archive);
	return NULL;
}

struct virtq_error *packer_create(uint64_t time, struct packer **packer_ret)
{
	struct packer *packer = calloc(1, sizeof(*packer));

	if (!packer)
		return &virtq_error_no_memory;
	packer->time = time;
	struct virtq_error *error = open_archive(packer);
	if (error) {
		packer_destroy(packer);
		return error;
	}
	*packer_ret = packer;
	return NULL;
}

void packer_destroy(struct packer *packer)
{
	if (!packer)
		return;
	archive_write_free(packer->archive);
	free(packer->bytes);
	free(packer);
}

struct virtq_error *packer_add(struct packer *packer, const char *path, const void *bytes,
			       size_t length)
{
	struct archive_entry *entry = archive_entry_new();
	struct virtq_error *error = NULL;

	if (!entry)
		return &virtq_error_no_memory;
	archive_entry_set_pathname(entry, path);
	archive_entry_set_filetype(entry, AE_IFREG);
	archive_entry_set_perm(entry, 0644);
	archive_entry_set_size(entry, (la_int64_t)length);
	archive_entry_set_mtime(entry, (time_t)packer->time, 0);
	if (archive_write_header(packer->archive, entry) != ARCHIVE_OK ||
	    archive_write_data(packer->archive, bytes, length) != (la_ssize_t)length)
		error = error_of(packer->archive);
	archive_entry_free(entry);
	return error;
}

struct virtq_error *packer_finish(struct packer *packer, void **bytes_ret, size_t *length_ret)
{
	if (archive_write_close(packer->archive) != ARCHIVE_OK)
		return error_of(packer->archive);
	*bytes_ret = take_pointer(packer->bytes);
	*length_ret = packer->length;
	return NULL;
}
