/* The invariants: while the run goes on, and on both ledgers at its end. */
#include "sim.h"

#include "base/mem.h"
#include "ctl/ctl.h"
#include "ctl/verify.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHAIN_EVERY 16 /* turns */

void sim_check_open(struct sim *sim)
{
	AUTO(free_ptr) char *path = xasprintf("%s/audit/audit.db", sim->options->folder);
	struct error err = ERROR_NULL;

	if (sqlite3_open_v2(path, &sim->reader, SQLITE_OPEN_READONLY, NULL) !=
			SQLITE_OK ||
		sqlite3_prepare_v2(sim->reader,
			"SELECT j.state, j.attempts, count(a.seq), (SELECT count(*) FROM "
			"pause p WHERE p.command_id > -2000000000000 AND (p.batch IS "
			"NULL OR p.batch = j.batch) AND "
			"(p.action IS NULL OR p.action = j.action)) "
			"FROM job j LEFT JOIN audit a ON a.job_id = j.id AND a.event = "
			"'sent' AND a.attempt = ?2 "
			"WHERE j.id = ?1",
			-1, &sim->sent_row, NULL) != SQLITE_OK ||
		sqlite3_prepare_v2(sim->reader,
			"SELECT count(*) FROM audit WHERE job_id = ?1 AND attempt = ?2 "
			"AND "
			"event IN ('answered', 'unanswered')",
			-1, &sim->closing_rows, NULL) != SQLITE_OK)
		sim_fail(sim, "an auditor cannot read: %s", sqlite3_errmsg(sim->reader));
	reader_chain_init(&sim->chain);
	if (reader_open(path, &sim->verifier, &err) != 0)
		sim_fail(sim, "verify: %s", err.text);
}

void sim_check_close(struct sim *sim)
{
	reader_free(sim->verifier);
	sim->verifier = NULL;
	(void)sqlite3_finalize(sim->sent_row);
	(void)sqlite3_finalize(sim->closing_rows);
	(void)sqlite3_close(sim->reader);
	sim->sent_row = sim->closing_rows = NULL;
	sim->reader = NULL;
}

static int nothing(void *userdata, const struct reader_link *link, struct error *err)
{
	(void)userdata;
	(void)link;
	(void)err;
	return 0;
}

void sim_check_chain(struct sim *sim)
{
	struct error err = ERROR_NULL;
	bool more = true;

	while (more && !sim->result->failed)
		if (reader_chain_page(
			    sim->verifier, &sim->chain, nothing, NULL, &more, &err) != 0)
			sim_fail(sim, "I5: row %lld of the chain: %s",
				(long long)sim->chain.seq + 1, err.text);
}

void sim_check_send(struct sim *sim, const struct job *job)
{
	sqlite3_stmt *stmt = sim->sent_row;

	(void)sqlite3_bind_int64(stmt, 1, job->id);
	(void)sqlite3_bind_int64(stmt, 2, job->attempts);
	if (sqlite3_step(stmt) != SQLITE_ROW || sqlite3_column_int64(stmt, 2) != 1)
		sim_fail(sim, "I1: job %lld attempt %d leaves without its sent row",
			(long long)job->id, job->attempts);
	else if (strcmp((const char *)sqlite3_column_text(stmt, 0), "running") != 0 ||
		 sqlite3_column_int64(stmt, 1) != job->attempts)
		sim_fail(sim, "I4: job %lld attempt %d leaves while the job is %s",
			(long long)job->id, job->attempts, sqlite3_column_text(stmt, 0));
	else if (sqlite3_column_int64(stmt, 3))
		sim_fail(sim, "a pause: job %lld leaves during one", (long long)job->id);
	(void)sqlite3_reset(stmt);
	if (++sim_job(sim, job->id)->sends > job->attempts)
		sim_fail(sim, "I2: job %lld leaves more often than in %d attempts",
			(long long)job->id, job->attempts);
	if (sim->now.mono_ms < sim->clerk.heard_quiet_ms)
		sim_fail(sim, "I7: job %lld leaves %lld ms before Retry-After ends",
			(long long)job->id,
			(long long)(sim->clerk.heard_quiet_ms - sim->now.mono_ms));
}

