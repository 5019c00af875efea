/*
 * A used audit: writes creates that were sent and answered into the databases of a state
 * folder, through the store and with its chain and roll-ups, spread evenly over the days
 * before today. Three rows of the audit a job.
 *
 * fill STATE_DIRECTORY JOBS DAYS
 */
#include "base/mem.h"
#include "model/answer.h"
#include "store/ledger.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TURN   500
#define DAY_MS INT64_C(86400000)

static void check(int rc, const struct error *err)
{
	if (rc == 0)
		return;
	(void)fprintf(stderr, "fill: %s\n", err->text);
	exit(1);
}

static struct job make_job(int64_t id)
{
	return (struct job){.id = id,
		.action = JOB_CREATE,
		.user_id = xasprintf("user_%" PRId64, id % 50000),
		.requested_by = xstrdup("fill"),
		.submitted_at = xstrdup("2026-01-02 03:04:05"),
		.age_from_ms = -1};
}

/* Ids as Clerk's: they grow with time, which is what indexes over them feel. */
static struct answer make_answer(const struct job *job, struct now now)
{
	struct answer answer = {.kind = ANSWER_REPLY,
		.http_status = 200,
		.has_token = true,
		.trace_id = xasprintf("%032" PRIx64, (uint64_t)job->id * 7919),
		.retry_after_ms = -1,
		.duration_ms = 20 + job->id % 300,
		.received = now};

	answer.token.id = xasprintf("sit_%09" PRId64 "%018" PRId64, now.wall_ms / 1000,
		job->id * 104729 % INT64_C(1000000000000000000));
	answer.token.status = TOKEN_PENDING;
	answer.token.user_id = xstrdup(job->user_id);
	answer.token.created_at_ms = answer.token.updated_at_ms = now.wall_ms;
	return answer;
}

static void accept(struct ledger *ledger, int64_t id)
{
	struct error err = ERROR_NULL;
	AUTO(job) struct job job = make_job(id);
	AUTO(free_ptr)
	char *row = xasprintf("{\"id\":%" PRId64 ",\"action\":\"create\",\"user_id\":"
			      "\"%s\",\"requested_by\":\"%s\",\"submitted_at\":\"%s\"}",
		id, job.user_id, job.requested_by, job.submitted_at);

	check(ledger_accept(ledger, &job, row, &err), &err);
	ledger_progress(ledger)->cursor.job = id;
}

static void send_and_answer(struct ledger *ledger, int64_t id, struct now now)
{
	const struct ledger_outcome outcome = {.event = EVENT_ANSWERED,
		.effect = EFFECT_APPLIED,
		.state = JOB_SUCCEEDED,
		.result = JOB_RESULT_CREATED,
		.token_valid = true};
	struct error err = ERROR_NULL;
	AUTO(job) struct job job = JOB_NULL;
	AUTO(answer) struct answer answer = ANSWER_NULL;

	check(ledger_get_job(ledger, id, &job, &err), &err);
	check(ledger_sent(ledger, &job, &err), &err);
	answer = make_answer(&job, now);
	job.tries = 1;
	check(ledger_answered(ledger, &job, &answer, &outcome, &err), &err);
}

int main(int argc, char **argv)
{
	struct ledger_options options = {0};
	struct ledger *ledger = NULL;
	struct error err = ERROR_NULL;
	int64_t jobs, days, end = clock_now().wall_ms;

	if (argc != 4 || (jobs = atoll(argv[2])) < 1 || (days = atoll(argv[3])) < 1) {
		(void)fputs("usage: fill STATE_DIRECTORY JOBS DAYS\n", stderr);
		return 64;
	}
	options.state_directory = argv[1];
	check(ledger_open(&options, &ledger, &err), &err);
	for (int64_t id = 1; id <= jobs; id += TURN) {
		struct now now = {.mono_ms = id,
			.wall_ms = end - (int64_t)((double)days * DAY_MS *
						   (double)(jobs - id) / (double)jobs)};

		check(ledger_begin(ledger, now, &err), &err);
		for (int64_t i = id; i < id + TURN && i <= jobs; i++)
			accept(ledger, i);
		for (int64_t i = id; i < id + TURN && i <= jobs; i++)
			send_and_answer(ledger, i, now);
		check(ledger_commit(ledger, &err), &err);
		check(ledger_tidy(ledger, false, &err), &err);
	}
	ledger_free(ledger);
	return 0;
}
