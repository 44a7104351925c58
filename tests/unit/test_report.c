/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The renderers on models built by hand. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>
#include <json-c/json.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "report/bundle.h"
#include "report/document.h"
#include "report/report.h"
#include "report/utf8.h"

/* ---- building a model ---- */

static char *copy(const char *text)
{
	char *copied = strdup(text);

	assert_non_null(copied);
	return copied;
}

static void *zeroed(size_t num, size_t size)
{
	void *memory = calloc(num ? num : 1, size);

	assert_non_null(memory);
	return memory;
}

/** A running QEMU with @device_num devices without queues. */
static struct analysis *model_new(size_t device_num)
{
	struct analysis *analysis = zeroed(1, sizeof(*analysis));

	analysis->target.kind = "process";
	analysis->target.live = true;
	analysis->target.pid = 4242;
	analysis->qemu.version = copy("7.2.22 (Debian 1:7.2+dfsg-7+deb12u18)");
	analysis->qemu.build_id = copy("3f2a91c04be1d7a05582c3ff0b7a2f6d1e9c8b44");
	analysis->qemu.executable = copy("/usr/bin/qemu-system-x86_64");
	analysis->qemu.layout = copy("debug info of the binary");
	analysis->samples = 2;
	analysis->interval_ms = 2000;
	analysis->sample.runstate = copy("running");
	analysis->sample.devices = zeroed(device_num, sizeof(struct device));
	analysis->sample.device_num = device_num;
	analysis->diagnosis.devices = zeroed(device_num, sizeof(struct device_diagnosis));
	analysis->diagnosis.device_num = device_num;
	return analysis;
}

static void model_destroy(struct analysis *analysis)
{
	analysis_deinit(analysis);
	free(analysis);
}

static void model_incomplete(struct analysis *analysis, const char *reason)
{
	analysis->incomplete = zeroed(1, sizeof(char *));
	analysis->incomplete[0] = copy(reason);
	analysis->incomplete_num = 1;
}

/** Device @index of the model, with @queue_num split queues that are set up and idle. */
static struct device *model_device(struct analysis *analysis, size_t index, const char *id,
				   const char *type, size_t queue_num)
{
	struct device *device = &analysis->sample.devices[index];
	struct device_diagnosis *diagnosis = &analysis->diagnosis.devices[index];
	char text[64];

	device->address = 0x555500000000 + index * 0x1000;
	device->id = id ? copy(id) : NULL;
	device->type = copy(type);
	device->name = copy("virtio-blk");
	device->bus_name = copy("virtio-bus");
	device->transport = "pci";
	snprintf(text, sizeof(text), "0000:00:%02zx.0", index + 3);
	device->location = copy(text);
	snprintf(text, sizeof(text), "/machine/peripheral/dev%zu/virtio-backend", index);
	device->path = copy(text);
	device->device_endian = fact_of(1);
	device->vhost_started = fact_of(0);
	device->realized = true;
	device->status = fact_of(15);
	device->guest_features = fact_of(0x130000000);
	device->host_features = fact_of(UINT64_C(0x8000000130000e54));
	device->vm_running = fact_of(1);
	device->broken = fact_of(0);
	device->device_id = fact_of(2);
	device->config_vector = fact_of(0xffff);
	device->queues = zeroed(queue_num, sizeof(struct queue));
	device->queue_num = queue_num;
	diagnosis->queues = zeroed(queue_num, sizeof(struct queue_diagnosis));
	diagnosis->queue_num = queue_num;
	for (size_t i = 0; i < queue_num; i++) {
		struct queue *queue = &device->queues[i];

		queue->index = (uint16_t)i;
		strcpy(queue->role, "request");
		queue->address = 0x7f0000001000 + i * 0x100;
		queue->selected = queue->set_up = queue->readable = queue->event_idx = true;
		queue->vring_num = fact_of(256);
		queue->vring_desc = fact_of(0x10000);
		queue->vring_avail = fact_of(0x11000);
		queue->vring_used = fact_of(0x12000);
		queue->queue_index = fact_of(i);
		queue->avail_idx = queue->shadow_avail_idx = queue->last_avail_idx = fact_of(7);
		queue->used_idx = queue->used_ring_idx = queue->used_event = fact_of(7);
		queue->avail_event = fact_of(7);
		queue->inuse = fact_of(0);
		queue->signalled_used = fact_of(7);
		queue->signalled_used_valid = fact_of(1);
		queue->notification = fact_of(1);
		queue->vector = fact_of(1);
		queue->handle_output = fact_of(0x5555deadbeef);
		queue->avail_flags = fact_of(1);
	}
	return device;
}

static const char *const considered[] = { "not-pre-posted", "two-samples", NULL };

/** One more finding for a queue, with up to two sentences of evidence. */
static void model_finding(struct analysis *analysis, size_t device, size_t queue,
			  const char *verdict, enum severity severity, const char *first,
			  const char *second)
{
	struct queue_diagnosis *diagnosis = &analysis->diagnosis.devices[device].queues[queue];
	bool stuck = severity == SEVERITY_STUCK;

	diagnosis->findings =
		realloc(diagnosis->findings, (diagnosis->finding_num + 1) * sizeof(struct finding));
	assert_non_null(diagnosis->findings);
	struct finding *finding = &diagnosis->findings[diagnosis->finding_num++];
	*finding = (struct finding){
		.verdict = verdict,
		.title = stuck ? "the device has the request and does not finish it"
			 : severity == SEVERITY_UNKNOWN ? "the ring could not be read"
							: "nothing wrong here",
		.severity = severity,
		.confidence = stuck ? CONFIDENCE_HIGH : CONFIDENCE_PROVED,
		.considered = stuck ? considered : NULL,
		.next = stuck ? "look at what is behind the device: throttling, host storage, a "
				"paused block job, an IOThread that does not run"
			: severity == SEVERITY_UNKNOWN
				? "run virtq on the live process, or save a core with guest RAM"
				: NULL,
	};
	if (!first)
		return;
	finding->evidence = zeroed(2, sizeof(char *));
	finding->evidence[finding->evidence_num++] = copy(first);
	if (second)
		finding->evidence[finding->evidence_num++] = copy(second);
}

static void model_idle_elsewhere(struct analysis *analysis)
{
	for (size_t i = 0; i < analysis->diagnosis.device_num; i++)
		for (size_t j = 0; j < analysis->diagnosis.devices[i].queue_num; j++)
			if (!analysis->diagnosis.devices[i].queues[j].finding_num)
				model_finding(analysis, i, j, "ok/idle", SEVERITY_OK,
					      "all indices are 7", NULL);
}

static void model_stick(struct analysis *analysis, size_t device, size_t queue)
{
	struct queue *stuck = &analysis->sample.devices[device].queues[queue];

	stuck->used_idx = stuck->used_ring_idx = stuck->used_event = fact_of(6);
	stuck->inuse = fact_of(1);
	model_finding(analysis, device, queue, "in-device/stuck", SEVERITY_STUCK,
		      "last_avail_idx 7 is 1 ahead of used_idx 6, inuse 1",
		      "the same in both samples, 2.0 s apart");
}

