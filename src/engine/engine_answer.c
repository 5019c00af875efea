/*
 * Answers. Each is judged once; what the judgement changed in memory (gate, counters of
 * the job) stays, so a turn that could not be committed only has to write the record
 * again.
 */
#include "base/fit.h"
#include "base/mem.h"
#include "engine/engine_internal.h"
#include "model/backoff.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct flight *engine_launch(struct engine *engine, struct job *job, bool probe)
{
	int i = 0;
	struct flight *flight;

	while (engine->flights[i].used)
		i++;
	assert(i < engine->n_flights);
	flight = &engine->flights[i];
	*flight = (struct flight){
		.ticket = (uint64_t)++engine->generation << 32 | (uint64_t)i,
		.job = *job,
		.sent_ms = engine->now.mono_ms,
		.used = true,
		.probe = probe,
		.answer = ANSWER_NULL,
	};
	*job = (struct job)JOB_NULL;
	engine->in_flight++;
	return flight;
}

void engine_answer(struct engine *engine, uint64_t ticket, struct answer *answer)
{
	uint64_t i = ticket & 0xffffffff;
	struct flight *flight;

	assert(i < (uint64_t)engine->n_flights);
	flight = &engine->flights[i];
	assert(flight->used && !flight->over && flight->ticket == ticket);
	answer_move(answer, &flight->answer);
	flight->over = true;
	flight->next = NULL;
	*engine->answered_last = flight;
	engine->answered_last = &flight->next;
	engine->in_flight--;
}

const struct job *engine_job(const struct engine *engine, uint64_t ticket)
{
	return &engine->flights[ticket & 0xffffffff].job;
}

static int64_t age_ms(const struct engine *engine, const struct job *job)
{
	const struct ledger_progress *progress = ledger_progress(engine->ledger);

	return progress->clock_ms[job->action] - job->age_from_ms;
}

/* When the job is tried again. What a hold or Retry-After adds is the gate's. */
static int64_t due_ms(struct engine *engine, const struct flight *flight)
{
	const struct config *config = engine->options.config;
	uint32_t random = engine->options.world.random(engine->options.world.userdata);

	if (flight->verdict.fate == VERDICT_AGAIN_FREE)
		return engine->now.wall_ms;
	return engine->now.wall_ms + backoff_delay_ms(flight->job.tries,
					     config->retry_initial_delay_ms,
					     config->retry_max_delay_ms, random);
}

/* Counts the attempt in the job and applies the limits. */
static void count(struct engine *engine, struct flight *flight, bool keeps_hold)
{
	const struct config *config = engine->options.config;
	struct job *job = &flight->job;
	struct verdict *verdict = &flight->verdict;
	const struct verdict_limits limits = {
		.max_attempts = (int)config->retry_max_attempts,
		.max_unknown_attempts = (int)config->retry_max_unknown_attempts,
		.max_age_ms = config->retry_max_age_ms,
	};
	bool unknown = verdict->effect == EFFECT_UNKNOWN;
	/* A limit of 1 is never again, whatever is held. */
	bool never =
		unknown && job->action == JOB_CREATE && limits.max_unknown_attempts == 1;

	job->unknown_attempts += unknown;
	if (verdict->fate == VERDICT_AGAIN && keeps_hold && !never)
		verdict->fate = VERDICT_AGAIN_FREE;
	if (verdict->fate == VERDICT_AGAIN_FREE)
		return;
	job->tries++;
	job->unknown_tries += unknown && job->action == JOB_CREATE;
	if (verdict->fate == VERDICT_AGAIN)
		verdict_limit(verdict, job, age_ms(engine, job), &limits);
}

static void decide(struct engine *engine, struct flight *flight, enum event event)
{
	const struct verdict *verdict = &flight->verdict;
	struct ledger_outcome *outcome = &flight->outcome;

	*outcome = (struct ledger_outcome){
		.event = event,
		.effect = verdict->effect,
		.result = verdict->result,
		.token_valid = verdict->token_valid,
		.reason = verdict->reason,
	};
	switch (verdict->fate) { /* uncovered: there is no fate but these */
	case VERDICT_SUCCEEDED:
		outcome->state = JOB_SUCCEEDED;
		break;
	case VERDICT_FAILED:
		outcome->state = JOB_FAILED;
		break;
	case VERDICT_AGAIN:
	case VERDICT_AGAIN_FREE:
		outcome->state = JOB_QUEUED;
		outcome->due_ms = due_ms(engine, flight);
		outcome->uncounted = verdict->fate == VERDICT_AGAIN_FREE;
		break;
	}
}

