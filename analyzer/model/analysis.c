/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>

#include "model/analysis.h"

static void context_deinit(struct analysis_context *context)
{
	for (size_t i = 0; i < context->thread_num; i++) {
		for (size_t j = 0; j < context->threads[i].frame_num; j++)
			free(context->threads[i].frames[j]);
		free(context->threads[i].frames);
	}
	free(context->threads);
	free(context->threads_problem);
	free(context->kernel);
	free(context->distribution);
	free(context->vm_name);
	free(context->machine);
	free(context->replaced);
}

void analysis_deinit(struct analysis *analysis)
{
	free(analysis->target.path);
	free(analysis->target.original);
	free(analysis->target.description);
	free(analysis->target.command);
	free(analysis->qemu.version);
	free(analysis->qemu.build_id);
	free(analysis->qemu.executable);
	free(analysis->qemu.layout);
	context_deinit(&analysis->context);
	diagnosis_deinit(&analysis->diagnosis);
	sample_deinit(&analysis->sample);
	for (size_t i = 0; i < analysis->incomplete_num; i++)
		free(analysis->incomplete[i]);
	free(analysis->incomplete);
	*analysis = (struct analysis){ 0 };
}

int analysis_status(const struct analysis *analysis)
{
	bool incomplete = analysis->incomplete_num > 0;

	for (size_t i = 0; i < analysis->diagnosis.device_num; i++) {
		const struct device *device = &analysis->sample.devices[i];
		const struct device_diagnosis *diagnosis = &analysis->diagnosis.devices[i];

		for (size_t j = 0; j < diagnosis->queue_num; j++) {
			if (!device->queues[j].selected)
				continue;
			for (size_t k = 0; k < diagnosis->queues[j].finding_num; k++) {
				enum severity severity = diagnosis->queues[j].findings[k].severity;

				if (severity == SEVERITY_STUCK)
					return 1;
				if (severity == SEVERITY_UNKNOWN)
					incomplete = true;
			}
		}
	}
	return incomplete ? 2 : 0;
}
