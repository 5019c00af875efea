/* What is lived through while the power goes. */
#include "crash.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void create(struct life *life, const char *user_id)
{
	(void)life_create(life, user_id, "", "", false);
	life_settle(life);
}

static void begin(struct life *life)
{
	life_begin(life);
}

/* A daemon that has run and was stopped: what most scenarios find. */
static void first_run(struct life *life)
{
	life_begin(life);
	life_stop(life);
}

/* ---- the scenarios ---- */

static void play_first_start(struct life *life)
{
	life_begin(life);
	create(life, "user_ok_1");
	life_pass(life, 200);
}

static void play_intake(struct life *life)
{
	begin(life);
	life_sql(life, "BEGIN; INSERT INTO job (action, user_id) VALUES ('create', "
		       "'user_ok_1'), ('create', 'user_ok_2'), ('create', 'user_gone_3');"
		       "INSERT INTO job (action, sign_in_token_id) VALUES ('revoke', "
		       "'sit_nobodys'); COMMIT");
	life_settle(life);
	(void)life_create(life, "user_ok_5", ", priority", ", 5", true);
	(void)life_create(life, "user_ok_6", "", "", false);
	life_settle(life);
}

static void play_created(struct life *life)
{
	begin(life);
	create(life, "user_ok_1");
	life_pass(life, 100);
	create(life, "user_ok_2");
	create(life, "user_ok_3");
	life_pass(life, 100);
}

static void prepare_revoke(struct life *life)
{
	life_begin(life);
	create(life, "user_ok_1");
	create(life, "user_keep_2");
	life_pass(life, 1000);
	life_stop(life);
}

static void play_revoked(struct life *life)
{
	begin(life);
	(void)life_revoke(life, 1);
	life_settle(life);
	life_pass(life, 100);
	/* The answer to this one is lost: sent again, it is revoked already. */
	(void)life_revoke(life, 2);
	life_settle(life);
	life_pass(life, 5000);
}

static void play_unknown(struct life *life)
{
	begin(life);
	create(life, "user_lost_1");
	create(life, "user_deaf_2");
	life_pass(life, 3000);
}

static void configure_one_unknown(struct config *config)
{
	config->retry_max_unknown_attempts = 1;
}

static void play_retries(struct life *life)
{
	begin(life);
	create(life, "user_busy_1");
	create(life, "user_down_2");
	create(life, "user_limit_3");
	life_pass(life, 12000);
}

static void play_commands(struct life *life)
{
	begin(life);
	life_sql(life, "INSERT INTO command (verb) VALUES ('pause')");
	life_settle(life);
	create(life, "user_ok_1");
	create(life, "user_ok_2");
	create(life, "user_gone_3");
	life_sql(life, "INSERT INTO command (verb, job_id) VALUES ('cancel', 1)");
	life_settle(life);
	life_sql(life, "INSERT INTO command (verb) VALUES ('resume')");
	life_settle(life);
	life_pass(life, 200);
	life_sql(life,
		"INSERT INTO command (verb, job_id) VALUES ('retry', 1), ('retry', "
		"3), ('cancel', 2)");
	life_settle(life);
	life_pass(life, 200);
}

static void play_batch(struct life *life)
{
	begin(life);
	life_sql(life,
		"BEGIN; INSERT INTO batch (name, release_first, max_failures) VALUES "
		"('b1', 2, 1);"
		"INSERT INTO job (action, user_id, batch) VALUES ('create', 'user_ok_1', "
		"'b1'), ('create', 'user_ok_2', 'b1'), ('create', 'user_gone_3', 'b1'), "
		"('create', 'user_ok_4', 'b1'), ('create', 'user_ok_5', 'b1'); COMMIT");
	life_settle(life);
	life_pass(life, 200);
	life_sql(life, "INSERT INTO command (verb, batch) VALUES ('resume', 'b1')");
	life_settle(life);
	life_pass(life, 200);
	life_sql(life, "INSERT INTO command (verb, batch) VALUES ('pause', 'b1'), "
		       "('cancel', 'b1')");
	life_settle(life);
}

static void configure_purge(struct config *config)
{
	config->retention_secrets_ms = 120000;
}

