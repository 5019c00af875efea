/*
 * Replay: what the rows of the audit make of a job, held against its row. Not in the
 * audit, and so not held: when a queued job is due, and the counters of its present
 * budget.
 */
#include "ctl/verify.h"

#include "model/job.h"

#include <inttypes.h>
#include <string.h>

/* The job as its events tell it. All texts borrowed from them. */
struct story {
	const char *state;
	const char *result; /* NULL = not finished; "?" = one that the state allows */
	int64_t attempts;
	int64_t unknown_attempts;
	const char *accepted_at;
	const char *finished_at;
	const char *sign_in_token_id;
	int64_t http_status;
	const char *error_code;
	const char *error_message;
	const struct reader_event *taken; /* accepted or rejected */
	const char *fault;
};

static bool is(const struct reader_event *event, const char *word)
{
	return event->event && !strcmp(event->event, word);
}

static void take(struct story *story, const struct reader_event *event)
{
	if (story->taken)
		story->fault = "it was taken twice";
	story->taken = event;
	story->accepted_at = event->at;
	story->sign_in_token_id = event->sign_in_token_id;
	if (is(event, "rejected")) {
		story->result = event->error_code;
		story->error_message = event->error_message;
		story->finished_at = event->at;
	}
}

/* The result of a final answer, as far as its row tells it. */
static const char *result_of(const struct reader_event *event)
{
	bool revoke = event->action && !strcmp(event->action, "revoke");

	if (!strcmp(event->job_state, "queued"))
		return NULL;
	if (!strcmp(event->job_state, "failed"))
		return event->token_status && !strcmp(event->token_status, "accepted")
			       ? "already_used"
			       : "?";
	if (!revoke)
		return "created";
	/* A refusal that says `revoked` was our own doing if an attempt before was
	 * unknown. */
	return event->effect && !strcmp(event->effect, "applied") ? "revoked"
								  : "already_revoked";
}

static void answer(struct story *story, const struct reader_event *event)
{
	bool succeeded = !strcmp(event->job_state, "succeeded");

	if (strcmp(story->state, "running") != 0 || event->attempt != story->attempts)
		story->fault = "an attempt ended that had not begun";
	story->http_status = event->http_status;
	story->error_code = succeeded ? NULL : event->error_code;
	story->error_message = succeeded ? NULL : event->error_message;
	story->result = result_of(event);
	story->finished_at = strcmp(event->job_state, "queued") ? event->at : NULL;
	if (event->effect && !strcmp(event->effect, "unknown"))
		story->unknown_attempts++;
	if (event->token_status)
		story->sign_in_token_id = event->sign_in_token_id;
}

static void send(struct story *story, const struct reader_event *event)
{
	if (strcmp(story->state, "queued") != 0 || event->attempt != story->attempts + 1)
		story->fault = "an attempt began out of turn";
	story->attempts = event->attempt;
}

static void end_unsent(struct story *story, const struct reader_event *event)
{
	if (strcmp(story->state, "queued") != 0)
		story->fault = "it ended without being queued";
	story->result = event->event; /* cancelled, lapsed: the same words */
	story->finished_at = event->at;
}

static void retry(struct story *story)
{
	if (strcmp(story->state, "failed") != 0 && strcmp(story->state, "cancelled") != 0)
		story->fault = "it was queued again without having failed";
	story->result = NULL;
	story->finished_at = NULL;
}

static void tell(struct story *story, const struct reader_event *event)
{
	if (!event->job_state)
		return; /* commanded, purged: about the job, no move of it */
	if (is(event, "accepted") || is(event, "rejected"))
		take(story, event);
	else if (!story->taken)
		story->fault = "something happened to it before it was taken";
	else if (is(event, "sent"))
		send(story, event);
	else if (is(event, "cancelled") || is(event, "lapsed"))
		end_unsent(story, event);
	else if (is(event, "retried"))
		retry(story);
	else
		answer(story, event);
	story->state = event->job_state;
}

struct difference {
	struct verify *verify;
	int64_t id;
};

static void compare_text(const struct difference *difference, const char *column,
	const char *table, const char *audit)
{
	if (!verify_same(table, audit))
		verify_fault(difference->verify,
			"job %" PRId64 ": %s: the table says %s, the audit %s",
			difference->id, column, table ? table : "nothing",
			audit ? audit : "nothing");
}