/** A guest with a stuck disk, a healthy disk, a network card, a queue that is off. */
static struct analysis *model_stuck_disk(void)
{
	struct analysis *analysis = model_new(4);

	model_device(analysis, 0, "disk0", "virtio-blk-device", 1);
	model_device(analysis, 1, "disk1", "virtio-blk-device", 1);
	struct device *net = model_device(analysis, 2, "net0", "virtio-net-device", 3);
	strcpy(net->queues[0].role, "rx0");
	strcpy(net->queues[1].role, "tx0");
	strcpy(net->queues[2].role, "ctrl");
	net->queues[0].kind = QUEUE_PREPOSTED;
	net->queues[0].shadow_avail_idx = fact_of(0);
	model_finding(analysis, 2, 0, "ok/pre-posted", SEVERITY_OK, "256 buffers wait", NULL);
	struct device *rng = model_device(analysis, 3, NULL, "virtio-rng-device", 2);
	rng->queues[1].set_up = false;
	rng->queues[1].vring_desc = fact_of(0);
	model_finding(analysis, 3, 1, "off/not-set-up", SEVERITY_OFF, NULL, NULL);
	model_stick(analysis, 0, 0);
	model_idle_elsewhere(analysis);
	return analysis;
}

/* ---- looking at text ---- */

static void assert_has(const char *text, const char *part);

/** report.html as it comes, which must start with the answer. */
static void assert_heading(const struct analysis *analysis, const char *heading)
{
	_cleanup_buffer_ struct buffer page = { 0 };
	_cleanup_free_ char *wanted = NULL;

	assert_null(report_html(analysis, &page));
	assert_true(asprintf(&wanted, "<body>\n<h1>%s</h1>\n", heading) > 0);
	assert_has(buffer_text(&page), wanted);
}

static char *text_of(const struct analysis *analysis, struct virtq_render_options options)
{
	char *text = NULL;

	assert_null(report_text(analysis, &options, &text));
	assert_non_null(text);
	return text;
}

static char *show_of(const struct analysis *analysis, struct virtq_render_options options)
{
	char *text = NULL;

	assert_null(report_show(analysis, &options, &text));
	assert_non_null(text);
	return text;
}

static void assert_has(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("\"%s\" is not in:\n%s", part, text);
}

static void assert_has_not(const char *text, const char *part)
{
	if (strstr(text, part))
		fail_msg("\"%s\" is in:\n%s", part, text);
}

/** No control characters but newline, nothing wider than @width, no space at a line's end. */
static void assert_tidy(const char *text, size_t width)
{
	_cleanup_free_ char *lines = copy(text);

	for (const char *c = text; *c; c++)
		assert_true(*c == '\n' || (unsigned char)*c >= 0x20);
	assert_int_equal(text[strlen(text) - 1], '\n');
	for (char *line = strtok(lines, "\n"); line; line = strtok(NULL, "\n")) {
		if (utf8_width(line) > width)
			fail_msg("%zu columns: %s", utf8_width(line), line);
		if (line[strlen(line) - 1] == ' ')
			fail_msg("space at the end: \"%s\"", line);
	}
}

/* ---- text ---- */

static void test_answer_comes_first(void **state)
{
	(void)state;
	struct analysis *analysis = model_stuck_disk();
	_cleanup_free_ char *text = text_of(analysis, (struct virtq_render_options){ 0 });
	static const char answer[] =
		"disk0 queue 0 (request): the device has the request and does not finish it\n";

	assert_int_equal(strncmp(text, answer, strlen(answer)), 0);
	assert_has(text, "process 4242: QEMU 7.2.22 (Debian 1:7.2+dfsg-7+deb12u18), running, "
			 "build-id 3f2a91c04be1\ntwo samples 2.0 s apart\n");
	assert_has(text, "\nin-device/stuck: the device has the request");
	assert_has(text, "disk0 queue 0 (request), blk at 0000:00:03.0, confidence high\n");
	assert_has(text, "    - last_avail_idx 7 is 1 ahead of used_idx 6, inuse 1\n");
	assert_has(text, "    - the same in both samples, 2.0 s apart\n");
	assert_has(text, "  considered  not-pre-posted, two-samples\n");
	assert_has(text, "  next        look at what is behind the device");
	assert_has(text, "  more        virtq show 4242 disk0:0\n");
	assert_has(text, "\n1 finding in 6 queues of 4 devices\n");
	assert_has_not(text, "off/not-set-up");
	assert_has_not(text, "nothing wrong here");
	assert_tidy(text, 100);
	model_destroy(analysis);
}

static void test_table_names_a_device_once(void **state)
{
	(void)state;
	struct analysis *analysis = model_stuck_disk();
	_cleanup_free_ char *text = text_of(analysis, (struct virtq_render_options){ 0 });

	assert_has(text, "# DEVICE        TYPE  QUEUE     NUM AVAIL SHADOW LAST USED EVENT INUSE  "
			 "VERDICT\n");
	assert_has(text, "0 disk0         blk   0 request 256     7      7    7    6     6     1  "
			 "in-device/stuck\n");
	assert_has(text, "2 net0          net   0 rx0     256     7      0    7    7     7     0  "
			 "ok/pre-posted\n");
	assert_has(text, "                      1 tx0     256     7      7    7    7     7     0  "
			 "ok/idle\n");
	assert_has(text, "3 0000:00:06.0  rng   0 request");
	model_destroy(analysis);
}

static void test_nothing_stuck(void **state)
{
	(void)state;
	struct analysis *analysis = model_new(2);

	model_device(analysis, 0, "disk0", "virtio-blk-device", 1);
	model_device(analysis, 1, "disk1", "virtio-blk-device", 2);
	model_idle_elsewhere(analysis);
	analysis->samples = 1;
	_cleanup_free_ char *text = text_of(analysis, (struct virtq_render_options){ 0 });

	assert_int_equal(strncmp(text, "process 4242: ", 14), 0);
	assert_has(text, "\nnothing stuck: 3 queues of 2 devices looked at\n");
	assert_has_not(text, "confidence");
	assert_tidy(text, 100);
	analysis->target.live = false;
	analysis->target.kind = "core";
	analysis->target.path = copy("qemu.core");
	analysis->target.signal = 6;
	analysis->target.truncated = true;
	_cleanup_free_ char *core = text_of(analysis, (struct virtq_render_options){ 0 });
	assert_has(core, "core qemu.core, killed by SIGABRT, truncated: QEMU");
	assert_has(core, "one sample: progress cannot be seen, confidence is limited\n");
	model_destroy(analysis);
}

