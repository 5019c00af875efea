/* revoke. */
#include "base/parse.h"
#include "ctl/care.h"
#include "ctl/cmd.h"
#include "ctl/ctl.h"
#include "ctl/orders.h"
#include "ctl/rows_file.h"
#include "ctl/scope.h"
#include "ctl/select.h"
#include "ctl/submit.h"
#include "ctl/wait.h"

#include <string.h>

/* So long the creates in scope may take to end before their tokens are revoked. */
#define SETTLE_MS 60000

/* ---- tokens that were named ---- */

static int read_words(const struct ctl *ctl, struct rows *rows)
{
	struct error err = ERROR_NULL;

	for (int i = 0; i < ctl->args->n_words; i++) {
		struct row *row = rows_add(rows, 0);

		if (rows_set(rows, row, "sign_in_token_id", ctl->args->words[i], &err) <
			0)
			return ctl_fail(CTL_USAGE, "%s", err.text);
		if (!row->sign_in_token_id)
			return ctl_fail(CTL_USAGE, "a token id is empty");
	}
	return CTL_OK;
}

/* underway: other revokes, which --wait concerns too; NULL = none. */
static int submit(struct ctl *ctl, struct rows *rows, const struct rows *defaults,
	const struct ids *underway)
{
	int status = submit_complete(ctl, rows, defaults);

	if (status == CTL_OK && args_has(ctl->args, OPT_DRY_RUN))
		return submit_look(ctl, rows, NULL);
	if (status == CTL_OK && rows->n)
		status = submit_rows(ctl, rows, NULL);
	return status ? status : submit_finish(ctl, rows, underway);
}

/* Tokens that were named are no bulk change, but --expect holds for them too. */
static int check_expected(const struct ctl *ctl, const struct rows *rows)
{
	AUTO(free_ptr)
	char *what = xasprintf("revoke %zu token%s", rows->n, rows->n == 1 ? "" : "s");
	const struct care care = {.what = what, .n = (int64_t)rows->n};
	bool go;

	if (!args_has(ctl->args, OPT_EXPECT) || args_has(ctl->args, OPT_DRY_RUN))
		return CTL_OK;
	return care_ask(ctl, &care, &go);
}

static int revoke_named(struct ctl *ctl)
{
	AUTO(rows)
	struct rows rows = {.action = "revoke"}, defaults = {.action = "revoke"};
	const char *from = args_get(ctl->args, OPT_FROM);
	int status = submit_defaults(ctl, true, &defaults);

	if (status == CTL_OK && from && ctl->args->n_words)
		status = ctl_fail(
			CTL_USAGE, "revoke wants either token ids or --from FILE");
	if (status == CTL_OK &&
		args_has_any(
			ctl->args, SELECT_BITS & ~(ARGS_BIT(BATCH) | ARGS_BIT(REFERENCE) |
							 ARGS_BIT(REQUESTED_BY))))
		status = ctl_fail(
			CTL_USAGE, "token ids and selectors together make no sense");
	if (status == CTL_OK)
		status = submit_check_timeout(ctl);
	if (status == CTL_OK && args_has(ctl->args, OPT_WAIT))
		status = ctl_open_audit(ctl);
	if (status == CTL_OK)
		status = from ? rows_file_read(from, &rows) : read_words(ctl, &rows);
	if (status == CTL_OK)
		status = check_expected(ctl, &rows);
	return status ? status : submit(ctl, &rows, &defaults, NULL);
}

/* ---- tokens that the audit knows ---- */

static char *describe(const struct scope *scope)
{
	size_t tokens = scope->revokes.n, creates = scope->unfinished.n;

	if (creates == 0)
		return xasprintf("revoke %zu token%s that may be live", tokens,
			tokens == 1 ? "" : "s");
	return xasprintf(
		"revoke %zu: %zu token%s that may be live, %zu create%s not finished "
		"yet (those that wait are cancelled)",
		tokens + creates, tokens, tokens == 1 ? "" : "s", creates,
		creates == 1 ? "" : "s");
}

/* Whether --priority leaves them the urgent share. */
static bool is_urgent(const struct ctl *ctl)
{
	const char *text = args_get(ctl->args, OPT_PRIORITY);
	int64_t priority;

	return !text ||
	       !parse_int64(text, -JOB_PRIORITY_MAX, JOB_PRIORITY_MAX, &priority) ||
	       priority >= JOB_PRIORITY_URGENT;
}

