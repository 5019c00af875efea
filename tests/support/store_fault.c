#include "store_fault.h"

#include <execinfo.h>
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define PATHS_MAX 4096
#define DEPTH_MAX 64

/* The linker's names for what is called and what it was. */
int __real_sqlite3_step(sqlite3_stmt *stmt);
int __wrap_sqlite3_step(sqlite3_stmt *stmt);
int __real_sqlite3_exec(sqlite3 *db, const char *sql,
	int (*fn)(void *, int, char **, char **), void *userdata, char **fault);
int __wrap_sqlite3_exec(sqlite3 *db, const char *sql,
	int (*fn)(void *, int, char **, char **), void *userdata, char **fault);
int __real_sqlite3_wal_checkpoint_v2(
	sqlite3 *db, const char *name, int mode, int *log, int *done);
int __wrap_sqlite3_wal_checkpoint_v2(
	sqlite3 *db, const char *name, int mode, int *log, int *done);
int __real_sqlite3_errcode(sqlite3 *db);
int __wrap_sqlite3_errcode(sqlite3 *db);
int __real_sqlite3_extended_errcode(sqlite3 *db);
int __wrap_sqlite3_extended_errcode(sqlite3 *db);
const char *__real_sqlite3_errmsg(sqlite3 *db);
const char *__wrap_sqlite3_errmsg(sqlite3 *db);

static const int codes[STORE_FAULT__MAX] = {
	[STORE_FAULT_IO] = SQLITE_IOERR,
	[STORE_FAULT_FULL] = SQLITE_FULL,
	[STORE_FAULT_BUSY] = SQLITE_BUSY,
};

static struct {
	enum store_fault fault;
	int at;           /* the call that fails; 0 = none */
	const char *what; /* NULL: any; else from the at-th on for ever */
	int n;            /* calls so far */
	bool hit;
	char sql[400];
	bool inside;
	int depth;        /* of the stack where inside began */
	sqlite3 *failing; /* whose last call failed here, not in SQLite */
	uint64_t paths[PATHS_MAX];
	int calls[PATHS_MAX];
	int n_paths;
} state;

void store_fault_arm(enum store_fault fault, int n)
{
	store_fault_arm_at(fault, NULL, n);
}

void store_fault_arm_at(enum store_fault fault, const char *what, int n)
{
	state.fault = fault;
	state.what = what;
	state.at = n;
	state.n = 0;
	state.n_paths = 0;
	state.hit = false;
	state.sql[0] = '\0';
}

void store_fault_disarm(void)
{
	state.at = 0;
	state.what = NULL;
}

bool store_fault_hit(void)
{
	return state.hit;
}

const char *store_fault_sql(void)
{
	return state.sql;
}

void store_fault_inside(bool inside)
{
	void *frames[DEPTH_MAX];

	state.inside = inside;
	/* Neither this function nor world.c's are on the way. */
	state.depth = backtrace(frames, DEPTH_MAX) - 2;
}

int store_fault_paths(const int **ret_calls)
{
	*ret_calls = state.calls;
	return state.n_paths;
}

int store_fault_calls(void)
{
	return state.n;
}

/* Remembers the way to this call, from where inside began. FNV-1a. */
static void note_path(void)
{
	void *frames[DEPTH_MAX];
	int n = backtrace(frames, DEPTH_MAX) - state.depth;
	uint64_t hash = UINT64_C(14695981039346656037);

	for (int i = 0; i < n; i++)
		hash = (hash ^ (uint64_t)(uintptr_t)frames[i]) * UINT64_C(1099511628211);
	for (int i = 0; i < state.n_paths; i++)
		if (state.paths[i] == hash)
			return;
	assert_true(state.n_paths < PATHS_MAX);
	state.paths[state.n_paths] = hash;
	state.calls[state.n_paths++] = state.n;
}

static bool is_due(sqlite3 *db, const char *sql, bool may)
{
	state.failing = NULL;
	if (!state.inside || !may || (state.what && !strstr(sql, state.what)))
		return false;
	state.n++;
	if (!state.at && !state.what)
		note_path();
	if (!state.at || state.n < state.at || (!state.what && state.n > state.at))
		return false;
	state.hit = true;
	state.failing = db;
	(void)snprintf(state.sql, sizeof(state.sql), "%s", sql);
	return true;
}

static bool step_may_fail(sqlite3_stmt *stmt)
{
	switch (state.fault) {
	case STORE_FAULT_FULL:
		return !sqlite3_stmt_readonly(stmt);
	case STORE_FAULT_BUSY:
		return false;
	default:
		return true;
	}
}

int __wrap_sqlite3_step(sqlite3_stmt *stmt)
{
	if (is_due(sqlite3_db_handle(stmt), sqlite3_sql(stmt), step_may_fail(stmt)))
		return codes[state.fault];
	return __real_sqlite3_step(stmt);
}

/* Taking a turn back cannot fail in a way that leaves it standing. */
static bool exec_may_fail(const char *sql)
{
	switch (state.fault) {
	case STORE_FAULT_FULL:
		return !strcmp(sql, "COMMIT");
	case STORE_FAULT_BUSY:
		return !strncmp(sql, "BEGIN", 5);
	default:
		return strcmp(sql, "ROLLBACK") != 0;
	}
}

int __wrap_sqlite3_exec(sqlite3 *db, const char *sql,
	int (*fn)(void *, int, char **, char **), void *userdata, char **fault)
{
	if (is_due(db, sql, exec_may_fail(sql)))
		return codes[state.fault];
	return __real_sqlite3_exec(db, sql, fn, userdata, fault);
}

int __wrap_sqlite3_wal_checkpoint_v2(
	sqlite3 *db, const char *name, int mode, int *log, int *done)
{
	/* One that is busy is no failure. */
	if (is_due(db, "checkpoint", state.fault != STORE_FAULT_BUSY))
		return codes[state.fault];
	return __real_sqlite3_wal_checkpoint_v2(db, name, mode, log, done);
}

int __wrap_sqlite3_errcode(sqlite3 *db)
{
	return db && db == state.failing ? codes[state.fault]
					 : __real_sqlite3_errcode(db);
}

int __wrap_sqlite3_extended_errcode(sqlite3 *db)
{
	return db && db == state.failing ? codes[state.fault]
					 : __real_sqlite3_extended_errcode(db);
}

const char *__wrap_sqlite3_errmsg(sqlite3 *db)
{
	return db && db == state.failing ? sqlite3_errstr(codes[state.fault])
					 : __real_sqlite3_errmsg(db);
}
