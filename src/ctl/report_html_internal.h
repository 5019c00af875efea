/* What the files of the HTML reports share. Nobody else includes it. */
#pragma once

#include "ctl/html.h"
#include "ctl/report_html.h"

/* A report while it is written. */
struct report_page {
	const struct report_html *ask; /* borrowed */
	struct reader *reader;         /* borrowed; holds a snapshot */
	struct html html;
	struct reader_evidence evidence;
	int64_t now_ms;
	int64_t n_rows;     /* of its table */
	int64_t n_left_out; /* those that the limit kept out of it */
};

/* Each writes the sections of one report. 0 or < 0. */
int report_html_summary(struct report_page *page, struct error *err);
int report_html_tokens(struct report_page *page, struct error *err);
int report_html_unknown(struct report_page *page, struct error *err);
int report_html_outstanding(struct report_page *page, struct error *err);

/* Lends fn each row of a report of the period. 0 or < 0. */
int report_html_walk(struct report_page *page, enum reader_report which,
	int (*fn)(void *userdata, const void *row, struct error *err), void *userdata,
	struct error *err);

/* Writes a table of the rows of a report, at most as many as the limit allows where the
 * report is the one that was asked for, and says what was left out. n_rows: how many
 * there are. 0 or < 0. */
int report_html_table(struct report_page *page, enum reader_report which,
	const struct html_table *table, int64_t n_rows, struct error *err);

/* The two tables of what may be live, by age and by expiry. 0 or < 0. */
int report_html_shares(struct report_page *page, struct error *err);

/* Figures a day while they are collected: as many values as there are series. */
struct report_html_days {
	struct html_days days; /* values owned */
	int64_t missing;       /* what a day without a row has: 0, HTML_NONE */
	int n_rows, cap;
	int64_t *row_days; /* owned: the day of each row, rising */
	int64_t *rows;     /* owned */
};

/* Appends a row of the day "YYYY-MM-DD" (or of the time that begins with one) that has no
 * values yet, or finds it where it was appended last: its values. NULL where the text is
 * no day. */
int64_t *report_html_day(struct report_html_days *days, const char *day);

/* Spreads the rows over the days of the period into days->days. */
void report_html_spread(struct report_html_days *days, const struct report_html *ask);

/* Frees. Idempotent. */
void report_html_days_deinit(struct report_html_days *days);

static inline void report_html_days_cleanup(struct report_html_days *days)
{
	report_html_days_deinit(days);
}

/* What a token's life means. */
enum html_tone report_html_life(const char *life);

#define HTML_STATED "Requested by (as stated)"
