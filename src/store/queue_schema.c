#include "store/queue_schema.h"

#include "base/buf.h"
#include "base/mem.h"
#include "store/queue.h"
#include "store/queue_file.h"
#include "store/queue_text.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const struct sql_text schemas[] = {
#define SQL(stem, text) {#stem, text},
#include "queue_schema.inc"
#undef SQL
};

const struct db_kind db_queue = {"queue.db", DB_APP_QUEUE, schemas, ARRAY_LEN(schemas)};

/* The columns of schema_list.sql. */
enum { COL_TYPE, COL_NAME, COL_TABLE, COL_SQL, COL__MAX };

#define OBJECTS_MAX   32
#define NAME_SHOWN    40 /* bytes of a foreign name in a text */
#define FOREIGN_SHOWN 5

struct object {
	char *column[COL__MAX]; /* owned; sql is NULL for an index that SQLite made */
};

struct queue_schema {
	struct object objects[OBJECTS_MAX];
	int n;
};

DEFINE_CLEANUP(schema, struct queue_schema *, queue_schema_free);
DEFINE_CLEANUP(db, sqlite3 *, sqlite3_close);
DEFINE_CLEANUP(stmt, sqlite3_stmt *, sqlite3_finalize);

static int read_objects(sqlite3 *db, struct queue_schema *schema)
{
	AUTO(stmt) sqlite3_stmt *stmt = NULL;

	if (sqlite3_prepare_v2(db, queue_conn_sql(QQ_schema_list), -1, &stmt, NULL) !=
		SQLITE_OK)
		return -1;
	while (sqlite3_step(stmt) == SQLITE_ROW) {
		if (schema->n == OBJECTS_MAX)
			return -1;
		for (int i = 0; i < COL__MAX; i++)
			schema->objects[schema->n].column[i] = sql_dup(stmt, i);
		schema->n++;
	}
	return schema->n ? 0 : -1;
}

int queue_schema_new(struct queue_schema **ret_schema, struct error *err)
{
	AUTO(schema) struct queue_schema *schema = xcalloc(1, sizeof(*schema));
	AUTO(db) sqlite3 *db = NULL;

	if (sqlite3_open(":memory:", &db) != SQLITE_OK)
		return error_set(err, "SQLite opens no database in memory");
	for (int i = 0; i < db_queue.n_schemas; i++)
		if (sql_exec(db, schemas[i].text, err) < 0)
			return error_prefix(err, "%s.sql", schemas[i].name);
	if (read_objects(db, schema) < 0)
		return error_set(
			err, "the shipped schema cannot be read: %s", sqlite3_errmsg(db));
	*ret_schema = TAKE_PTR(schema);
	return 0;
}

void queue_schema_free(struct queue_schema *schema)
{
	if (!schema)
		return;
	for (int i = 0; i < schema->n; i++)
		for (int column = 0; column < COL__MAX; column++)
			free(schema->objects[i].column[column]);
	free(schema);
}

/* What one look at a file's schema gathers. */
struct look {
	const char *path;   /* borrowed: the file's, for texts */
	const char *remedy; /* static: what ends the fault at hand */
	unsigned seen;      /* bits: objects of ours */
	int n_foreign;      /* tables and views that are not */
	struct buf list;    /* the names of the first few */
	bool has_virtual;
};

