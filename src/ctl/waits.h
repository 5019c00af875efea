/* Why jobs are not sent, in words. */
#pragma once

#include "base/buf.h"
#include "ctl/ctl.h"

/* A stop as a clause without its end: "sending is held since … (outage): …; ends with:
 * …", "creates are paused since … by ana (command 12): lunch; until resumed". Texts of
 * other people are not escaped in it. */
void waits_say_stop(struct buf *out, const struct reader_stop *stop);

/* Whether the stop keeps jobs of the action and the batch (NULL = none) from being sent.
 */
bool waits_concerns(
	const struct reader_stop *stop, const char *action, const char *batch);

/* Whether the stop keeps rows of the queue from being taken. */
bool waits_keeps_out(const struct reader_stop *stop);

/* Says on stderr what holds or pauses jobs, of that what concerns() takes; returns
 * whether anything does. Opens what it needs. */
bool waits_say_stops(struct ctl *ctl,
	bool (*concerns)(void *userdata, const struct reader_stop *stop), void *userdata);
