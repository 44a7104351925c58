/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What must hold of any diagnosis, and short ways to ask for one. */
#ifndef VIRTQ_TESTS_DIAGNOSIS_CHECKS_H
#define VIRTQ_TESTS_DIAGNOSIS_CHECKS_H

#include "diagnosis/diagnose.h"
#include "diagnosis_cases.h"

extern const char *const confidence_names[];

/** The family that begins a verdict says how it counts. */
bool severity_fits(enum severity severity, const char *verdict);

/** Of a diagnosis of one device with one queue. */
const struct queue_diagnosis *only_queue(const struct diagnosis *diagnosis);

/** What every finding has, whatever it says. */
void check_finding(const struct finding *finding);

/** Nobody is accused, with whatever confidence. @before may be NULL. */
void no_accusation(const struct instant *before, const struct instant *now, const char *what);

/** The primary verdict. */
void expect_verdict(const struct instant *before, const struct instant *now, const char *verdict,
		    const char *what);

/** xorshift64*: the same numbers everywhere. Seeded by random_seed(). */
void random_seed(uint64_t seed);
uint32_t random_number(uint32_t below);

#endif
