/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * report.html: one page without a script and without a link to anywhere. The
 * findings first, then the table, then each ring as a picture: a circle of
 * slots with an arc for each kind of request that is outstanding, and a mark
 * for each index. Everything that comes from the target goes through add_html().
 */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "report/bundle.h"
#include "report/document.h"
#include "report/groups.h"
#include "report/requests.h"
#include "report/ring_marks.h"
#include "report/utf8.h"
#include "report/view.h"
#include "report/words.h"
#include "vring/vring.h"

static const char style[] =
	":root{color-scheme:light dark;--bg:#fff;--fg:#1b1f24;--dim:#5c6570;--line:#d5dae0;--card:#f5f7f9;"
	"--stuck:#b3261e;--unknown:#8a5a00;--ok:#1a6e35;--off:#5c6570;"
	"--used:#7a3fb0;--last:#0b62c4;--shadow:#00707a;--avail:#1a6e35;"
	"--in-device:#d2402f;--not-taken:#d98200;--not-seen:#c9a800;--done:#7a3fb0}\n"
	"@media(prefers-color-scheme:dark){:root{--bg:#14171a;--fg:#e4e8ec;--dim:#98a2ad;--line:#39414a;"
	"--card:#1d2227;--stuck:#ff8a80;--unknown:#f0b95a;--ok:#79d694;--off:#98a2ad;"
	"--used:#c79bf0;--last:#7db7ff;--shadow:#5fd3dd;--avail:#79d694;"
	"--in-device:#ff7a6b;--not-taken:#ffb347;--not-seen:#f2dc57;--done:#c79bf0}}\n"
	"body{margin:0 auto;padding:1.5rem;max-width:72rem;background:var(--bg);color:var(--fg);"
	"font:15px/1.45 system-ui,sans-serif}\n"
	"h1{font-size:1.45rem;margin:0 0 .3rem}h2{font-size:1.1rem;margin:2rem 0 .6rem;"
	"border-bottom:1px solid var(--line);padding-bottom:.2rem}h3{font-size:1rem;margin:0 0 .3rem}\n"
	"code,pre,td.n,.mono{font-family:ui-monospace,monospace;font-size:.9em}\n"
	"dl{display:grid;grid-template-columns:max-content 1fr;gap:.1rem 1rem;margin:.5rem 0}"
	"dt{color:var(--dim)}dd{margin:0;overflow-wrap:anywhere}\n"
	".scroll{overflow-x:auto}table{border-collapse:collapse;width:100%}"
	"th,td{padding:.2rem .5rem;text-align:left;border-bottom:1px solid var(--line);vertical-align:top}"
	"th{color:var(--dim);font-weight:600}td.n,th.n{text-align:right}\n"
	".stuck{color:var(--stuck)}.unknown{color:var(--unknown)}.ok{color:var(--ok)}.off{color:var(--off)}"
	".dim{color:var(--dim);white-space:pre-line}\n"
	".card{background:var(--card);border:1px solid var(--line);border-radius:6px;padding:.8rem 1rem;"
	"margin:0 0 .8rem;break-inside:avoid}.finding{border-left:4px solid var(--stuck)}\n"
	".rings{display:grid;grid-template-columns:repeat(auto-fill,minmax(20rem,1fr));gap:.8rem}"
	".rings .card{margin:0}\n"
	"svg text{font:11px ui-monospace,monospace;fill:var(--fg)}svg .track{fill:none;stroke:var(--line);"
	"stroke-width:12}svg .arc{fill:none;stroke-width:12}svg .mark{stroke-width:2.5}"
	"svg .heads{fill:none;stroke:var(--line)}svg .head{stroke-width:6;stroke-linecap:round}"
	"svg .estimated{opacity:.45}"
	"svg .num{text-anchor:middle;fill:var(--dim)}\n"
	".in-device{stroke:var(--in-device)}.not-taken{stroke:var(--not-taken)}.not-seen{stroke:var(--not-seen)}"
	".done{stroke:var(--done)}.m-used{stroke:var(--used)}.m-last{stroke:var(--last)}"
	".m-shadow{stroke:var(--shadow)}.m-avail{stroke:var(--avail)}\n"
	"a{color:inherit}ul{margin:.3rem 0;padding-left:1.2rem}summary{cursor:pointer;color:var(--dim)}\n"
	"@media print{:root{color-scheme:light}body{max-width:none;padding:0;font-size:10pt}"
	".card{background:none}details::details-content{content-visibility:visible}"
	"svg{print-color-adjust:exact;-webkit-print-color-adjust:exact}}\n";

