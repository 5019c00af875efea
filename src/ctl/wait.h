/* Waiting for the daemon: until jobs are final, until commands were taken. */
#pragma once

#include "ctl/ctl.h"

/* Waits until check says that it is done: above 0 = done, 0 = not yet, below 0 = failed,
 * err set. It is asked at once and whenever the daemon has committed. timeout_ms 0 = for
 * ever. Says at once when that is held or paused. CTL_OK; CTL_TEMPORARY: timed out, or
 * the daemon is not running (said, with what for); CTL_NO: check failed, or audit.db was
 * replaced. */
struct wait {
	int (*check)(void *userdata, struct error *err);
	void *userdata;
	/* Whether a hold or a pause matters for what is waited for; NULL = none does. */
	bool (*concerns)(void *userdata, const struct reader_stop *stop);
	int64_t timeout_ms;
	const char *what; /* what is waited for: "the jobs" */
	bool quiet;       /* wait also where the daemon does not run, and say nothing */
};
int wait_for(struct ctl *ctl, const struct wait *wait);

/* Waits until all n jobs are final, taken or not yet. CTL_OK where all succeeded, CTL_NO
 * where one did not, CTL_TEMPORARY. */
int wait_jobs(struct ctl *ctl, const int64_t *ids, size_t n, int64_t timeout_ms);

/* Prints how the n jobs ended, in the order of their ids. 0 or an exit status. */
int wait_print(struct ctl *ctl, const int64_t *ids, size_t n);

/* The argument of an option of the --timeout kind, or fallback_ms. 0 or CTL_USAGE. */
int wait_timeout(
	const struct ctl *ctl, enum opt opt, int64_t fallback_ms, int64_t *ret_ms);
