/* wait. */
#include "ctl/cmd.h"
#include "ctl/ctl.h"
#include "ctl/ids.h"
#include "ctl/select.h"
#include "ctl/wait.h"

#include <inttypes.h>

/* A job that was named must be somewhere. */
static int check_named(const struct ctl *ctl, const struct reader_selector *selector,
	const struct ids *ids)
{
	for (size_t i = 0; i < selector->n_jobs; i++) {
		bool found = false;

		for (size_t j = 0; j < ids->n && !found; j++)
			found = ids->ids[j] == selector->jobs[i];
		if (!found && !ctl->queue_unseen)
			return ctl_fail(CTL_MISSING, "there is no job %" PRId64,
				selector->jobs[i]);
	}
	return CTL_OK;
}

/* Without a look at the queue, a job that the audit does not know may still come. */
static void add_unseen(
	const struct ctl *ctl, const struct reader_selector *selector, struct ids *ids)
{
	if (ctl->queue_unseen)
		for (size_t i = 0; i < selector->n_jobs; i++)
			ids_add(ids, selector->jobs[i]);
	ids_sort(ids);
}

int cmd_wait(struct ctl *ctl)
{
	AUTO(select) struct select select = SELECT_NULL;
	AUTO(ids) struct ids ids = IDS_NULL;
	int64_t timeout;
	int waited, status = wait_timeout(ctl, OPT_WAIT_TIMEOUT, 0, &timeout);

	if (status == CTL_OK)
		status = select_read(ctl, true, &select);
	if (status)
		return status;
	if (!select.jobs && !args_has_any(ctl->args, SELECT_BITS))
		return ctl_fail(
			CTL_USAGE, "wait for which jobs? ids or selectors are wanted");
	/* In this order: a row that is taken between the two is seen by the second. */
	status = ids_select_waiting(ctl, &select.selector, &ids);
	if (status == CTL_OK)
		status = ids_select(ctl, &select.selector, &ids);
	ids_sort(&ids);
	if (status == CTL_OK)
		status = check_named(ctl, &select.selector, &ids);
	if (status)
		return status;
	add_unseen(ctl, &select.selector, &ids);
	if (ids.n == 0)
		return ctl_fail(CTL_MISSING, "there is no such job");
	waited = wait_jobs(ctl, ids.ids, ids.n, timeout);
	status = wait_print(ctl, ids.ids, ids.n);
	if (waited || status)
		return waited ? waited : status;
	/* Of jobs that were named, each was waited for. */
	if (ctl->queue_unseen && !select.jobs)
		return ctl_fail_unseen(ctl, "the jobs");
	return CTL_OK;
}
