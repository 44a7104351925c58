/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the kinds of targets share: the object behind `struct target` and the
 * table of operations each kind fills in. Only files in target/ include this.
 */
#ifndef VIRTQ_TARGET_INTERNAL_H
#define VIRTQ_TARGET_INTERNAL_H

#include "target/recording.h"
#include "target/target.h"

struct target_ops {
	/**
	 * Serve all requests in order; sets `error` (NULL on entry) of those
	 * that fail. No request is empty and none wraps around the address
	 * space. Messages are bare reasons; target.c says for what.
	 */
	void (*read_many)(struct target *target, struct target_request *requests, size_t num);
	/** Forget memory that was read before. NULL: none is kept. */
	void (*refresh)(struct target *target);
	/** NULL: the target has no threads to tell of. */
	struct virtq_error *(*get_threads)(struct target *target,
					   struct target_thread **threads_ret, size_t *num_ret);
	/** NULL: the target cannot know. */
	struct virtq_error *(*get_eventfd_count)(struct target *target, int fd,
						 uint64_t *count_ret);
	/** Start of the @index-th range of memory that the target itself holds. NULL: it does not know. */
	bool (*range_start)(struct target *target, size_t index, uint64_t *start_ret);
	/** How many bytes the target itself holds from @address on. NULL: it does not know. */
	size_t (*available)(struct target *target, uint64_t address);
	/** Release what is beyond `struct target`, and nothing of it. NULL: nothing. */
	void (*close)(struct target *target);
};

/** First member of each kind's own struct; allocated and filled in by its open function. */
struct target {
	const struct target_ops *ops;
	struct target_info info;
	struct target_auxv auxv;
	struct target_statistics statistics;
	target_observer observer;
	void *observer_argument;
	const struct target_process_observer *process_observer;
	void *process_observer_argument;

	/* Everything below is owned, and released by target_close(). */
	struct target_mapping *mappings;
	size_t mappings_num;
	char *mapping_paths; /**< Backs all of mappings[].path if not NULL, else each is its own. */
	char *path;
	char *command;
	char *executable;
	char *executable_name;
	void *raw_auxv;
	size_t raw_auxv_length;
	struct recording *recording; /**< NULL: this is no snapshot. */
	/** Callbacks: the core that the debugger reads, which tells what is no memory; NULL: none. */
	struct target *core;

	/** Run-time address of the main executable's ELF header; 0 if unknown. */
	uint64_t header;
};

/** Point info's strings at the owned ones; the last step of opening. */
void target_publish(struct target *target);

/** Error of a request that cannot be served since @address is not mapped. */
MUST_CHECK struct virtq_error *target_error_unmapped(uint64_t address);

/** The mapping that holds @address, or NULL. */
const struct target_mapping *target_find_mapping(const struct target *target, uint64_t address);

/**
 * Find the main executable by the auxv among the mappings, and set `header`.
 * @return one of its mappings, or NULL.
 */
const struct target_mapping *target_find_executable(struct target *target);

/** Most mappings and threads looked at, in entries. */
enum {
	TARGET_MAPPINGS_LIMIT = 1 << 18,
	TARGET_THREADS_LIMIT = 65536,
};

/** No Linux machine has smaller pages; where memory may end, in bytes. */
enum { TARGET_PAGE_SIZE = 4096 };

static inline uint64_t page_floor(uint64_t address)
{
	return address & ~(uint64_t)(TARGET_PAGE_SIZE - 1);
}

/** Bytes from @address to the end of its page; never 0. */
static inline size_t page_left(uint64_t address)
{
	return (size_t)(TARGET_PAGE_SIZE - address % TARGET_PAGE_SIZE);
}

#endif