/** Add text that is escaped already, with what HTML takes for itself spelled out. */
static void add_escaped_html(struct buffer *buffer, const char *text)
{
	for (const char *c = text; *c; c++) {
		switch (*c) {
		case '&':
			buffer_add(buffer, "&amp;");
			break;
		case '<':
			buffer_add(buffer, "&lt;");
			break;
		case '>':
			buffer_add(buffer, "&gt;");
			break;
		case '"':
			buffer_add(buffer, "&quot;");
			break;
		default:
			buffer_add_bytes(buffer, c, 1);
		}
	}
}

/** Add text of a target, which may hold anything. */
static void add_html(struct buffer *buffer, const char *text)
{
	_cleanup_buffer_ struct buffer clean = { 0 };

	buffer_add_escaped(&clean, text, true);
	add_escaped_html(buffer, buffer_text(&clean));
	buffer->failed |= clean.failed;
}

static void add_pair(struct buffer *buffer, const char *name, const char *value)
{
	if (!value || !*value)
		return;
	buffer_printf(buffer, "<dt>%s</dt><dd>", name);
	add_html(buffer, value);
	buffer_add(buffer, "</dd>\n");
}

static void add_queue_name(const struct view *view, struct buffer *buffer, size_t device,
			   size_t queue)
{
	_cleanup_buffer_ struct buffer name = { 0 };

	view_add_queue(view, &name, device, queue);
	add_escaped_html(buffer, buffer_text(&name));
	buffer->failed |= name.failed;
}

/* ---- What was looked at --------------------------------------------------------- */

/** What was looked at, and how often. */
static void add_sampling(const struct view *view, struct buffer *buffer)
{
	_cleanup_buffer_ struct buffer text = { 0 };

	view_add_header(view, &text);
	buffer_add(buffer, "<p class=\"dim\">");
	add_escaped_html(buffer, buffer_text(&text));
	buffer_add(buffer, "</p>\n");
	buffer->failed |= text.failed;
}

static void add_context(const struct view *view, struct buffer *buffer)
{
	const struct analysis *analysis = view->analysis;
	const struct analysis_context *context = &analysis->context;
	_cleanup_buffer_ struct buffer time = { 0 }, up = { 0 };

	buffer_add(buffer, "<h2>Where and when</h2>\n<dl>\n");
	if (context->time)
		document_add_time(&time, context->time, false);
	if (context->started && context->time >= context->started)
		document_add_duration(&up, context->time - context->started);
	add_pair(buffer, "taken", buffer_text(&time));
	add_pair(buffer, "QEMU", analysis->qemu.version);
	add_pair(buffer, "build-id", analysis->qemu.build_id);
	add_pair(buffer, "VM", context->vm_name);
	add_pair(buffer, "machine type", context->machine);
	add_pair(buffer, "run state", analysis->sample.runstate);
	add_pair(buffer, "up", buffer_text(&up));
	add_pair(buffer, "host kernel", context->kernel);
	add_pair(buffer, "host", context->distribution);
	add_pair(buffer, "executable", analysis->qemu.executable);
	add_pair(buffer, "command", analysis->target.command);
	add_pair(buffer, "replaced for privacy", context->replaced);
	buffer_add(buffer, "</dl>\n");
	buffer->failed |= time.failed || up.failed;
}

