/* What the tests of queue.db share: a folder of their own, the sqlite3 program as a
 * script uses it, a second connection that keeps no rules, and what a read handed out. */
#pragma once

#include "base/mem.h"
#include "patience.h"
#include "store/queue.h"

#include <ftw.h>
#include <setjmp.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define LAB_DEADLINE_S 60 /* of whatever a test waits for */
#define LAB_ROWS_MAX   4000

struct lab {
	char folder[200]; /* of the test */
	char queue[220];  /* the queue's */
	char path[240];   /* queue.db */
	struct queue *q;
	struct queue_cursor cursor;
	struct error err;
	char *warning; /* of the last lab_ensure(), or NULL */
	bool more;
	/* What the last lab_read() handed out. */
	struct queue_row rows[LAB_ROWS_MAX];
	int n_rows;
	struct queue_command commands[8];
	int n_commands;
	int64_t snapshot;
	char batches[400]; /* names and faults, comma behind each */
	int fail_at;       /* the on_row() call that fails, 0 = none */
};

static inline int lab_setup_floor(void **state, struct queue_cursor floor)
{
	struct lab *lab = xcalloc(1, sizeof(*lab));
	const char *base = getenv("TMPDIR");
	struct queue_options options = {.floor = floor};

	(void)snprintf(lab->folder, sizeof(lab->folder), "%s/queue-test.XXXXXX",
		base ? base : "/tmp");
	assert_non_null(mkdtemp(lab->folder));
	assert_int_equal(chmod(lab->folder, 0755), 0);
	(void)snprintf(lab->queue, sizeof(lab->queue), "%s/queue", lab->folder);
	(void)snprintf(lab->path, sizeof(lab->path), "%s/queue.db", lab->queue);
	assert_int_equal(mkdir(lab->queue, 0770), 0);
	assert_int_equal(chmod(lab->queue, 02770), 0);
	options.folder = lab->queue;
	queue_new(&options, &lab->q);
	lab->cursor = floor;
	(void)alarm(patience(LAB_DEADLINE_S));
	*state = lab;
	return 0;
}

static inline int lab_setup(void **state)
{
	return lab_setup_floor(state, (struct queue_cursor){0});
}

static inline void lab_forget(struct lab *lab)
{
	for (int i = 0; i < lab->n_rows; i++)
		queue_row_deinit(&lab->rows[i]);
	for (int i = 0; i < lab->n_commands; i++)
		queue_command_deinit(&lab->commands[i]);
	lab->n_rows = lab->n_commands = 0;
	lab->batches[0] = '\0';
}

static inline int lab_remove_one(
	const char *path, const struct stat *st, int type, struct FTW *position)
{
	(void)st;
	(void)type;
	(void)position;
	return remove(path);
}

static inline int lab_teardown(void **state)
{
	struct lab *lab = *state;

	lab_forget(lab);
	free(lab->warning);
	queue_free(lab->q);
	(void)nftw(lab->folder, lab_remove_one, 16, FTW_DEPTH | FTW_PHYS);
	free(lab);
	(void)alarm(0);
	return 0;
}

/* ---- the queue ---- */

static inline int lab_ensure(struct lab *lab)
{
	free(lab->warning);
	lab->warning = NULL;
	lab->err.text[0] = '\0';
	return queue_ensure(lab->q, &lab->cursor, &lab->warning, &lab->err);
}

/* queue_ensure() that has to succeed. */
static inline void lab_open(struct lab *lab)
{
	int rc = lab_ensure(lab);

	if (rc)
		fail_msg("queue_ensure: %d %s", rc, lab->err.text);
}