static void prepare_purge(struct life *life)
{
	life->outside->sweeps = true;
	life_begin(life);
	create(life, "user_ok_1");
	create(life, "user_ok_2");
	create(life, "user_ok_3");
	life_pass(life, 1000);
	life_stop(life);
}

static void play_purge(struct life *life)
{
	begin(life);
	(void)life_revoke(life, 1);
	life_settle(life);
	life_pass(life, 10000);
	create(life, "user_ok_5");
	life_pass(life, 250000);
}

/* An auditor's program that reads tokens.db keeps the WAL from being emptied. */
static void play_purge_read(struct life *life)
{
	AUTO(free_ptr) char *path = xasprintf("%s/tokens/tokens.db", life->folder);
	sqlite3 *reader = NULL;

	begin(life);
	if (life->failed || sqlite3_open_v2(path, &reader, SQLITE_OPEN_READONLY, NULL) ||
		sqlite3_exec(reader, "BEGIN; SELECT * FROM secret", NULL, NULL, NULL))
		life_fail(life, "nobody can read tokens.db");
	(void)life_revoke(life, 1);
	life_settle(life);
	life_pass(life, 10000);
	create(life, "user_gone_5");
	life_pass(life, 10000);
	(void)sqlite3_close_v2(reader);
	/* It is gone: with nothing else to do the WAL is emptied. */
	life_pass(life, 130000);
}

static void configure_sweep(struct config *config)
{
	config->retention_queue_ms = 60000;
}

static void prepare_sweep(struct life *life)
{
	life->outside->sweeps = true;
	life_begin(life);
	for (int i = 1; i <= 12; i++) {
		AUTO(free_ptr) char *user = xasprintf("user_ok_%d", i);

		create(life, user);
	}
	life_sql(life, "INSERT INTO command (verb, job_id) VALUES ('cancel', 3)");
	life_settle(life);
	life_pass(life, 1000);
	life_stop(life);
}

static void play_sweep(struct life *life)
{
	life->now.mono_ms += 0;
	life->outside->mono_ms += 3600000;
	life->outside->wall_ms += 3600000;
	begin(life);
	life_pass(life, 70000);
	create(life, "user_ok_13");
	life_pass(life, 3700000);
}

static void play_checkpoint(struct life *life)
{
	begin(life);
	life_sql(life,
		"WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 48) "
		"INSERT INTO job (action, user_id, reason) SELECT 'create', 'user_ok_' "
		"|| "
		"i, hex(zeroblob(990)) FROM n");
	life_settle(life);
	life_pass(life, 400);
	/* The WAL is over its limit after this; then the idle checkpoint. */
	life_pass(life, 5000);
	create(life, "user_ok_49");
	life_pass(life, 5000);
}

static void copy_audit(struct life *life, const char *from, const char *to)
{
	AUTO(free_ptr) char *source = xasprintf("%s/%s", life->folder, from);
	AUTO(free_ptr) char *target = xasprintf("%s/%s", life->folder, to);
	sqlite3 *a = NULL, *b = NULL;
	sqlite3_backup *backup;

	if (sqlite3_open(source, &a) || sqlite3_open(target, &b))
		life_fail(life, "no copy: %s", target);
	backup = sqlite3_backup_init(b, "main", a, "main");
	if (!backup || sqlite3_backup_step(backup, -1) != SQLITE_DONE)
		life_fail(life, "no copy: %s", sqlite3_errmsg(b));
	(void)sqlite3_backup_finish(backup);
	(void)sqlite3_close(a);
	(void)sqlite3_close(b);
}

static void prepare_restore(struct life *life)
{
	struct outside *outside = life->outside;

	life_begin(life);
	create(life, "user_ok_1");
	life_pass(life, 1000);
	life_stop(life);
	copy_audit(life, "audit/audit.db", "tokens/copy.db");
	life_begin(life);
	create(life, "user_gone_2");
	life_pass(life, 1000);
	create(life, "user_ok_3");
	life_pass(life, 1000);
	life_stop(life);
	copy_audit(life, "tokens/copy.db", "audit/audit.db");
	/* The audit knows nothing of these any more, and neither does its anchor. */
	memset(&outside->jobs[2], 0, 2 * sizeof(outside->jobs[2]));
	for (int i = 1; i < outside->n_tokens; i++)
		outside->tokens[i].forgotten = true;
	outside->head_seq = 0;
	outside->accept = true;
}

