/* The scripts: what they insert into queue.db, as rows and as commands. */
#include "sim.h"

#include "base/buf.h"
#include "base/mem.h"

#include <stdio.h>
#include <string.h>

void sim_submit_open(struct sim *sim)
{
	AUTO(free_ptr) char *path = xasprintf("%s/queue/queue.db", sim->options->folder);

	if (sqlite3_open_v2(path, &sim->submitter, SQLITE_OPEN_READWRITE, NULL) !=
		SQLITE_OK)
		sim_fail(sim, "a script cannot open queue.db: %s",
			sqlite3_errmsg(sim->submitter));
	(void)sqlite3_exec(sim->submitter, "PRAGMA synchronous = OFF", NULL, NULL, NULL);
}

void sim_submit_close(struct sim *sim)
{
	(void)sqlite3_close(sim->submitter);
	sim->submitter = NULL;
	sim->locked = false;
}

static void run(struct sim *sim, const char *sql)
{
	char *fault = NULL;

	if (sqlite3_exec(sim->submitter, sql, NULL, NULL, &fault) != SQLITE_OK)
		sim_fail(sim, "a script cannot write: %s: %s", sql, fault);
	sqlite3_free(fault);
}

/* A row that no CHECK would let in. */
static char *bad_row(struct sim *sim)
{
	static const char *const rows[] = {
		"('create', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)",
		"('create', 'user_a/../b', NULL, NULL, NULL, NULL, NULL, NULL, NULL)",
		"('revoke', NULL, 'sit_%2f', NULL, NULL, NULL, NULL, NULL, NULL)",
		"('nothing', 'user_1', NULL, NULL, NULL, NULL, NULL, NULL, NULL)",
		"('create', 'user_1', NULL, NULL, 1000, NULL, NULL, NULL, NULL)",
		"('create', 'user_1', NULL, NULL, NULL, 'soon', NULL, NULL, NULL)",
		"('create', 'u' || char(10), NULL, NULL, NULL, NULL, NULL, NULL, 'k')",
	};

	return xstrdup(rows[rng_between(&sim->rng, 0, 6)]);
}

/* before, n and after put together, where is; else NULL. */
static void text_or_null(
	char to[80], bool is, const char *before, int64_t n, const char *after)
{
	if (is)
		(void)snprintf(to, 80, "%s%lld%s", before, (long long)n, after);
	else
		(void)snprintf(to, 80, "NULL");
}

static char *good_row(struct sim *sim)
{
	struct rng *rng = &sim->rng;
	char batch[80], priority[80], before[80], after[80], key[80];
	int64_t n_tokens = (int64_t)sim->clerk.n_tokens,
		draw = rng_between(rng, 0, 1 << 20);
	int64_t now_s = sim_true_ms(sim) / 1000;

	text_or_null(batch, rng_permille(rng, 300), "'b", rng_between(rng, 1, 4), "'");
	text_or_null(
		priority, rng_permille(rng, 100), "", rng_between(rng, -100, 100), "");
	text_or_null(before, rng_permille(rng, 50), "datetime(",
		now_s + rng_between(rng, -60, 600), ", 'unixepoch')");
	text_or_null(after, rng_permille(rng, 50), "datetime(",
		now_s + rng_between(rng, 1, 600), ", 'unixepoch')");
	text_or_null(key, rng_permille(rng, 50), "'k",
		sim->submitted + rng_between(rng, 0, 1 << 20), "'");
	if (rng_permille(rng, 350))
		return xasprintf(
			"('revoke', NULL, 'sit_%lldx', %s, %s, %s, %s, NULL, %s)",
			(long long)(n_tokens ? draw % (n_tokens + 1) : 0), batch,
			priority, before, after, key);
	return xasprintf("('create', 'user_%s%lld', NULL, %s, %s, %s, %s, %s, %s)",
		draw % 20 ? "" : "gone", (long long)draw, batch, priority, before, after,
		draw % 3 ? "NULL" : "60", key);
}

static int64_t highest_job(struct sim *sim)
{
	sqlite3_stmt *stmt = NULL;
	int64_t id = 0;

	(void)sqlite3_prepare_v2(sim->submitter,
		"SELECT seq FROM sqlite_sequence WHERE name = 'job'", -1, &stmt, NULL);
	if (sqlite3_step(stmt) == SQLITE_ROW)
		id = sqlite3_column_int64(stmt, 0);
	(void)sqlite3_finalize(stmt);
	return id;
}

