/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The engine: applies the tables of rules to every queue. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "diagnosis/diagnose.h"
#include "diagnosis/predicates.h"
#include "diagnosis/rule.h"

/** Most findings of one queue; more than the catalogue has that hold together. */
enum { HELD_MAX = 64 };

void evidence_add(struct evidence *evidence, const char *format, ...)
{
	va_list arguments;
	char *line;

	va_start(arguments, format);
	int length = vasprintf(&line, format, arguments);
	va_end(arguments);
	char **lines = length < 0 ? NULL :
		       reallocarray(evidence->lines, evidence->num + 1, sizeof(*lines));
	if (!lines) {
		if (length >= 0)
			free(line);
		evidence->failed = true;
		return;
	}
	evidence->lines = lines;
	lines[evidence->num++] = line;
}

static const char *fact_name(const struct fact_descriptor *descriptors, size_t num, size_t offset)
{
	for (size_t i = 0; i < num; i++) {
		if (descriptors[i].offset == offset)
			return descriptors[i].name;
	}
	return NULL;
}

const char *input_name(const struct input *input)
{
	switch (input->of) {
	case INPUT_QUEUE:
		return fact_name(queue_fact_descriptors, queue_fact_descriptor_num, input->offset);
	case INPUT_DEVICE:
		return fact_name(device_fact_descriptors, device_fact_descriptor_num, input->offset);
	case INPUT_LOOP:
		return fact_name(context_fact_descriptors, context_fact_descriptor_num, input->offset);
	case INPUT_BACKEND:
		return fact_name(backend_fact_descriptors, backend_fact_descriptor_num, input->offset);
	default:
		return NULL;
	}
}

const char *input_owner(const struct input *input)
{
	static const char *const owners[] = {
		[INPUT_QUEUE] = "queue",
		[INPUT_DEVICE] = "device",
		[INPUT_LOOP] = "event loop",
		[INPUT_BACKEND] = "backend",
	};

	return owners[input->of];
}

/** The same device in the other sample: same address and same type. */
static const struct device *find_device(const struct sample *sample, const struct device *wanted)
{
	for (size_t i = 0; sample && i < sample->device_num; i++) {
		if (sample->devices[i].address == wanted->address &&
		    fact_same(sample->devices[i].device_id, wanted->device_id))
			return &sample->devices[i];
	}
	return NULL;
}

/**
 * QEMU's own request object in flight in @queue: the only identity that outlives
 * an index. Memory that was freed is soon another request's, which began later.
 */
static bool has_request(const struct queue *queue, const struct request *wanted)
{
	for (size_t i = 0; i < queue->request_num; i++) {
		const struct request *request = &queue->requests[i];

		if (request->address == wanted->address && request->stage == REQUEST_IN_DEVICE &&
		    (request->started_ns == wanted->started_ns || !request->started_ns ||
		     !wanted->started_ns))
			return true;
	}
	return false;
}

/**
 * The device holds other requests than before, none of the old ones among
 * them: it worked, even if the indices went round and look the same.
 */
static bool requests_were_replaced(const struct queue *before, const struct queue *now)
{
	size_t known = 0;

	if (!before->requests_complete || !now->requests_complete)
		return false;
	for (size_t i = 0; i < before->request_num; i++) {
		const struct request *request = &before->requests[i];

		if (request->stage != REQUEST_IN_DEVICE)
			continue;
		if (!request->address || has_request(now, request))
			return false;
		known++;
	}
	for (size_t i = 0; i < now->request_num; i++) {
		if (now->requests[i].stage == REQUEST_IN_DEVICE && now->requests[i].address)
			return known > 0;
	}
	return false;
}

/** Did the device take or finish anything between two samples of a queue? */
static bool has_progressed(const struct queue *before, const struct queue *now)
{
	return !fact_same(before->last_avail_idx, now->last_avail_idx) ||
	       !fact_same(before->last_avail_wrap_counter, now->last_avail_wrap_counter) ||
	       !fact_same(before->used_idx, now->used_idx) ||
	       !fact_same(before->used_wrap_counter, now->used_wrap_counter) ||
	       !fact_same(before->used_ring_idx, now->used_ring_idx);
}

static bool has_moved(const struct queue *before, const struct queue *now)
{
	return has_progressed(before, now) || before->torn || now->torn ||
	       !fact_same(before->avail_idx, now->avail_idx) ||
	       !fact_same(before->shadow_avail_idx, now->shadow_avail_idx) ||
	       !fact_same(before->used_event, now->used_event) ||
	       !fact_same(before->signalled_used, now->signalled_used) ||
	       !fact_same(before->next_available, now->next_available) ||
	       !fact_same(before->driver_event_off_wrap, now->driver_event_off_wrap) ||
	       before->set_up != now->set_up || before->readable != now->readable;
}

