/* What the daemon remembers of itself: notes, pauses, holds, purges, recent attempts. */
#include "base/buf.h"
#include "base/mem.h"
#include "store/ledger_internal.h"
#include "store/queue_text.h"

#include <stdio.h>
#include <string.h>

int ledger_note(
	struct ledger *ledger, enum event event, const char *detail, struct error *err)
{
	struct audit_row row = {AUDIT_ROW_NULL};

	row.event = event_name(event);
	row.detail = detail;
	return ledger_append(ledger, &row, err);
}

int ledger_pauses(struct ledger *ledger,
	int (*fn)(void *userdata, const struct ledger_pause *pause, struct error *err),
	void *userdata, struct error *err)
{
	AUTO(sql_reset) sqlite3_stmt *stmt = ledger_stmt(ledger, AQ_pause_list);
	int rc;

	while ((rc = sql_step(stmt, err)) == SQL_ROW) {
		const char *action = sql_text(stmt, 1);
		AUTO(free_ptr) char *batch = sql_dup(stmt, 2);
		struct ledger_pause pause = {
			.command_id = sqlite3_column_int64(stmt, 0),
			.action = action ? job_action_parse(action) : -1,
			.batch = batch,
			.until_ms = ledger_read_time(stmt, 3),
			.clock_ms = {sqlite3_column_int64(stmt, 4),
				sqlite3_column_int64(stmt, 5)},
			.since_ms = ledger_read_time(stmt, 6),
		};

		if (fn(userdata, &pause, err) < 0)
			return -1;
	}
	return rc;
}

int ledger_pause_add(
	struct ledger *ledger, const struct ledger_pause *pause, struct error *err)
{
	sqlite3_stmt *stmt = ledger_stmt(ledger, AQ_pause_insert);
	char until[CLOCK_TEXT_LEN];

	ledger->wrote = true;
	sql_bind(stmt, "ittttii", pause->command_id,
		pause->action < 0 ? NULL
				  : job_action_name((enum job_action)pause->action),
		pause->batch, ledger_time(pause->until_ms, until), ledger->now_text,
		pause->clock_ms[JOB_CREATE], pause->clock_ms[JOB_REVOKE]);
	return sql_run(stmt, NULL, err);
}

int ledger_pause_remove(struct ledger *ledger, int64_t command_id, struct error *err)
{
	sqlite3_stmt *stmt = ledger_stmt(ledger, AQ_pause_delete);

	ledger->wrote = true;
	sql_bind(stmt, "i", command_id);
	return sql_run(stmt, NULL, err);
}

int ledger_hold(struct ledger *ledger, const char *kind, const char *reason,
	const char *ends, struct error *err)
{
	sqlite3_stmt *stmt = ledger_stmt(ledger, AQ_hold_put);
	AUTO(buf) struct buf detail = BUF_NULL;
	struct audit_row row = {AUDIT_ROW_NULL};

	sql_bind(stmt, "tttt", kind, ledger->now_text, reason, ends);
	if (sql_run(stmt, NULL, err) < 0)
		return -1;
	buf_putc(&detail, '{');
	queue_text_json_text(&detail, "ends", ends, strlen(ends));
	buf_putc(&detail, '}');
	row.event = event_name(EVENT_HELD);
	row.error_code = kind;
	row.error_message = reason;
	row.detail = buf_str(&detail);
	return ledger_append(ledger, &row, err);
}

int ledger_release(
	struct ledger *ledger, const char *kind, const char *why, struct error *err)
{
	sqlite3_stmt *stmt = ledger_stmt(ledger, AQ_hold_delete);
	struct audit_row row = {AUDIT_ROW_NULL};

	sql_bind(stmt, "t", kind);
	if (sql_run(stmt, NULL, err) < 0)
		return -1;
	row.event = event_name(EVENT_RELEASED);
	row.error_code = kind;
	row.error_message = why;
	return ledger_append(ledger, &row, err);
}

int ledger_holds(struct ledger *ledger,
	int (*fn)(void *userdata, const struct ledger_held *held, struct error *err),
	void *userdata, struct error *err)
{
	AUTO(sql_reset) sqlite3_stmt *stmt = ledger_stmt(ledger, AQ_hold_list);
	int rc;

	while ((rc = sql_step(stmt, err)) == SQL_ROW) {
		struct ledger_held held = {.kind = sql_text(stmt, 0),
			.since_ms = ledger_read_time(stmt, 1),
			.reason = sql_text(stmt, 2),
			.ends = sql_text(stmt, 3)};

		if (fn(userdata, &held, err) < 0)
			return -1;
	}
	return rc;
}

int ledger_recent(struct ledger *ledger,
	bool (*fn)(void *userdata, const struct ledger_attempt *attempt), void *userdata,
	struct error *err)
{
	AUTO(sql_reset) sqlite3_stmt *stmt = ledger_stmt(ledger, AQ_audit_recent);
	int rc;

	while ((rc = sql_step(stmt, err)) == SQL_ROW) {
		struct ledger_attempt attempt = {.seq = sqlite3_column_int64(stmt, 0),
			.over = strcmp(sql_text(stmt, 1), "sent") != 0,
			.at_ms = ledger_read_time(stmt, 2),
			.job_id = sqlite3_column_int64(stmt, 3),
			.attempt = sqlite3_column_int(stmt, 4)};

		if (!fn(userdata, &attempt))
			return 0;
	}
	return rc;
}

/* ---- purging ---- */

