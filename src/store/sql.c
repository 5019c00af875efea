#include "store/sql.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/secret.h"

#include <assert.h>
#include <stdarg.h>
#include <string.h>

void sql_setup(void)
{
	(void)sqlite3_config(SQLITE_CONFIG_SINGLETHREAD);
	(void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

int sql_prepare(sqlite3 *db, const struct sql_text *texts, int n, sqlite3_stmt **stmts,
	struct error *err)
{
	/* NOLINTNEXTLINE(bugprone-sizeof-expression): they are pointers */
	memset(stmts, 0, sizeof(*stmts) * (size_t)n);
	for (int i = 0; i < n; i++) {
		if (sqlite3_prepare_v3(db, texts[i].text, -1, SQLITE_PREPARE_PERSISTENT,
			    &stmts[i], NULL) == SQLITE_OK)
			continue;
		(void)error_set(err, "%s.sql: %s", texts[i].name, sqlite3_errmsg(db));
		sql_finalize(stmts, n);
		return -1;
	}
	return 0;
}

void sql_finalize(sqlite3_stmt **stmts, int n)
{
	for (int i = 0; i < n; i++) {
		(void)sqlite3_finalize(stmts[i]);
		stmts[i] = NULL;
	}
}

static int bind_text(sqlite3_stmt *stmt, int at, const char *text)
{
	if (!text)
		return sqlite3_bind_null(stmt, at);
	return sqlite3_bind_text(stmt, at, text, -1, SQLITE_STATIC);
}

static int bind_secret(sqlite3_stmt *stmt, int at, const struct secret *secret)
{
	if (!secret->text)
		return sqlite3_bind_null(stmt, at);
	return sqlite3_bind_text(stmt, at, secret->text, (int)secret->len, SQLITE_STATIC);
}

static int bind_id(sqlite3_stmt *stmt, int at, int64_t value)
{
	if (!value)
		return sqlite3_bind_null(stmt, at);
	return sqlite3_bind_int64(stmt, at, value);
}

void sql_bind(sqlite3_stmt *stmt, const char *format, ...)
{
	int rc = SQLITE_OK;
	va_list ap;

	assert((size_t)sqlite3_bind_parameter_count(stmt) == strlen(format));
	va_start(ap, format);
	for (int at = 1; *format; format++, at++) {
		switch (*format) {
		case 'i':
			rc = sqlite3_bind_int64(stmt, at, va_arg(ap, int64_t));
			break;
		case 'I':
			rc = bind_id(stmt, at, va_arg(ap, int64_t));
			break;
		case 't':
			rc = bind_text(stmt, at, va_arg(ap, const char *));
			break;
		case 'd':
			rc = sqlite3_bind_double(stmt, at, va_arg(ap, double));
			break;
		case 's':
			rc = bind_secret(stmt, at, va_arg(ap, const struct secret *));
			break;
		case 'N':
			rc = sqlite3_bind_null(stmt, at);
			break;
		default:
			assert(false && "a known format letter");
		}
		/* A static binding allocates nothing and the statement is reset: a bug.
		 */
		assert(rc == SQLITE_OK);
	}
	va_end(ap);
	(void)rc;
}

/* The first words of the statement, for an error text: no values stand in it. */
static int fail(sqlite3_stmt *stmt, struct error *err)
{
	sqlite3 *db = sqlite3_db_handle(stmt);
	const char *path = sqlite3_db_filename(db, "main");

	return error_set(err, "%s: %s (SQLite error %d)",
		path && *path ? path : "database", sqlite3_errmsg(db),
		sqlite3_extended_errcode(db));
}

int sql_step(sqlite3_stmt *stmt, struct error *err)
{
	switch (sqlite3_step(stmt)) {
	case SQLITE_ROW:
		return SQL_ROW;
	case SQLITE_DONE:
		return 0;
	default:
		return fail(stmt, err);
	}
}

int sql_run(sqlite3_stmt *stmt, int *ret_changes, struct error *err)
{
	AUTO(sql_reset) sqlite3_stmt *guard = stmt;

	if (sql_step(stmt, err) < 0)
		return -1;
	if (ret_changes)
		*ret_changes = sqlite3_changes(sqlite3_db_handle(stmt));
	(void)guard;
	return 0;
}

int sql_exec(sqlite3 *db, const char *text, struct error *err)
{
	const char *path;

	if (sqlite3_exec(db, text, NULL, NULL, NULL) == SQLITE_OK)
		return 0;
	path = sqlite3_db_filename(db, "main");
	return error_set(err, "%s: %s (SQLite error %d)",
		path && *path ? path : "database", sqlite3_errmsg(db),
		sqlite3_extended_errcode(db));
}

const char *sql_text(sqlite3_stmt *stmt, int column)
{
	const char *text = (const char *)sqlite3_column_text(stmt, column);

	/* NULL must not come to mean "no value" where it means "no memory". */
	if (!text && sqlite3_errcode(sqlite3_db_handle(stmt)) == SQLITE_NOMEM)
		mem_exhausted();
	return text;
}

char *sql_dup(sqlite3_stmt *stmt, int column)
{
	const char *text = sql_text(stmt, column);
	size_t len = text ? (size_t)sqlite3_column_bytes(stmt, column) : 0;
	struct buf whole = BUF_NULL;

	if (!text || strlen(text) == len)
		return xstrdup(text);
	for (size_t i = 0; i < len; i++)
		if (text[i])
			buf_append(&whole, text + i, 1);
		else
			buf_puts(&whole, SQL_NUL);
	return whole.data;
}

void sql_reset_cleanup(sqlite3_stmt **stmt)
{
	if (!*stmt)
		return;
	(void)sqlite3_reset(*stmt);
	(void)sqlite3_clear_bindings(*stmt);
}
