#include "ctl/scope.h"

#include <string.h>

/* The tokens and jobs while they are looked through. */
struct search {
	struct ctl *ctl;
	struct scope *scope;
};

void scope_deinit(struct scope *scope)
{
	rows_deinit(&scope->revokes);
	ids_deinit(&scope->unfinished);
	scope->n_underway = 0;
}

static int on_revoke(void *userdata, const struct reader_job *job, struct error *err)
{
	bool *underway = userdata;

	(void)err;
	if (strcmp(job->state, "queued") != 0 && strcmp(job->state, "running") != 0)
		return 0;
	*underway = true;
	return 1;
}

/* Adds a token that may be live, unless its revoke is on its way already. */
static int add_token(
	struct search *search, const struct reader_token *token, struct error *err)
{
	const struct reader_selector selector = {.token = token->id, .action = "revoke"};
	bool underway = false;
	struct row *row;

	if (strcmp(token->life, "may be live") != 0)
		return 0;
	if (reader_jobs(search->ctl->reader, &selector, on_revoke, &underway, err) < 0)
		return -1;
	if (underway) {
		search->scope->n_underway++;
		return 0;
	}
	row = rows_add(&search->scope->revokes, 0);
	row->sign_in_token_id = xstrdup(token->id);
	/* Its own mark goes on: what revoked the token of a ticket is found by the
	 * ticket. */
	row->reference = xstrdup(token->reference);
	return 0;
}

static int on_token(void *userdata, const struct reader_token *token, struct error *err)
{
	return add_token(userdata, token, err);
}

static int on_create(void *userdata, const struct reader_job *job, struct error *err)
{
	struct search *search = userdata;
	AUTO(reader_token) struct reader_token token = {0};
	int rc;

	if (!strcmp(job->state, "queued") || !strcmp(job->state, "running"))
		ids_add(&search->scope->unfinished, job->id);
	if (!job->sign_in_token_id)
		return 0;
	rc = reader_token(search->ctl->reader, job->sign_in_token_id, &token, err);
	return rc == 0 ? add_token(search, &token, err) : rc < 0 ? -1 : 0;
}

int scope_find(
	struct ctl *ctl, const struct reader_selector *selector, struct scope *scope)
{
	struct search search = {ctl, scope};
	struct reader_selector creates = *selector;
	struct error err = ERROR_NULL;
	int status;

	scope_deinit(scope);
	creates.action = "create";
	/* In this order: a row that is taken between the two is seen by the second. */
	status = ids_select_waiting(ctl, &creates, &scope->unfinished);
	if (status)
		return status;
	if (reader_jobs(ctl->reader, &creates, on_create, &search, &err) < 0)
		return ctl_fail(CTL_NO, "%s", err.text);
	ids_sort(&scope->unfinished);
	return CTL_OK;
}

int scope_find_live(struct ctl *ctl, struct scope *scope)
{
	const struct reader_selector selector = {.live = true};
	struct search search = {ctl, scope};
	struct error err = ERROR_NULL;
	int status = ctl_open_audit(ctl);

	if (status)
		return status;
	scope_deinit(scope);
	if (reader_tokens(ctl->reader, &selector, on_token, &search, &err) < 0)
		return ctl_fail(CTL_NO, "%s", err.text);
	return CTL_OK;
}
