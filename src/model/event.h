/* The events of the audit log, and what an attempt did at Clerk's. */
#pragma once

enum event {
#define EVENT(name, word, meaning) EVENT_##name,
#include "model/event.def"
#undef EVENT
	EVENT__MAX
};

/* What the attempt did at Clerk's, as far as anybody can know. */
enum effect { EFFECT_APPLIED, EFFECT_NONE, EFFECT_UNKNOWN, EFFECT__MAX };

/* The contract's words, static. */
const char *event_name(enum event event);
const char *event_meaning(enum event event);
const char *effect_name(enum effect effect);

/* The value of a word, or -1. */
int event_parse(const char *word);
