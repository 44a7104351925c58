/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * An event loop polls the host notifier of a queue if one of its AioHandlers
 * is for it. Plain ioeventfds are handled by the main loop (iohandler_ctx),
 * those of a dataplane by its IOThread, or by the main loop's other context.
 */
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "qemu/event_loop.h"
#include "qemu/qom_tree.h"

/** Walks of a list that changes meanwhile before it is given up. */
enum { ATTEMPTS = 3 };

/** A queue by one of the two things a handler is known by. */
struct key {
	uint64_t value;
	struct queue *queue;
};

struct listeners {
	const struct qemu *qemu;
	struct key *notifiers, *fds; /**< Sorted: address of the host notifier, its file descriptor. */
	size_t num;
	size_t steps; /**< Handlers met in all contexts. */
	bool complete; /**< All contexts are known and were walked. */
};

static void listeners_deinit(struct listeners *listeners)
{
	free(listeners->notifiers);
	free(listeners->fds);
}

/* ---- Which event loops there are ------------------------------------------------ */

/** @param name NULL: unknown; copied. */
static struct virtq_error *add_context(struct sampler *sampler, uint64_t address, const char *name,
				       bool main, struct fact thread_id)
{
	struct sample *sample = sampler->sample;

	if (!address)
		return NULL;
	for (size_t i = 0; i < sample->context_num; i++)
		if (sample->contexts[i].address == address)
			return NULL;
	if (sample->context_num >= CONTEXTS_MAX)
		return error_new(VIRTQ_ERROR_LIMIT, "more than %d event loops", CONTEXTS_MAX);
	struct context *contexts = reallocarray(sample->contexts, sample->context_num + 1,
						sizeof(*contexts));
	if (!contexts)
		return &virtq_error_no_memory;
	sample->contexts = contexts;
	char *copy = name ? strdup(name) : NULL;
	if (name && !copy)
		return &virtq_error_no_memory;
	contexts[sample->context_num++] = (struct context){
		.address = address, .name = copy, .main = main, .thread_id = thread_id,
	};
	return NULL;
}

static struct virtq_error *add_main_loop(struct sampler *sampler, enum qemu_query symbol)
{
	const struct qemu *qemu = sampler->qemu;
	pid_t pid = target_get_info(qemu->target)->pid;
	uint64_t address;

	if (!qemu_has(qemu, symbol))
		return error_new(VIRTQ_ERROR_NOT_FOUND, "the main loop's context is not known");
	TRY(target_read_pointer(qemu->target, qemu_symbol(qemu, symbol), &address,
				"context of the main loop"));
	return add_context(sampler, address, "main loop", true,
			   pid > 0 ? fact_of((uint64_t)pid) : (struct fact){ 0 });
}

static struct virtq_error *add_iothread(struct sampler *sampler, uint64_t object, const char *name)
{
	struct image image;

	TRY(image_read(sampler->qemu, QEMU_STRUCT_IOThread, object, "IOThread", &image));
	struct fact thread_id =
		member_get_fact(sampler->qemu, image.bytes, QEMU_IOThread_thread_id);
	if (thread_id.value == 0 || thread_id.value > INT32_MAX)
		thread_id = (struct fact){ 0 }; /* -1: it has not begun yet */
	return add_context(sampler, image_get(&image, QEMU_IOThread_ctx), name, false, thread_id);
}

/** IOThreads are the children of "/objects" of type "iothread"; their names are their ids. */
static struct virtq_error *add_iothreads(struct sampler *sampler)
{
	const struct qemu *qemu = sampler->qemu;
	__attribute__((cleanup(qom_children_deinit))) struct qom_children containers = { 0 };
	__attribute__((cleanup(qom_children_deinit))) struct qom_children iothreads = { 0 };
	uint64_t root;

