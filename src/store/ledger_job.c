/* A job's row and its moves that need no answer. */
#include "base/mem.h"
#include "store/ledger_internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

const char *ledger_time(int64_t ms, char text[CLOCK_TEXT_LEN])
{
	return ms == 0 ? NULL : ledger_due(ms, text);
}

const char *ledger_due(int64_t ms, char text[CLOCK_TEXT_LEN])
{
	clock_format(ms, text);
	return text;
}

int64_t ledger_read_time(sqlite3_stmt *stmt, int column)
{
	const char *text = sql_text(stmt, column);
	int64_t ms = 0;

	if (text)
		(void)clock_parse(text, &ms);
	return ms;
}

void ledger_count(
	struct ledger *ledger, int action, enum job_state from, enum job_state to)
{
	if (from != JOB_STATE__MAX) {
		assert(job_may_move(from, to));
		ledger->now.tally[action][from]--;
		ledger->tally_dirty[action] |= 1u << from;
	}
	ledger->now.tally[action][to]++;
	ledger->tally_dirty[action] |= 1u << to;
}

void ledger_about(struct audit_row *row, const struct job *job)
{
	row->job_id = job->id;
	/* A rejected row may have none that can be read. */
	if ((unsigned)job->action < JOB_ACTION__MAX)
		row->action = job_action_name(job->action);
	row->user_id = job->user_id;
	row->org_id = job->org_id;
	row->sign_in_token_id = job->sign_in_token_id;
	row->batch = job->batch;
	row->reference = job->reference;
	row->requested_by = job->requested_by;
	row->attempt = job->attempts;
}

void ledger_read_job(sqlite3_stmt *stmt, struct job *ret_job)
{
	*ret_job = (struct job)JOB_NULL;
	ret_job->id = sqlite3_column_int64(stmt, 0);
	ret_job->action = sql_text(stmt, 1)
				  ? (enum job_action)job_action_parse(sql_text(stmt, 1))
				  : JOB_CREATE;
	ret_job->user_id = sql_dup(stmt, 2);
	ret_job->org_id = sql_dup(stmt, 3);
	ret_job->expires_in_seconds = sqlite3_column_int64(stmt, 4);
	ret_job->sign_in_token_id = sql_dup(stmt, 5);
	ret_job->batch = sql_dup(stmt, 6);
	ret_job->priority = sqlite3_column_int(stmt, 7);
	ret_job->not_before_ms = ledger_read_time(stmt, 8);
	ret_job->not_after_ms = ledger_read_time(stmt, 9);
	ret_job->idempotency_key = sql_dup(stmt, 10);
	ret_job->reference = sql_dup(stmt, 11);
	ret_job->requested_by = sql_dup(stmt, 12);
	ret_job->reason = sql_dup(stmt, 13);
	ret_job->submitted_at = sql_dup(stmt, 14);
	ret_job->state = (enum job_state)job_state_parse(sql_text(stmt, 15));
	ret_job->attempts = sqlite3_column_int(stmt, 16);
	ret_job->unknown_attempts = sqlite3_column_int(stmt, 17);
	ret_job->tries = sqlite3_column_int(stmt, 18);
	ret_job->unknown_tries = sqlite3_column_int(stmt, 19);
	ret_job->age_from_ms = sqlite3_column_int64(stmt, 20);
	ret_job->due_ms = ledger_read_time(stmt, 21);
}

int ledger_knows_job(
	struct ledger *ledger, int64_t id, bool *ret_known, struct error *err)
{
	AUTO(sql_reset) sqlite3_stmt *stmt = ledger_stmt(ledger, AQ_job_by_id);
	int rc;

	sql_bind(stmt, "i", id);
	rc = sql_step(stmt, err);
	if (rc < 0)
		return -1;
	*ret_known = rc == SQL_ROW;
	return 0;
}

int ledger_find_key(
	struct ledger *ledger, const char *key, int64_t *ret_id, struct error *err)
{
	AUTO(sql_reset) sqlite3_stmt *stmt = ledger_stmt(ledger, AQ_job_by_key);
	int rc;

	sql_bind(stmt, "t", key);
	rc = sql_step(stmt, err);
	if (rc < 0)
		return -1;
	*ret_id = rc == SQL_ROW ? sqlite3_column_int64(stmt, 0) : 0;
	return 0;
}

int ledger_parked(struct ledger *ledger, const struct job *job,
	struct ledger_parked *ret_parked, struct error *err)
{
	AUTO(sql_reset) sqlite3_stmt *stmt = NULL;
	int rc;