void sim_check_turn(struct sim *sim)
{
	int alive = 0;

	if (sim->result->turns % CHAIN_EVERY == 0)
		sim_check_chain(sim);
	for (size_t i = 0; i < sim->n_flights; i++)
		alive += !sim->flights[i].dead;
	/* What is open and not on its way waits for a disk. */
	if (engine_open(sim->engine) != alive)
		return;
	for (size_t i = 0; i < sim->n_heard; i += 2) {
		sqlite3_stmt *stmt = sim->closing_rows;
		int64_t n = 0;

		(void)sqlite3_bind_int64(stmt, 1, sim->heard[i]);
		(void)sqlite3_bind_int64(stmt, 2, sim->heard[i + 1]);
		if (sqlite3_step(stmt) == SQLITE_ROW)
			n = sqlite3_column_int64(stmt, 0);
		(void)sqlite3_reset(stmt);
		if (n != 1)
			sim_fail(sim,
				"I3: the answer to job %lld attempt %lld is recorded "
				"%lld "
				"times",
				(long long)sim->heard[i], (long long)sim->heard[i + 1],
				(long long)n);
	}
	sim->n_heard = 0;
	sim->clerk.quiet_until_ms = sim->clerk.heard_quiet_ms;
}

/* The first row of a query that must not have one, as text in the complaint. */
static void none(struct sim *sim, const char *what, const char *sql)
{
	sqlite3_stmt *stmt = NULL;

	if (sqlite3_prepare_v2(sim->reader, sql, -1, &stmt, NULL) != SQLITE_OK)
		sim_fail(sim, "%s: %s", sql, sqlite3_errmsg(sim->reader));
	else if (sqlite3_step(stmt) == SQLITE_ROW)
		sim_fail(sim, "%s: %s", what, sqlite3_column_text(stmt, 0));
	(void)sqlite3_finalize(stmt);
}

/* Requests and grants of every job are explained by its attempts. */
static void check_requests(struct sim *sim)
{
	sqlite3_stmt *stmt = NULL;

	(void)sqlite3_prepare_v2(sim->reader,
		"SELECT attempts, unknown_attempts + (result = 'created') FROM job "
		"WHERE id = ?1",
		-1, &stmt, NULL);
	for (size_t id = 1; id < sim->n_jobs; id++) {
		const struct sim_job *job = &sim->jobs[id];
		int64_t attempts = -1, may = -1;

		if (!job->requests)
			continue;
		(void)sqlite3_bind_int64(stmt, 1, (int64_t)id);
		if (sqlite3_step(stmt) == SQLITE_ROW) {
			attempts = sqlite3_column_int64(stmt, 0);
			may = sqlite3_column_int64(stmt, 1);
		}
		(void)sqlite3_reset(stmt);
		if (job->requests > attempts)
			sim_fail(sim, "I2: job %zu made %d requests in %lld attempts", id,
				job->requests, (long long)attempts);
		if (job->grants > may)
			sim_fail(sim,
				"job %zu was granted %d tokens, the audit accounts for "
				"%lld",
				id, job->grants, (long long)may);
	}
	(void)sqlite3_finalize(stmt);
}

/* Every job has ended, was taken once, and so was each of its answers. */
static void check_jobs(struct sim *sim)
{
	none(sim, "I8: a job never ended",
		"SELECT id || ' ' || state || ' due ' || coalesce(due_at, '-') || ' "
		"batch ' || coalesce(batch, '-') || ' parked ' || parked || ' priority ' "
		"|| priority || ' ' || action FROM job "
		"WHERE state IN ('queued', 'running')");
	none(sim, "I12: a row was taken more than once",
		"SELECT job_id FROM audit WHERE event IN ('accepted', 'rejected') "
		"GROUP BY job_id HAVING count(*) > 1");
	none(sim, "I12: a rejection without its reason",
		"SELECT job_id FROM audit WHERE event = 'rejected' AND error_message IS "
		"NULL");
	none(sim, "I3: an attempt that did not end once",
		"SELECT job_id || ' attempt ' || attempt FROM audit WHERE event IN "
		"('sent', "
		"'answered', 'unanswered', 'interrupted', 'recovered') GROUP BY job_id, "
		"attempt HAVING sum(event = 'sent') <> 1 OR sum(event <> 'sent') <> 1");
	check_requests(sim);
}

