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
