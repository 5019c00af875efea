/* An attempt is over: the job, its token, its secret and the audit row. */
#include "base/mem.h"
#include "store/ledger_internal.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* What is derived from an answer for several rows. */
struct record {
	char expires[CLOCK_TEXT_LEN];
	char sha256[65];
	bool has_secret;
	const char *message;
};

static int64_t expires_ms(const struct job *job, const struct token *token)
{
	int64_t seconds = job->expires_in_seconds ? job->expires_in_seconds
						  : JOB_CLERK_DEFAULT_EXPIRES_S;
	int64_t ms;

	if (__builtin_mul_overflow(seconds, 1000, &ms) ||
		__builtin_add_overflow(ms, token->created_at_ms, &ms))
		return INT64_MAX; /* clock_format() clamps it to the last year there is */
	return ms;
}

static void make_record(struct record *ret, const struct job *job,
	const struct answer *answer, const struct ledger_outcome *outcome)
{
	*ret = (struct record){
		.message = outcome->reason ? outcome->reason : answer->error_message};
	if (!outcome->token_valid || job->action != JOB_CREATE)
		return;
	clock_format(expires_ms(job, &answer->token), ret->expires);
	if (answer->token.token.text) {
		secret_sha256(&answer->token.token, ret->sha256);
		ret->has_secret = true;
	}
}

static int insert_token(struct ledger *ledger, const struct job *job,
	const struct answer *answer, const struct record *record, struct error *err)
{
	sqlite3_stmt *stmt = ledger_stmt(ledger, AQ_token_insert);
	const struct token *token = &answer->token;

	sql_bind(stmt, "tttttiitti", token->id, token_status_name(token->status),
		ledger->now_text, token->user_id, job->org_id, token->created_at_ms,
		token->updated_at_ms, record->expires,
		record->has_secret ? record->sha256 : NULL, job->id);
	if (sql_run(stmt, NULL, err) == 0)
		return 0;
	if ((sqlite3_errcode(ledger->audit) & 0xff) == SQLITE_CONSTRAINT)
		return LEDGER_E_REFUSED;
	return -1;
}

/* What a revoke or its refusal tells of its token; NULL where it tells nothing. */
static const char *heard_status(const struct answer *answer,
	const struct ledger_outcome *outcome, const char **ret_from)
{
	*ret_from = "revoke_error";
	if (outcome->token_valid) {
		*ret_from = "revoke";
		return token_status_name(answer->token.status);
	}
	if (answer->said == ANSWER_SAID_REVOKED)
		return token_status_name(TOKEN_REVOKED);
	if (answer->said == ANSWER_SAID_ACCEPTED)
		return token_status_name(TOKEN_ACCEPTED);
	return NULL;
}

static int hear_token(struct ledger *ledger, const struct job *job,
	const struct answer *answer, const struct ledger_outcome *outcome,
	struct error *err)
{
	sqlite3_stmt *stmt = ledger_stmt(ledger, AQ_token_heard);
	const struct token *token = outcome->token_valid ? &answer->token : NULL;
	const char *from, *status = heard_status(answer, outcome, &from);

	if (!status)
		return 0;
	sql_bind(stmt, "tttttIIi", job->sign_in_token_id, status, ledger->now_text, from,
		token ? token->user_id : NULL, token ? token->created_at_ms : 0,
		token ? token->updated_at_ms : 0, job->id);
	if (sql_run(stmt, NULL, err) < 0)
		return -1;
	return ledger_purge_one(ledger, job->sign_in_token_id, job->id, status, err);
}

/* When it is tried again. It may have been sent by a clock that was ahead: never again
 * before not_before, by the clock of now. */
static const char *due_at(const struct job *job, const struct ledger_outcome *outcome,
	char text[CLOCK_TEXT_LEN])
{
	if (job->not_before_ms && job->not_before_ms > outcome->due_ms)
		return ledger_time(job->not_before_ms, text);
	return ledger_due(outcome->due_ms, text);
}

static int move_job(struct ledger *ledger, const struct job *job,
	const struct answer *answer, const struct ledger_outcome *outcome,
	const struct record *record, struct error *err)
{
	sqlite3_stmt *stmt = ledger_stmt(ledger, AQ_job_set_answered);
	bool queued = outcome->state == JOB_QUEUED;
	bool good = outcome->state == JOB_SUCCEEDED;
	const char *token_id = job->sign_in_token_id;
	char due[CLOCK_TEXT_LEN];
	struct ledger_parked parked = {0};
	int changes;

	/* Its batch may have been paused while it was on its way; of the rest that is
	 * held back it is not, or it had not been sent. */
	if (queued && ledger_parked(ledger, job, &parked, err) < 0)
		return -1;
	if (outcome->token_valid && job->action == JOB_CREATE)
		token_id = answer->token.id;
	sql_bind(stmt, "ttiiitttIttiii", job_state_name(outcome->state),
		queued ? NULL : job_result_name(outcome->result),
		(int64_t)job->unknown_attempts, (int64_t)job->tries,
		(int64_t)job->unknown_tries, queued ? due_at(job, outcome, due) : NULL,
		queued ? NULL : ledger->now_text, token_id, (int64_t)answer->http_status,
		good ? NULL : answer->error_code, good ? NULL : record->message,
		parked.paused, job->id, (int64_t)job->attempts);
	if (sql_run(stmt, &changes, err) < 0)
		return -1;
	if (changes == 0)
		return LEDGER_E_MOVED;
	ledger_count(ledger, job->action, JOB_RUNNING, outcome->state);
	return 0;
}

