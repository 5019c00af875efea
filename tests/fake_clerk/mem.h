#pragma once

#include <stddef.h>

/* Allocates size zeroed bytes; the caller frees. Aborts when there is no memory. */
void *mem_zero(size_t size);

/* Resizes block (or allocates it when NULL); the caller frees. Aborts when there is no
 * memory. */
void *mem_resize(void *block, size_t size);

/* Copies a string; the caller frees. NULL stays NULL. Aborts when there is no memory. */
char *mem_copy(const char *string);
