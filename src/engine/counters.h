/*
 * What the engine counts for monitors, from its start on: each attempt that came to an
 * end once, when its audit row is on disk. So a count is that of the rows `answered`,
 * `unanswered`, `interrupted` and `recovered` behind this run's `started`. Pure.
 */
#pragma once

#include "model/event.h"
#include "model/job.h"

#include <stdint.h>

#define COUNTERS_CODES   1000 /* HTTP statuses have three digits */
#define COUNTERS_BUCKETS 11

/* Zeroed it is empty; embedded, nothing to release. */
struct counters {
	int64_t attempts[JOB_ACTION__MAX][EFFECT__MAX];
	int64_t responses[COUNTERS_CODES];       /* by HTTP status */
	int64_t durations[COUNTERS_BUCKETS + 1]; /* by bucket, each attempt in one of
						    them; the last: over every bound */
	int64_t duration_ms;                     /* of all together */
};

/* The upper bounds of the buckets of durations, ascending. */
extern const int64_t counters_bounds_ms[COUNTERS_BUCKETS];

/* How one attempt ended. */
struct counters_attempt {
	enum job_action action;
	enum effect effect;
	int http_status;     /* 0 = none */
	int64_t duration_ms; /* below 0 = not known */
};

/* Counts it. */
void counters_add(struct counters *counters, const struct counters_attempt *attempt);

/* How many attempts there were whose effect is unknown. */
int64_t counters_unknown(const struct counters *counters);