/** Queues that were never used share a row, whatever is said of them, if it is the same. */
static void test_unused_queues_share_a_row(void **state)
{
	(void)state;
	static const char *const verdicts[] = { "ok/idle", "off/paused" };

	for (size_t i = 0; i < ARRAY_SIZE(verdicts); i++) {
		struct analysis *analysis = model_new(1);
		struct device *serial = model_device(analysis, 0, "s0", "virtio-serial-device", 12);

		for (size_t j = 0; j < 12; j++) {
			struct queue *queue = &serial->queues[j];

			/* the fifth has had a request */
			queue->avail_idx = queue->shadow_avail_idx = queue->last_avail_idx =
				queue->used_idx = queue->used_ring_idx = fact_of(j == 4);
			model_finding(analysis, 0, j, j == 11 ? "off/disabled" : verdicts[i],
				      i || j == 11 ? SEVERITY_OFF : SEVERITY_OK, NULL, NULL);
		}
		_cleanup_free_ char *text = text_of(analysis, (struct virtq_render_options){ 0 });
		assert_has(text, "0-3 4 unused");
		assert_has(text, "5-10 6 unused");
		assert_has(text, "off/disabled");
		_cleanup_free_ char *all =
			text_of(analysis, (struct virtq_render_options){ .verbose = true });
		assert_null(strstr(all, " unused "));
		model_destroy(analysis);
	}
}

static void test_paused_says_so_first(void **state)
{
	(void)state;
	struct analysis *analysis = model_new(1);

	model_device(analysis, 0, "disk0", "virtio-blk-device", 3);
	analysis->sample.devices[0].queues[2].set_up = false;
	model_finding(analysis, 0, 0, "off/paused", SEVERITY_OFF, NULL, NULL);
	model_finding(analysis, 0, 1, "off/paused", SEVERITY_OFF, NULL, NULL);
	model_finding(analysis, 0, 2, "off/not-set-up", SEVERITY_OFF, NULL, NULL);
	_cleanup_free_ char *text = text_of(analysis, (struct virtq_render_options){ 0 });
	static const char answer[] = "disk0 queue 0 (request) and 1 more: nothing wrong here\n";

	assert_int_equal(strncmp(text, answer, strlen(answer)), 0);
	assert_has(text, "\noff/paused: nothing wrong here\n  disk0 queues 0, 1\n");
	assert_has_not(text, "not-set-up");
	assert_tidy(text, 100);
	model_destroy(analysis);
}

/** Off is the answer's first line only if it explains; a driver that is not there yet is normal. */
static void test_not_set_up_is_no_answer(void **state)
{
	(void)state;
	struct analysis *analysis = model_new(1);

	analysis->samples = 1;
	model_device(analysis, 0, "disk0", "virtio-blk-device", 2);
	model_finding(analysis, 0, 0, "off/not-set-up", SEVERITY_OFF, NULL, NULL);
	model_finding(analysis, 0, 1, "ok/idle", SEVERITY_OK, NULL, NULL);
	_cleanup_free_ char *text = text_of(analysis, (struct virtq_render_options){ 0 });
	assert_int_equal(strncmp(text, "process 4242: ", 14), 0);
	assert_has(text, "\none sample: nothing suspicious in it\n");

	analysis->diagnosis.devices[0].queues[0].findings[0].verdict = "off/paused";
	_cleanup_free_ char *paused = text_of(analysis, (struct virtq_render_options){ 0 });
	assert_int_equal(strncmp(paused, "disk0 queue 0 (request): ", 25), 0);
	assert_has(paused, "\none sample\n");
	model_destroy(analysis);
}

/** What else is said of a queue that is off is not the answer, and comes after why it is off. */
static void test_stopped_goes_before_stuck(void **state)
{
	(void)state;
	struct analysis *analysis = model_new(1);

	model_device(analysis, 0, "disk0", "virtio-blk-device", 2);
	model_finding(analysis, 0, 0, "off/stopped", SEVERITY_OFF, NULL, NULL);
	model_finding(analysis, 0, 0, "in-device/stuck", SEVERITY_STUCK, "one line", NULL);
	model_finding(analysis, 0, 1, "off/stopped", SEVERITY_OFF, NULL, NULL);
	_cleanup_free_ char *text = text_of(analysis, (struct virtq_render_options){ 0 });
	static const char answer[] = "disk0 queue 0 (request): nothing wrong here\n\n";

	assert_int_equal(strncmp(text, answer, strlen(answer)), 0);
	const char *off = strstr(text, "\noff/stopped: "), *stuck = strstr(text, "\nin-device/stuck: ");
	assert_true(off && stuck && off < stuck);
	assert_null(strstr(off + 1, "\noff/stopped: "));
	_cleanup_free_ char *quiet = text_of(analysis, (struct virtq_render_options){ .quiet = true });
	assert_int_equal(strncmp(quiet, "off/stopped: ", strlen("off/stopped: ")), 0);
	model_destroy(analysis);
}

static void test_no_devices(void **state)
{
	(void)state;
	struct analysis *analysis = model_new(0);
	_cleanup_free_ char *text = text_of(analysis, (struct virtq_render_options){ 0 });
	_cleanup_free_ char *show = show_of(analysis, (struct virtq_render_options){ 0 });

	assert_has(text, "no virtio device found: 0 queues of 0 devices looked at\n");
	assert_has_not(text, "DEVICE");
	assert_has(show, "process 4242");
	model_destroy(analysis);
}

static void test_quiet(void **state)
{
	(void)state;
	struct virtq_render_options options = { .quiet = true };
	struct analysis *stuck = model_stuck_disk();
	_cleanup_free_ char *text = text_of(stuck, options);
	_cleanup_free_ char *show = show_of(stuck, options);

	assert_int_equal(strncmp(text, "in-device/stuck: ", 17), 0);
	assert_has_not(text, "DEVICE");
	assert_has_not(text, "1 finding");
	assert_int_equal(strncmp(show, "disk0 queue 0 (request)\n  verdict     in-device/stuck", 53), 0);
	assert_has(show, "last_avail_idx 7 is 1 ahead");
	assert_has_not(show, "disk1");
	assert_has_not(show, "VirtQueue at");
	model_destroy(stuck);

	struct analysis *idle = model_new(1);
	model_device(idle, 0, "disk0", "virtio-blk-device", 1);
	model_idle_elsewhere(idle);
	_cleanup_free_ char *nothing = text_of(idle, options);
	_cleanup_free_ char *no_show = show_of(idle, options);
	assert_string_equal(nothing, "");
	assert_string_equal(no_show, "");
	model_destroy(idle);
}

static void test_verbose(void **state)
{
	(void)state;
	struct analysis *analysis = model_stuck_disk();
	analysis->target.command = copy("qemu-system-x86_64 -name 'a b'");
	_cleanup_free_ char *text =
		text_of(analysis, (struct virtq_render_options){ .verbose = true });

	assert_has(text, "off/not-set-up");
	assert_has(text, "ok/pre-posted: nothing wrong here\n");
	assert_has(text, "    - 256 buffers wait\n");
	assert_has(text, "  executable  /usr/bin/qemu-system-x86_64\n");
	assert_has(text, "device 0: disk0\n");
	assert_has(text, "15 (ACKNOWLEDGE|DRIVER|FEATURES_OK|DRIVER_OK)\n");
	assert_has(text, "0x130000000 (INDIRECT_DESC|EVENT_IDX|VERSION_1)\n");
	assert_has(text, "0x8000000130000e54 (INDIRECT_DESC|EVENT_IDX|VERSION_1)\n");
	assert_has(text, "65535 (none)\n");
	assert_tidy(text, 100);
	model_destroy(analysis);
}

