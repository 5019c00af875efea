/* cancel, retry, pause, resume. */
#include "base/clock.h"
#include "ctl/care.h"
#include "ctl/cmd.h"
#include "ctl/ctl.h"
#include "ctl/ids.h"
#include "ctl/orders.h"
#include "ctl/select.h"
#include "ctl/wait.h"
#include "ctl/when.h"

#include <inttypes.h>
#include <string.h>

#define TIMEOUT_MS 10000

/* Submits and waits for the daemon's word. */
static int order(struct ctl *ctl, struct orders *orders)
{
	AUTO(ids) struct ids ids = IDS_NULL;
	int64_t timeout;
	int status = wait_timeout(ctl, OPT_COMMAND_TIMEOUT, TIMEOUT_MS, &timeout);

	orders->reason = args_get(ctl->args, OPT_REASON);
	if (status == CTL_OK)
		status = orders_submit(ctl, orders, &ids);
	if (status == CTL_OK)
		status = orders_wait(ctl, &ids, timeout, true);
	return status;
}

int cmd_pause(struct ctl *ctl)
{
	const char *until = args_get(ctl->args, OPT_PAUSE_UNTIL);
	const char *action = args_get(ctl->args, OPT_ACTION);
	AUTO(select) struct select select = SELECT_NULL;
	struct orders orders = {.verb = "pause",
		.batch = args_get(ctl->args, OPT_BATCH),
		.action = action};
	struct error err = ERROR_NULL;
	char text[CLOCK_TEXT_LEN];
	int64_t ms = 0, now = clock_now().wall_ms;

	if (select_read(ctl, false, &select))
		return CTL_USAGE;
	if (until && when_parse("--until", until, now, &ms, &err) < 0)
		return ctl_fail(CTL_USAGE, "%s", err.text);
	if (until && ms <= now)
		return ctl_fail(CTL_USAGE, "--until: %s is over", until);
	if (until) {
		clock_format_s(ms + 999, text);
		orders.until = text;
	}
	return order(ctl, &orders);
}

int cmd_resume(struct ctl *ctl)
{
	AUTO(select) struct select select = SELECT_NULL;
	struct orders orders = {.verb = "resume",
		.batch = args_get(ctl->args, OPT_BATCH),
		.action = args_get(ctl->args, OPT_ACTION)};

	return select_read(ctl, false, &select) ? CTL_USAGE : order(ctl, &orders);
}

/* A change of many jobs: which, and in how many commands. */
struct change {
	const char *verb;
	const char *states[2]; /* of the jobs that it can move; the second may be NULL */
	struct select select;
	struct ids ids; /* the jobs */
	bool named;     /* by their ids alone */
	bool whole;     /* a batch or an action as a whole: one command */
};

static void change_cleanup(struct change *change)
{
	select_deinit(&change->select);
	ids_deinit(&change->ids);
}

/* The jobs in scope that the command can move. */
static int gather(struct ctl *ctl, struct change *change)
{
	struct reader_selector selector = change->select.selector;
	int status = CTL_OK;

	if (!strcmp(change->verb, "cancel"))
		status = ids_select_waiting(ctl, &selector, &change->ids);
	for (int i = 0; status == CTL_OK && i < 2 && change->states[i]; i++) {
		if (change->select.selector.state &&
			strcmp(change->select.selector.state, change->states[i]) != 0)
			continue;
		selector.state = change->states[i];
		status = ids_select(ctl, &selector, &change->ids);
	}
	ids_sort(&change->ids);
	return status;
}

static int ask(struct ctl *ctl, struct change *change, bool *ret_go)
{
	AUTO(free_ptr)
	char *what = xasprintf("%s %zu job%s", change->verb, change->ids.n,
		change->ids.n == 1 ? "" : "s");
	struct care care = {.what = what, .n = (int64_t)change->ids.n, .noun = "request"};

	if (!strcmp(change->verb, "retry"))
		care.n_requests = care.n;
	return care_ask(ctl, &care, ret_go);
}

static int change_jobs(struct ctl *ctl, struct change *change)
{
	const struct reader_selector *selector = &change->select.selector;
	struct orders orders = {.verb = change->verb};
	bool go = true;
	int status = CTL_OK;

	if (!change->named ||
		args_has_any(ctl->args, ARGS_BIT(EXPECT) | ARGS_BIT(DRY_RUN))) {
		status = gather(ctl, change);
		if (status == CTL_OK && change->ids.n == 0 &&
			!args_has(ctl->args, OPT_EXPECT))
			return ctl_fail(
				CTL_MISSING, "there is no such job to %s", change->verb);
		if (status == CTL_OK)
			status = ask(ctl, change, &go);
		if (status || !go)
			return status;
	}
	if (change->whole) {
		orders.batch = selector->batch;
		orders.action = selector->action;
	} else {
		orders.jobs = change->named ? selector->jobs : change->ids.ids;
		orders.n_jobs = change->named ? selector->n_jobs : change->ids.n;
		if (orders.n_jobs == 0)
			return CTL_OK;
	}
	return order(ctl, &orders);
}

/* Whether no selector but those in bits was given. */
static bool has_only(const struct ctl *ctl, uint64_t bits)
{
	return args_has_any(ctl->args, SELECT_BITS & bits) &&
	       !args_has_any(ctl->args, SELECT_BITS & ~bits);
}

int cmd_cancel(struct ctl *ctl)
{
	AUTO(change)
	struct change change = {.verb = "cancel", .states = {"queued", NULL}};

	if (select_read(ctl, true, &change.select))
		return CTL_USAGE;
	change.named = change.select.jobs &&
		       !args_has_any(ctl->args, SELECT_BITS & ~ARGS_BIT(JOB));
	change.whole =
		!change.select.jobs && has_only(ctl, ARGS_BIT(BATCH) | ARGS_BIT(ACTION));
	if (!change.select.jobs && !args_has_any(ctl->args, SELECT_BITS))
		return ctl_fail(
			CTL_USAGE, "cancel which jobs? ids or selectors are wanted");
	return change_jobs(ctl, &change);
}

int cmd_retry(struct ctl *ctl)
{
	AUTO(change)
	struct change change = {.verb = "retry", .states = {"failed", "cancelled"}};

	if (select_read(ctl, true, &change.select))
		return CTL_USAGE;
	change.named = change.select.jobs &&
		       !args_has_any(ctl->args, SELECT_BITS & ~ARGS_BIT(JOB));
	change.whole = !change.select.jobs && has_only(ctl, ARGS_BIT(BATCH));
	if (!change.select.jobs &&
		!args_has_any(ctl->args, SELECT_BITS & ~ARGS_BIT(STATE)))
		return ctl_fail(CTL_USAGE,
			"retry wants job ids or a selector%s: jobs that failed long ago "
			"would be "
			"sent again too",
			args_has(ctl->args, OPT_STATE) ? " beside --state" : "");
	return change_jobs(ctl, &change);
}
