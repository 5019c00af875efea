/* What a lockdown came to: three lists, each read whole before anything is printed. */
#include "base/clock.h"
#include "ctl/lockdown.h"
#include "model/job.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* A line of a list. Texts owned. */
struct item {
	char *sign_in_token_id;
	char *user_id;
	char *at;     /* when it was heard; of an unknown attempt: when it was made */
	char *action; /* unknown alone, like the rest: create | revoke */
	int64_t job_id;
	int64_t attempt;
	char *what; /* what is known */
	char *trace_id;
	char *expires_at; /* when it is worth nothing at the latest */
	char *remedy;
};

struct items {
	struct item *items; /* owned */
	size_t n, cap;
};

struct lists {
	struct lockdown *lockdown;
	struct items revoked, used, unknown;
	struct items waiting; /* tokens whose revoke was not sent, or heard and refused */
	const struct reader_job *job; /* borrowed: whose attempts are looked at */
	char now[CLOCK_TEXT_LEN];
};

static struct item *add(struct items *items)
{
	if (items->n == items->cap) {
		items->cap = items->cap ? items->cap * 2 : 64;
		items->items = xrealloc(items->items, items->cap * sizeof(*items->items));
	}
	items->items[items->n] = (struct item){.job_id = OUT_NONE, .attempt = OUT_NONE};
	return &items->items[items->n++];
}

static void free_items(struct items *items)
{
	for (size_t i = 0; i < items->n; i++) {
		struct item *item = &items->items[i];

		free(item->sign_in_token_id);
		free(item->user_id);
		free(item->at);
		free(item->action);
		free(item->what);
		free(item->trace_id);
		free(item->expires_at);
		free(item->remedy);
	}
	free(items->items);
}

static void lists_cleanup(struct lists *lists)
{
	free_items(&lists->revoked);
	free_items(&lists->used);
	free_items(&lists->unknown);
	free_items(&lists->waiting);
}

/* ---- tokens that were heard of since ---- */

static int on_heard(void *userdata, const struct reader_token *token, struct error *err)
{
	struct lists *lists = userdata;
	struct item *item =
		add(!strcmp(token->life, "used") ? &lists->used : &lists->revoked);

	(void)err;
	item->sign_in_token_id = xstrdup(token->id);
	item->user_id = xstrdup(token->user_id);
	item->at = xstrdup(token->status_at);
	item->job_id = token->revoke_job_id;
	return 0;
}

/* ---- tokens that may be live all the same ---- */

/* The newest of something. */
struct newest {
	struct reader_job job;
	char *trace_id; /* owned: of its last attempt */
	bool found;
};

static void newest_cleanup(struct newest *newest)
{
	reader_job_cleanup(&newest->job);
	free(newest->trace_id);
}

static int on_id(void *userdata, const struct reader_job *job, struct error *err)
{
	int64_t *id = userdata;

	(void)err;
	*id = job->id;
	return 1; /* newest first */
}

static int on_attempt(void *userdata, const struct reader_event *event, struct error *err)
{
	struct newest *newest = userdata;

	(void)err;
	if (!event->effect)
		return 0;
	free(newest->trace_id);
	newest->trace_id = xstrdup(event->trace_id);
	return 0;
}

/* The last revoke that was asked for, and how its last attempt ended. */
static int find_revoke(struct reader *reader, const char *token_id, struct newest *newest,
	struct error *err)
{
	const struct reader_selector revokes = {.token = token_id, .action = "revoke"};
	int64_t id = 0;
	const struct reader_selector selector = {.jobs = &id, .n_jobs = 1};
	const struct reader_events events = {
		.selector = &selector, .fn = on_attempt, .userdata = newest};

	if (reader_jobs(reader, &revokes, on_id, &id, err) < 0)
		return -1;
	newest->found = id != 0;
	if (!newest->found)
		return 0;
	if (reader_job(reader, id, &newest->job, err) < 0)
		return -1;
	return reader_events(reader, &events, err);
}

static char *what_of(const struct reader_job *job)
{
	const char *message = job->error_message ? job->error_message : job->error_code;

	return xasprintf("revoke %s%s%s%s%s", job->state, job->result ? ", " : "",
		job->result ? job->result : "", message ? ": " : "",
		message ? message : "");
}

static const char *remedy_of(const struct newest *newest)
{
	const char *result = newest->job.result;

	if (newest->found && !newest->job.finished_at)
		return "it is still tried: run lockdown again";
	if (result && !strcmp(result, "not_found"))
		return "Clerk knows no such token: is the key of the right instance? "
		       "Look "
		       "for the user in Clerk's dashboard";
	return "run lockdown again; or revoke it in Clerk's dashboard";
}