/* ---- A ring ----------------------------------------------------------------------------- */

enum { CENTER = 70, RADIUS = 50 };

/** The arc of slots between two indices: its class, and what it stands for. */
static const struct {
	const char *class, *meaning;
} spans[] = {
	[RING_FREE] = { "", "" },
	[RING_IN_DEVICE] = { "in-device", "in the device" },
	[RING_NOT_TAKEN] = { "not-taken", "seen, not taken" },
	[RING_NOT_SEEN] = { "not-seen", "not seen" },
	[RING_IN_BACKEND] = { "in-device", "in the backend" },
};

/** Add a coordinate with one decimal, whatever the locale's decimal point. */
static void add_coordinate(struct buffer *buffer, double value)
{
	long tenths = lround(value * 10);

	buffer_printf(buffer, "%s%ld.%ld", tenths < 0 ? "-" : "", labs(tenths) / 10,
		      labs(tenths) % 10);
}

static void add_point(struct buffer *buffer, double turn, double radius)
{
	double angle = 2 * M_PI * turn;

	add_coordinate(buffer, CENTER + radius * sin(angle));
	buffer_add(buffer, " ");
	add_coordinate(buffer, CENTER - radius * cos(angle));
}

/** An arc over @length slots, but never too short to be seen. */
static void add_arc(struct buffer *buffer, uint64_t slot, uint64_t length, uint64_t num,
		    const char *class, const char *meaning)
{
	const double least = 0.03;
	double start = (double)slot / (double)num, turn = (double)length / (double)num;

	if (length >= num) {
		/* an arc whose ends meet is none */
		buffer_printf(buffer, "<circle class=\"arc %s\" cx=\"%d\" cy=\"%d\" r=\"%d\">"
			      "<title>%" PRIu64 " %s</title></circle>\n", class, CENTER, CENTER,
			      RADIUS, length, meaning);
		return;
	}
	if (turn < least) {
		start -= (least - turn) / 2;
		turn = least;
	}
	if (turn > 0.99)
		turn = 0.99;
	buffer_printf(buffer, "<path class=\"arc %s\" d=\"M ", class);
	add_point(buffer, start, RADIUS);
	buffer_printf(buffer, " A %d %d 0 %d 1 ", RADIUS, RADIUS, turn > 0.5);
	add_point(buffer, start + turn, RADIUS);
	buffer_printf(buffer, "\"><title>%" PRIu64 " %s</title></path>\n", length, meaning);
}

/** The device's indices are inside of the ring, the driver's outside; none hides another. */
static void add_mark(struct buffer *buffer, const struct ring_mark *mark, uint64_t num)
{
	static const struct {
		const char *name;
		double from, to; /* from the centre */
	} places[] = {
		{ "used", 26, 34 }, { "last", 35, 43 }, { "shadow", 57, 63 }, { "avail", 63, 69 },
	};
	double turn = (double)(mark->index.value % num) / (double)num;

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		if (strcmp(places[i].name, mark->name) != 0)
			continue;
		buffer_printf(buffer, "<path class=\"mark m-%s\" d=\"M ", mark->name);
		add_point(buffer, turn, places[i].from);
		buffer_add(buffer, " L ");
		add_point(buffer, turn, places[i].to);
		buffer_add(buffer, "\"/>\n");
	}
}

