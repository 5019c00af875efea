/*
 * SQL as data: the statements of one database, embedded from sql/, prepared once.
 *
 * A statement's named parameters are bound by position: sql_bind(stmt, "it", …) binds
 * parameter 1 as an integer and 2 as text, in the order in which they first appear in the
 * .sql file.
 */
#pragma once

#include "base/error.h"

#include <sqlite3.h>
#include <stdint.h>

struct sql_text {
	const char *name; /* stem of the file */
	const char *text;
};

/* Before the process opens its first database: SQLite is used by one thread alone and
 * keeps no statistics of its memory. Without it everything works, 5 % slower. */
void sql_setup(void);

/* Prepares n statements of texts on db into stmts (n entries; on failure all are
 * finalized and NULL). Fails with the statement's name and SQLite's message. */
int sql_prepare(sqlite3 *db, const struct sql_text *texts, int n, sqlite3_stmt **stmts,
	struct error *err);

/* Finalizes n statements and sets them to NULL. */
void sql_finalize(sqlite3_stmt **stmts, int n);

/* Binds every parameter of stmt, whose count must be the format's length (asserted):
 * 'i' int64_t · 'I' int64_t, 0 = NULL · 't' const char *, NULL = NULL · 'd' double ·
 * 's' const struct secret *, none = NULL · 'N' NULL. Texts are borrowed until the
 * statement is reset. */
void sql_bind(sqlite3_stmt *stmt, const char *format, ...);

/* Steps: 0 = done, SQL_ROW = a row stands in stmt, < 0 = failed, err set to what and
 * SQLite's message. The statement is left as it is; reset it (AUTO(sql_reset)). */
#define SQL_ROW 1
int sql_step(sqlite3_stmt *stmt, struct error *err);

/* Steps once where no row is wanted and resets: 0 or < 0. *ret_changes (may be NULL):
 * rows changed. */
int sql_run(sqlite3_stmt *stmt, int *ret_changes, struct error *err);

/* Runs texts without parameters and results, several statements allowed. */
int sql_exec(sqlite3 *db, const char *text, struct error *err);

/* The column as text, NULL where it is NULL; borrowed until the next step. */
const char *sql_text(sqlite3_stmt *stmt, int column);

/* What sql_dup() has for a NUL, which nothing of ours writes: two bytes that no UTF-8
 * holds, so that the text does not pass for its beginning. */
#define SQL_NUL "\xC0\x80"
/* The column as a new string that the caller frees; NULL where it is NULL. */
char *sql_dup(sqlite3_stmt *stmt, int column);

/* AUTO(sql_reset) sqlite3_stmt *stmt = …: resets and clears bindings at scope end. */
void sql_reset_cleanup(sqlite3_stmt **stmt);
