/* Opening, transactions, candidates. */
#include "base/mem.h"
#include "store/reader_internal.h"

#include <stdlib.h>
#include <string.h>

static const struct sql_text texts[] = {
#define SQL(stem, text) {#stem, text},
#include "audit_ctl.inc"
#undef SQL
};

const char *reader_text(enum reader_query query)
{
	return texts[query].text;
}

int reader_open(const char *path, struct reader **ret_reader, struct error *err)
{
	sqlite3 *db = NULL;
	struct reader *reader;
	int rc = db_open_readonly(path, &db_audit, &db, err);

	if (rc == DB_E_MISSING)
		return READER_E_MISSING;
	if (rc == DB_E_PERMISSION)
		return READER_E_PERMISSION;
	if (rc < 0)
		return -1;
	reader = xcalloc(1, sizeof(*reader));
	reader->db = db;
	if (sql_prepare(db, texts, RQ__MAX, reader->stmts, err) < 0) {
		reader_free(reader);
		return -1;
	}
	*ret_reader = reader;
	return 0;
}

void reader_free(struct reader *reader)
{
	if (!reader)
		return;
	sql_finalize(reader->stmts, RQ__MAX);
	db_close(reader->db);
	free(reader);
}

bool reader_has_moved(struct reader *reader)
{
	int moved = 0;

	(void)sqlite3_file_control(reader->db, "main", SQLITE_FCNTL_HAS_MOVED, &moved);
	return moved != 0;
}

int reader_begin(struct reader *reader, struct error *err)
{
	return reader->snapshot ? 0 : sql_exec(reader->db, "BEGIN", err);
}

void reader_end(struct reader *reader)
{
	if (reader->snapshot)
		return;
	/* Of a transaction that only read, an end cannot fail in a way that matters. */
	if (!sqlite3_get_autocommit(reader->db))
		(void)sqlite3_exec(reader->db, "ROLLBACK", NULL, NULL, NULL);
}

int reader_snapshot(struct reader *reader, struct error *err)
{
	if (reader_begin(reader, err) < 0)
		return -1;
	reader->snapshot = true;
	return 0;
}

void reader_release(struct reader *reader)
{
	reader->snapshot = false;
	reader_end(reader);
}

void reader_ids_deinit(struct reader_ids *ids)
{
	free(ids->ids);
	*ids = (struct reader_ids){0};
}

void reader_ids_add(struct reader_ids *ids, int64_t id)
{
	if (ids->n == ids->cap) {
		ids->cap = ids->cap ? ids->cap * 2 : READER_PAGE;
		ids->ids = xrealloc(ids->ids, ids->cap * sizeof(*ids->ids));
	}
	ids->ids[ids->n++] = id;
}

int reader_ids_collect(struct reader_ids *ids, sqlite3_stmt *borrowed, struct error *err)
{
	AUTO(sql_reset) sqlite3_stmt *stmt = borrowed;
	int rc;

	while ((rc = sql_step(stmt, err)) == SQL_ROW)
		reader_ids_add(ids, sqlite3_column_int64(stmt, 0));
	return rc;
}

static int ascending(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static int descending_order(const void *a, const void *b)
{
	return ascending(b, a);
}

void reader_ids_sort(struct reader_ids *ids, bool descending)
{
	size_t kept = 0;

	if (ids->n == 0)
		return;
	qsort(ids->ids, ids->n, sizeof(*ids->ids),
		descending ? descending_order : ascending);
	for (size_t i = 0; i < ids->n; i++)
		if (i == 0 || ids->ids[i] != ids->ids[kept - 1])
			ids->ids[kept++] = ids->ids[i];
	ids->n = kept;
}

int reader_walk_page(struct reader *reader, struct reader_walk *walk,
	struct reader_ids *ret_ids, struct error *err)
{
	sqlite3_stmt *stmt;

	ret_ids->n = 0;
	if (!walk->paged) {
		while (walk->at < walk->list.n && ret_ids->n < READER_PAGE)
			reader_ids_add(ret_ids, walk->list.ids[walk->at++]);
		return 0;
	}
	stmt = reader_stmt(reader, walk->query);
	sql_bind(stmt, "ii", walk->below, (int64_t)READER_PAGE);
	if (reader_ids_collect(ret_ids, stmt, err) < 0)
		return -1;
	if (ret_ids->n)
		walk->below = ret_ids->ids[ret_ids->n - 1];
	return 0;
}
