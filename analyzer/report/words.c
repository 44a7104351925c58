/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <string.h>

#include "base/checked.h"
#include "report/words.h"

#define NO_VECTOR 0xffff /* VIRTIO_NO_VECTOR */

#define WORD(words, value)                                                                         \
	((size_t)(value) < ARRAY_SIZE(words) && (words)[(size_t)(value)]                           \
		 ? (words)[(size_t)(value)]                                                        \
		 : "unknown")

const char *error_code_word(enum virtq_error_code code)
{
	static const char *const words[] = {
		[VIRTQ_ERROR_NO_MEMORY] = "no-memory",
		[VIRTQ_ERROR_OS] = "os",
		[VIRTQ_ERROR_INVALID_ARGUMENT] = "invalid-argument",
		[VIRTQ_ERROR_NO_PERMISSION] = "no-permission",
		[VIRTQ_ERROR_NO_PROCESS] = "no-process",
		[VIRTQ_ERROR_BAD_CORE] = "bad-core",
		[VIRTQ_ERROR_NO_DEBUG_INFO] = "no-debug-info",
		[VIRTQ_ERROR_MISMATCH] = "mismatch",
		[VIRTQ_ERROR_NOT_FOUND] = "not-found",
		[VIRTQ_ERROR_UNMAPPED] = "unmapped",
		[VIRTQ_ERROR_NOT_SAVED] = "not-saved",
		[VIRTQ_ERROR_TRUNCATED] = "truncated",
		[VIRTQ_ERROR_BAD_DATA] = "bad-data",
		[VIRTQ_ERROR_LIMIT] = "limit",
		[VIRTQ_ERROR_UNSUPPORTED] = "unsupported",
	};

	return WORD(words, code);
}

const char *confidence_word(enum confidence confidence)
{
	static const char *const words[] = {
		[CONFIDENCE_LOW] = "low",
		[CONFIDENCE_MEDIUM] = "medium",
		[CONFIDENCE_HIGH] = "high",
		[CONFIDENCE_PROVED] = "proved",
	};

	return WORD(words, confidence);
}

const char *severity_word(enum severity severity)
{
	static const char *const words[] = {
		[SEVERITY_OK] = "ok",
		[SEVERITY_OFF] = "off",
		[SEVERITY_UNKNOWN] = "unknown",
		[SEVERITY_STUCK] = "stuck",
	};

	return WORD(words, severity);
}

const char *queue_kind_word(enum queue_kind kind)
{
	static const char *const words[] = {
		[QUEUE_REQUEST] = "request", [QUEUE_PREPOSTED] = "pre-posted",
		[QUEUE_HELD] = "held",       [QUEUE_LAZY] = "lazy",
		[QUEUE_POLLED] = "polled",   [QUEUE_UNKNOWN] = "unknown",
	};

	return WORD(words, kind);
}

const char *device_endian_word(uint64_t endian)
{
	switch (endian) {
	case 1:
		return "little";
	case 2:
		return "big";
	default:
		return "unspecified";
	}
}

const char *vhost_backend_word(uint64_t backend)
{
	static const char *const words[] = { NULL, "kernel", "user", "vdpa" };

	return backend < ARRAY_SIZE(words) ? words[backend] : NULL;
}

struct bit_name {
	unsigned int bit;
	const char *name;
};

/** Add the names of the bits of @value joined by "|"; true if there was any. */
static bool add_bits(struct buffer *buffer, uint64_t value, const struct bit_name *names,
		     size_t num, uint64_t *rest_ret)
{
	bool any = false;

	for (size_t i = 0; i < num; i++) {
		uint64_t mask = UINT64_C(1) << names[i].bit;

		if (!(value & mask))
			continue;
		buffer_printf(buffer, "%s%s", any ? "|" : " (", names[i].name);
		value &= ~mask;
		any = true;
	}
	*rest_ret = value;
	return any;
}

void words_add_status(struct buffer *buffer, uint64_t status)
{
	static const struct bit_name names[] = {
		{ 0, "ACKNOWLEDGE" }, { 1, "DRIVER" },      { 3, "FEATURES_OK" },
		{ 2, "DRIVER_OK" },   { 6, "NEEDS_RESET" }, { 7, "FAILED" },
	};
	uint64_t rest;

	buffer_printf(buffer, "%" PRIu64, status);
	bool any = add_bits(buffer, status, names, ARRAY_SIZE(names), &rest);
	if (rest)
		buffer_printf(buffer, "%s0x%" PRIx64, any ? "|" : " (", rest);
	buffer_add(buffer, any || rest ? ")" : " (reset)");
}

