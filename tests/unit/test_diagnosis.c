/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * diagnosis/ on plain structs: the cases of diagnosis_cases_*.c, and a test
 * over the rules themselves, which fails if one of them has no case that fires
 * it or no healthy neighbour.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "diagnosis/predicates.h"
#include "diagnosis/rule.h"
#include "diagnosis_checks.h"

static const struct case_table *const case_tables[] = {
	&service_cases,	  &corrupt_cases,   &vhost_cases, &not_seen_cases,
	&taken_not_cases, &in_device_cases, &done_cases,  &ok_cases,
};

/* ---- Who fires what ------------------------------------------------------------------ */

enum { RULES_MAX = 128, CASES_MAX = 1024 };

/** What a case did to a rule. */
enum outcome {
	FIRED_ONE = 1, /**< It was the primary finding of one sample, with the confidence of the rule. */
	FIRED_TWO = 2,
	FIRED_SURER = 4, /**< In either, with more confidence than the rule starts from. */
	SPARED = 8, /**< The case is a healthy neighbour, and the rule was silent. */
};

static const struct rule *rule_of(size_t index)
{
	for (size_t i = 0; i < rule_table_num; index -= rule_tables[i]->num, i++) {
		if (index < rule_tables[i]->num)
			return &rule_tables[i]->rules[index];
	}
	return NULL;
}

static const struct diagnosis_case *case_of(size_t index)
{
	for (size_t i = 0; i < ARRAY_SIZE(case_tables); index -= case_tables[i]->num, i++) {
		if (index < case_tables[i]->num)
			return &case_tables[i]->cases[index];
	}
	return NULL;
}

static uint8_t outcomes[RULES_MAX][CASES_MAX];

/** Titles are string constants of the tables: a finding is of the rule whose title it has. */
static size_t rule_of_finding(const struct finding *finding)
{
	for (size_t i = 0; rule_of(i); i++) {
		if (rule_of(i)->title == finding->title)
			return i;
	}
	fail_msg("no rule gives '%s'", finding->title);
	return 0;
}

static void record_primary(size_t index, const struct finding *finding, bool two)
{
	size_t rule_index = rule_of_finding(finding);
	const struct rule *rule = rule_of(rule_index);
	enum confidence base = two ? rule->two_samples : rule->one_sample;
	enum confidence least = base;

	if (case_of(index)->now.packed && rule->severity == SEVERITY_STUCK &&
	    base != CONFIDENCE_PROVED && base > CONFIDENCE_LOW)
		least--;
	outcomes[rule_index][index] |= two ? FIRED_TWO : FIRED_ONE;
	if (finding->confidence > least)
		outcomes[rule_index][index] |= FIRED_SURER;
}

static void make_instants(const struct diagnosis_case *entry, bool two, struct instant *before,
			  struct instant *now)
{
	if (two)
		instant_init(before, entry->before ? entry->before : &entry->now, entry->kind,
			     UINT64_C(5000000000));
	instant_init(now, &entry->now, entry->kind, UINT64_C(7000000000));
}

static void run_case(size_t index, bool two)
{
	const struct diagnosis_case *entry = case_of(index);
	const struct expectation *expected = two ? &entry->two : &entry->one;
	const char *samples = two ? "two samples" : "one sample";
	struct diagnosis diagnosis;
	struct instant before, now;

	if (!expected->verdict)
		return;
	make_instants(entry, two, &before, &now);
	assert_null(diagnose(two ? &before.sample : NULL, &now.sample, &diagnosis));
	const struct queue_diagnosis *queue = only_queue(&diagnosis);
	const struct finding *primary = &queue->findings[0];
	if (strcmp(primary->verdict, expected->verdict) != 0 ||
	    primary->confidence != expected->confidence)
		fail_msg("'%s', %s: %s (%s), expected %s (%s)", entry->name, samples,
			 primary->verdict, confidence_names[primary->confidence],
			 expected->verdict, confidence_names[expected->confidence]);
	for (size_t i = 0; i < queue->finding_num; i++) {
		check_finding(&queue->findings[i]);
		if (entry->spares && strcmp(queue->findings[i].verdict, entry->spares) == 0)
			fail_msg("'%s', %s: has a finding %s", entry->name, samples, entry->spares);
	}
	record_primary(index, primary, two);
	diagnosis_deinit(&diagnosis);
}

static bool owner_fits(const struct rule *rule, const struct diagnosis_case *entry)
{
	return rule->owner == OWNER_ANY || (rule->owner == OWNER_VHOST) == entry->now.vhost;
}

static void test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; case_of(i); i++) {
		assert_true(i < CASES_MAX);
		run_case(i, false);
		run_case(i, true);
		for (size_t j = 0; rule_of(j); j++) {
			if (case_of(i)->spares && owner_fits(rule_of(j), case_of(i)) &&
			    strcmp(case_of(i)->spares, rule_of(j)->verdict) == 0)
				outcomes[j][i] |= SPARED;
		}
	}
}

/* ---- The table of rules ---------------------------------------------------------------- */

