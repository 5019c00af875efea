/*
 * The one way to print rows: an aligned table for people, --json and --csv for programs.
 *
 * A record is any struct; a list of columns says what of it is printed and where it
 * stands in the struct. All texts come from other people: tables and CSV show control,
 * escape and bidirectional characters written out, JSON escapes them, and CSV cells that
 * a spreadsheet would run as a formula get a ' in front.
 *
 * Writing errors are remembered, nothing more is written after the first, and out_close()
 * tells. A reader that went away (EPIPE: `| head`) is one too: what was not read to its
 * end is no success, but there is nobody to tell why.
 */
#pragma once

#include "base/buf.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum out_format { OUT_TABLE, OUT_JSON, OUT_CSV };

enum out_kind {
	OUT_INT,    /* int64_t; OUT_NONE = not there */
	OUT_TEXT,   /* char *; NULL = not there */
	OUT_DOC,    /* char * that holds JSON; NULL = not there */
	OUT_STATED, /* as OUT_TEXT, what somebody said of himself: tables and CSV head it
		       "requested by (as stated)" where it is named requested_by */
};

#define OUT_NONE INT64_MIN

struct out_column {
	const char *name;
	enum out_kind kind;
	size_t offset; /* in the record */
};

struct out_list {
	const struct out_column *columns; /* borrowed; what JSON and CSV have, in order */
	int n;
	const char *
		shown; /* blank-separated names: what a table has, in order; NULL = all */
};

struct out {
	int fd;           /* borrowed */
	const char *name; /* borrowed: what it is called where writing fails */
	enum out_format format;
	bool terminal;      /* long cells are cut */
	bool colour;        /* words that say how something stands are painted */
	bool cut;           /* some were */
	int errnum;         /* of the first write that failed; 0 = none */
	struct buf pending; /* not yet written; wiped, as it may hold secrets */
	/* The list that is being printed: */
	const struct out_list *list;
	const struct out_column **shown; /* owned: the table's columns */
	int n_shown;
	struct buf
		*cells; /* owned: n_shown a row, escaped, until their widths are known */
	size_t n_rows;  /* in cells */
	int64_t n_printed; /* of the list */
	int *widths;       /* owned: of shown; NULL before the first rows went out */
	bool quiet;        /* CSV: a list inside an object is left out */
};

/* Begins writing to fd. Ends with out_close(). */
void out_init(struct out *out, int fd, enum out_format format, bool terminal);

/* Writes what is pending and frees everything. 0, or < 0 where something could not be
 * written; err is left alone where that is because the reader went away. Idempotent. */
int out_close(struct out *out, struct error *err);

/* Whether writing failed, so that there is no point in going on. */
bool out_broken(const struct out *out);

/* Printf-style text as it is: for lines that the program words itself. Texts of other
 * people go through text_escape() first. */
void out_printf(struct out *out, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Writes what is pending now: for output that somebody waits for. */
void out_flush(struct out *out);

/* Writes what is pending where that has grown large: for who appends to it himself. */
void out_settle(struct out *out);

/* A list of records: begin, any number of rows, end. The list is borrowed until its end,
 * a record for the call. */
void out_list_begin(struct out *out, const struct out_list *list);
void out_row(struct out *out, const void *record);
void out_list_end(struct out *out);

/* Shows the rows so far, for a list that goes on for long. */
void out_list_flush(struct out *out);

/* One record, each of its fields on a line of its own (a table leaves out those that are
 * not there); then any number of lists inside it, each with a name; then its end. Lists
 * inside are left out of CSV. */
void out_object_begin(struct out *out, const struct out_list *list, const void *record);
void out_object_list(struct out *out, const char *name, const struct out_list *list);
void out_object_end(struct out *out);

/* One more record inside the object, under a name; in JSON alone. */
void out_object_record(struct out *out, const char *name, const struct out_list *list,
	const void *record);
