/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * libvirtq: on which side of which QEMU virtqueue is the request?
 *
 * The only header that the command line, the gdb plugin and other programs
 * include. A session is one target (a live QEMU, a core, memory behind
 * callbacks) with the layout of its QEMU's structs; analysing it gives a
 * result, which is rendered as text or JSON. Nothing here ever writes to,
 * stops or signals the target.
 *
 * Errors are heap objects: a failing function returns one, NULL is success.
 * Release with virtq_error_destroy(). A corrupt ring is not an error but a
 * finding in the result; an error means that virtq could not look.
 */
#ifndef VIRTQ_H
#define VIRTQ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Only what is declared here leaves libvirtq.so; the rest is built hidden. */
#pragma GCC visibility push(default)

#define VIRTQ_VERSION "0.1.0"

/** Version of the JSON document; raised when a member changes its meaning. */
#define VIRTQ_JSON_SCHEMA 1

enum virtq_error_code {
	VIRTQ_ERROR_NO_MEMORY, /**< virtq itself ran out of memory. */
	VIRTQ_ERROR_OS, /**< A system call failed; the message names the file. */
	VIRTQ_ERROR_INVALID_ARGUMENT, /**< The caller asked for something that makes no sense. */
	VIRTQ_ERROR_NO_PERMISSION, /**< The target exists but may not be read by this user. */
	VIRTQ_ERROR_NO_PROCESS, /**< No such process, or it exited while being read. */
	VIRTQ_ERROR_BAD_CORE, /**< The file is not a usable ELF core. */
	VIRTQ_ERROR_NO_DEBUG_INFO, /**< No DWARF and no saved layout for this binary. */
	VIRTQ_ERROR_MISMATCH, /**< Binary, debug info, layout or core do not belong together. */
	VIRTQ_ERROR_NOT_FOUND, /**< A named thing (device, symbol, type, member) does not exist. */
	VIRTQ_ERROR_UNMAPPED, /**< The address was never mapped in the target. */
	VIRTQ_ERROR_NOT_SAVED, /**< The address was mapped, but the core does not hold its bytes. */
	VIRTQ_ERROR_TRUNCATED, /**< The core was cut before the bytes of this address. */
	VIRTQ_ERROR_BAD_DATA, /**< The bytes were read but cannot be what they should be. */
	VIRTQ_ERROR_LIMIT, /**< A count in the target is over the documented limit. */
	VIRTQ_ERROR_UNSUPPORTED, /**< Well-formed, but not something this version can do. */
};

struct virtq_error;

/** An error of the caller's own, as for virtq_render_json(); never NULL. */
struct virtq_error *virtq_error_new(enum virtq_error_code code, const char *message);
enum virtq_error_code virtq_error_code(const struct virtq_error *error);
/** Human text, lower case, no "error:" prefix; valid until the error is destroyed. */
const char *virtq_error_message(const struct virtq_error *error);
/** NULL is fine. */
void virtq_error_destroy(struct virtq_error *error);

/* ------------------------------------------------------------------ */

/**
 * Where the text of a target, and what virtq needs beside it, comes from.
 * Zero-initialise, then set what is wanted. Strings are borrowed for the
 * duration of virtq_session_open() only.
 */
struct virtq_options {
	const char *executable; /**< QEMU's binary; NULL: found through the target. */
	const char *debug_dir; /**< Colon-separated, searched before the system's; NULL: the system's only. */
	const char *layout_file; /**< A saved layout; NULL: the cache, then debug info. */
	bool no_layout_cache; /**< Neither read nor write $XDG_CACHE_HOME/virtq. */
	bool progress; /**< Show a progress line on stderr while unpacking a compressed core. */
	bool verbose; /**< Diagnostics about what was tried on stderr, through `log`. */
	/** Receives one diagnostic line without newline; NULL: dropped. */
	void (*log)(void *argument, const char *line);
	void *log_argument;
};

enum { VIRTQ_THREAD_REGISTERS = 40 };

/** A thread of a target that somebody else reads. */
struct virtq_thread {
	int tid;
	char name[32]; /**< comm; "" if not known. */
	uint64_t registers[VIRTQ_THREAD_REGISTERS]; /**< In the order in which they were asked for. */
	uint64_t known; /**< Bit by bit, which of them are. */
};

/**
 * Memory of a target that somebody else reads, as gdb does for its plugin. It
 * must not change while virtq samples; within a sample nothing is read twice.
 */