/* What the answer does to sending as a whole, with the words for it. */
static void hear_news(
	struct engine *engine, const struct flight *flight, const struct gate_news *news)
{
	const struct answer *answer = &flight->answer;
	char reason[400], ends[300] = "a probe each minute that Clerk answers";

	for (int kind = 0; kind < HOLD__MAX; kind++)
		if (news->released >> kind & 1)
			engine_release(
				engine, (enum hold_kind)kind, "Clerk answers again");
	if (news->share_cut)
		engine_say(engine, LOG_LEVEL_WARNING, NULL, NULL,
			"429 that our own requests do not explain: somebody else uses "
			"this "
			"key; down to %" PRId64 " requests a window",
			gate_budget(&engine->gate, false));
	if (news->held == HOLD__MAX)
		return;
	if (answer->http_status)
		(void)fit_printf(reason, sizeof(reason), "HTTP %d%s%s%s%s%s%s",
			answer->http_status, answer->error_code ? " " : "",
			answer->error_code ? answer->error_code : "",
			answer->location ? " pointing to " : "",
			answer->location ? answer->location : "",
			answer->trace_id ? ", trace " : "",
			answer->trace_id ? answer->trace_id : "");
	else
		(void)fit_printf(reason, sizeof(reason), "%s%s%s",
			answer->error_code ? answer->error_code : "no answer",
			answer->error_message ? ": " : "",
			answer->error_message ? answer->error_message : "");
	if (news->held == HOLD_CREDENTIALS)
		(void)fit_printf(ends, sizeof(ends), "%s", engine->options.key_hint);
	else if (news->held == HOLD_OUTAGE)
		(void)fit_printf(ends, sizeof(ends),
			"a probe that Clerk answers; the first after 5 s, then up to 60 "
			"s apart");
	engine_hold(engine, news->held, reason, ends);
}

static int judge(struct engine *engine, struct flight *flight, struct error *err)
{
	const struct answer *answer = &flight->answer;
	bool known = false;
	struct gate_news news;

	if (answer->has_token && flight->job.action == JOB_CREATE &&
		ledger_knows_token(engine->ledger, answer->token.id, &known, err) < 0)
		return -1;
	flight->verdict = verdict_judge(
		&flight->job, answer, !known, flight->job.unknown_attempts > 0);
	news = gate_answered(&engine->gate, answer->received.mono_ms, flight->sent_ms,
		flight->job.id, flight->probe, answer->kind != ANSWER_NOT_SENT,
		&flight->verdict, answer->retry_after_ms,
		engine->options.world.random(engine->options.world.userdata));
	hear_news(engine, flight, &news);
	count(engine, flight, news.keeps_hold);
	decide(engine, flight,
		flight->verdict.answered ? EVENT_ANSWERED : EVENT_UNANSWERED);
	flight->judged = true;
	engine->changes++;
	return 0;
}

/* The tables refuse the answer, which was a good one: it is recorded as one that cannot
 * be used, and its attempt, counted already, is counted as that. */
static void judge_refused(struct engine *engine, struct flight *flight)
{
	flight->job.tries--;
	flight->verdict = (struct verdict){.effect = EFFECT_UNKNOWN,
		.fate = VERDICT_AGAIN,
		.hold = HOLD__MAX,
		.reason = "the answer contradicts what the audit knows"};
	count(engine, flight, false);
	decide(engine, flight, EVENT_UNANSWERED);
}

