/* The ledger on real files: every move with its audit row, the chain, crashes between the
 * two commits, restored copies. */
#include "base/mem.h"
#include "scratch.h"
#include "store/chain.h"

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

#define OK(call)                                                                         \
	do {                                                                             \
		struct error err = ERROR_NULL;                                           \
		int ok_rc = (call);                                                      \
		if (ok_rc != 0)                                                          \
			fail_msg("%s: %d %s", #call, ok_rc, err.text);                   \
	} while (0)

static const struct now noon = {.mono_ms = 1000000, .wall_ms = 1767355200000};

static int setup(void **state)
{
	*state = (void *)scratch_make();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	scratch_remove();
	return 0;
}

static void begin(struct ledger *ledger)
{
	OK(ledger_begin(ledger, noon, &err));
}

static void commit(struct ledger *ledger)
{
	OK(ledger_commit(ledger, &err));
}

/* Accepts one create and sends it; *ret_job is running. */
static void send_create(struct ledger *ledger, int64_t id, struct job *ret_job)
{
	*ret_job = scratch_create(id, "user_1");
	begin(ledger);
	OK(ledger_accept(ledger, ret_job, "{}", &err));
	OK(ledger_sent(ledger, ret_job, &err));
	commit(ledger);
}

static const struct ledger_outcome created = {.event = EVENT_ANSWERED,
	.effect = EFFECT_APPLIED,
	.state = JOB_SUCCEEDED,
	.result = JOB_RESULT_CREATED,
	.token_valid = true};

static void answer_create(
	struct ledger *ledger, const struct job *job, const char *token_id)
{
	struct answer answer = scratch_token_answer(token_id, "user_1");

	begin(ledger);
	OK(ledger_answered(ledger, job, &answer, &created, &err));
	commit(ledger);
	answer_deinit(&answer);
}

/* Recomputes the chain by the columns' names as the table has them. */
static void check_chain(void)
{
	AUTO(free_ptr) char *path = NULL;
	unsigned char hash[CHAIN_HASH_LEN];
	char hex[CHAIN_HEX_LEN];
	sqlite3_stmt *stmt;
	sqlite3 *db;
	int64_t n = 0;

	path = xasprintf("%s/audit/audit.db", scratch_folder());
	assert_int_equal(
		sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(
				 db, "SELECT * FROM audit ORDER BY seq", -1, &stmt, NULL),
		SQLITE_OK);
	chain_genesis(hash);
	for (; sqlite3_step(stmt) == SQLITE_ROW; n++) {
		struct chain chain;
		int last = sqlite3_column_count(stmt) - 1;

		assert_int_equal(sqlite3_column_int64(stmt, 0), n + 1);
		chain_begin(&chain, hash);
		for (int i = 0; i < last; i++) {
			const char *name = sqlite3_column_name(stmt, i);

			if (sqlite3_column_type(stmt, i) == SQLITE_INTEGER)
				chain_int(&chain, name, sqlite3_column_int64(stmt, i));
			else
				chain_text(&chain, name,
					(const char *)sqlite3_column_text(stmt, i));
		}
		chain_end(&chain, hash);
		chain_hex(hash, hex);
		assert_string_equal(hex, sqlite3_column_text(stmt, last));
	}
	(void)sqlite3_finalize(stmt);
	(void)sqlite3_close(db);
	assert_true(n > 0);
}

/* The example of doc/audit-chain.md, computed with sha256sum. */
static void test_chain_example(void **state)
{
	unsigned char hash[CHAIN_HASH_LEN];
	char hex[CHAIN_HEX_LEN];
	struct chain chain;

	(void)state;
	chain_genesis(hash);
	chain_hex(hash, hex);
	assert_string_equal(
		hex, "6e5802462459ca748f6ac8061a5e696e640ba20c51357c02054cffff7fbdee89");
	chain_begin(&chain, hash);
	chain_int(&chain, "seq", 1);
	chain_text(&chain, "at", "2026-01-02 03:04:05.006");
	chain_text(&chain, "event", "started");
	chain_text(&chain, "detail", "{}");
	chain_end(&chain, hash);
	chain_hex(hash, hex);
	assert_string_equal(
		hex, "a7a8646639084b90818fa15d76a96d89847196b6de231a990e576bd012ab4d04");
}

static void test_create_from_queue_to_token(void **state)
{
	struct ledger *ledger = scratch_ledger();
	struct job job;

	(void)state;
	send_create(ledger, 7, &job);
	assert_int_equal(job.attempts, 1);
	scratch_expect("audit", "SELECT state FROM job WHERE id = 7", "running");
	answer_create(ledger, &job, "sit_7");
	scratch_expect("audit",
		"SELECT group_concat(event || ':' || coalesce(job_state,'')) FROM audit",
		"accepted:queued,sent:running,answered:succeeded");
	scratch_expect("audit",
		"SELECT state || result || attempts || sign_in_token_id FROM job",
		"succeededcreated1sit_7");
	scratch_expect("audit",
		"SELECT status || ' ' || expires_at || ' ' || life FROM token",
		"pending 2026-02-01 03:04:05.000 expired, use not known");
	scratch_expect(
		"tokens", "SELECT token FROM secret WHERE job_id = 7", "secret-sit_7");
	scratch_expect("audit", "SELECT jobs FROM tally WHERE state = 'succeeded'", "1");
	assert_int_equal(ledger_tally(ledger, JOB_CREATE, JOB_SUCCEEDED), 1);
	assert_int_equal(ledger_tally(ledger, JOB_CREATE, JOB_QUEUED), 0);
	check_chain();
	job_deinit(&job);
	ledger_free(ledger);
}

static void test_audit_refuses_changes(void **state)
{
	static const char *const changes[] = {
		"UPDATE audit SET event = 'x'",
		"DELETE FROM audit",
		"REPLACE INTO audit (seq, at, event, hash) VALUES (1, '', '', '')",
	};
	struct ledger *ledger = scratch_ledger();
	AUTO(free_ptr) char *path = xasprintf("%s/audit/audit.db", scratch_folder());
	struct job job;
	sqlite3 *db;

	(void)state;
	send_create(ledger, 1, &job);
	job_deinit(&job);
	ledger_free(ledger);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
		assert_int_equal(sqlite3_exec(db, changes[i], NULL, NULL, NULL),
			SQLITE_CONSTRAINT);
		assert_string_equal(sqlite3_errmsg(db), "the audit is append-only");
	}
	(void)sqlite3_close(db);
	check_chain();
}