static void test_color_is_only_on_request(void **state)
{
	(void)state;
	struct analysis *analysis = model_stuck_disk();
	_cleanup_free_ char *plain = text_of(analysis, (struct virtq_render_options){ 0 });
	_cleanup_free_ char *colored =
		text_of(analysis, (struct virtq_render_options){ .color = true });
	_cleanup_free_ char *stripped = zeroed(strlen(colored) + 1, 1);

	assert_null(strchr(plain, '\033'));
	assert_has(colored, "\033[1;31min-device/stuck\033[0m");
	/* Without its colours it is the same text: they carry nothing of their own. */
	char *out = stripped;
	for (const char *in = colored; *in; in++) {
		if (*in == '\033')
			in = strchr(in, 'm');
		else
			*out++ = *in;
	}
	assert_string_equal(stripped, plain);
	model_destroy(analysis);
}

static void test_unreadable_and_absent_differ(void **state)
{
	(void)state;
	struct analysis *analysis = model_new(2);
	struct device *disk = model_device(analysis, 0, "disk0", "virtio-blk-device", 3);

	for (size_t i = 0; i < 3; i++) {
		disk->queues[i].avail_idx = fact_unreadable();
		disk->queues[i].used_ring_idx = fact_unreadable();
		disk->queues[i].used_event = (struct fact){ 0, FACT_ABSENT };
		disk->queues[i].ring_problem = copy("0x7f00: not in the core");
		model_finding(analysis, 0, i, "unknown/guest-ram", SEVERITY_UNKNOWN,
			      "guest RAM is not in the core", NULL);
	}
	struct device *broken = &analysis->sample.devices[1];
	broken->address = 0xabc000;
	broken->problem = copy("the VirtIODevice was not saved");
	broken->transport = "";
	model_incomplete(analysis, "guest RAM was left out of the core (dump-guest-core=off)");
	analysis->target.live = false;
	_cleanup_free_ char *text = text_of(analysis, (struct virtq_render_options){ 0 });

	assert_has(text, "256     ?      7    7    7     -     0  unknown/guest-ram\n");
	assert_has(text, "1 0xabc000");
	assert_has(text, "? could not be read\n");
	assert_has(text, "unknown/guest-ram: the ring could not be read\n  disk0 queues 0-2\n"
			 "    - guest RAM is not in the core\n"
			 "  next        run virtq on the live process");
	assert_has(text, "nothing stuck in what could be read: 3 queues of 1 device looked at, "
			 "3 not judged\n");
	assert_has(text, "the answer is incomplete:\n"
			 "  - guest RAM was left out of the core (dump-guest-core=off)\n");
	assert_tidy(text, 100);
	model_destroy(analysis);
}

static void test_vhost_indices_are_not_shown_as_qemus(void **state)
{
	(void)state;
	struct analysis *analysis = model_new(1);
	struct device *net = model_device(analysis, 0, "net0", "virtio-net-device", 1);

	net->vhost = true;
	net->vhost_backend = fact_of(1);
	net->queues[0].vhost = true;
	net->queues[0].avail_idx = fact_of(17776);
	net->queues[0].used_ring_idx = fact_of(17775);
	net->queues[0].used_idx = net->queues[0].last_avail_idx = fact_of(0);
	model_finding(analysis, 0, 0, "vhost/waiting", SEVERITY_STUCK, "avail 1 ahead", NULL);
	_cleanup_free_ char *text = text_of(analysis, (struct virtq_render_options){ 0 });
	_cleanup_free_ char *show = show_of(analysis, (struct virtq_render_options){ 0 });

	assert_has(text, "256 17776      ~    ~ 17775     7     ~  vhost/waiting\n");
	assert_has(text, "~ kept by the vhost backend");
	assert_has(show, "used 17775 --1 in backend or not seen--> avail 17776\n");
	assert_has(show, "served by                  vhost (kernel)\n");
	assert_has(show, "indices below are stale");
	model_destroy(analysis);
}

static void test_hostile_strings_in_text(void **state)
{
	(void)state;
	struct analysis *analysis = model_new(2);

	struct device *first = model_device(analysis, 0, "a\033[2Jb\n\xff\\", "virtio-\tblk", 1);
	model_device(analysis, 1,
		     "\xe2\x80\xae"
		     "evil",
		     "x\x07", 1);
	strcpy(first->queues[0].role, "r\033");
	model_finding(analysis, 0, 0, "in-device/stuck", SEVERITY_STUCK, "id a\033[31m\xc3", NULL);
	analysis->target.command = copy("qemu\n\033]0;title\007");
	free(analysis->sample.runstate);
	analysis->sample.runstate = copy("run\rning");
	model_incomplete(analysis, "odd \x9b thing");
	analysis->sample.devices[1].queues[0].problem = copy("bad\x1b");
	analysis->context.threads = calloc(1, sizeof(*analysis->context.threads));
	assert_non_null(analysis->context.threads);
	analysis->context.thread_num = 1;
	strcpy(analysis->context.threads[0].syscall, "\xe2\x80\xae" "futex\xe2\x80");
	strcpy(analysis->context.threads[0].name, "\033[31m");
	_cleanup_buffer_ struct buffer document = { 0 };
	assert_null(report_document(analysis, VIRTQ_REPORT_TEXT, &document));
	_cleanup_free_ char *text =
		text_of(analysis, (struct virtq_render_options){ .verbose = true });
	_cleanup_free_ char *show = show_of(analysis, (struct virtq_render_options){ 0 });

	assert_has(text, "a\\x1b[2Jb\\x0a\\xff\\\\");
	assert_has(text, "\\xe2\\x80\\xaeevil");
	assert_has(text, "virtq show 4242 0:0\n"); /* the number: such an id cannot be typed */
	assert_has(buffer_text(&document), "  \\xe2\\x80\\xae" "futex\\xe2\\x80 \\x1b[31m\n");
	assert_tidy(buffer_text(&document), 100);
	assert_tidy(text, 100);
	assert_tidy(show, 100);
	model_destroy(analysis);
}