/* queue_ensure() that has to say a fault with this in its text. */
static inline void lab_expect_fault(struct lab *lab, const char *text)
{
	int rc = lab_ensure(lab);

	if (rc != QUEUE_E_FAULT || !strstr(lab->err.text, text))
		fail_msg("queue_ensure: %d %s\n  want %s", rc, lab->err.text, text);
	assert_non_null(strstr(lab->err.text, "queue"));
	/* Again, without looking so closely: the same text. */
	rc = lab_ensure(lab);
	if (rc != QUEUE_E_FAULT || !strstr(lab->err.text, text))
		fail_msg("queue_ensure again: %d %s\n  want %s", rc, lab->err.text, text);
}

static inline int lab_on_command(void *userdata, const struct queue_command *command,
	int64_t snapshot, struct error *err)
{
	struct lab *lab = userdata;
	struct queue_command *copy = &lab->commands[lab->n_commands];

	(void)err;
	assert_in_range(lab->n_commands, 0, ARRAY_LEN(lab->commands) - 1);
	*copy = *command;
	copy->batch = xstrdup(command->batch);
	copy->requested_by = xstrdup(command->requested_by);
	copy->reason = xstrdup(command->reason);
	copy->fault = xstrdup(command->fault);
	copy->detail = xstrdup(command->detail);
	lab->n_commands++;
	lab->snapshot = snapshot;
	return 0;
}

static inline int lab_on_row(
	void *userdata, const struct queue_row *row, struct error *err)
{
	struct lab *lab = userdata;
	struct queue_row *copy = &lab->rows[lab->n_rows];

	if (lab->fail_at && lab->n_rows + 1 == lab->fail_at)
		return error_set(err, "the test's own failure");
	assert_in_range(lab->n_rows, 0, LAB_ROWS_MAX - 1);
	*copy = *row;
	copy->job.user_id = xstrdup(row->job.user_id);
	copy->job.org_id = xstrdup(row->job.org_id);
	copy->job.sign_in_token_id = xstrdup(row->job.sign_in_token_id);
	copy->job.batch = xstrdup(row->job.batch);
	copy->job.idempotency_key = xstrdup(row->job.idempotency_key);
	copy->job.reference = xstrdup(row->job.reference);
	copy->job.requested_by = xstrdup(row->job.requested_by);
	copy->job.reason = xstrdup(row->job.reason);
	copy->job.submitted_at = xstrdup(row->job.submitted_at);
	copy->fault = xstrdup(row->fault);
	copy->detail = xstrdup(row->detail);
	lab->n_rows++;
	return 0;
}

static inline int lab_on_batch(
	void *userdata, const struct queue_batch *batch, struct error *err)
{
	struct lab *lab = userdata;
	size_t len = strlen(lab->batches);

	(void)err;
	(void)snprintf(lab->batches + len, sizeof(lab->batches) - len,
		"%s=%lld/%lld%s%s,", batch->name, (long long)batch->release_first,
		(long long)batch->max_failures, batch->fault ? " " : "",
		batch->fault ? batch->fault : "");
	return 0;
}

static inline struct queue_reader lab_reader(struct lab *lab)
{
	return (struct queue_reader){.userdata = lab,
		.on_command = lab_on_command,
		.on_row = lab_on_row,
		.on_batch = lab_on_batch};
}

static inline int lab_read(struct lab *lab, int max_rows)
{
	struct queue_reader reader = lab_reader(lab);

	lab_forget(lab);
	lab->err.text[0] = '\0';
	return queue_read(lab->q, &lab->cursor, max_rows, &reader, &lab->more, &lab->err);
}

/* queue_ensure() and queue_read() that have to succeed, with so many rows of job. */
static inline void lab_take(struct lab *lab, int n_rows)
{
	int rc;

	lab_open(lab);
	rc = lab_read(lab, 1000);
	if (rc)
		fail_msg("queue_read: %d %s", rc, lab->err.text);
	assert_int_equal(lab->n_rows, n_rows);
}

/* ---- others ---- */

/* A connection as a stranger has it. It keeps no rule that the file could be left
 * without: no CHECKs, no triggers; the caller sqlite3_close()s it. */
