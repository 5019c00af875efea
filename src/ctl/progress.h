/* Where a batch stands, as lines for people: two that fit a terminal, or one for a log.
 * Pure. */
#pragma once

#include "base/buf.h"
#include "ctl/bar.h"

#include <stdbool.h>
#include <stdint.h>

/* Counts of jobs that are over, at moments: what the rate is told from. */
#define PROGRESS_SAMPLES 40

struct progress_rate {
	struct {
		int64_t mono_ms;
		int64_t done;
	} samples[PROGRESS_SAMPLES]; /* a ring */
	int n, first;
};

/* Notes how many are done now; at most every quarter of a second is kept, and what is
 * older than ten seconds is forgotten. */
void progress_note(struct progress_rate *rate, int64_t mono_ms, int64_t done);

/* How many were done a second, of late; below 0 where that cannot be told yet. */
double progress_per_second(
	const struct progress_rate *rate, int64_t mono_ms, int64_t done);

struct progress {
	const char *name; /* the batch's, escaped */
	struct bar bar;
	int64_t failed; /* of the bar's, which are not cancelled, lapsed or rejected */
	int64_t left;
	double per_second; /* below 0 = not known */
	int64_t left_ms;   /* how long it will take; below 0 = cannot be said */
	const char *waits; /* escaped: what it waits for; NULL = nothing */
};

/* Appends the two lines, without line ends, each at most so many columns wide. */
void progress_top(struct buf *out, const struct progress *progress, int columns);
void progress_bottom(struct buf *out, const struct progress *progress, int columns);

/* Appends one line for a log, with its end. */
void progress_plain(struct buf *out, const struct progress *progress);
