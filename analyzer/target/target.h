/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Where bytes come from. One `struct target` over a live process, a core
 * file, callbacks (gdb), or bytes (tests); nothing here knows what QEMU is.
 * Every address is a host-virtual address of the target. Targets are only
 * read: no ptrace, no signal, no write.
 */
#ifndef VIRTQ_TARGET_H
#define VIRTQ_TARGET_H

#include "base/bytes.h"
#include "base/error.h"

struct target;

enum target_kind { TARGET_PROCESS, TARGET_CORE, TARGET_CALLBACKS, TARGET_BYTES };

/** A stretch of the address space that a file is mapped at. */
struct target_mapping {
	uint64_t start, end; /**< Host-virtual, end exclusive. */
	uint64_t file_offset; /**< In bytes. */
	const char *path; /**< As the target names it. */
};

/** DWARF numbers of the registers that are kept. */
enum { TARGET_REGISTERS = 33 };

/** What is known of a thread without unwinding. */
struct target_thread {
	pid_t tid;
	char name[32]; /**< comm; "" if the target does not say. */
	char state; /**< As in /proc/PID/stat ('R', 'S', 'D', ...); 0 if unknown. */
	int signal; /**< Signal it is stopped by (core), else 0. */
	bool has_pc; /**< The next two are known: of a core, or of a thread that waits in the kernel. */
	uint64_t pc, sp; /**< Host-virtual. */
	uint64_t registers[TARGET_REGISTERS]; /**< By DWARF number; of a process the stack pointer only. */
	uint64_t registers_known; /**< Bit by bit, which of them are. */
	bool has_orig_rax; /**< Of x86-64, held by a debugger or in a core. */
	/** Number of the system call by which it entered the kernel; negative if an interrupt made it. */
	int64_t orig_rax;
	char syscall[32]; /**< The system call it waits in, by name or number; "" if none or unknown. */
	/** The int that it waits for as glibc's mutexes do (FUTEX_WAIT, private), host-virtual; 0: none. */
	uint64_t futex;
	bool in_user_mode; /**< If it stands still: in code of the program, not in a system call. */
};

/** Facts about a target that do not change while it is open. */
struct target_info {
	enum target_kind kind;
	bool live; /**< Memory may change between two reads. */
	pid_t pid; /**< 0 if unknown. */
	const char *path; /**< Core: path given by the user ("-": standard input); else NULL. */
	/** Of a process text_join_arguments(), of a core its psargs; NULL if unknown. */
	const char *command;
	int signal; /**< Core: signal that killed it, 0 if none. */
	uint16_t machine; /**< ELF e_machine (EM_X86_64, ...); 0 if unknown. */
	enum byte_order order;
	uint8_t pointer_size; /**< In bytes: 4 or 8. */
	bool truncated; /**< Core: shorter than its headers say, or its compression was cut or damaged. */
	/**
	 * File to open for the main executable, or NULL if unknown. For a
	 * process this is /proc/PID/exe, which works when the file was replaced.
	 */
	const char *executable;
	const char *executable_name; /**< The same for people: /usr/bin/qemu-..., or NULL. */
	/**
	 * Core: its writer left memory that was not to be dumped out without a
	 * trace, as gcore does, so UNMAPPED may also mean NOT_SAVED.
	 */
	bool omits_unsaved;
	uint64_t started; /**< Process: when it was started, in seconds since 1970; 0 if unknown. */
	bool is_snapshot; /**< Core: virtq wrote it; see target_get_fact(). */
};

/** NT_AUXV / AT_* entries that place the main executable. */
struct target_auxv {
	bool has_entry, has_phdr;
	uint64_t entry; /**< AT_ENTRY, host-virtual. */
	uint64_t phdr; /**< AT_PHDR, host-virtual. */
};

struct target_core_options {
	/** Stands for the mapped main executable; NULL: the path in the core's notes. */
	const char *executable;
	bool progress; /**< Progress line on stderr while unpacking, when that is a terminal. */
	/**
	 * Extra directory prefixed to mapped-file paths (like gdb's sysroot), or
	 * NULL; the plain path is tried when it has no such file.
	 */
	const char *sysroot;
};