static void test_a_second_answer_moves_nothing(void **state)
{
	struct ledger *ledger = scratch_ledger();
	struct answer answer = scratch_token_answer("sit_other", "user_1");
	struct error err = ERROR_NULL;
	struct job job;

	(void)state;
	send_create(ledger, 1, &job);
	answer_create(ledger, &job, "sit_1");
	begin(ledger);
	assert_int_equal(
		ledger_answered(ledger, &job, &answer, &created, &err), LEDGER_E_MOVED);
	commit(ledger);
	scratch_expect("audit", "SELECT count(*) FROM sign_in_token", "1");
	answer_deinit(&answer);
	job_deinit(&job);
	ledger_free(ledger);
}

static void test_known_token_id_is_refused(void **state)
{
	struct ledger *ledger = scratch_ledger();
	struct answer answer = scratch_token_answer("sit_1", "user_1");
	struct error err = ERROR_NULL;
	struct job first, second;

	(void)state;
	send_create(ledger, 1, &first);
	answer_create(ledger, &first, "sit_1");
	send_create(ledger, 2, &second);
	begin(ledger);
	assert_int_equal(ledger_answered(ledger, &second, &answer, &created, &err),
		LEDGER_E_REFUSED);
	commit(ledger);
	scratch_expect("audit", "SELECT state FROM job WHERE id = 2", "running");
	scratch_expect("audit", "SELECT max(seq) FROM audit", "5");
	check_chain();
	answer_deinit(&answer);
	job_deinit(&first);
	job_deinit(&second);
	ledger_free(ledger);
}

static void test_rollback_takes_memory_back(void **state)
{
	struct ledger *ledger = scratch_ledger();
	struct job job = scratch_create(3, "user_1");
	char hex[CHAIN_HEX_LEN];

	(void)state;
	begin(ledger);
	OK(ledger_accept(ledger, &job, "{}", &err));
	ledger_progress(ledger)->cursor.job = 3;
	ledger_rollback(ledger);
	assert_int_equal(ledger_head(ledger, hex), 0);
	assert_int_equal(ledger_tally(ledger, JOB_CREATE, JOB_QUEUED), 0);
	assert_int_equal(ledger_progress(ledger)->cursor.job, 0);
	begin(ledger);
	OK(ledger_accept(ledger, &job, "{}", &err));
	commit(ledger);
	scratch_expect("audit", "SELECT count(*) FROM audit", "1");
	check_chain();
	job_deinit(&job);
	ledger_free(ledger);
}

