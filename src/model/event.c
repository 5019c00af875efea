#include "model/event.h"

#include <assert.h>
#include <string.h>

static const struct {
	const char *word;
	const char *meaning;
} events[] = {
#define EVENT(name, word, meaning) [EVENT_##name] = {word, meaning},
#include "model/event.def"
#undef EVENT
};

const char *event_name(enum event event)
{
	assert(event < EVENT__MAX);
	return events[event].word;
}

const char *event_meaning(enum event event)
{
	assert(event < EVENT__MAX);
	return events[event].meaning;
}

const char *effect_name(enum effect effect)
{
	static const char *const words[] = {
		[EFFECT_APPLIED] = "applied",
		[EFFECT_NONE] = "none",
		[EFFECT_UNKNOWN] = "unknown",
	};

	assert(effect < EFFECT__MAX);
	return words[effect];
}

int event_parse(const char *word)
{
	for (int i = 0; i < EVENT__MAX; i++)
		if (!strcmp(events[i].word, word))
			return i;
	return -1;
}
