#include "base/error.h"

#include "base/fit.h"

#include <stdarg.h>
#include <string.h>

/* The header says once more what these return. */
#undef error_set
#undef error_errno
#undef error_prefix

int error_set(struct error *err, const char *format, ...)
{
	va_list ap;

	if (!err)
		return -1;
	va_start(ap, format);
	(void)fit_vprintf(err->text, sizeof(err->text), format, ap);
	va_end(ap);
	return -1;
}

/* Appends ": " and why to the text, as far as there is room. */
static void append_why(struct error *err, const char *why)
{
	size_t len = strlen(err->text);

	(void)fit_printf(err->text + len, sizeof(err->text) - len, ": %s", why);
}

int error_errno(struct error *err, int errnum, const char *format, ...)
{
	char why[128];
	va_list ap;

	if (!err)
		return -1;
	va_start(ap, format);
	(void)fit_vprintf(err->text, sizeof(err->text), format, ap);
	va_end(ap);
	append_why(err, strerror_r(errnum, why, sizeof(why)));
	return -1;
}

int error_prefix(struct error *err, const char *format, ...)
{
	struct error inner;
	va_list ap;

	if (!err)
		return -1;
	inner = *err;
	va_start(ap, format);
	(void)fit_vprintf(err->text, sizeof(err->text), format, ap);
	va_end(ap);
	append_why(err, inner.text);
	return -1;
}