/* tokens.db commits first: killed between the two, the answer is found there. */
static void test_answer_found_in_tokens(void **state)
{
	struct ledger *ledger = scratch_ledger();
	struct answer answer = scratch_token_answer("sit_1", "user_1");
	struct answer found = ANSWER_NULL;
	struct job job;

	(void)state;
	send_create(ledger, 1, &job);
	begin(ledger);
	OK(ledger_answered(ledger, &job, &answer, &created, &err));
	commit(ledger);
	OK(ledger_found_secret(ledger, &job, &found, &err));
	assert_string_equal(found.token.id, "sit_1");
	assert_string_equal(found.token.token.text, "secret-sit_1");
	job.attempts = 2;
	answer_deinit(&found);
	assert_int_equal(ledger_found_secret(ledger, &job, &found, NULL), LEDGER_E_NONE);
	answer_deinit(&answer);
	job_deinit(&job);
	ledger_free(ledger);
}

/* Killed after `purged` was committed: the next start takes the secret out. */
static void test_a_purge_is_carried_out_at_the_next_start(void **state)
{
	struct ledger *ledger = scratch_ledger();
	struct job create;
	int n;

	(void)state;
	OK(ledger_tidy(ledger, false, &err));
	send_create(ledger, 1, &create);
	answer_create(ledger, &create, "sit_1");
	begin(ledger);
	OK(ledger_purge(ledger, 0, INT64_MAX, 10, &n, &err));
	assert_int_equal(n, 1);
	commit(ledger);
	ledger_free(ledger);
	ledger = scratch_ledger();
	begin(ledger);
	OK(ledger_note(ledger, EVENT_STARTED, "{}", &err));
	commit(ledger);
	scratch_expect("tokens", "SELECT count(*) FROM secret", "1");
	OK(ledger_tidy(ledger, false, &err));
	scratch_expect("tokens", "SELECT count(*) FROM secret", "0");
	job_deinit(&create);
	ledger_free(ledger);
}

/* A create, and the revoke of its token. */
static void create_and_revoke(struct ledger *ledger)
{
	static const struct ledger_outcome revoked = {.event = EVENT_ANSWERED,
		.effect = EFFECT_APPLIED,
		.state = JOB_SUCCEEDED,
		.result = JOB_RESULT_REVOKED,
		.token_valid = true};
	struct answer answer = scratch_token_answer("sit_1", "user_1");
	struct job create, revoke = scratch_revoke(2, "sit_1");

	send_create(ledger, 1, &create);
	answer_create(ledger, &create, "sit_1");
	begin(ledger);
	OK(ledger_accept(ledger, &revoke, "{}", &err));
	OK(ledger_sent(ledger, &revoke, &err));
	commit(ledger);
	answer.token.status = TOKEN_REVOKED;
	begin(ledger);
	OK(ledger_answered(ledger, &revoke, &answer, &revoked, &err));
	commit(ledger);
	scratch_expect("tokens", "SELECT count(*) FROM secret", "1");
	answer_deinit(&answer);
	job_deinit(&create);
	job_deinit(&revoke);
}

/* A revoked token's secret: `purged` first, then the row, and it is out of the WAL too.
 */
static void test_revoke_purges_the_secret(void **state)
{
	struct ledger *ledger = scratch_ledger();

	(void)state;
	create_and_revoke(ledger);
	OK(ledger_tidy(ledger, false, &err));
	scratch_expect("tokens", "SELECT count(*) FROM secret", "0");
	scratch_expect("audit", "SELECT life || revoke_job_id FROM token", "revoked2");
	scratch_expect("audit",
		"SELECT sign_in_token_id || job_id || detail FROM audit WHERE event = "
		"'purged'",
		"sit_12{\"why\":\"revoked\"}");
	{
		AUTO(free_ptr)
		char *command =
			xasprintf("! grep -rq secret-sit_1 '%s/tokens' '%s/audit'",
				scratch_folder(), scratch_folder());
		assert_int_equal(system(command), 0);
	}
	ledger_free(ledger);
}

/* A start as the daemon makes it: a turn is written before purges are carried out. */
static void start_again(void)
{
	struct ledger *ledger = scratch_ledger();

	begin(ledger);
	OK(ledger_note(ledger, EVENT_STARTED, "{}", &err));
	commit(ledger);
	OK(ledger_tidy(ledger, false, &err));
	ledger_free(ledger);
}

