/* How long a test waits before it fails, on a machine that may be made slow on purpose.
 */
#pragma once

#include <stdlib.h>

/* That time, in whatever unit, times TEST_PATIENCE of the environment where that is a
 * number above 1. */
static inline unsigned patience(unsigned time)
{
	const char *times = getenv("TEST_PATIENCE");
	int factor = times ? atoi(times) : 1;

	return factor > 1 ? time * (unsigned)factor : time;
}
