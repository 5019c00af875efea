/* A bar and a line of figures that fit a terminal of any width. Pure. */
#pragma once

#include "base/buf.h"

#include <stddef.h>
#include <stdint.h>

/* How far something is. */
struct bar {
	int64_t total;
	int64_t done;   /* of them, those that are over */
	int64_t failed; /* of those, the ones that did not go well */
};

/* How much of it is done, in whole percent: 100 only where all of it is. */
int bar_percent(const struct bar *bar);

/* Appends the bar, the percentage and the counts, as much of them as fits in so many
 * columns: "[####x.....]  50%  5 of 10". */
void bar_draw(struct buf *out, const struct bar *bar, int columns);

/* Appends as many of the n texts, in their order, as fit in so many columns, ", "
 * between; the first one is cut where it does not fit. Texts are escaped already; NULL
 * and "" are left out. */
void bar_join(struct buf *out, const char *const *texts, size_t n, int columns);