int ledger_purge_one(struct ledger *ledger, const char *token_id, int64_t job_id,
	const char *why, struct error *err)
{
	sqlite3_stmt *stmt = ledger_stmt(ledger, AQ_token_purged);
	struct audit_row row = {AUDIT_ROW_NULL};
	char detail[64];
	int changes;
	bool has, known = false;

	if (tokens_has(ledger->tokens, token_id, &has, err) < 0)
		return -1;
	if (!has)
		return 0;
	sql_bind(stmt, "tt", ledger->now_text, token_id);
	if (sql_run(stmt, &changes, err) < 0)
		return -1;
	if (!changes && ledger_knows_token(ledger, token_id, &known, err) < 0)
		return -1;
	if (known)
		return 0; /* it was said in this turn */
	(void)snprintf(detail, sizeof(detail),
		changes ? "{\"why\":\"%s\"}" : "{\"why\":\"%s\",\"token\":\"unknown\"}",
		why);
	row.event = event_name(EVENT_PURGED);
	row.sign_in_token_id = token_id;
	row.job_id = job_id;
	row.detail = detail;
	ledger->now.purging = true;
	return ledger_append(ledger, &row, err);
}

struct purge {
	struct ledger *ledger;
	int n;
};

static int on_due(
	void *userdata, const char *token_id, const char *why, struct error *err)
{
	struct purge *purge = userdata;

	purge->n++;
	return ledger_purge_one(purge->ledger, token_id, 0, why, err);
}

int ledger_purge(struct ledger *ledger, int64_t now_ms, int64_t received_before_ms,
	int max, int *ret_n, struct error *err)
{
	struct purge purge = {.ledger = ledger};

	*ret_n = 0;
	/* Those of the last turn are still there until ledger_tidy() took them out. */
	if (ledger->committed.purging)
		return 0;
	if (tokens_due(ledger->tokens, now_ms, received_before_ms, max, on_due, &purge,
		    err) < 0)
		return -1;
	*ret_n = purge.n;
	return 0;
}

int ledger_finish_purge(struct ledger *ledger, struct error *err)
{
	AUTO(sql_reset) sqlite3_stmt *stmt = ledger_stmt(ledger, AQ_audit_purged_from);
	int rc;

	sql_bind(stmt, "i", ledger->committed.progress.purge_from_seq);
	while ((rc = sql_step(stmt, err)) == SQL_ROW) {
		if (tokens_delete(ledger->tokens, sql_text(stmt, 0), err) < 0)
			return -1;
		ledger->now.purging = ledger->committed.purging = true;
	}
	return rc;
}

bool ledger_has_remains(const struct ledger *ledger)
{
	return tokens_has_remains(ledger->tokens);
}

/* ---- what was taken ---- */

/* The first job from id on, and whether it was taken before a time. 0 = none, SQL_ROW. */
static int job_from(struct ledger *ledger, int64_t id, const char *before,
	int64_t *ret_id, bool *ret_before, struct error *err)
{
	AUTO(sql_reset) sqlite3_stmt *stmt = ledger_stmt(ledger, AQ_job_taken_at);
	const char *taken;
	int rc;

	sql_bind(stmt, "i", id);
	rc = sql_step(stmt, err);
	if (rc != SQL_ROW)
		return rc;
	taken = sql_text(stmt, 1);
	*ret_id = sqlite3_column_int64(stmt, 0);
	*ret_before = taken && strcmp(taken, before) < 0;
	return SQL_ROW;
}

/* Bisection over the ids: the times rise with them but for urgent jobs, which only makes
 * an urgent row leave a little early or late. */
static int bisect_jobs(
	struct ledger *ledger, const char *before, int64_t *ret_job_id, struct error *err)
{
	int64_t low = 0, high = ledger->committed.progress.cursor.job;

	while (low < high) {
		int64_t middle = low + (high - low + 1) / 2, id;
		bool is_before;
		int rc = job_from(ledger, middle, before, &id, &is_before, err);

		if (rc < 0)
			return -1;
		if (rc == SQL_ROW && is_before && id <= high)
			low = id;
		else
			high = middle - 1;
	}
	*ret_job_id = low;
	return 0;
}

int ledger_taken_before(struct ledger *ledger, int64_t before_ms, int64_t *ret_job_id,
	int64_t *ret_command_id, struct error *err)
{
	AUTO(sql_reset) sqlite3_stmt *stmt = ledger_stmt(ledger, AQ_command_taken_before);
	char before[CLOCK_TEXT_LEN];

	clock_format(before_ms, before);
	if (bisect_jobs(ledger, before, ret_job_id, err) < 0)
		return -1;
	sql_bind(stmt, "t", before);
	if (sql_step(stmt, err) < 0)
		return -1;
	*ret_command_id = sqlite3_column_int64(stmt, 0);
	return 0;
}

int ledger_has_work(struct ledger *ledger, unsigned actions, bool parked, int64_t now_ms,
	bool *ret_work, struct error *err)
{
	AUTO(sql_reset) sqlite3_stmt *stmt = ledger_stmt(ledger, AQ_job_has_work);
	char now[CLOCK_TEXT_LEN];
	int rc = 0;

	/* Where nothing is queued there is no need to look through all that is done. */
	if (ledger_tally(ledger, JOB_CREATE, JOB_QUEUED) +
		ledger_tally(ledger, JOB_REVOKE, JOB_QUEUED)) {
		clock_format(now_ms, now);
		sql_bind(stmt, "tiii", now, (int64_t)parked,
			(int64_t)(actions >> JOB_CREATE & 1),
			(int64_t)(actions >> JOB_REVOKE & 1));
		rc = sql_step(stmt, err);
	}
	if (rc < 0)
		return -1;
	*ret_work = rc == SQL_ROW;
	return 0;
}

int ledger_check_place(const struct ledger *ledger, struct error *err)
{
	if (db_check_place(ledger->audit, &ledger->place, err) < 0)
		return -1;
	return tokens_check_place(ledger->tokens, err);
}
