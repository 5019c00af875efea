/*
 * The rate window: an exact sliding log whose slots are taken at the send and come free
 * one window after the answer. That keeps any fixed and any sliding window at the server
 * within the limit, because the server counted the request somewhere between the two
 * moments. Kept as runs of (millisecond, count), so it costs at most one entry a
 * millisecond of window, whatever the limit. All times are monotonic milliseconds handed
 * in, never going backwards (an earlier one counts as the newest seen).
 */
#pragma once

#include <stdint.h>

struct window {
	struct window_run *runs; /* owned ring */
	uint32_t n_runs, first, cap;
	int64_t in_flight; /* taken, not yet answered */
	int64_t answered;  /* sum of the runs that have not aged out */
	int64_t length_ms;
	int64_t newest_ms;
};

#define WINDOW_NULL                                                                      \
	{                                                                                \
		0                                                                        \
	}

/* An empty window of length_ms. */
void window_init(struct window *ret_window, int64_t length_ms);
/* Frees. Idempotent. */
void window_deinit(struct window *window);

/* n requests are about to leave. */
void window_take(struct window *window, int64_t n);
/* One of them was answered, or is known to be over: its slot comes free one length
 * later. */
void window_answered(struct window *window, int64_t mono_ms);
/* One of them never left: its slot is free at once. */
void window_give_back(struct window *window);
/* At start: n attempts that were answered at mono_ms (may lie before now; ascending). */
void window_restore(struct window *window, int64_t mono_ms, int64_t n);

/* Slots in use now: in flight, and answered less than a window ago. */
int64_t window_used(struct window *window, int64_t mono_ms);
/* When the number in use will have fallen below `below` by ageing alone: a monotonic
 * time, mono_ms where it is so already; INT64_MAX where requests in flight have to be
 * answered first. */
int64_t window_free_at(struct window *window, int64_t mono_ms, int64_t below);
