/* report summary as HTML: figures, days, what is outstanding, what failed. */
#include "ctl/report_html_internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* What the lines of the report say, by their part and name. */
struct figure {
	int64_t creates, revokes, total;
};

struct figures {
	struct figure accepted, succeeded, failed, cancelled, lapsed, rejected;
	struct figure unknown;
	struct figure live;
	struct figure queued, running;
	char **stops; /* owned: what holds or pauses sending */
	int n_stops;
	int64_t n_lines;
};

static void figures_cleanup(struct figures *figures)
{
	for (int i = 0; i < figures->n_stops; i++)
		free(figures->stops[i]);
	free(figures->stops);
}

static struct figure *find_figure(
	struct figures *figures, const struct report_summary *line)
{
	const struct {
		const char *part, *what;
		struct figure *figure;
	} known[] = {
		{"jobs", "accepted", &figures->accepted},
		{"jobs", "succeeded", &figures->succeeded},
		{"jobs", "failed", &figures->failed},
		{"jobs", "cancelled", &figures->cancelled},
		{"jobs", "lapsed", &figures->lapsed},
		{"jobs", "rejected", &figures->rejected},
		{"effects", "unknown", &figures->unknown},
		{"tokens now", "may be live", &figures->live},
		{"jobs now", "queued", &figures->queued},
		{"jobs now", "running", &figures->running},
	};

	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (line->what && line->part && !strcmp(line->part, known[i].part) &&
			!strcmp(line->what, known[i].what))
			return known[i].figure;
	return NULL;
}

static int64_t or_zero(int64_t value)
{
	return value == READER_NONE ? 0 : value;
}

static void add_stop(struct figures *figures, const struct report_summary *line)
{
	figures->stops =
		xrealloc(figures->stops, (size_t)(figures->n_stops + 1) * sizeof(char *));
	figures->stops[figures->n_stops++] = xasprintf("Sending is %s %s.",
		line->what ? line->what : "", line->note ? line->note : "");
}

static int on_line(void *userdata, const void *row, struct error *err)
{
	struct figures *figures = userdata;
	const struct report_summary *line = row;
	struct figure *figure = find_figure(figures, line);

	(void)err;
	figures->n_lines++;
	if (figure)
		*figure = (struct figure){or_zero(line->creates), or_zero(line->revokes),
			or_zero(line->total)};
	if (line->part && !strcmp(line->part, "sending now"))
		add_stop(figures, line);
	return 0;
}

/* Part of a whole, never rounded up to all of it. */
static char *share_text(int64_t part, int64_t whole, const char *of)
{
	int64_t permille = whole ? part * 1000 / whole : 0;

	return whole ? xasprintf("%" PRId64 ".%" PRId64 " %% of %s", permille / 10,
			       permille % 10, of)
		     : NULL;
}

static char *kinds_text(const struct figure *figure)
{
	AUTO(buf) struct buf text = BUF_NULL;

	html_put_count(&text, figure->creates);
	buf_puts(&text, figure->creates == 1 ? " create, " : " creates, ");
	html_put_count(&text, figure->revokes);
	buf_puts(&text, figure->revokes == 1 ? " revoke" : " revokes");
	return xstrdup(buf_str(&text));
}

static void put_cards(struct report_page *page, const struct figures *figures)
{
	const int64_t ended = figures->succeeded.total + figures->failed.total +
			      figures->cancelled.total + figures->lapsed.total;
	const int64_t open = figures->queued.total + figures->running.total;
	AUTO(free_ptr) char *kinds = kinds_text(&figures->accepted);
	AUTO(free_ptr)
	char *good = share_text(figures->succeeded.total, ended, "those that ended");
	AUTO(free_ptr)
	char *bad = share_text(figures->failed.total, ended, "those that ended");
	const struct html_card cards[] = {
		{"Jobs accepted", figures->accepted.total, NULL, kinds, HTML_PLAIN},
		{"Succeeded", figures->succeeded.total, NULL, good, HTML_GOOD},
		{"Failed", figures->failed.total, NULL, bad,
			figures->failed.total ? HTML_BAD : HTML_PLAIN},
		{"Requests of unknown effect", figures->unknown.total, NULL,
			figures->unknown.total ? "report unknown lists them" : NULL,
			figures->unknown.total ? HTML_DOUBT : HTML_PLAIN},
		{"Tokens that may be live", figures->live.total, NULL, "now",
			figures->live.total ? HTML_DOUBT : HTML_PLAIN},
		{"Jobs waiting or running", open, NULL, "now", HTML_PLAIN},
	};

	html_cards(&page->html, cards, ARRAY_LEN(cards));
	for (int i = 0; i < figures->n_stops; i++)
		html_note(&page->html, HTML_BAD, figures->stops[i]);
}

/* ---- days ---- */

static int on_day(void *userdata, const void *row, struct error *err)
{
	const struct report_daily *day = row;
	int64_t *values = report_html_day(userdata, day->day);
	const int64_t counts[] = {day->created, day->revoked, day->failed, day->cancelled,
		day->lapsed, day->rejected};

	(void)err;
	for (size_t i = 0; values && i < ARRAY_LEN(counts); i++)
		values[i] += or_zero(counts[i]);
	return 0;
}

