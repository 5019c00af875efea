/* The selectors of the command line, checked. */
#pragma once

#include "base/clock.h"
#include "ctl/ctl.h"
#include "store/reader.h"

/* The options that are selectors. */
#define SELECT_BITS                                                                      \
	(ARGS_BIT(JOB) | ARGS_BIT(BATCH) | ARGS_BIT(USER) | ARGS_BIT(REQUESTED_BY) |     \
		ARGS_BIT(REFERENCE) | ARGS_BIT(ACTION) | ARGS_BIT(STATE) |               \
		ARGS_BIT(RESULT) | ARGS_BIT(SINCE) | ARGS_BIT(UNTIL) | ARGS_BIT(TOKEN) | \
		ARGS_BIT(EVENT) | ARGS_BIT(LIVE))

struct select {
	struct reader_selector selector; /* its texts are argv's, or below */
	int64_t *jobs;                   /* owned */
	char since[CLOCK_TEXT_LEN];
	char until[CLOCK_TEXT_LEN];
};

#define SELECT_NULL                                                                      \
	{                                                                                \
		0                                                                        \
	}

/* The words that an option's argument may be, the first for i = 0; NULL behind the last,
 * and where it may be anything. Static; "" stands for none. */
const char *select_word(enum opt opt, int i);

/* Reads the selectors, and the command's words as job ids where words_are_jobs. 0 or
 * CTL_USAGE. The caller select_deinit()s *ret_select in each case. */
int select_read(const struct ctl *ctl, bool words_are_jobs, struct select *ret_select);

/* Frees. Idempotent. */
void select_deinit(struct select *select);

static inline void select_cleanup(struct select *select)
{
	select_deinit(select);
}
