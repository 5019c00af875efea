/* How long until the next attempt. */
#pragma once

#include <stdint.h>

/* The wait after the given number of counted tries (1 or more): initial_ms doubled
 * tries - 1 times, at most max_ms, plus jitter that only adds: up to a quarter of it, by
 * random, but never beyond max_ms plus a quarter. Pure; random is any 32 bits. */
int64_t backoff_delay_ms(int tries, int64_t initial_ms, int64_t max_ms, uint32_t random);