void words_add_features(struct buffer *buffer, uint64_t features)
{
	static const struct bit_name names[] = {
		{ 24, "NOTIFY_ON_EMPTY" }, { 27, "ANY_LAYOUT" },        { 28, "INDIRECT_DESC" },
		{ 29, "EVENT_IDX" },       { 32, "VERSION_1" },         { 33, "ACCESS_PLATFORM" },
		{ 34, "RING_PACKED" },     { 35, "IN_ORDER" },          { 36, "ORDER_PLATFORM" },
		{ 37, "SR_IOV" },          { 38, "NOTIFICATION_DATA" }, { 40, "RING_RESET" },
	};
	uint64_t rest;

	buffer_printf(buffer, "0x%" PRIx64, features);
	if (add_bits(buffer, features, names, ARRAY_SIZE(names), &rest))
		buffer_add(buffer, ")");
}

static void add_vector(struct buffer *buffer, uint64_t vector)
{
	buffer_printf(buffer, "%" PRIu64 "%s", vector, vector == NO_VECTOR ? " (none)" : "");
}

/* VIRTIO 1.2, 2.7.6: VIRTQ_AVAIL_F_NO_INTERRUPT. */
static void add_avail_flags(struct buffer *buffer, uint64_t flags)
{
	buffer_printf(buffer, "%" PRIu64 "%s", flags, flags & 1 ? " (NO_INTERRUPT)" : "");
}

/* VIRTIO 1.2, 2.7.8: VIRTQ_USED_F_NO_NOTIFY. */
static void add_used_flags(struct buffer *buffer, uint64_t flags)
{
	buffer_printf(buffer, "%" PRIu64 "%s", flags, flags & 1 ? " (NO_NOTIFY)" : "");
}

/* VIRTIO 1.2, 2.8.10: event suppression structure of a packed ring. */
static void add_event_flags(struct buffer *buffer, uint64_t flags)
{
	static const char *const words[] = { "enable", "disable", "at descriptor", "reserved" };

	buffer_printf(buffer, "%" PRIu64 " (%s)", flags, words[flags & 3]);
}

static void add_off_wrap(struct buffer *buffer, uint64_t off_wrap)
{
	buffer_printf(buffer, "%" PRIu64 " (offset %" PRIu64 ", wrap %" PRIu64 ")", off_wrap,
		      off_wrap & 0x7fff, off_wrap >> 15 & 1);
}

/** Facts that mean more than their number, by their JSON name. */
static const struct {
	const char *name;
	void (*add)(struct buffer *buffer, uint64_t value);
} meanings[] = {
	{ "status", words_add_status },
	{ "guest-features", words_add_features },
	{ "host-features", words_add_features },
	{ "backend-features", words_add_features },
	{ "vector", add_vector },
	{ "config-vector", add_vector },
	{ "avail-flags", add_avail_flags },
	{ "used-flags", add_used_flags },
	{ "driver-event-flags", add_event_flags },
	{ "device-event-flags", add_event_flags },
	{ "driver-event-off-wrap", add_off_wrap },
	{ "device-event-off-wrap", add_off_wrap },
};

const char *backend_kind_word(enum backend_kind kind)
{
	static const char *const words[] = { "disk", "net", "port", "vhost", "other" };

	return kind < ARRAY_SIZE(words) ? words[kind] : "other";
}

const char *thread_activity_word(enum thread_activity activity)
{
	static const char *const words[] = { NULL, "running", "polling", "locking", "blocked",
					     "stopped" };

	return activity < ARRAY_SIZE(words) ? words[activity] : NULL;
}

const char *fact_enum_word(enum fact_format format, uint64_t value)
{
	/* qapi/block-core.json: BlockDeviceIoStatus, BlockdevOnError */
	static const char *const io_status[] = { "ok", "failed", "nospace" };
	static const char *const error_actions[] = { "report", "ignore", "enospc", "stop", "auto" };

	if (format == FACT_IO_STATUS)
		return value < ARRAY_SIZE(io_status) ? io_status[value] : NULL;
	if (format == FACT_ERROR_ACTION)
		return value < ARRAY_SIZE(error_actions) ? error_actions[value] : NULL;
	return NULL;
}

static void add_enumerator(struct buffer *buffer, enum fact_format format, uint64_t value)
{
	const char *word = fact_enum_word(format, value);

	if (word)
		buffer_add(buffer, word);
	else
		buffer_printf(buffer, "%" PRIu64, value);
}

void words_add_fact(struct buffer *buffer, const struct fact_descriptor *descriptor,
		    struct fact fact)
{
	if (!fact_known(fact)) {
		buffer_add(buffer, fact.state == FACT_ABSENT ? "absent" : "unreadable");
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(meanings); i++) {
		if (strcmp(meanings[i].name, descriptor->name) == 0) {
			meanings[i].add(buffer, fact.value);
			return;
		}
	}
	switch (descriptor->format) {
	case FACT_DECIMAL:
		buffer_printf(buffer, "%" PRIu64, fact.value);
		break;
	case FACT_HEX:
		buffer_printf(buffer, "0x%" PRIx64, fact.value);
		break;
	case FACT_BOOL:
		buffer_add(buffer, fact.value ? "true" : "false");
		break;
	case FACT_IO_STATUS:
	case FACT_ERROR_ACTION:
		add_enumerator(buffer, descriptor->format, fact.value);
		break;
	}
}
