#include "ctl/scope.h"

#include "base/clock.h"

#include <stdlib.h>
#include <string.h>

/* A revoke that was submitted and that the daemon has not taken yet. */
struct waiting {
	char *token_id; /* owned */
	int64_t job_id;
};

/* The tokens and jobs while they are looked through. */
struct search {
	struct ctl *ctl;
	struct scope *scope;
	char now[CLOCK_TEXT_LEN];
	struct waiting *waiting; /* owned: by token */
	size_t n_waiting;
};

static void search_cleanup(struct search *search)
{
	for (size_t i = 0; i < search->n_waiting; i++)
		free(search->waiting[i].token_id);
	free(search->waiting);
}

void scope_deinit(struct scope *scope)
{
	rows_deinit(&scope->revokes);
	ids_deinit(&scope->unfinished);
	ids_deinit(&scope->underway);
}

static int by_token(const void *a, const void *b)
{
	const struct waiting *x = a, *y = b;

	return strcmp(x->token_id, y->token_id);
}

/* 0, READER_E_BUSY or < 0. */
static int add_waiting(struct search *search, int64_t id, struct error *err)
{
	AUTO(reader_waiting) struct reader_waiting job = {0};
	int rc = reader_queue_job(search->ctl->queue, id, &job, err);

	if (rc || !job.sign_in_token_id || job.not_before)
		return rc == READER_E_NONE ? 0 : rc;
	search->waiting[search->n_waiting].token_id = TAKE_PTR(job.sign_in_token_id);
	search->waiting[search->n_waiting++].job_id = id;
	return 0;
}

/* The revokes that wait to be taken: the audit does not know them yet. */
static int find_waiting(struct search *search)
{
	const struct reader_selector revokes = {.action = "revoke"};
	AUTO(ids) struct ids ids = IDS_NULL;
	struct error err = ERROR_NULL;
	int rc = 0, status = ids_select_waiting(search->ctl, &revokes, &ids);

	clock_format(clock_now().wall_ms, search->now);
	if (status || ids.n == 0)
		return status;
	search->waiting = xcalloc(ids.n, sizeof(*search->waiting));
	for (size_t i = 0; rc == 0 && i < ids.n; i++)
		rc = add_waiting(search, ids.ids[i], &err);
	if (rc)
		return ctl_say_outcome(search->ctl, "queue.db", rc, &err);
	qsort(search->waiting, search->n_waiting, sizeof(*search->waiting), by_token);
	return CTL_OK;
}

struct revokes {
	const struct search *search;
	int64_t underway; /* the job, 0 = none */
};

/* A revoke that is put off or whose batch is paused is not on its way. */
static int on_revoke(void *userdata, const struct reader_job *job, struct error *err)
{
	struct revokes *revokes = userdata;
	bool later = job->not_before && strcmp(job->not_before, revokes->search->now) > 0;

	(void)err;
	if (strcmp(job->state, "running") != 0 &&
		(strcmp(job->state, "queued") != 0 || later || job->parked > 0))
		return 0;
	revokes->underway = job->id;
	return 1;
}

/* Finds the revoke of a token that goes by itself already; *ret_id 0 = there is none. */
static int find_underway(const struct search *search, const char *token_id,
	int64_t *ret_id, struct error *err)
{
	const struct reader_selector selector = {.token = token_id, .action = "revoke"};
	const struct waiting wanted = {.token_id = (char *)(uintptr_t)token_id};
	struct revokes revokes = {.search = search};
	const struct waiting *waiting =
		search->n_waiting ? bsearch(&wanted, search->waiting, search->n_waiting,
					    sizeof(wanted), by_token)
				  : NULL;

	if (reader_jobs(search->ctl->reader, &selector, on_revoke, &revokes, err) < 0)
		return -1;
	*ret_id = revokes.underway ? revokes.underway : waiting ? waiting->job_id : 0;
	return 0;
}

/* Adds a token that may be live, unless its revoke is on its way already. */
static int add_token(
	struct search *search, const struct reader_token *token, struct error *err)
{
	int64_t underway;
	struct row *row;

	if (strcmp(token->life, "may be live") != 0)
		return 0;
	if (find_underway(search, token->id, &underway, err) < 0)
		return -1;
	if (underway) {
		ids_add(&search->scope->underway, underway);
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

/* What the creates brought, and those of them that are not final. */
static int find_tokens(struct search *search, const struct reader_selector *creates)
{
	struct error err = ERROR_NULL;
	int status = find_waiting(search);

	if (status)
		return status;
	if (reader_jobs(search->ctl->reader, creates, on_create, search, &err) < 0)
		return ctl_fail(CTL_NO, "%s", err.text);
	ids_sort(&search->scope->unfinished);
	return CTL_OK;
}

int scope_find(
	struct ctl *ctl, const struct reader_selector *selector, struct scope *scope)
{
	AUTO(search) struct search search = {.ctl = ctl, .scope = scope};
	struct reader_selector creates = *selector;
	int status;

	scope_deinit(scope);
	creates.action = "create";
	/* In this order: a row that is taken between the two is seen by the second. */
	status = ids_select_waiting(ctl, &creates, &scope->unfinished);
	return status ? status : find_tokens(&search, &creates);
}

int scope_find_again(
	struct ctl *ctl, const struct reader_selector *selector, struct scope *scope)
{
	AUTO(search) struct search search = {.ctl = ctl, .scope = scope};
	AUTO(ids) struct ids ids = scope->unfinished;
	struct reader_selector creates = *selector;
	int status;

	scope->unfinished = (struct ids)IDS_NULL;
	scope_deinit(scope);
	creates.action = "create";
	status = ids_select(ctl, &creates, &ids);
	/* A selector without jobs would take all of them. */
	if (status || ids.n == 0)
		return status;
	ids_sort(&ids);
	creates = (struct reader_selector){
		.action = "create", .jobs = ids.ids, .n_jobs = ids.n};
	return find_tokens(&search, &creates);
}

int scope_find_live(struct ctl *ctl, struct scope *scope)
{
	const struct reader_selector selector = {.live = true};
	AUTO(search) struct search search = {.ctl = ctl, .scope = scope};
	struct error err = ERROR_NULL;
	int status = ctl_open_audit(ctl);

	scope_deinit(scope);
	if (status == CTL_OK)
		status = find_waiting(&search);
	if (status)
		return status;
	if (reader_tokens(ctl->reader, &selector, on_token, &search, &err) < 0)
		return ctl_fail(CTL_NO, "%s", err.text);
	return CTL_OK;
}