/** Is the fact that a rule needs known in this sample? */
static bool input_is_known(const struct input *input, const struct view *view)
{
	const struct context *loop;

	switch (input->of) {
	case INPUT_QUEUE:
		return fact_known(*(const struct fact *)((const char *)view->queue + input->offset));
	case INPUT_DEVICE:
		return fact_known(*(const struct fact *)((const char *)view->device + input->offset));
	case INPUT_LOOP:
		loop = view_loop(view);
		return loop && fact_known(*(const struct fact *)((const char *)loop + input->offset));
	case INPUT_BACKEND:
		for (size_t i = 0; i < view->device->backend_num; i++) {
			const struct backend *backend = &view->device->backends[i];

			if (backend_serves(backend, view->queue) &&
			    fact_known(*(const struct fact *)((const char *)backend + input->offset)))
				return true;
		}
		return false;
	default:
		return false;
	}
}

/** Does the rule hold in one sample? */
static bool rule_holds(const struct rule *rule, const struct view *view)
{
	for (const struct input *input = rule->needs; input && input->of != INPUT_END; input++) {
		if (!input_is_known(input, view))
			return false;
	}
	return !rule->holds || rule->holds(view);
}

static bool rule_applies(const struct rule *rule, const struct subject *subject)
{
	bool two = subject->before.queue;

	if ((rule->samples == SAMPLES_ONE && two) || (rule->samples == SAMPLES_TWO && !two))
		return false;
	const struct queue *queue = subject->now.queue;

	if ((rule->owner == OWNER_QEMU && (queue->vhost || queue->vhost_unknown)) ||
	    (rule->owner == OWNER_VHOST && !queue->vhost))
		return false;
	if (rule->stalled && (subject->progressed || subject->now.queue->torn))
		return false;
	if (!rule_holds(rule, &subject->now))
		return false;
	if (two && rule->severity == SEVERITY_STUCK && !rule->now_only &&
	    !rule_holds(rule, &subject->before))
		return false;
	return !rule->holds_between || rule->holds_between(subject);
}

/**
 * Two samples say more than one if time passed between them: a request of a
 * network disk takes tens of milliseconds, and QEMU stalls for half a second.
 */
#define LONG_ENOUGH_NS UINT64_C(1000000000)

/** What a healthy queue may look like is never sure, and explains nothing else. */
static bool is_doubtful(const struct rule *rule, const struct subject *subject)
{
	return rule->doubtful && rule->doubtful(subject);
}

/**
 * One sample never gives more than medium, whatever else is known; while QEMU
 * is stopped even less, for no second one will ever differ. A packed
 * ring is judged one step less surely than a split one: its positions come
 * round after two laps and not after 65536 entries, so that a busy queue can
 * look as if it had stood still.
 */
static enum confidence confidence_of(const struct rule *rule, const struct subject *subject)
{
	struct subject asked = *subject;

	if (subject->interval_ns < LONG_ENOUGH_NS)
		asked.before.queue = NULL;
	bool two = asked.before.queue;
	enum confidence confidence = two ? rule->two_samples : rule->one_sample;
	enum confidence most = two ? CONFIDENCE_HIGH : CONFIDENCE_MEDIUM;

	if (rule->severity != SEVERITY_STUCK || confidence == CONFIDENCE_PROVED)
		return confidence;
	if (a_thread_is_stopped(&subject->now) || is_doubtful(rule, subject))
		return CONFIDENCE_LOW;
	if (rule->surer && confidence < most && rule->surer(&asked))
		confidence++;
	if (subject->now.queue->packed && confidence > CONFIDENCE_LOW)
		confidence--;
	return confidence;
}

static struct virtq_error *add_finding(struct queue_diagnosis *diagnosis, const struct rule *rule,
				       const struct subject *subject)
{
	struct finding *findings = reallocarray(diagnosis->findings, diagnosis->finding_num + 1,
						sizeof(*findings));
	struct evidence evidence = { 0 };

	if (!findings)
		return &virtq_error_no_memory;
	diagnosis->findings = findings;
	if (rule->evidence)
		rule->evidence(subject, &evidence);
	findings[diagnosis->finding_num++] = (struct finding){
		.verdict = rule->verdict,
		.title = rule->title,
		.severity = rule->severity,
		.confidence = confidence_of(rule, subject),
		.evidence = evidence.lines,
		.evidence_num = evidence.num,
		.considered = rule->considered,
		.next = rule->next_of ? rule->next_of(&subject->now) : rule->next,
	};
	return evidence.failed ? &virtq_error_no_memory : NULL;
}

/** The rules that hold of one queue, the primary one first. */
struct held {
	const struct rule *rules[HELD_MAX];
	size_t num;
};

/** "in-device/stuck" and "in-device/throttled" are of one family. */
static bool is_same_family(const struct rule *a, const struct rule *b)
{
	size_t length = strcspn(a->verdict, "/");

	return strncmp(a->verdict, b->verdict, length) == 0 &&
	       strcspn(b->verdict, "/") == length;
}

/** Has something been found that makes this rule superfluous? */
static bool is_superseded(const struct rule *rule, const struct held *held)
{
	for (size_t i = 0; i < held->num; i++) {
		if (rule->fallback == FALLBACK_OF_ALL ||
		    (rule->fallback == FALLBACK_OF_FAMILY && is_same_family(rule, held->rules[i])))
			return true;
	}
	return false;
}

