#include "engine/window.h"

#include "base/mem.h"

#include <assert.h>
#include <stdlib.h>

/* n slots that were answered in the same millisecond. */
struct window_run {
	int64_t at_ms;
	int64_t n;
};

#define WINDOW_CAP_FIRST 16

static struct window_run *window_run(const struct window *window, uint32_t i)
{
	return &window->runs[(window->first + i) % window->cap];
}

/* Steps on to mono_ms, never back, and lets go of what has aged out. */
static void window_advance(struct window *window, int64_t mono_ms)
{
	if (mono_ms > window->newest_ms)
		window->newest_ms = mono_ms;
	while (window->n_runs) {
		const struct window_run *oldest = window_run(window, 0);

		if (window->newest_ms - oldest->at_ms < window->length_ms)
			return;
		window->answered -= oldest->n;
		window->first = (window->first + 1) % window->cap;
		window->n_runs--;
	}
}

static void window_grow(struct window *window)
{
	uint32_t cap = window->cap ? 2 * window->cap : WINDOW_CAP_FIRST;
	struct window_run *runs = xmalloc(cap * sizeof(*runs));

	for (uint32_t i = 0; i < window->n_runs; i++)
		runs[i] = *window_run(window, i);
	free(window->runs);
	window->runs = runs;
	window->first = 0;
	window->cap = cap;
}

static void window_push(struct window *window, int64_t mono_ms, int64_t n)
{
	window_advance(window, mono_ms);
	window->answered += n;
	if (window->n_runs) {
		struct window_run *newest = window_run(window, window->n_runs - 1);

		if (newest->at_ms == window->newest_ms) {
			newest->n += n;
			return;
		}
	}
	if (window->n_runs == window->cap)
		window_grow(window);
	window->n_runs++;
	*window_run(window, window->n_runs - 1) =
		(struct window_run){.at_ms = window->newest_ms, .n = n};
}

void window_init(struct window *ret_window, int64_t length_ms)
{
	assert(length_ms > 0);
	/* What window_restore() puts in may lie before the clock's zero: the last boot.
	 */
	*ret_window = (struct window){.length_ms = length_ms, .newest_ms = INT64_MIN / 2};
}

void window_deinit(struct window *window)
{
	free(window->runs);
	*window = (struct window)WINDOW_NULL;
}

void window_take(struct window *window, int64_t n)
{
	assert(n >= 0);
	window->in_flight += n;
}

void window_answered(struct window *window, int64_t mono_ms)
{
	assert(window->in_flight > 0);
	window->in_flight--;
	window_push(window, mono_ms, 1);
}

void window_give_back(struct window *window)
{
	assert(window->in_flight > 0);
	window->in_flight--;
}

void window_restore(struct window *window, int64_t mono_ms, int64_t n)
{
	assert(n >= 0);
	if (n)
		window_push(window, mono_ms, n);
}

int64_t window_used(struct window *window, int64_t mono_ms)
{
	window_advance(window, mono_ms);
	return window->in_flight + window->answered;
}

int64_t window_free_at(struct window *window, int64_t mono_ms, int64_t below)
{
	int64_t excess = window_used(window, mono_ms) - below + 1;

	if (excess <= 0)
		return mono_ms;
	if (excess > window->answered)
		return INT64_MAX;
	for (uint32_t i = 0;; i++) {
		const struct window_run *run = window_run(window, i);

		excess -= run->n;
		if (excess <= 0)
			return run->at_ms + window->length_ms;
	}
}