	*ret_parked = (struct ledger_parked){0};
	if (!job->batch)
		return 0;
	stmt = ledger_stmt(ledger, AQ_pause_of_batch);
	sql_bind(stmt, "it", LEDGER_REST_IDS, job->batch);
	while ((rc = sql_step(stmt, err)) == SQL_ROW) {
		const char *action = sql_text(stmt, 1);

		if (action && strcmp(action, job_action_name(job->action)) != 0)
			continue;
		if (sqlite3_column_int64(stmt, 0) <= LEDGER_REST_IDS)
			ret_parked->held_back = 2;
		else
			ret_parked->paused = 1;
	}
	return rc;
}

/* What a new row's job and audit row have that differs between accepted and rejected. */
struct intake {
	enum event event;
	enum job_state state;
	enum job_result result;
	int64_t due_ms;
	const char *why;
	const char *detail;
	int action; /* JOB_ACTION__MAX: none that can be read */
	struct ledger_parked parked;
};

static int insert_job(struct ledger *ledger, const struct job *job,
	const struct intake *intake, struct error *err)
{
	sqlite3_stmt *stmt = ledger_stmt(ledger, AQ_job_insert);
	char due[CLOCK_TEXT_LEN], before[CLOCK_TEXT_LEN], after[CLOCK_TEXT_LEN];
	bool final = intake->state != JOB_QUEUED;

	sql_bind(stmt,
		"ittt"
		"Itt"
		"i"
		"ttttttttttttt"
		"i",
		job->id,
		intake->action == JOB_ACTION__MAX ? NULL : job_action_name(job->action),
		job->user_id, job->org_id, job->expires_in_seconds, job->sign_in_token_id,
		job->batch, (int64_t)job->priority,
		ledger_time(job->not_before_ms, before),
		ledger_time(job->not_after_ms, after), job->idempotency_key,
		job->reference, job->requested_by ? job->requested_by : "", job->reason,
		job->submitted_at, job_state_name(intake->state),
		final ? job_result_name(intake->result) : NULL, ledger->now_text,
		final ? NULL : ledger_due(intake->due_ms, due),
		final ? ledger->now_text : NULL, intake->why,
		intake->parked.paused + intake->parked.held_back);
	return sql_run(stmt, NULL, err);
}

static int take_in(struct ledger *ledger, const struct job *job,
	const struct intake *intake, struct error *err)
{
	struct audit_row row = {AUDIT_ROW_NULL};
	char due[CLOCK_TEXT_LEN];

	if (insert_job(ledger, job, intake, err) < 0)
		return -1;
	ledger_about(&row, job);
	row.event = event_name(intake->event);
	row.job_state = job_state_name(intake->state);
	row.reason = job->reason;
	row.detail = intake->detail;
	if (intake->state == JOB_QUEUED)
		row.next_attempt_at = ledger_due(intake->due_ms, due);
	else
		row.error_code = job_result_name(intake->result);
	row.error_message = intake->why;
	ledger_count(ledger, intake->action, JOB_STATE__MAX, intake->state);
	if (job->id > ledger->now.max_job_id)
		ledger->now.max_job_id = job->id;
	return ledger_append(ledger, &row, err);
}

int ledger_accept(struct ledger *ledger, const struct job *job, const char *detail,
	struct error *err)
{
	struct intake intake = {.event = EVENT_ACCEPTED,
		.state = JOB_QUEUED,
		.action = job->action,
		.due_ms = ledger->moment.wall_ms,
		.detail = detail};

	if (job->not_before_ms > intake.due_ms)
		intake.due_ms = job->not_before_ms;
	if (ledger_parked(ledger, job, &intake.parked, err) < 0)
		return -1;
	return take_in(ledger, job, &intake, err);
}

int ledger_reject(struct ledger *ledger, const struct job *job, enum job_result result,
	const char *why, const char *detail, struct error *err)
{
	struct intake intake = {.event = EVENT_REJECTED,
		.state = JOB_REJECTED,
		.result = result,
		.action = (unsigned)job->action < JOB_ACTION__MAX ? (int)job->action
								  : JOB_ACTION__MAX,
		.why = why,
		.detail = detail};

	return take_in(ledger, job, &intake, err);
}

int ledger_sent(struct ledger *ledger, struct job *job, struct error *err)
{
	sqlite3_stmt *stmt = ledger_stmt(ledger, AQ_job_set_running);
	struct audit_row row = {AUDIT_ROW_NULL};
	int changes;

	if (job->age_from_ms < 0)
		job->age_from_ms = ledger->now.progress.clock_ms[job->action];
	sql_bind(stmt, "iii", job->age_from_ms, job->id, (int64_t)job->attempts);
	if (sql_run(stmt, &changes, err) < 0)
		return -1;
	if (changes == 0)
		return LEDGER_E_MOVED;
	ledger_count(ledger, job->action, JOB_QUEUED, JOB_RUNNING);
	job->state = JOB_RUNNING;
	job->attempts++;
	/* Lean: whose job it is stands in the rows before and after. */
	row.event = event_name(EVENT_SENT);
	row.job_id = job->id;
	row.attempt = job->attempts;
	row.job_state = job_state_name(JOB_RUNNING);
	row.action = job_action_name(job->action);
	row.user_id = job->user_id;
	row.sign_in_token_id = job->sign_in_token_id;
	return ledger_append(ledger, &row, err);
}

