/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "qemu/threads.h"
#include "vring/vring.h"

/** What is finished has passed what the driver asked to be told of: is its vCPU busy? */
static bool driver_may_be_behind(const struct queue *queue)
{
	if (queue->packed)
		return fact_is(queue->driver_event_flags, VRING_PACKED_EVENT_DESC) &&
		       fact_known(queue->used_idx) &&
		       (queue->driver_event_off_wrap.value & 0x7fff) != queue->used_idx.value;
	return fact_known(queue->used_event) && fact_known(queue->used_ring_idx) &&
	       fact_known(queue->vring_num) &&
	       (uint16_t)(fact_distance(queue->used_ring_idx, queue->used_event) - 1) <
		       queue->vring_num.value;
}

/** Is QEMU in the middle of taking or finishing a request of the queue, or are its counts wrong? */
static bool counts_disagree(const struct queue *queue)
{
	return !queue->vhost && !queue->packed &&
	       ((fact_known(queue->used_ring_idx) &&
		 !fact_same(queue->used_ring_idx, queue->used_idx)) ||
		(fact_known(queue->inuse) &&
		 fact_distance(queue->last_avail_idx, queue->used_idx) != queue->inuse.value));
}

/** Is there anything in the queue that a thread of QEMU may have to do with? */
static bool is_outstanding(const struct queue *queue)
{
	bool by_event = queue->kind == QUEUE_PREPOSTED || queue->kind == QUEUE_HELD;

	if (fact_true(queue->host_notifier_count))
		return true;
	if (driver_may_be_behind(queue) || counts_disagree(queue))
		return true;
	if (by_event || !queue->set_up)
		return false;
	return fact_true(queue->inuse) || fact_true(queue->next_available) ||
	       (fact_known(queue->avail_idx) && fact_known(queue->used_ring_idx) &&
		fact_distance(queue->avail_idx, queue->used_ring_idx) != 0);
}

static bool is_needed(const struct sample *sample)
{
	for (size_t i = 0; i < sample->device_num; i++)
		for (size_t j = 0; j < sample->devices[i].queue_num; j++)
			if (is_outstanding(&sample->devices[i].queues[j]))
				return true;
	return false;
}

static bool is_one_of(const char *name, const char *const *names)
{
	for (; *names; names++)
		if (strcmp(name, *names) == 0)
			return true;
	return false;
}

static enum thread_activity activity_of(const struct target_thread *thread)
{
	static const char *const polling[] = { "ppoll", "poll", "epoll_wait", "epoll_pwait",
					       "io_uring_enter", NULL };

	switch (thread->state) {
	case 'R':
		return THREAD_RUNNING;
	case 'D':
		return THREAD_BLOCKED;
	case 'T':
	case 't':
		return THREAD_STOPPED;
	case 'S':
	case 0: /* of a core, by its registers alone */
		break;
	default:
		return THREAD_UNKNOWN;
	}
	/* after a debugger's visit a call with a timeout goes on under that name: no matter which it was */
	if (!*thread->syscall || strcmp(thread->syscall, "restart_syscall") == 0)
		return THREAD_UNKNOWN;
	if (is_one_of(thread->syscall, polling))
		return THREAD_POLLING;
	return strcmp(thread->syscall, "futex") == 0 ? THREAD_LOCKING : THREAD_BLOCKED;
}

/** Where the parts of a glibc mutex are, from its futex on, and how much is to be read. */
struct mutex_layout {
	uint64_t owner, users;
	size_t size;
};

enum { MUTEX_SIZE_MAX = 64 };

/** From the debug info if that describes pthread_mutex_t, else as glibc has it on 64-bit machines. */
static bool get_mutex_layout(const struct qemu *qemu, struct mutex_layout *layout_ret)
{
	struct mutex_layout layout = { .owner = 8, .users = 12 };

	if (qemu_has(qemu, QEMU_QemuMutex_word) && qemu_has(qemu, QEMU_QemuMutex_owner) &&
	    qemu_has(qemu, QEMU_QemuMutex_users)) {
		uint64_t word = qemu_item(qemu, QEMU_QemuMutex_word)->offset;

		layout.owner = qemu_item(qemu, QEMU_QemuMutex_owner)->offset - word;
		layout.users = qemu_item(qemu, QEMU_QemuMutex_users)->offset - word;
	} else if (qemu->layout->pointer_size != 8) {
		return false;
	}
	if (layout.owner > MUTEX_SIZE_MAX - 4 || layout.users > MUTEX_SIZE_MAX - 4)
		return false;
	layout.size = (size_t)(layout.owner > layout.users ? layout.owner : layout.users) + 4;
	*layout_ret = layout;
	return true;
}

