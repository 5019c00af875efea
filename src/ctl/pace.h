/*
 * How fast requests may go now: what the daemon last said of its rate window and its
 * gate, else what the configuration says.
 */
#pragma once

#include "ctl/alive.h"
#include "ctl/ctl.h"
#include "ctl/eta.h"

struct pace {
	enum alive alive;      /* whether the daemon runs */
	int64_t budget;        /* requests a window */
	int64_t urgent_budget; /* the same for urgent jobs */
	int64_t window_ms;
	int64_t concurrency;
	int64_t used;            /* of the window now; 0 where the daemon does not run */
	int64_t opens_ms;        /* until the window lets the next one go; 0 = now */
	int64_t urgent_opens_ms; /* the same for urgent jobs */
	int64_t quiet_until_ms;  /* Clerk asked for quiet until then (wall); 0 = no */
	char *text; /* owned: what the daemon says it does; NULL = not known */
};

/* Reads it. The caller pace_deinit()s *ret_pace. */
void pace_read(const struct ctl *ctl, struct pace *ret_pace);

/* Frees. Idempotent. */
void pace_deinit(struct pace *pace);

/* What n requests take at that pace. */
struct eta pace_eta(const struct pace *pace, int64_t n, bool urgent);

static inline void pace_cleanup(struct pace *pace)
{
	pace_deinit(pace);
}
