/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Requests in flight, in words that the renderers share. */
#ifndef VIRTQ_REPORT_REQUESTS_H
#define VIRTQ_REPORT_REQUESTS_H

#include "model/request.h"
#include "model/sample.h"
#include "report/buffer.h"

/** "exact" or "estimated". */
const char *request_source_word(enum request_source source);
/** "available" or "in-device". */
const char *request_stage_word(enum request_stage stage);
/** "loop", "next-index", ...; NULL for CHAIN_OK. */
const char *chain_fault_word(enum chain_fault fault);

/** Add "head 12: in, sector 80, length 4096; taken 35 s ago; tracked requests; 3 descriptors, ...". */
void requests_add_line(struct buffer *buffer, const struct request *request);

/** Add "3 in flight", and how many of them are not known; nothing if there are none. */
void requests_add_summary(struct buffer *buffer, const struct queue *queue);

/** Add the ring as a strip of at most @width columns, and below it a line with the indices' marks. */
void requests_add_strip(struct buffer *buffer, struct buffer *marks, const struct queue *queue,
			unsigned int width);

#endif
