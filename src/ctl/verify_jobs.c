/*
 * Replay: what the rows of the audit make of a job, held against its row. Not in the
 * audit, and so not held: on which reading of the sending clock a job began to age, and
 * that a waiting job is due sooner than its row says, which a stepped clock does.
 */
#include "ctl/verify.h"

#include "model/job.h"

#include <inttypes.h>
#include <string.h>

/* The job as its events tell it. All texts borrowed from them. */
struct story {
	const char *state;
	const char *result; /* NULL = not finished */
	int64_t attempts;
	int64_t unknown_attempts;
	int64_t tries, unknown_tries; /* of the present budget */
	bool aging;                   /* sent since accepted or retried */
	const char *due_at;           /* as last set; NULL once final */
	const char *accepted_at;
	const char *finished_at;
	const char *sign_in_token_id;
	int64_t http_status;
	const char *error_code;
	const char *error_message;
	const struct reader_event *taken; /* accepted or rejected */
	const char *fault;
	json_t *detail; /* owned: of the last answer; result may lie in it */
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
	story->due_at = event->next_attempt_at;
	story->sign_in_token_id = event->sign_in_token_id;
	if (is(event, "rejected")) {
		story->result = event->error_code;
		story->error_message = event->error_message;
		story->finished_at = event->at;
		story->due_at = NULL;
	}
}

/* The result of a final answer. A failure's row says it itself: the limits were those of
 * its day. */
static const char *result_of(const struct reader_event *event, const json_t *detail)
{
	if (!strcmp(event->job_state, "queued"))
		return NULL;
	if (!strcmp(event->job_state, "failed"))
		return verify_member(detail, "result");
	if (!event->action || strcmp(event->action, "revoke") != 0)
		return "created";
	/* A refusal that says `revoked` was our own doing if an attempt before was
	 * unknown. */
	return event->effect && !strcmp(event->effect, "applied") ? "revoked"
								  : "already_revoked";
}

static void count(
	struct story *story, const struct reader_event *event, const json_t *detail)
{
	bool unknown = event->effect && !strcmp(event->effect, "unknown");
	bool create = event->action && !strcmp(event->action, "create");

	story->unknown_attempts += unknown;
	if (json_is_false(json_object_get(detail, "counted")))
		return;
	story->tries++;
	story->unknown_tries += unknown && create;
}

static void answer(struct story *story, const struct reader_event *event)
{
	bool succeeded = !strcmp(event->job_state, "succeeded");

	if (strcmp(story->state, "running") != 0 || event->attempt != story->attempts)
		story->fault = "an attempt ended that had not begun";
	json_decref(story->detail);
	story->detail = verify_json(event->detail);
	count(story, event, story->detail);
	story->http_status = event->http_status;
	story->error_code = succeeded ? NULL : event->error_code;
	story->error_message = succeeded ? NULL : event->error_message;
	story->result = result_of(event, story->detail);
	story->finished_at = strcmp(event->job_state, "queued") ? event->at : NULL;
	story->due_at = event->next_attempt_at;
	if (event->token_status)
		story->sign_in_token_id = event->sign_in_token_id;
}

static void send(struct story *story, const struct reader_event *event)
{
	/* Unsigned: in a damaged file it may be the greatest number there is. */
	if (strcmp(story->state, "queued") != 0 ||
		(uint64_t)event->attempt != (uint64_t)story->attempts + 1)
		story->fault = "an attempt began out of turn";
	story->attempts = event->attempt;
	story->aging = true;
}

static void end_unsent(struct story *story, const struct reader_event *event)
{
	if (strcmp(story->state, "queued") != 0)
		story->fault = "it ended without being queued";
	story->result = event->event; /* cancelled, lapsed: the same words */
	story->finished_at = event->at;
	story->due_at = NULL;
}

static void retry(struct story *story, const struct reader_event *event)
{
	if (strcmp(story->state, "failed") != 0 && strcmp(story->state, "cancelled") != 0)
		story->fault = "it was queued again without having failed";
	story->result = NULL;
	story->finished_at = NULL;
	story->due_at = event->next_attempt_at;
	story->tries = story->unknown_tries = 0;
	story->aging = false;
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
		retry(story, event);
	else
		answer(story, event);
	story->state = event->job_state;
}

/* One job while it is compared. */
struct difference {
	struct verify *verify;
	const char *what; /* job N */
};

static void compare_text(const struct difference *d, const char *column,
	const char *table, const char *audit)
{
	verify_column(d->verify, d->what, column, table, audit);
}

static void compare_int(
	const struct difference *d, const char *column, int64_t table, int64_t audit)
{
	verify_number(d->verify, d->what, column, table, audit);
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

/* Where the clock was stepped back, the daemon makes a waiting job due at once, and no
 * row tells of it: sooner than the audit says is possible, later is not. */
static void compare_due(const struct difference *d, const struct reader_job *job,
	const struct story *story)
{
	if (!job->due_at || !story->due_at || strcmp(job->due_at, story->due_at) > 0)
		compare_text(d, "due_at", job->due_at, story->due_at);
}

static void compare_work(const struct difference *d,
	const struct reader_replay_job *replay, const struct story *story)
{
	compare_int(d, "tries", replay->tries, story->tries);
	compare_int(d, "unknown_tries", replay->unknown_tries, story->unknown_tries);
	if (story->aging != (replay->age_from >= 0) || replay->age_from < -1)
		verify_fault(d->verify,
			"%s: age_from: the table says %" PRId64 ", the audit that it %s",
			d->what, replay->age_from,
			story->aging ? "was sent" : "was not sent");
}

static void compare(const struct difference *d, const struct reader_replay_job *replay,
	const struct story *story)
{
	const struct reader_job *job = replay->job;

	compare_text(d, "state", job->state, story->state);
	compare_text(d, "result", job->result, story->result);
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
	compare_due(d, job, story);
	compare_work(d, replay, story);
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

static int hold_against(struct verify *verify, const struct reader_replay_job *replay,
	const struct story *story, struct error *err)
{
	AUTO(free_ptr) char *what = xasprintf("job %" PRId64, replay->id);
	const struct difference difference = {verify, what};

	if (story->fault) {
		verify_fault(verify, "%s: the audit contradicts itself: %s", what,
			story->fault);
	} else if (!replay->job) {
		verify_fault(verify, "%s: the audit tells of it, job lacks it", what);
	} else if (!story->taken) {
		verify_fault(
			verify, "%s: job has it, the audit knows nothing of it", what);
	} else {
		compare(&difference, replay, story);
		if (verify_parked(verify, replay->job, story->taken->seq, err) < 0)
			return -1;
	}
	return check_tokens(verify, replay, err);
}

static int on_job(
	void *userdata, const struct reader_replay_job *replay, struct error *err)
{
	struct verify *verify = userdata;
	struct story story = {.state = "", .http_status = READER_NONE};
	int rc = 0;

	for (size_t i = 0; i < replay->n_events; i++)
		tell(&story, &replay->events[i]);
	/* Else a command that named a job which there never was. */
	if (story.taken || replay->job) {
		verify->n_jobs++;
		rc = hold_against(verify, replay, &story, err);
	}
	json_decref(story.detail);
	return rc;
}

int verify_jobs(struct verify *verify, struct error *err)
{
	return reader_replay_jobs(verify->ctl->reader, on_job, verify, err);
}
