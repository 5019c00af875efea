#include "daemon/status.h"

#include "base/mem.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static json_t *time_json(int64_t wall_ms)
{
	char text[CLOCK_TEXT_LEN];

	if (wall_ms == 0 || wall_ms == INT64_MAX)
		return json_null();
	clock_format(wall_ms, text);
	return json_string(text);
}

static const char *reason_word(enum gate_reason reason)
{
	static const char *const words[] = {
		[GATE_OPEN] = "open",
		[GATE_HELD] = "held",
		[GATE_PROBING] = "probing",
		[GATE_PAUSED] = "paused",
		[GATE_RETRY_AFTER] = "retry_after",
		[GATE_RATE] = "rate",
		[GATE_CONCURRENCY] = "concurrency",
	};

	return words[reason];
}

const char *status_db_path(int db)
{
	static const char *const paths[] = {
		[STATUS_DB_QUEUE] = "queue/queue.db",
		[STATUS_DB_AUDIT] = "audit/audit.db",
		[STATUS_DB_TOKENS] = "tokens/tokens.db",
	};

	return paths[db];
}

const char *status_db_file(int db)
{
	return strchr(status_db_path(db), '/') + 1;
}

const char *status_action(int action)
{
	return action == JOB_ACTION__MAX ? "unreadable"
					 : job_action_name((enum job_action)action);
}

void status_bound(int bucket, char ret_text[STATUS_BOUND_LEN])
{
	if (bucket == COUNTERS_BUCKETS)
		(void)snprintf(ret_text, STATUS_BOUND_LEN, "+Inf");
	else
		(void)snprintf(ret_text, STATUS_BOUND_LEN, "%g",
			(double)counters_bounds_ms[bucket] / 1000);
}

double status_used_ratio(const struct status *status)
{
	return (double)status->engine->window_used / (double)status->requests_per_window;
}

double status_lag_s(const struct status *status)
{
	int64_t since = status->engine->unread_since_ms;

	return since ? (double)(status->now.mono_ms - since) / 1000 : 0;
}

const char *status_state(const struct engine_status *engine)
{
	bool all_paused = true;

	for (int kind = 0; kind < HOLD__MAX; kind++)
		if (engine->held[kind])
			return "held";
	for (int action = 0; action < JOB_ACTION__MAX; action++)
		all_paused = all_paused && engine->paused[action];
	return all_paused ? "paused" : "working";
}

/* A monotonic time as one of the wall clock; 0 and INT64_MAX = none. */
static json_t *until_json(const struct status *status, int64_t mono_ms)
{
	if (mono_ms == 0 || mono_ms == INT64_MAX)
		return json_null();
	return time_json(status->now.wall_ms + mono_ms - status->now.mono_ms);
}

static json_t *gate_json(const struct status *status)
{
	const struct gate_ruling *ruling = &status->engine->ruling;
	int64_t until = ruling->reason == GATE_OPEN ? 0 : ruling->until_ms;
	/* The window may be closed for those that are not urgent alone. */
	int64_t normal = ruling->normal_until_ms > status->now.mono_ms
				 ? ruling->normal_until_ms
				 : 0;

	return json_pack("{s:b, s:s, s:o, s:o, s:s}", "open", ruling->reason == GATE_OPEN,
		"reason", reason_word(ruling->reason), "until", until_json(status, until),
		"normal_until", until_json(status, normal), "text", status->engine->text);
}

static json_t *held_json(const struct engine_status *engine)
{
	json_t *list = json_array();

	for (int kind = 0; kind < HOLD__MAX; kind++)
		if (engine->held[kind])
			(void)json_array_append_new(
				list, json_pack("{s:s, s:o, s:s, s:s}", "kind",
					      hold_name((enum hold_kind)kind), "since",
					      time_json(engine->held_since_ms[kind]),
					      "reason", engine->held_reason[kind], "ends",
					      engine->held_ends[kind]));
	return list;
}

static json_t *paused_json(const struct engine_status *engine)
{
	json_t *list = json_array();

	for (int action = 0; action < JOB_ACTION__MAX; action++)
		if (engine->paused[action])
			(void)json_array_append_new(list,
				json_string(job_action_name((enum job_action)action)));
	return list;
}

static json_t *jobs_json(const struct engine_status *engine)
{
	json_t *jobs = json_object();

	for (int action = 0; action <= JOB_ACTION__MAX; action++) {
		json_t *states = json_object();

		for (int state = 0; state < JOB_STATE__MAX; state++)
			(void)json_object_set_new(states,
				job_state_name((enum job_state)state),
				json_integer(engine->tally[action][state]));
		(void)json_object_set_new(jobs, status_action(action), states);
	}
	return jobs;
}

