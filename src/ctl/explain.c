/*
 * One or two sentences. What stops everything comes first (the daemon, a hold, a pause);
 * then the job's own time (scheduled, a retry); and where neither keeps it, the jobs
 * before it and the rate window.
 */
#include "ctl/explain.h"

#include "base/clock.h"
#include "base/parse.h"
#include "ctl/pace.h"
#include "ctl/story.h"
#include "ctl/waits.h"

#include <inttypes.h>
#include <string.h>

#define AHEAD_MAX 10000

/* Begins the next sentence; the first word for why is the one that counts. */
static struct buf *sentence(struct explain *explain, const char *why)
{
	if (explain->text.len)
		buf_putc(&explain->text, ' ');
	if (!explain->why)
		explain->why = why;
	return &explain->text;
}

static void put_until(struct explain *explain, const char *until)
{
	if (!explain->until && until)
		explain->until = xstrdup(until);
}

static int64_t now_ms(void)
{
	return clock_now().wall_ms;
}

/* "2026-01-02 03:04:05.000 UTC (in 2 h 3 min)" */
static void say_time(struct buf *out, const char *utc)
{
	char span[ETA_TEXT_LEN];
	int64_t ms, now = now_ms();

	buf_printf(out, "%s UTC", utc);
	if (!clock_parse(utc, &ms))
		return;
	eta_span(ms > now ? ms - now : now - ms, span);
	buf_printf(out, ms > now ? " (in %s)" : " (%s ago)", span);
}

/* ---- what stops everything ---- */

/* A job that the stops are held against. */
struct stops {
	struct explain *explain;
	const char *action;
	const char *batch;
	int64_t parked; /* as job.parked has it: 1 its batch is paused, 2 its canary */
	bool taken;
	int n;
};

static const char *word_of(const struct reader_stop *stop)
{
	if (stop->kind)
		return waits_keeps_out(stop) ? "queue held" : "held";
	if (stop->batch)
		return stop->command_id < 0 ? "canary" : "batch paused";
	return "paused";
}

static int on_stop(void *userdata, const struct reader_stop *stop, struct error *err)
{
	struct stops *stops = userdata;
	bool queue = waits_keeps_out(stop);
	struct buf *out;
	size_t at;

	(void)err;
	if (queue ? stops->taken : !waits_concerns(stop, stops->action, stops->batch))
		return 0;
	/* A row that waits in the queue waits to be taken first. */
	if (!queue && !stops->taken)
		return 0;
	/* The first jobs of a canary go on. */
	if (stop->batch && !(stops->parked & (stop->command_id < 0 ? 2 : 1)))
		return 0;
	out = sentence(stops->explain, word_of(stop));
	at = out->len;
	waits_say_stop(out, stop);
	if (out->data[at] >= 'a' && out->data[at] <= 'z')
		out->data[at] = (char)(out->data[at] - 'a' + 'A');
	buf_putc(out, '.');
	if (!stop->kind)
		put_until(stops->explain, stop->ends);
	stops->n++;
	return 0;
}

static int say_stops(struct explain *explain, struct stops *stops,
	const struct pace *pace, struct error *err)
{
	stops->explain = explain;
	if (pace->alive == ALIVE_NO) {
		buf_printf(sentence(explain, "not running"),
			"The daemon is not running: %s until it is started.",
			stops->taken ? "nothing is sent" : "the row waits in the queue");
		stops->n++;
	}
	return reader_stops(explain->ctl->reader, on_stop, stops, err);
}

/* ---- the job's own time ---- */

struct last {
	struct buf text;    /* owned: the last answer, as a clause */
	struct buf sent_at; /* owned */
	struct buf trace;   /* owned: of the last attempt of unknown effect */
	bool by_daemon;     /* it was the daemon that cancelled it */
};

static void last_cleanup(struct last *last)
{
	buf_deinit(&last->text);
	buf_deinit(&last->sent_at);
	buf_deinit(&last->trace);
}

