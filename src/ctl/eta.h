/*
 * How long requests take, by the rate window: it lets a budget of them go at once, and
 * the next ones a window after their answers. Pure.
 */
#pragma once

#include <stdint.h>

/* What is to be sent, and what the window allows. */
struct eta {
	int64_t n;         /* requests */
	int64_t budget;    /* so many a window; below 1 counts as 1 */
	int64_t window_ms; /* its length */
	int64_t used;      /* of the window now */
	int64_t opens_ms;  /* until the used-up window lets the next one go; 0 = not known
			    */
	int64_t concurrency; /* at once; below 1 counts as 1 */
};

/* How many windows n requests take. */
int64_t eta_windows(int64_t n, int64_t budget);

/* How long they take, in milliseconds; INT64_MAX where that is too long to say. */
int64_t eta_ms(const struct eta *eta);

#define ETA_TEXT_LEN 32

/* A number with a comma at each thousand: "4,200". */
void eta_count(int64_t n, char ret_text[ETA_TEXT_LEN]);

/* A span of time in its two largest units, rounded up to a second: "42 s", "3 min 5 s",
 * "2 h 10 min", "4 d 1 h"; "years" where it is over a hundred of them. */
void eta_span(int64_t ms, char ret_text[ETA_TEXT_LEN]);
