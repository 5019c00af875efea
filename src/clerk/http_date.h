/* The date of an HTTP header. Pure. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* The first len bytes of text, an HTTP date in any of its three forms, in milliseconds
 * since 1970. -1 where it is none, lies before 1970 or beyond the year 9999. */
int64_t http_date_ms(const char *text, size_t len);
