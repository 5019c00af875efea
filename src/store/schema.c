#include "store/schema.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

enum { COL_TYPE, COL_NAME, COL_TABLE, COL_SQL, COL_STORED_AS, COL__MAX };

/* Both lists as statements that stand in a row, by name. */
struct lists {
	sqlite3_stmt *theirs, *ours; /* owned */
	int their_row, our_row;      /* SQL_ROW or 0 */
};

DEFINE_CLEANUP(db, sqlite3 *, sqlite3_close);
DEFINE_CLEANUP(stmt, sqlite3_stmt *, sqlite3_finalize);

void schema_fault_deinit(struct schema_fault *fault)
{
	free(fault->text);
	*fault = (struct schema_fault){0};
}

static bool is(sqlite3_stmt *stmt, int column, const char *word)
{
	const char *text = sql_text(stmt, column);

	return text && !strcmp(text, word);
}

/* What a fault of the object in stmt means for whoever reads on. */
static void note(
	struct schema_fault *fault, sqlite3_stmt *stmt, const char *what, bool readable)
{
	const char *type = sql_text(stmt, COL_TYPE), *name = sql_text(stmt, COL_NAME);

	if (!readable)
		fault->tables = true;
	if (!fault->text)
		fault->text = xasprintf("%s %s: %s", type ? type : "object",
			name ? name : "without a name", what);
}

static bool same(const struct lists *lists, int column)
{
	const char *a = sql_text(lists->theirs, column);
	const char *b = sql_text(lists->ours, column);

	return a && b ? !strcmp(a, b) : !a && !b;
}

/* A trigger or a view stands in nobody's way who only reads tables. */
static bool is_aside(sqlite3_stmt *stmt)
{
	return is(stmt, COL_TYPE, "trigger") || is(stmt, COL_TYPE, "view");
}

/* How the two rows stand to each other: below 0 = ours is missing in the file, above 0 =
 * theirs is not ours. */
static int order(const struct lists *lists)
{
	const char *a, *b;

	if (!lists->their_row)
		return -1;
	if (!lists->our_row)
		return 1;
	a = sql_text(lists->theirs, COL_NAME);
	b = sql_text(lists->ours, COL_NAME);
	return a && b ? -strcmp(a, b) : 1;
}

static void compare(const struct lists *lists, struct schema_fault *fault)
{
	bool alike = true;

	for (int column = 0; column < COL__MAX; column++)
		alike = alike && same(lists, column);
	if (!alike)
		note(fault, lists->theirs, "it is not the shipped one: it was changed",
			is_aside(lists->theirs) && is_aside(lists->ours));
}

static int walk(struct lists *lists, struct schema_fault *fault, struct error *err)
{
	bool step_theirs = true, step_ours = true;

	for (;;) {
		int to;

		if (step_theirs)
			lists->their_row = sql_step(lists->theirs, err);
		if (step_ours)
			lists->our_row = sql_step(lists->ours, err);
		if (lists->their_row < 0 || lists->our_row < 0)
			return -1;
		if (!lists->their_row && !lists->our_row)
			return 0;
		to = order(lists);
		step_theirs = to >= 0;
		step_ours = to <= 0;
		if (to == 0)
			compare(lists, fault);
		else if (to < 0)
			note(fault, lists->ours, "it is missing: it was removed",
				is_aside(lists->ours));
		else
			note(fault, lists->theirs,
				"it is not clerk-tokend's: it was put here", true);
	}
}

static int prepare(sqlite3 *db, const char *list, sqlite3_stmt **ret, struct error *err)
{
	if (sqlite3_prepare_v2(db, list, -1, ret, NULL) == SQLITE_OK)
		return 0;
	return error_set(err, "the schema cannot be read: %s", sqlite3_errmsg(db));
}

int schema_check(sqlite3 *db, const struct db_kind *kind, const char *list,
	struct schema_fault *ret_fault, struct error *err)
{
	AUTO(db) sqlite3 *shipped = NULL;
	AUTO(stmt) sqlite3_stmt *theirs = NULL;
	AUTO(stmt) sqlite3_stmt *ours = NULL;
	struct lists lists;

	*ret_fault = (struct schema_fault){0};
	if (sqlite3_open(":memory:", &shipped) != SQLITE_OK)
		return error_set(err, "SQLite opens no database in memory");
	for (int i = 0; i < kind->n_schemas; i++)
		if (sql_exec(shipped, kind->schemas[i].text, err) < 0)
			return -1;
	if (prepare(db, list, &theirs, err) < 0 || prepare(shipped, list, &ours, err) < 0)
		return -1;
	lists = (struct lists){.theirs = theirs, .ours = ours};
	return walk(&lists, ret_fault, err);
}

int schema_check_pages(sqlite3 *db, char **ret_text, struct error *err)
{
	AUTO(stmt) sqlite3_stmt *stmt = NULL;
	int rc;

	*ret_text = NULL;
	if (sqlite3_prepare_v2(db, "PRAGMA integrity_check(1)", -1, &stmt, NULL) !=
		SQLITE_OK)
		return error_set(err, "%s", sqlite3_errmsg(db));
	rc = sql_step(stmt, err);
	if (rc == SQL_ROW && !is(stmt, 0, "ok"))
		*ret_text = sql_dup(stmt, 0);
	return rc < 0 ? -1 : 0;
}
