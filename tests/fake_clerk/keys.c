#include "fake.h"
#include "mem.h"

#include <stdlib.h>
#include <string.h>

void keys_add(struct keys *keys, const char *key)
{
	keys->list = mem_resize(keys->list, (keys->n + 1) * sizeof(keys->list[0]));
	keys->list[keys->n++] = mem_copy(key);
}

int keys_find(const struct keys *keys, const char *key)
{
	for (size_t i = 0; i < keys->n; i++) {
		if (strcmp(keys->list[i], key) == 0)
			return (int)i;
	}
	return -1;
}

void keys_clear(struct keys *keys)
{
	for (size_t i = 0; i < keys->n; i++)
		free(keys->list[i]);
	free(keys->list);
	*keys = (struct keys){0};
}
