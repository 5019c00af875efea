/*
 * A report as one HTML file: written piece by piece, so that a table may be as long as it
 * likes; without scripts and without anything from elsewhere, so that it can be mailed,
 * archived and opened anywhere. Every text that is handed in may be other people's: it is
 * escaped, and what would act on a reader's eyes is written out as on a terminal. The
 * file is well-formed XML too, so that programs can read it.
 *
 *     begin, { section, { cards | note | chart | table } }, end
 *
 * Texts and tables of columns are borrowed for the call, those of html_table_begin()
 * until its end.
 */
#pragma once

#include "base/buf.h"
#include "ctl/out.h"

#include <stddef.h>
#include <stdint.h>

#define HTML_NONE OUT_NONE /* an integer that is not there */

/* What a number or a word means; it decides the colour, and never alone says it. */
enum html_tone {
	HTML_PLAIN,
	HTML_GOOD,
	HTML_BAD,
	HTML_DOUBT,
	HTML_CALM,
	HTML_FIRST, /* no meaning, only different from the others */
	HTML_SECOND,
	HTML_TONE__MAX
};

struct html_pair {
	const char *name;
	const char *value;
};

struct html {
	struct out *out; /* borrowed */
	int n_ids;       /* for names inside the document */
	bool in_section;
	const struct html_table *table; /* borrowed; the one that is being written */
	int64_t n_rows;
};

/* Begins the document: what it is called, what it shows in a sentence, and the facts
 * about it (period, selection, source). */
struct html_head {
	const char *title;
	const char *lead;
	const struct html_pair *facts;
	int n_facts;
};
void html_begin(struct html *html, struct out *out, const struct html_head *head);

/* Ends the document with what proves it. */
void html_end(struct html *html, const struct html_pair *evidence, int n_evidence);

/* Begins a part with a heading of its own. A wide one holds long rows and is printed on
 * pages of its own, turned. */
void html_section(struct html *html, const char *title, bool is_wide);

/* A paragraph; the tone puts a mark in front. */
void html_note(struct html *html, enum html_tone tone, const char *text);

/* The figures that are read first. text, where not NULL, stands instead of the value. */
struct html_card {
	const char *name;
	int64_t value;
	const char *text;
	const char *note; /* below it; NULL = none */
	enum html_tone tone;
};
void html_cards(struct html *html, const struct html_card *cards, int n_cards);

enum html_kind {
	HTML_COUNT, /* int64_t with thousands separators; HTML_NONE = not there */
	HTML_ID,    /* int64_t as it is */
	HTML_AGE,   /* int64_t, seconds as "3 d 4 h" */
	HTML_CODE,  /* char *, an id; NULL = not there, in what follows too */
	HTML_TIME,  /* char *, UTC text as the tables have it */
	HTML_WORD,  /* char *, a short word */
	HTML_TEXT,  /* char *, a name or a mark */
	HTML_PROSE, /* char *, anything up to many lines */
};

struct html_column {
	const char *name;
	enum html_kind kind;
	size_t offset; /* in the record */
	/* of an HTML_WORD: what it means; NULL = nothing */
	enum html_tone (*tone)(const char *word);
};

struct html_table {
	const char *caption;
	const struct html_column *columns;
	int n_columns;
	const char *empty; /* said where there is no row */
};

/* A table: begin, any number of rows, end. The first column heads its row. note, where
 * not NULL, is said below: that rows were left out. */
void html_table_begin(struct html *html, const struct html_table *table);
void html_row(struct html *html, const void *record);
void html_table_end(struct html *html, const char *note);

/* Figures a day: n_days rows of n_series values, from first_day (days since 1970) on. */
struct html_series {
	const char *name;
	enum html_tone tone;
};
struct html_days {
	const char *title; /* "Jobs by outcome": behind it comes "per day" */
	int64_t first_day;
	int n_days;
	const struct html_series *series;
	int n_series;
	const int64_t *values;
	const char *empty; /* said where there is nothing to draw */
};

/* Counts as stacked bars; many days are drawn as weeks or months. */
void html_bars(struct html *html, const struct html_days *days);

/* Milliseconds as lines, on a logarithmic scale where they lie far apart. A value that is
 * HTML_NONE is a gap. */
void html_lines(struct html *html, const struct html_days *days);

/* Counts of a few named groups as bars beside their names. */
struct html_share {
	const char *name;
	int64_t value;
	enum html_tone tone;
};
struct html_shares {
	const char *caption;
	const char *names;  /* heads the groups */
	const char *values; /* heads the counts */
	const struct html_share *shares;
	int n_shares;
	const char *empty;
};
void html_shares(struct html *html, const struct html_shares *shares);

/* Appends text so that it stands for itself between tags and in attributes. */
void html_escape(struct buf *out, const char *text);

/* Appends a number with thousands separators; seconds as their two highest units. */
void html_put_count(struct buf *out, int64_t value);
void html_put_age(struct buf *out, int64_t seconds);
