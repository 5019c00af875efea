#include "engine/hold.h"

#include <assert.h>
#include <string.h>

static const char *const words[] = {
	[HOLD_AUDIT] = "audit",
	[HOLD_DISK] = "disk",
	[HOLD_CREDENTIALS] = "credentials",
	[HOLD_MAINTENANCE] = "maintenance",
	[HOLD_OUTAGE] = "outage",
	[HOLD_QUEUE] = "queue",
};

const char *hold_name(enum hold_kind kind)
{
	assert(kind < HOLD__MAX);
	return words[kind];
}

int hold_parse(const char *word)
{
	for (int i = 0; i < HOLD__MAX; i++)
		if (!strcmp(words[i], word))
			return i;
	return -1;
}
