/* What the steps of a lockdown share: finding its pause, waiting, saying how it goes. */
#include "ctl/lockdown.h"

#include "base/buf.h"
#include "base/clock.h"
#include "ctl/named.h"
#include "ctl/wait.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROGRESS_MS 2000

/* ---- what is paused ---- */

/* A pause of creates for good, by a lockdown: its command says so. */
static int find_mark(struct lockdown *lockdown, int64_t command_id, struct error *err)
{
	AUTO(reader_command) struct reader_command command = {0};
	int rc = reader_command(lockdown->ctl->reader, command_id, &command, err);

	if (rc)
		return rc < 0 ? -1 : 0;
	if (!command.reason ||
		strncmp(command.reason, LOCKDOWN_MARK, strlen(LOCKDOWN_MARK)) != 0)
		return 0;
	lockdown->command_id = command_id;
	lockdown->since = xstrdup(command.taken_at);
	return 0;
}

static int on_pause(void *userdata, const struct reader_stop *stop, struct error *err)
{
	struct lockdown *lockdown = userdata;
	bool create = !stop->action || !strcmp(stop->action, "create");
	bool revoke = !stop->action || !strcmp(stop->action, "revoke");

	if (stop->kind || stop->batch)
		return 0;
	lockdown->revokes_stopped = lockdown->revokes_stopped || revoke;
	/* They come in the order in which they were paused. */
	if (create && !stop->ends && !lockdown->since)
		return find_mark(lockdown, stop->command_id, err);
	return 0;
}

int lockdown_look(struct lockdown *lockdown)
{
	struct error err = ERROR_NULL;

	free(TAKE_PTR(lockdown->since));
	lockdown->revokes_stopped = false;
	if (reader_stops(lockdown->ctl->reader, on_pause, lockdown, &err) < 0)
		return ctl_fail(CTL_NO, "%s", err.text);
	return CTL_OK;
}

/* ---- waiting ---- */

struct holds {
	struct ctl *ctl;
	struct buf text;
};

/* A line for each thing that keeps revokes from being sent. */
static int on_stop(void *userdata, const struct reader_stop *stop, struct error *err)
{
	struct holds *holds = userdata;
	AUTO(free_ptr) char *line = NULL;
	AUTO(free_ptr) char *named = NULL;

	(void)err;
	if (stop->kind)
		line = xasprintf("held since %s: %s: %s; ends with: %s\n", stop->since,
			stop->kind, stop->reason, stop->ends);
	else if (!stop->batch && (!stop->action || !strcmp(stop->action, "revoke")))
		line = xasprintf(
			"revokes are paused since %s; clerk-tokenctl resume ends it\n",
			stop->since);
	named = named_for(holds->ctl, line);
	if (named)
		buf_puts(&holds->text, named);
	return 0;
}

static void say_lines(const char *text)
{
	for (const char *end; (end = strchr(text, '\n')); text = end + 1)
		ctl_say("%.*s", (int)(end - text), text);
}

static void say_change(struct lockdown *lockdown, const char *text)
{
	if (!strcmp(text, lockdown->held ? lockdown->held : ""))
		return;
	if (*text)
		say_lines(text);
	else
		ctl_say("nothing holds any more: it goes on");
	free(lockdown->held);
	lockdown->held = xstrdup(text);
}

/* Says what holds, and that it is over, whenever that changes. */
static int say_holds(struct lockdown *lockdown, struct error *err)
{
	struct holds holds = {.ctl = lockdown->ctl, .text = BUF_NULL};
	int rc = reader_stops(lockdown->ctl->reader, on_stop, &holds, err);

	if (rc == 0)
		say_change(lockdown, buf_str(&holds.text));
	buf_deinit(&holds.text);
	return rc;
}

struct watched {
	struct lockdown *lockdown;
	int (*check)(void *userdata, struct error *err);
	void *userdata;
};

static int check_watched(void *userdata, struct error *err)
{
	struct watched *watched = userdata;
	int rc = watched->check(watched->userdata, err);

	if (rc == 0 && say_holds(watched->lockdown, err) < 0)
		return -1;
	return rc;
}

int lockdown_wait(struct lockdown *lockdown,
	int (*check)(void *userdata, struct error *err), void *userdata, const char *what)
{
	struct watched watched = {lockdown, check, userdata};
	struct wait wait = {.check = check_watched, .userdata = &watched, .what = what};
	int64_t now = clock_now().mono_ms;

	if (lockdown->until_ms != INT64_MAX)
		wait.timeout_ms = lockdown->until_ms > now ? lockdown->until_ms - now : 1;
	return wait_for(lockdown->ctl, &wait);
}

void lockdown_progress(struct lockdown *lockdown, const char *format, ...)
{
	int64_t now = clock_now().mono_ms;
	char *text = NULL;
	va_list ap;

	if (lockdown->said_ms == 0)
		lockdown->said_ms = now;
	if (now - lockdown->said_ms < PROGRESS_MS)
		return;
	lockdown->said_ms = now;
	va_start(ap, format);
	if (vasprintf(&text, format, ap) < 0)
		abort();
	va_end(ap);
	ctl_say("%s", text);
	free(text);
}