/** A line of the legend: an index, and what is outstanding before it. */
static void add_legend(struct buffer *buffer, size_t row, const struct ring_mark *mark,
		       uint64_t length)
{
	size_t y = 30 + 24 * row;

	buffer_printf(buffer,
		      "<path class=\"mark m-%s\" d=\"M 150 %zu L 162 %zu\"/>"
		      "<text x=\"168\" y=\"%zu\">%s ",
		      mark->name, y - 4, y - 4, y, mark->name);
	if (fact_known(mark->index))
		buffer_printf(buffer, "%" PRIu64 "</text>\n", mark->index.value);
	else
		buffer_printf(buffer, "%s</text>\n", mark->index.state == FACT_ABSENT ? "-" : "?");
	if (length)
		buffer_printf(buffer,
			      "<path class=\"arc %s\" d=\"M 150 %zu L 162 %zu\"/>"
			      "<text x=\"168\" y=\"%zu\">%" PRIu64 " %s</text>\n",
			      spans[mark->span].class, y + 9, y + 9, y + 12, length,
			      spans[mark->span].meaning);
}

/**
 * Heads in flight: dots on a track of their own inside the ring, since a head
 * is an index of the descriptor table, not of the ring the indices run on.
 */
static void add_heads(struct buffer *buffer, const struct queue *queue, uint64_t num)
{
	enum { HEADS_RADIUS = 20, HEADS_MAX = 256 };

	if (!queue->request_num)
		return;
	buffer_printf(buffer, "<circle class=\"heads\" cx=\"%d\" cy=\"%d\" r=\"%d\"/>\n", CENTER,
		      CENTER, HEADS_RADIUS);
	for (size_t i = 0; i < queue->request_num && i < HEADS_MAX; i++) {
		const struct request *request = &queue->requests[i];
		_cleanup_buffer_ struct buffer line = { 0 };

		if (!fact_known(request->head) || request->head.value >= num)
			continue;
		/* a line of no length with round ends is a dot */
		buffer_printf(buffer, "<path class=\"head %s%s\" d=\"M ",
			      request->stage == REQUEST_AVAILABLE ? "not-taken" : "in-device",
			      request->source == REQUEST_ESTIMATED ? " estimated" : "");
		add_point(buffer, (double)request->head.value / (double)num, HEADS_RADIUS);
		buffer_add(buffer, " h 0\"><title>");
		requests_add_line(&line, request);
		add_html(buffer, buffer_text(&line));
		buffer_add(buffer, "</title></path>\n");
		buffer->failed |= line.failed;
	}
}

static void add_requests(struct buffer *buffer, const struct queue *queue)
{
	enum { LINES_MAX = 64 };

	if (!queue->request_num && !queue->requests_problem)
		return;
	buffer_add(buffer, "<p class=\"dim\">requests in flight: ");
	_cleanup_buffer_ struct buffer summary = { 0 };
	requests_add_summary(&summary, queue);
	add_html(buffer, buffer_text(&summary));
	buffer_add(buffer, "</p>\n<ul class=\"requests\">\n");
	for (size_t i = 0; i < queue->request_num && i < LINES_MAX; i++) {
		_cleanup_buffer_ struct buffer line = { 0 };

		requests_add_line(&line, &queue->requests[i]);
		buffer_add(buffer, "<li>");
		add_html(buffer, buffer_text(&line));
		buffer_add(buffer, "</li>\n");
		buffer->failed |= line.failed;
	}
	if (queue->request_num > LINES_MAX)
		buffer_printf(buffer, "<li>and %zu more: report.json has them</li>\n",
			      queue->request_num - LINES_MAX);
	if (queue->requests_problem) {
		buffer_add(buffer, "<li>");
		add_html(buffer, queue->requests_problem);
		buffer_add(buffer, "</li>\n");
	}
	buffer_add(buffer, "</ul>\n");
	buffer->failed |= summary.failed;
}

