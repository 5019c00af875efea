/* What has to hold after a power cut, once the next process has come to the end. */
#include "crash.h"

#include "../sim/rng.h"
#include "base/mem.h"
#include "ctl/ctl.h"
#include "ctl/verify.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* After so many minutes without a fault everything has ended. */
#define MINUTES_MAX 60

/* What holds the files against the world. */
struct check {
	struct life *life; /* borrowed */
	sqlite3 *audit, *tokens;
};

static sqlite3 *open_file(struct life *life, const char *name)
{
	AUTO(free_ptr) char *path = xasprintf("%s/%s", life->folder, name);
	sqlite3 *db = NULL;

	if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK)
		life_fail(life, "%s: %s", name, sqlite3_errmsg(db));
	return db;
}

/* The first column of the first row, or NULL; a new string. */
static char *text_of(
	struct life *life, sqlite3 *db, const char *sql, int64_t n, const char *text)
{
	sqlite3_stmt *stmt = NULL;
	char *result = NULL;

	if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK) {
		life_fail(life, "%s: %s", sql, sqlite3_errmsg(db));
		return NULL;
	}
	(void)sqlite3_bind_int64(stmt, 1, n);
	if (text)
		(void)sqlite3_bind_text(stmt, 2, text, -1, SQLITE_STATIC);
	switch (sqlite3_step(stmt)) {
	case SQLITE_ROW:
		result = xstrdup((const char *)sqlite3_column_text(stmt, 0));
		break;
	case SQLITE_DONE:
		break;
	default:
		life_fail(life, "%s: %s", sql, sqlite3_errmsg(db));
		break;
	}
	(void)sqlite3_finalize(stmt);
	return result;
}

static int64_t number_of(
	struct life *life, sqlite3 *db, const char *sql, int64_t n, const char *text)
{
	AUTO(free_ptr) char *result = text_of(life, db, sql, n, text);

	return result ? strtoll(result, NULL, 10) : -1;
}

/* The query must find nothing. */
static void none(struct life *life, sqlite3 *db, const char *what, const char *sql)
{
	AUTO(free_ptr) char *found = text_of(life, db, sql, 0, NULL);

	if (found)
		life_fail(life, "%s: %s", what, found);
}

static void check_rows(struct life *life, sqlite3 *audit)
{
	none(life, audit, "I8: a job never ended",
		"SELECT id || ' ' || state FROM job WHERE state IN ('queued', "
		"'running')");
	none(life, audit, "I8: a command never ended",
		"SELECT id FROM command WHERE state NOT IN ('done', 'refused')");
	none(life, audit, "I8: it is held", "SELECT reason FROM hold");
	none(life, audit, "I12: a row was taken more than once",
		"SELECT job_id FROM audit WHERE event IN ('accepted', 'rejected') "
		"GROUP BY job_id HAVING count(*) > 1");
	none(life, audit, "I12: a rejection without its reason",
		"SELECT job_id FROM audit WHERE event = 'rejected' AND error_message IS "
		"NULL");
	none(life, audit, "I3: an attempt that did not end once",
		"SELECT job_id || ' attempt ' || attempt FROM audit WHERE event IN "
		"('sent', 'answered', 'unanswered', 'interrupted', 'recovered') GROUP BY "
		"job_id, attempt HAVING sum(event = 'sent') <> 1 OR sum(event <> 'sent') "
		"<> 1");
}

/* Each request at Clerk, and each token that it gave, has its attempt; each row that a
 * script was told of for good is there, and is that script's. */
static void check_jobs(struct life *life, sqlite3 *audit)
{
	for (int id = 1; id < OUTSIDE_JOBS && !life->failed; id++) {
		const struct outside_job *job = &life->outside->jobs[id];
		AUTO(free_ptr)
		char *user = text_of(
			life, audit, "SELECT user_id FROM job WHERE id = ?1", id, NULL);
		int64_t attempts = number_of(
			life, audit, "SELECT attempts FROM job WHERE id = ?1", id, NULL);
		int64_t may = number_of(life, audit,
			"SELECT unknown_attempts + (result IS 'created') FROM job WHERE "
			"id = ?1",
			id, NULL);

		if (job->requests > (attempts < 0 ? 0 : attempts))
			life_fail(life, "I2: job %d made %d requests in %lld attempts",
				id, job->requests, (long long)attempts);
		if (job->grants > (may < 0 ? 0 : may))
			life_fail(life,
				"I2: job %d was granted %d tokens, the audit accounts "
				"for "
				"%lld",
				id, job->grants, (long long)may);
		if (job->told_for_good && !user)
			life_fail(life, "job %d of %s is lost", id, job->user_id);
		if (*job->user_id && user && strcmp(user, job->user_id) != 0)
			life_fail(life, "job %d is %s's, its script's was %s's", id, user,
				job->user_id);
	}
}

