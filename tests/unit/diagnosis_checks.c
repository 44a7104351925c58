/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>
#include <string.h>

#include "base/checked.h"
#include "diagnosis_checks.h"

const char *const confidence_names[] = { "low", "medium", "high", "proved" };

bool severity_fits(enum severity severity, const char *verdict)
{
	static const struct {
		const char *family;
		enum severity severity;
	} families[] = {
		{ "ok/", SEVERITY_OK },
		{ "off/", SEVERITY_OFF },
		{ "unknown/", SEVERITY_UNKNOWN },
	};

	for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
		if (strncmp(verdict, families[i].family, strlen(families[i].family)) == 0)
			return severity == families[i].severity ||
			       /* out of service, and somebody waits in it all the same */
			       (severity == SEVERITY_STUCK && strcmp(verdict, "off/not-mapped") == 0);
	}
	return severity == SEVERITY_STUCK;
}

const struct queue_diagnosis *only_queue(const struct diagnosis *diagnosis)
{
	assert_int_equal(diagnosis->device_num, 1);
	assert_int_equal(diagnosis->devices[0].queue_num, 1);
	assert_true(diagnosis->devices[0].queues[0].finding_num > 0);
	return &diagnosis->devices[0].queues[0];
}

void check_finding(const struct finding *finding)
{
	assert_non_null(finding->title);
	assert_true(finding->title[0]);
	for (size_t i = 0; i < finding->evidence_num; i++) {
		assert_non_null(finding->evidence[i]);
		assert_true(finding->evidence[i][0]);
	}
	if (finding->severity == SEVERITY_STUCK) {
		assert_true(finding->evidence_num > 0);
		assert_non_null(finding->next);
	}
}

void no_accusation(const struct instant *before, const struct instant *now, const char *what)
{
	struct diagnosis diagnosis;

	assert_null(diagnose(before ? &before->sample : NULL, &now->sample, &diagnosis));
	const struct queue_diagnosis *queue = only_queue(&diagnosis);
	for (size_t i = 0; i < queue->finding_num; i++) {
		if (queue->findings[i].severity == SEVERITY_STUCK)
			fail_msg("%s: %s: %s", what, queue->findings[i].verdict,
				 queue->findings[i].evidence[0]);
	}
	diagnosis_deinit(&diagnosis);
}

void expect_verdict(const struct instant *before, const struct instant *now,
			   const char *verdict, const char *what)
{
	struct diagnosis diagnosis;

	assert_null(diagnose(before ? &before->sample : NULL, &now->sample, &diagnosis));
	const struct queue_diagnosis *queue = only_queue(&diagnosis);
	if (strcmp(queue->findings[0].verdict, verdict) != 0)
		fail_msg("%s: %s (%s), expected %s", what, queue->findings[0].verdict,
			 queue->findings[0].evidence_num ? queue->findings[0].evidence[0] : "",
			 verdict);
	diagnosis_deinit(&diagnosis);
}

static uint64_t random_state;

void random_seed(uint64_t seed)
{
	random_state = seed;
}

uint32_t random_number(uint32_t below)
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return (uint32_t)((random_state * UINT64_C(2685821657736338717)) >> 33) % below;
}
