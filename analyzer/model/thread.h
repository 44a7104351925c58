/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who would do the work: QEMU's event loops (AioContexts) and threads. */
#ifndef VIRTQ_MODEL_THREAD_H
#define VIRTQ_MODEL_THREAD_H

#include <stddef.h>
#include <sys/types.h>

#include "model/fact.h"

/** What a thread was doing when it was looked at. */
enum thread_activity {
	THREAD_UNKNOWN, /**< Not known; nobody may be accused by it. */
	THREAD_RUNNING, /**< On a CPU, or wanting one. */
	THREAD_POLLING, /**< Waits in its event loop's call: ppoll, epoll_wait, io_uring_enter. */
	THREAD_LOCKING, /**< Waits in a futex: for a mutex or a condition. */
	THREAD_BLOCKED, /**< Waits in another system call, or in uninterruptible sleep. */
	THREAD_STOPPED, /**< Stopped by a signal or a debugger. */
};

struct thread {
	pid_t tid;
	char name[32]; /**< comm; "" if unknown. */
	char state; /**< As in /proc/PID/stat; 0 if unknown. */
	enum thread_activity activity;
	char syscall[32]; /**< That it waits in; "" if none or unknown. */
	struct fact lock; /**< Host-virtual address of the futex it waits for; absent if it waits for none. */
	struct fact lock_owner; /**< Thread id of the owner of the pthread_mutex_t there; absent: no mutex. */
};

/* X(member, JSON name, member of struct AioContext, format): include/block/aio.h */
#define AIOCONTEXT_FACTS(X)                                                              \
	X(notify_me, "notify-me", "notify_me", FACT_DECIMAL)                             \
	X(poll_started, "poll-started", "poll_started", FACT_BOOL) /* it busy-polls */   \
	X(external_disable_cnt, "external-disable-cnt", "external_disable_cnt", FACT_DECIMAL) /* until 8.x: > 0 is drained */

#define DECLARE_CONTEXT_FACT(member, ...) struct fact member;

/** An AioContext: an event loop and the thread that runs it. */
struct context {
	uint64_t address; /**< Host-virtual. */
	char *name; /**< Id of the IOThread; "main loop" for the main loop's two; NULL if unknown. */
	bool main; /**< qemu_aio_context or iohandler_ctx. */
	struct fact thread_id; /**< IOThread.thread_id; of the main loop the process's id. */
	AIOCONTEXT_FACTS(DECLARE_CONTEXT_FACT)
};

enum { CONTEXTS_MAX = 1024, SAMPLE_THREADS_MAX = 4096 };

#endif