/** "# rule: SLUG | STATES | fired by: CASE; CASE | silent on: CASE; CASE": see tests/rules-table.sh */
static void print_rule(size_t index)
{
	static const char *const words[] = { "fired by", "silent on" };
	static const uint8_t wanted[] = { FIRED_ONE | FIRED_TWO, SPARED };

	printf("# rule: %s | %s", rule_of(index)->verdict,
	       rule_of(index)->catalogue ? rule_of(index)->catalogue : "-");
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		const char *separator = ": ";

		printf(" | %s", words[i]);
		for (size_t j = 0; case_of(j); j++) {
			if (!(outcomes[index][j] & wanted[i]))
				continue;
			printf("%s%s", separator, case_of(j)->name);
			separator = "; ";
		}
	}
	printf("\n");
}

/**
 * Each rule has a case that fires it, with as many samples as it takes and as
 * surely as it can be, and a neighbour.
 */
static void test_every_rule_has_cases(void **state)
{
	(void)state;
	for (size_t i = 0; rule_of(i); i++) {
		const struct rule *rule = rule_of(i);
		uint8_t all = 0, needed = SPARED;

		assert_true(i < RULES_MAX);
		print_rule(i);
		for (size_t j = 0; case_of(j); j++)
			all |= outcomes[i][j];
		if (rule->samples != SAMPLES_TWO && !rule->holds_between)
			needed |= FIRED_ONE;
		if (rule->samples != SAMPLES_ONE)
			needed |= FIRED_TWO;
		if (rule->surer)
			needed |= FIRED_SURER;
		if ((all & needed) != needed)
			fail_msg("rule %zu, %s (%s): no case with %s", i, rule->verdict, rule->title,
				 !(all & SPARED)		       ? "a healthy neighbour"
				 : needed & ~all & FIRED_ONE ? "one sample"
				 : needed & ~all & FIRED_TWO ? "two samples"
								       : "more confidence");
	}
}

static bool is_verdict(const char *verdict)
{
	for (size_t i = 0; rule_of(i); i++) {
		if (strcmp(verdict, rule_of(i)->verdict) == 0)
			return true;
	}
	return false;
}

static void test_cases_name_rules(void **state)
{
	(void)state;
	for (size_t i = 0; case_of(i); i++) {
		if (case_of(i)->spares && !is_verdict(case_of(i)->spares))
			fail_msg("'%s' spares %s, which no rule gives", case_of(i)->name,
				 case_of(i)->spares);
	}
}

/** Is there a rule of the same family, and not a fallback, after this one? */
static bool comes_before_its_family(size_t index)
{
	size_t length = strcspn(rule_of(index)->verdict, "/") + 1;

	for (size_t i = index + 1; rule_of(i); i++) {
		if (rule_of(i)->fallback == FALLBACK_NO &&
		    strncmp(rule_of(i)->verdict, rule_of(index)->verdict, length) == 0)
			return true;
	}
	return false;
}

static void check_rule(size_t index)
{
	const struct rule *rule = rule_of(index);

	assert_true(severity_fits(rule->severity, rule->verdict));
	assert_true(rule->title && rule->title[0]);
	/* a family is only known to be silent when it was asked */
	if (rule->fallback == FALLBACK_OF_FAMILY && comes_before_its_family(index))
		fail_msg("%s is a fallback, and its family is asked after it", rule->verdict);
	/* an ok verdict is only given when nothing else was found */
	assert_true(rule->severity != SEVERITY_OK || rule->fallback == FALLBACK_OF_ALL);
	for (const struct input *input = rule->needs; input && input->of != INPUT_END; input++) {
		assert_non_null(input_owner(input));
		if (!input_name(input))
			fail_msg("%s needs a fact that has no name", rule->verdict);
	}
	if (rule->severity != SEVERITY_STUCK)
		return;
	/* who is accused hears what to do, and what else was thought of */
	assert_true(!rule->next != !rule->next_of);
	assert_non_null(rule->evidence);
	assert_non_null(rule->holds);
	assert_non_null(rule->catalogue);
	/* QMP's `stop` waits for every disk: whoever has one that hangs must know before */
	if (strncmp(rule->verdict, "vhost/", 6) != 0 && strstr(rule->next, "`stop`"))
		assert_non_null(strstr(rule->next, "only if no disk of the VM has a request in flight"));
	if (rule->one_sample == CONFIDENCE_PROVED)
		return;
	assert_true(rule->considered && rule->considered[0]);
	/* a transient is normal; one sample never gives more than medium */
	assert_true(rule->stalled);
	assert_true(rule->samples == SAMPLES_TWO || rule->one_sample <= CONFIDENCE_MEDIUM);
}

static void test_rules_are_whole(void **state)
{
	size_t num = 0;

	(void)state;
	for (; rule_of(num); num++)
		check_rule(num);
	/* there is always a finding, and the last resort accuses nobody */
	const struct rule *last = rule_of(num - 1);
	assert_true(!last->holds && !last->holds_between && !last->needs && last->last);
	assert_int_equal(last->samples, SAMPLES_ANY);
	assert_int_equal(last->owner, OWNER_ANY);
	assert_int_not_equal(last->severity, SEVERITY_STUCK);
}

