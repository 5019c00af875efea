#include "engine/counters.h"

const int64_t counters_bounds_ms[COUNTERS_BUCKETS] = {
	10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 30000};

static int bucket_of(int64_t duration_ms)
{
	int bucket = 0;

	while (bucket < COUNTERS_BUCKETS && duration_ms > counters_bounds_ms[bucket])
		bucket++;
	return bucket;
}

void counters_add(struct counters *counters, const struct counters_attempt *attempt)
{
	counters->attempts[attempt->action][attempt->effect]++;
	if (attempt->http_status > 0 && attempt->http_status < COUNTERS_CODES)
		counters->responses[attempt->http_status]++;
	if (attempt->duration_ms < 0)
		return;
	counters->durations[bucket_of(attempt->duration_ms)]++;
	counters->duration_ms += attempt->duration_ms;
}

int64_t counters_unknown(const struct counters *counters)
{
	int64_t n = 0;

	for (int action = 0; action < JOB_ACTION__MAX; action++)
		n += counters->attempts[action][EFFECT_UNKNOWN];
	return n;
}
