/* Time. Only daemon/ and ctl/ read the clock; everything else is handed a struct now. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* One moment, read once a turn. */
struct now {
	int64_t mono_ms; /* CLOCK_BOOTTIME, milliseconds: what waits are counted in */
	int64_t wall_ms; /* CLOCK_REALTIME, since 1970: what is written down */
};

#define CLOCK_TEXT_LEN 24 /* "YYYY-MM-DD HH:MM:SS.SSS" and the NUL */

/* Reads both clocks. */
struct now clock_now(void);

/* Milliseconds since 1970 as UTC text "YYYY-MM-DD HH:MM:SS.SSS". Clamped to the years
 * 0000 to 9999. */
void clock_format(int64_t wall_ms, char ret_text[CLOCK_TEXT_LEN]);

/* The same to the second, "YYYY-MM-DD HH:MM:SS". */
void clock_format_s(int64_t wall_ms, char ret_text[CLOCK_TEXT_LEN]);

/* Reads a UTC time: "YYYY-MM-DD HH:MM", with ":SS" and ".S" to ".SSS" if given, a 'T' or
 * one space between, and 'Z' at the end if given (wanted after 'T'). Days and leap years
 * are checked. False where it is anything else; *ret_ms is then untouched. */
bool clock_parse(const char *text, int64_t *ret_ms);

/* As clock_parse(), a bare "YYYY-MM-DD" too: *ret_is_date then says so, and the time is
 * that day's midnight. */
bool clock_parse_or_date(const char *text, int64_t *ret_ms, bool *ret_is_date);