/* Nothing of it is under way, and Clerk may have acted on none of its attempts. */
static bool is_waiting(const struct newest *newest)
{
	return !newest->found || (!strcmp(newest->job.state, "queued") &&
					 newest->job.unknown_attempts == 0);
}

static int on_live(void *userdata, const struct reader_token *token, struct error *err)
{
	struct lists *lists = userdata;
	AUTO(newest) struct newest newest = {0};
	struct item *item;

	if (find_revoke(lists->lockdown->ctl->reader, token->id, &newest, err) < 0)
		return -1;
	item = add(is_waiting(&newest) ? &lists->waiting : &lists->unknown);
	item->action = xstrdup("revoke");
	item->sign_in_token_id = xstrdup(token->id);
	item->user_id = xstrdup(token->user_id);
	item->expires_at = xstrdup(token->expires_at);
	item->remedy = xstrdup(remedy_of(&newest));
	item->trace_id = TAKE_PTR(newest.trace_id);
	if (!newest.found) {
		item->what = xstrdup("no revoke was taken yet");
		return 0;
	}
	item->job_id = newest.job.id;
	item->attempt = newest.job.attempts;
	item->what = what_of(&newest.job);
	item->at = xstrdup(newest.job.finished_at);
	return 0;
}

/* ---- tokens that Clerk may have made, whose id nobody heard ---- */

/* Until when a token of the attempt could be used; from the end of the attempt. */
static void worth_until(const struct reader_job *job, const struct reader_event *event,
	char ret_text[CLOCK_TEXT_LEN])
{
	int64_t seconds = job->expires_in_seconds > 0 ? job->expires_in_seconds
						      : JOB_CLERK_DEFAULT_EXPIRES_S;
	int64_t ms = 0;

	(void)clock_parse(event->at, &ms);
	if (__builtin_mul_overflow(seconds, INT64_C(1000), &seconds) ||
		__builtin_add_overflow(ms, seconds, &ms))
		ms = INT64_MAX;
	clock_format(ms, ret_text);
}

static int on_unknown(void *userdata, const struct reader_event *event, struct error *err)
{
	struct lists *lists = userdata;
	char until[CLOCK_TEXT_LEN];
	struct item *item;

	(void)err;
	if (!event->effect || strcmp(event->effect, "unknown") != 0)
		return 0;
	worth_until(lists->job, event, until);
	if (strcmp(until, lists->now) <= 0)
		return 0;
	item = add(&lists->unknown);
	item->action = xstrdup("create");
	item->job_id = event->job_id;
	item->attempt = event->attempt;
	item->user_id = xstrdup(event->user_id);
	item->at = xstrdup(event->at);
	item->what = xasprintf("%s%s%s", event->event, event->error_code ? ": " : "",
		event->error_code ? event->error_code : "");
	item->trace_id = xstrdup(event->trace_id);
	item->expires_at = xstrdup(until);
	item->remedy =
		xstrdup("there may be a token whose secret reached nobody: look for "
			"the user in Clerk's dashboard");
	return 0;
}

static int on_create(void *userdata, const struct reader_job *job, struct error *err)
{
	struct lists *lists = userdata;
	const struct reader_selector selector = {.jobs = &job->id, .n_jobs = 1};
	const struct reader_events events = {
		.selector = &selector, .fn = on_unknown, .userdata = lists};

	lists->job = job;
	return reader_events(lists->lockdown->ctl->reader, &events, err);
}

/* A create that is still under way, where the lockdown could not wait for its end. */
static int on_running(void *userdata, const struct reader_job *job, struct error *err)
{
	struct lists *lists = userdata;
	struct item *item = add(&lists->unknown);

	(void)err;
	item->action = xstrdup("create");
	item->job_id = job->id;
	item->attempt = job->attempts;
	item->user_id = xstrdup(job->user_id);
	item->what = xstrdup("under way");
	item->remedy = xstrdup("run lockdown again");
	return 0;
}

static int gather(struct lists *lists, struct error *err)
{
	struct reader *reader = lists->lockdown->ctl->reader;
	const struct reader_selector heard = {.heard_since = lists->lockdown->since};
	const struct reader_selector live = {.live = true};
	const struct reader_selector unknown = {.unknown = true, .action = "create"};
	const struct reader_selector running = {.state = "running", .action = "create"};

	clock_format(clock_now().wall_ms, lists->now);
	if (reader_tokens(reader, &heard, on_heard, lists, err) < 0 ||
		reader_tokens(reader, &live, on_live, lists, err) < 0 ||
		reader_jobs(reader, &unknown, on_create, lists, err) < 0)
		return -1;
	return reader_jobs(reader, &running, on_running, lists, err);
}

/* ---- printing ---- */

#define COLUMN(name, kind)                                                               \
	{                                                                                \
#name, kind, offsetof(struct item, name)                                 \
	}

