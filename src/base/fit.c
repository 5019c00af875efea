#include "base/fit.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define MARK "…"

/* Half a character at the end makes the whole text no UTF-8: no JSON can hold it. */
size_t fit_vprintf(char *to, size_t size, const char *format, va_list ap)
{
	int len;
	size_t end;

	assert(size > 0);
	len = vsnprintf(to, size, format, ap);
	if (len < 0)
		*to = '\0';
	if (len < 0 || (size_t)len < size)
		return strlen(to);
	end = size < sizeof(MARK) ? 0 : size - sizeof(MARK);
	while (end > 0 && ((unsigned char)to[end] & 0xc0) == 0x80)
		end--;
	to[end] = '\0';
	if (size >= sizeof(MARK))
		memcpy(to + end, MARK, sizeof(MARK));
	return strlen(to);
}

size_t fit_printf(char *to, size_t size, const char *format, ...)
{
	va_list ap;
	size_t len;

	va_start(ap, format);
	len = fit_vprintf(to, size, format, ap);
	va_end(ap);
	return len;
}
