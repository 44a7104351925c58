/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>

#include "model/finding.h"

static void finding_deinit(struct finding *finding)
{
	for (size_t i = 0; i < finding->evidence_num; i++)
		free(finding->evidence[i]);
	free(finding->evidence);
}

void diagnosis_deinit(struct diagnosis *diagnosis)
{
	for (size_t i = 0; i < diagnosis->device_num; i++) {
		struct device_diagnosis *device = &diagnosis->devices[i];

		for (size_t j = 0; j < device->queue_num; j++) {
			struct queue_diagnosis *queue = &device->queues[j];

			for (size_t k = 0; k < queue->finding_num; k++)
				finding_deinit(&queue->findings[k]);
			free(queue->findings);
		}
		free(device->queues);
	}
	free(diagnosis->devices);
	*diagnosis = (struct diagnosis){ 0 };
}