/* Copies a folder while nothing is open. */
static void copy_folder(const char *from, const char *to)
{
	AUTO(free_ptr)
	char *command = xasprintf("rm -rf '%s/%s' && cp -a '%s/%s' '%s/%s'",
		scratch_folder(), to, scratch_folder(), from, scratch_folder(), to);

	assert_int_equal(system(command), 0);
}

/* An older tokens.db has secrets again that were purged since. */
static void test_yesterdays_tokens_are_purged_again(void **state)
{
	struct ledger *ledger = scratch_ledger();
	struct job job;

	(void)state;
	create_and_revoke(ledger);
	copy_folder("tokens", "yesterday");
	OK(ledger_tidy(ledger, false, &err));
	send_create(ledger, 3, &job);
	answer_create(ledger, &job, "sit_3");
	job_deinit(&job);
	ledger_free(ledger);
	scratch_expect(
		"tokens", "SELECT group_concat(sign_in_token_id) FROM secret", "sit_3");
	copy_folder("yesterday", "tokens");
	scratch_expect(
		"tokens", "SELECT group_concat(sign_in_token_id) FROM secret", "sit_1");
	start_again();
	scratch_expect("tokens", "SELECT count(*) FROM secret", "0");
}

/* An id that was given out twice: the answer to the other user's create is not taken. */
static void test_another_users_answer_is_not_found(void **state)
{
	struct ledger *ledger = scratch_ledger();
	struct answer answer = ANSWER_NULL;
	struct job job;

	(void)state;
	send_create(ledger, 1, &job);
	answer_create(ledger, &job, "sit_1");
	OK(ledger_found_secret(ledger, &job, &answer, &err));
	answer_deinit(&answer);
	free(job.user_id);
	job.user_id = xstrdup("user_2");
	assert_int_equal(ledger_found_secret(ledger, &job, &answer, NULL), LEDGER_E_NONE);
	job_deinit(&job);
	ledger_free(ledger);
}

/* fault: D8 */
/* An audit that was restored sends the attempt again: the answer that it had before is
 * not the answer to it. */
static void test_an_answer_from_before_the_attempt_is_not_found(void **state)
{
	struct ledger *ledger = scratch_ledger();
	struct answer answer = scratch_token_answer("sit_1", "user_1");
	struct job job;

	(void)state;
	send_create(ledger, 1, &job);
	answer.received.wall_ms = noon.wall_ms - 1;
	begin(ledger);
	OK(ledger_answered(ledger, &job, &answer, &created, &err));
	commit(ledger);
	answer_deinit(&answer);
	assert_int_equal(ledger_found_secret(ledger, &job, &answer, NULL), LEDGER_E_NONE);
	job_deinit(&job);
	ledger_free(ledger);
}

/* Puts back the audit of before a create whose secret tokens.db has. */
static void restore_audit(void)
{
	struct ledger *ledger = scratch_ledger();
	struct job job;

	ledger_free(ledger);
	copy_folder("audit", "yesterday");
	ledger = scratch_ledger();
	send_create(ledger, 2, &job);
	answer_create(ledger, &job, "sit_2");
	OK(ledger_set_mark(ledger, &err));
	job_deinit(&job);
	ledger_free(ledger);
	copy_folder("yesterday", "audit");
}

/* A start that accepts a restored audit, as the daemon makes it. */
static struct ledger *accept_restore(void)
{
	struct ledger_options options = {
		.state_directory = scratch_folder(), .accept_restore = true};
	struct ledger *ledger;

	OK(ledger_open(&options, &ledger, &err));
	assert_true(ledger_was_restored(ledger));
	begin(ledger);
	OK(ledger_note(ledger, EVENT_STARTED, "{}", &err));
	commit(ledger);
	OK(ledger_tidy(ledger, false, &err));
	OK(ledger_set_mark(ledger, &err));
	return ledger;
}

/* Killed before it wrote anything into tokens.db: the next start asks for nothing. */
/* fault: D8 */
static void test_an_accepted_restore_is_accepted_once(void **state)
{
	struct ledger *ledger;

	(void)state;
	restore_audit();
	ledger_free(accept_restore());
	ledger = scratch_ledger();
	assert_false(ledger_was_restored(ledger));
	ledger_free(ledger);
}