	if (!qemu_has(qemu, QEMU_IOThread_ctx))
		return error_new(VIRTQ_ERROR_NOT_FOUND, "struct IOThread is not known");
	if (!sampler->sample->device_num)
		return NULL;
	TRY(qom_find_root(qemu, sampler->sample->devices[0].address, &root));
	TRY(qom_get_children(qemu, root, "container", &containers));
	for (size_t i = 0; i < containers.num; i++) {
		if (strcmp(containers.children[i].name, "objects") != 0)
			continue;
		TRY(qom_get_children(qemu, containers.children[i].object, "iothread", &iothreads));
		for (size_t j = 0; j < iothreads.num; j++)
			TRY(add_iothread(sampler, iothreads.children[j].object,
					 iothreads.children[j].name));
		/* names are unique */
		break;
	}
	return NULL;
}

/**
 * Account for a step that could not be taken: then nobody may be said to be
 * missing. It is no note of the sample, since nothing that the user asked for
 * is known to be missing.
 * @return @error if it ends the sample, else NULL.
 */
static struct virtq_error *forgive(struct listeners *listeners, struct virtq_error *error)
{
	if (!error || error_is_fatal(error))
		return error;
	listeners->complete = false;
	virtq_error_destroy(error);
	return NULL;
}

static struct virtq_error *find_contexts(struct sampler *sampler, struct listeners *listeners)
{
	TRY(forgive(listeners, add_main_loop(sampler, QEMU_SYMBOL_iohandler_ctx)));
	TRY(forgive(listeners, add_main_loop(sampler, QEMU_SYMBOL_qemu_aio_context)));
	return forgive(listeners, add_iothreads(sampler));
}

/* ---- Who listens ------------------------------------------------------------------ */

static int compare_keys(const void *left, const void *right)
{
	const struct key *a = left, *b = right;

	return a->value < b->value ? -1 : a->value > b->value;
}

/** Did QEMU set up an ioeventfd that one of its own event loops is to listen to? */
static bool is_to_be_heard(const struct device *device, const struct queue *queue)
{
	return queue->readable && !queue->vhost && fact_known(queue->host_notifier_fd) &&
	       (fact_true(queue->host_notifier_enabled) ||
		queue->host_notifier_enabled.state == FACT_ABSENT) &&
	       fact_true(device->ioeventfd_started) && fact_is(device->ioeventfd_grabbed, 0);
}

static struct virtq_error *collect_keys(struct sampler *sampler, struct listeners *listeners)
{
	const struct sample *sample = sampler->sample;

	listeners->notifiers = array_new(sampler->queue_num, sizeof(*listeners->notifiers));
	listeners->fds = array_new(sampler->queue_num, sizeof(*listeners->fds));
	if (!listeners->notifiers || !listeners->fds)
		return &virtq_error_no_memory;
	for (size_t i = 0; i < sample->device_num; i++) {
		for (size_t j = 0; j < sample->devices[i].queue_num; j++) {
			struct queue *queue = &sample->devices[i].queues[j];

			if (!is_to_be_heard(&sample->devices[i], queue))
				continue;
			listeners->notifiers[listeners->num] = (struct key){
				qemu_member_address(sampler->qemu, queue->address,
						    QEMU_VirtQueue_host_notifier), queue,
			};
			listeners->fds[listeners->num++] =
				(struct key){ queue->host_notifier_fd.value, queue };
		}
	}
	if (listeners->num) {
		qsort(listeners->notifiers, listeners->num, sizeof(struct key), compare_keys);
		qsort(listeners->fds, listeners->num, sizeof(struct key), compare_keys);
	}
	return NULL;
}

static struct queue *find_queue(const struct key *keys, size_t num, uint64_t value)
{
	const struct key wanted = { .value = value };
	const struct key *key = num ? bsearch(&wanted, keys, num, sizeof(*keys), compare_keys) :
				      NULL;

	return key ? key->queue : NULL;
}

static struct queue *find_heard(const struct listeners *listeners, const struct image *handler)
{
	struct queue *queue = find_queue(listeners->notifiers, listeners->num,
					 image_get(handler, QEMU_AioHandler_opaque));

	return queue ? queue : find_queue(listeners->fds, listeners->num,
					  image_get(handler, QEMU_AioHandler_fd));
}

/** @param heard_ret queues that the context listens to, at most one a handler; the caller frees it. */
static struct virtq_error *walk_handlers(struct listeners *listeners, uint64_t first,
					 struct queue ***heard_ret, size_t *num_ret)
{
	static const char what[] = "AioContext.aio_handlers";
	_cleanup_free_ struct queue **heard = NULL;
	size_t num = 0, capacity = 0;
	struct list_walk walk = { 0 };