static int on_event(void *userdata, const struct reader_event *event, struct error *err)
{
	struct last *last = userdata;
	const char *word = event->event ? event->event : "";

	(void)err;
	if (!strcmp(word, "sent")) {
		buf_clear(&last->sent_at);
		buf_puts(&last->sent_at, event->at ? event->at : "");
	} else if (event->attempt != READER_NONE) {
		buf_clear(&last->text);
		story_event(&last->text, event, NULL);
	}
	if (!strcmp(word, "cancelled"))
		last->by_daemon =
			event->command_id < 0 && event->command_id != READER_NONE;
	if (event->trace_id && event->effect && !strcmp(event->effect, "unknown")) {
		buf_clear(&last->trace);
		buf_puts(&last->trace, event->trace_id);
	}
	return 0;
}

static int load_last(struct explain *explain, struct last *last, struct error *err)
{
	const struct reader_selector selector = {.jobs = &explain->job_id, .n_jobs = 1};
	const struct reader_events events = {
		.selector = &selector, .fn = on_event, .userdata = last};

	return reader_events(explain->ctl->reader, &events, err);
}

static int say_due(
	struct explain *explain, const struct reader_job *job, struct error *err)
{
	AUTO(last) struct last last = {0};
	struct buf *out;

	if (job->attempts == 0) {
		out = sentence(explain, "scheduled");
		buf_puts(out, "It is scheduled: not before ");
		say_time(out, job->due_at);
		buf_putc(out, '.');
	} else {
		if (load_last(explain, &last, err) < 0)
			return -1;
		out = sentence(explain, "retry");
		buf_printf(out, "Attempt %" PRId64 " comes at ", job->attempts + 1);
		say_time(out, job->due_at);
		if (last.text.len)
			buf_printf(out, ", because %s", buf_str(&last.text));
		buf_putc(out, '.');
	}
	put_until(explain, job->due_at);
	return 0;
}

/* ---- what goes before it ---- */

static void say_rate(struct buf *out, const struct pace *pace, bool urgent)
{
	char budget[ETA_TEXT_LEN], window[32];

	eta_count(urgent ? pace->urgent_budget : pace->budget, budget);
	parse_format_duration(pace->window_ms, window);
	buf_printf(out, "%s request%s in %s", budget, strcmp(budget, "1") ? "s" : "",
		window);
}

static void say_behind(struct explain *explain, const struct pace *pace, bool urgent)
{
	struct eta eta = pace_eta(pace, explain->ahead + 1, urgent);
	bool many = explain->ahead >= AHEAD_MAX;
	char count[ETA_TEXT_LEN], span[ETA_TEXT_LEN];
	struct buf *out = sentence(explain, "behind");

	explain->expected_ms = eta_ms(&eta);
	eta_count(explain->ahead, count);
	eta_span(explain->expected_ms, span);
	buf_printf(out, "It waits behind %s%s job%s of higher rank; at ",
		many ? "more than " : "", count, explain->ahead == 1 ? "" : "s");
	say_rate(out, pace, urgent);
	buf_printf(out, " its turn comes in %s %s.", many ? "more than" : "about", span);
}

static void say_next(struct explain *explain, const struct pace *pace, bool urgent)
{
	int64_t opens_ms = urgent ? pace->urgent_opens_ms : pace->opens_ms;
	char span[ETA_TEXT_LEN], until[CLOCK_TEXT_LEN];
	struct buf *out;

	explain->expected_ms = opens_ms;
	if (opens_ms <= 0) {
		buf_puts(sentence(explain, "next"),
			"It is the next one: it is sent as soon as a request may leave.");
		return;
	}
	out = sentence(explain, "rate window");
	eta_span(opens_ms, span);
	buf_puts(out, "It is the next one, and the rate window (");
	say_rate(out, pace, urgent);
	buf_printf(out, ") is used up: it lets it go in about %s.", span);
	clock_format(now_ms() + opens_ms, until);
	put_until(explain, until);
}

