/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Samples to diagnosis to every renderer, and what must hold of any of them. */
#ifndef VIRTQ_TESTS_FUZZ_MODEL_H
#define VIRTQ_TESTS_FUZZ_MODEL_H

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "diagnosis/diagnose.h"
#include "fuzz.h"
#include "report/report.h"

static inline void fuzz_check_diagnosis(const struct analysis *analysis)
{
	const struct diagnosis *diagnosis = &analysis->diagnosis;

	fuzz_assert(diagnosis->device_num == analysis->sample.device_num);
	for (size_t i = 0; i < diagnosis->device_num; i++) {
		fuzz_assert(diagnosis->devices[i].queue_num ==
			    analysis->sample.devices[i].queue_num);
		for (size_t j = 0; j < diagnosis->devices[i].queue_num; j++) {
			const struct queue_diagnosis *queue = &diagnosis->devices[i].queues[j];

			fuzz_assert(queue->finding_num > 0);
			for (size_t k = 0; k < queue->finding_num; k++) {
				fuzz_assert(queue->findings[k].verdict && queue->findings[k].title);
				fuzz_assert(queue->findings[k].severity != SEVERITY_STUCK ||
					    queue->findings[k].evidence_num);
			}
		}
	}
}

/** The JSON document is one, whatever the target holds. */
static inline void fuzz_check_json(const char *text)
{
	enum json_tokener_error error;
	struct json_object *document = json_tokener_parse_verbose(text, &error);

	fuzz_assert(error == json_tokener_success &&
		    json_object_is_type(document, json_type_object));
	json_object_put(document);
}

/** Every document. */
static inline void fuzz_render(const struct analysis *analysis)
{
	static const struct virtq_render_options options[] = {
		{ .width = 100 },
		{ .verbose = true, .color = true, .width = 40 },
		{ .quiet = true },
	};
	char *text;

	fuzz_assert(!report_json(analysis, NULL, &text));
	fuzz_check_json(text);
	free(text);
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		fuzz_assert(!report_text(analysis, &options[i], &text));
		free(text);
	}
	fuzz_assert(!report_show(analysis, NULL, &text));
	free(text);
}

/** Diagnose the sample in @analysis, render it if @render, and release it. */
static inline void fuzz_analysis(const struct sample *before, struct analysis *analysis,
				 bool render)
{
	analysis->target.kind = "bytes";
	analysis->samples = before ? 2 : 1;
	analysis->interval_ms = before ? 2000 : 0;
	fuzz_assert(!diagnose(before, &analysis->sample, &analysis->diagnosis));
	fuzz_check_diagnosis(analysis);
	fuzz_assert(analysis_status(analysis) >= 0 && analysis_status(analysis) <= 2);
	if (render)
		fuzz_render(analysis);
	analysis_deinit(analysis);
}

#endif