/* Every token of Clerk's: the audit has it, or an attempt whose effect is unknown. */
static void check_tokens(struct sim *sim)
{
	sqlite3_stmt *stmt = NULL;

	(void)sqlite3_prepare_v2(sim->reader,
		"SELECT (SELECT status FROM sign_in_token WHERE id = ?1), (SELECT effect "
		"FROM "
		"audit WHERE job_id = ?2 AND attempt = ?3 AND effect IS NOT NULL), "
		"(SELECT count(*) FROM job WHERE sign_in_token_id = ?1 AND action = "
		"'revoke' "
		"AND unknown_attempts > 0), (SELECT create_job_id FROM sign_in_token "
		"WHERE "
		"id = ?1)",
		-1, &stmt, NULL);
	for (size_t i = 0; i < sim->clerk.n_tokens; i++) {
		const struct sim_token *token = &sim->clerk.tokens[i];
		const char *status, *effect;

		(void)sqlite3_bind_text(stmt, 1, token->id, -1, SQLITE_STATIC);
		(void)sqlite3_bind_int64(stmt, 2, token->job_id);
		(void)sqlite3_bind_int64(stmt, 3, token->attempt);
		if (sqlite3_step(stmt) != SQLITE_ROW)
			break;
		status = (const char *)sqlite3_column_text(stmt, 0);
		effect = (const char *)sqlite3_column_text(stmt, 1);
		if (!status && (!effect || strcmp(effect, "unknown") != 0))
			sim_fail(sim, "token %s of job %lld attempt %d: nobody knows it",
				token->id, (long long)token->job_id, token->attempt);
		if (status && token->status == TOKEN_REVOKED &&
			strcmp(status, "revoked") != 0 &&
			sqlite3_column_int64(stmt, 2) == 0)
			sim_fail(sim, "token %s is revoked, the audit says %s", token->id,
				status);
		if (status && token->status != TOKEN_REVOKED &&
			!strcmp(status, "revoked"))
			sim_fail(sim, "token %s is not revoked, the audit says so",
				token->id);
		(void)sqlite3_reset(stmt);
	}
	(void)sqlite3_finalize(stmt);
}

/* A finished job's word is what Clerk has. */
static void check_words(struct sim *sim)
{
	sqlite3_stmt *stmt = NULL;

	(void)sqlite3_prepare_v2(sim->reader,
		"SELECT id, result, sign_in_token_id FROM job WHERE result IN "
		"('created', "
		"'revoked', 'already_revoked', 'already_used')",
		-1, &stmt, NULL);
	while (sqlite3_step(stmt) == SQLITE_ROW) {
		int64_t id = sqlite3_column_int64(stmt, 0);
		const char *result = (const char *)sqlite3_column_text(stmt, 1);
		const char *token_id = (const char *)sqlite3_column_text(stmt, 2);
		const struct sim_token *token =
			sim_clerk_token(sim, token_id ? token_id : "");
		bool used = !strcmp(result, "already_used"),
		     made = !strcmp(result, "created");

		if (!token || (made && token->job_id != id) ||
			(!made &&
				token->status != (used ? TOKEN_ACCEPTED : TOKEN_REVOKED)))
			sim_fail(sim, "job %lld says %s of %s, Clerk does not",
				(long long)id, result, token_id);
	}
	(void)sqlite3_finalize(stmt);
}

static void check_verify(struct sim *sim)
{
	AUTO(free_ptr) char *path = xasprintf("%s/audit/audit.db", sim->options->folder);
	struct ctl ctl = {0};
	struct verify verify = {.ctl = &ctl};
	struct error err = ERROR_NULL;

	if (reader_open(path, &ctl.reader, &err) != 0) {
		sim_fail(sim, "verify: %s", err.text);
		return;
	}
	reader_chain_init(&verify.chain);
	if (verify_chain(&verify, &err) != 0 || verify_jobs(&verify, &err) < 0 ||
		verify_tokens(&verify, &err) < 0 || verify_rest(&verify, &err) != 0)
		sim_fail(sim, "I5: %s", err.text);
	if (verify.fault)
		sim_fail(sim, "I5: %s", verify.fault);
	verify_deinit(&verify);
	reader_free(ctl.reader);
}

/* The canary is in tokens.db and nowhere else. */
static void check_secrets(struct sim *sim)
{
	static const char *const files[] = {
		"audit/audit.db", "audit/audit.db-wal", "queue/queue.db"};

	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		AUTO(free_ptr)
		char *path = xasprintf("%s/%s", sim->options->folder, files[i]);
		AUTO(free_ptr) char *bytes = NULL;
		FILE *file = fopen(path, "rb");
		long size;

		if (!file)
			continue;
		(void)fseek(file, 0, SEEK_END);
		size = ftell(file);
		rewind(file);
		bytes = xmalloc((size_t)size + 1);
		if (size > 0 && fread(bytes, (size_t)size, 1, file) == 1 &&
			memmem(bytes, (size_t)size, "canary-secret", 13))
			sim_fail(sim, "I6: a secret is in %s", files[i]);
		(void)fclose(file);
	}
}

void sim_check_end(struct sim *sim)
{
	check_jobs(sim);
	check_tokens(sim);
	check_words(sim);
	none(sim, "a secret was purged twice at once",
		"SELECT sign_in_token_id || ' ' || group_concat(seq) || ' ' || at || ' ' "
		"|| "
		"group_concat(detail) FROM audit WHERE event = 'purged' GROUP BY "
		"sign_in_token_id, at HAVING count(*) > 1");
	check_verify(sim);
	check_secrets(sim);
}
