/*
 * A report as a document: its head, its evidence, and what its parts share.
 *
 * All of it stands for one moment, so it is read in one snapshot; during that the
 * daemon's log cannot be cut. Whoever reads the document may be slow (a pipe to another
 * machine), so that it goes to a file first where it does not go to one anyway.
 */
#include "ctl/report_html_internal.h"

#include "ctl/report.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define MANY_ROWS 20000

static const struct {
	const char *title;
	const char *lead;
	int (*write)(struct report_page *page, struct error *err);
} reports[READER_REPORT__MAX] = {
	[READER_REPORT_SUMMARY] = {"Summary",
		"Sign-in tokens created and revoked: what was asked for, what came of "
		"it, "
		"and how things stand.",
		report_html_summary},
	[READER_REPORT_TOKENS] = {"Register of sign-in tokens",
		"Every token that Clerk named: who asked for it, why, when, and what "
		"became "
		"of it. No secrets.",
		report_html_tokens},
	[READER_REPORT_UNKNOWN] = {"Requests of unknown effect",
		"Each request whose answer never came or could not be used: Clerk may "
		"have "
		"acted on it.",
		report_html_unknown},
	[READER_REPORT_OUTSTANDING] = {"Outstanding sign-in tokens",
		"The tokens that may be live: not known to be used, revoked or expired.",
		report_html_outstanding},
};

bool report_html_can(enum reader_report report)
{
	return reports[report].write != NULL;
}

int report_html_walk(struct report_page *page, enum reader_report which,
	int (*fn)(void *userdata, const void *row, struct error *err), void *userdata,
	struct error *err)
{
	const struct reader_report_ask ask = {.report = which,
		.since = page->ask->since,
		.until = page->ask->until,
		.fn = fn,
		.userdata = userdata};

	return reader_report(page->reader, &ask, &page->evidence, err);
}

/* A table that is being filled. */
struct filling {
	struct report_page *page;
	int64_t limit; /* 0 = none */
};

static int on_row(void *userdata, const void *row, struct error *err)
{
	struct filling *filling = userdata;
	struct html *html = &filling->page->html;

	(void)err;
	if (filling->limit && html->n_rows == filling->limit)
		return 1;
	html_row(html, row);
	return out_broken(html->out);
}

int report_html_table(struct report_page *page, enum reader_report which,
	const struct html_table *table, int64_t n_rows, struct error *err)
{
	struct filling filling = {
		page, which == page->ask->report ? page->ask->limit : 0};
	AUTO(buf) struct buf note = BUF_NULL;
	int rc;

	html_table_begin(&page->html, table);
	rc = report_html_walk(page, which, on_row, &filling, err);
	if (filling.limit && n_rows > filling.limit) {
		buf_puts(&note, "Cut: the first ");
		html_put_count(&note, filling.limit);
		buf_puts(&note, " of ");
		html_put_count(&note, n_rows);
		buf_puts(&note,
			" rows. --limit 0 prints all of them, --since and --until "
			"those of a period; --format csv has every column too.");
		page->n_left_out = n_rows - filling.limit;
	}
	page->n_rows =
		page->html.n_rows > page->n_rows ? page->html.n_rows : page->n_rows;
	html_table_end(&page->html, note.len ? buf_str(&note) : NULL);
	return rc;
}

enum html_tone report_html_life(const char *life)
{
	switch (*life) {
	case 'm': /* may be live */
		return HTML_DOUBT;
	case 'u': /* used */
		return HTML_FIRST;
	case 'r': /* revoked */
		return HTML_GOOD;
	default:
		return HTML_CALM;
	}
}

/* The evidence as report.h has it, of what was read so far. */
static struct report_evidence evidence_of(const struct report_page *page)
{
	const struct reader_report_ask ask = {
		.since = page->ask->since, .until = page->ask->until};
	struct report_evidence evidence;

	report_evidence_init(&evidence, &page->evidence, &ask);
	return evidence;
}

