#include "ctl/waits.h"

#include "ctl/named.h"

#include <inttypes.h>
#include <string.h>

static void say_hold(struct buf *out, const struct reader_stop *stop)
{
	buf_printf(out, "%s held since %s UTC (%s): %s; ends with: %s",
		waits_keeps_out(stop) ? "taking from the queue is" : "sending is",
		stop->since, stop->kind, stop->reason, stop->ends);
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
		return !waits_keeps_out(stop);
	if (stop->action && action && strcmp(stop->action, action) != 0)
		return false;
	return !stop->batch || (batch && !strcmp(stop->batch, batch));
}

bool waits_keeps_out(const struct reader_stop *stop)
{
	return stop->kind && !strcmp(stop->kind, "queue");
}

struct stops {
	struct ctl *ctl;
	bool (*concerns)(void *userdata, const struct reader_stop *stop);
	void *userdata;
	bool any;
};

static int on_stop(void *userdata, const struct reader_stop *stop, struct error *err)
{
	struct stops *stops = userdata;
	AUTO(buf) struct buf text = BUF_NULL;
	AUTO(free_ptr) char *named = NULL;

	(void)err;
	if (!stops->concerns(stops->userdata, stop))
		return 0;
	waits_say_stop(&text, stop);
	named = named_for(stops->ctl, buf_str(&text));
	ctl_say("%s", named);
	stops->any = true;
	return 0;
}

bool waits_say_stops(struct ctl *ctl,
	bool (*concerns)(void *userdata, const struct reader_stop *stop), void *userdata)
{
	struct stops stops = {ctl, concerns, userdata, false};
	struct error err = ERROR_NULL;

	ctl_try_audit(ctl);
	if (ctl->reader && reader_stops(ctl->reader, on_stop, &stops, &err) < 0)
		ctl_say("%s", err.text);
	return stops.any;
}
