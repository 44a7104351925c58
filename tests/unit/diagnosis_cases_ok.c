/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Nothing wrong, and what cannot be known. */
#include "diagnosis_cases.h"

/* clang-format off */
static const struct diagnosis_case cases[] = {
	/* ---- nothing wrong ---- */
	{ "the device finished something", QUEUE_REQUEST, { .base = 9 }, BEFORE(.base = 8),
	  TWO("ok/moving", PROVED), .spares = "ok/idle" },
	{ "only the driver moved", QUEUE_PREPOSTED, { .avail_idx = IS(30) }, BEFORE(.avail_idx = IS(20)),
	  TWO("ok/moving", PROVED), .spares = "ok/pre-posted" },
	{ "nothing moved", QUEUE_REQUEST, { .base = 9 }, TWO("ok/idle", PROVED), .spares = "ok/moving" },
	{ "rule 13: a torn reading moves", QUEUE_REQUEST, { .torn = true }, BOTH("ok/moving", PROVED) },
	{ "the driver set the queue up meanwhile", QUEUE_REQUEST, {}, BEFORE(.not_set_up = true),
	  TWO("ok/idle", PROVED), .spares = "ok/moving" },
	{ "the queue was reset meanwhile", QUEUE_REQUEST, { .not_set_up = true }, BEFORE(.avail_idx = IS(8)),
	  TWO("off/not-set-up", PROVED), .spares = "not-seen/waiting" },
	{ "rule 17: reset and set up again, one side still at zero", QUEUE_REQUEST,
	  { .base = 1, .last_avail_idx = IS(0), .shadow_avail_idx = IS(0), .used_idx = IS(0),
	    .used_ring_idx = IS(0), .signalled_used_valid = IS(0) },
	  BEFORE(.avail_idx = IS(8)), TWO("ok/moving", PROVED), .spares = "not-seen/waiting" },

	{ "net rx idle: 256 posted, none looked at (healthy, observed)", QUEUE_PREPOSTED,
	  { .avail_idx = IS(256), .shadow_avail_idx = IS(0), .last_avail_idx = IS(0), .used_idx = IS(0),
	    .used_ring_idx = IS(0), .signalled_used_valid = IS(0) },
	  BOTH("ok/pre-posted", MEDIUM), .spares = "not-seen/waiting" },
	{ "rx without a buffer left", QUEUE_PREPOSTED, {}, BOTH("ok/idle", PROVED),
	  .spares = "ok/pre-posted" },
	{ "unknown role, nothing outstanding", QUEUE_UNKNOWN, {}, BOTH("ok/idle", PROVED),
	  .spares = "ok/unknown-role" },
	{ "unknown role, in flight", QUEUE_UNKNOWN,
	  { .avail_idx = IS(8), .shadow_avail_idx = IS(8), .last_avail_idx = IS(8) },
	  BOTH("ok/unknown-role", LOW), .spares = "in-device/stuck" },
	{ "rule 18: a queue of multiqueue that is not used", QUEUE_REQUEST,
	  { .avail_idx = IS(0), .shadow_avail_idx = IS(0), .last_avail_idx = IS(0), .used_idx = IS(0),
	    .used_ring_idx = IS(0), .signalled_used_valid = IS(0) },
	  BOTH("ok/idle", PROVED), .spares = "not-seen/waiting" },

	/* ---- nothing that a rule knows ---- */
	{ "QEMU has not mapped the ring, and what it finished did not arrive", QUEUE_REQUEST,
	  { .unmapped = true, .base = 8, .used_ring_idx = IS(7), .used_event = IS(7) },
	  ONE("off/not-mapped", MEDIUM), TWO("off/not-mapped", HIGH), .spares = "unknown/unclear" },
	{ "QEMU has mapped the ring, and nothing was to finish", QUEUE_REQUEST, {},
	  BOTH("ok/idle", PROVED), .spares = "unknown/unclear" },
	{ "what QEMU saw cannot be read", QUEUE_REQUEST,
	  { .avail_idx = IS(8), .shadow_avail_idx = UNREADABLE }, BOTH("unknown/unclear", LOW),
	  .spares = "not-seen/waiting" },

	/* ---- facts that are not to be had ---- */
	{ "nothing of the ring could be read", QUEUE_REQUEST,
	  { .avail_idx = UNREADABLE, .used_ring_idx = UNREADABLE, .used_event = UNREADABLE,
	    .avail_event = UNREADABLE, .avail_flags = UNREADABLE, .used_flags = UNREADABLE },
	  BOTH("unknown/guest-ram", PROVED), .spares = "not-seen/waiting" },
	{ "shadow_avail_idx cannot be read", QUEUE_PREPOSTED,
	  { .avail_idx = IS(8), .shadow_avail_idx = UNREADABLE }, BOTH("ok/pre-posted", MEDIUM),
	  .spares = "taken-not/waiting" },
	{ "inuse cannot be read", QUEUE_REQUEST, { .inuse = UNREADABLE }, BOTH("ok/idle", PROVED),
	  .spares = "corrupt/inuse" },
	{ "inuse is not there", QUEUE_REQUEST, { .inuse = ABSENT }, BOTH("ok/idle", PROVED),
	  .spares = "corrupt/inuse" },
	{ "vring.num cannot be read", QUEUE_PREPOSTED,
	  { .avail_idx = IS(7000), .vring_num = UNREADABLE }, BOTH("ok/pre-posted", MEDIUM),
	  .spares = "corrupt/avail-idx" },
	{ "signalled_used cannot be read", QUEUE_REQUEST,
	  { .used_event = IS(6), .signalled_used = UNREADABLE }, BOTH("ok/idle", PROVED),
	  .spares = "done-not-noticed/not-signalled" },
	{ "whether signalled_used is valid is not there", QUEUE_REQUEST,
	  { .used_event = IS(6), .signalled_used_valid = ABSENT }, BOTH("ok/idle", PROVED),
	  .spares = "done-not-noticed/signalled" },
	{ "avail_event cannot be read", QUEUE_REQUEST, { .avail_event = UNREADABLE },
	  BOTH("ok/idle", PROVED), .spares = "not-seen/waiting" },
};
CASE_TABLE(ok_cases, cases);