static bool equal(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

/* Whether it is the name of one of our tables, as SQLite compares names. */
static bool is_our_table(const struct queue_schema *schema, const char *name)
{
	for (int i = 0; i < schema->n; i++)
		if (!strcmp(schema->objects[i].column[COL_TYPE], "table") &&
			!strcasecmp(schema->objects[i].column[COL_NAME], name))
			return true;
	return false;
}

static int find_object(const struct queue_schema *schema, const char *name)
{
	for (int i = 0; i < schema->n; i++)
		if (!strcasecmp(schema->objects[i].column[COL_NAME], name))
			return i;
	return -1;
}

/* PATH: the TYPE NAME WHAT; REMEDY. */
static int say(struct error *err, const struct look *look,
	const char *const column[COL__MAX], const char *what)
{
	struct buf shown = BUF_NULL;

	queue_text_show(&shown, column[COL_TYPE], strlen(column[COL_TYPE]), NAME_SHOWN);
	buf_putc(&shown, ' ');
	queue_text_show(&shown, column[COL_NAME], strlen(column[COL_NAME]), NAME_SHOWN);
	(void)error_set(
		err, "%s: the %s %s; %s", look->path, shown.data, what, look->remedy);
	buf_deinit(&shown);
	return QUEUE_E_FAULT;
}

static void note_foreign(struct look *look, const char *type, const char *name)
{
	if (look->n_foreign++ >= FOREIGN_SHOWN)
		return;
	buf_puts(&look->list, look->list.len ? ", " : "");
	buf_printf(&look->list, "%s ", type);
	queue_text_show(&look->list, name, strlen(name), NAME_SHOWN);
}

static int look_at(const struct queue_schema *schema, struct look *look,
	const char *const column[COL__MAX], struct error *err)
{
	const char *type = column[COL_TYPE], *name = column[COL_NAME];
	int i = find_object(schema, name);

	if (i >= 0) {
		for (int c = 0; c < COL__MAX; c++)
			if (!equal(column[c], schema->objects[i].column[c]))
				return say(err, look, column,
					"is not the shipped one: it was changed");
		look->seen |= 1u << i;
		return 0;
	}
	if (strcmp(type, "table") != 0 && strcmp(type, "view") != 0) {
		if (!is_our_table(schema, column[COL_TABLE]))
			return 0;
		look->remedy = "drop it";
		return say(err, look, column,
			"is not the queue's own but hangs on a table of it");
	}
	look->has_virtual |=
		column[COL_SQL] && !strncasecmp(column[COL_SQL], "CREATE VIRTUAL", 14);
	note_foreign(look, type, name);
	return 0;
}

static int find_missing(
	const struct queue_schema *schema, const struct look *look, struct error *err)
{
	for (int i = 0; i < schema->n; i++)
		if (!(look->seen >> i & 1))
			return say(err, look,
				(const char *const *)schema->objects[i].column,
				"is missing");
	return 0;
}

static int look_at_all(const struct queue_schema *schema, struct queue_conn *conn,
	struct look *look, struct error *err)
{
	AUTO(stmt) sqlite3_stmt *stmt = NULL;
	int rc;

	if (sqlite3_prepare_v2(conn->db, queue_conn_sql(QQ_schema_list), -1, &stmt,
		    NULL) != SQLITE_OK)
		return queue_conn_failed(conn, err);
	while ((rc = queue_conn_step(conn, stmt)) == SQLITE_ROW) {
		const char *column[COL__MAX];

		for (int i = 0; i < COL__MAX; i++)
			column[i] = sql_text(stmt, i);
		if (!column[COL_TYPE] || !column[COL_NAME] || !column[COL_TABLE]) {
			(void)error_set(err, "%s: its schema is damaged; %s", look->path,
				look->remedy);
			return QUEUE_E_FAULT;
		}
		rc = look_at(schema, look, column, err);
		if (rc)
			return rc;
	}
	if (rc != SQLITE_DONE)
		return queue_conn_failed(conn, err);
	return find_missing(schema, look, err);
}

int queue_schema_check(const struct queue_schema *schema, struct queue_conn *conn,
	struct queue_schema_extra *ret_extra, struct error *err)
{
	struct look look = {.path = sqlite3_db_filename(conn->db, "main"),
		.remedy = QUEUE_FILE_REMEDY,
		.list = BUF_NULL};
	int rc = look_at_all(schema, conn, &look, err);

	if (rc == 0)
		*ret_extra = (struct queue_schema_extra){.has_virtual = look.has_virtual};
	if (rc == 0 && look.n_foreign)
		ret_extra->warning = xasprintf(
			"%s: holds what is not the queue's: %s%s; it is left alone",
			look.path, buf_str(&look.list),
			look.n_foreign > FOREIGN_SHOWN ? " and more" : "");
	buf_deinit(&look.list);
	return rc;
}

/* An empty file: nobody's yet. */
static int is_empty(struct queue_conn *conn, bool *ret_empty, struct error *err)
{
	AUTO(stmt) sqlite3_stmt *stmt = NULL;

	if (sqlite3_prepare_v2(conn->db, queue_conn_sql(QQ_schema_list), -1, &stmt,
		    NULL) != SQLITE_OK)
		return queue_conn_failed(conn, err);
	switch (queue_conn_step(conn, stmt)) {
	case SQLITE_ROW:
		*ret_empty = false;
		return 0;
	case SQLITE_DONE:
		*ret_empty = true;
		return 0;
	default:
		return queue_conn_failed(conn, err);
	}
}

int queue_schema_version(struct queue_conn *conn, int *ret_version, struct error *err)
{
	const char *path = sqlite3_db_filename(conn->db, "main");
	int64_t application, version = 0;
	bool empty = false;
	int rc = queue_conn_pragma(conn, "PRAGMA application_id", &application, err);

	if (rc == 0)
		rc = queue_conn_pragma(conn, "PRAGMA user_version", &version, err);
	if (rc == 0)
		rc = is_empty(conn, &empty, err);
	if (rc)
		return rc;
	if (application != DB_APP_QUEUE && !(empty && application == 0 && version == 0)) {
		(void)error_set(err,
			"%s: is another program's database (application_id %lld), not a "
			"queue; " QUEUE_FILE_REMEDY,
			path, (long long)application);
		return QUEUE_E_FAULT;
	}
	if (version < 0 || version > db_queue.n_schemas) {
		(void)error_set(err,
			"%s: was written by a newer version of clerk-tokend (its schema "
			"is "
			"%lld, this one knows %d); install that version",
			path, (long long)version, db_queue.n_schemas);
		return QUEUE_E_FAULT;
	}
	*ret_version = (int)version;
	return 0;
}

static int set_sequence(
	struct queue_conn *conn, const char *table, int64_t id, struct error *err)
{
	AUTO(stmt) sqlite3_stmt *stmt = NULL;

	if (sqlite3_prepare_v2(conn->db, queue_conn_sql(QQ_sequence_insert), -1, &stmt,
		    NULL) != SQLITE_OK)
		return queue_conn_failed(conn, err);
	sql_bind(stmt, "ti", table, id);
	return queue_conn_step(conn, stmt) == SQLITE_DONE ? 0
							  : queue_conn_failed(conn, err);
}

int queue_schema_create(
	struct queue_conn *conn, int64_t job_id, int64_t command_id, struct error *err)
{
	AUTO(free_ptr)
	char *seal = xasprintf("PRAGMA application_id = %d; PRAGMA user_version = %d",
		DB_APP_QUEUE, db_queue.n_schemas);
	int rc = 0;

	for (int i = 0; rc == 0 && i < db_queue.n_schemas; i++)
		rc = queue_conn_exec(conn, schemas[i].text, err);
	if (rc == 0)
		rc = queue_conn_exec(conn, seal, err);
	if (rc == 0)
		rc = set_sequence(conn, "job", job_id, err);
	if (rc == 0)
		rc = set_sequence(conn, "command", command_id, err);
	return rc;
}