static int put_volume(struct report_page *page, struct error *err)
{
	static const struct html_series series[] = {
		{"created", HTML_GOOD},
		{"revoked", HTML_FIRST},
		{"failed", HTML_BAD},
		{"cancelled", HTML_CALM},
		{"lapsed", HTML_DOUBT},
		{"rejected", HTML_SECOND},
	};
	AUTO(report_html_days)
	struct report_html_days days = {.days = {.title = "Jobs by outcome",
						.series = series,
						.n_series = ARRAY_LEN(series),
						.empty = "No job ended."}};
	int rc = report_html_walk(page, READER_REPORT_DAILY, on_day, &days, err);

	report_html_spread(&days, page->ask);
	html_bars(&page->html, &days.days);
	return rc;
}

/* The days of one action. */
struct latency {
	struct report_html_days days;
	const char *action;
};

static int on_latency(void *userdata, const void *row, struct error *err)
{
	struct latency *latency = userdata;
	const struct report_latency *day = row;
	int64_t *values;

	(void)err;
	if (!day->action || strcmp(day->action, latency->action) != 0)
		return 0;
	values = report_html_day(&latency->days, day->day);
	if (values) {
		values[0] = day->p50_ms;
		values[1] = day->p95_ms;
		values[2] = day->p99_ms;
	}
	return 0;
}

static int put_latency(struct report_page *page, const char *action, const char *title,
	struct error *err)
{
	static const struct html_series series[] = {
		{"half took at most (p50)", HTML_GOOD},
		{"95 of 100 (p95)", HTML_DOUBT},
		{"99 of 100 (p99)", HTML_BAD},
	};
	struct latency latency = {.action = action,
		.days = {.missing = HTML_NONE,
			.days = {.title = title,
				.series = series,
				.n_series = ARRAY_LEN(series),
				.empty = "No request was measured."}}};
	int rc = report_html_walk(page, READER_REPORT_LATENCY, on_latency, &latency, err);

	report_html_spread(&latency.days, page->ask);
	html_lines(&page->html, &latency.days.days);
	report_html_days_deinit(&latency.days);
	return rc;
}

/* ---- tables ---- */

static int put_failures(struct report_page *page, struct error *err)
{
	static const struct html_column columns[] = {
		{"Result", HTML_WORD, offsetof(struct report_failures, result), NULL},
		{"Action", HTML_WORD, offsetof(struct report_failures, action), NULL},
		{"HTTP", HTML_ID, offsetof(struct report_failures, http_status), NULL},
		{"Error", HTML_CODE, offsetof(struct report_failures, error_code), NULL},
		{"Jobs", HTML_COUNT, offsetof(struct report_failures, jobs), NULL},
		{"Last (UTC)", HTML_TIME, offsetof(struct report_failures, last_at),
			NULL},
		{"That job", HTML_ID, offsetof(struct report_failures, example_job),
			NULL},
		{"Its error", HTML_PROSE, offsetof(struct report_failures, error_message),
			NULL},
		{"Meaning", HTML_PROSE, offsetof(struct report_failures, meaning), NULL},
	};
	static const struct html_table table = {"Jobs that failed and are still failed",
		columns, ARRAY_LEN(columns), "No job is failed."};

	return report_html_table(page, READER_REPORT_FAILURES, &table, 0, err);
}

static int put_lines(struct report_page *page, int64_t n_lines, struct error *err)
{
	static const struct html_column columns[] = {
		{"Part", HTML_WORD, offsetof(struct report_summary, part), NULL},
		{"What", HTML_TEXT, offsetof(struct report_summary, what), NULL},
		{"Creates", HTML_COUNT, offsetof(struct report_summary, creates), NULL},
		{"Revokes", HTML_COUNT, offsetof(struct report_summary, revokes), NULL},
		{"Total", HTML_COUNT, offsetof(struct report_summary, total), NULL},
		{"Note", HTML_PROSE, offsetof(struct report_summary, note), NULL},
	};
	static const struct html_table table = {"What was counted in the period, and now",
		columns, ARRAY_LEN(columns), "Nothing was counted."};

	return report_html_table(page, READER_REPORT_SUMMARY, &table, n_lines, err);
}

int report_html_summary(struct report_page *page, struct error *err)
{
	AUTO(figures) struct figures figures = {0};

	if (report_html_walk(page, READER_REPORT_SUMMARY, on_line, &figures, err) < 0)
		return -1;
	html_section(&page->html, "At a glance", false);
	put_cards(page, &figures);
	html_section(&page->html, "Day by day", false);
	if (put_volume(page, err) < 0 ||
		put_latency(page, "create", "Time that creates took", err) < 0 ||
		put_latency(page, "revoke", "Time that revokes took", err) < 0)
		return -1;
	html_section(&page->html, "Outstanding tokens", false);
	if (report_html_shares(page, err) < 0)
		return -1;
	html_section(&page->html, "Failures", false);
	if (put_failures(page, err) < 0)
		return -1;
	html_section(&page->html, "All figures", false);
	return put_lines(page, figures.n_lines, err);
}
