/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A rule: one verdict, when it holds, how sure it is, what it shows. The table
 * in rules.c is the whole catalogue; a new verdict is a new entry there.
 */
#ifndef VIRTQ_DIAGNOSIS_RULE_H
#define VIRTQ_DIAGNOSIS_RULE_H

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

struct rule {
	const char *verdict;
	const char *title;
	enum severity severity;
	enum rule_samples samples;
	enum rule_owner owner;
	/** With two samples: the device must not have taken or finished anything between them. */
	bool stalled;
	/** The predicate, over one sample. With two it must hold in both if it accuses somebody. */
	bool (*holds)(const struct view *view);
	/** What the newer sample shows is enough, whatever the older one showed. */
	bool now_only;
	/** For what only two samples together show; NULL: nothing more is asked. */
	bool (*holds_between)(const struct subject *subject);
	enum confidence one_sample, two_samples;
	void (*evidence)(const struct subject *subject, struct evidence *evidence);
	const char *const *considered;
	const char *next;
	/** Only if no rule before held; so are the ok verdicts. */
	bool otherwise;
	/** Nothing after this rule can be said of the queue. */
	bool last;
};

/**
 * Could the queue be worked on when the sample was taken? If not (paused, not
 * set up, broken, unreadable, ...), that it stood still then means nothing.
 */
bool view_is_in_service(const struct view *view);

extern const struct rule rules[];
extern const size_t rule_num;

#endif