static void add_ring(struct buffer *buffer, const struct queue *queue)
{
	uint64_t num = fact_known(queue->vring_num) ? queue->vring_num.value : 0;
	struct ring_mark marks[RING_MARKS_MAX];
	size_t mark_num = ring_marks(queue, marks);

	if (!num || num > VRING_NUM_MAX)
		return;
	buffer_add(buffer, "<svg class=\"ring\" viewBox=\"0 0 300 140\" width=\"300\" height=\"140\""
			   " role=\"img\">\n");
	buffer_printf(buffer, "<circle class=\"track\" cx=\"%d\" cy=\"%d\" r=\"%d\"/>\n", CENTER,
		      CENTER, RADIUS);
	buffer_printf(buffer, "<text class=\"num\" x=\"%d\" y=\"%d\">%" PRIu64 "</text>\n", CENTER,
		      CENTER + 4, num);
	for (size_t i = 0; i < mark_num; i++) {
		/* more than there are is impossible: the finding says so */
		uint64_t length = marks[i].slots <= num ? marks[i].slots : 0;

		if (length)
			add_arc(buffer, marks[i - 1].index.value % num, length, num,
				spans[marks[i].span].class, spans[marks[i].span].meaning);
		if (fact_known(marks[i].index))
			add_mark(buffer, &marks[i], num);
		add_legend(buffer, mark_num - 1 - i, &marks[i], length);
	}
	add_heads(buffer, queue, num);
	buffer_add(buffer, "</svg>\n");
}

/* ---- Findings --------------------------------------------------------------------- */

static void add_place(const struct view *view, struct buffer *buffer, const struct place *place)
{
	const struct queue *queue =
		&view->analysis->sample.devices[place->device].queues[place->queue];

	buffer_add(buffer, "<p>");
	buffer_printf(buffer, "<a href=\"#q%zu-%zu\">", place->device, place->queue);
	add_queue_name(view, buffer, place->device, place->queue);
	buffer_printf(buffer, "</a>, confidence %s</p>\n<ul>\n",
		      confidence_word(place->finding->confidence));
	for (size_t i = 0; i < place->finding->evidence_num; i++) {
		buffer_add(buffer, "<li>");
		add_html(buffer, place->finding->evidence[i]);
		buffer_add(buffer, "</li>\n");
	}
	buffer_add(buffer, "</ul>\n");
	if (queue->readable && queue->set_up && place->finding->severity == SEVERITY_STUCK) {
		add_ring(buffer, queue);
		add_requests(buffer, queue);
	}
}

static void add_group(const struct view *view, struct buffer *buffer, const struct group *group)
{
	const struct finding *finding = group->places[0].finding;

	buffer_printf(buffer, "<div class=\"card%s\">\n<h3><span class=\"%s\">",
		      finding->severity == SEVERITY_STUCK ? " finding" : "",
		      severity_word(finding->severity));
	add_html(buffer, finding->verdict);
	buffer_add(buffer, "</span>: ");
	add_html(buffer, finding->title ? finding->title : "");
	buffer_add(buffer, "</h3>\n");
	for (size_t i = 0; i < group->num; i++)
		add_place(view, buffer, &group->places[i]);
	if (finding->considered && *finding->considered) {
		buffer_add(buffer, "<p><span class=\"dim\">considered:</span> ");
		for (const char *const *rule = finding->considered; *rule; rule++) {
			buffer_add(buffer, rule == finding->considered ? "" : ", ");
			add_html(buffer, *rule);
		}
		buffer_add(buffer, "</p>\n");
	}
	if (finding->next) {
		buffer_add(buffer, "<p><span class=\"dim\">next:</span> ");
		add_html(buffer, finding->next);
		buffer_add(buffer, "</p>\n");
	}
	buffer_add(buffer, "</div>\n");
}

static void add_groups(const struct view *view, struct buffer *buffer, const struct groups *groups)
{
	for (size_t i = 0; i < groups->num; i++)
		add_group(view, buffer, &groups->groups[i]);
}

static void add_incomplete(const struct analysis *analysis, struct buffer *buffer)
{
	if (!analysis->incomplete_num)
		return;
	buffer_add(buffer, "<div class=\"card\"><h3 class=\"unknown\">the answer is incomplete"
			   "</h3>\n<ul>\n");
	for (size_t i = 0; i < analysis->incomplete_num; i++) {
		buffer_add(buffer, "<li>");
		add_html(buffer, analysis->incomplete[i]);
		buffer_add(buffer, "</li>\n");
	}
	buffer_add(buffer, "</ul></div>\n");
}

