/* Replay: what answers and refusals told of a token, held against its row. */
#include "ctl/verify.h"

#include <inttypes.h>
#include <string.h>

/* Borrowed from the events. */
struct story {
	const char *status;
	const char *status_at;
	const char *status_from;
	const char *user_id;
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
	if (!story->user_id)
		story->user_id = event->user_id;
	if (story->created_at_ms == READER_NONE)
		story->created_at_ms = event->token_created_at_ms;
	if (event->token_updated_at_ms != READER_NONE)
		story->updated_at_ms = event->token_updated_at_ms;
}

static void compare(struct verify *verify, const char *what,
	const struct reader_heard *token, const struct story *story)
{
	const struct {
		const char *column, *table, *audit;
	} texts[] = {
		{"status", token->status, story->status},
		{"status_at", token->status_at, story->status_at},
		{"status_from", token->status_from, story->status_from},
		{"user_id", token->user_id, story->user_id},
		{"org_id", token->org_id, story->org_id},
		{"expires_at", token->expires_at, story->expires_at},
		{"token_sha256", token->token_sha256, story->token_sha256},
	};

	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		verify_column(
			verify, what, texts[i].column, texts[i].table, texts[i].audit);
	verify_number(verify, what, "created_at_ms", token->created_at_ms,
		story->created_at_ms);
	verify_number(verify, what, "updated_at_ms", token->updated_at_ms,
		story->updated_at_ms);
	verify_number(verify, what, "create_job_id", token->create_job_id,
		story->create_job_id);
	verify_number(verify, what, "revoke_job_id", token->revoke_job_id,
		story->revoke_job_id);
}

/* The register counts without a gap, in the order in which tokens were heard of: who
 * draws a sample by it must be able to see that none is missing. */
static void check_entry(
	struct verify *verify, const char *what, const struct reader_replay_token *replay)
{
	int64_t seq = replay->n_events ? replay->events[0].seq : 0;

	if (replay->entry != verify->n_tokens)
		verify_fault(verify,
			"%s: its entry is %" PRId64 ", it is the token %" PRId64
			" of the register",
			what, replay->entry, verify->n_tokens);
	if (seq && seq < verify->token_seq)
		verify_fault(verify,
			"%s: it stands behind a token that was heard of later", what);
	verify->token_seq = seq;
}

static int on_token(
	void *userdata, const struct reader_replay_token *replay, struct error *err)
{
	struct verify *verify = userdata;
	AUTO(free_ptr) char *what = xasprintf("token %s", replay->token->id);
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
			"%s: sign_in_token has it, the audit knows nothing of it", what);
	else
		compare(verify, what, replay->token, &story);
	check_entry(verify, what, replay);
	return 0;
}

int verify_tokens(struct verify *verify, struct error *err)
{
	return reader_replay_tokens(verify->ctl->reader, on_token, verify, err);
}