static inline sqlite3 *lab_stranger(struct lab *lab)
{
	sqlite3 *db = NULL;

	assert_int_equal(sqlite3_open(lab->path, &db), SQLITE_OK);
	(void)sqlite3_busy_timeout(db, 10000);
	(void)sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
	(void)sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 0, NULL);
	assert_int_equal(sqlite3_exec(db, "PRAGMA ignore_check_constraints = ON", NULL,
				 NULL, NULL),
		SQLITE_OK);
	return db;
}

static inline void lab_exec(sqlite3 *db, const char *sql)
{
	char *message = NULL;

	if (sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK)
		fail_msg("%.200s: %s", sql, message);
}

/* Runs SQL on a stranger's connection that lives for it. */
static inline void lab_sql(struct lab *lab, const char *sql)
{
	sqlite3 *db = lab_stranger(lab);

	lab_exec(db, sql);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* The first column of the first row as an integer, by a stranger's connection. */
static inline int64_t lab_int(struct lab *lab, const char *sql)
{
	sqlite3 *db = lab_stranger(lab);
	sqlite3_stmt *stmt = NULL;
	int64_t value;

	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	value = sqlite3_column_int64(stmt, 0);
	(void)sqlite3_finalize(stmt);
	(void)sqlite3_close(db);
	return value;
}

/* What the sqlite3 program prints, on stdout and stderr, for a script. Static until the
 * next call. */
static inline const char *lab_program(struct lab *lab, const char *script)
{
	static char output[8192];
	AUTO(free_ptr) char *input = xasprintf("%s/script.sql", lab->folder);
	AUTO(free_ptr)
	char *command = xasprintf(
		"timeout %d sqlite3 -bail -cmd '.timeout 10000' '%s' <'%s' 2>&1",
		LAB_DEADLINE_S, lab->path, input);
	FILE *file = fopen(input, "w");
	size_t len;

	assert_non_null(file);
	(void)fputs(script, file);
	assert_int_equal(fclose(file), 0);
	file = popen(command, "r");
	assert_non_null(file);
	len = fread(output, 1, sizeof(output) - 1, file);
	output[len] = '\0';
	(void)pclose(file);
	return output;
}

/* A process that keeps something of the file's until lab_child_end(). */
struct lab_child {
	pid_t pid;
	int hold; /* closing it lets the child go on */
};

/* Starts a process that runs sql on a stranger's connection and then waits; returns when
 * it has done so. */
static inline struct lab_child lab_child_begin(struct lab *lab, const char *sql)
{
	int ready[2], hold[2];
	struct lab_child child;
	char byte;

	assert_int_equal(pipe(ready), 0);
	assert_int_equal(pipe(hold), 0);
	(void)fflush(NULL);
	child.pid = fork();
	assert_true(child.pid >= 0);
	if (child.pid == 0) {
		sqlite3 *db = NULL;

		(void)close(hold[1]);
		if (sqlite3_open(lab->path, &db) != SQLITE_OK ||
			sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK) {
			(void)fprintf(stderr, "child: %s\n", sqlite3_errmsg(db));
			_exit(1);
		}
		(void)!write(ready[1], "", 1);
		(void)!read(hold[0], &byte, 1);
		(void)sqlite3_close(db);
		_exit(0);
	}
	(void)close(ready[1]);
	(void)close(hold[0]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	(void)close(ready[0]);
	child.hold = hold[1];
	return child;
}

/* Lets it go on and end, or kills it in mid-air. */
static inline void lab_child_end(struct lab_child child, bool killed)
{
	int status;

	if (killed)
		(void)kill(child.pid, SIGKILL);
	(void)close(child.hold);
	assert_int_equal(waitpid(child.pid, &status, 0), child.pid);
	if (!killed)
		assert_int_equal(status, 0);
}

static inline bool lab_exists(struct lab *lab, const char *suffix)
{
	AUTO(free_ptr) char *path = xasprintf("%s%s", lab->path, suffix);
	struct stat st;

	return lstat(path, &st) == 0;
}
