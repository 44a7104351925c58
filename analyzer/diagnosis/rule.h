/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A rule: one verdict, when it holds, how sure it is, what it shows. Each
 * family of verdicts has a file rules_*.c with its predicates and its table;
 * catalogue.c puts the tables in order. A new verdict is one new entry in one
 * of the tables, and its cases in tests/unit/.
 */
#ifndef VIRTQ_DIAGNOSIS_RULE_H
#define VIRTQ_DIAGNOSIS_RULE_H

#include <stddef.h>

#include "base/error.h"
#include "model/finding.h"
#include "model/sample.h"

/** One queue in one sample. */
struct view {
	const struct sample *sample;
	const struct device *device;
	const struct queue *queue;
};

/** What a rule is asked about. */
struct subject {
	struct view now;
	struct view before; /**< The same queue in the earlier sample; queue is NULL without one. */
	uint64_t interval_ns; /**< Between the two samples. */
	bool moved; /**< Some counter of the queue changed between the samples, or the reading is torn. */
	bool progressed; /**< The device took or finished something between the samples. */
	bool replaced; /**< It holds other requests than before, whatever the indices say. */
};

/** Lines of evidence of one finding. */
struct evidence {
	char **lines;
	size_t num;
	bool failed; /**< Out of memory. */
};

/** Add a line. */
void evidence_add(struct evidence *evidence, const char *format, ...) PRINTF_LIKE(2, 3);

enum rule_samples { SAMPLES_ANY, SAMPLES_ONE, SAMPLES_TWO };

/** Whose counters QEMU's fields are: a started vhost device makes them stale. */
enum rule_owner { OWNER_ANY, OWNER_QEMU, OWNER_VHOST };

/** When a rule is asked at all. */
enum rule_fallback {
	FALLBACK_NO, /**< Always. */
	FALLBACK_OF_FAMILY, /**< Only if no other rule of its family (its verdict up to the '/') held. */
	FALLBACK_OF_ALL, /**< Only if no rule before it held. */
};

/** A fact without which a rule says nothing. */
enum input_of {
	INPUT_END,
	INPUT_QUEUE,
	INPUT_DEVICE,
	INPUT_LOOP, /**< Of the event loop that listens to the queue's kicks. */
	INPUT_BACKEND, /**< Of at least one backend behind the queue. */
};
struct input {
	enum input_of of;
	size_t offset; /**< Of the struct fact in struct queue, device, context or backend. */
};
#define QUEUE_FACT(member) { INPUT_QUEUE, offsetof(struct queue, member) }
#define DEVICE_FACT(member) { INPUT_DEVICE, offsetof(struct device, member) }
#define LOOP_FACT(member) { INPUT_LOOP, offsetof(struct context, member) }
#define BACKEND_FACT(member) { INPUT_BACKEND, offsetof(struct backend, member) }
#define NEEDS(...) (const struct input[]){ __VA_ARGS__, { INPUT_END, 0 } }

/** Name of a fact in JSON and of the struct it belongs to, as "queue", "avail-idx". */
const char *input_owner(const struct input *input);
const char *input_name(const struct input *input);

struct rule {
	const char *verdict;
	const char *catalogue; /**< The state's short name, as "NS-KICK"; several with spaces between. */
	const char *title;
	enum severity severity;
	enum rule_samples samples;
	enum rule_owner owner;
	enum rule_fallback fallback;
	/** With two samples: the device must not have taken or finished anything between them. */
	bool stalled;
	/** Facts that must be known in each sample; NULL: the predicate asks by itself. */
	const struct input *needs;
	/** The predicate, over one sample. With two it must hold in both if it accuses somebody. */
	bool (*holds)(const struct view *view);
	/** What the newer sample shows is enough, whatever the older one showed. */
	bool now_only;
	/** For what only two samples together show; NULL: nothing more is asked. */
	bool (*holds_between)(const struct subject *subject);
	enum confidence one_sample, two_samples;
	/** More is known: one step surer. One sample never gives more than medium; NULL: never. */
	bool (*surer)(const struct subject *subject);
	/** A healthy queue may look like this for good: never more than low; NULL: none is known. */
	bool (*doubtful)(const struct subject *subject);
	void (*evidence)(const struct subject *subject, struct evidence *evidence);
	const char *const *considered; /**< Names of false_positives[] that it obeys. */
	const char *next;
	/** Instead of `next`, where what to do depends on what was found. */
	const char *(*next_of)(const struct view *view);
	/** It explains whatever else is found, and goes before all of it, unless it is doubtful. */
	bool foremost;
	/** Nothing after this rule can be said of the queue. */
	bool last;
};

/** The rules of one file, in the order in which they are asked. */
struct rule_table {
	const struct rule *rules;
	size_t num;
};

/** The whole catalogue, in the order in which it is asked. */
extern const struct rule_table *const rule_tables[];
extern const size_t rule_table_num;

/** How a healthy queue can look like a stuck one, and what is done about it. */
struct false_positive {
	const char *name, *description;
};
extern const struct false_positive false_positives[];
extern const size_t false_positive_num;

/** Names of the false-positive rules that a verdict obeys. */
#define CONSIDERED(...) (const char *const[]){ __VA_ARGS__, NULL }
/** Those of every verdict that a driver has not noticed what was done: it may not be looking. */
#define DRIVER_DOES_NOT_LOOK                                                            \
	"used-event-zero", "event-triggered", "callbacks-off", "delayed-callback",      \
		"kernel-differs", "polling-driver", "lazy-tx", "idle-reader"

/**
 * Could the queue be worked on when the sample was taken? If not (paused, not
 * set up, broken, unreadable, ...), that it stood still then means nothing.
 */
bool view_is_in_service(const struct view *view);

#endif