/** The answer, as the page's heading: the first finding, or what there is in all. */
static void add_heading(const struct view *view, struct buffer *buffer, const struct groups *answer,
			const char *summary)
{
	buffer_add(buffer, "<h1>");
	if (answer->num) {
		const struct place *place = &answer->groups[0].places[0];

		buffer_printf(buffer, "<span class=\"%s\">",
			      severity_word(place->finding->severity));
		add_queue_name(view, buffer, place->device, place->queue);
		buffer_add(buffer, ":</span> ");
		add_html(buffer,
			 place->finding->title ? place->finding->title : place->finding->verdict);
		if (answer->finding_num > 1)
			buffer_printf(buffer, " <span class=\"dim\">and %zu more</span>",
				      answer->finding_num - 1);
	} else {
		buffer_printf(buffer, "virtq: %s", summary);
	}
	buffer_add(buffer, "</h1>\n");
}

/** The heading, what was looked at, and the findings: what text.c says, in its order. */
static struct virtq_error *add_answer(const struct view *view, struct buffer *buffer)
{
	_cleanup_groups_ struct groups answer = { 0 }, stuck = { 0 }, unknown = { 0 }, off = { 0 };
	_cleanup_buffer_ struct buffer summary = { 0 };

	TRY(groups_init(view->analysis, SEVERITY_STUCK, false, &stuck));
	TRY(groups_init(view->analysis, SEVERITY_UNKNOWN, false, &unknown));
	TRY(groups_init(view->analysis, SEVERITY_OFF, true, &off));
	view_add_summary(view, &summary, stuck.finding_num, unknown.finding_num);
	TRY(groups_init_answer(view->analysis, &answer));
	bool off_first = stuck.num && groups_say_off(&answer);
	add_heading(view, buffer, &answer, buffer_text(&summary));
	add_sampling(view, buffer);
	buffer_printf(buffer, "<h2>Findings</h2>\n<p>%s</p>\n", buffer_text(&summary));
	if (off_first)
		add_groups(view, buffer, &off);
	add_groups(view, buffer, &stuck);
	add_groups(view, buffer, &unknown);
	if (!off_first)
		add_groups(view, buffer, &off);
	add_incomplete(view->analysis, buffer);
	buffer->failed |= summary.failed;
	return NULL;
}

/* ---- The table ---------------------------------------------------------------------- */

static void add_fact_cell(struct buffer *buffer, struct fact fact)
{
	if (fact_known(fact))
		buffer_printf(buffer, "<td class=\"n\">%" PRIu64 "</td>", fact.value);
	else
		buffer_printf(buffer, "<td class=\"n\">%s</td>",
			      fact.state == FACT_ABSENT ? "-" : "?");
}

static void add_row(const struct view *view, struct buffer *buffer, size_t device, size_t index)
{
	const struct device *shown = &view->analysis->sample.devices[device];
	const struct queue *queue = &shown->queues[index];
	struct queue_diagnosis diagnosis = view_diagnosis(view->analysis, device, index);
	_cleanup_free_ char *type = view_short_type(view, shown);

	buffer_printf(buffer, "<tr><td class=\"n\">%zu</td><td>", device);
	add_escaped_html(buffer, view->labels.names[device]);
	buffer_add(buffer, "</td><td>");
	add_escaped_html(buffer, type ? type : "");
	buffer_printf(buffer, "</td><td><a href=\"#q%zu-%zu\">%u ", device, index, queue->index);
	add_html(buffer, queue->role);
	buffer_add(buffer, "</a></td>");
	add_fact_cell(buffer, queue->vring_num);
	add_fact_cell(buffer, queue->avail_idx);
	if (queue->vhost) {
		buffer_add(buffer, "<td class=\"n\">~</td><td class=\"n\">~</td>");
		add_fact_cell(buffer, queue->used_ring_idx);
	} else {
		add_fact_cell(buffer, queue->shadow_avail_idx);
		add_fact_cell(buffer, queue->last_avail_idx);
		add_fact_cell(buffer, queue->used_idx);
	}
	add_fact_cell(buffer, queue->used_event);
	add_fact_cell(buffer, queue->inuse);
	buffer_add(buffer, "<td>");
	for (size_t i = 0; i < diagnosis.finding_num; i++) {
		buffer_printf(buffer, "%s<span class=\"%s\">", i ? ", " : "",
			      severity_word(diagnosis.findings[i].severity));
		add_html(buffer, diagnosis.findings[i].verdict);
		buffer_add(buffer, "</span>");
	}
	buffer_add(buffer, "</td></tr>\n");
}

