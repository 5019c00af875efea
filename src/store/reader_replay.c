#include "store/reader_replay.h"

#include "base/mem.h"
#include "store/ledger.h"
#include "store/reader_internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void reader_cells_deinit(struct reader_cells *cells)
{
	for (int i = 0; i < cells->n; i++) {
		free(cells->names[i]);
		free(cells->values[i]);
	}
	cells->n = 0;
}

const char *reader_cell(const struct reader_cells *cells, const char *name)
{
	int i = 0;

	while (i < cells->n && strcmp(cells->names[i], name) != 0)
		i++;
	assert(i < cells->n); /* it is a column of the statement */
	return cells->values[i];
}

const char *reader_cell_key(const struct reader_cells *cells, const char *name)
{
	const char *value = reader_cell(cells, name);

	return value ? value : "";
}

int64_t reader_cell_int(const struct reader_cells *cells, const char *name)
{
	const char *value = reader_cell(cells, name);

	return value ? strtoll(value, NULL, 10) : READER_NONE;
}

static void load(sqlite3_stmt *stmt, struct reader_cells *ret_cells)
{
	ret_cells->n = sqlite3_column_count(stmt);
	assert(ret_cells->n <= READER_CELLS);
	for (int i = 0; i < ret_cells->n; i++) {
		ret_cells->names[i] = xstrdup(sqlite3_column_name(stmt, i));
		ret_cells->values[i] = sql_dup(stmt, i);
	}
}

int reader_replay_command(struct reader *reader, int64_t id,
	struct reader_cells *ret_cells, struct error *err)
{
	AUTO(sql_reset) sqlite3_stmt *stmt = reader_stmt(reader, RQ_replay_command);
	int rc;

	sql_bind(stmt, "i", id);
	rc = sql_step(stmt, err);
	if (rc < 0)
		return -1;
	if (rc == 0)
		return READER_E_NONE;
	load(stmt, ret_cells);
	return 0;
}

int reader_replay_rows(struct reader *reader, enum reader_replay_rows which,
	int (*fn)(void *userdata, const struct reader_cells *cells, struct error *err),
	void *userdata, struct error *err)
{
	static const enum reader_query queries[READER_ROWS__MAX] = {
		[READER_RUNNING] = RQ_replay_running,
		[READER_BATCHES] = RQ_replay_batches,
		[READER_PAUSES] = RQ_replay_pauses,
		[READER_HOLDS] = RQ_replay_holds,
		[READER_PROGRESS] = RQ_replay_progress,
		[READER_DAYS] = RQ_replay_daily,
		[READER_COMMAND_EXTRA] = RQ_replay_command_extra,
		[READER_PURGED_EXTRA] = RQ_replay_purged_extra,
	};
	AUTO(sql_reset) sqlite3_stmt *stmt = reader_stmt(reader, queries[which]);
	int rc;

	while ((rc = sql_step(stmt, err)) == SQL_ROW) {
		AUTO(reader_cells) struct reader_cells cells = {0};

		load(stmt, &cells);
		rc = fn(userdata, &cells, err);
		if (rc)
			return rc;
	}
	return rc;
}

int reader_replay_waits(struct reader *reader, const char *batch, const char *action,
	struct reader_waits *ret_waits, struct error *err)
{
	AUTO(sql_reset) sqlite3_stmt *stmt = reader_stmt(reader, RQ_replay_job_pauses);

	sql_bind(stmt, "tit", batch, LEDGER_REST_IDS, action);
	if (sql_step(stmt, err) < 0)
		return -1;
	ret_waits->paused = sqlite3_column_int(stmt, 0);
	ret_waits->held_back = sqlite3_column_int(stmt, 1);
	ret_waits->moving = sqlite3_column_int(stmt, 2);
	return 0;
}

int reader_check_schema(
	const char *path, struct schema_fault *ret_fault, struct error *err)
{
	sqlite3 *db = NULL;
	int rc = db_open_readonly(path, &db_audit, &db, err);

	if (rc == DB_E_MISSING)
		return READER_E_MISSING;
	if (rc == DB_E_PERMISSION)
		return READER_E_PERMISSION;
	if (rc < 0)
		return -1;
	rc = schema_check(db, &db_audit, reader_text(RQ_schema_list), ret_fault, err);
	db_close(db);
	return rc;
}

int reader_check_pages(struct reader *reader, char **ret_text, struct error *err)
{
	return schema_check_pages(reader->db, ret_text, err);
}