/** The page never says more than the text does. */
static void test_html_heading(void **state)
{
	(void)state;
	struct analysis *analysis = model_new(1);

	model_incomplete(analysis, "the core was cut off");
	analysis->sample.device_num = 0;
	assert_heading(analysis, "virtq: no virtio device found: 0 queues of 0 devices looked at");
	analysis->sample.device_num = 1;
	model_device(analysis, 0, "disk0", "virtio-blk-device", 2);
	analysis->sample.devices[0].queues[0].set_up = false;
	analysis->sample.devices[0].queues[1].set_up = false;
	assert_heading(analysis, "virtq: no queue could be read: 0 queues of 0 devices looked at");
	analysis->sample.devices[0].queues[0].set_up = true;
	analysis->sample.devices[0].queues[1].set_up = true;
	model_finding(analysis, 0, 0, "ok/idle", SEVERITY_OK, NULL, NULL);
	assert_heading(analysis, "virtq: nothing stuck in what could be read: "
				 "2 queues of 1 device looked at");
	model_finding(analysis, 0, 1, "unknown/guest-ram", SEVERITY_UNKNOWN, NULL, NULL);
	assert_heading(analysis, "virtq: nothing stuck in what could be read: "
				 "2 queues of 1 device looked at, 1 not judged");
	model_finding(analysis, 0, 1, "off/paused", SEVERITY_OFF, NULL, NULL);
	assert_heading(analysis, "<span class=\"off\">disk0 queue 1 (request):</span> "
				 "nothing wrong here");
	model_stick(analysis, 0, 0);
	assert_heading(analysis, "<span class=\"stuck\">disk0 queue 0 (request):</span> "
				 "the device has the request and does not finish it");
	model_destroy(analysis);

	struct analysis *idle = model_new(1);
	model_device(idle, 0, "disk0", "virtio-blk-device", 1);
	model_idle_elsewhere(idle);
	assert_heading(idle, "virtq: nothing stuck: 1 queue of 1 device looked at");
	model_destroy(idle);
}

static void test_forty_devices_fit(void **state)
{
	(void)state;
	for (unsigned int width = 60; width <= 140; width += 8) {
		struct analysis *analysis = model_new(40);
		char id[128];

		for (size_t i = 0; i < 40; i++) {
			/* long, and different only in the middle, the end, or the start */
			if (i % 4 == 3)
				snprintf(id, sizeof(id), "ua-%zu-0f5c9a44-1b7e-4c59-9a35-0a3e6cdd",
					 i);
			else if (i % 4 == 2)
				snprintf(id, sizeof(id),
					 "virtio-disk-of-the-database-%02zu-primary-"
					 "replica-of-the-rack-in-the-basement",
					 i);
			else if (i % 4 == 1)
				snprintf(id, sizeof(id),
					 "libvirt-volume-of-the-virtual-machine-%zu", i);
			else
				snprintf(id, sizeof(id), "disk%zu", i);
			struct device *device = model_device(analysis, i, id, "vhost-user-blk", 4);
			strcpy(device->queues[1].role, "a-role-of-twenty-three-");
			device->queues[2].avail_idx = fact_of(65535);
			device->queues[2].inuse = fact_of(65535);
		}
		for (size_t i = 0; i < 40; i += 2)
			for (size_t j = 0; j < 4; j++)
				model_stick(analysis, i, j);
		model_finding(analysis, 5, 0, "done-not-noticed/not-signalled", SEVERITY_STUCK, "x",
			      NULL);
		model_idle_elsewhere(analysis);

		_cleanup_free_ char *text =
			text_of(analysis, (struct virtq_render_options){ .width = width });
		if (width >= 92)
			assert_tidy(text, width);
		/* One paragraph for eighty queues, not eighty. */
		assert_has(text, "disk0 queue 0 (request) and 79 more: ");
		assert_has(text, "and 76 more (evidence with -v):");
		assert_has(text, "\n81 findings in 160 queues of 40 devices\n");
		model_destroy(analysis);
	}
}

/* ---- show ---- */

static void test_show(void **state)
{
	(void)state;
	struct analysis *analysis = model_stuck_disk();

	for (size_t i = 0; i < analysis->sample.device_num; i++)
		for (size_t j = 0; j < analysis->sample.devices[i].queue_num; j++)
			analysis->sample.devices[i].queues[j].selected = i == 0;
	struct queue *queue = &analysis->sample.devices[0].queues[0];
	queue->vring_align = fact_unreadable();
	_cleanup_free_ char *text = show_of(analysis, (struct virtq_render_options){ 0 });

	assert_has(text, "disk0 queue 0 (request): split ring, EVENT_IDX on, request queue\n");
	assert_has(text, "  verdict     in-device/stuck, confidence high\n");
	assert_has(text, "  ring        used 6 --1 in device--> last 7 = shadow 7 = avail 7\n");
	assert_has(text, "  interrupt   used_event 6, used_idx 6: due with the next one\n");
	assert_has(text, "  kick        avail_event 7, avail->idx 7: due with the next one\n");
	assert_has(text, "  vring-align                unreadable\n");
	assert_has(text, "  vring-desc                 0x10000\n");
	assert_has(text, "  avail-flags                1 (NO_INTERRUPT)\n");
	assert_has(text, "  absent                     vring-num-default, ");
	assert_has(text, "  status                     15 (ACKNOWLEDGE|");
	assert_has_not(text, "net0");
	assert_tidy(text, 100);

	/* indices that cannot be, that wrap, that are not there */
	queue->used_idx = fact_of(65530);
	queue->last_avail_idx = fact_of(4);
	queue->shadow_avail_idx = fact_of(2);
	queue->avail_idx = fact_unreadable();
	_cleanup_free_ char *odd = show_of(analysis, (struct virtq_render_options){ 0 });
	assert_has(odd, "used 65530 --10 in device--> last 4 --65534: impossible--> shadow 2 .. "
			"avail ?\n");

	/* every named fact is there in words, whatever its state */
	for (size_t i = 0; i < queue_fact_descriptor_num; i++)
		assert_has(odd, queue_fact_descriptors[i].name);
	model_destroy(analysis);
}

static void test_show_packed(void **state)
{
	(void)state;
	struct analysis *analysis = model_new(1);
	struct device *disk = model_device(analysis, 0, "disk0", "virtio-blk-device", 1);
	struct queue *queue = &disk->queues[0];

	queue->packed = true;
	queue->avail_idx = queue->used_ring_idx = queue->used_event = queue->avail_event =
		(struct fact){ 0, FACT_ABSENT };
	queue->used_idx = fact_of(250);
	queue->used_wrap_counter = fact_of(1);
	queue->last_avail_idx = fact_of(3);
	queue->last_avail_wrap_counter = fact_of(0);
	queue->next_available = fact_of(1);
	queue->driver_event_off_wrap = fact_of(0x80fa);
	queue->driver_event_flags = fact_of(2);
	model_idle_elsewhere(analysis);
	_cleanup_free_ char *text = show_of(analysis, (struct virtq_render_options){ 0 });

	assert_has(text, "  ring        used 250/1 --9 slots in device--> last 3/0 --not taken--> "
			 "driver has more\n");
	assert_has(text, "33018 (offset 250, wrap 1)\n");
	assert_has(text, "2 (at descriptor)\n");
	_cleanup_free_ char *table = text_of(analysis, (struct virtq_render_options){ 0 });
	assert_has(table, "256     -      7    3  250     -     0  ok/idle\n");
	model_destroy(analysis);
}

/* ---- requests, backends, event loops ---- */

/** The stuck disk's request, its disk, and who polls for its kicks. */
static struct analysis *model_evidence(void)
{
	struct analysis *analysis = model_stuck_disk();
	struct device *disk = &analysis->sample.devices[0];
	struct queue *queue = &disk->queues[0];

