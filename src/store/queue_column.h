/* One column of a stranger's row after the other, by a table: read into a field where it
 * holds, a sentence about the first that does not, and the whole row as JSON. */
#pragma once

#include "base/buf.h"

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define QUEUE_COLUMN_MAX  15       /* columns of a table */
#define QUEUE_COLUMN_SKIP SIZE_MAX /* an offset: checked, kept in no field */

enum queue_column_kind {
	QUEUE_COLUMN_CLERK_ID,  /* field: char * */
	QUEUE_COLUMN_TEXT,      /* char *, of min to max bytes */
	QUEUE_COLUMN_REASON,    /* the same, newline and tab allowed */
	QUEUE_COLUMN_TIME,      /* int64_t, milliseconds since 1970, at least 1 */
	QUEUE_COLUMN_TIME_TEXT, /* char *, a time as it stands there */
	QUEUE_COLUMN_INTEGER,   /* int64_t, min to max */
	QUEUE_COLUMN_WORD       /* int, one of parse() */
};

struct queue_column {
	const char *name;
	enum queue_column_kind kind;
	const char *expected; /* "…; it must be <expected>" */
	bool needed;
	size_t offset; /* of its field in the target */
	int64_t min, max;
	int (*parse)(const char *word); /* -1 = no such word */
};

/* A row while it is checked. */
struct queue_check {
	sqlite3_stmt *stmt;                 /* borrowed, like the next two */
	const struct queue_column *columns; /* n, in the order of stmt's */
	struct buf *detail;                 /* the JSON */
	int n;
	char *fault;  /* owned: the first one found, NULL = none */
	size_t bytes; /* of all values */
	int types[QUEUE_COLUMN_MAX];
};

/* Reads all columns into target, whose fields keep what they have where a column is NULL
 * or does not hold, and writes the detail. Texts are new strings. */
void queue_column_read(struct queue_check *check, void *target);

/* Writes the detail of a row of which only its first column and the storage classes of
 * the others stand in stmt. */
void queue_column_read_types(struct queue_check *check);

/* Whether the column is NULL. */
static inline bool queue_column_is_null(const struct queue_check *check, int column)
{
	return check->types[column] == SQLITE_NULL;
}

/* Sets the fault, if none is set yet. */
void queue_column_fault(struct queue_check *check, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