static void compare_int(const struct difference *difference, const char *column,
	int64_t table, int64_t audit)
{
	if (table != audit)
		verify_fault(difference->verify,
			"job %" PRId64 ": %s: the table says %" PRId64
			", the audit %" PRId64,
			difference->id, column, table == READER_NONE ? 0 : table,
			audit == READER_NONE ? 0 : audit);
}

/* Which results a state allows where the audit does not tell the word itself. */
static bool is_failure(const char *result)
{
	static const char *const words[] = {
		"not_found", "invalid", "refused", "outcome_unknown", "gave_up"};

	for (size_t i = 0; result && i < ARRAY_LEN(words); i++)
		if (!strcmp(result, words[i]))
			return true;
	return false;
}

static void compare_result(
	const struct difference *d, const struct reader_job *job, const char *told)
{
	if (!told || strcmp(told, "?") != 0)
		compare_text(d, "result", job->result, told);
	else if (!is_failure(job->result))
		compare_text(d, "result", job->result, "a failure");
}

static void compare_request(const struct difference *d, const struct reader_job *job,
	const struct reader_event *taken)
{
	const char *by = taken->requested_by ? taken->requested_by : "";

	compare_text(d, "action", job->action, taken->action);
	compare_text(d, "user_id", job->user_id, taken->user_id);
	compare_text(d, "org_id", job->org_id, taken->org_id);
	compare_text(d, "batch", job->batch, taken->batch);
	compare_text(d, "reference", job->reference, taken->reference);
	compare_text(d, "requested_by", job->requested_by, by);
	compare_text(d, "reason", job->reason, taken->reason);
}

static void compare(const struct difference *d, const struct reader_job *job,
	const struct story *story)
{
	compare_text(d, "state", job->state, story->state);
	compare_result(d, job, story->result);
	compare_int(d, "attempts", job->attempts, story->attempts);
	compare_int(
		d, "unknown_attempts", job->unknown_attempts, story->unknown_attempts);
	compare_text(d, "accepted_at", job->accepted_at, story->accepted_at);
	compare_text(d, "finished_at", job->finished_at, story->finished_at);
	compare_text(
		d, "sign_in_token_id", job->sign_in_token_id, story->sign_in_token_id);
	compare_int(d, "http_status", job->http_status, story->http_status);
	compare_text(d, "error_code", job->error_code, story->error_code);
	compare_text(d, "error_message", job->error_message, story->error_message);
	compare_request(d, job, story->taken);
	verify_detail(d->verify, job, story->taken);
	if (story->finished_at)
		compare_text(d, "due_at", job->due_at, NULL);
}

/* A token that an answer named has a row. */
static int check_tokens(
	struct verify *verify, const struct reader_replay_job *replay, struct error *err)
{
	for (size_t i = 0; i < replay->n_events; i++) {
		const struct reader_event *event = &replay->events[i];
		AUTO(reader_token) struct reader_token token = {0};
		int rc;

		if (!event->token_status || !event->sign_in_token_id)
			continue;
		rc = reader_token(
			verify->ctl->reader, event->sign_in_token_id, &token, err);
		if (rc < 0)
			return -1;
		if (rc == READER_E_NONE)
			verify_fault(verify,
				"token %s: row %" PRId64
				" of the audit names it, sign_in_token lacks it",
				event->sign_in_token_id, event->seq);
	}
	return 0;
}

static int on_job(
	void *userdata, const struct reader_replay_job *replay, struct error *err)
{
	struct verify *verify = userdata;
	const struct difference difference = {verify, replay->id};
	struct story story = {.state = "", .http_status = READER_NONE};

	for (size_t i = 0; i < replay->n_events; i++)
		tell(&story, &replay->events[i]);
	if (!story.taken && !replay->job)
		return 0; /* a command that named a job which there never was */
	verify->n_jobs++;
	if (story.fault)
		verify_fault(verify, "job %" PRId64 ": the audit contradicts itself: %s",
			replay->id, story.fault);
	else if (!replay->job)
		verify_fault(verify,
			"job %" PRId64 ": the audit tells of it, job lacks it",
			replay->id);
	else if (!story.taken)
		verify_fault(verify,
			"job %" PRId64 ": job has it, the audit knows nothing of it",
			replay->id);
	else
		compare(&difference, replay->job, &story);
	return check_tokens(verify, replay, err);
}

int verify_jobs(struct verify *verify, struct error *err)
{
	return reader_replay_jobs(verify->ctl->reader, on_job, verify, err);
}