/* A secret whose token the restored audit lacks is kept no longer than others. */
static void test_a_secret_that_the_audit_lacks_is_purged(void **state)
{
	struct ledger *ledger;
	int n;

	(void)state;
	restore_audit();
	ledger = accept_restore();
	for (int i = 0; i < 2; i++) {
		begin(ledger);
		OK(ledger_purge(ledger, 0, INT64_MAX, 10, &n, &err));
		assert_int_equal(n, 1 - i);
		commit(ledger);
		OK(ledger_tidy(ledger, false, &err));
		scratch_expect("tokens", "SELECT count(*) FROM secret", "0");
	}
	scratch_expect("audit",
		"SELECT group_concat(sign_in_token_id || detail) FROM audit WHERE event "
		"= 'purged'",
		"sit_2{\"why\":\"retention\",\"token\":\"unknown\"}");
	ledger_free(ledger);
}

static bool tokens_hold(const char *text)
{
	AUTO(free_ptr)
	char *command = xasprintf("grep -rq %s '%s/tokens'", text, scratch_folder());

	return system(command) == 0;
}

/* Purges while a reader keeps the WAL from being emptied. */
static struct ledger *purge_under_a_reader(sqlite3 **ret_reader)
{
	struct ledger *ledger = scratch_ledger();
	AUTO(free_ptr) char *path = xasprintf("%s/tokens/tokens.db", scratch_folder());

	OK(ledger_tidy(ledger, false, &err));
	create_and_revoke(ledger);
	assert_int_equal(
		sqlite3_open_v2(path, ret_reader, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_exec(*ret_reader, "BEGIN; SELECT * FROM secret", NULL,
				 NULL, NULL),
		SQLITE_OK);
	OK(ledger_tidy(ledger, false, &err));
	assert_true(ledger_has_remains(ledger));
	assert_true(tokens_hold("secret-sit_1"));
	return ledger;
}

/* The reader is gone, and nothing more is written: when idle the WAL is emptied. */
static void test_what_a_reader_kept_goes_when_idle(void **state)
{
	sqlite3 *reader;
	struct ledger *ledger = purge_under_a_reader(&reader);

	(void)state;
	(void)sqlite3_close(reader);
	OK(ledger_tidy(ledger, true, &err));
	assert_false(ledger_has_remains(ledger));
	assert_false(tokens_hold("secret-sit_1"));
	ledger_free(ledger);
}

/* Killed meanwhile: nobody knows of it any more, so every start empties the WAL. */
static void test_what_a_reader_kept_goes_at_the_next_start(void **state)
{
	sqlite3 *reader;
	struct ledger *ledger = purge_under_a_reader(&reader);

	(void)state;
	/* `purged` counts as carried out from the next turn on. */
	begin(ledger);
	OK(ledger_note(ledger, EVENT_RELOADED, "{}", &err));
	commit(ledger);
	ledger_free(ledger);
	(void)sqlite3_close(reader);
	start_again();
	assert_false(tokens_hold("secret-sit_1"));
}

static void test_yesterdays_audit_is_refused(void **state)
{
	struct ledger *ledger = scratch_ledger();
	struct ledger_options options = {.state_directory = scratch_folder()};
	struct error fault = ERROR_NULL;
	struct job job;

	(void)state;
	send_create(ledger, 1, &job);
	job_deinit(&job);
	ledger_free(ledger);
	copy_folder("audit", "yesterday");
	ledger = scratch_ledger();
	send_create(ledger, 2, &job);
	answer_create(ledger, &job, "sit_2");
	OK(ledger_set_mark(ledger, &err));
	job_deinit(&job);
	ledger_free(ledger);
	copy_folder("yesterday", "audit");
	assert_int_equal(ledger_open(&options, &ledger, &fault), LEDGER_E_RESTORED);
	assert_non_null(strstr(fault.text, "went backwards"));
	assert_non_null(strstr(fault.text, "--accept-restore"));
	options.accept_restore = true;
	assert_int_equal(ledger_open(&options, &ledger, &fault), 0);
	assert_true(ledger_was_restored(ledger));
	ledger_free(ledger);
}

/* Killed between the two commits of a turn that took a job in as well: tokens.db knows no
 * more of the audit than stood there before. */
static void test_a_kill_between_the_commits_is_no_restored_copy(void **state)
{
	struct ledger *ledger = scratch_ledger();
	struct answer answer = scratch_token_answer("sit_1", "user_1");
	struct job job, later = scratch_create(2, "user_2");

	(void)state;
	send_create(ledger, 1, &job);
	ledger_free(ledger);
	copy_folder("audit", "before");
	ledger = scratch_ledger();
	begin(ledger);
	OK(ledger_accept(ledger, &later, "{}", &err));
	OK(ledger_answered(ledger, &job, &answer, &created, &err));
	commit(ledger);
	ledger_free(ledger);
	copy_folder("before", "audit");
	ledger = scratch_ledger();
	assert_false(ledger_was_restored(ledger));
	answer_deinit(&answer);
	job_deinit(&job);
	job_deinit(&later);
	ledger_free(ledger);
}

static void test_newer_schema_is_refused(void **state)
{
	struct ledger *ledger = scratch_ledger();
	struct ledger_options options = {.state_directory = scratch_folder()};
	AUTO(free_ptr) char *path = xasprintf("%s/audit/audit.db", scratch_folder());
	struct error err = ERROR_NULL;
	sqlite3 *db;

	(void)state;
	ledger_free(ledger);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "PRAGMA user_version = 99", NULL, NULL, NULL),
		SQLITE_OK);
	(void)sqlite3_close(db);
	assert_true(ledger_open(&options, &ledger, &err) < 0);
	assert_non_null(strstr(err.text, "schema 99 is newer"));
}

