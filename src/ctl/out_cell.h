/* One value of a record as a cell: escaped for a table, for JSON, for CSV. For out.c. */
#pragma once

#include "base/buf.h"
#include "ctl/out.h"

#include <stdbool.h>

#define OUT_CELL_CUT 48 /* terminal columns that a cell of a table has at most */

/* Whether there is a value. */
bool out_cell_is_set(const struct out_column *column, const void *record);

/* What tables and CSV head the column with, a new string. */
char *out_cell_title(const struct out_column *column);

/* Appends it as a table shows it, "-" where there is none. Returns whether it was cut,
 * which happens only where asked for. */
bool out_cell_table(struct buf *out, const struct out_column *column, const void *record,
	bool may_cut);

/* Appends every column of the list as `"name": value`, with ", " between. */
void out_cell_json_fields(
	struct buf *out, const struct out_list *list, const void *record);

/* Appends it as a CSV cell (RFC 4180), nothing where there is no value. */
void out_cell_csv(struct buf *out, const struct out_column *column, const void *record);

/* Appends text as a JSON string, quotation marks included; bytes that are no UTF-8 become
 * U+FFFD. */
void out_cell_json_text(struct buf *out, const char *text);
