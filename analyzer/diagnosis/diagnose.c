/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The engine: applies the table of rules to every queue. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/checked.h"
#include "diagnosis/diagnose.h"
#include "diagnosis/rule.h"

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

static bool rule_applies(const struct rule *rule, const struct subject *subject)
{
	bool two = subject->before.queue;

	if ((rule->samples == SAMPLES_ONE && two) || (rule->samples == SAMPLES_TWO && !two))
		return false;
	if ((rule->owner == OWNER_QEMU && subject->now.queue->vhost) ||
	    (rule->owner == OWNER_VHOST && !subject->now.queue->vhost))
		return false;
	if (rule->stalled && (subject->progressed || subject->now.queue->torn))
		return false;
	if (rule->holds && !rule->holds(&subject->now))
		return false;
	if (rule->holds && two && rule->severity == SEVERITY_STUCK && !rule->now_only &&
	    !rule->holds(&subject->before))
		return false;
	return !rule->holds_between || rule->holds_between(subject);
}

/**
 * A packed ring is judged one step less surely than a split one: its positions
 * come round after two laps and not after 65536 entries, so that a busy queue
 * can look as if it had stood still.
 */
static enum confidence confidence_of(const struct rule *rule, const struct subject *subject)
{
	enum confidence confidence = subject->before.queue ? rule->two_samples : rule->one_sample;

	if (subject->now.queue->packed && rule->severity == SEVERITY_STUCK &&
	    (confidence == CONFIDENCE_HIGH || confidence == CONFIDENCE_MEDIUM))
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
		.next = rule->next,
	};
	return evidence.failed ? &virtq_error_no_memory : NULL;
}

/** Rules in order; an ok verdict is only given when nothing else was found. */
static struct virtq_error *diagnose_queue(const struct subject *subject,
					  struct queue_diagnosis *diagnosis)
{
	for (size_t i = 0; i < rule_num; i++) {
		const struct rule *rule = &rules[i];

		if ((rule->otherwise || rule->severity == SEVERITY_OK) && diagnosis->finding_num)
			continue;
		if (!rule_applies(rule, subject))
			continue;
		TRY(add_finding(diagnosis, rule, subject));
		if (rule->last)
			break;
	}
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
	if (!view_is_in_service(&before) || queue->vhost != now->vhost ||
	    queue->packed != now->packed)
		return;
	subject->before = before;
	subject->interval_ns = subject->now.sample->time_ns - sample->time_ns;
	subject->progressed = has_progressed(queue, now);
	subject->moved = has_moved(queue, now);
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