static void submit(
	struct sim *sim, const char *before, const char *rows, const char *after)
{
	AUTO(free_ptr)
	char *sql = xasprintf("%sINSERT INTO job (action, user_id, sign_in_token_id, "
			      "batch, priority, not_before, not_after, "
			      "expires_in_seconds, idempotency_key) VALUES %s%s",
		before, rows, after);

	if (sqlite3_exec(sim->submitter, sql, NULL, NULL, NULL) != SQLITE_OK)
		sim_trace(sim, "refused: %s", sqlite3_errmsg(sim->submitter));
}

void sim_submit_jobs(struct sim *sim, int max)
{
	AUTO(buf) struct buf rows = BUF_NULL;
	int64_t n = rng_between(&sim->rng, 1, 12);
	bool bad = rng_permille(&sim->rng, 50);

	if (n > max)
		n = max;
	if (n < 1 || sim->locked)
		return;
	run(sim, "BEGIN IMMEDIATE");
	for (int64_t i = 0; i < n; i++) {
		AUTO(free_ptr) char *good = good_row(sim);
		AUTO(free_ptr) char *row = bad ? bad_row(sim) : NULL;

		if (row && sim_has(sim, SIM_BAD_ROWS))
			submit(sim, "PRAGMA ignore_check_constraints = ON;", row,
				" ON CONFLICT DO NOTHING;"
				"PRAGMA ignore_check_constraints = OFF");
		else
			buf_printf(&rows, "%s%s", rows.len ? ", " : "", good);
	}
	/* All at once: compiling the statement costs more than a row. */
	if (rows.len)
		submit(sim, "", buf_str(&rows), "");
	run(sim, "COMMIT");
	sim->submitted = highest_job(sim);
	sim_trace(sim, "submitted up to job %lld", (long long)sim->submitted);
}

static const char *target(struct sim *sim, char text[80])
{
	int64_t draw = rng_between(&sim->rng, 0, 9);

	if (draw < 5 && sim->submitted)
		(void)snprintf(text, 80, "%lld, NULL, NULL",
			(long long)rng_between(&sim->rng, 1, sim->submitted));
	else if (draw < 8)
		(void)snprintf(text, 80, "NULL, 'b%lld', NULL",
			(long long)rng_between(&sim->rng, 1, 4));
	else
		(void)snprintf(
			text, 80, "NULL, NULL, '%s'", draw == 8 ? "create" : "revoke");
	return text;
}

void sim_submit_command(struct sim *sim)
{
	static const char *const verbs[] = {
		"cancel", "retry", "pause", "resume", "resume"};
	int verb = (int)rng_between(&sim->rng, 0, 4);
	bool until = rng_permille(&sim->rng, 500), row = rng_permille(&sim->rng, 200);
	int64_t batch = rng_between(&sim->rng, 1, 4), most = rng_between(&sim->rng, 1, 5);
	char text[80], ends[64] = "NULL";
	AUTO(free_ptr) char *sql = NULL;

	(void)target(sim, text);
	if (!sim_has(sim, SIM_COMMANDS) || sim->locked)
		return;
	if (row) {
		sql = xasprintf("INSERT OR IGNORE INTO batch (name, release_first, "
				"max_failures) VALUES ('b%lld', %lld, %lld)",
			(long long)batch, (long long)most * 5, (long long)most);
	} else {
		if (verb == 2 && until)
			(void)snprintf(ends, sizeof(ends), "datetime(%lld, 'unixepoch')",
				(long long)(sim_true_ms(sim) / 1000 + most * 20));
		sql = xasprintf(
			"INSERT INTO command (verb, job_id, batch, action, until) "
			"VALUES ('%s', %s, %s)",
			verbs[verb], text, ends);
	}
	if (sqlite3_exec(sim->submitter, sql, NULL, NULL, NULL) == SQLITE_OK)
		sim_trace(sim, "%s", sql);
}

void sim_submit_lock(struct sim *sim, bool locked)
{
	if (locked == sim->locked || !sim->submitter)
		return;
	run(sim, locked ? "BEGIN EXCLUSIVE" : "COMMIT");
	sim->locked = locked;
	sim_trace(sim, locked ? "a script locks queue.db" : "and lets go of it");
}

void sim_submit_resume(struct sim *sim)
{
	run(sim, "INSERT INTO command (verb) VALUES ('resume');"
		 "INSERT INTO command (verb, action) VALUES ('resume', 'create'), "
		 "('resume', 'revoke');"
		 "INSERT INTO command (verb, batch) VALUES ('resume', 'b1'), "
		 "('resume', 'b2'), ('resume', 'b3'), ('resume', 'b4')");
}