/* Each token of Clerk's is in the audit with its status, or in an attempt of which nobody
 * knows; its secret is in tokens.db exactly as long as it is worth something. */
static void check_tokens(struct life *life, sqlite3 *audit, sqlite3 *tokens)
{
	for (int i = 0; i < life->outside->n_tokens && !life->failed; i++) {
		const struct outside_token *token = &life->outside->tokens[i];
		bool revoked = token->status == TOKEN_REVOKED;
		AUTO(free_ptr)
		char *status = text_of(life, audit,
			"SELECT status FROM sign_in_token WHERE id = ?2 AND ?1 IS NOT "
			"NULL",
			0, token->id);
		int64_t purged = number_of(life, audit,
			"SELECT count(*) FROM audit WHERE event = 'purged' AND "
			"sign_in_token_id = ?2 AND ?1 IS NOT NULL",
			0, token->id);
		int64_t kept = number_of(life, tokens,
			"SELECT count(*) FROM secret WHERE sign_in_token_id = ?2 AND ?1 "
			"IS NOT NULL",
			0, token->id);

		if (token->forgotten)
			continue;
		if (!status) {
			AUTO(free_ptr)
			char *attempt = xasprintf("%d", token->attempt);
			int64_t unknown = number_of(life, audit,
				"SELECT count(*) FROM audit WHERE job_id = ?1 AND "
				"attempt = CAST(?2 AS INTEGER) AND effect = 'unknown'",
				token->job_id, attempt);

			if (unknown < 1)
				life_fail(life, "token %s: nobody knows it", token->id);
			continue;
		}
		if (revoked != !strcmp(status, "revoked"))
			life_fail(life, "token %s is %s in the audit, at Clerk it is not",
				token->id, status);
		if (kept != !purged)
			life_fail(life,
				"token %s: its secret is kept %lld times and was purged "
				"%lld times",
				token->id, (long long)kept, (long long)purged);
	}
}

/* What the journal has of the chain is what the chain has. */
static void check_anchor(struct life *life, sqlite3 *audit)
{
	AUTO(free_ptr) char *hash = NULL;

	if (!life->outside->head_seq)
		return;
	hash = text_of(life, audit, "SELECT hash FROM audit WHERE seq = ?1",
		life->outside->head_seq, NULL);
	if (!hash || strcmp(hash, life->outside->head_hash) != 0)
		life_fail(life, "I5: row %lld was committed, and is %s",
			(long long)life->outside->head_seq, hash ? "another" : "gone");
}

static void check_verify(struct life *life)
{
	AUTO(free_ptr) char *path = xasprintf("%s/audit/audit.db", life->folder);
	struct ctl ctl = {0};
	struct verify verify = {.ctl = &ctl};
	struct error err = ERROR_NULL;

	if (reader_open(path, &ctl.reader, &err) != 0) {
		life_fail(life, "verify: %s", err.text);
		return;
	}
	reader_chain_init(&verify.chain);
	if (verify_chain(&verify, &err) != 0 || verify_jobs(&verify, &err) < 0 ||
		verify_tokens(&verify, &err) < 0 || verify_rest(&verify, &err) != 0)
		life_fail(life, "I5: verify: %s", err.text);
	if (verify.fault)
		life_fail(life, "I5: verify: %s", verify.fault);
	verify_deinit(&verify);
	reader_free(ctl.reader);
}

/* ---- secrets in the files' bytes ---- */

static char *read_file(struct life *life, const char *name, size_t *ret_len)
{
	AUTO(free_ptr) char *path = xasprintf("%s/%s", life->folder, name);
	FILE *file = fopen(path, "rbe");
	char *bytes;
	long size;

	*ret_len = 0;
	if (!file)
		return NULL;
	(void)fseek(file, 0, SEEK_END);
	size = ftell(file);
	rewind(file);
	bytes = xmalloc((size_t)size + 1);
	*ret_len = fread(bytes, 1, (size_t)size, file);
	(void)fclose(file);
	return bytes;
}

