/* The Retry-After header. Pure. */
#pragma once

#include <stdint.h>

#define RETRY_AFTER_MAX_MS INT64_C(3600000) /* more than an hour counts as an hour */

/* How long the values in text (one a line, as http.h hands them over; each whole seconds,
 * a comma-separated list of those, or an HTTP date) ask to wait, counted from wall_ms: 1
 * to RETRY_AFTER_MAX_MS, the largest where there are several. -1 where text is NULL or no
 * value of it is well-formed and ahead of now. */
int64_t retry_after_read(const char *text, int64_t wall_ms);