static void add_table(const struct view *view, struct buffer *buffer)
{
	const struct sample *sample = &view->analysis->sample;

	buffer_add(buffer, "<div class=\"scroll\"><table>\n<tr><th class=\"n\">#</th><th>device</th>"
			   "<th>type</th><th>queue</th><th class=\"n\">num</th>"
			   "<th class=\"n\">avail</th><th class=\"n\">shadow</th>"
			   "<th class=\"n\">last</th><th class=\"n\">used</th>"
			   "<th class=\"n\">event</th><th class=\"n\">inuse</th><th>verdict</th></tr>\n");
	for (size_t i = 0; i < sample->device_num; i++)
		for (size_t j = 0; j < sample->devices[i].queue_num; j++)
			if (view_shows(view, i, j))
				add_row(view, buffer, i, j);
	buffer_add(buffer, "</table></div>\n");
}

/* ---- Every queue ------------------------------------------------------------------------- */

static void add_facts(struct buffer *buffer, const struct queue *queue)
{
	buffer_printf(buffer, "<details><summary>all fields</summary>\n<dl class=\"mono\">\n"
			      "<dt>VirtQueue at</dt><dd>0x%" PRIx64 "</dd>\n", queue->address);
	for (size_t i = 0; i < queue_fact_descriptor_num; i++) {
		const struct fact_descriptor *descriptor = &queue_fact_descriptors[i];
		struct fact fact = fact_at(queue, descriptor);
		_cleanup_buffer_ struct buffer value = { 0 };

		if (fact.state == FACT_ABSENT)
			continue;
		words_add_fact(&value, descriptor, fact);
		add_pair(buffer, descriptor->name, buffer_text(&value));
		buffer->failed |= value.failed;
	}
	buffer_add(buffer, "</dl></details>\n");
}

static void add_problem(struct buffer *buffer, const char *problem)
{
	if (!problem)
		return;
	buffer_add(buffer, "<p class=\"unknown\">");
	add_html(buffer, problem);
	buffer_add(buffer, "</p>\n");
}

static void add_queue(const struct view *view, struct buffer *buffer, size_t device, size_t index)
{
	const struct queue *queue = &view->analysis->sample.devices[device].queues[index];
	struct queue_diagnosis diagnosis = view_diagnosis(view->analysis, device, index);
	_cleanup_buffer_ struct buffer picture = { 0 };

	buffer_printf(buffer, "<div class=\"card\" id=\"q%zu-%zu\">\n<h3>", device, index);
	add_queue_name(view, buffer, device, index);
	if (diagnosis.finding_num) {
		buffer_printf(buffer, " <span class=\"%s\">",
			      severity_word(diagnosis.findings[0].severity));
		add_html(buffer, diagnosis.findings[0].verdict);
		buffer_add(buffer, "</span>");
	}
	buffer_add(buffer, "</h3>\n");
	if (queue->readable && queue->set_up) {
		add_ring(buffer, queue);
		show_add_picture(&picture, queue);
		buffer_add(buffer, "<p class=\"mono\">");
		add_escaped_html(buffer, buffer_text(&picture));
		buffer_add(buffer, "</p>\n");
		buffer->failed |= picture.failed;
	}
	add_requests(buffer, queue);
	add_problem(buffer, queue->problem);
	add_problem(buffer, queue->ring_problem);
	add_facts(buffer, queue);
	buffer_add(buffer, "</div>\n");
}

