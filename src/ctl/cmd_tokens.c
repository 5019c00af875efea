/* tokens, token. */
#include "ctl/cmd.h"
#include "ctl/ctl.h"
#include "ctl/ids.h"
#include "ctl/lists.h"
#include "ctl/select.h"

struct listing {
	struct ctl *ctl;
	int64_t limit; /* 0 = none */
	bool more;
};

static int on_token(void *userdata, const struct reader_token *token, struct error *err)
{
	struct listing *listing = userdata;

	(void)err;
	if (listing->limit && listing->ctl->out.n_printed == listing->limit) {
		listing->more = true;
		return 1;
	}
	out_row(&listing->ctl->out, token);
	return out_broken(&listing->ctl->out);
}

int cmd_tokens(struct ctl *ctl)
{
	AUTO(select) struct select select = SELECT_NULL;
	struct listing listing = {.ctl = ctl};
	struct error err = ERROR_NULL;
	int status = ctl_limit(ctl, &listing.limit);

	if (status == CTL_OK)
		status = select_read(ctl, false, &select);
	if (status == CTL_OK)
		status = ctl_open_audit(ctl);
	if (status)
		return status;
	out_list_begin(&ctl->out, &list_tokens);
	if (reader_tokens(ctl->reader, &select.selector, on_token, &listing, &err) < 0)
		status = ctl_fail(CTL_NO, "%s", err.text);
	out_list_end(&ctl->out);
	ctl_end_list(ctl, "tokens", listing.more);
	return status;
}

static int on_job(void *userdata, const struct reader_job *job, struct error *err)
{
	struct ctl *ctl = userdata;

	(void)err;
	out_row(&ctl->out, job);
	return 0;
}

static int on_event(void *userdata, const struct reader_event *event, struct error *err)
{
	struct ctl *ctl = userdata;

	(void)err;
	out_row(&ctl->out, event);
	return 0;
}

/* The token, the jobs about it, and what happened in them. */
static int print_token(struct ctl *ctl, const struct reader_token *token)
{
	const struct reader_selector selector = {.token = token->id};
	const struct reader_events events = {
		.selector = &selector, .fn = on_event, .userdata = ctl};
	struct error err = ERROR_NULL;
	int rc;

	out_object_begin(&ctl->out, &list_token, token);
	out_object_list(&ctl->out, "jobs", &list_jobs);
	rc = reader_jobs(ctl->reader, &selector, on_job, ctl, &err);
	out_list_end(&ctl->out);
	out_object_list(&ctl->out, "history", &list_events);
	if (rc == 0)
		rc = reader_events(ctl->reader, &events, &err);
	out_list_end(&ctl->out);
	out_object_end(&ctl->out);
	if (rc < 0)
		return ctl_fail(CTL_NO, "%s", err.text);
	ctl_end_list(ctl, "events", false);
	if (ctl->out.format == OUT_CSV)
		ctl_say("CSV has no room for jobs and history: --json has them, and so "
			"have jobs and audit --token %s --csv",
			token->id);
	return CTL_OK;
}

/* A token that Clerk never named here: jobs may have asked for its revoke all the same.
 */
static int print_unnamed(struct ctl *ctl, const char *id)
{
	const struct reader_selector selector = {.token = id};
	const struct reader_token token = {.id = (char *)(uintptr_t)id,
		.create_job_id = READER_NONE,
		.revoke_job_id = READER_NONE};
	AUTO(ids) struct ids ids = IDS_NULL;
	int status = ids_select(ctl, &selector, &ids);

	if (status)
		return status;
	if (ids.n == 0)
		return ctl_fail(CTL_MISSING, "the audit knows no token %s", id);
	status = print_token(ctl, &token);
	return status ? status
		      : ctl_fail(CTL_MISSING,
				"Clerk never named %s: that is what was asked about it",
				id);
}

int cmd_token(struct ctl *ctl)
{
	AUTO(reader_token) struct reader_token token = {0};
	const char *id = ctl->args->words[0];
	struct error err = ERROR_NULL;
	int rc, status = ctl_open_audit(ctl);

	if (status)
		return status;
	rc = reader_token(ctl->reader, id, &token, &err);
	if (rc < 0)
		return ctl_fail(CTL_NO, "%s", err.text);
	if (rc == READER_E_NONE)
		return print_unnamed(ctl, id);
	return print_token(ctl, &token);
}