int ledger_next_running(
	struct ledger *ledger, int64_t after, struct job *ret_job, struct error *err)
{
	AUTO(sql_reset) sqlite3_stmt *stmt = ledger_stmt(ledger, AQ_job_next_running);
	int rc;

	sql_bind(stmt, "i", after);
	rc = sql_step(stmt, err);
	if (rc < 0)
		return -1;
	if (rc == 0)
		return LEDGER_E_NONE;
	ledger_read_job(stmt, ret_job);
	return 0;
}

/* queued → cancelled or lapsed, with its audit row. */
static int finish_unsent(struct ledger *ledger, const struct job *job, enum event event,
	int64_t command_id, struct error *err)
{
	enum job_state state = event == EVENT_CANCELLED ? JOB_CANCELLED : JOB_LAPSED;
	sqlite3_stmt *stmt = ledger_stmt(ledger, AQ_job_set_final);
	struct audit_row row = {AUDIT_ROW_NULL};
	int changes;

	sql_bind(stmt, "ttti", job_state_name(state),
		job_result_name(state == JOB_CANCELLED ? JOB_RESULT_CANCELLED
						       : JOB_RESULT_LAPSED),
		ledger->now_text, job->id);
	if (sql_run(stmt, &changes, err) < 0)
		return -1;
	if (changes == 0)
		return LEDGER_E_MOVED;
	ledger_count(ledger, job->action, JOB_QUEUED, state);
	ledger_about(&row, job);
	row.event = event_name(event);
	row.job_state = job_state_name(state);
	row.command_id = command_id;
	return ledger_append(ledger, &row, err);
}

int ledger_move_cancelled(struct ledger *ledger, const struct job *job,
	int64_t command_id, struct error *err)
{
	return finish_unsent(ledger, job, EVENT_CANCELLED, command_id, err);
}

int ledger_lapse(
	struct ledger *ledger, int64_t now_ms, int max, int *ret_n, struct error *err)
{
	char now[CLOCK_TEXT_LEN];

	clock_format(now_ms, now);
	for (*ret_n = 0; *ret_n < max; ++*ret_n) {
		AUTO(sql_reset) sqlite3_stmt *stmt = ledger_stmt(ledger, AQ_job_lapsing);
		AUTO(job) struct job job = JOB_NULL;
		int rc;

		sql_bind(stmt, "ti", now, (int64_t)1);
		rc = sql_step(stmt, err);
		if (rc <= 0)
			return rc;
		ledger_read_job(stmt, &job);
		(void)sqlite3_reset(stmt);
		if (finish_unsent(ledger, &job, EVENT_LAPSED, 0, err) < 0)
			return -1;
	}
	return 0;
}

int ledger_next_lapse(struct ledger *ledger, int64_t *ret_ms, struct error *err)
{
	AUTO(sql_reset) sqlite3_stmt *stmt = ledger_stmt(ledger, AQ_job_next_lapse);
	int rc = sql_step(stmt, err);

	if (rc < 0)
		return -1;
	*ret_ms = rc == SQL_ROW ? ledger_read_time(stmt, 0) : INT64_MAX;
	return 0;
}

int ledger_move_retried(struct ledger *ledger, const struct job *job, int64_t command_id,
	struct error *err)
{
	sqlite3_stmt *stmt = ledger_stmt(ledger, AQ_job_set_retried);
	struct audit_row row = {AUDIT_ROW_NULL};
	const char *due_at = ledger->now_text;
	char not_before[CLOCK_TEXT_LEN];
	struct ledger_parked parked;
	int changes;

	if (ledger_parked(ledger, job, &parked, err) < 0)
		return -1;
	if (job->not_before_ms > ledger->moment.wall_ms)
		due_at = ledger_time(job->not_before_ms, not_before);
	sql_bind(stmt, "tiii", due_at, parked.paused, parked.held_back, job->id);
	if (sql_run(stmt, &changes, err) < 0)
		return -1;
	if (changes == 0)
		return LEDGER_E_MOVED;
	ledger_count(ledger, job->action, job->state, JOB_QUEUED);
	ledger_about(&row, job);
	row.event = event_name(EVENT_RETRIED);
	row.job_state = job_state_name(JOB_QUEUED);
	row.command_id = command_id;
	row.next_attempt_at = due_at;
	return ledger_append(ledger, &row, err);
}
