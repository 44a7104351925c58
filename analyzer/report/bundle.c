/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>
#include <time.h>

#include "archive/packer.h"
#include "base/checked.h"
#include "base/cleanup.h"
#include "base/sha256.h"
#include "report/bundle.h"

/** Everything is in one directory, so that unpacking does not litter. */
#define DIRECTORY "virtq-report/"

struct bundle {
	struct packer *packer;
	struct buffer manifest;
};

static void bundle_deinit(struct bundle *bundle)
{
	packer_destroy(bundle->packer);
	buffer_deinit(&bundle->manifest);
}

/** Add a file, and its size and digest to the manifest, which `sha256sum -c` reads. */
static struct virtq_error *add_file(struct bundle *bundle, const char *name, const void *bytes,
				    size_t length)
{
	char digest[SHA256_TEXT_SIZE], path[64];

	sha256_text(bytes, length, digest);
	buffer_printf(&bundle->manifest, "# %zu bytes\n%s  %s\n", length, digest, name);
	snprintf(path, sizeof(path), DIRECTORY "%s", name);
	return packer_add(bundle->packer, path, bytes, length);
}

static struct virtq_error *add_document(struct bundle *bundle, const struct analysis *analysis,
					enum virtq_report_format format, const char *name)
{
	_cleanup_buffer_ struct buffer document = { 0 };

	TRY(report_document(analysis, format, &document));
	return add_file(bundle, name, buffer_text(&document), document.length);
}

struct virtq_error *bundle_write(const struct analysis *analysis, const struct buffer *snapshot,
				 const char *layout, struct buffer *buffer)
{
	__attribute__((cleanup(bundle_deinit))) struct bundle bundle = { 0 };
	_cleanup_free_ void *archive = NULL;
	size_t length;

	TRY(packer_create((uint64_t)time(NULL), &bundle.packer));
	TRY(add_document(&bundle, analysis, VIRTQ_REPORT_TEXT, "report.txt"));
	TRY(add_document(&bundle, analysis, VIRTQ_REPORT_HTML, "report.html"));
	TRY(add_document(&bundle, analysis, VIRTQ_REPORT_JSON, "report.json"));
	TRY(add_file(&bundle, "snapshot.core", snapshot->text, snapshot->length));
	TRY(add_file(&bundle, "layout.txt", layout, strlen(layout)));
	if (bundle.manifest.failed)
		return &virtq_error_no_memory;
	TRY(packer_add(bundle.packer, DIRECTORY "MANIFEST", bundle.manifest.text,
		       bundle.manifest.length));
	TRY(packer_finish(bundle.packer, &archive, &length));
	buffer_add_bytes(buffer, archive, length);
	return buffer->failed ? &virtq_error_no_memory : NULL;
}