/**
 * Open a live process. Memory is read by process_vm_readv.
 * @return NO_PROCESS, NO_PERMISSION (with what would help), OS.
 */
MUST_CHECK struct virtq_error *target_open_process(pid_t pid, struct target **target_ret);

/**
 * Open an ELF core, plain or compressed (zstd, xz, lz4, gzip), "-" for
 * standard input. Validated through libbfd; memory is read by pread. Pages
 * that the core does not hold are read from the mapped file when its build-id
 * is that of the mapping. A FIFO is read like standard input, but given up
 * when nobody writes to it.
 * @return BAD_CORE, OS, NO_PERMISSION, LIMIT; each names the file and offset.
 */
MUST_CHECK struct virtq_error *target_open_core(const char *path,
						const struct target_core_options *options,
						struct target **target_ret);

/** Memory through callbacks. @machine, @order, @pointer_size: from the executable. */
MUST_CHECK struct virtq_error *target_open_callbacks(const struct virtq_callbacks *callbacks,
						     uint16_t machine, enum byte_order order,
						     uint8_t pointer_size,
						     struct target **target_ret);

/** A stretch of memory for target_open_bytes(). */
struct target_bytes {
	uint64_t address; /**< Host-virtual. */
	const void *bytes; /**< Borrowed while the target is open. */
	size_t length;
};

/** Memory from byte arrays, for tests and fuzzers. */
MUST_CHECK struct virtq_error *target_open_bytes(const struct target_bytes *segments, size_t num,
						 enum byte_order order, uint8_t pointer_size,
						 struct target **target_ret);

/** NULL is fine. */
void target_close(struct target *target);

const struct target_info *target_get_info(const struct target *target);
const struct target_auxv *target_get_auxv(const struct target *target);

/** The whole auxiliary vector as the target has it; NULL if unknown. Borrowed until target_close(). */
const void *target_get_raw_auxv(const struct target *target, size_t *length_ret);

/** File mappings sorted by address; borrowed until target_close(). */
const struct target_mapping *target_get_mappings(const struct target *target, size_t *num_ret);

/**
 * Build-id of the main executable as found in the target's own memory, so
 * that it can be compared with that of a file.
 * @param id_ret up to @size bytes; @return its length in bytes, 0 if unknown.
 */
size_t target_get_build_id(struct target *target, uint8_t *id_ret, size_t size);

/**
 * Find the ELF file with build-id @id among the ranges that a core holds, for
 * one whose notes are lost: gcore writes them last, so that they are the first
 * to be cut off.
 * @param phdr_ret run-time address of its program headers, what AT_PHDR would say.
 */
bool target_find_module(struct target *target, const uint8_t *id, size_t length,
			uint64_t *phdr_ret);

/** Threads; the caller frees the array. At most 65536. */
MUST_CHECK struct virtq_error *target_get_threads(struct target *target,
						  struct target_thread **threads_ret,
						  size_t *num_ret);

/**
 * The same at the instant of a sample: what each thread did then. Of a snapshot
 * this is what they did in the sample that is selected, none if it does not say;
 * of a core and of what a debugger holds the state is 'R' for a thread in user
 * mode, else unknown: that it is stopped is the debugger's own doing.
 */
MUST_CHECK struct virtq_error *target_get_activities(struct target *target,
						     struct target_thread **threads_ret,
						     size_t *num_ret);

/**
 * Count of the eventfd @fd of the process: what was signalled and nobody has read.
 * @return UNSUPPORTED if the target cannot know (a core); else why it is not known.
 */
MUST_CHECK struct virtq_error *target_get_eventfd_count(struct target *target, int fd,
							uint64_t *count_ret);

