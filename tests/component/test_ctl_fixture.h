/* Runs clerk-tokenctl's commands against a scratch folder: real files, its own process.
 */
#pragma once

#include "base/mem.h"
#include "ctl/ctl.h"
#include "scratch.h"
#include "store/ledger.h"
#include "store/queue.h"

#include <fcntl.h>
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define OK(call)                                                                         \
	do {                                                                             \
		struct error err = ERROR_NULL;                                           \
		int ok_rc = (call);                                                      \
		if (ok_rc != 0)                                                          \
			fail_msg("%s: %d %s", #call, ok_rc, err.text);                   \
	} while (0)

#define FIXTURE_NOON INT64_C(1767355200000) /* 2026-01-02 12:00:00 UTC */

static char fixture_stdout[1 << 20], fixture_stderr[1 << 16];

static inline char *fixture_path(const char *name)
{
	return xasprintf("%s/%s", scratch_folder(), name);
}

static inline void fixture_write(const char *name, const char *text)
{
	AUTO(free_ptr) char *path = fixture_path(name);
	FILE *file = fopen(path, "we");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

/* Makes queue.db as the daemon does. */
static inline void fixture_make_queue(void)
{
	AUTO(free_ptr) char *folder = fixture_path("queue");
	const struct queue_options options = {.folder = folder};
	const struct queue_cursor cursor = {0};
	struct queue *queue;

	queue_new(&options, &queue);
	OK(queue_ensure(queue, &cursor, NULL, &err));
	queue_free(queue);
}

/* A scratch folder with a configuration, an empty audit.db and tokens.db, and queue.db.
 */
static inline int fixture_setup(void **state)
{
	AUTO(free_ptr) char *conf = NULL;

	*state = (void *)(uintptr_t)scratch_make();
	conf = xasprintf("state_directory = \"%s\";\n", scratch_folder());
	fixture_write("clerk-tokend.conf", conf);
	ledger_free(scratch_ledger());
	fixture_make_queue();
	return 0;
}

static inline int fixture_teardown(void **state)
{
	(void)state;
	scratch_remove();
	return 0;
}

static inline void fixture_slurp(const char *name, char *text, size_t size)
{
	AUTO(free_ptr) char *path = fixture_path(name);
	FILE *file = fopen(path, "re");
	size_t n;

	assert_non_null(file);
	n = fread(text, 1, size - 1, file);
	text[n] = '\0';
	(void)fclose(file);
}

static inline void fixture_redirect(const char *name, int fd, int flags)
{
	AUTO(free_ptr) char *path = fixture_path(name);
	int from = open(path, flags | O_CLOEXEC, 0600);

	if (from < 0 || dup2(from, fd) < 0)
		_exit(99);
}

/* Runs clerk-tokenctl with the words (the last NULL) and with the scratch file "stdin" as
 * its standard input. Returns its exit status; what it printed is in fixture_stdout and
 * fixture_stderr. */
static inline int fixture_run(const char *const *words)
{
	AUTO(free_ptr) char *conf = fixture_path("clerk-tokend.conf");
	char *argv[64] = {
		(char *)(uintptr_t) "clerk-tokenctl", (char *)(uintptr_t) "-c", conf};
	int argc = 3, status;
	pid_t pid;

	while (*words && argc < 63)
		argv[argc++] = (char *)(uintptr_t)*words++;
	(void)fflush(NULL);
	pid = fork();
	if (pid == 0) {
		fixture_redirect("stdin", STDIN_FILENO, O_RDONLY | O_CREAT);
		fixture_redirect("stdout", STDOUT_FILENO, O_WRONLY | O_CREAT | O_TRUNC);
		fixture_redirect("stderr", STDERR_FILENO, O_WRONLY | O_CREAT | O_TRUNC);
		_exit(ctl_main(argc, argv));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	fixture_slurp("stdout", fixture_stdout, sizeof(fixture_stdout));
	fixture_slurp("stderr", fixture_stderr, sizeof(fixture_stderr));
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* Runs it and asserts its exit status. */
#define CTL(status, ...)                                                                 \
	do {                                                                             \
		const char *const ctl_words[] = {__VA_ARGS__, NULL};                     \
		int ctl_status = fixture_run(ctl_words);                                 \
		if (ctl_status != (status))                                              \
			fail_msg("%s ended with %d, not %d: %s%s", ctl_words[0],         \
				ctl_status, status, fixture_stdout, fixture_stderr);     \
	} while (0)

#define SAYS(text)                                                                       \
	do {                                                                             \
		if (!strstr(fixture_stderr, text))                                       \
			fail_msg("stderr lacks \"%s\": %s", text, fixture_stderr);       \
	} while (0)

#define PRINTS(text)                                                                     \
	do {                                                                             \
		if (!strstr(fixture_stdout, text))                                       \
			fail_msg("stdout lacks \"%s\": %s", text, fixture_stdout);       \
	} while (0)

/* The first column of the first row of SQL on queue.db. */
static inline char *fixture_queue(const char *sql)
{
	return scratch_sql("queue", sql);
}

#define QUEUE(sql, want)                                                                 \
	do {                                                                             \
		AUTO(free_ptr) char *queue_got = fixture_queue(sql);                     \
		assert_string_equal(queue_got, want);                                    \
	} while (0)

/* The queue gives out ids above those that the audit knows, as the daemon sees to it. */
static inline void fixture_raise_ids(void)
{
	AUTO(free_ptr) char *path = fixture_path("queue/queue.db");
	sqlite3 *db;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(
		sqlite3_exec(db,
			"INSERT OR REPLACE INTO sqlite_sequence (rowid, name, seq)"
			" SELECT rowid, name, 100 FROM sqlite_sequence"
			" WHERE name = 'job'",
			NULL, NULL, NULL),
		SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* ---- turns of the ledger ---- */

static inline void fixture_begin(struct ledger *ledger, int64_t wall_ms)
{
	const struct now now = {.mono_ms = 1000000, .wall_ms = wall_ms};

	OK(ledger_begin(ledger, now, &err));
}

static inline void fixture_commit(struct ledger *ledger)
{
	OK(ledger_commit(ledger, &err));
}

/* Takes the job, sends it, and answers it with the token (or, without one, fails it). */
static inline void fixture_do_create(
	struct ledger *ledger, struct job *job, const char *token_id)
{
	struct ledger_outcome outcome = {.event = EVENT_ANSWERED,
		.effect = token_id ? EFFECT_APPLIED : EFFECT_NONE,
		.state = token_id ? JOB_SUCCEEDED : JOB_FAILED,
		.result = token_id ? JOB_RESULT_CREATED : JOB_RESULT_NOT_FOUND,
		.token_valid = token_id != NULL};
	AUTO(answer) struct answer answer = ANSWER_NULL;
	AUTO(free_ptr)
	char *detail = xasprintf("{\"id\":%lld,\"priority\":%d,\"submitted_at\":\"%s\"}",
		(long long)job->id, job->priority, job->submitted_at);
	const bool keyed = job->idempotency_key != NULL;

	if (token_id)
		answer = scratch_token_answer(token_id, job->user_id);
	else
		answer = (struct answer){.kind = ANSWER_REPLY,
			.http_status = 404,
			.error_code = xstrdup("resource_not_found"),
			.error_message = xstrdup("no such user"),
			.retry_after_ms = -1};
	fixture_begin(ledger, FIXTURE_NOON);
	OK(ledger_accept(ledger, job, keyed ? "{}" : detail, &err));
	OK(ledger_sent(ledger, job, &err));
	fixture_commit(ledger);
	fixture_begin(ledger, FIXTURE_NOON + 1000);
	job->tries++;
	OK(ledger_answered(ledger, job, &answer, &outcome, &err));
	fixture_commit(ledger);
}

/* A create of user_N in a batch, with reference ref-N. */
static inline struct job fixture_job(int64_t id, const char *batch)
{
	AUTO(free_ptr) char *user = xasprintf("user_%lld", (long long)id);
	struct job job = scratch_create(id, user);

	free(job.batch);
	job.batch = xstrdup(batch);
	free(job.reference);
	job.reference = xasprintf("ref-%lld", (long long)id);
	return job;
}
