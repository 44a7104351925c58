/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "report/groups.h"
#include "report/view.h"

void groups_deinit(struct groups *groups)
{
	for (size_t i = 0; i < groups->num; i++)
		free(groups->groups[i].places);
	free(groups->groups);
	*groups = (struct groups){ 0 };
}

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

static bool same_list(const char *const *a, const char *const *b)
{
	if (a == b)
		return true;
	if (!a || !b)
		return false;
	for (; *a && *b; a++, b++)
		if (strcmp(*a, *b) != 0)
			return false;
	return !*a && !*b;
}

static bool same_words(const struct finding *a, const struct finding *b)
{
	return same_text(a->verdict, b->verdict) && same_text(a->title, b->title) &&
	       same_text(a->next, b->next) && same_list(a->considered, b->considered);
}

static struct virtq_error *add_place(struct groups *groups, struct place place)
{
	struct group *group = NULL;

	for (size_t i = 0; i < groups->num && !group; i++)
		if (same_words(groups->groups[i].places[0].finding, place.finding))
			group = &groups->groups[i];
	if (!group) {
		if (!array_grow(&groups->groups, groups->num, &groups->capacity,
				sizeof(*groups->groups)))
			return &virtq_error_no_memory;
		struct place *places = array_new(1, sizeof(*places));
		if (!places)
			return &virtq_error_no_memory;
		group = &groups->groups[groups->num++];
		*group = (struct group){ .places = places, .capacity = 1 };
	}
	if (!array_grow(&group->places, group->num, &group->capacity, sizeof(*group->places)))
		return &virtq_error_no_memory;
	group->places[group->num++] = place;
	groups->finding_num++;
	return NULL;
}

struct virtq_error *groups_init(const struct analysis *analysis, enum severity severity,
				bool explaining, struct groups *groups_ret)
{
	_cleanup_groups_ struct groups groups = { 0 };
	const struct sample *sample = &analysis->sample;

	for (size_t i = 0; i < sample->device_num; i++) {
		for (size_t j = 0; j < sample->devices[i].queue_num; j++) {
			const struct queue *queue = &sample->devices[i].queues[j];
			struct queue_diagnosis diagnosis = view_diagnosis(analysis, i, j);

			if (!queue->selected)
				continue;
			for (size_t k = 0; k < diagnosis.finding_num; k++) {
				const struct finding *finding = &diagnosis.findings[k];

				if (finding->severity == severity &&
				    (!explaining || view_explains(queue, finding)))
					TRY(add_place(&groups, (struct place){ i, j, finding }));
			}
		}
	}
	*groups_ret = groups;
	groups = (struct groups){ 0 };
	return NULL;
}

/** Add the findings of a queue that count as the answer. */
static struct virtq_error *add_answer(struct groups *groups, struct queue_diagnosis diagnosis,
				      struct place place)
{
	for (size_t i = 0; i < diagnosis.finding_num; i++) {
		place.finding = &diagnosis.findings[i];
		if (place.finding->severity != SEVERITY_STUCK)
			continue;
		if (diagnosis.findings->severity == SEVERITY_OFF) {
			place.finding = diagnosis.findings;
			return add_place(groups, place);
		}
		TRY(add_place(groups, place));
	}
	return NULL;
}

struct virtq_error *groups_init_answer(const struct analysis *analysis, struct groups *groups_ret)
{
	_cleanup_groups_ struct groups groups = { 0 };
	const struct sample *sample = &analysis->sample;

	for (size_t i = 0; i < sample->device_num; i++) {
		for (size_t j = 0; j < sample->devices[i].queue_num; j++) {
			if (sample->devices[i].queues[j].selected)
				TRY(add_answer(&groups, view_diagnosis(analysis, i, j),
					       (struct place){ i, j, NULL }));
		}
	}
	if (!groups.num)
		return groups_init(analysis, SEVERITY_OFF, true, groups_ret);
	*groups_ret = groups;
	groups = (struct groups){ 0 };
	return NULL;
}

bool groups_say_off(const struct groups *groups)
{
	for (size_t i = 0; i < groups->num; i++)
		if (groups->groups[i].places[0].finding->severity == SEVERITY_OFF)
			return true;
	return false;
}
