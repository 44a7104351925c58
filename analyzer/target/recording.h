/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a snapshot (a core that virtq wrote) holds beyond a core, in notes of
 * our own: facts about the original, which reads failed and why, what was
 * different in the first of two samples, threads, and the layout of QEMU's
 * structs. snapshot/ writes these notes; here they are read, as hostile as any
 * other file.
 */
#ifndef VIRTQ_TARGET_RECORDING_H
#define VIRTQ_TARGET_RECORDING_H

#include "target/target.h"

#define RECORDING_NOTE_NAME "VIRTQ"

/** Version of the notes, in the fact "format". */
#define RECORDING_FORMAT "1"

/** Types of notes. Integers are in the byte order of the core, 8 bytes unless said otherwise. */
enum recording_note {
	/** Lines of "KEY VALUE". */
	RECORDING_FACTS = 1,
	/** {address, length, bytes}...: where the first of two samples is unlike the segments. */
	RECORDING_FIRST_SAMPLE,
	/** {address, length, address that failed, code (4), samples (4): bit 0 first, bit 1 last, message with NUL}... */
	RECORDING_FAILURES,
	/** Lines of "TID STATE PC SP SYSCALL NAME", "-" for what is unknown. */
	RECORDING_THREADS,
	/** As `virtq layout` prints it. */
	RECORDING_LAYOUT,
	/** Lines of "TID FUNCTION", of each thread the innermost first. */
	RECORDING_BACKTRACES,
	/**
	 * What the kernel said at each sample, in lines that begin with the sample (1 first, 2 last):
	 * "1 eventfd FD COUNT" and "1 thread TID STATE SYSCALL FUTEX NAME", "-" for what is unknown.
	 */
	RECORDING_KERNEL,
	RECORDING_NOTES,
};

/** A note's bytes, borrowed. */
struct recording_bytes {
	const uint8_t *bytes;
	size_t length;
};

struct recording;

/**
 * Read the notes, which are copied.
 * @return UNSUPPORTED if a later virtq wrote them in a way that this one does not know.
 */
MUST_CHECK struct virtq_error *recording_create(const struct recording_bytes notes[RECORDING_NOTES],
						enum byte_order order,
						struct recording **recording_ret);
/** NULL is fine. */
void recording_destroy(struct recording *recording);

/** The value of a fact, or NULL; borrowed. */
const char *recording_fact(const struct recording *recording, const char *key);

/** Show the first sample instead of the last. */
void recording_select(struct recording *recording, bool first);

/** The error that reading exactly this range gave when it was recorded, or NULL. */
struct virtq_error *recording_failure(const struct recording *recording, uint64_t address,
				      size_t length);

/** Make of the last sample's bytes at @address those of the one that is selected. */
void recording_patch(const struct recording *recording, uint64_t address, uint8_t *bytes,
		     size_t length);

/** Complete what is known of the threads. */
void recording_complete_threads(const struct recording *recording, struct target_thread *threads,
				size_t num);

/** What the threads did in the sample that is selected; none if it is not said. The caller frees the array. */
MUST_CHECK struct virtq_error *recording_activities(const struct recording *recording,
						    struct target_thread **threads_ret,
						    size_t *num_ret);

/** @return UNSUPPORTED if it is not said of this file descriptor; else why it is not known. */
MUST_CHECK struct virtq_error *recording_eventfd_count(const struct recording *recording, int fd,
						       uint64_t *count_ret);

/** A note that is text, behind which is a NUL; NULL if there is none. */
const char *recording_text(const struct recording *recording, enum recording_note note,
			   size_t *length_ret);

#endif
