/*
 * tokens.db held against the audit. Nothing chains it: it holds what is thrown away. But
 * each secret in it came by a row of the audit, and the digest of it stands there; and
 * its mark remembers how far the audit had got.
 */
#include "base/clock.h"
#include "ctl/alive.h"
#include "ctl/verify.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define SEE "; see restore.md"
/* The daemon writes tokens.db a moment before audit.db: what is younger than this is not
 * looked at while it runs. */
#define SETTLED_MS 5000

struct look {
	struct verify *verify;
	char settled[CLOCK_TEXT_LEN];
	int64_t n, n_unknown, n_purged, n_lost;
	char *unknown, *lost; /* owned: the first of them */
	char *fault;          /* owned */
};

static void look_cleanup(struct look *look)
{
	free(look->unknown);
	free(look->lost);
	free(look->fault);
}

static void differ(struct look *look, const struct reader_kept *kept, const char *column,
	const char *tokens, const char *audit)
{
	if (!look->fault && !verify_same(tokens, audit))
		look->fault = xasprintf("token %s: %s: tokens.db says %s, the audit %s",
			kept->sign_in_token_id, column, tokens ? tokens : "nothing",
			audit ? audit : "nothing");
}

/* An answer whose record was cut short by the daemon's end: its next start recovers it.
 */
static int is_open(struct look *look, const struct reader_kept *kept, struct error *err)
{
	AUTO(reader_job) struct reader_job job = {0};
	int rc = reader_job(look->verify->ctl->reader, kept->job_id, &job, err);

	if (rc)
		return rc < 0 ? -1 : 0;
	return verify_same(job.state, "running") && job.attempts == kept->attempt;
}

static int note_unknown(
	struct look *look, const struct reader_kept *kept, struct error *err)
{
	int rc = strcmp(kept->received_at, look->settled) < 0 ? is_open(look, kept, err)
							      : 1;

	if (rc)
		return rc < 0 ? -1 : 0;
	if (!look->n_unknown++)
		look->unknown = xasprintf(
			"%s of job %" PRId64, kept->sign_in_token_id, kept->job_id);
	return 0;
}

static int on_kept(void *userdata, const struct reader_kept *kept, struct error *err)
{
	struct look *look = userdata;
	AUTO(reader_token) struct reader_token token = {0};
	char job[2][24];
	int rc = reader_token(
		look->verify->ctl->reader, kept->sign_in_token_id, &token, err);

	if (rc < 0)
		return -1;
	look->n++;
	if (rc == READER_E_NONE)
		return note_unknown(look, kept, err);
	(void)snprintf(job[0], sizeof(job[0]), "%" PRId64, kept->job_id);
	(void)snprintf(job[1], sizeof(job[1]), "%" PRId64, token.create_job_id);
	differ(look, kept, "the digest of its secret", kept->sha256, token.token_sha256);
	differ(look, kept, "job_id", job[0], job[1]);
	differ(look, kept, "user_id", kept->user_id, token.user_id);
	differ(look, kept, "expires_at", kept->expires_at, token.expires_at);
	look->n_purged += token.purged_at != NULL;
	return 0;
}

/* A token that may be live, whose secret came and was not removed. */
static int on_token(void *userdata, const struct reader_token *token, struct error *err)
{
	struct look *look = userdata;
	AUTO(reader_token) struct reader_token now = {0};
	bool has;

	if (verify_same(token->life, "may be live") == false || !token->token_sha256 ||
		token->purged_at)
		return 0;
	if (reader_secrets_has(look->verify->ctl->secrets, token->id, &has, err) < 0)
		return -1;
	/* It may have been removed just now. */
	if (has || reader_token(look->verify->ctl->reader, token->id, &now, err) != 0 ||
		now.purged_at)
		return 0;
	if (!look->n_lost++)
		look->lost = xstrdup(token->id);
	return 0;
}

/* An audit.db behind the mark: rows that it had are gone. */
static int check_mark(struct look *look, struct error *err)
{
	struct ctl *ctl = look->verify->ctl;
	char hash[READER_HASH_LEN] = "";
	struct reader_mark mark;
	int64_t job;

	if (reader_secrets_mark(ctl->secrets, &mark, err) < 0 ||
		reader_hash_at(ctl->reader, mark.seq, hash, err) < 0 ||
		reader_last_job(ctl->reader, &job, err) < 0)
		return -1;
	/* The run that went on with an older copy keeps the old mark until it first
	 * writes tokens.db. */
	if (mark.seq == 0 || look->verify->restored_last || look->fault)
		return 0;
	if (!*hash)
		look->fault = xasprintf(
			"row %" PRId64 ": tokens.db has seen it, the audit ends with row "
			"%" PRId64 ": its tail was cut off, or it is an older copy" SEE,
			mark.seq, look->verify->chain.seq);
	else if (strcmp(hash, mark.hash) != 0)
		look->fault = xasprintf("row %" PRId64 ": tokens.db has seen it as %s, "
					"the audit says %s: the audit was rewritten",
			mark.seq, mark.hash, hash);
	else if (job < mark.job_id)
		look->fault = xasprintf("job %" PRId64
					": tokens.db has seen it, the audit ends with "
					"job %" PRId64,
			mark.job_id, job);
	return 0;
}

static char *sentence(const struct look *look)
{
	struct buf text = BUF_NULL;
	char *made;

	buf_printf(&text, "%" PRId64 " kept", look->n);
	if (look->n_unknown)
		buf_printf(&text,
			"; %" PRId64 " of tokens that the audit does not know, %s the "
			"first: they were made after the copy of it that was put "
			"back" SEE,
			look->n_unknown, look->unknown);
	if (look->n_purged)
		buf_printf(&text,
			"; %" PRId64 " was purged and is still there: the daemon removes "
			"it at its next start, or an older tokens.db was put back",
			look->n_purged);
	if (look->n_lost)
		buf_printf(&text,
			"; %" PRId64 " that may be live lack theirs, %s the first: "
			"tokens.db is new, an older copy, or somebody removed them" SEE,
			look->n_lost, look->lost);
	made = xstrdup(buf_str(&text));
	buf_deinit(&text);
	return made;
}

int verify_secrets(
	struct verify *verify, char **ret_text, bool *ret_broken, struct error *err)
{
	const struct reader_selector live = {.live = true};
	struct ctl *ctl = verify->ctl;
	AUTO(look) struct look look = {.verify = verify};
	bool stopped = alive_check(ctl->config->state_directory, NULL) == ALIVE_NO;

	clock_format(clock_now().wall_ms - (stopped ? 0 : SETTLED_MS), look.settled);
	if (reader_secrets_kept(ctl->secrets, on_kept, &look, err) < 0 ||
		reader_tokens(ctl->reader, &live, on_token, &look, err) < 0 ||
		check_mark(&look, err) < 0)
		return -1;
	if (!look.fault && look.n_unknown && !verify->restored)
		look.fault =
			xasprintf("token %s: tokens.db has its secret, the audit "
				  "knows nothing of it: it lost rows, or is an older "
				  "copy" SEE,
				look.unknown);
	*ret_broken = look.fault != NULL;
	*ret_text = look.fault ? TAKE_PTR(look.fault) : sentence(&look);
	return 0;
}
