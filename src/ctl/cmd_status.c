/* status. */
#include "ctl/alive.h"
#include "ctl/cmd.h"
#include "ctl/ctl.h"
#include "ctl/out_colour.h"
#include "ctl/text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static void json_cleanup(json_t **json)
{
	json_decref(*json);
}

/* A member as a text for people, "" where it is not there; borrowed. */
static const char *member(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text ? text : "";
}

static int64_t number(const json_t *object, const char *name)
{
	return json_integer_value(json_object_get(object, name));
}

/* One line: a name and a text, both escaped. */
static void line(struct ctl *ctl, const char *name, const char *text)
{
	AUTO(buf) struct buf head = BUF_NULL;
	AUTO(buf) struct buf shown = BUF_NULL;

	text_escape(&head, name, strlen(name));
	text_escape(&shown, text, strlen(text));
	out_printf(&ctl->out, "%-14s %s\n", buf_str(&head), buf_str(&shown));
}

#define NAMES_MAX 10

struct names {
	struct buf text;
	int n;
};

static int on_stop(void *userdata, const struct reader_stop *stop, struct error *err)
{
	struct names *names = userdata;

	(void)err;
	if (!stop->batch)
		return 0;
	if (names->n < NAMES_MAX)
		buf_printf(&names->text, "%s%s%s%s", names->n ? ", " : ": ", stop->batch,
			stop->action ? " " : "", stop->action ? stop->action : "");
	else if (names->n == NAMES_MAX)
		buf_puts(&names->text, ", …");
	names->n++;
	return 0;
}

/* Their names are in the audit, where this user may read it: status.json, which everybody
 * may, says how many there are. */
static void print_paused_batches(struct ctl *ctl, int64_t n)
{
	struct names names = {.text = BUF_NULL};
	struct error err = ERROR_NULL;
	AUTO(free_ptr) char *text = NULL;

	if (!n)
		return;
	ctl_try_audit(ctl);
	if (ctl->reader)
		(void)reader_stops(ctl->reader, on_stop, &names, &err);
	text = xasprintf("%" PRId64 "%s", n, buf_str(&names.text));
	line(ctl, "paused batches", text);
	buf_deinit(&names.text);
}

static void print_stops(struct ctl *ctl, const json_t *status)
{
	size_t i;
	json_t *hold, *action;

	json_array_foreach(json_object_get(status, "held"), i, hold)
	{
		AUTO(free_ptr)
		char *text = xasprintf("%s since %s: %s; ends with: %s",
			member(hold, "kind"), member(hold, "since"),
			member(hold, "reason"), member(hold, "ends"));

		line(ctl, "held", text);
	}
	json_array_foreach(json_object_get(status, "paused"), i, action)
	{
		const char *word = json_is_string(action) ? json_string_value(action)
							  : member(action, "action");

		line(ctl, "paused", *word ? word : "everything");
	}
	print_paused_batches(ctl, number(status, "batches_paused"));
}

static void print_jobs(struct ctl *ctl, const json_t *jobs)
{
	const char *action, *state;
	json_t *states, *count;

	json_object_foreach((json_t *)(uintptr_t)jobs, action, states)
	{
		AUTO(buf) struct buf text = BUF_NULL;

		json_object_foreach(states, state, count)
		{
			if (json_integer_value(count))
				buf_printf(&text, "%s%" PRId64 " %s",
					text.len ? ", " : "",
					(int64_t)json_integer_value(count), state);
		}
		if (text.len)
			line(ctl, action, buf_str(&text));
	}
}

static void print_numbers(struct ctl *ctl, const json_t *status)
{
	const json_t *rate = json_object_get(status, "rate");
	const json_t *audit = json_object_get(status, "audit");
	AUTO(free_ptr)
	char *head =
		xasprintf("%" PRId64 ":%s", number(audit, "seq"), member(audit, "hash"));

	out_printf(&ctl->out, "%-14s %" PRId64 " of %" PRId64 " in %" PRId64 " ms\n",
		"rate", number(rate, "used"), number(rate, "requests"),
		number(rate, "window_ms"));
	out_printf(&ctl->out, "%-14s %" PRId64 " of %" PRId64 "\n", "in flight",
		number(status, "in_flight"), number(status, "concurrency"));
	out_printf(&ctl->out, "%-14s %.1f s\n", "queue lag",
		json_number_value(
			json_object_get(json_object_get(status, "queue"), "lag_s")));
	line(ctl, "audit", head);
	line(ctl, "last success",
		*member(status, "last_success_at") ? member(status, "last_success_at")
						   : "never");
	line(ctl, "key", member(status, "key_kind"));
	line(ctl, "api", member(status, "api_url"));
	if (*member(status, "reload_fault"))
		line(ctl, "reload fault", member(status, "reload_fault"));
}

static void print_table(struct ctl *ctl, const json_t *status, bool running)
{
	const char *state = running ? member(status, "state") : "not running";
	AUTO(buf) struct buf shown = BUF_NULL;
	AUTO(free_ptr)
	char *rest = xasprintf(", version %s, process %" PRId64 ", since %s",
		member(status, "version"), number(status, "pid"),
		member(status, "started_at"));

	text_escape(&shown, state, strlen(state));
	out_printf(&ctl->out, "%-14s ", "clerk-tokend");
	out_paint(&ctl->out, buf_str(&shown));
	buf_clear(&shown);
	text_escape(&shown, rest, strlen(rest));
	out_printf(&ctl->out, "%s\n", buf_str(&shown));
	line(ctl, "updated", member(status, "updated_at"));
	if (running)
		line(ctl, "gate", member(json_object_get(status, "gate"), "text"));
	print_stops(ctl, status);
	print_jobs(ctl, json_object_get(status, "jobs"));
	print_numbers(ctl, status);
}

static void print_json(struct ctl *ctl, json_t *status, bool running)
{
	char *text;

	(void)json_object_set_new(status, "running", json_boolean(running));
	text = json_dumps(status, JSON_INDENT(1) | JSON_ENSURE_ASCII);
	buf_puts(&ctl->out.pending, text ? text : "{}");
	buf_putc(&ctl->out.pending, '\n');
	free(text);
}

int cmd_status(struct ctl *ctl)
{
	AUTO(json) json_t *status = NULL;
	struct error err = ERROR_NULL;
	int64_t pid;
	enum alive alive = alive_check(ctl->config->state_directory, &pid);
	int rc = alive_find_status(ctl, pid, &status, &err);

	if (rc < 0)
		return ctl_fail(CTL_NO, "%s", err.text);
	if (!status)
		status = json_object();
	if (ctl->out.format == OUT_JSON)
		print_json(ctl, status, alive == ALIVE_YES);
	else if (rc == 0)
		print_table(ctl, status, alive == ALIVE_YES);
	if (alive == ALIVE_NO)
		return ctl_fail(CTL_TEMPORARY, "the daemon is not running");
	if (rc == 1)
		return ctl_fail(alive == ALIVE_YES ? CTL_NO : CTL_TEMPORARY,
			"%s/status.json: the daemon has not written it",
			ctl->config->runtime_directory);
	if (!strcmp(member(status, "state"), "working"))
		return CTL_OK;
	return CTL_NO;
}
