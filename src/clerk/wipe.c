#include "clerk/wipe.h"

#include "base/mem.h"

#include <jansson.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

void wipe_free(void *memory)
{
	if (memory)
		explicit_bzero(memory, malloc_usable_size(memory));
	free(memory);
}

/* Never realloc(3) itself: where that moves, it leaves a copy behind. */
void *wipe_realloc(void *old, size_t size)
{
	size_t old_size = old ? malloc_usable_size(old) : 0;
	void *memory = malloc(size);

	if (!memory)
		return NULL;
	if (old)
		memcpy(memory, old, old_size < size ? old_size : size);
	wipe_free(old);
	return memory;
}

/* xmalloc: a text that could not be parsed for want of memory must not pass for one that
 * is not JSON, nor one that could not be written for none. */
void wipe_install_jansson(void)
{
	json_malloc_t allocate;
	json_free_t release;

	json_get_alloc_funcs(&allocate, &release);
	if (release == free)
		json_set_alloc_funcs(xmalloc, wipe_free);
}
