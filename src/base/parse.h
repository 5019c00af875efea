/* Strict readers of small texts from outside. Each takes the whole text or nothing. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A decimal integer, '-' allowed, no '+', no blanks, no leading zeros beyond "0".
 * False where it is not one or does not fit [min, max]. */
bool parse_int64(const char *text, int64_t min, int64_t max, int64_t *ret_value);

/* A duration: one or more of a whole number and one of ms s min h d, blanks between pairs
 * allowed ("90s", "1h 30min", "7d"). Milliseconds, 0 allowed. False where it is none or
 * is over 100 years. */
bool parse_duration(const char *text, int64_t *ret_ms);

/* A duration as parse_duration() reads it, in the largest unit that divides it ("90s",
 * "5min", "1d"). ret_text takes 32 bytes. */
void parse_format_duration(int64_t ms, char ret_text[32]);

/* What is wrong with a text that is to be at most max_len bytes of UTF-8 without NUL and
 * control characters (newline and tab only where multiline): NULL = nothing, else a short
 * static description such as "holds a control character". */
const char *parse_text_fault(
	const char *text, size_t len, size_t max_len, bool multiline);

/* Whether it is [A-Za-z0-9_]{1,128}: a Clerk id that can be a path segment. */
bool parse_clerk_id(const char *text, size_t len);