/**
 * Read exactly @length bytes.
 * @param what names the thing for messages, as "VirtQueue 3 of disk0".
 * @return UNMAPPED, NOT_SAVED, TRUNCATED with the first address that could not
 *         be read; NO_PROCESS if a live target exited. These three are never
 *         mixed up with bytes that are zero.
 */
MUST_CHECK struct virtq_error *target_read(struct target *target, uint64_t address, void *buffer,
					   size_t length, const char *what);

/** One of many reads; see target_read_many(). */
struct target_request {
	uint64_t address; /**< Host-virtual. */
	void *buffer;
	size_t length; /**< In bytes; 0 is allowed and succeeds. */
	const char *what;
	struct virtq_error *error; /**< Set by target_read_many(); NULL if all bytes were read. */
};

/**
 * Read many ranges in as few system calls as the target allows. Requests are
 * read in the order given (which matters on a live target). Failures are per
 * request; the caller destroys their errors.
 */
void target_read_many(struct target *target, struct target_request *requests, size_t num);

/** The first error of a batch that was read; the others are destroyed. NULL if all was read. */
MUST_CHECK struct virtq_error *target_first_error(struct target_request *requests, size_t num);

/** Before a new sample: memory may have changed since it was read. */
void target_refresh(struct target *target);

/** Unsigned integer of @size bytes (1, 2, 4, 8) in the target's byte order. */
MUST_CHECK struct virtq_error *target_read_unsigned(struct target *target, uint64_t address,
						    size_t size, uint64_t *value_ret,
						    const char *what);
MUST_CHECK struct virtq_error *target_read_pointer(struct target *target, uint64_t address,
						   uint64_t *value_ret, const char *what);

/**
 * NUL-terminated string. Bytes that are not printable ASCII or valid UTF-8
 * make it BAD_DATA: a name that is garbage is no name.
 * @param limit in bytes, with the NUL; a longer string is BAD_DATA.
 */
MUST_CHECK struct virtq_error *target_read_string(struct target *target, uint64_t address,
						  size_t limit, char **string_ret,
						  const char *what);

/** Counters for --verbose and the benchmarks. */
struct target_statistics {
	uint64_t reads; /**< Requests served. */
	uint64_t calls; /**< System calls or callbacks made for them. */
	uint64_t bytes;
};
const struct target_statistics *target_get_statistics(const struct target *target);

/**
 * Called for each range that was read (for snapshots), with its bytes, or with
 * NULL and why it could not be read. Of a string no more than its NUL is told.
 */
typedef void (*target_observer)(void *argument, uint64_t address, const void *bytes, size_t length,
				const struct virtq_error *error);
/** @param observer NULL: nobody is told any more. */
void target_set_observer(struct target *target, target_observer observer, void *argument);

/** Told what the kernel said of the process, and not its memory. */
struct target_process_observer {
	/** @param error why the count is not known, or NULL. */
	void (*eventfd)(void *argument, int fd, uint64_t count, const struct virtq_error *error);
	void (*activities)(void *argument, const struct target_thread *threads, size_t num);
};
/** @param observer NULL: nobody is told any more; else borrowed. */
void target_set_process_observer(struct target *target,
				 const struct target_process_observer *observer, void *argument);

/*
 * A snapshot is a core that virtq wrote. It holds what was read while one or
 * two samples were taken of another target, its original, and says what that was.
 */

/** What is known of a snapshot's original, by key, as "kind"; NULL if it is not said. Borrowed. */
const char *target_get_fact(const struct target *target, const char *key);
/** The layout that the snapshot was taken with, as text; NULL if there is none. Borrowed. */
const char *target_get_layout(const struct target *target, size_t *length_ret);
/** Lines of "TID FUNCTION": the backtraces that were taken with it; NULL if there are none. Borrowed. */
const char *target_get_backtraces(const struct target *target);
/** Show the memory of the first of two samples, or (as at first) of the last one. */
void target_select_sample(struct target *target, bool first);

static inline void target_close_pointer(struct target **target)
{
	target_close(*target);
}
#define _cleanup_target_ __attribute__((cleanup(target_close_pointer)))

#endif
