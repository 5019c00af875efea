/* Texts in arrays. */
#pragma once

#include <stdarg.h>
#include <stddef.h>

/* As snprintf() into the size (at least 1) bytes at to; what does not fit is cut between
 * two characters of UTF-8, never inside one, and ends with "…". Returns the length of
 * what stands there. */
size_t fit_printf(char *to, size_t size, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* The same with a va_list. */
size_t fit_vprintf(char *to, size_t size, const char *format, va_list ap)
	__attribute__((format(printf, 3, 0)));