static void begin(struct report_page *page, struct out *out, const char *state_directory)
{
	AUTO(report_evidence) struct report_evidence evidence = evidence_of(page);
	AUTO(free_ptr) char *period = report_evidence_period(&evidence);
	AUTO(free_ptr) char *as_of = xasprintf("%.19s UTC", evidence.at);
	const struct html_pair facts[] = {
		{"Period", period}, {"As of", as_of}, {"Made from", state_directory}};

	html_begin(&page->html, out,
		&(struct html_head){reports[page->ask->report].title,
			reports[page->ask->report].lead, facts, ARRAY_LEN(facts)});
}

static void end(struct report_page *page)
{
	AUTO(report_evidence) struct report_evidence evidence = evidence_of(page);
	AUTO(free_ptr) char *period = report_evidence_period(&evidence);
	AUTO(free_ptr)
	char *made = xasprintf("%.19s UTC by %s", evidence.at, evidence.version);
	AUTO(free_ptr) char *rows = NULL;
	AUTO(free_ptr) char *check = NULL;
	struct html_pair pairs[5];
	int n = 0;

	rows = evidence.seq_from == OUT_NONE
		       ? xstrdup("none")
		       : xasprintf("%" PRId64 " to %" PRId64, evidence.seq_from,
				 evidence.seq_to);
	pairs[n++] = (struct html_pair){"Period", period};
	pairs[n++] = (struct html_pair){"Rows of the audit", rows};
	pairs[n++] = (struct html_pair){
		"Head of the audit", evidence.head ? evidence.head : "no row yet"};
	pairs[n++] = (struct html_pair){"Made", made};
	if (evidence.head) {
		check = xasprintf("clerk-tokenctl verify --checkpoint %s", evidence.head);
		pairs[n++] = (struct html_pair){"To check", check};
	}
	html_end(&page->html, pairs, n);
}

static int write_document(
	struct ctl *ctl, struct report_page *page, struct out *out, struct error *err)
{
	int rc;

	if (reader_snapshot(ctl->reader, err) < 0)
		return -1;
	begin(page, out, ctl->config->state_directory);
	rc = reports[page->ask->report].write(page, err);
	if (rc == 0)
		end(page); /* without it nobody takes it for whole */
	reader_release(ctl->reader);
	return rc;
}

static bool is_file(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
}

/* Copies what was written to the file to where it was meant for. */
static int copy(FILE *file, struct out *out, struct error *err)
{
	char bytes[65536];
	off_t at = 0;
	ssize_t n;

	while (!out_broken(out) &&
		(n = pread(fileno(file), bytes, sizeof(bytes), at)) != 0) {
		if (n < 0)
			return error_errno(err, errno, "temporary file");
		buf_append(&out->pending, bytes, (size_t)n);
		out_settle(out);
		at += n;
	}
	return 0;
}

/* The document to a file of its own, which goes on once nothing is held up any more. */
static int write_aside(struct ctl *ctl, struct report_page *page, struct error *err)
{
	FILE *file = tmpfile();
	struct error second = ERROR_NULL;
	struct out out;
	int rc;

	if (!file)
		return error_errno(err, errno, "temporary file");
	out_init(&out, fileno(file), OUT_TABLE, false);
	out.name = "temporary file";
	rc = write_document(ctl, page, &out, err);
	if (out_close(&out, rc < 0 ? &second : err) < 0)
		rc = -1;
	if (rc == 0)
		rc = copy(file, page->ask->out, err);
	(void)fclose(file);
	return rc;
}

int report_html(struct ctl *ctl, const struct report_html *ask)
{
	struct report_page page = {.ask = ask, .now_ms = clock_now().wall_ms};
	struct error err = ERROR_NULL;
	int rc, status = ctl_open_audit(ctl);

	if (status)
		return status;
	page.reader = ctl->reader;
	rc = is_file(ask->out->fd) ? write_document(ctl, &page, ask->out, &err)
				   : write_aside(ctl, &page, &err);
	if (rc < 0)
		return ctl_fail(CTL_NO, "%s", err.text);
	if (page.n_left_out)
		ctl_say("%" PRId64 " rows were left out (--limit 0 prints all)",
			page.n_left_out);
	if (page.n_rows > MANY_ROWS)
		ctl_say("%" PRId64
			" rows: a browser takes its time to show them; --since, "
			"--until and --limit make it fewer",
			page.n_rows);
	return CTL_OK;
}