static void describe_token(struct audit_row *row, const struct job *job,
	const struct answer *answer, const struct ledger_outcome *outcome,
	const struct record *record)
{
	const char *from;

	if (outcome->token_valid) {
		row->sign_in_token_id = answer->token.id;
		if (!row->user_id)
			row->user_id = answer->token.user_id; /* a revoke names none */
		row->token_status = token_status_name(answer->token.status);
		row->token_created_at_ms = answer->token.created_at_ms;
		row->token_updated_at_ms = answer->token.updated_at_ms;
		row->token_expires_at = *record->expires ? record->expires : NULL;
		row->token_sha256 = record->has_secret ? record->sha256 : NULL;
	} else if (job->action == JOB_REVOKE) {
		row->token_status = heard_status(answer, outcome, &from);
	}
}

static int append_answer(struct ledger *ledger, const struct job *job,
	const struct answer *answer, const struct ledger_outcome *outcome,
	const struct record *record, struct error *err)
{
	struct audit_row row = {AUDIT_ROW_NULL};
	char due[CLOCK_TEXT_LEN], detail[64];

	ledger_about(&row, job);
	describe_token(&row, job, answer, outcome, record);
	row.event = event_name(outcome->event);
	row.job_state = job_state_name(outcome->state);
	row.http_status = answer->http_status;
	row.error_code = answer->error_code;
	row.error_message = record->message;
	row.trace_id = answer->trace_id;
	row.effect = effect_name(outcome->effect);
	if (outcome->event != EVENT_INTERRUPTED)
		row.duration_ms = answer->duration_ms;
	if (outcome->state == JOB_QUEUED)
		row.next_attempt_at = due_at(job, outcome, due);
	if (outcome->state == JOB_FAILED) {
		/* The limits that made it final are the configuration's of that day. */
		(void)snprintf(detail, sizeof(detail), "{\"result\":\"%s\"}",
			job_result_name(outcome->result));
		row.detail = detail;
	} else if (outcome->uncounted) {
		row.detail = "{\"counted\":false}";
	}
	return ledger_append(ledger, &row, err);
}

static int write_answer(struct ledger *ledger, const struct job *job,
	const struct answer *answer, const struct ledger_outcome *outcome,
	struct error *err)
{
	struct record record;
	int rc;

	make_record(&record, job, answer, outcome);
	if (outcome->token_valid && job->action == JOB_CREATE) {
		rc = insert_token(ledger, job, answer, &record, err);
		if (rc == 0 && outcome->event != EVENT_RECOVERED)
			rc = tokens_put(ledger->tokens, job, answer, record.expires, err);
		if (rc)
			return rc == TOKENS_E_NONE ? LEDGER_E_REFUSED : rc;
	}
	rc = move_job(ledger, job, answer, outcome, &record, err);
	if (rc == 0)
		rc = append_answer(ledger, job, answer, outcome, &record, err);
	if (rc == 0 && job->action == JOB_REVOKE)
		rc = hear_token(ledger, job, answer, outcome, err);
	return rc;
}

/* In a savepoint, so that an answer which the tables refuse leaves nothing half-written
 * and does not take the others of its turn with it. */
int ledger_answered(struct ledger *ledger, const struct job *job,
	const struct answer *answer, const struct ledger_outcome *outcome,
	struct error *err)
{
	struct ledger_memory before = ledger->now;
	int rc;

	if (sql_exec(ledger->audit, "SAVEPOINT answer", err) < 0)
		return -1;
	rc = write_answer(ledger, job, answer, outcome, err);
	if (rc < 0)
		return -1;
	if (rc > 0) {
		if (sql_exec(ledger->audit, "ROLLBACK TO answer", NULL) < 0)
			return -1;
		ledger->now = before;
	}
	if (sql_exec(ledger->audit, "RELEASE answer", err) < 0)
		return -1;
	return rc;
}

int ledger_knows_token(
	struct ledger *ledger, const char *id, bool *ret_known, struct error *err)
{
	AUTO(sql_reset) sqlite3_stmt *stmt = ledger_stmt(ledger, AQ_token_get);
	int rc;

	sql_bind(stmt, "t", id);
	rc = sql_step(stmt, err);
	if (rc < 0)
		return -1;
	*ret_known = rc == SQL_ROW;
	return 0;
}

int ledger_found_secret(struct ledger *ledger, const struct job *job,
	struct answer *ret_answer, struct error *err)
{
	AUTO(sql_reset) sqlite3_stmt *stmt = ledger_stmt(ledger, AQ_audit_sent_at);
	int rc;

	sql_bind(stmt, "ii", job->id, (int64_t)job->attempts);
	rc = sql_step(stmt, err);
	if (rc < 0)
		return -1;
	if (rc == 0)
		return LEDGER_E_NONE;
	rc = tokens_get(ledger->tokens, job, sql_text(stmt, 0), ret_answer, err);
	return rc == TOKENS_E_NONE ? LEDGER_E_NONE : rc;
}