static bool is_thread(const struct sample *sample, uint64_t tid)
{
	for (size_t i = 0; i < sample->thread_num; i++)
		if ((uint64_t)sample->threads[i].tid == tid)
			return true;
	return false;
}

/**
 * The thread that holds the mutex in @bytes. Other things than mutexes are
 * waited for in the same way: what is believed has waiters (the futex is 2), a
 * user, and a thread of this process for its owner.
 */
static struct fact read_owner(const struct qemu *qemu, const struct mutex_layout *layout,
			      const struct sample *sample, const uint8_t *bytes)
{
	enum byte_order order = qemu->layout->order;
	uint64_t word = bytes_get(bytes, 4, order);
	uint64_t owner = bytes_get(bytes + layout->owner, 4, order);
	uint64_t users = bytes_get(bytes + layout->users, 4, order);

	if (word != 2 || !users || users > sample->thread_num || !is_thread(sample, owner))
		return (struct fact){ 0 };
	return fact_of(owner);
}

static struct virtq_error *read_owners(struct sampler *sampler)
{
	const struct qemu *qemu = sampler->qemu;
	struct sample *sample = sampler->sample;
	struct mutex_layout layout;
	struct virtq_error *gone = NULL;
	size_t num = sample->thread_num;

	if (!get_mutex_layout(qemu, &layout))
		return NULL;
	_cleanup_free_ struct target_request *requests = array_new(num, sizeof(*requests));
	_cleanup_free_ uint8_t *bytes = array_new(num, MUTEX_SIZE_MAX);
	if (!requests || !bytes)
		return &virtq_error_no_memory;
	for (size_t i = 0; i < num; i++)
		requests[i] = (struct target_request){
			.address = sample->threads[i].lock.value,
			.buffer = bytes + i * MUTEX_SIZE_MAX,
			.length = fact_known(sample->threads[i].lock) ? layout.size : 0,
			.what = "mutex that a thread waits for",
		};
	target_read_many(qemu->target, requests, num);
	for (size_t i = 0; i < num; i++) {
		struct thread *thread = &sample->threads[i];

		if (!requests[i].length)
			continue;
		thread->lock_owner = requests[i].error ? fact_unreadable() :
							 read_owner(qemu, &layout, sample,
								    requests[i].buffer);
		error_keep_fatal(&gone, requests[i].error);
	}
	return gone;
}

struct virtq_error *threads_read(struct sampler *sampler)
{
	struct sample *sample = sampler->sample;
	_cleanup_free_ struct target_thread *threads = NULL;
	size_t num = 0;

	if (!is_needed(sample))
		return NULL;
	struct virtq_error *error = target_get_activities(sampler->qemu->target, &threads, &num);
	if (error && !error_is_fatal(error)) {
		sampler_note(sampler, error_prefix(error, "threads"));
		return NULL;
	}
	TRY(error);
	if (!num)
		return NULL;
	if (num > SAMPLE_THREADS_MAX) {
		sampler_note(sampler, error_new(VIRTQ_ERROR_LIMIT, "%zu threads, the first %d are looked at",
						num, SAMPLE_THREADS_MAX));
		num = SAMPLE_THREADS_MAX;
	}
	sample->threads = array_new(num, sizeof(*sample->threads));
	if (!sample->threads)
		return &virtq_error_no_memory;
	for (size_t i = 0; i < num; i++) {
		struct thread *thread = &sample->threads[sample->thread_num++];

		thread->tid = threads[i].tid;
		thread->state = isalpha((unsigned char)threads[i].state) ? threads[i].state : 0;
		thread->activity = activity_of(&threads[i]);
		memcpy(thread->name, threads[i].name, sizeof(thread->name));
		memcpy(thread->syscall, threads[i].syscall, sizeof(thread->syscall));
		if (threads[i].futex)
			thread->lock = fact_of(threads[i].futex);
	}
	return read_owners(sampler);
}
