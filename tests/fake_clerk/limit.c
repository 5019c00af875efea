#include "limit.h"

#include "mem.h"

#include <stdlib.h>
#include <string.h>

static const char *const kinds[LIMIT__MAX] = {
	[LIMIT_NONE] = "none",
	[LIMIT_SLIDING] = "sliding",
	[LIMIT_FIXED] = "fixed",
};

bool limit_kind_parse(const char *name, enum limit_kind *ret)
{
	for (int i = 0; i < LIMIT__MAX; i++) {
		if (strcmp(name, kinds[i]) == 0) {
			*ret = (enum limit_kind)i;
			return true;
		}
	}
	return false;
}

const char *limit_kind_name(enum limit_kind kind)
{
	return kinds[kind];
}

/* The i-th oldest time. */
static int64_t times_at(const struct limit_times *times, size_t i)
{
	return times->ring[(times->head + i) & (times->cap - 1)];
}

static void times_drop(struct limit_times *times, int64_t until_us)
{
	while (times->n && times_at(times, 0) <= until_us) {
		times->head = (times->head + 1) & (times->cap - 1);
		times->n--;
	}
}

static void times_push(struct limit_times *times, int64_t now_us)
{
	if (times->n == times->cap) {
		size_t cap = times->cap ? times->cap * 2 : 1024;
		int64_t *ring = mem_resize(NULL, cap * sizeof(*ring));
		for (size_t i = 0; i < times->n; i++)
			ring[i] = times_at(times, i);
		free(times->ring);
		times->ring = ring;
		times->cap = cap;
		times->head = 0;
	}
	times->ring[(times->head + times->n++) & (times->cap - 1)] = now_us;
	if (times->n > times->max)
		times->max = times->n;
}

static int64_t up_to_ms(int64_t us)
{
	return us <= 0 ? 0 : (us + 999) / 1000;
}

static bool sliding_allows(
	const struct limit *limit, int64_t now_us, int64_t *ret_wait_ms)
{
	const struct limit_times *counted =
		limit->config.count_refused ? &limit->arrived : &limit->served;
	size_t n = (size_t)limit->config.limit;
	if (counted->n < n)
		return true;
	int64_t window_us = (int64_t)limit->config.window_ms * 1000;
	/* With a limit of 0 nothing ever frees a slot. */
	int64_t frees = n ? times_at(counted, counted->n - n) : now_us;
	*ret_wait_ms = up_to_ms(frees + window_us - now_us);
	return false;
}

static bool fixed_allows(struct limit *limit, int64_t now_us, int64_t *ret_wait_ms)
{
	int64_t window_us = (int64_t)limit->config.window_ms * 1000;
	int64_t window = now_us / window_us;
	if (window != limit->fixed_window) {
		limit->fixed_window = window;
		limit->fixed_count = 0;
	}
	bool allowed = limit->fixed_count < limit->config.limit;
	if (allowed || limit->config.count_refused)
		limit->fixed_count++;
	if (!allowed)
		*ret_wait_ms = up_to_ms((window + 1) * window_us - now_us);
	return allowed;
}

bool limit_arrive(struct limit *limit, int64_t now_us, int64_t *ret_wait_ms)
{
	int64_t until_us = now_us - (int64_t)limit->config.window_ms * 1000;
	times_drop(&limit->arrived, until_us);
	times_drop(&limit->served, until_us);
	bool allowed = true;
	switch (limit->config.kind) {
	case LIMIT_SLIDING:
		allowed = sliding_allows(limit, now_us, ret_wait_ms);
		break;
	case LIMIT_FIXED:
		allowed = fixed_allows(limit, now_us, ret_wait_ms);
		break;
	case LIMIT_NONE:
	case LIMIT__MAX:
		break;
	}
	times_push(&limit->arrived, now_us);
	if (allowed)
		times_push(&limit->served, now_us);
	return allowed;
}

void limit_clear(struct limit *limit)
{
	free(limit->arrived.ring);
	free(limit->served.ring);
	*limit = (struct limit){.config = limit->config};
}
