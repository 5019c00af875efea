#include "ctl/waits.h"

#include <inttypes.h>
#include <string.h>

static void say_hold(struct buf *out, const struct reader_stop *stop)
{
	/* This one stops taking in, not sending. */
	bool queue = !strcmp(stop->kind, "queue");

	buf_printf(out, "%s held since %s UTC (%s): %s; ends with: %s",
		queue ? "taking from the queue is" : "sending is", stop->since,
		stop->kind, stop->reason, stop->ends);
}

static void say_scope(struct buf *out, const struct reader_stop *stop)
{
	if (stop->batch)
		buf_printf(out, "%s%sbatch %s is", stop->action ? stop->action : "",
			stop->action ? "s: " : "", stop->batch);
	else if (stop->action)
		buf_printf(out, "%ss are", stop->action);
	else
		buf_puts(out, "everything is");
}

static void say_pause(struct buf *out, const struct reader_stop *stop)
{
	/* The daemon's own: a canary's, or the one after a restored audit. */
	if (stop->command_id < 0 && stop->batch) {
		buf_printf(out,
			"batch %s is a canary: its first jobs were released, the rest "
			"waits for: clerk-tokenctl resume --batch '%s'",
			stop->batch, stop->batch);
		return;
	}
	say_scope(out, stop);
	buf_printf(out, " paused since %s UTC", stop->since);
	if (stop->command_id < 0) {
		buf_puts(out, " because audit.db is a restored copy; until: "
			      "clerk-tokenctl resume");
		return;
	}
	buf_printf(out, " by %s (command %" PRId64 ")",
		stop->by && *stop->by ? stop->by : "nobody named", stop->command_id);
	if (stop->why)
		buf_printf(out, ": %s", stop->why);
	if (stop->ends)
		buf_printf(out, "; until %s UTC", stop->ends);
	else
		buf_puts(out, "; until resumed");
}

void waits_say_stop(struct buf *out, const struct reader_stop *stop)
{
	if (stop->kind)
		say_hold(out, stop);
	else
		say_pause(out, stop);
}

bool waits_concerns(const struct reader_stop *stop, const char *action, const char *batch)
{
	if (stop->kind)
		return strcmp(stop->kind, "queue") != 0;
	if (stop->action && action && strcmp(stop->action, action) != 0)
		return false;
	return !stop->batch || (batch && !strcmp(stop->batch, batch));
}
