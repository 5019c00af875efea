#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How the server counts requests against its limit. */
enum limit_kind {
	LIMIT_NONE,
	LIMIT_SLIDING, /* at most n in any window_ms */
	LIMIT_FIXED,   /* at most n in each window_ms of the monotonic clock */
	LIMIT__MAX,
};

struct limit_config {
	enum limit_kind kind;
	int limit;
	int window_ms;
	bool count_refused;   /* a refused request uses up the limit too */
	char retry_after[64]; /* "on": the true seconds, "off": none, else the literal */
};

/* The times of the events of the last window, oldest first, in a ring. */
struct limit_times {
	int64_t *ring;
	size_t cap; /* a power of two */
	size_t head;
	size_t n;
	size_t max; /* the most that were ever inside one window */
};

/* The rate limit and the measure of what came. Zeroed but for config it is ready. */
struct limit {
	struct limit_config config;
	struct limit_times arrived; /* every authorized request */
	struct limit_times served;  /* those that were not refused */
	int64_t fixed_window;       /* the number of the window in fixed_count */
	int fixed_count;
};

/* Reads a kind's name into *ret. Returns false for an unknown name. */
bool limit_kind_parse(const char *name, enum limit_kind *ret);

/* Returns the name of a kind. */
const char *limit_kind_name(enum limit_kind kind);

/* Counts one arrival at now_us. Returns true when it may be served; else false, and
 * *ret_wait_ms is how long until one more would be. */
bool limit_arrive(struct limit *limit, int64_t now_us, int64_t *ret_wait_ms);

/* Forgets all that was counted; keeps the configuration. */
void limit_clear(struct limit *limit);