/* Nothing but Clerk's wish for quiet and the window can keep it. */
static int say_turn(struct explain *explain, const struct reader_job *job,
	const struct pace *pace, struct error *err)
{
	bool urgent = job->priority >= JOB_PRIORITY_URGENT;
	char now[CLOCK_TEXT_LEN];
	int64_t ahead;

	if (pace->quiet_until_ms > now_ms()) {
		struct buf *out = sentence(explain, "quiet");

		clock_format(pace->quiet_until_ms, now);
		buf_puts(out,
			"Clerk asked for quiet (Retry-After): nothing is sent before ");
		say_time(out, now);
		buf_putc(out, '.');
		put_until(explain, now);
	}
	clock_format(now_ms(), now);
	if (reader_ahead(explain->ctl->reader, job, now, AHEAD_MAX, &ahead, err) < 0)
		return -1;
	explain->ahead = ahead;
	if (ahead)
		say_behind(explain, pace, urgent);
	else if (!explain->why)
		say_next(explain, pace, urgent);
	return 0;
}

static void say_lapse(struct explain *explain, const struct reader_job *job)
{
	if (!job->not_after)
		return;
	buf_puts(sentence(explain, NULL), "Where it is not sent by ");
	say_time(&explain->text, job->not_after);
	buf_puts(&explain->text, ", it lapses.");
}

int explain_queued(
	struct explain *explain, const struct reader_job *job, struct error *err)
{
	AUTO(pace) struct pace pace = {0};
	struct stops stops = {.action = job->action,
		.batch = job->batch,
		.parked = job->parked,
		.taken = true};
	int64_t due = 0;
	int rc;

	pace_read(explain->ctl, &pace);
	rc = say_stops(explain, &stops, &pace, err);
	if (rc == 0 && job->due_at && clock_parse(job->due_at, &due) && due > now_ms())
		rc = say_due(explain, job, err);
	else if (rc == 0 && stops.n == 0)
		rc = say_turn(explain, job, &pace, err);
	say_lapse(explain, job);
	return rc;
}

/* ---- running, not taken, over ---- */

int explain_running(
	struct explain *explain, const struct reader_job *job, struct error *err)
{
	AUTO(last) struct last last = {0};
	struct buf *out;

	if (load_last(explain, &last, err) < 0)
		return -1;
	if (alive_check(explain->ctl->config->state_directory, NULL) != ALIVE_NO) {
		out = sentence(explain, "running");
		buf_printf(out, "Attempt %" PRId64 " is under way since ", job->attempts);
		say_time(out, buf_str(&last.sent_at));
		buf_puts(out, ": its answer is waited for.");
		return 0;
	}
	out = sentence(explain, "not running");
	buf_printf(out, "Attempt %" PRId64 " was sent at ", job->attempts);
	say_time(out, buf_str(&last.sent_at));
	buf_puts(out,
		", and the daemon ended before it heard the answer. Once it is started, "
		"it "
		"looks for the answer in tokens.db; where there is none, the effect is "
		"unknown and the job is tried again.");
	return 0;
}

int explain_waiting(
	struct explain *explain, const struct reader_waiting *job, struct error *err)
{
	AUTO(pace) struct pace pace = {0};
	struct stops stops = {.action = job->action, .batch = job->batch};
	struct reader_progress progress;

	explain->state = xstrdup("not taken");
	pace_read(explain->ctl, &pace);
	if (reader_progress(explain->ctl->reader, &progress, err) < 0 ||
		say_stops(explain, &stops, &pace, err) < 0)
		return -1;
	if (job->id <= progress.queue_job)
		buf_printf(sentence(explain, "passed"),
			"The daemon had read past its id when the row was committed: it "
			"will be rejected when the queue is swept; submit it again.");
	else if (stops.n == 0)
		buf_printf(sentence(explain, "queue"),
			"It waits in the queue, submitted at %s UTC, and is taken within "
			"a "
			"second or so, where many wait a thousand at a time.",
			job->submitted_at ? job->submitted_at : "?");
	return 0;
}

int explain_over(struct explain *explain, const struct reader_job *job, struct error *err)
{
	AUTO(last) struct last last = {0};
	AUTO(buf) struct buf unknown = BUF_NULL;

	if (load_last(explain, &last, err) < 0)
		return -1;
	story_end(sentence(explain, "over"), job, last.by_daemon);
	story_unknown(&unknown, job, last.trace.len ? buf_str(&last.trace) : NULL);
	if (unknown.len)
		buf_puts(sentence(explain, NULL), buf_str(&unknown));
	return 0;
}
