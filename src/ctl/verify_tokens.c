/* Replay: what answers and refusals told of a token, held against its row. */
#include "ctl/verify.h"

#include <inttypes.h>
#include <string.h>

/* Borrowed from the events. */
struct story {
	const char *status;
	const char *status_at;
	const char *status_from;
	const char *org_id;
	int64_t created_at_ms;
	int64_t updated_at_ms;
	const char *expires_at;
	const char *token_sha256;
	int64_t create_job_id;
	int64_t revoke_job_id;
};

static void tell(struct story *story, const struct reader_event *event)
{
	bool create = event->action && !strcmp(event->action, "create");
	bool whole = event->token_created_at_ms != READER_NONE;

	/* A later job that hears the same did nothing. */
	if (!create && verify_same(story->status, event->token_status))
		return;
	story->status = event->token_status;
	story->status_at = event->at;
	story->status_from = create ? "create" : whole ? "revoke" : "revoke_error";
	if (create) {
		story->org_id = event->org_id;
		story->expires_at = event->token_expires_at;
		story->token_sha256 = event->token_sha256;
		story->create_job_id = event->job_id;
	} else {
		story->revoke_job_id = event->job_id;
	}
	if (story->created_at_ms == READER_NONE)
		story->created_at_ms = event->token_created_at_ms;
	if (event->token_updated_at_ms != READER_NONE)
		story->updated_at_ms = event->token_updated_at_ms;
}

static void compare_text(struct verify *verify, const struct reader_heard *token,
	const char *column, const char *table, const char *audit)
{
	if (!verify_same(table, audit))
		verify_fault(verify, "token %s: %s: the table says %s, the audit %s",
			token->id, column, table ? table : "nothing",
			audit ? audit : "nothing");
}

static void compare_int(struct verify *verify, const struct reader_heard *token,
	const char *column, int64_t table, int64_t audit)
{
	if (table != audit)
		verify_fault(verify,
			"token %s: %s: the table says %" PRId64 ", the audit %" PRId64,
			token->id, column, table == READER_NONE ? 0 : table,
			audit == READER_NONE ? 0 : audit);
}

static void compare(struct verify *verify, const struct reader_heard *token,
	const struct story *story)
{
	compare_text(verify, token, "status", token->status, story->status);
	compare_text(verify, token, "status_at", token->status_at, story->status_at);
	compare_text(
		verify, token, "status_from", token->status_from, story->status_from);
	compare_text(verify, token, "org_id", token->org_id, story->org_id);
	compare_int(verify, token, "created_at_ms", token->created_at_ms,
		story->created_at_ms);
	compare_int(verify, token, "updated_at_ms", token->updated_at_ms,
		story->updated_at_ms);
	compare_text(verify, token, "expires_at", token->expires_at, story->expires_at);
	compare_text(
		verify, token, "token_sha256", token->token_sha256, story->token_sha256);
	compare_int(verify, token, "create_job_id", token->create_job_id,
		story->create_job_id);
	compare_int(verify, token, "revoke_job_id", token->revoke_job_id,
		story->revoke_job_id);
}

static int on_token(
	void *userdata, const struct reader_replay_token *replay, struct error *err)
{
	struct verify *verify = userdata;
	struct story story = {.created_at_ms = READER_NONE,
		.updated_at_ms = READER_NONE,
		.create_job_id = READER_NONE,
		.revoke_job_id = READER_NONE};

	(void)err;
	verify->n_tokens++;
	for (size_t i = 0; i < replay->n_events; i++)
		tell(&story, &replay->events[i]);
	if (replay->n_events == 0)
		verify_fault(verify,
			"token %s: sign_in_token has it, the audit knows nothing of it",
			replay->token->id);
	else
		compare(verify, replay->token, &story);
	return 0;
}

int verify_tokens(struct verify *verify, struct error *err)
{
	return reader_replay_tokens(verify->ctl->reader, on_token, verify, err);
}