static json_t *rate_json(const struct status *status)
{
	const struct engine_status *engine = status->engine;

	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:f}", "requests",
		(json_int_t)status->requests_per_window, "window_ms",
		(json_int_t)status->config->rate_window_ms, "budget",
		(json_int_t)engine->budget, "urgent_budget",
		(json_int_t)engine->urgent_budget, "used",
		(json_int_t)engine->window_used, "used_ratio", status_used_ratio(status));
}

static json_t *attempts_json(const struct counters *counters)
{
	json_t *attempts = json_object();

	for (int action = 0; action < JOB_ACTION__MAX; action++) {
		json_t *outcomes = json_object();

		for (int effect = 0; effect < EFFECT__MAX; effect++)
			(void)json_object_set_new(outcomes,
				effect_name((enum effect)effect),
				json_integer(counters->attempts[action][effect]));
		(void)json_object_set_new(attempts, status_action(action), outcomes);
	}
	return attempts;
}

static json_t *responses_json(const struct counters *counters)
{
	json_t *responses = json_object();
	char word[8];

	for (int code = 0; code < COUNTERS_CODES; code++) {
		if (!counters->responses[code])
			continue;
		(void)snprintf(word, sizeof(word), "%03d", code);
		(void)json_object_set_new(
			responses, word, json_integer(counters->responses[code]));
	}
	return responses;
}

/* Buckets hold what is at or below their bound, as in metrics.prom. */
static json_t *durations_json(const struct counters *counters)
{
	json_t *buckets = json_object();
	char bound[STATUS_BOUND_LEN];
	int64_t n = 0;

	for (int i = 0; i <= COUNTERS_BUCKETS; i++) {
		n += counters->durations[i];
		status_bound(i, bound);
		(void)json_object_set_new(buckets, bound, json_integer(n));
	}
	return json_pack("{s:o, s:f, s:I}", "buckets", buckets, "sum_s",
		(double)counters->duration_ms / 1000, "count", (json_int_t)n);
}

/* What metrics.prom has besides. */
static json_t *figures_json(const struct status *status)
{
	const struct counters *counters = status->engine->counters;
	json_t *files = json_object();

	for (int i = 0; i < STATUS_DB__MAX; i++)
		(void)json_object_set_new(
			files, status_db_file(i), json_integer(status->db_bytes[i]));
	return json_pack("{s:o, s:I, s:o, s:o, s:o}", "attempts", attempts_json(counters),
		"unknown_attempts", (json_int_t)counters_unknown(counters),
		"http_responses", responses_json(counters), "request_duration",
		durations_json(counters), "database_bytes", files);
}

char *status_json(const struct status *status)
{
	const struct engine_status *engine = status->engine;
	json_t *root =
		json_pack("{s:s, s:i, s:s, s:o, s:o, s:o, s:o, s:o, s:i, s:o, s:o}",
			"version", PROJECT_VERSION, "pid", (int)getpid(), "state",
			status->state, "started_at", time_json(status->started_ms),
			"updated_at", time_json(status->now.wall_ms), "gate",
			gate_json(status), "held", held_json(engine), "paused",
			paused_json(engine), "batches_paused", engine->n_batches_paused,
			"jobs", jobs_json(engine), "rate", rate_json(status));
	char *text;

	if (!root)
		return xstrdup("{}\n");
	(void)json_object_update_new(root,
		json_pack(
			"{s:i, s:i, s:{s:f}, s:{s:I, s:s, s:I}, s:{s:I}, s:o, s:o, s:s, "
			"s:s, s:s?}",
			"concurrency", engine->concurrency, "in_flight",
			engine->in_flight, "queue", "lag_s", status_lag_s(status),
			"audit", "seq", (json_int_t)status->audit_seq, "hash",
			status->audit_hash, "wal_bytes",
			(json_int_t)status->wal_audit_bytes, "tokens", "wal_bytes",
			(json_int_t)status->wal_tokens_bytes, "last_success_at",
			time_json(engine->last_success_ms), "next_due_at",
			time_json(engine->next_due_ms), "key_kind", status->key_kind,
			"api_url", status->config->clerk_api_url, "reload_fault",
			status->reload_fault));
	(void)json_object_set_new(root, "instance",
		status->instance ? json_string(status->instance) : json_null());
	(void)json_object_update_new(root, figures_json(status));
	text = json_dumps(root, JSON_INDENT(1));
	json_decref(root);
	if (!text)
		return xstrdup("{}\n");
	return text;
}
