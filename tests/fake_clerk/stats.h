#pragma once

#include "request.h"

struct limit;

/* What was counted since the start or the last reset. */
struct stats {
	long long requests;
	long long actions[ACTION__MAX];
	long long granted;
	long long revoked;
	long long unauthorized;
	long long violations;
	long long limited; /* refused by the rate limit itself */
	long long statuses[600];
	long long faults[FAULT__MAX];
	long long connections;
	int concurrent;
	int concurrent_max;
};

/* Counts a request that is decided. */
void stats_count(struct stats *stats, const struct request *request);

/* Appends everything as one JSON object. */
void stats_print(const struct stats *stats, const struct limit *limit, struct text *out);

/* Starts anew; what is under way stays counted. */
void stats_clear(struct stats *stats);