static bool has_finding(const struct instant *before, const struct instant *now,
			const struct rule *rule)
{
	struct diagnosis diagnosis;
	bool found = false;

	assert_null(diagnose(before ? &before->sample : NULL, &now->sample, &diagnosis));
	const struct queue_diagnosis *queue = only_queue(&diagnosis);
	for (size_t i = 0; i < queue->finding_num; i++)
		found |= queue->findings[i].title == rule->title;
	diagnosis_deinit(&diagnosis);
	return found;
}

/** Take a fact away from an instant. */
static void forget(struct instant *instant, const struct input *input, struct fact unknown)
{
	char *base = input->of == INPUT_QUEUE  ? (char *)&instant->queue :
		     input->of == INPUT_DEVICE ? (char *)&instant->device :
						 (char *)&instant->loop;

	if (input->of != INPUT_BACKEND) {
		*(struct fact *)(base + input->offset) = unknown;
		return;
	}
	for (size_t i = 0; i < instant->device.backend_num; i++)
		*(struct fact *)((char *)&instant->backends[i] + input->offset) = unknown;
}

/** Without a fact that it needs, in either sample, no rule says anything. */
static void test_rules_need_their_facts(void **state)
{
	(void)state;
	for (size_t i = 0; rule_of(i); i++) {
		for (size_t j = 0; case_of(j); j++) {
			bool two = outcomes[i][j] & FIRED_TWO;
			const struct input *input = rule_of(i)->needs;

			if (!(outcomes[i][j] & (FIRED_ONE | FIRED_TWO)))
				continue;
			for (; input && input->of != INPUT_END; input++) {
				struct instant before, now;

				make_instants(case_of(j), two, &before, &now);
				assert_true(has_finding(two ? &before : NULL, &now, rule_of(i)));
				forget(&now, input, fact_unreadable());
				assert_false(has_finding(two ? &before : NULL, &now, rule_of(i)));
				if (!two)
					continue;
				make_instants(case_of(j), two, &before, &now);
				forget(&before, input, (struct fact){ 0 });
				assert_false(has_finding(&before, &now, rule_of(i)));
			}
		}
	}
}

/** Every name that a rule gives is explained, and every explanation is of use to a rule. */
static void test_false_positives_are_named(void **state)
{
	size_t uses[128] = { 0 };

	(void)state;
	assert_true(false_positive_num <= ARRAY_SIZE(uses));
	for (size_t i = 0; rule_of(i); i++) {
		const char *const *name = rule_of(i)->considered;

		for (; name && *name; name++) {
			size_t j = 0;

			while (j < false_positive_num &&
			       strcmp(false_positives[j].name, *name) != 0)
				j++;
			if (j == false_positive_num)
				fail_msg("%s: what is '%s'?", rule_of(i)->verdict, *name);
			uses[j]++;
		}
	}
	for (size_t i = 0; i < false_positive_num; i++) {
		assert_true(false_positives[i].description[0]);
		if (!uses[i])
			fail_msg("no rule obeys '%s'", false_positives[i].name);
	}
}

/* ---- Evidence ---------------------------------------------------------------------------- */