struct virtq_callbacks {
	/**
	 * Read @length bytes at host-virtual @address; 0 is success, anything
	 * else means that not all bytes could be read.
	 */
	int (*read)(void *argument, uint64_t address, void *buffer, size_t length);
	void *argument;
	const char *executable; /**< Path of QEMU's binary; copied. May be NULL with a layout_file. */
	/**
	 * Run-time address of the executable's entry point (AT_ENTRY of the
	 * auxiliary vector), which gives the load bias; 0: load_bias does.
	 */
	uint64_t entry;
	uint64_t load_bias; /**< Run-time address minus link-time address, in bytes. */
	const char *description; /**< For the header line, as "gdb inferior 1"; copied; may be NULL. */
	int pid; /**< Of the process, or of the one that the core is of; 0: not known. */
	/**
	 * It is a process of this machine: /proc tells what its threads do and what
	 * is unread in its eventfds. Not so of a core or behind gdbserver.
	 */
	bool is_local;
	/**
	 * Path of the core that is read, which tells what the threads did, and of a
	 * snapshot what was recorded; copied. NULL: there is none. A file that cannot
	 * be opened, or is of another process than @pid, is left out.
	 */
	const char *core;
	/**
	 * Threads, for what neither of them tells of; NULL: not known.
	 * @param registers names that gdb has for registers, and a NULL.
	 * @return how many of @threads_max are set, 0 if they are not known.
	 */
	size_t (*threads)(void *argument, const char *const *registers,
			  struct virtq_thread *threads, size_t threads_max);
};

struct virtq_session;

/**
 * Open a target: a PID in decimal, a path of a core (plain or compressed), a
 * snapshot or a report, or "-" for one of them on standard input.
 */
struct virtq_error *virtq_session_open(const char *target, const struct virtq_options *options,
				       struct virtq_session **session_ret);
/** Open a target through callbacks. */
struct virtq_error *virtq_session_open_callbacks(const struct virtq_callbacks *callbacks,
						 const struct virtq_options *options,
						 struct virtq_session **session_ret);
/** NULL is fine. Results of the session must be destroyed before it. */
void virtq_session_close(struct virtq_session *session);

/* ------------------------------------------------------------------ */

struct virtq_analysis_options {
	bool once; /**< One sample only, also of a live target. */
	unsigned int interval_ms; /**< Between the two samples; 0: 2000. */
	/**
	 * Called between two samples instead of sleeping: let the target run for
	 * @interval_ms milliseconds, and stop it again. With it a target behind
	 * callbacks counts as live, without it one has one sample. 0 is success;
	 * anything else ends the analysis with VIRTQ_ERROR_UNSUPPORTED.
	 */
	int (*wait)(void *argument, unsigned int interval_ms);
	void *wait_argument;
	/**
	 * What to look at: DEVICE[:INDEX], or the host-virtual address of a
	 * VirtQueue or VirtIODevice as 0x...; empty: everything. Borrowed during
	 * the call.
	 */
	const char *const *queues;
	size_t queues_num;
	bool record; /**< Keep what is read in the result, for virtq_report(). */
};

struct virtq_result;

/** Sample the target (twice if it is live and not quiet) and diagnose. */
struct virtq_error *virtq_analyze(struct virtq_session *session,
				  const struct virtq_analysis_options *options,
				  struct virtq_result **result_ret);
void virtq_result_destroy(struct virtq_result *result);

/** Exit status of the command line for this result: 0, 1 or 2 (see virtq(1)). */
int virtq_result_status(const struct virtq_result *result);

struct virtq_render_options {
	bool color; /**< ANSI colours; never the only carrier of meaning. */
	bool verbose; /**< Also queues that are not set up, and findings of the ok family. */
	bool quiet; /**< Findings only, nothing when there are none. */
	unsigned int width; /**< Columns of the terminal; 0: 100. */
};

/** Text report; the caller frees the string. */
struct virtq_error *virtq_render_text(const struct virtq_result *result,
				      const struct virtq_render_options *options, char **text_ret);
/** The report of `virtq show`: everything about the queues that were selected. */
struct virtq_error *virtq_render_show(const struct virtq_result *result,
				      const struct virtq_render_options *options, char **text_ret);
/**
 * One JSON document; the caller frees the string. @result may be NULL, then
 * the document carries @error only.
 */
struct virtq_error *virtq_render_json(const struct virtq_result *result,
				      const struct virtq_error *error, char **text_ret);

/* ------------------------------------------------------------------ */

enum virtq_report_format {
	VIRTQ_REPORT_ARCHIVE, /**< A gzip tar with all of the others, which virtq_session_open() opens. */
	VIRTQ_REPORT_SNAPSHOT, /**< An ELF core with the memory that was read, which it opens too. */
	VIRTQ_REPORT_TEXT,
	VIRTQ_REPORT_JSON,
	VIRTQ_REPORT_HTML,
};

struct virtq_report_options {
	bool full; /**< Keep host paths, addresses, secrets and all of QEMU's command line. */
};

/**
 * Make what can be attached to a bug of a result that was recorded. Without
 * `full` what is private is replaced in @result itself, once and for all, by
 * placeholders that are the same in every format. The caller frees the bytes,
 * behind which is a NUL.
 */
struct virtq_error *virtq_report(struct virtq_result *result, enum virtq_report_format format,
				 const struct virtq_report_options *options, void **bytes_ret,
				 size_t *length_ret);

/* ------------------------------------------------------------------ */

/**
 * The struct layout of a QEMU binary (or of what a target runs), as the text
 * that --layout loads. The caller frees the string.
 */
struct virtq_error *virtq_layout_text(const char *target_or_binary, const struct virtq_options *options,
				      char **text_ret);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif /* VIRTQ_H */