static void test_foreign_file_is_refused(void **state)
{
	struct ledger_options options = {.state_directory = scratch_folder()};
	AUTO(free_ptr) char *path = xasprintf("%s/audit/audit.db", scratch_folder());
	struct error fault = ERROR_NULL;
	struct ledger *ledger;
	sqlite3 *db;

	(void)state;
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(
		sqlite3_exec(db, "CREATE TABLE t (x)", NULL, NULL, NULL), SQLITE_OK);
	(void)sqlite3_close(db);
	assert_true(ledger_open(&options, &ledger, &fault) < 0);
	assert_non_null(strstr(fault.text, "this is not a audit.db of clerk-tokend"));
}

/* ---- the order of sending ---- */

struct pick_case {
	int64_t id;
	bool revoke;
	int priority;
	int64_t not_before_ms;
};

static void accept_cases(struct ledger *ledger, const struct pick_case *cases, size_t n)
{
	begin(ledger);
	for (size_t i = 0; i < n; i++) {
		struct job job = cases[i].revoke ? scratch_revoke(cases[i].id, "sit_1")
						 : scratch_create(cases[i].id, "user_1");

		job.priority = cases[i].priority;
		job.not_before_ms = cases[i].not_before_ms;
		OK(ledger_accept(ledger, &job, "{}", &err));
		job_deinit(&job);
	}
	commit(ledger);
}

static void expect_pick(struct ledger *ledger, struct ledger_pick pick, const char *want)
{
	struct job jobs[16];
	char got[200] = "";
	int n;

	pick.now_ms = noon.wall_ms;
	begin(ledger);
	OK(ledger_pick(ledger, &pick, jobs, 16, &n, &err));
	for (int i = 0; i < n; i++) {
		(void)snprintf(got + strlen(got), sizeof(got) - strlen(got), "%lld ",
			(long long)jobs[i].id);
		job_deinit(&jobs[i]);
	}
	commit(ledger);
	assert_string_equal(got, want);
}

static bool skip_even(void *userdata, const struct job *job)
{
	(void)userdata;
	return job->id % 2 == 0;
}

static void test_order_of_sending(void **state)
{
	const struct pick_case cases[] = {
		{.id = 1, .priority = 0},
		{.id = 2, .priority = 0},
		{.id = 3, .priority = -10},
		{.id = 4, .revoke = true, .priority = 10},
		{.id = 5, .priority = 10, .not_before_ms = 1},
		{.id = 6, .revoke = true, .priority = 0},
		{.id = 7, .priority = 100, .not_before_ms = noon.wall_ms + 1},
	};
	const unsigned both = 1u << JOB_CREATE | 1u << JOB_REVOKE;
	struct ledger *ledger = scratch_ledger();
	int64_t due, urgent;

	(void)state;
	accept_cases(ledger, cases, ARRAY_LEN(cases));
	expect_pick(ledger,
		(struct ledger_pick){.actions = both, .n_urgent = 9, .n_normal = 9},
		"4 5 1 2 6 3 ");
	expect_pick(ledger,
		(struct ledger_pick){.actions = both, .n_urgent = 9, .n_normal = 3},
		"4 5 1 ");
	expect_pick(ledger,
		(struct ledger_pick){.actions = both, .n_urgent = 9, .n_normal = 0},
		"4 5 ");
	expect_pick(ledger,
		(struct ledger_pick){.actions = both, .n_urgent = 1, .n_normal = 0},
		"4 ");
	expect_pick(ledger,
		(struct ledger_pick){
			.actions = 1u << JOB_CREATE, .n_urgent = 9, .n_normal = 9},
		"5 1 2 3 ");
	expect_pick(ledger,
		(struct ledger_pick){
			.actions = both, .n_urgent = 9, .n_normal = 9, .skip = skip_even},
		"5 1 3 ");
	expect_pick(ledger,
		(struct ledger_pick){
			.actions = both, .probe = true, .probe_first = JOB_REVOKE},
		"4 ");
	expect_pick(ledger,
		(struct ledger_pick){
			.actions = both, .probe = true, .probe_first = JOB_CREATE},
		"5 ");
	expect_pick(ledger,
		(struct ledger_pick){.actions = 1u << JOB_CREATE,
			.probe = true,
			.probe_first = JOB_REVOKE},
		"5 ");
	OK(ledger_next_due(ledger, 1u << JOB_CREATE, &due, &urgent, &err));
	assert_int_equal(due, noon.wall_ms);
	ledger_free(ledger);
}