static int ask(const struct ctl *ctl, const struct scope *scope, bool *ret_go)
{
	size_t n = scope->revokes.n + scope->unfinished.n;
	AUTO(free_ptr) char *what = describe(scope);
	const struct care care = {.what = what,
		.n = (int64_t)n,
		.n_requests = (int64_t)n,
		.noun = "revoke",
		.urgent = is_urgent(ctl)};
	bool bulk;

	if (scope->underway.n)
		ctl_say("%zu more are being revoked already", scope->underway.n);
	/* Neither jobs that were named one by one are a bulk change, nor is nothing. */
	*ret_go = true;
	bulk = n && args_has_any(ctl->args,
			    (SELECT_BITS & ~ARGS_BIT(JOB)) | ARGS_BIT(ALL_LIVE));
	if (!bulk && !args_has_any(ctl->args, ARGS_BIT(EXPECT) | ARGS_BIT(DRY_RUN)))
		return CTL_OK;
	return care_ask(ctl, &care, ret_go);
}

/* Cancels the creates in scope that were not sent yet: as a whole batch where that is the
 * whole selector, so that rows which come meanwhile are met too. */
static int cancel_creates(struct ctl *ctl, const struct select *select,
	const struct scope *scope, int64_t timeout)
{
	AUTO(ids) struct ids ids = IDS_NULL;
	bool whole = !args_has_any(ctl->args, SELECT_BITS & ~ARGS_BIT(BATCH));
	struct orders orders = {.verb = "cancel",
		.reason = args_get(ctl->args, OPT_REASON),
		.batch = whole ? select->selector.batch : NULL,
		.action = whole ? "create" : NULL,
		.jobs = scope->unfinished.ids,
		.n_jobs = whole ? 0 : scope->unfinished.n};
	int status = orders_submit(ctl, &orders, &ids);

	if (status == CTL_OK)
		status = orders_wait(ctl, &ids, timeout, false);
	/* What was refused had begun to run: it is waited for. */
	return status == CTL_NO ? CTL_OK : status;
}

/* Ends the creates in scope, as far as that can be had in time; what they brought is
 * found by looking again. */
static int settle(struct ctl *ctl, const struct select *select, struct scope *scope)
{
	int64_t timeout;
	int status = wait_timeout(ctl, OPT_TIMEOUT, SETTLE_MS, &timeout);

	if (status == CTL_OK)
		status = cancel_creates(ctl, select, scope, timeout);
	if (status == CTL_OK)
		status = wait_jobs(
			ctl, scope->unfinished.ids, scope->unfinished.n, timeout);
	if (status == CTL_NO)
		status = CTL_OK;
	if (status == CTL_TEMPORARY)
		ctl_say("creates in scope are not final yet: revoke again later");
	return status;
}

static int revoke_scope(struct ctl *ctl, const struct select *select, struct scope *scope)
{
	AUTO(rows) struct rows defaults = {.action = "revoke"};
	int settled = CTL_OK, status = submit_defaults(ctl, false, &defaults);

	if (status == CTL_OK && scope->unfinished.n) {
		settled = settle(ctl, select, scope);
		if (settled && settled != CTL_TEMPORARY)
			return settled;
		status = scope_find_again(ctl, &select->selector, scope);
	}
	if (status)
		return status;
	if (scope->revokes.n == 0 &&
		!(scope->underway.n && args_has(ctl->args, OPT_WAIT))) {
		ctl_say("there is no token left to revoke");
		return settled;
	}
	status = submit(ctl, &scope->revokes, &defaults, &scope->underway);
	return status ? status : settled;
}

static int revoke_selected(struct ctl *ctl)
{
	AUTO(select) struct select select = SELECT_NULL;
	AUTO(scope) struct scope scope = SCOPE_NULL;
	bool all = args_has(ctl->args, OPT_ALL_LIVE), go;
	int status = select_read(ctl, false, &select);

	if (status == CTL_OK && all && args_has_any(ctl->args, SELECT_BITS))
		status = ctl_fail(
			CTL_USAGE, "--all-live is everything: no selector beside it");
	if (status == CTL_OK && select.selector.action &&
		strcmp(select.selector.action, "create") != 0)
		status = ctl_fail(
			CTL_USAGE, "only creates bring tokens: no --action revoke");
	if (status == CTL_OK)
		status = all ? scope_find_live(ctl, &scope)
			     : scope_find(ctl, &select.selector, &scope);
	if (status)
		return status;
	if (scope.revokes.n + scope.unfinished.n == 0 && scope.underway.n == 0 &&
		!args_has(ctl->args, OPT_EXPECT))
		return ctl_fail(CTL_MISSING, "there is no token to revoke");
	status = ask(ctl, &scope, &go);
	return status || !go ? status : revoke_scope(ctl, &select, &scope);
}

int cmd_revoke(struct ctl *ctl)
{
	if (ctl->args->n_words || args_has(ctl->args, OPT_FROM))
		return revoke_named(ctl);
	if (args_has(ctl->args, OPT_ALL_LIVE) || args_has_any(ctl->args, SELECT_BITS))
		return revoke_selected(ctl);
	return ctl_fail(CTL_USAGE, "revoke what? token ids, --from FILE, selectors or "
				   "--all-live are wanted");
}