/** What a finding says of the facts it is made of. */
static const struct {
	const char *verdict;
	enum queue_kind kind;
	struct state state;
	const char *line;
} evidences[] = {
	{ "not-seen/kick-unread",
	  QUEUE_REQUEST,
	  { .live = true, POSTED, .host_notifier_count = IS(3) },
	  "the kick eventfd holds 3 kicks nobody has read" },
	{ "not-seen/kick-lost",
	  QUEUE_REQUEST,
	  { .live = true, POSTED },
	  "the kick eventfd is empty: no kick waits in it" },
	{ "not-seen/kick-lost",
	  QUEUE_REQUEST,
	  { .live = true, POSTED },
	  "avail-event is 7: by it the driver had to notify QEMU" },
	{ "not-seen/kick-lost",
	  QUEUE_REQUEST,
	  { .live = true, POSTED },
	  "IOThread iothread0 (thread 4711) sleeps until events come (in its poll call)" },
	{ "not-seen/no-handler",
	  QUEUE_REQUEST,
	  { .live = true, POSTED, .listeners = IS(0) },
	  "no event loop of QEMU listens to it" },
	{ "not-seen/thread-busy",
	  QUEUE_REQUEST,
	  { .live = true,
	    POSTED,
	    .activity = THREAD_LOCKING,
	    .lock_owner = IS(MAIN_THREAD),
	    .other = { .tid = MAIN_THREAD,
		       .name = "qemu",
		       .activity = THREAD_BLOCKED,
		       .syscall = "read" } },
	  "thread 4700 qemu waits in read" },
	{ "in-device/lock",
	  QUEUE_REQUEST,
	  { .live = true, TAKEN, .activity = THREAD_LOCKING, .lock_owner = IS(LOOP_THREAD) },
	  "IOThread iothread0 (thread 4711) waits for a mutex that it holds itself" },
	{ "in-device/throttled",
	  QUEUE_REQUEST,
	  { TAKEN,
	    BACKEND(.name = (char *)"disk0", .throttled_reads = KNOWN(1), .throttled_writes = KNOWN(0),
		    .throttle_timers = KNOWN(0)) },
	  "disk disk0: 1 read and 0 writes wait in the throttle group, and no timer is armed to wake them" },
	{ "corrupt/avail-idx",
	  QUEUE_REQUEST,
	  { .avail_idx = IS(7 + 257) },
	  "the driver's avail-idx 264 is 257 ahead of last-avail-idx 7, and the ring has 256 entries" },
	{ "corrupt/used-idx",
	  QUEUE_REQUEST,
	  { .used_ring_idx = IS(6) },
	  "QEMU wrote used-idx 7 to the ring, where it is 6 now" },
	{ "not-seen/drained",
	  QUEUE_REQUEST,
	  { .live = true,
	    .avail_idx = IS(9),
	    .shadow_avail_idx = IS(8),
	    .last_avail_idx = IS(8),
	    .external_disable_cnt = IS(1) },
	  "1 earlier request is in flight: a drain waits until there is none" },
	{ "in-device/throttled",
	  QUEUE_REQUEST,
	  { TAKEN,
	    BACKEND(.name = (char *)"disk0", .node = (char *)"node0", .throttled_reads = KNOWN(0),
		    .throttled_writes = KNOWN(1), .in_flight = KNOWN(2)) },
	  "disk disk0 (node node0): the block layer counts 2 requests in flight" },
	{ "in-device/leaked",
	  QUEUE_REQUEST,
	  { TAKEN, BACKEND(NOTHING) },
	  "the block layer counts no request in flight" },
	{ "not-seen/drained",
	  QUEUE_REQUEST,
	  { .live = true, POSTED, .external_disable_cnt = IS(1) },
	  "IOThread iothread0 (thread 4711) handles no kicks while a disk of it is drained: external-disable-cnt 1" },
	{ "in-device/drained",
	  QUEUE_REQUEST,
	  { TAKEN,
	    BACKEND(.name = (char *)"disk0", .node = (char *)"node0", .queued_requests = KNOWN(1),
		    .quiesce_counter = KNOWN(1), .node_quiesce_counter = KNOWN(2)) },
	  "disk disk0 (node node0) is drained: quiesce-counter 1, of its node 2" },
	{ "in-device/in-order",
	  QUEUE_REQUEST,
	  { TAKEN, .features = IN_ORDER, .in_order_blocker = IS(5) },
	  "IN_ORDER: requests that are finished wait for head 5, which is not" },
	{ "taken-not/peer-not-reading",
	  QUEUE_PREPOSTED,
	  { .avail_idx = IS(200),
	    BACKEND(.kind = BACKEND_NET, .name = (char *)"net0", .read_poll = KNOWN(0),
		    .incoming_packets = KNOWN(3), .link_down = KNOWN(0)) },
	  "netdev net0: 3 packets wait for the NIC; the tap is not read" },
	{ "not-seen/waiting",
	  QUEUE_LAZY,
	  { .live = true, POSTED, .notification = IS(0),
	    BACKEND(.kind = BACKEND_NET, .name = (char *)"net0", .async_tx = KNOWN(0),
		    .tx_waiting = KNOWN(1)) },
	  "netdev net0: a timer or a bottom half is to send what waits (tx-waiting)" },
	{ "not-seen/waiting",
	  QUEUE_LAZY,
	  { .live = true, POSTED,
	    BACKEND(.kind = BACKEND_PORT, .name = (char *)"port0", .element_held = KNOWN(0),
		    .throttled = KNOWN(1)) },
	  "port port0 takes no more (throttled)" },
	{ "done-not-noticed/masked",
	  QUEUE_REQUEST,
	  { .live = true, .used_event = IS(6), .vector_masked = IS(1) },
	  "MSI-X vector 1, masked by the guest" },
	{ "vhost/kick-unread",
	  QUEUE_REQUEST,
	  { .live = true, STALE, POSTED, .vhost_kick_count = IS(1) },
	  "the device finished nothing between two samples 0.0 s apart" },
	{ "vhost/kick-unread",
	  QUEUE_REQUEST,
	  { .live = true, STALE, POSTED, .vhost_kick_count = IS(1) },
	  "the kick eventfd holds 1 kick the backend has not read" },
	{ "vhost/kick-unread",
	  QUEUE_REQUEST,
	  { .live = true, STALE, POSTED, .vhost_kick_count = IS(1) },
	  "QEMU's own indices are stale while vhost runs and were not used" },
	{ "vhost/shadow",
	  QUEUE_REQUEST,
	  { STALE, POSTED, .svq = IS(1), .svq_avail_idx = IS(3), .svq_used_idx = IS(2),
	    .svq_last_used_idx = IS(2) },
	  "QEMU's own indices tell what it took for its shadow virtqueue, not what the device took" },
};

