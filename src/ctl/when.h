/* Times and durations as people type them. */
#pragma once

#include "base/clock.h"
#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

/* A time to come or gone: UTC as clock_parse() reads it, "+2h" from now on, "-2h" ago, or
 * "now". Fails with what was wanted; what names the option. */
int when_parse(const char *what, const char *text, int64_t now_ms, int64_t *ret_ms,
	struct error *err);

/* As when_parse(), and a bare date too: its midnight, or the next one where is_end, so
 * that a half-open span includes that day. */
int when_parse_bound(const char *what, const char *text, int64_t now_ms, bool is_end,
	int64_t *ret_ms, struct error *err);

/* A duration ("90s", "1h 30min"). */
int when_parse_duration(
	const char *what, const char *text, int64_t *ret_ms, struct error *err);