static int record(struct engine *engine, struct flight *flight, struct error *err)
{
	int rc;

	if (!flight->judged && judge(engine, flight, err) < 0)
		return -1;
	rc = ledger_answered(
		engine->ledger, &flight->job, &flight->answer, &flight->outcome, err);
	if (rc != LEDGER_E_REFUSED)
		return rc;
	engine_say(engine, LOG_LEVEL_ERROR, &flight->job, &flight->answer,
		"the answer cannot be recorded as it is: %s", err->text);
	judge_refused(engine, flight);
	return ledger_answered(
		engine->ledger, &flight->job, &flight->answer, &flight->outcome, err);
}

int engine_record_answers(struct engine *engine, struct error *err)
{
	for (struct flight *f = engine->answered_first; f; f = f->next) {
		int rc = record(engine, f, err);

		if (rc < 0)
			return -1;
		if (rc == 0 && f->outcome.state == JOB_FAILED &&
			engine_batch_fail(engine, &f->job, err) < 0)
			return -1;
		if (rc == LEDGER_E_MOVED)
			return error_set(err,
				"job %" PRId64
				" is not running with attempt %d any more: "
				"somebody else writes audit.db",
				f->job.id, f->job.attempts);
	}
	return 0;
}

/* ---- what is said of it ---- */

static void say_succeeded(struct engine *engine, const struct flight *flight)
{
	const struct job *job = &flight->job;
	const struct answer *answer = &flight->answer;

	if (job->action == JOB_CREATE)
		engine_say(engine, LOG_LEVEL_INFO, job, answer,
			"created %s for %s, attempt %d, %" PRId64 " ms", answer->token.id,
			job->user_id, job->attempts, answer->duration_ms);
	else
		engine_say(engine, LOG_LEVEL_INFO, job, answer,
			"%s %s, attempt %d, %" PRId64 " ms",
			job_result_name(flight->outcome.result), job->sign_in_token_id,
			job->attempts, answer->duration_ms);
}

static void say(struct engine *engine, const struct flight *flight)
{
	const struct answer *answer = &flight->answer;
	const char *code = answer->error_code ? answer->error_code : "";
	const char *message = flight->outcome.reason  ? flight->outcome.reason
			      : answer->error_message ? answer->error_message
						      : "";
	/* A create of unknown outcome is looked up at Clerk: where the audit is lost, by
	 * this line. */
	bool odd = answer->http_status / 100 == 2 ||
		   (flight->outcome.effect == EFFECT_UNKNOWN &&
			   flight->job.action == JOB_CREATE);

	if (flight->outcome.state == JOB_SUCCEEDED) {
		say_succeeded(engine, flight);
		return;
	}
	engine_say(engine,
		flight->outcome.state == JOB_FAILED || odd ? LOG_LEVEL_WARNING
							   : LOG_LEVEL_DEBUG,
		&flight->job, answer, "%s, attempt %d: %s%s HTTP %d %s%s%s, trace %s",
		flight->outcome.state == JOB_FAILED ? "failed" : "again later",
		flight->job.attempts,
		flight->outcome.state == JOB_FAILED
			? job_result_name(flight->outcome.result)
			: "effect ",
		flight->outcome.state == JOB_FAILED ? ","
						    : effect_name(flight->outcome.effect),
		answer->http_status, code, *message ? ": " : "", message,
		answer->trace_id ? answer->trace_id : "none");
}

void engine_count(struct engine *engine, const struct flight *flight)
{
	const struct counters_attempt attempt = {.action = flight->job.action,
		.effect = flight->outcome.effect,
		.http_status = flight->answer.http_status,
		.duration_ms = flight->outcome.event == EVENT_INTERRUPTED
				       ? -1
				       : flight->answer.duration_ms};

	counters_add(&engine->counters, &attempt);
}

void engine_answers_recorded(struct engine *engine)
{
	struct flight *next;

	for (struct flight *f = engine->answered_first; f; f = next) {
		next = f->next;
		say(engine, f);
		engine_count(engine, f);
		if (f->outcome.state == JOB_SUCCEEDED)
			engine->last_success_ms = engine->now.wall_ms;
		engine->failed_this_run += f->outcome.state == JOB_FAILED;
		job_deinit(&f->job);
		answer_deinit(&f->answer);
		f->used = false;
	}
	engine->answered_first = NULL;
	engine->answered_last = &engine->answered_first;
}
