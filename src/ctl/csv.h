/* CSV as RFC 4180 has it, out of memory: quoted cells may hold commas, quotation marks
 * and line breaks. LF alone ends a line too; a byte order mark and empty lines are
 * skipped. */
#pragma once

#include "base/buf.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct csv {
	const char *text; /* borrowed */
	size_t len;
	size_t at;
	int64_t line; /* where the present record begins, 1 … */
	int64_t next_line;
	struct buf *cells; /* owned: of the present record */
	size_t n_cells, cap;
};

/* Begins to read len bytes of text. Ends with csv_deinit(). */
void csv_init(struct csv *csv, const char *text, size_t len);

/* Frees. Idempotent. */
void csv_deinit(struct csv *csv);

/* Reads the next record into csv->cells. 0, CSV_E_END, or < 0: it is no CSV, err says
 * why; reading can go on behind it, at the next line. */
#define CSV_E_END 1
int csv_next(struct csv *csv, struct error *err);

static inline void csv_cleanup(struct csv *csv)
{
	csv_deinit(csv);
}