static void test_evidence(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(evidences); i++) {
		struct instant instant;
		struct diagnosis diagnosis;
		bool found = false;

		instant_init(&instant, &evidences[i].state, evidences[i].kind, 0);
		assert_null(diagnose(&instant.sample, &instant.sample, &diagnosis));
		const struct finding *primary = &only_queue(&diagnosis)->findings[0];
		assert_string_equal(primary->verdict, evidences[i].verdict);
		for (size_t j = 0; j < primary->evidence_num; j++)
			found |= strcmp(primary->evidence[j], evidences[i].line) == 0;
		if (!found)
			fail_msg("%s does not say \"%s\"", primary->verdict, evidences[i].line);
		diagnosis_deinit(&diagnosis);
	}
}

/* ---- Two samples of more than one device ----------------------------------------------- */

static const struct state stuck_state = { .avail_idx = IS(8),
					  .shadow_avail_idx = IS(8),
					  .last_avail_idx = IS(8) };
static const struct state idle_state = { 0 };

static const struct finding *primary_of(const struct diagnosis *diagnosis, size_t device)
{
	return &diagnosis->devices[device].queues[0].findings[0];
}

/** Devices are found again by address and type, not by their place. */
static void test_devices_are_paired(void **state)
{
	static const struct state busy = { .base = 3 };
	struct queue queues[2][2];
	struct device devices[2][2];
	struct sample before = { .time_ns = 1, .devices = devices[0], .device_num = 2 };
	struct sample now = { .time_ns = 2000000001, .devices = devices[1], .device_num = 2 };
	struct diagnosis diagnosis;

	(void)state;
	queue_from_state(&stuck_state, QUEUE_REQUEST, &queues[0][0]);
	queue_from_state(&busy, QUEUE_REQUEST, &queues[0][1]);
	queue_from_state(&idle_state, QUEUE_REQUEST, &queues[1][0]);
	queue_from_state(&stuck_state, QUEUE_REQUEST, &queues[1][1]);
	for (size_t i = 0; i < 2; i++) {
		for (size_t j = 0; j < 2; j++)
			device_from_state(&idle_state, &queues[i][j], &devices[i][j]);
	}
	/* the one that is stuck was first, and is second now */
	devices[0][1].address = devices[1][0].address = 0x555500009000;

	assert_null(diagnose(&before, &now, &diagnosis));
	assert_string_equal(primary_of(&diagnosis, 0)->verdict, "ok/moving");
	assert_string_equal(primary_of(&diagnosis, 1)->verdict, "in-device/stuck");
	assert_string_equal(primary_of(&diagnosis, 1)->evidence[2],
			    "the device took and finished nothing between two samples 2.0 s apart");
	diagnosis_deinit(&diagnosis);

	/* another device at the same address: what was there before says nothing of it */
	devices[0][0].device_id = fact_of(1);
	assert_null(diagnose(&before, &now, &diagnosis));
	assert_string_equal(primary_of(&diagnosis, 1)->verdict, "in-device/in-flight");
	assert_int_equal(primary_of(&diagnosis, 1)->confidence, CONFIDENCE_LOW);
	diagnosis_deinit(&diagnosis);

	/* a queue that was not there before */
	devices[0][0].device_id = fact_of(2);
	devices[0][0].queue_num = 0;
	assert_null(diagnose(&before, &now, &diagnosis));
	assert_string_equal(primary_of(&diagnosis, 1)->verdict, "in-device/in-flight");
	diagnosis_deinit(&diagnosis);

	now.device_num = 0;
	assert_null(diagnose(&before, &now, &diagnosis));
	assert_int_equal(diagnosis.device_num, 0);
	diagnosis_deinit(&diagnosis);
}

static void test_suspicious(void **state)
{
	struct instant instant;
	struct diagnosis diagnosis;

	(void)state;
	instant_init(&instant, &stuck_state, QUEUE_REQUEST, 0);
	assert_null(diagnose(NULL, &instant.sample, &diagnosis));
	assert_true(diagnosis_is_suspicious(&instant.sample, &diagnosis));
	/* nobody asked for this queue */
	instant.queue.selected = false;
	assert_false(diagnosis_is_suspicious(&instant.sample, &diagnosis));
	diagnosis_deinit(&diagnosis);

	instant_init(&instant, &idle_state, QUEUE_REQUEST, 0);
	assert_null(diagnose(NULL, &instant.sample, &diagnosis));
	assert_false(diagnosis_is_suspicious(&instant.sample, &diagnosis));
	diagnosis_deinit(&diagnosis);
}

/** Rules that do not end a diagnosis let others follow, the gravest first. */
static void test_more_than_one_finding(void **state)
{
	static const struct state lost = { .avail_idx = IS(9),
					   .shadow_avail_idx = IS(8),
					   .last_avail_idx = IS(8),
					   .used_event = IS(5),
					   .inuse = IS(0) };
	static const char *const expected[] = { "corrupt/inuse", "in-device/stuck",
						"not-seen/waiting", "done-not-noticed/signalled" };
	struct instant before, now;
	struct diagnosis diagnosis;

	(void)state;
	instant_init(&before, &lost, QUEUE_REQUEST, 0);
	instant_init(&now, &lost, QUEUE_REQUEST, UINT64_C(2000000000));
	assert_null(diagnose(&before.sample, &now.sample, &diagnosis));
	const struct queue_diagnosis *queue = only_queue(&diagnosis);
	assert_int_equal(queue->finding_num, ARRAY_SIZE(expected));
	for (size_t i = 0; i < ARRAY_SIZE(expected); i++)
		assert_string_equal(queue->findings[i].verdict, expected[i]);
	diagnosis_deinit(&diagnosis);
}

