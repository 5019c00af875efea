#pragma once

#include <stdbool.h>

/* Reads a whole decimal number from low to high. Returns false for anything else. */
bool parse_number(const char *text, long long low, long long high, long long *ret_number);

/* Reads a whole fraction from 0 to 1. Returns false for anything else. */
bool parse_probability(const char *text, double *ret_probability);

/* Reads "A" or "A-B", milliseconds with A <= B. Returns false for anything else. */
bool parse_range_ms(const char *text, int *ret_low, int *ret_high);
