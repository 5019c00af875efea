#include "mem.h"

#include <stdlib.h>
#include <string.h>

void *mem_zero(size_t size)
{
	void *block = calloc(1, size ? size : 1);
	if (!block)
		abort();
	return block;
}

void *mem_resize(void *block, size_t size)
{
	void *resized = realloc(block, size ? size : 1);
	if (!resized)
		abort();
	return resized;
}

char *mem_copy(const char *string)
{
	if (!string)
		return NULL;
	size_t size = strlen(string) + 1;
	return memcpy(mem_resize(NULL, size), string, size);
}