/* ---- What did not last, or is not known, accuses nobody -------------------------------------- */

/** No finding @verdict; without one: nobody is accused with more than low confidence. */
static void expect_not(const struct state *before, const struct state *now, enum queue_kind kind,
		       const char *verdict)
{
	struct instant earlier, later;
	struct diagnosis diagnosis;

	if (before)
		instant_init(&earlier, before, kind, UINT64_C(5000000000));
	instant_init(&later, now, kind, UINT64_C(7000000000));
	assert_null(diagnose(before ? &earlier.sample : NULL, &later.sample, &diagnosis));
	const struct queue_diagnosis *queue = only_queue(&diagnosis);
	for (size_t i = 0; i < queue->finding_num; i++) {
		const struct finding *finding = &queue->findings[i];

		if (verdict ? strcmp(finding->verdict, verdict) == 0
			    : finding->severity == SEVERITY_STUCK &&
				      finding->confidence >= CONFIDENCE_MEDIUM)
			fail_msg("%s (%s): %s", finding->verdict, confidence_names[finding->confidence],
				 finding->evidence_num ? finding->evidence[0] : "");
	}
	diagnosis_deinit(&diagnosis);
}

/**
 * Rules 17 and 22, and section 3.3: a first sample in which nothing could move
 * (paused, before DRIVER_OK, disabled) or that QEMU's fields do not describe
 * (vhost) is no witness that the queue stood still.
 */
static void test_first_sample_is_no_witness(void **state)
{
	static const struct state now = { .avail_idx = IS(8) };
	static const struct state before[] = {
		{ .avail_idx = IS(8), .vm_running = IS(0) },
		{ .avail_idx = IS(8), .status = IS(0xb) },
		{ .avail_idx = IS(8), .disabled = IS(1) },
		{ .avail_idx = IS(8), .vhost = true },
		{ .avail_idx = IS(8), .broken = IS(1) },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(before); i++)
		expect_not(&before[i], &now, QUEUE_REQUEST, NULL);
}

/** Two samples that follow each other closely say no more than one. */
static void test_close_samples_are_worth_one(void **state)
{
	static const struct state no_kick = { .live = true, POSTED };
	static const struct {
		const struct state *state;
		uint64_t interval_ns;
		const char *verdict;
		enum confidence confidence;
	} pairs[] = {
		{ &stuck_state, UINT64_C(50000000), "in-device/stuck", CONFIDENCE_LOW },
		{ &stuck_state, UINT64_C(999999999), "in-device/stuck", CONFIDENCE_LOW },
		{ &stuck_state, UINT64_C(1000000000), "in-device/stuck", CONFIDENCE_HIGH },
		/* what makes two samples surer */
		{ &no_kick, UINT64_C(50000000), "not-seen/kick-lost", CONFIDENCE_LOW },
		{ &no_kick, UINT64_C(1000000000), "not-seen/kick-lost", CONFIDENCE_HIGH },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
		struct instant before, now;
		struct diagnosis diagnosis;

		instant_init(&before, pairs[i].state, QUEUE_REQUEST, 5000000000);
		instant_init(&now, pairs[i].state, QUEUE_REQUEST, 5000000000 + pairs[i].interval_ns);
		assert_null(diagnose(&before.sample, &now.sample, &diagnosis));
		assert_string_equal(only_queue(&diagnosis)->findings[0].verdict, pairs[i].verdict);
		assert_int_equal(only_queue(&diagnosis)->findings[0].confidence,
				 pairs[i].confidence);
		diagnosis_deinit(&diagnosis);
	}
}

static const struct state stopped_states[] = {
	{ .live = true, TAKEN, BACKEND(.in_flight = KNOWN(1)), ONE_REQUEST(OLD),
	  .activity = THREAD_STOPPED, .thread_state = 'T' },
	{ .live = true, SEEN, .activity = THREAD_STOPPED, .thread_state = 't' },
	{ .live = true, POSTED, .host_notifier_count = IS(1), .activity = THREAD_STOPPED,
	  .thread_state = 't' },
	{ .live = true, .used_event = IS(6), .activity = THREAD_STOPPED, .thread_state = 'T' },
	{ .live = true, STALE, POSTED, .activity = THREAD_STOPPED, .thread_state = 'T' },
};

/**
 * Two samples of a stopped process never differ: nobody is accused, even of what
 * one sample of a core says with more than low confidence.
 */
static void test_stopped_process_accuses_nobody(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(stopped_states); i++) {
		expect_not(NULL, &stopped_states[i], QUEUE_REQUEST, NULL);
		expect_not(&stopped_states[i], &stopped_states[i], QUEUE_REQUEST, NULL);
	}
}