	queue->requests = zeroed(1, sizeof(struct request));
	queue->requests[queue->request_num++] = (struct request){
		.head = fact_of(12),
		.stage = REQUEST_IN_DEVICE,
		.found_in = "throttled requests",
		.address = 0x7f0000abc000,
		.descriptors = fact_of(3),
		.out_length = fact_of(16),
		.in_length = fact_of(4097),
		.age_ns = fact_of(UINT64_C(35000000000)),
		.fields = { { "type", 0, "in" }, { "sector", 80, "" }, { "length", 4096, "" } },
		.field_num = 3,
	};
	queue->requests_complete = true;
	queue->listeners = fact_of(1);
	queue->listener = fact_of(0x5555aaaa0000);
	disk->backends = zeroed(1, sizeof(struct backend));
	disk->backends[disk->backend_num++] = (struct backend){
		.kind = BACKEND_DISK,
		.name = copy("drive0"),
		.node = copy("node0\x1b"),
		.queue_num = 1,
		.throttled_reads = fact_of(1),
		.iostatus = fact_of(2),
		.on_write_error = fact_of(3),
		.in_flight = fact_unreadable(),
	};
	analysis->sample.contexts = zeroed(1, sizeof(struct context));
	analysis->sample.context_num = 1;
	analysis->sample.contexts[0] = (struct context){ .address = 0x5555aaaa0000,
							 .name = copy("iothread0"),
							 .thread_id = fact_of(4711) };
	analysis->sample.threads = zeroed(1, sizeof(struct thread));
	analysis->sample.thread_num = 1;
	analysis->sample.threads[0] = (struct thread){ .tid = 4711, .name = "IO iothread0",
						       .state = 'S',
						       .activity = THREAD_LOCKING,
						       .syscall = "futex",
						       .lock = fact_of(0x7000),
						       .lock_owner = fact_of(4700) };
	return analysis;
}

static void test_show_evidence(void **state)
{
	(void)state;
	struct analysis *analysis = model_evidence();

	for (size_t i = 1; i < analysis->sample.device_num; i++)
		for (size_t j = 0; j < analysis->sample.devices[i].queue_num; j++)
			analysis->sample.devices[i].queues[j].selected = false;
	_cleanup_free_ char *text = show_of(analysis, (struct virtq_render_options){ 0 });

	/* 256 slots, four of them a column: used 6 is in the second, as is all else */
	assert_has(text, "              [.D....");
	assert_has(text, "\n                *\n");
	assert_has(text, "  requests    1 in the device, 0 not taken\n");
	assert_has(text, "              head 12: in, sector 80, length 4096; taken 35 s ago; "
			 "throttled requests; 3\n");
	assert_has(text, "              descriptors, 16 bytes out, 4097 in\n");
	assert_has(text, "  listener    IOThread iothread0, thread 4711: locking (futex), for a mutex "
			 "that thread 4700 holds\n");
	assert_has(text, "  backend     disk drive0, node node0\\x1b, at 0x0\n");
	assert_has(text, "  throttled-reads            1\n");
	assert_has(text, "  iostatus                   nospace\n");
	assert_has(text, "  on-write-error             stop\n");
	assert_has(text, "  in-flight                  unreadable\n");
	assert_tidy(text, 100);

	/* a backend of other queues is not shown, and a queue nobody polls says so */
	analysis->sample.devices[0].backends[0].first_queue = 1;
	analysis->sample.devices[0].queues[0].listeners = fact_of(0);
	_cleanup_free_ char *other = show_of(analysis, (struct virtq_render_options){ 0 });
	assert_has_not(other, "drive0");
	assert_has(other, "  listener    nobody polls the kick eventfd\n");
	model_destroy(analysis);
}

static void test_text_names_the_oldest_requests(void **state)
{
	(void)state;
	struct analysis *analysis = model_evidence();
	struct queue *queue = &analysis->sample.devices[0].queues[0];
	struct request request = queue->requests[0];

	_cleanup_free_ char *one = text_of(analysis, (struct virtq_render_options){ 0 });
	assert_has(one, "    - request head 12: in, sector 80, length 4096;");

	free(queue->requests);
	queue->requests = zeroed(5, sizeof(struct request));
	queue->request_num = 5;
	for (size_t i = 0; i < 5; i++) {
		queue->requests[i] = request;
		queue->requests[i].head = fact_of(i);
	}
	_cleanup_free_ char *five = text_of(analysis, (struct virtq_render_options){ 0 });
	assert_has(five, "    - request head 2: in,");
	assert_has_not(five, "    - request head 3: in,");
	assert_has(five, "    - and 2 more requests\n");
	_cleanup_free_ char *all =
		text_of(analysis, (struct virtq_render_options){ .verbose = true });
	assert_has(all, "    - request head 4: in,");
	model_destroy(analysis);
}

/* ---- JSON ---- */

static json_object *json_of(const struct analysis *analysis, const struct virtq_error *error)
{
	_cleanup_free_ char *text = NULL;
	enum json_tokener_error problem;

	assert_null(report_json(analysis, error, &text));
	/* json-c's parser only checks the encoding when told to. */
	json_tokener *tokener = json_tokener_new();
	assert_non_null(tokener);
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	json_object *document = json_tokener_parse_ex(tokener, text, (int)strlen(text) + 1);
	problem = json_tokener_get_error(tokener);
	json_tokener_free(tokener);
	if (problem != json_tokener_success)
		fail_msg("%s in: %s", json_tokener_error_desc(problem), text);
	assert_non_null(document);
	return document;
}

/** A member that must be there; NULL is JSON's null. */
static json_object *member(json_object *object, const char *name)
{
	json_object *value;

	if (!json_object_object_get_ex(object, name, &value))
		fail_msg("no member %s", name);
	return value;
}

static const char *string_member(json_object *object, const char *name)
{
	json_object *value = member(object, name);

	assert_int_equal(json_object_get_type(value), json_type_string);
	return json_object_get_string(value);
}

static uint64_t number_member(json_object *object, const char *name)
{
	json_object *value = member(object, name);

	assert_int_equal(json_object_get_type(value), json_type_int);
	return json_object_get_uint64(value);
}

static bool bool_member(json_object *object, const char *name)
{
	json_object *value = member(object, name);

	assert_int_equal(json_object_get_type(value), json_type_boolean);
	return json_object_get_boolean(value);
}

static json_object *element(json_object *object, const char *name, size_t index)
{
	json_object *array = member(object, name);

	assert_int_equal(json_object_get_type(array), json_type_array);
	assert_true(index < json_object_array_length(array));
	return json_object_array_get_idx(array, index);
}

static size_t length_of(json_object *object, const char *name)
{
	json_object *array = member(object, name);

	assert_int_equal(json_object_get_type(array), json_type_array);
	return json_object_array_length(array);
}

