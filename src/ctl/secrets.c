#include "ctl/secrets.h"

#include "base/clock.h"
#include "ctl/out.h"

#include <inttypes.h>
#include <string.h>

/* One row of the CSV. The url is borrowed from its holder for the call that prints it. */
struct row {
	int64_t job_id;
	char *reference;
	char *user_id;
	char *sign_in_token_id;
	char *expires_at;
	char *url;
};

static const struct out_column columns[] = {
	{"job_id", OUT_INT, offsetof(struct row, job_id)},
	{"reference", OUT_TEXT, offsetof(struct row, reference)},
	{"user_id", OUT_TEXT, offsetof(struct row, user_id)},
	{"sign_in_token_id", OUT_TEXT, offsetof(struct row, sign_in_token_id)},
	{"expires_at", OUT_TEXT, offsetof(struct row, expires_at)},
	{"url", OUT_TEXT, offsetof(struct row, url)},
};

static const struct out_list list = {columns, ARRAY_LEN(columns), NULL};

/* Whether the audit tells of the removal of the secret. */
static bool was_purged(struct ctl *ctl, const char *token_id)
{
	AUTO(reader_token) struct reader_token token = {0};
	struct error err = ERROR_NULL;

	return token_id && reader_token(ctl->reader, token_id, &token, &err) == 0 &&
	       token.purged_at;
}

/* Why a job has no secret, as far as the audit may be read. */
static int say_missing(struct ctl *ctl, int64_t id)
{
	AUTO(reader_job) struct reader_job job = {0};
	struct error err = ERROR_NULL;

	ctl_try_audit(ctl);
	if (!ctl->reader || reader_job(ctl->reader, id, &job, &err) != 0)
		return ctl_fail(CTL_MISSING, "job %" PRId64 " has no secret", id);
	if (!strcmp(job.state, "succeeded") && job.action &&
		!strcmp(job.action, "create") && !was_purged(ctl, job.sign_in_token_id))
		return ctl_fail(CTL_MISSING,
			"job %" PRId64
			": tokens.db has lost its secret, which was never removed: was "
			"an older tokens.db put back?",
			id);
	if (!strcmp(job.state, "succeeded") && job.action &&
		!strcmp(job.action, "create"))
		return ctl_fail(CTL_MISSING,
			"job %" PRId64
			": its secret was removed: the token was used, was "
			"revoked, has expired, or is older than retention.secrets",
			id);
	return ctl_fail(CTL_MISSING, "job %" PRId64 " has no secret: it is a %s, %s", id,
		job.action ? job.action : "row that was rejected", job.state);
}

/* The reference stands in the audit; without it the column is empty. */
static char *reference_of(struct ctl *ctl, int64_t id)
{
	AUTO(reader_job) struct reader_job job = {0};
	struct error err = ERROR_NULL;

	ctl_try_audit(ctl);
	if (!ctl->reader || reader_job(ctl->reader, id, &job, &err) != 0)
		return NULL;
	return TAKE_PTR(job.reference);
}

static void print_row(struct ctl *ctl, int64_t id, const struct reader_secret *secret)
{
	AUTO(free_ptr) char *reference = reference_of(ctl, id);
	const struct row row = {.job_id = id,
		.reference = reference,
		.user_id = secret->user_id,
		.sign_in_token_id = secret->sign_in_token_id,
		.expires_at = secret->expires_at,
		.url = secret->url.text};

	out_row(&ctl->out, &row);
}

static const struct secret *wanted(
	enum secrets_form form, const struct reader_secret *secret)
{
	return form == SECRETS_TOKEN ? &secret->token : &secret->url;
}

/* Whether what is kept is of use: Clerk may have sent less, and what has expired goes a
 * little later. 0, or CTL_MISSING, said why. */
static int check(enum secrets_form form, int64_t id, const struct reader_secret *secret)
{
	char now[CLOCK_TEXT_LEN];

	clock_format(clock_now().wall_ms, now);
	if (!secret->url.text && !secret->token.text)
		return ctl_fail(CTL_MISSING,
			"job %" PRId64 ": Clerk sent neither url nor token", id);
	if (!wanted(form, secret)->text)
		return ctl_fail(CTL_MISSING, "job %" PRId64 ": Clerk sent no %s", id,
			form == SECRETS_TOKEN ? "token" : "url; try --token");
	if (secret->expires_at && strcmp(secret->expires_at, now) <= 0)
		return ctl_fail(CTL_MISSING,
			"job %" PRId64 ": its token has expired, at %s UTC", id,
			secret->expires_at);
	return CTL_OK;
}

static int print_one(struct ctl *ctl, enum secrets_form form, int64_t id)
{
	AUTO(reader_secret) struct reader_secret secret = {0};
	struct error err = ERROR_NULL;
	int status, rc = reader_secrets_get(ctl->secrets, id, &secret, &err);

	if (rc < 0)
		return ctl_fail(CTL_NO, "%s", err.text);
	if (rc == READER_E_NONE)
		return say_missing(ctl, id);
	status = check(form, id, &secret);
	if (status)
		return status;
	if (form == SECRETS_LIST) {
		print_row(ctl, id, &secret);
		return CTL_OK;
	}
	buf_append(&ctl->out.pending, wanted(form, &secret)->text,
		wanted(form, &secret)->len);
	out_printf(&ctl->out, "\n");
	return CTL_OK;
}

int secrets_print(struct ctl *ctl, enum secrets_form form, const int64_t *ids, size_t n)
{
	int status = ctl_open_secrets(ctl);

	if (status)
		return status;
	if (form == SECRETS_LIST && ctl->out.format == OUT_TABLE)
		ctl->out.format = OUT_CSV;
	if (form == SECRETS_LIST)
		out_list_begin(&ctl->out, &list);
	for (size_t i = 0; i < n && !out_broken(&ctl->out); i++) {
		int rc = print_one(ctl, form, ids[i]);

		if (status != CTL_NO && rc)
			status = rc;
	}
	if (form == SECRETS_LIST)
		out_list_end(&ctl->out);
	return status;
}