/* Every statement that runs in a turn over a large table uses an index. */
static void test_hot_queries_use_an_index(void **state)
{
	static const char *const plans[] = {
		"SELECT id FROM job WHERE state='queued' AND parked=0 AND "
		"action='create' AND "
		"priority=0 AND due_at<='x' ORDER BY due_at, id LIMIT 1",
		"SELECT priority FROM job WHERE state='queued' AND parked=0 AND "
		"action='create' AND priority<5 ORDER BY priority DESC LIMIT 1",
		"SELECT id FROM job WHERE batch='b' AND state='queued' AND id>1 AND "
		"id<=9 "
		"ORDER BY id LIMIT 9",
	};
	struct ledger *ledger = scratch_ledger();

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(plans); i++) {
		AUTO(free_ptr) char *sql = xasprintf("EXPLAIN QUERY PLAN %s", plans[i]);
		AUTO(free_ptr)
		char *path = xasprintf("%s/audit/audit.db", scratch_folder());
		sqlite3_stmt *stmt;
		sqlite3 *db;

		assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL),
			SQLITE_OK);
		assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
		while (sqlite3_step(stmt) == SQLITE_ROW) {
			const char *plan = (const char *)sqlite3_column_text(stmt, 3);

			assert_null(strstr(plan, "SCAN"));
			assert_null(strstr(plan, "TEMP B-TREE"));
		}
		(void)sqlite3_finalize(stmt);
		(void)sqlite3_close(db);
	}
	ledger_free(ledger);
}

/* ---- commands ---- */

static void accept_batch(struct ledger *ledger, int n)
{
	begin(ledger);
	for (int i = 1; i <= n; i++) {
		struct job job = scratch_create(i, "user_1");

		job.batch = xstrdup("b");
		OK(ledger_accept(ledger, &job, "{}", &err));
		job_deinit(&job);
	}
	commit(ledger);
}

static void test_commands_work_in_steps(void **state)
{
	struct ledger *ledger = scratch_ledger();
	struct ledger_command command = {.id = 1,
		.verb = QUEUE_CANCEL,
		.batch = xstrdup("b"),
		.action = -1,
		.requested_by = xstrdup("ana"),
		.max_job_id = 4};
	bool done;

	(void)state;
	accept_batch(ledger, 5);
	begin(ledger);
	OK(ledger_command_begin(ledger, &command, &err));
	OK(ledger_command_step(ledger, &command, 3, &done, &err));
	assert_false(done);
	commit(ledger);
	scratch_expect(
		"audit", "SELECT count(*) FROM job WHERE state = 'cancelled'", "3");
	scratch_expect("audit", "SELECT state || affected FROM command", "running3");
	begin(ledger);
	OK(ledger_command_step(ledger, &command, 3, &done, &err));
	assert_true(done);
	OK(ledger_command_end(ledger, &command, false, "4 jobs cancelled", &err));
	commit(ledger);
	scratch_expect("audit", "SELECT group_concat(state) FROM job",
		"cancelled,cancelled,cancelled,cancelled,queued");
	scratch_expect("audit", "SELECT state || affected || message FROM command",
		"done44 jobs cancelled");
	check_chain();
	ledger_command_deinit(&command);
	ledger_free(ledger);
}