/** Section 3.2: used_event moved between the samples, so the driver did notice something. */
static void test_driver_that_reaps_noticed(void **state)
{
	static const struct state before = { .base = 20, .used_event = IS(10) };
	static const struct state now = { .base = 20, .used_event = IS(15) };

	(void)state;
	expect_not(&before, &now, QUEUE_REQUEST, "done-not-noticed/signalled");
	expect_not(&before, &now, QUEUE_PREPOSTED, "done-not-noticed/signalled");
}

/** What was paused in the first sample and waits in the second is not moving: no counter did. */
static void test_movement_is_not_invented(void **state)
{
	static const struct state now = { .avail_idx = IS(8) };
	static const struct state before[] = {
		{ .avail_idx = IS(8), .vm_running = IS(0) },
		{ .avail_idx = IS(8), .status = IS(0xb) },
		{ .avail_idx = IS(8), .disabled = IS(1) },
		{ .avail_idx = IS(8), .vm_running = UNREADABLE },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(before); i++)
		expect_not(&before[i], &now, QUEUE_REQUEST, "ok/moving");
}

/** Whether the VM runs, the driver is up, and what it negotiated decides what a ring means. */
static void test_unreadable_device_is_not_accused(void **state)
{
	static const struct state unreadable[] = {
		{ .avail_idx = IS(8), .status = UNREADABLE },
		{ .avail_idx = IS(8), .vm_running = UNREADABLE },
		{ .avail_idx = IS(8), .shadow_avail_idx = IS(8), .vm_running = UNREADABLE },
		{ .avail_idx = IS(8),
		  .shadow_avail_idx = IS(8),
		  .last_avail_idx = IS(8),
		  .status = UNREADABLE,
		  .vm_running = UNREADABLE,
		  .broken = UNREADABLE,
		  .features_unreadable = true },
		/* IN_ORDER, or a packed ring that was read as a split one */
		{ .inuse = IS(1), .features_unreadable = true },
		{ .avail_idx = IS(9000), .features_unreadable = true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(unreadable); i++) {
		struct instant instant;

		instant_init(&instant, &unreadable[i], QUEUE_REQUEST, 0);
		no_accusation(NULL, &instant, "unreadable device, one sample");
		no_accusation(&instant, &instant, "unreadable device, two samples");
	}
}

#define EMPTY_PORT                                                                              \
	BACKEND(.kind = BACKEND_PORT, .element_held = KNOWN(0), .throttled = KNOWN(0), .blocked = KNOWN(0))

/** A port whose client went away works on: nothing that is said of the lost buffer is sure. */
static void test_dropped_by_a_port(void **state)
{
	const struct {
		struct state state;
		const char *verdict;
	} dropped[] = {
		{ { .live = true, TAKEN, .inuse = IS(0), EMPTY_PORT }, "in-device/leaked" },
		{ { .live = true, TAKEN, .inuse = IS(0), EMPTY_PORT, .activity = THREAD_RUNNING },
		  "in-device/stuck" },
		{ { .live = true, TAKEN, .inuse = IS(0), .device_id = IS(3) }, "in-device/stuck" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(dropped); i++) {
		struct instant before, now;
		struct diagnosis diagnosis;
		bool found = false;

		instant_init(&before, &dropped[i].state, QUEUE_LAZY, UINT64_C(5000000000));
		instant_init(&now, &dropped[i].state, QUEUE_LAZY, UINT64_C(7000000000));
		assert_null(diagnose(&before.sample, &now.sample, &diagnosis));
		const struct queue_diagnosis *queue = only_queue(&diagnosis);
		for (size_t j = 0; j < queue->finding_num; j++) {
			assert_int_equal(queue->findings[j].confidence, CONFIDENCE_LOW);
			found |= strcmp(queue->findings[j].verdict, dropped[i].verdict) == 0;
		}
		assert_true(found);
		diagnosis_deinit(&diagnosis);
	}
}

static void expect_next(const struct instant *instant, const char *verdict, const char *next)
{
	struct diagnosis diagnosis;

	assert_null(diagnose(NULL, &instant->sample, &diagnosis));
	const struct finding *primary = &only_queue(&diagnosis)->findings[0];
	assert_string_equal(primary->verdict, verdict);
	if (!strstr(primary->next, next))
		fail_msg("%s: '%s', expected '%s'", verdict, primary->next, next);
	diagnosis_deinit(&diagnosis);
}

/** What to do next is of use for the ring that could not be read, and why. */
static void test_what_next_of_unreadable(void **state)
{
	static const struct {
		enum virtq_error_code error;
		const char *next;
	} reasons[] = {
		{ VIRTQ_ERROR_NOT_SAVED, "run virtq on the live process" },
		{ VIRTQ_ERROR_TRUNCATED, "the core was cut" },
		{ VIRTQ_ERROR_UNSUPPORTED, "does not follow a virtual IOMMU" },
		{ VIRTQ_ERROR_UNMAPPED, "an address outside guest RAM" },
		{ VIRTQ_ERROR_BAD_DATA, "the reason is above" },
	};
	static const struct state unreadable = { .avail_idx = UNREADABLE };
	static const struct state held = { .avail_idx = UNREADABLE, .last_avail_idx = IS(8),
					   .shadow_avail_idx = IS(8) };
	struct instant instant;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(reasons); i++) {
		instant_init(&instant, &unreadable, QUEUE_REQUEST, 0);
		instant.queue.ring_error = reasons[i].error;
		expect_next(&instant, "unknown/guest-ram", reasons[i].next);
		instant_init(&instant, &held, QUEUE_REQUEST, 0);
		instant.queue.ring_error = reasons[i].error;
		expect_next(&instant, "unknown/guest-ram", reasons[i].next);
	}
}

/** Nobody is sent to look for a backend that this device cannot have. */
static void test_what_next_of_vhost(void **state)
{
	static const struct {
		struct setting backend;
		const char *next;
		bool stopped; /**< A ring that a monitor command stopped is thought of. */
	} backends[] = {
		{ IS(1), "look at the kernel's vhost thread", false },
		{ IS(2), "look at the vhost-user process", true },
		{ IS(3), "look at the vDPA device", false },
		{ IS(4), "look at the vhost backend, whose kind is not known", false },
		{ UNREADABLE, "look at the vhost backend, whose kind is not known", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(backends); i++) {
		const struct state waits = { .live = true, STALE, POSTED,
					     .vhost_backend = backends[i].backend };
		const struct state polls = { .live = true, STALE, POSTED, .avail_event = IS(60000),
					     .vhost_backend = backends[i].backend };
		const struct state works = { .live = true, STALE, POSTED, ONE_REQUEST(HELD(5)),
					     .vhost_backend = backends[i].backend };
		struct diagnosis diagnosis;
		struct instant instant;

		instant_init(&instant, &polls, QUEUE_REQUEST, 0);
		expect_next(&instant, "vhost/suppressed", backends[i].next);
		instant_init(&instant, &works, QUEUE_REQUEST, 0);
		expect_next(&instant, "vhost/held-back", backends[i].next);
		instant_init(&instant, &waits, QUEUE_REQUEST, 0);
		expect_next(&instant, "vhost/waiting", backends[i].next);
		assert_null(diagnose(NULL, &instant.sample, &diagnosis));
		assert_int_equal(!strstr(only_queue(&diagnosis)->findings[0].next, "GET_VRING_BASE"),
				 !backends[i].stopped);
		diagnosis_deinit(&diagnosis);
	}
}

/** A hostile QEMU has a thousand event loops: of those that are not the main loop's no thread is looked for. */
static void test_only_the_main_thread_is_looked_for(void **state)
{
	static const struct context others[] = { { .thread_id = { LOOP_THREAD, FACT_KNOWN } },
						 { .thread_id = { MAIN_THREAD, FACT_KNOWN } } };
	/* whoever looks at a thread ends here */
	const struct sample sample = { .contexts = (struct context *)others,
				       .context_num = ARRAY_SIZE(others),
				       .threads = NULL,
				       .thread_num = SAMPLE_THREADS_MAX };
	const struct view view = { .sample = &sample };

	(void)state;
	assert_null(view_main_thread(&view));
}

/** That the driver polls cannot be excluded without the vector and the state of MSI-X. */
static void test_unknown_vector_is_not_accused(void **state)
{
	static const struct state no_msix = { .used_event = IS(6),
					      .vector = IS(0xffff),
					      .msix_enabled = UNREADABLE };
	static const struct state no_vector = { .used_event = IS(6), .vector = ABSENT };

	(void)state;
	expect_not(&no_msix, &no_msix, QUEUE_REQUEST, "done-not-noticed/signalled");
	expect_not(&no_vector, &no_vector, QUEUE_REQUEST, "done-not-noticed/signalled");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_rules_are_whole),
		cmocka_unit_test(test_every_rule_has_cases),
		cmocka_unit_test(test_rules_need_their_facts),
		cmocka_unit_test(test_cases_name_rules),
		cmocka_unit_test(test_false_positives_are_named),
		cmocka_unit_test(test_evidence),
		cmocka_unit_test(test_devices_are_paired),
		cmocka_unit_test(test_suspicious),
		cmocka_unit_test(test_more_than_one_finding),
		cmocka_unit_test(test_first_sample_is_no_witness),
		cmocka_unit_test(test_close_samples_are_worth_one),
		cmocka_unit_test(test_stopped_process_accuses_nobody),
		cmocka_unit_test(test_driver_that_reaps_noticed),
		cmocka_unit_test(test_movement_is_not_invented),
		cmocka_unit_test(test_unreadable_device_is_not_accused),
		cmocka_unit_test(test_unknown_vector_is_not_accused),
		cmocka_unit_test(test_dropped_by_a_port),
		cmocka_unit_test(test_only_the_main_thread_is_looked_for),
		cmocka_unit_test(test_what_next_of_unreadable),
		cmocka_unit_test(test_what_next_of_vhost),
	};

	return cmocka_run_group_tests_name("diagnosis", tests, NULL, NULL);
}
