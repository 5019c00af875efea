#include "model/job.h"

#include "base/mem.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static const char *const actions[] = {
#define JOB_ACTION(name, word) [JOB_##name] = word,
#include "model/job.def"
};

static const char *const states[] = {
#define JOB_STATE(name, word) [JOB_##name] = word,
#include "model/job.def"
};

static const struct {
	const char *word;
	const char *meaning;
} results[] = {
#define JOB_RESULT(name, word, meaning) [JOB_RESULT_##name] = {word, meaning},
#include "model/job.def"
};

#define TO(state) (1u << JOB_##state)

/* The picture in job.h as a table: bit t of row f = the move f → t exists. */
static const unsigned moves[JOB_STATE__MAX] = {
	[JOB_QUEUED] = TO(RUNNING) | TO(CANCELLED) | TO(LAPSED),
	[JOB_RUNNING] = TO(QUEUED) | TO(SUCCEEDED) | TO(FAILED),
	[JOB_FAILED] = TO(QUEUED),
	[JOB_CANCELLED] = TO(QUEUED),
};

void job_deinit(struct job *job)
{
	free(job->user_id);
	free(job->org_id);
	free(job->sign_in_token_id);
	free(job->batch);
	free(job->idempotency_key);
	free(job->reference);
	free(job->requested_by);
	free(job->reason);
	free(job->submitted_at);
	*job = (struct job)JOB_NULL;
}

const char *job_action_name(enum job_action action)
{
	assert(action < JOB_ACTION__MAX);
	return actions[action];
}

const char *job_state_name(enum job_state state)
{
	assert(state < JOB_STATE__MAX);
	return states[state];
}

const char *job_result_name(enum job_result result)
{
	assert(result < JOB_RESULT__MAX);
	return results[result].word;
}

const char *job_result_meaning(enum job_result result)
{
	assert(result < JOB_RESULT__MAX);
	return results[result].meaning;
}

int job_action_parse(const char *word)
{
	for (int i = 0; i < JOB_ACTION__MAX; i++)
		if (!strcmp(actions[i], word))
			return i;
	return -1;
}

int job_state_parse(const char *word)
{
	for (int i = 0; i < JOB_STATE__MAX; i++)
		if (!strcmp(states[i], word))
			return i;
	return -1;
}

int job_result_parse(const char *word)
{
	for (int i = 0; i < JOB_RESULT__MAX; i++)
		if (!strcmp(results[i].word, word))
			return i;
	return -1;
}

bool job_may_move(enum job_state from, enum job_state to)
{
	assert(from < JOB_STATE__MAX && to < JOB_STATE__MAX);
	return moves[from] >> to & 1;
}

bool job_is_final(enum job_state state)
{
	return state != JOB_QUEUED && state != JOB_RUNNING;
}

int job_default_priority(enum job_action action, bool in_batch)
{
	if (action == JOB_REVOKE)
		return 10;
	return in_batch ? -10 : 0;
}