static bool is_foremost(const struct rule *rule, const struct subject *subject)
{
	return rule->foremost && !is_doubtful(rule, subject);
}

static bool names_cause(const struct rule *rule, const struct subject *subject)
{
	return rule->fallback == FALLBACK_NO && !is_doubtful(rule, subject);
}

/** What names a cause goes before what only says where, and the surer before the less sure. */
static bool goes_before(const struct rule *a, const struct rule *b, const struct subject *subject)
{
	bool cause = names_cause(a, subject), foremost = is_foremost(a, subject);

	if (foremost != is_foremost(b, subject))
		return foremost;
	if (cause != names_cause(b, subject))
		return cause;
	return confidence_of(a, subject) > confidence_of(b, subject);
}

/** Keep what is to be said of the same weight in the order of the catalogue. */
static void held_add(struct held *held, const struct rule *rule, const struct subject *subject)
{
	size_t place = held->num;

	if (held->num == HELD_MAX)
		return;
	while (place && goes_before(rule, held->rules[place - 1], subject)) {
		held->rules[place] = held->rules[place - 1];
		place--;
	}
	held->rules[place] = rule;
	held->num++;
}

static void find_rules(const struct subject *subject, struct held *held)
{
	for (size_t i = 0; i < rule_table_num; i++) {
		for (size_t j = 0; j < rule_tables[i]->num; j++) {
			const struct rule *rule = &rule_tables[i]->rules[j];

			if (is_superseded(rule, held) || !rule_applies(rule, subject))
				continue;
			held_add(held, rule, subject);
			if (rule->last)
				return;
		}
	}
}

static struct virtq_error *diagnose_queue(const struct subject *subject,
					  struct queue_diagnosis *diagnosis)
{
	struct held held = { .num = 0 };

	find_rules(subject, &held);
	for (size_t i = 0; i < held.num; i++)
		TRY(add_finding(diagnosis, held.rules[i], subject));
	return NULL;
}

/**
 * Compare with the earlier sample, unless that is no witness that the queue
 * stood still: it could not have moved then, or was somebody else's.
 */
static void set_before(struct subject *subject, const struct sample *sample,
		       const struct device *device, const struct queue *queue)
{
	const struct queue *now = subject->now.queue;
	struct view before = { sample, device, queue };

	subject->moved = now->torn;
	if (!view_is_in_service(&before) || a_thread_is_stopped(&subject->now) ||
	    queue->vhost != now->vhost ||
	    queue->packed != now->packed)
		return;
	subject->before = before;
	subject->interval_ns = subject->now.sample->time_ns - sample->time_ns;
	subject->replaced = requests_were_replaced(queue, now);
	subject->progressed = subject->replaced || has_progressed(queue, now);
	subject->moved = subject->replaced || has_moved(queue, now);
}

static struct virtq_error *diagnose_device(const struct sample *before, const struct sample *now,
					   const struct device *device,
					   struct device_diagnosis *diagnosis)
{
	const struct device *earlier = find_device(before, device);

	diagnosis->queues = array_new(device->queue_num, sizeof(*diagnosis->queues));
	if (!diagnosis->queues)
		return &virtq_error_no_memory;
	diagnosis->queue_num = device->queue_num;
	for (size_t i = 0; i < device->queue_num; i++) {
		struct subject subject = { .now = { now, device, &device->queues[i] } };

		if (earlier && i < earlier->queue_num)
			set_before(&subject, before, earlier, &earlier->queues[i]);
		else
			subject.moved = device->queues[i].torn;
		TRY(diagnose_queue(&subject, &diagnosis->queues[i]));
	}
	return NULL;
}

struct virtq_error *diagnose(const struct sample *before, const struct sample *now,
			     struct diagnosis *diagnosis_ret)
{
	struct diagnosis diagnosis = { 0 };

	diagnosis.devices = array_new(now->device_num, sizeof(*diagnosis.devices));
	if (!diagnosis.devices)
		return &virtq_error_no_memory;
	diagnosis.device_num = now->device_num;
	for (size_t i = 0; i < now->device_num; i++) {
		struct virtq_error *error =
			diagnose_device(before, now, &now->devices[i], &diagnosis.devices[i]);

		if (error) {
			diagnosis_deinit(&diagnosis);
			return error;
		}
	}
	*diagnosis_ret = diagnosis;
	return NULL;
}

bool diagnosis_is_suspicious(const struct sample *sample, const struct diagnosis *diagnosis)
{
	for (size_t i = 0; i < diagnosis->device_num; i++) {
		for (size_t j = 0; j < diagnosis->devices[i].queue_num; j++) {
			const struct queue_diagnosis *queue = &diagnosis->devices[i].queues[j];

			if (!sample->devices[i].queues[j].selected)
				continue;
			for (size_t k = 0; k < queue->finding_num; k++) {
				if (queue->findings[k].severity == SEVERITY_STUCK)
					return true;
			}
		}
	}
	return false;
}