/* Secrets that the restored audit knows nothing of are kept no longer than others. */
static void prepare_restore_purge(struct life *life)
{
	prepare_restore(life);
	life->outside->sweeps = true;
}

static void play_restore(struct life *life)
{
	begin(life);
	life_pass(life, 500);
	life_sql(life, "INSERT INTO command (verb, job_id) VALUES ('cancel', 2)");
	life_settle(life);
	life_sql(life, "INSERT INTO command (verb) VALUES ('resume')");
	life_settle(life);
	life_pass(life, 5000);
}

static void play_rejected(struct life *life)
{
	begin(life);
	life_sql(life, "INSERT INTO job (action, user_id, idempotency_key) VALUES "
		       "('create', 'user_ok_1', 'k1'), ('create', 'user_ok_2', 'k2')");
	life_settle(life);
	life_sql(life,
		"PRAGMA ignore_check_constraints = ON;"
		"INSERT INTO job (action, user_id) VALUES ('create', '../x'), ('delete', "
		"'user_ok_3'), ('create', NULL);"
		"INSERT INTO job (action, user_id, reason) VALUES ('create', "
		"'user_ok_4', hex(zeroblob(600000)));"
		"INSERT INTO command (verb) VALUES ('dance')");
	life_settle(life);
	life_pass(life, 200);
}

static void play_stop(struct life *life)
{
	begin(life);
	create(life, "user_ok_1");
	life_pass(life, 200);
	create(life, "user_lost_2");
	life_stop(life);
	life_begin(life);
	life_pass(life, 4000);
	life_stop(life);
}

static void play_dead_script(struct life *life)
{
	begin(life);
	create(life, "user_ok_1");
	life_dead_script(life);
	life_settle(life);
	life_pass(life, 200);
	create(life, "user_ok_2");
	life_dead_script(life);
	/* The next script rolls it back before the daemon looks. */
	(void)life_create(life, "user_ok_3", "", "", true);
	life_settle(life);
}

static void prepare_new_queue(struct life *life)
{
	life_begin(life);
	create(life, "user_ok_1");
	create(life, "user_ok_2");
	life_pass(life, 1000);
	life_stop(life);
	life->outside->new_queue = true;
}

static void play_new_queue(struct life *life)
{
	begin(life);
	create(life, "user_ok_3");
	life_pass(life, 200);
}

static void play_times(struct life *life)
{
	begin(life);
	(void)life_create(
		life, "user_ok_1", ", not_after", ", '2026-01-02 12:00:10'", false);
	(void)life_create(
		life, "user_busy_2", ", not_after", ", '2026-01-02 12:00:02'", false);
	(void)life_create(
		life, "user_ok_3", ", not_before", ", '2026-01-02 12:00:04'", false);
	life_sql(life, "INSERT INTO command (verb, until) VALUES ('pause', '2026-01-02 "
		       "12:00:03')");
	life_settle(life);
	life_pass(life, 8000);
}

const struct scenario scenarios[] = {
	{"first-start", NULL, NULL, play_first_start},
	{"intake", NULL, first_run, play_intake},
	{"created", NULL, first_run, play_created},
	{"revoked", NULL, prepare_revoke, play_revoked},
	{"unknown", NULL, first_run, play_unknown},
	{"one-unknown", configure_one_unknown, first_run, play_unknown},
	{"retries", NULL, first_run, play_retries},
	{"commands", NULL, first_run, play_commands},
	{"batch", NULL, first_run, play_batch},
	{"purge", configure_purge, prepare_purge, play_purge},
	{"purge-read", configure_purge, prepare_purge, play_purge_read},
	{"sweep", configure_sweep, prepare_sweep, play_sweep},
	{"checkpoint", NULL, first_run, play_checkpoint},
	{"accept-restore", NULL, prepare_restore, play_restore},
	{"restore-purge", configure_purge, prepare_restore_purge, play_restore},
	{"rejected", NULL, first_run, play_rejected},
	{"stop", NULL, first_run, play_stop},
	{"dead-script", NULL, first_run, play_dead_script},
	{"new-queue", NULL, prepare_new_queue, play_new_queue},
	{"times", NULL, first_run, play_times},
};
const int n_scenarios = (int)ARRAY_LEN(scenarios);