static const struct out_column heard_columns[] = {
	COLUMN(sign_in_token_id, OUT_TEXT),
	COLUMN(user_id, OUT_TEXT),
	COLUMN(at, OUT_TEXT),
	COLUMN(job_id, OUT_INT),
};

static const struct out_column unknown_columns[] = {
	COLUMN(action, OUT_TEXT),
	COLUMN(job_id, OUT_INT),
	COLUMN(attempt, OUT_INT),
	COLUMN(user_id, OUT_TEXT),
	COLUMN(sign_in_token_id, OUT_TEXT),
	COLUMN(at, OUT_TEXT),
	COLUMN(what, OUT_TEXT),
	COLUMN(trace_id, OUT_TEXT),
	COLUMN(expires_at, OUT_TEXT),
	COLUMN(remedy, OUT_TEXT),
};

static const struct out_list heard_list = {heard_columns, ARRAY_LEN(heard_columns), NULL};
static const struct out_list unknown_list = {
	unknown_columns, ARRAY_LEN(unknown_columns), NULL};

/* What stands above the lists. */
struct head {
	const char *since;
	const char *reason;
	int64_t command_id, n_revoked, n_already_used, n_outcome_unknown, n_waiting;
	const char *ends_with;
};

static const struct out_column head_columns[] = {
	{"since", OUT_TEXT, offsetof(struct head, since)},
	{"reason", OUT_TEXT, offsetof(struct head, reason)},
	{"command_id", OUT_INT, offsetof(struct head, command_id)},
	{"n_revoked", OUT_INT, offsetof(struct head, n_revoked)},
	{"n_already_used", OUT_INT, offsetof(struct head, n_already_used)},
	{"n_outcome_unknown", OUT_INT, offsetof(struct head, n_outcome_unknown)},
	{"n_waiting", OUT_INT, offsetof(struct head, n_waiting)},
	{"ends_with", OUT_TEXT, offsetof(struct head, ends_with)},
};

static const struct out_list head_list = {head_columns, ARRAY_LEN(head_columns), NULL};

static void print_rows(struct out *out, const struct items *items)
{
	for (size_t i = 0; i < items->n; i++)
		out_row(out, &items->items[i]);
	out_list_end(out);
}

static void print_json(struct out *out, const struct lists *lists)
{
	const struct lockdown *lockdown = lists->lockdown;
	const struct head head = {.since = lockdown->since,
		.reason = lockdown->reason,
		.command_id = lockdown->command_id,
		.n_revoked = (int64_t)lists->revoked.n,
		.n_already_used = (int64_t)lists->used.n,
		.n_outcome_unknown = (int64_t)lists->unknown.n,
		.n_waiting = (int64_t)lists->waiting.n,
		.ends_with = lockdown->resume};

	out_object_begin(out, &head_list, &head);
	out_object_list(out, "revoked", &heard_list);
	print_rows(out, &lists->revoked);
	out_object_list(out, "already_used", &heard_list);
	print_rows(out, &lists->used);
	out_object_list(out, "outcome_unknown", &unknown_list);
	print_rows(out, &lists->unknown);
	out_object_list(out, "waiting", &unknown_list);
	print_rows(out, &lists->waiting);
	out_object_end(out);
}

static void print_list(struct out *out, const char *name, const char *meaning,
	const struct out_list *list, const struct items *items)
{
	out_printf(out, "%s: %zu%s\n", name, items->n, items->n ? meaning : "");
	out_list_begin(out, list);
	print_rows(out, items);
	out_printf(out, "\n");
}

static void print_text(struct out *out, const struct lists *lists)
{
	/* What a person reads is not cut: it is to be acted on. */
	out->terminal = false;
	print_list(out, "revoked", "", &heard_list, &lists->revoked);
	print_list(out, "already used",
		" (their sessions live on: end them by user_id in Clerk's dashboard)",
		&heard_list, &lists->used);
	print_list(out, "outcome unknown", "", &unknown_list, &lists->unknown);
	if (lists->waiting.n)
		print_list(out, "not revoked yet", " (their revokes wait to be sent)",
			&unknown_list, &lists->waiting);
	out_printf(out, "creates stay paused until: %s\n", lists->lockdown->resume);
}

int lockdown_print(struct lockdown *lockdown)
{
	AUTO(lists) struct lists lists = {.lockdown = lockdown};
	struct out *out = &lockdown->ctl->out;
	struct error err = ERROR_NULL;

	if (gather(&lists, &err) < 0)
		return ctl_fail(CTL_NO, "%s", err.text);
	if (out->format == OUT_JSON)
		print_json(out, &lists);
	else
		print_text(out, &lists);
	return lists.used.n || lists.unknown.n || lists.waiting.n ? CTL_NO : CTL_OK;
}
