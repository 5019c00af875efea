/* Operator commands: put into the queue, then the daemon's word on them is waited for. */
#pragma once

#include "ctl/ctl.h"
#include "ctl/ids.h"

/* Commands of one kind: one for each job, or a single one. Texts borrowed. */
struct orders {
	const char *verb;
	const int64_t *jobs; /* borrowed; n_jobs 0 = one command without a job */
	size_t n_jobs;
	const char *batch;
	const char *action;
	const char *until;
	const char *reason;
};

/* Submits them in one transaction and adds their ids (not the jobs') to *ids. 0 or an
 * exit status; nothing was submitted then. */
int orders_submit(struct ctl *ctl, const struct orders *orders, struct ids *ids);

/* Waits until the daemon has taken all of them and printed what came of it: the message
 * of a single one, a count of several, on stdout where loud. timeout_ms 0 = do not wait.
 * CTL_OK; CTL_NO: it refused one; CTL_TEMPORARY: not taken yet (said why). */
int orders_wait(struct ctl *ctl, const struct ids *ids, int64_t timeout_ms, bool loud);