static bool holds(struct life *life, const char *name, const char *text)
{
	size_t len;
	AUTO(free_ptr) char *bytes = read_file(life, name, &len);

	return bytes && memmem(bytes, len, text, strlen(text)) != NULL;
}

static void check_secrets(struct life *life, sqlite3 *audit)
{
	static const char *const never[] = {"audit/audit.db", "audit/audit.db-wal",
		"queue/queue.db", "queue/queue.db-journal"};
	static const char *const purged[] = {"tokens/tokens.db", "tokens/tokens.db-wal"};

	for (size_t i = 0; i < ARRAY_LEN(never); i++)
		if (holds(life, never[i], "canary-secret"))
			life_fail(life, "I6: a secret is in %s", never[i]);
	for (int i = 0; i < life->outside->n_tokens && !life->failed; i++) {
		const char *id = life->outside->tokens[i].id;
		AUTO(free_ptr) char *secret = xasprintf("canary-secret-%s-", id);

		if (number_of(life, audit,
			    "SELECT count(*) FROM audit WHERE event = 'purged' AND "
			    "sign_in_token_id = ?2 AND ?1 IS NOT NULL",
			    0, id) < 1)
			continue;
		for (size_t k = 0; k < ARRAY_LEN(purged); k++)
			if (holds(life, purged[k], secret))
				life_fail(life, "I6: the purged secret of %s is in %s",
					id, purged[k]);
	}
}

/* After retention.secrets nothing is left in tokens.db, whoever knows of it. */
static void check_retention(struct life *life, sqlite3 *tokens)
{
	if (life->outside->sweeps && life->config.retention_secrets_ms < 3600000)
		none(life, tokens, "a secret is kept for longer than others",
			"SELECT sign_in_token_id FROM secret");
}

static void check_files(struct life *life)
{
	sqlite3 *audit = open_file(life, "audit/audit.db");
	sqlite3 *tokens = open_file(life, "tokens/tokens.db");
	sqlite3 *queue = open_file(life, "queue/queue.db");

	if (!life->failed) {
		static const char quick[] =
			"SELECT quick_check FROM pragma_quick_check WHERE quick_check <> "
			"'ok'";

		none(life, audit, "audit.db is damaged", quick);
		none(life, tokens, "tokens.db is damaged", quick);
		none(life, queue, "queue.db is damaged", quick);
		check_rows(life, audit);
		check_jobs(life, audit);
		check_tokens(life, audit, tokens);
		check_anchor(life, audit);
		check_secrets(life, audit);
		check_retention(life, tokens);
	}
	(void)sqlite3_close(audit);
	(void)sqlite3_close(tokens);
	(void)sqlite3_close(queue);
	if (!life->failed)
		check_verify(life);
}

/* ---- to the end ---- */

/* Whether a script would find the table. */
static bool has_queue(struct life *life)
{
	AUTO(free_ptr) char *path = xasprintf("%s/queue/queue.db", life->folder);
	sqlite3 *db = NULL;
	bool has = sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK &&
		   sqlite3_exec(db, "SELECT 1 FROM job", NULL, NULL, NULL) == SQLITE_OK;

	(void)sqlite3_close(db);
	return has;
}

static void resume_all(struct life *life)
{
	life_sql(life, "INSERT INTO command (verb) VALUES ('resume');"
		       "INSERT INTO command (verb, action) VALUES ('resume', 'create'), "
		       "('resume', 'revoke');"
		       "INSERT INTO command (verb, batch) VALUES ('resume', 'b1')");
	life_settle(life);
}

void check_to_the_end(struct life *life, uint64_t seed)
{
	struct rng rng = {seed};
	bool before = rng_permille(&rng, 500) && has_queue(life);

	/* The power is back after a minute. */
	life->outside->boot++;
	life->outside->mono_ms = 100000;
	life->outside->wall_ms += 60000;
	life->now = (struct now){100000, life->outside->wall_ms};
	if (before)
		(void)life_create(life, "user_ok_early", "", "", false);
	life_begin(life);
	if (!life->failed)
		(void)life_create(life, "user_ok_late", "", "", true);
	life_settle(life);
	for (int i = 0; i < MINUTES_MAX && !life->failed; i++) {
		life_pass(life, 60000);
		if (i > 0 && life_is_done(life))
			break;
		resume_all(life);
	}
	if (life->outside->sweeps && !life->failed)
		life_pass(life, INT64_C(3) * 3600000);
	life_stop(life);
	life_end(life);
	if (!life->failed)
		check_files(life);
}