static void test_json_holds_the_model(void **state)
{
	(void)state;
	struct analysis *analysis = model_stuck_disk();
	json_object *document = json_of(analysis, NULL);

	assert_int_equal(number_member(document, "schema"), VIRTQ_JSON_SCHEMA);
	assert_string_equal(string_member(document, "virtq"), VIRTQ_VERSION);
	assert_true(bool_member(document, "complete"));
	assert_null(member(document, "error"));
	assert_int_equal(length_of(document, "incomplete"), 0);

	json_object *target = member(document, "target");
	assert_string_equal(string_member(target, "kind"), "process");
	assert_int_equal(number_member(target, "pid"), 4242);
	assert_null(member(target, "path"));
	assert_null(member(target, "signal"));
	assert_int_equal(number_member(target, "samples"), 2);
	assert_int_equal(number_member(target, "interval-ms"), 2000);

	json_object *qemu = member(document, "qemu");
	assert_string_equal(string_member(qemu, "version"), analysis->qemu.version);
	assert_string_equal(string_member(qemu, "build-id"), analysis->qemu.build_id);
	assert_string_equal(string_member(qemu, "exe"), analysis->qemu.executable);
	assert_string_equal(string_member(qemu, "layout"), analysis->qemu.layout);
	assert_string_equal(string_member(qemu, "runstate"), "running");

	assert_int_equal(length_of(document, "devices"), 4);
	json_object *disk = element(document, "devices", 0);
	assert_string_equal(string_member(disk, "id"), "disk0");
	assert_string_equal(string_member(disk, "path"), "/machine/peripheral/dev0/virtio-backend");
	assert_string_equal(string_member(disk, "type"), "virtio-blk-device");
	assert_string_equal(string_member(disk, "transport"), "pci");
	assert_string_equal(string_member(disk, "address"), "0000:00:03.0");
	assert_string_equal(string_member(disk, "bus-name"), "virtio-bus");
	assert_int_equal(number_member(disk, "status"), 15);
	assert_string_equal(string_member(disk, "guest-features"), "0x130000000");
	assert_string_equal(string_member(disk, "host-features"), "0x8000000130000e54");
	assert_string_equal(string_member(disk, "device-endian"), "little");
	assert_int_equal(number_member(disk, "num-vqs"), 1);
	assert_true(bool_member(disk, "vm-running"));
	assert_false(bool_member(disk, "broken"));
	assert_false(bool_member(disk, "vhost-started"));
	assert_false(json_object_object_get_ex(disk, "isr", NULL)); /* absent: left out */
	assert_null(member(element(document, "devices", 3), "id"));

	json_object *queue = element(disk, "queues", 0);
	assert_int_equal(number_member(queue, "queue-index"), 0);
	assert_string_equal(string_member(queue, "role"), "request");
	assert_string_equal(string_member(queue, "kind"), "request");
	assert_int_equal(number_member(queue, "vring-num"), 256);
	assert_int_equal(number_member(queue, "vring-desc"), 0x10000);
	assert_int_equal(number_member(queue, "avail-idx"), 7);
	assert_int_equal(number_member(queue, "shadow-avail-idx"), 7);
	assert_int_equal(number_member(queue, "last-avail-idx"), 7);
	assert_int_equal(number_member(queue, "used-idx"), 6);
	assert_int_equal(number_member(queue, "used-ring-idx"), 6);
	assert_int_equal(number_member(queue, "inuse"), 1);
	assert_true(bool_member(queue, "signalled-used-valid"));
	assert_string_equal(string_member(queue, "handle-output"), "0x5555deadbeef");
	assert_string_equal(string_member(queue, "host-address"), "0x7f0000001000");
	assert_string_equal(string_member(queue, "verdict"), "in-device/stuck");
	assert_string_equal(string_member(queue, "confidence"), "high");
	assert_int_equal(length_of(queue, "unreadable"), 0);
	assert_null(member(queue, "unreadable-reason"));
	assert_false(json_object_object_get_ex(queue, "vring-align", NULL));

	json_object *finding = element(queue, "findings", 0);
	assert_string_equal(string_member(finding, "severity"), "stuck");
	assert_string_equal(string_member(finding, "title"),
			    "the device has the request and does not finish it");
	assert_int_equal(length_of(finding, "evidence"), 2);
	assert_string_equal(json_object_get_string(element(finding, "considered", 1)),
			    "two-samples");
	assert_int_equal(strncmp(string_member(finding, "next"), "look at", 7), 0);

	json_object *off = element(element(document, "devices", 3), "queues", 1);
	assert_false(bool_member(off, "set-up"));
	assert_string_equal(string_member(off, "verdict"), "off/not-set-up");
	json_object_put(document);
	model_destroy(analysis);
}

static void test_json_has_every_fact(void **state)
{
	(void)state;
	struct analysis *analysis = model_new(1);
	struct device *disk = model_device(analysis, 0, "disk0", "virtio-blk-device", 1);

	for (size_t i = 0; i < device_fact_descriptor_num; i++)
		*(struct fact *)((char *)disk + device_fact_descriptors[i].offset) =
			fact_of(UINT64_MAX);
	for (size_t i = 0; i < queue_fact_descriptor_num; i++)
		*(struct fact *)((char *)&disk->queues[0] + queue_fact_descriptors[i].offset) =
			fact_of(UINT64_MAX);
	disk->device_endian = fact_of(0);
	json_object *document = json_of(analysis, NULL);
	json_object *device = element(document, "devices", 0);
	json_object *queue = element(device, "queues", 0);

	for (size_t i = 0; i < device_fact_descriptor_num; i++)
		member(device, device_fact_descriptors[i].name);
	for (size_t i = 0; i < queue_fact_descriptor_num; i++)
		member(queue, queue_fact_descriptors[i].name);
	assert_true(number_member(queue, "vring-used") == UINT64_MAX);
	assert_string_equal(string_member(device, "device-endian"), "unspecified");
	/* The index in QEMU's array stays, the stored one is told beside it. */
	assert_int_equal(number_member(queue, "queue-index"), 0);
	assert_true(number_member(queue, "stored-queue-index") == UINT64_MAX);
	json_object_put(document);
	model_destroy(analysis);
}

static void test_json_evidence(void **state)
{
	(void)state;
	struct analysis *analysis = model_evidence();
	json_object *document = json_of(analysis, NULL);
	json_object *device = element(document, "devices", 0);
	json_object *queue = element(device, "queues", 0);
	json_object *request = element(queue, "requests", 0);

	assert_true(bool_member(queue, "requests-complete"));
	assert_int_equal(number_member(request, "head"), 12);
	assert_string_equal(string_member(request, "source"), "exact");
	assert_string_equal(string_member(request, "stage"), "in-device");
	assert_string_equal(string_member(request, "found-in"), "throttled requests");
	assert_string_equal(string_member(request, "type"), "in");
	assert_int_equal(number_member(request, "sector"), 80);
	assert_int_equal(number_member(request, "length"), 4096);
	assert_int_equal(number_member(request, "age-ns"), 35000000000);
	assert_null(member(request, "fault"));

	json_object *disk = element(device, "backends", 0);
	assert_string_equal(string_member(disk, "kind"), "disk");
	assert_string_equal(string_member(disk, "iostatus"), "nospace");
	assert_string_equal(string_member(disk, "on-write-error"), "stop");
	assert_null(member(disk, "in-flight"));
	assert_int_equal(length_of(disk, "unreadable"), 1);
	assert_int_equal(length_of(element(document, "devices", 1), "backends"), 0);

	json_object *loop = element(document, "event-loops", 0);
	assert_string_equal(string_member(loop, "name"), "iothread0");
	assert_int_equal(number_member(loop, "thread-id"), 4711);
	json_object *thread = element(document, "threads", 0);
	assert_string_equal(string_member(thread, "activity"), "locking");
	assert_string_equal(string_member(thread, "lock"), "0x7000");
	assert_int_equal(number_member(thread, "lock-owner"), 4700);
	json_object_put(document);
	model_destroy(analysis);
}

