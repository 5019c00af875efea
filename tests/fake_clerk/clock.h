#pragma once

#include <stdint.h>

/* Returns milliseconds since 1970. */
int64_t clock_wall_ms(void);

/* Returns microseconds of a clock that is never set (CLOCK_MONOTONIC). */
int64_t clock_mono_us(void);
