/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Samples in, findings out. Pure functions on plain structs: nothing here
 * knows where a sample came from.
 */
#ifndef VIRTQ_DIAGNOSIS_DIAGNOSE_H
#define VIRTQ_DIAGNOSIS_DIAGNOSE_H

#include "base/error.h"
#include "model/finding.h"
#include "model/sample.h"

/**
 * Judge every queue of @now. With @before, an earlier sample of the same
 * target, only what did not move between the two is called stuck; without it
 * (NULL) confidence is limited, since a request in flight is normal.
 * @param diagnosis_ret parallel to @now; release with diagnosis_deinit().
 * @return NO_MEMORY only.
 */
MUST_CHECK struct virtq_error *diagnose(const struct sample *before, const struct sample *now,
					struct diagnosis *diagnosis_ret);

/** Does any selected queue of @sample need a second sample before it can be judged? */
bool diagnosis_is_suspicious(const struct sample *sample, const struct diagnosis *diagnosis);

#endif
