/* Rows to be submitted: what a file or the command line asks for, checked. */
#pragma once

#include "base/error.h"
#include "store/reader_queue.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The columns that a row may have; the texts owned, NULL = not given. */
struct row {
	int64_t line; /* in the file; 0 = of the command line */
	char *user_id;
	char *org_id;
	int64_t expires_in_seconds; /* 0 = not given */
	char *sign_in_token_id;
	char *batch;
	int64_t priority; /* READER_NO_PRIORITY = not given */
	char *not_before;
	char *not_after;
	char *idempotency_key;
	char *reference;
	char *requested_by;
	char *reason;
	int64_t job_id;   /* once submitted */
	int64_t repeated; /* 1: the key had been submitted before */
	size_t twin; /* the key stands in an earlier row too: its index + 1; 0 = no */
};

struct rows {
	const char *action; /* borrowed: create or revoke, the same for all */
	const char *source; /* borrowed: the file's name for messages; NULL = none */
	struct row *rows;   /* owned */
	size_t n, cap;
};

/* Frees. Idempotent. */
void rows_deinit(struct rows *rows);

/* Adds an empty row; it stays where it is until the next one is added. */
struct row *rows_add(struct rows *rows, int64_t line);

/* Sets a column by its name from a text, "" = not given. Fails where there is no such
 * column for the action, or the text does not hold; err names the column. */
int rows_set(const struct rows *rows, struct row *row, const char *column,
	const char *text, struct error *err);

/* Whether there is such a column for the action; where not, err says so and what was
 * meant. 0 or < 0. */
int rows_check_column(const struct rows *rows, const char *column, struct error *err);

/* The column that a row of the action must have, static; whether a column is a Clerk id.
 */
const char *rows_id_column(const struct rows *rows);
bool rows_is_id(const struct rows *rows, const char *column);

/* Fails where a row lacks what its action needs. */
int rows_check(const struct rows *rows, const struct row *row, struct error *err);

/* Fills the columns that a row does not have from another one. */
void rows_fill(struct row *row, const struct row *defaults);

/* The first column in which two rows ask for something else, static; NULL = in none. */
const char *rows_differ(const struct row *a, const struct row *b);

/* Whether the row's job may use the urgent share of the rate window. */
bool rows_is_urgent(const struct rows *rows, const struct row *row);

/* The request that a row is; borrows its texts. */
void rows_request(const struct rows *rows, const struct row *row,
	struct reader_request *ret_request);

static inline void rows_cleanup(struct rows *rows)
{
	rows_deinit(rows);
}
