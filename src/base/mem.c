#include "base/mem.h"

#include <malloc.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* There is nothing sensible to do without memory; the text needs none to go out. */
_Noreturn void mem_exhausted(void)
{
	(void)fputs("out of memory\n", stderr);
	abort();
}

static void *or_abort(void *memory)
{
	if (!memory)
		mem_exhausted();
	return memory;
}

void *xmalloc(size_t size)
{
	return or_abort(malloc(size ? size : 1));
}

void *xcalloc(size_t n, size_t size)
{
	return or_abort(calloc(n ? n : 1, size ? size : 1));
}

void *xrealloc(void *old, size_t size)
{
	return or_abort(realloc(old, size ? size : 1));
}

char *xstrdup(const char *text)
{
	return text ? or_abort(strdup(text)) : NULL;
}

char *xstrndup(const char *text, size_t len)
{
	return or_abort(strndup(text, len));
}

char *xasprintf(const char *format, ...)
{
	char *text = NULL;
	va_list ap;
	int n;

	va_start(ap, format);
	n = vasprintf(&text, format, ap);
	va_end(ap);
	return or_abort(n < 0 ? NULL : text);
}

void mem_trim(void)
{
	(void)malloc_trim(0);
}

void free_ptr_cleanup(void *ptr_to_ptr)
{
	void *memory;

	memcpy(&memory, ptr_to_ptr, sizeof(memory));
	free(memory);
}
