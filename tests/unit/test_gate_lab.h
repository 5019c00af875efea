/* A gate by hand: answers by their status, jobs by number. */
#pragma once

#include "engine/gate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* What came back: a status, or one of these. */
enum {
	LOST = 1,
	NOT_SENT,
	MAINTENANCE, /* 503 maintenance_mode */
	UNUSABLE     /* 200, and not a token */
};

static const struct gate_config lab_config = {
	.requests = 1000,
	.window_ms = 10000,
	.share = 0.5,
	.urgent_share = 0.9,
	.concurrency = 16,
	.initial_delay_ms = 1000,
	.max_delay_ms = 300000,
};

/* The verdict on that status for a revoke. */
static inline struct verdict lab_verdict(int what)
{
	const struct job job = {
		.action = JOB_REVOKE, .sign_in_token_id = (char *)"sit_1"};
	struct answer answer = ANSWER_NULL;

	answer.http_status = what;
	if (what == LOST || what == NOT_SENT) {
		answer.kind = what == LOST ? ANSWER_LOST : ANSWER_NOT_SENT;
		answer.http_status = 0;
	} else if (what == MAINTENANCE) {
		answer.http_status = 503;
		answer.error_code = (char *)"maintenance_mode";
		answer.code_is_clerks = true;
	} else if (what == UNUSABLE) {
		answer.http_status = 200;
	} else if (what == 200) {
		answer.has_token = true;
		answer.token.id = (char *)"sit_1";
		answer.token.status = TOKEN_REVOKED;
	}
	return verdict_judge(&job, &answer, true, false);
}

struct lab_answer {
	int what;
	int64_t received_ms, sent_ms;
	int64_t job_id;
	bool was_probe;
	int64_t retry_after_ms; /* 0 = none */
	uint32_t random;
};

static inline struct gate_news lab_answered(struct gate *gate, struct lab_answer answer)
{
	struct verdict verdict = lab_verdict(answer.what);

	return gate_answered(gate, answer.received_ms, answer.sent_ms, answer.job_id,
		answer.was_probe, answer.what != NOT_SENT, &verdict,
		answer.retry_after_ms ? answer.retry_after_ms : -1, answer.random);
}

/* That came for a request sent before with gate_sent(). */
static inline struct gate_news lab_came(
	struct gate *gate, int what, int64_t received_ms, int64_t sent_ms, int64_t job_id)
{
	return lab_answered(gate, (struct lab_answer){.what = what,
					  .received_ms = received_ms,
					  .sent_ms = sent_ms,
					  .job_id = job_id});
}

static inline struct gate_news lab_probe_came(
	struct gate *gate, int what, int64_t received_ms, int64_t sent_ms, int64_t job_id)
{
	return lab_answered(gate, (struct lab_answer){.what = what,
					  .received_ms = received_ms,
					  .sent_ms = sent_ms,
					  .job_id = job_id,
					  .was_probe = true});
}

/* One is sent, and that comes. */
static inline struct gate_news lab_trip(
	struct gate *gate, int what, int64_t received_ms, int64_t sent_ms, int64_t job_id)
{
	gate_sent(gate, sent_ms, 1, false);
	return lab_came(gate, what, received_ms, sent_ms, job_id);
}

static inline struct gate_news lab_probe_trip(
	struct gate *gate, int what, int64_t received_ms, int64_t sent_ms, int64_t job_id)
{
	gate_sent(gate, sent_ms, 1, true);
	return lab_probe_came(gate, what, received_ms, sent_ms, job_id);
}

static inline void assert_nothing_new(const struct gate_news *news)
{
	assert_int_equal(news->held, HOLD__MAX);
	assert_int_equal(news->released, 0);
	assert_false(news->share_cut);
	assert_false(news->retry_after_set);
	assert_false(news->keeps_hold);
}

/* Closed for all, for that reason and until then. */
static inline void assert_closed(
	struct gate *gate, int64_t now_ms, enum gate_reason reason, int64_t until_ms)
{
	struct gate_ruling ruling = gate_ask(gate, now_ms, 0);

	assert_int_equal(ruling.reason, reason);
	assert_int_equal(ruling.until_ms, until_ms);
	assert_int_equal(ruling.n_urgent, 0);
	assert_int_equal(ruling.n_normal, 0);
	assert_false(ruling.probe);
}

static inline void assert_open(struct gate *gate, int64_t now_ms)
{
	struct gate_ruling ruling = gate_ask(gate, now_ms, 0);

	assert_int_equal(ruling.reason, GATE_OPEN);
	assert_int_equal(ruling.hold, HOLD__MAX);
	assert_true(ruling.n_urgent > 0);
}

static inline void assert_probe(struct gate *gate, int64_t now_ms, enum hold_kind hold)
{
	struct gate_ruling ruling = gate_ask(gate, now_ms, 0);

	assert_int_equal(ruling.reason, GATE_PROBING);
	assert_int_equal(ruling.hold, hold);
	assert_true(ruling.probe);
	assert_int_equal(ruling.n_urgent, 1);
	assert_int_equal(ruling.n_normal, 1);
	assert_int_equal(ruling.until_ms, now_ms);
}
