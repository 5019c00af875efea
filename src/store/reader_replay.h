/*
 * Rows of the tables that follow from the audit, as texts by the names of their columns:
 * what verify holds against the rows of the audit without a struct for each table. And
 * whether the file itself is as the daemon made it.
 */
#pragma once

#include "store/reader.h"
#include "store/schema.h"

#define READER_CELLS 24

/* One row; zeroed it is empty. A value is NULL where the column is. Owned. */
struct reader_cells {
	int n;
	char *names[READER_CELLS];
	char *values[READER_CELLS];
};

/* Frees. Idempotent. */
void reader_cells_deinit(struct reader_cells *cells);

static inline void reader_cells_cleanup(struct reader_cells *cells)
{
	reader_cells_deinit(cells);
}

/* The value of a column that the row has; borrowed, NULL = NULL, which in a damaged file
 * any column may be. As a key: "" for NULL. As a number: READER_NONE for NULL. */
const char *reader_cell(const struct reader_cells *cells, const char *name);
const char *reader_cell_key(const struct reader_cells *cells, const char *name);
int64_t reader_cell_int(const struct reader_cells *cells, const char *name);

/* The command, whole: 0, READER_E_NONE or < 0. The caller cleans *ret_cells up. */
int reader_replay_command(struct reader *reader, int64_t id,
	struct reader_cells *ret_cells, struct error *err);

/* The walks there are: replay_….sql names the columns. */
enum reader_replay_rows {
	READER_RUNNING, /* commands that have not ended */
	READER_BATCHES,
	READER_PAUSES,
	READER_HOLDS,
	READER_PROGRESS,
	READER_DAYS,
	READER_COMMAND_EXTRA, /* an ended command that the audit does not tell of */
	READER_PURGED_EXTRA,  /* a token whose purged_at it does not tell */
	READER_ROWS__MAX
};

/* Lends each row of a walk to fn, until it returns something else than 0, which is then
 * returned; 0 or < 0 otherwise. fn may ask the reader for other things. */
int reader_replay_rows(struct reader *reader, enum reader_replay_rows which,
	int (*fn)(void *userdata, const struct reader_cells *cells, struct error *err),
	void *userdata, struct error *err);

/* What a queued job of a batch waits for now. */
struct reader_waits {
	bool paused;    /* its batch is paused for its action */
	bool held_back; /* the rest of its batch is */
	bool moving;    /* a command is just changing that, job by job */
};
int reader_replay_waits(struct reader *reader, const char *batch, const char *action,
	struct reader_waits *ret_waits, struct error *err);

/* Holds the schema of the audit.db at path against the shipped one; without the
 * statements of a reader, which another schema may not take. 0, READER_E_MISSING,
 * READER_E_PERMISSION or < 0. The caller schema_fault_deinit()s *ret_fault. */
int reader_check_schema(
	const char *path, struct schema_fault *ret_fault, struct error *err);

/* SQLite's own check of the whole file: as schema_check_pages(). */
int reader_check_pages(struct reader *reader, char **ret_text, struct error *err);
