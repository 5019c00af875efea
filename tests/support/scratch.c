#include "scratch.h"

#include "base/mem.h"

#include <ftw.h>
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[256];

const char *scratch_make(void)
{
	static const char *const names[] = {"queue", "audit", "tokens"};
	const char *base = getenv("TMPDIR");

	(void)snprintf(folder, sizeof(folder), "%s/clerk-tokend-test.XXXXXX",
		base ? base : "/tmp");
	assert_non_null(mkdtemp(folder));
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		AUTO(free_ptr) char *path = xasprintf("%s/%s", folder, names[i]);

		assert_int_equal(mkdir(path, 0750), 0);
	}
	return folder;
}

const char *scratch_folder(void)
{
	return folder;
}

static int remove_one(
	const char *path, const struct stat *st, int type, struct FTW *position)
{
	(void)st;
	(void)type;
	(void)position;
	return remove(path);
}

void scratch_remove(void)
{
	(void)nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

struct ledger *scratch_ledger(void)
{
	struct ledger_options options = {.state_directory = folder};
	struct ledger *ledger = NULL;
	struct error err = ERROR_NULL;
	int rc = ledger_open(&options, &ledger, &err);

	if (rc)
		fail_msg("ledger_open: %d %s", rc, err.text);
	return ledger;
}

char *scratch_sql(const char *database, const char *sql)
{
	AUTO(free_ptr)
	char *path = xasprintf("%s/%s/%s.db", folder, database, database);
	sqlite3_stmt *stmt = NULL;
	sqlite3 *db = NULL;
	char *text;

	assert_int_equal(
		sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
	if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	text = xstrdup("");
	if (sqlite3_step(stmt) == SQLITE_ROW && sqlite3_column_text(stmt, 0)) {
		free(text);
		text = xstrdup((const char *)sqlite3_column_text(stmt, 0));
	}
	(void)sqlite3_finalize(stmt);
	(void)sqlite3_close(db);
	return text;
}

void scratch_write(const char *database, const char *sql)
{
	AUTO(free_ptr) char *path = xasprintf("%s/%s/%s.db", folder, database, database);
	sqlite3 *db;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	(void)sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	(void)sqlite3_close(db);
}

void scratch_expect(const char *database, const char *sql, const char *want)
{
	AUTO(free_ptr) char *got = scratch_sql(database, sql);

	if (strcmp(got, want) != 0)
		fail_msg("%s\n  got  %s\n  want %s", sql, got, want);
}

struct job scratch_create(int64_t id, const char *user_id)
{
	struct job job = JOB_NULL;

	job.id = id;
	job.action = JOB_CREATE;
	job.user_id = xstrdup(user_id);
	job.requested_by = xstrdup("ana");
	job.submitted_at = xstrdup("2026-01-02 03:04:05");
	return job;
}

struct job scratch_revoke(int64_t id, const char *token_id)
{
	struct job job = JOB_NULL;

	job.id = id;
	job.action = JOB_REVOKE;
	job.priority = 10;
	job.sign_in_token_id = xstrdup(token_id);
	job.requested_by = xstrdup("ben");
	return job;
}

struct answer scratch_token_answer(const char *token_id, const char *user_id)
{
	struct answer answer = ANSWER_NULL;
	AUTO(free_ptr) char *secret = xasprintf("secret-%s", token_id);

	answer.kind = ANSWER_REPLY;
	answer.http_status = 200;
	answer.has_token = true;
	answer.token.id = xstrdup(token_id);
	answer.token.user_id = xstrdup(user_id);
	answer.token.status = TOKEN_PENDING;
	answer.token.created_at_ms = 1767323045000;
	answer.token.updated_at_ms = 1767323045000;
	secret_init(&answer.token.token, secret, strlen(secret));
	answer.received.wall_ms = 1767355200000; /* noon: as soon as it was sent */
	answer.trace_id = xstrdup("trace_1");
	answer.duration_ms = 12;
	return answer;
}
