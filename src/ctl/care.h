/* Care with what concerns many: the count first, then a y or --expect. */
#pragma once

#include "ctl/ctl.h"

/* What is about to be done. */
struct care {
	const char *what;   /* "cancel 12 jobs": printed as it is, on stderr */
	int64_t n;          /* what --expect must be */
	int64_t n_requests; /* how many requests to Clerk it costs; 0 = none */
	const char *noun;   /* what one of them is: "revoke" */
	bool urgent;        /* they may use rate.urgent_share */
	bool by_yes;        /* without a terminal --yes is wanted, not --expect */
};

/* Says what is about to be done and finds out whether it may be: by --expect (or --yes),
 * or by a y on the terminal. CTL_OK with *ret_go; with --dry-run *ret_go is false. CTL_NO
 * where the answer is no, CTL_USAGE where there is neither a terminal nor --expect. */
int care_ask(const struct ctl *ctl, const struct care *care, bool *ret_go);

/* Says on stderr what n requests cost: "4,200 revokes: 5 windows, about 42 s". */
void care_say_cost(const struct ctl *ctl, const char *noun, int64_t n, bool urgent);
