/* report. */
#include "ctl/cmd.h"
#include "ctl/ctl.h"
#include "ctl/near.h"
#include "ctl/report.h"
#include "ctl/report_html.h"
#include "ctl/select.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct run {
	struct ctl *ctl;
	const struct report *report;
	struct select select; /* the period */
	int64_t limit;        /* 0 = none */
	bool html;
	bool more;
	struct reader_evidence evidence;
	char *said; /* owned: of a file that has no place for it, its evidence */
};

static void run_cleanup(struct run *run)
{
	select_deinit(&run->select);
	free(run->said);
}

/* ---- what is asked for ---- */

static int find_report(const struct ctl *ctl, const struct report **ret_report)
{
	AUTO(buf) struct buf names = BUF_NULL;
	const char *near = NULL;

	for (int i = 0; i < report_n; i++)
		buf_printf(&names, " %s", report_table[i].name);
	if (ctl->args->n_words == 0)
		return ctl_fail(CTL_USAGE, "which report? there are:%s", buf_str(&names));
	*ret_report = report_find(ctl->args->words[0], &near);
	if (*ret_report)
		return CTL_OK;
	return ctl_fail(CTL_USAGE, "there is no report %s%s%s%s; there are:%s",
		ctl->args->words[0], near ? "; did you mean " : "", near ? near : "",
		near ? "?" : "", buf_str(&names));
}

/* --format html is none of out's. */
static int read_html(struct run *run)
{
	AUTO(buf) struct buf names = BUF_NULL;

	assert(run->report);
	run->html = true;
	if (report_html_can(run->report->source))
		return CTL_OK;
	for (int i = 0; i < report_n; i++)
		if (report_html_can(report_table[i].source))
			buf_printf(&names, " %s", report_table[i].name);
	return ctl_fail(CTL_USAGE, "report %s is not made as HTML; these are:%s",
		run->report->name, buf_str(&names));
}

static int read_format(struct run *run)
{
	static const char *const names[] = {
		[OUT_TABLE] = "text", [OUT_JSON] = "json", [OUT_CSV] = "csv"};
	struct ctl *ctl = run->ctl;
	const char *text = args_get(ctl->args, OPT_AS);
	bool by_flag = args_has(ctl->args, OPT_JSON) || args_has(ctl->args, OPT_CSV);
	struct near near = {.word = text};

	if (text && !strcmp(text, "html") && by_flag)
		return ctl_fail(CTL_USAGE,
			"--format html and --%s together make no sense",
			names[ctl->out.format]);
	if (text && !strcmp(text, "html"))
		return read_html(run);
	for (size_t i = 0; text && i < ARRAY_LEN(names); i++) {
		if (strcmp(names[i], text) != 0) {
			near_try(&near, names[i]);
			continue;
		}
		if (by_flag && ctl->out.format != (enum out_format)i)
			return ctl_fail(CTL_USAGE,
				"--format %s and --%s together make "
				"no sense",
				text, names[ctl->out.format]);
		ctl->out.format = (enum out_format)i;
		return CTL_OK;
	}
	if (!text)
		return CTL_OK;
	near_try(&near, "html");
	return ctl_fail(CTL_USAGE,
		"--format: there is no %s%s%s%s; text, json, csv or html is wanted", text,
		near.best ? "; did you mean " : "", near.best ? near.best : "",
		near.best ? "?" : "");
}

/* Moves a bound to its day's midnight, the one before or the one behind it. Returns
 * whether it moved. */
static bool move_to_midnight(char text[CLOCK_TEXT_LEN], bool is_end)
{
	static const int64_t day_ms = 86400000;
	int64_t ms, within;

	if (!*text || !clock_parse(text, &ms))
		return false;
	within = (ms % day_ms + day_ms) % day_ms;
	clock_format(ms - within + (is_end && within ? day_ms : 0), text);
	return within != 0;
}

static int read_period(struct run *run)
{
	struct select *select = &run->select;
	int status = select_read(run->ctl, false, select);
	bool moved;

	if (status || !(run->report->flags & REPORT_DAYS))
		return status;
	moved = move_to_midnight(select->since, false);
	if (move_to_midnight(select->until, true) || moved)
		ctl_say("%s counts whole days (UTC): from %s to before %s",
			run->report->name, *select->since ? select->since : "the first",
			*select->until ? select->until : "now");
	return CTL_OK;
}

static int read_options(struct run *run)
{
	struct ctl *ctl = run->ctl;
	int status = find_report(ctl, &run->report);

	if (status == CTL_OK)
		status = read_format(run);
	if (status == CTL_OK)
		status = read_period(run);
	/* A report is whole unless somebody asks for less. */
	if (status == CTL_OK && args_has(ctl->args, OPT_LIMIT))
		status = ctl_limit(ctl, &run->limit);
	return status;
}

/* ---- printing ---- */

/* A row of a table beside the report's own, which is whole whatever the limit. */
static int on_count(void *userdata, const void *row, struct error *err)
{
	struct run *run = userdata;

	(void)err;
	out_row(&run->ctl->out, row);
	return out_broken(&run->ctl->out);
}

static int on_row(void *userdata, const void *row, struct error *err)
{
	struct run *run = userdata;

	if (run->limit && run->ctl->out.n_printed == run->limit) {
		run->more = true;
		return 1;
	}
	return on_count(userdata, row, err);
}