static void test_json_unreadable(void **state)
{
	(void)state;
	struct analysis *analysis = model_new(2);
	struct device *disk = model_device(analysis, 0, "disk0", "virtio-blk-device", 1);

	disk->isr = fact_unreadable();
	disk->device_endian = fact_unreadable();
	disk->problem = copy("half of it is missing");
	disk->queues[0].avail_idx = fact_unreadable();
	disk->queues[0].queue_index = fact_unreadable();
	disk->queues[0].vhost_unknown = true;
	disk->queues[0].problem = copy("first");
	disk->queues[0].ring_problem = copy("second");
	model_finding(analysis, 0, 0, "unknown/guest-ram", SEVERITY_UNKNOWN, "no RAM", NULL);
	json_object *document = json_of(analysis, NULL);
	json_object *device = element(document, "devices", 0);
	json_object *queue = element(device, "queues", 0);

	assert_false(bool_member(document, "complete"));
	assert_null(member(device, "isr"));
	assert_null(member(device, "device-endian"));
	assert_string_equal(json_object_get_string(element(device, "unreadable", 0)), "isr");
	assert_string_equal(json_object_get_string(element(device, "unreadable", 1)),
			    "device-endian");
	assert_string_equal(string_member(device, "unreadable-reason"), "half of it is missing");
	assert_null(member(queue, "avail-idx"));
	assert_int_equal(number_member(queue, "queue-index"), 0);
	assert_string_equal(json_object_get_string(element(queue, "unreadable", 0)), "queue-index");
	assert_string_equal(json_object_get_string(element(queue, "unreadable", 1)), "avail-idx");
	assert_null(member(queue, "vhost"));
	assert_string_equal(json_object_get_string(element(queue, "unreadable", 2)), "vhost");
	assert_string_equal(string_member(queue, "unreadable-reason"), "first; second");
	/* A device of which nothing is known is there, empty. */
	assert_null(member(element(document, "devices", 1), "type"));
	assert_int_equal(length_of(element(document, "devices", 1), "queues"), 0);
	json_object_put(document);
	model_destroy(analysis);
}

static void test_json_only_selected(void **state)
{
	(void)state;
	struct analysis *analysis = model_stuck_disk();

	for (size_t i = 0; i < analysis->sample.device_num; i++)
		for (size_t j = 0; j < analysis->sample.devices[i].queue_num; j++)
			analysis->sample.devices[i].queues[j].selected = i == 2 && j == 1;
	json_object *document = json_of(analysis, NULL);
	assert_int_equal(length_of(document, "devices"), 1);
	json_object *net = element(document, "devices", 0);
	assert_string_equal(string_member(net, "id"), "net0");
	assert_int_equal(number_member(net, "index"), 2);
	assert_int_equal(length_of(net, "queues"), 1);
	assert_int_equal(number_member(element(net, "queues", 0), "queue-index"), 1);
	json_object_put(document);

	_cleanup_free_ char *text = text_of(analysis, (struct virtq_render_options){ 0 });
	assert_has_not(text, "disk0");
	assert_has(text, "nothing stuck: 1 queue of 1 device looked at\n");
	model_destroy(analysis);
}

static void test_json_hostile_strings(void **state)
{
	(void)state;
	struct analysis *analysis = model_new(1);

	model_device(analysis, 0, "a\"\\\n\x01\x7f\xff\xc0\x80\xed\xa0\x80z", "t\xf4\x90\x80\x80",
		     1);
	model_finding(analysis, 0, 0, "in-device/stuck", SEVERITY_STUCK, "\xe2\x82", NULL);
	analysis->target.command = copy("\x80");
	model_incomplete(analysis, "\xfe");
	json_object *document = json_of(analysis, NULL);
	json_object *device = element(document, "devices", 0);

	assert_string_equal(string_member(device, "id"),
			    "a\"\\\n\x01\x7f\\xff\\xc0\\x80\\xed\\xa0\\x80z");
	assert_string_equal(string_member(device, "type"), "t\\xf4\\x90\\x80\\x80");
	json_object_put(document);
	model_destroy(analysis);
}

static void test_json_without_analysis(void **state)
{
	(void)state;
	struct virtq_error *error = error_new(VIRTQ_ERROR_BAD_CORE, "%s: not a core", "x\n\xff");
	json_object *document = json_of(NULL, error);

	assert_false(bool_member(document, "complete"));
	assert_string_equal(string_member(member(document, "error"), "code"), "bad-core");
	assert_string_equal(string_member(member(document, "error"), "message"),
			    "x\n\\xff: not a core");
	assert_null(member(document, "target"));
	assert_null(member(document, "qemu"));
	assert_int_equal(length_of(document, "devices"), 0);
	assert_int_equal(length_of(document, "incomplete"), 0);
	json_object_put(document);
	virtq_error_destroy(error);

	document = json_of(NULL, NULL);
	assert_string_equal(string_member(member(document, "error"), "code"), "invalid-argument");
	json_object_put(document);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answer_comes_first),
		cmocka_unit_test(test_table_names_a_device_once),
		cmocka_unit_test(test_nothing_stuck),
		cmocka_unit_test(test_unused_queues_share_a_row),
		cmocka_unit_test(test_paused_says_so_first),
		cmocka_unit_test(test_not_set_up_is_no_answer),
		cmocka_unit_test(test_stopped_goes_before_stuck),
		cmocka_unit_test(test_no_devices),
		cmocka_unit_test(test_quiet),
		cmocka_unit_test(test_verbose),
		cmocka_unit_test(test_color_is_only_on_request),
		cmocka_unit_test(test_unreadable_and_absent_differ),
		cmocka_unit_test(test_vhost_indices_are_not_shown_as_qemus),
		cmocka_unit_test(test_hostile_strings_in_text),
		cmocka_unit_test(test_html_heading),
		cmocka_unit_test(test_forty_devices_fit),
		cmocka_unit_test(test_show),
		cmocka_unit_test(test_show_packed),
		cmocka_unit_test(test_show_evidence),
		cmocka_unit_test(test_text_names_the_oldest_requests),
		cmocka_unit_test(test_json_evidence),
		cmocka_unit_test(test_json_holds_the_model),
		cmocka_unit_test(test_json_has_every_fact),
		cmocka_unit_test(test_json_unreadable),
		cmocka_unit_test(test_json_only_selected),
		cmocka_unit_test(test_json_hostile_strings),
		cmocka_unit_test(test_json_without_analysis),
	};

	/* Widths of characters need a UTF-8 locale; only LC_CTYPE, as the command does. */
	if (!setlocale(LC_CTYPE, "C.UTF-8"))
		return 77;
	return cmocka_run_group_tests_name("report", tests, NULL, NULL);
}
