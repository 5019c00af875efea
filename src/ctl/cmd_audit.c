/* audit. */
#include "ctl/cmd.h"
#include "ctl/ctl.h"
#include "ctl/lists.h"
#include "ctl/select.h"
#include "ctl/wait.h"

#include <inttypes.h>

#define FOLLOW_ROWS 10 /* so many come before the new ones */

static int on_event(void *userdata, const struct reader_event *event, struct error *err)
{
	struct ctl *ctl = userdata;

	(void)err;
	out_row(&ctl->out, event);
	return out_broken(&ctl->out);
}

/* One object a line, or one line of a table: what a pipe can be fed with for ever. */
static int on_followed(
	void *userdata, const struct reader_event *event, struct error *err)
{
	struct ctl *ctl = userdata;

	if (ctl->out.format != OUT_JSON)
		return on_event(userdata, event, err);
	out_object_begin(&ctl->out, &list_events, event);
	out_object_end(&ctl->out);
	return out_broken(&ctl->out);
}

/* Prints the rows up to the head of now; the next call those behind it. The head is read
 * first: rows are looked for job by job, and more are written meanwhile. */
static int print_more(struct ctl *ctl, struct reader_events *events, struct error *err)
{
	AUTO(reader_event) struct reader_event head = {0};

	if (reader_head(ctl->reader, &head, err) < 0)
		return -1;
	if (head.seq <= events->after)
		return 0;
	events->upto = head.seq;
	if (reader_events(ctl->reader, events, err) < 0)
		return -1;
	events->after = head.seq;
	return 0;
}

struct following {
	struct ctl *ctl;
	struct reader_events *events;
};

static int check_more(void *userdata, struct error *err)
{
	struct following *following = userdata;
	struct ctl *ctl = following->ctl;

	if (print_more(ctl, following->events, err) < 0)
		return -1;
	out_list_flush(&ctl->out);
	return out_broken(&ctl->out);
}

static int follow(struct ctl *ctl, struct reader_events *events)
{
	struct following following = {ctl, events};
	struct wait wait = {.check = check_more,
		.userdata = &following,
		.quiet = true,
		.what = "rows"};

	events->limit = 0;
	return wait_for(ctl, &wait);
}

/* A pipe that is fed for ever gets an object a line, not one endless array. */
static bool has_list(const struct ctl *ctl, bool following)
{
	return !following || ctl->out.format != OUT_JSON;
}

static int print(struct ctl *ctl, struct reader_events *events, bool following)
{
	struct error err = ERROR_NULL;
	int status = CTL_OK;

	events->fn = following ? on_followed : on_event;
	events->userdata = ctl;
	if (has_list(ctl, following))
		out_list_begin(&ctl->out, &list_events);
	if (print_more(ctl, events, &err) < 0)
		status = ctl_fail(CTL_NO, "%s", err.text);
	else if (following)
		status = follow(ctl, events);
	if (has_list(ctl, following))
		out_list_end(&ctl->out);
	return status;
}

int cmd_audit(struct ctl *ctl)
{
	AUTO(select) struct select select = SELECT_NULL;
	bool following = args_has(ctl->args, OPT_FOLLOW);
	struct reader_events events = {.selector = &select.selector};
	int status = ctl_limit(ctl, &events.limit);

	if (following && !args_has(ctl->args, OPT_LIMIT))
		events.limit = FOLLOW_ROWS;
	if (status == CTL_OK)
		status = select_read(ctl, false, &select);
	if (status == CTL_OK)
		status = ctl_open_audit(ctl);
	if (status == CTL_OK)
		status = print(ctl, &events, following);
	if (status || following)
		return status;
	if (events.limit && ctl->out.n_printed == events.limit)
		ctl_say("the newest %" PRId64 " rows are shown; --limit 0 shows all",
			events.limit);
	ctl_end_list(ctl, "rows", false);
	return CTL_OK;
}