	for (uint64_t node = first; node;) {
		struct image image;
		struct queue *queue;

		TRY(list_walk_step(listeners->qemu, &walk, node, what));
		if (++listeners->steps > LIST_LENGTH_MAX)
			return error_new(VIRTQ_ERROR_LIMIT, "%s: more than %d handlers", what,
					 LIST_LENGTH_MAX);
		TRY(image_read(listeners->qemu, QEMU_STRUCT_AioHandler, node, what, &image));
		queue = image_get(&image, QEMU_AioHandler_deleted) ? NULL :
								     find_heard(listeners, &image);
		if (queue) {
			if (!array_grow(&heard, num, &capacity, sizeof(*heard)))
				return &virtq_error_no_memory;
			heard[num++] = queue;
		}
		node = image_get_link(&image, QEMU_AioHandler_node);
	}
	*heard_ret = take_pointer(heard);
	*num_ret = num;
	return NULL;
}

static int compare_pointers(const void *left, const void *right)
{
	const uintptr_t a = *(const uintptr_t *)left, b = *(const uintptr_t *)right;

	return a < b ? -1 : a > b;
}

static struct virtq_error *read_context(struct listeners *listeners, struct context *context)
{
	const struct qemu *qemu = listeners->qemu;
	_cleanup_free_ struct queue **heard = NULL;
	size_t num = 0;
	struct image image;

	TRY(image_read(qemu, QEMU_STRUCT_AioContext, context->address, "AioContext", &image));
#define READ(member, ...) \
	context->member = member_get_fact(qemu, image.bytes, QEMU_AioContext_##member);
	AIOCONTEXT_FACTS(READ)
#undef READ
	if (!qemu_has(qemu, QEMU_AioContext_aio_handlers) || !qemu_has(qemu, QEMU_AioHandler_node))
		return error_new(VIRTQ_ERROR_NOT_FOUND, "handlers of an AioContext are not known");
	TRY(walk_handlers(listeners, image_get_link(&image, QEMU_AioContext_aio_handlers), &heard,
			  &num));
	if (num)
		qsort(heard, num, sizeof(*heard), compare_pointers);
	for (size_t i = 0; i < num; i++) {
		/* two handlers of one loop, by notifier and by number, are one listener */
		if (i && heard[i] == heard[i - 1])
			continue;
		if (!heard[i]->listeners.value)
			heard[i]->listener = fact_of(context->address);
		heard[i]->listeners.value++;
	}
	return NULL;
}

static struct virtq_error *find_listeners(struct sampler *sampler, struct listeners *listeners)
{
	struct sample *sample = sampler->sample;

	for (size_t i = 0; i < listeners->num; i++)
		listeners->notifiers[i].queue->listeners = fact_of(0);
	for (size_t i = 0; i < sample->context_num; i++) {
		struct virtq_error *error = NULL;

		for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
			virtq_error_destroy(error);
			error = read_context(listeners, &sample->contexts[i]);
			if (!error || !target_get_info(sampler->qemu->target)->live)
				break;
		}
		TRY(forgive(listeners, error));
	}
	/* nobody was found, but not all were asked */
	for (size_t i = 0; i < listeners->num && !listeners->complete; i++)
		if (!listeners->notifiers[i].queue->listeners.value)
			listeners->notifiers[i].queue->listeners = fact_unreadable();
	return NULL;
}

struct virtq_error *event_loops_read(struct sampler *sampler)
{
	struct listeners listeners = { .qemu = sampler->qemu, .complete = true };

	if (!qemu_has(sampler->qemu, QEMU_STRUCT_AioContext))
		return NULL;
	struct virtq_error *error = find_contexts(sampler, &listeners);
	if (!error && qemu_has(sampler->qemu, QEMU_VirtQueue_host_notifier))
		error = collect_keys(sampler, &listeners);
	if (!error)
		error = find_listeners(sampler, &listeners);
	listeners_deinit(&listeners);
	return error;
}