static void test_retry_starts_afresh(void **state)
{
	static const struct ledger_outcome failed = {.event = EVENT_ANSWERED,
		.effect = EFFECT_NONE,
		.state = JOB_FAILED,
		.result = JOB_RESULT_GAVE_UP};
	struct ledger *ledger = scratch_ledger();
	struct answer answer = ANSWER_NULL;
	struct error fault = ERROR_NULL;
	enum job_state was;
	struct job job;

	(void)state;
	send_create(ledger, 1, &job);
	answer.http_status = 500;
	job.tries = 10;
	begin(ledger);
	OK(ledger_answered(ledger, &job, &answer, &failed, &err));
	assert_int_equal(ledger_cancel_job(ledger, 1, 1, &was, &fault), LEDGER_E_MOVED);
	assert_int_equal(was, JOB_FAILED);
	OK(ledger_retry_job(ledger, 1, 2, &was, &err));
	assert_int_equal(ledger_retry_job(ledger, 1, 3, &was, &fault), LEDGER_E_MOVED);
	assert_int_equal(ledger_retry_job(ledger, 99, 4, &was, &fault), LEDGER_E_NONE);
	commit(ledger);
	scratch_expect("audit",
		"SELECT state || tries || attempts || age_from || coalesce(result,'-') "
		"FROM job",
		"queued01-1-");
	check_chain();
	job_deinit(&job);
	ledger_free(ledger);
}

static void test_lapse(void **state)
{
	struct ledger *ledger = scratch_ledger();
	struct job job = scratch_create(1, "user_1");
	int64_t next;
	int n;

	(void)state;
	job.not_after_ms = noon.wall_ms + 5;
	begin(ledger);
	OK(ledger_accept(ledger, &job, "{}", &err));
	OK(ledger_next_lapse(ledger, &next, &err));
	assert_int_equal(next, noon.wall_ms + 5);
	OK(ledger_lapse(ledger, noon.wall_ms + 4, 10, &n, &err));
	assert_int_equal(n, 0);
	OK(ledger_lapse(ledger, noon.wall_ms + 5, 10, &n, &err));
	assert_int_equal(n, 1);
	commit(ledger);
	scratch_expect("audit", "SELECT state || result FROM job", "lapsedlapsed");
	job_deinit(&job);
	ledger_free(ledger);
}

static void test_key_is_one_job_for_ever(void **state)
{
	struct ledger *ledger = scratch_ledger();
	struct job first = scratch_create(1, "user_1"),
		   second = scratch_create(2, "user_1");
	int64_t id;

	(void)state;
	first.idempotency_key = xstrdup("k");
	second.idempotency_key = xstrdup("k");
	begin(ledger);
	OK(ledger_find_key(ledger, "k", &id, &err));
	assert_int_equal(id, 0);
	OK(ledger_accept(ledger, &first, "{}", &err));
	OK(ledger_find_key(ledger, "k", &id, &err));
	assert_int_equal(id, 1);
	OK(ledger_reject(ledger, &second, JOB_RESULT_DUPLICATE_IDEMPOTENCY_KEY, "why",
		"{}", &err));
	commit(ledger);
	scratch_expect("audit", "SELECT group_concat(state) FROM job", "queued,rejected");
	job_deinit(&first);
	job_deinit(&second);
	ledger_free(ledger);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_chain_example),
		TEST(test_create_from_queue_to_token),
		TEST(test_audit_refuses_changes),
		TEST(test_a_second_answer_moves_nothing),
		TEST(test_known_token_id_is_refused),
		TEST(test_rollback_takes_memory_back),
		TEST(test_answer_found_in_tokens),
		TEST(test_a_purge_is_carried_out_at_the_next_start),
		TEST(test_revoke_purges_the_secret),
		TEST(test_yesterdays_audit_is_refused),
		TEST(test_a_kill_between_the_commits_is_no_restored_copy),
		TEST(test_yesterdays_tokens_are_purged_again),
		TEST(test_an_answer_from_before_the_attempt_is_not_found),
		TEST(test_an_accepted_restore_is_accepted_once),
		TEST(test_a_secret_that_the_audit_lacks_is_purged),
		TEST(test_what_a_reader_kept_goes_when_idle),
		TEST(test_what_a_reader_kept_goes_at_the_next_start),
		TEST(test_another_users_answer_is_not_found),
		TEST(test_newer_schema_is_refused),
		TEST(test_foreign_file_is_refused),
		TEST(test_order_of_sending),
		TEST(test_hot_queries_use_an_index),
		TEST(test_commands_work_in_steps),
		TEST(test_retry_starts_afresh),
		TEST(test_lapse),
		TEST(test_key_is_one_job_for_ever),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
