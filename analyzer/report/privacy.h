/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What may not leave the host: each private text gets a placeholder, the same
 * one wherever it appears, as <host-path-1>, <mac-1>, <ip-1>, <secret-1> or
 * <argument-1>.
 */
#ifndef VIRTQ_REPORT_PRIVACY_H
#define VIRTQ_REPORT_PRIVACY_H

#include "model/analysis.h"
#include "report/buffer.h"

enum privacy_kind {
	PRIVACY_PATH,
	PRIVACY_MAC,
	PRIVACY_IP,
	PRIVACY_SECRET,
	PRIVACY_ARGUMENT,
	PRIVACY_KINDS,
};

struct privacy {
	bool keep; /**< Replace nothing. */
	bool separated; /**< The command line is one of text_join_arguments(). */
	void *entries; /**< tsearch() tree of what is known. */
	size_t longest_path; /**< Of those that are known, in bytes. */
	bool path_starts[256]; /**< The bytes they start with. */
	unsigned int counts[PRIVACY_KINDS]; /**< Placeholders of each kind. */
	bool failed; /**< Sticky: memory ran out. */
};

void privacy_deinit(struct privacy *privacy);
#define _cleanup_privacy_ __attribute__((cleanup(privacy_deinit)))

/**
 * Know @path, which may have blanks in it and is in some directory, for one when
 * it appears inside of a text. Paths of the system's own files are not private.
 */
void privacy_learn_path(struct privacy *privacy, const char *path);

/** Add a path of the host, or what stands for it. */
void privacy_add_path(struct privacy *privacy, struct buffer *buffer, const char *path);

/** The same for an executable or a library, whose file name is kept: gdb looks for it by name. */
void privacy_add_binary(struct privacy *privacy, struct buffer *buffer, const char *path);

/** Add a text of people's or of the target's, without the addresses, paths and secrets in it. */
void privacy_add_text(struct privacy *privacy, struct buffer *buffer, const char *text);

/**
 * Add QEMU's command line, of which only what is known to matter for virtqueues
 * is kept as it is. If its arguments are not separated for certain, as in psargs,
 * what looks like an option may be a part of what is replaced before it, and goes
 * with it.
 */
void privacy_add_command(struct privacy *privacy, struct buffer *buffer, const char *command);

/** Replace what is private in the name of a thread or a process, of @size bytes with its NUL, in place. */
MUST_CHECK struct virtq_error *privacy_apply_name(struct privacy *privacy, char *name, size_t size);

/** Replace every string of the analysis that is not a name in QEMU's object tree. */
MUST_CHECK struct virtq_error *privacy_apply(struct privacy *privacy, struct analysis *analysis);

/** Add "2 host paths, 1 IP address", or "nothing". */
void privacy_add_summary(const struct privacy *privacy, struct buffer *buffer);

/** As in placeholders: "host-path". */
const char *privacy_kind_word(enum privacy_kind kind);

#endif