static struct reader_report_ask ask_for(struct run *run, enum reader_report source)
{
	return (struct reader_report_ask){.report = source,
		.since = run->select.selector.since,
		.until = run->select.selector.until,
		.fn = source == run->report->source ? on_row : on_count,
		.userdata = run};
}

static int print_rows(struct run *run, const char *name, enum reader_report source,
	const struct out_list *list, struct error *err)
{
	const struct reader_report_ask ask = ask_for(run, source);
	struct out *out = &run->ctl->out;
	int rc;

	if (out->format == OUT_CSV)
		out_list_begin(out, list);
	else
		out_object_list(out, name, list);
	rc = reader_report(run->ctl->reader, &ask, &run->evidence, err);
	out_list_end(out);
	return rc;
}

/* What the report is called, and of which period it is. */
static void print_head(struct run *run)
{
	struct head {
		char *report, *since, *until;
	};
	static const struct out_column columns[] = {
		{"report", OUT_TEXT, offsetof(struct head, report)},
		{"since", OUT_TEXT, offsetof(struct head, since)},
		{"until", OUT_TEXT, offsetof(struct head, until)},
	};
	static const struct out_list list = {columns, ARRAY_LEN(columns), NULL};
	const struct head head = {(char *)(uintptr_t)run->report->name,
		(char *)(uintptr_t)run->select.selector.since,
		(char *)(uintptr_t)run->select.selector.until};

	if (run->ctl->out.format != OUT_CSV)
		out_object_begin(&run->ctl->out, &list, &head);
}

static void print_evidence(struct run *run, bool to_file)
{
	const struct reader_report_ask ask = ask_for(run, run->report->source);
	AUTO(report_evidence) struct report_evidence evidence;
	AUTO(free_ptr) char *line = NULL;
	struct out *out = &run->ctl->out;

	report_evidence_init(&evidence, &run->evidence, &ask);
	line = report_evidence_line(&evidence);
	if (out->format == OUT_TABLE)
		out_printf(out, "\n%s\n", line);
	out_object_record(out, "evidence", &report_list_evidence, &evidence);
	if (out->format != OUT_CSV)
		out_object_end(out);
	else if (to_file)
		run->said = TAKE_PTR(line);
	else
		ctl_say("%s", line);
}

/* What was read late may be newer than the evidence says. */
static int say_growth(struct run *run, struct error *err)
{
	AUTO(reader_event) struct reader_event head = {0};

	if (!(run->report->flags & REPORT_LIFE))
		return 0;
	if (reader_head(run->ctl->reader, &head, err) < 0)
		return -1;
	if (head.seq != run->evidence.head_seq)
		ctl_say("the audit grew to row %" PRId64
			" meanwhile: what was read late may be newer than its head",
			head.seq);
	return 0;
}

static int print(struct run *run, bool to_file)
{
	const struct report *report = run->report;
	struct ctl *ctl = run->ctl;
	struct error err = ERROR_NULL;
	int rc = 0;

	if (run->html)
		return report_html(ctl, &(struct report_html){.report = report->source,
						.since = run->select.selector.since,
						.until = run->select.selector.until,
						.limit = run->limit,
						.out = &ctl->out});
	print_head(run);
	/* A file of CSV is one table. */
	if (report->source == READER_REPORT_OUTSTANDING && ctl->out.format != OUT_CSV)
		rc = print_rows(run, "buckets", READER_REPORT_BUCKETS,
			&report_list_buckets, &err);
	if (rc == 0)
		rc = print_rows(run, "rows", report->source, &report->list, &err);
	if (rc < 0)
		return ctl_fail(CTL_NO, "%s", err.text);
	ctl_end_list(ctl, report->rows, run->more);
	print_evidence(run, to_file);
	if (say_growth(run, &err) < 0)
		return ctl_fail(CTL_NO, "%s", err.text);
	return CTL_OK;
}

/* Prints into a file instead, which comes into its place when it is whole. */
static int print_file(struct run *run, const char *path)
{
	AUTO(report_file) struct report_file file = REPORT_FILE_NULL;
	struct ctl *ctl = run->ctl;
	struct error err = ERROR_NULL;
	int status;

	if (report_file_open(path, &file, &err) < 0)
		return ctl_fail(
			errno == EACCES ? CTL_PERMISSION : CTL_NO, "%s", err.text);
	out_init(&ctl->out, file.fd, ctl->out.format, false);
	ctl->out.name = path;
	status = print(run, true);
	if (out_close(&ctl->out, &err) < 0 && status == CTL_OK)
		status = ctl_fail(CTL_NO, "%s", err.text);
	if (status == CTL_OK && report_file_keep(&file, &err) < 0)
		status = ctl_fail(CTL_NO, "%s", err.text);
	out_init(&ctl->out, STDOUT_FILENO, OUT_TABLE, false);
	if (status == CTL_OK && run->said)
		out_printf(&ctl->out, "%s\n", run->said);
	return status;
}

int cmd_report(struct ctl *ctl)
{
	AUTO(run) struct run run = {.ctl = ctl};
	const char *path = args_get(ctl->args, OPT_OUTPUT);
	int status = read_options(&run);

	if (status == CTL_OK)
		status = ctl_open_audit(ctl);
	if (status)
		return status;
	return path && strcmp(path, "-") != 0 ? print_file(&run, path)
					      : print(&run, false);
}
