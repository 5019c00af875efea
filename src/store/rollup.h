/*
 * The roll-up: counts a day of what the rows of the audit say, so that a report on years
 * reads some hundred rows instead of all of them. Which counts a row makes is decided
 * here alone: the ledger keeps the table `daily` by it, and verify recomputes it.
 */
#pragma once

#include "base/error.h"
#include "model/event.h"
#include "model/job.h"

#include <stdint.h>

#define ROLLUP_DAY_LEN 11 /* 'YYYY-MM-DD' and the NUL: the beginning of a row's `at` */

/* What of a row is counted. Texts borrowed, NULL where the row has none. */
struct rollup_row {
	const char *event;
	const char *job_state;
	const char *action;
	const char *effect;
	int64_t http_status; /* 0 = none */
	int64_t duration_ms; /* below 0 = none */
};

#define ROLLUP_HTTP_MIN 100
#define ROLLUP_N_HTTP   500
#define ROLLUP_N_SPANS  461
#define ROLLUP_ACTIONS  (JOB_ACTION__MAX + 1) /* the last one: rows without an action */

/* Counts of one day, or of one turn. Zeroed it is empty; embedded, nothing to release. */
struct rollup {
	int32_t event[ROLLUP_ACTIONS][EVENT__MAX];
	int32_t state[ROLLUP_ACTIONS][JOB_STATE__MAX];
	int32_t effect[ROLLUP_ACTIONS][EFFECT__MAX];
	int32_t http[ROLLUP_ACTIONS][ROLLUP_N_HTTP];
	int32_t latency[ROLLUP_ACTIONS][ROLLUP_N_SPANS];
};

/* Counts one row. Words that nobody knows count as nothing. */
void rollup_add(struct rollup *rollup, const struct rollup_row *row);

/* The day of a time as text, 'YYYY-MM-DD HH:MM…' or NULL ("" then). */
void rollup_day(const char *at, char ret_day[ROLLUP_DAY_LEN]);

/* One count that is not 0, as a row of `daily` has it. Texts borrowed, for the call. */
struct rollup_count {
	const char *action; /* "" = none */
	const char *kind;   /* event state effect http latency */
	const char *word;
	int64_t n;
};

/* Lends each count that is not 0 to fn, until it returns something else than 0, which is
 * then returned. */
int rollup_each(const struct rollup *rollup,
	int (*fn)(void *userdata, const struct rollup_count *count, struct error *err),
	void *userdata, struct error *err);

/* The bucket of a duration: its upper bound, the duration rounded up to two significant
 * digits (0 … 99, 100, 110, … 990, 1000, 1100 …); from 1000000 on all the same. */
int64_t rollup_span_ms(int64_t duration_ms);