static void add_rings(const struct view *view, struct buffer *buffer)
{
	const struct sample *sample = &view->analysis->sample;

	buffer_add(buffer, "<div class=\"rings\">\n");
	for (size_t i = 0; i < sample->device_num; i++)
		for (size_t j = 0; j < sample->devices[i].queue_num; j++)
			if (view_shows(view, i, j))
				add_queue(view, buffer, i, j);
	buffer_add(buffer, "</div>\n");
}

/* ---- Threads -------------------------------------------------------------------------------- */

static void add_threads(const struct view *view, struct buffer *buffer)
{
	const struct analysis_context *context = &view->analysis->context;

	if (!context->thread_num && !context->threads_problem)
		return;
	buffer_add(buffer, "<h2>Threads</h2>\n");
	if (context->threads_problem) {
		buffer_add(buffer, "<p class=\"unknown\">");
		add_html(buffer, context->threads_problem);
		buffer_add(buffer, "</p>\n");
	}
	buffer_add(buffer, "<div class=\"scroll\"><table>\n<tr><th class=\"n\">TID</th><th>state</th>"
			   "<th>waits in</th><th>name</th><th>backtrace</th></tr>\n");
	for (size_t i = 0; i < context->thread_num; i++) {
		const struct analysis_thread *thread = &context->threads[i];

		buffer_printf(buffer, "<tr><td class=\"n\">%d</td><td>", (int)thread->tid);
		if (thread->state) {
			const char state[] = { thread->state, 0 };
			add_html(buffer, state);
		}
		buffer_add(buffer, "</td><td class=\"mono\">");
		add_html(buffer, thread->syscall);
		buffer_add(buffer, "</td><td>");
		add_html(buffer, thread->name);
		buffer_add(buffer, "</td><td class=\"mono\">");
		for (size_t j = 0; j < thread->frame_num; j++) {
			buffer_add(buffer, j ? "<br>" : "");
			add_html(buffer, thread->frames[j]);
		}
		buffer_add(buffer, "</td></tr>\n");
	}
	buffer_add(buffer, "</table></div>\n");
}

struct virtq_error *report_html(const struct analysis *analysis, struct buffer *buffer)
{
	/* so wide that no line is broken: the page does that */
	const struct virtq_render_options options = { .width = 4096 };
	_cleanup_view_ struct view view = { 0 };

	TRY(view_init(analysis, &options, &view));
	view.utf8 = true;
	buffer_add(buffer, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
			   "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
			   "<meta http-equiv=\"Content-Security-Policy\" "
			   "content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:\">\n"
			   "<link rel=\"icon\" href=\"data:,\">\n<title>virtq report</title>\n<style>\n");
	buffer_add(buffer, style);
	buffer_add(buffer, "</style>\n</head>\n<body>\n");
	TRY(add_answer(&view, buffer));
	buffer_add(buffer, "<h2>Queues</h2>\n");
	add_table(&view, buffer);
	buffer_add(buffer, "<h2>Rings</h2>\n");
	add_rings(&view, buffer);
	add_context(&view, buffer);
	add_threads(&view, buffer);
	buffer_add(buffer, "<p class=\"dim\">virtq " VIRTQ_VERSION ". The rings run clockwise from the top; "
			   "snapshot.core, beside this page, is what it was drawn from.</p>\n"
			   "</body>\n</html>\n");
	return buffer->failed ? &virtq_error_no_memory : NULL;
}
