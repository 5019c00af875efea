#include "daemon/metrics.h"

#include "base/buf.h"
#include "base/mem.h"
#include "daemon/status.h"

#include <stdio.h>

/* The text while it is being made. */
struct metrics {
	struct buf text;
	const char *name;     /* of the metric whose samples come now */
	const char *instance; /* a label of every sample; NULL = none */
};

#define LABELS(...) ((const char *const[]){__VA_ARGS__, NULL})
#define PLAIN       ((const char *const[]){NULL})

static void begin(
	struct metrics *metrics, const char *name, const char *type, const char *help)
{
	metrics->name = name;
	buf_printf(&metrics->text,
		"# HELP clerk_tokend_%s %s\n# TYPE clerk_tokend_%s %s\n", name, help,
		name, type);
}

static void put_label(struct buf *out, const char *name, const char *value)
{
	buf_printf(out, "%s=\"", name);
	for (; *value; value++) {
		if (*value == '\n') {
			buf_puts(out, "\\n");
			continue;
		}
		if (*value == '\\' || *value == '"')
			buf_putc(out, '\\');
		buf_putc(out, *value);
	}
	buf_putc(out, '"');
}

/* One line. labels: names and values by turns, ended by NULL. */
static void sample(struct metrics *metrics, const char *suffix,
	const char *const labels[], double value)
{
	struct buf *out = &metrics->text;
	const char *mark = "{";

	buf_printf(out, "clerk_tokend_%s%s", metrics->name, suffix);
	if (metrics->instance) {
		buf_puts(out, mark);
		put_label(out, "tokend", metrics->instance);
		mark = ",";
	}
	for (; *labels; labels += 2) {
		buf_puts(out, mark);
		put_label(out, labels[0], labels[1]);
		mark = ",";
	}
	buf_printf(out, "%s %.15g\n", *mark == ',' ? "}" : "", value);
}

/* A metric of one sample without labels. */
static void one(struct metrics *metrics, const char *name, const char *type,
	const char *help, double value)
{
	begin(metrics, name, type, help);
	sample(metrics, "", PLAIN, value);
}

static void put_jobs(struct metrics *metrics, const struct engine_status *engine)
{
	begin(metrics, "jobs", "gauge",
		"Jobs by action and state; unreadable: rejected rows without an action.");
	for (int action = 0; action <= JOB_ACTION__MAX; action++)
		for (int state = 0; state < JOB_STATE__MAX; state++)
			sample(metrics, "",
				LABELS("action", status_action(action), "state",
					job_state_name((enum job_state)state)),
				(double)engine->tally[action][state]);
}

static void put_attempts(struct metrics *metrics, const struct counters *counters)
{
	begin(metrics, "attempts_total", "counter",
		"Attempts that ended, by what they did at Clerk's: applied, none, "
		"unknown.");
	for (int action = 0; action < JOB_ACTION__MAX; action++)
		for (int effect = 0; effect < EFFECT__MAX; effect++)
			sample(metrics, "",
				LABELS("action", job_action_name((enum job_action)action),
					"outcome", effect_name((enum effect)effect)),
				(double)counters->attempts[action][effect]);
	one(metrics, "unknown_attempts_total", "counter",
		"Attempts that may have acted at Clerk's, nobody knows.",
		(double)counters_unknown(counters));
}

static void put_responses(struct metrics *metrics, const struct counters *counters)
{
	begin(metrics, "http_responses_total", "counter",
		"HTTP responses by status code.");
	/* 200 stands there from the start, so that its first increase shows. */
	for (int code = 0; code < COUNTERS_CODES; code++) {
		char word[8];

		if (!counters->responses[code] && code != 200)
			continue;
		(void)snprintf(word, sizeof(word), "%03d", code);
		sample(metrics, "", LABELS("code", word),
			(double)counters->responses[code]);
	}
}

static void put_durations(struct metrics *metrics, const struct counters *counters)
{
	int64_t n = 0;

	begin(metrics, "request_duration_seconds", "histogram",
		"How long attempts took, from the start of the request to its end.");
	for (int i = 0; i <= COUNTERS_BUCKETS; i++) {
		char bound[STATUS_BOUND_LEN];

		n += counters->durations[i];
		status_bound(i, bound);
		sample(metrics, "_bucket", LABELS("le", bound), (double)n);
	}
	sample(metrics, "_sum", PLAIN, (double)counters->duration_ms / 1000);
	sample(metrics, "_count", PLAIN, (double)n);
}

static void put_gate(struct metrics *metrics, const struct status *status)
{
	const struct engine_status *engine = status->engine;
	bool paused = false;

	one(metrics, "gate_open", "gauge", "1: a request may be sent now.",
		engine->ruling.reason == GATE_OPEN);
	begin(metrics, "held", "gauge",
		"1: sending (queue: taking in) is held for this.");
	for (int kind = 0; kind < HOLD__MAX; kind++)
		sample(metrics, "", LABELS("reason", hold_name((enum hold_kind)kind)),
			engine->held[kind]);
	for (int action = 0; action < JOB_ACTION__MAX; action++)
		paused = paused || engine->paused[action];
	one(metrics, "paused", "gauge",
		"1: an operator paused creates, revokes or both (not: one batch).",
		paused);
	one(metrics, "window_used_ratio", "gauge",
		"Requests in the rate window now, as a part of what Clerk allows.",
		status_used_ratio(status));
	one(metrics, "queue_lag_seconds", "gauge",
		"How long queue.db has had rows that were not taken.",
		status_lag_s(status));
}

static void put_files(struct metrics *metrics, const struct status *status)
{
	begin(metrics, "database_bytes", "gauge",
		"Size of a database, without its side files.");
	for (int i = 0; i < STATUS_DB__MAX; i++)
		sample(metrics, "", LABELS("file", status_db_file(i)),
			(double)status->db_bytes[i]);
	begin(metrics, "wal_bytes", "gauge",
		"What of a database's write-ahead log is not checkpointed.");
	sample(metrics, "", LABELS("file", status_db_file(STATUS_DB_AUDIT)),
		(double)status->wal_audit_bytes);
	sample(metrics, "", LABELS("file", status_db_file(STATUS_DB_TOKENS)),
		(double)status->wal_tokens_bytes);
}

char *metrics_text(const struct status *status)
{
	const struct engine_status *engine = status->engine;
	struct metrics metrics = {.text = BUF_NULL, .instance = status->instance};

	put_jobs(&metrics, engine);
	put_attempts(&metrics, engine->counters);
	put_responses(&metrics, engine->counters);
	put_durations(&metrics, engine->counters);
	put_gate(&metrics, status);
	one(&metrics, "last_success_timestamp_seconds", "gauge",
		"When a job last succeeded; 0: not since the start.",
		(double)engine->last_success_ms / 1000);
	one(&metrics, "audit_seq", "gauge", "The newest row of the audit.",
		(double)status->audit_seq);
	put_files(&metrics, status);
	begin(&metrics, "build_info", "gauge", "Always 1; the version is its label.");
	sample(&metrics, "", LABELS("version", PROJECT_VERSION), 1);
	return metrics.text.data;
}
