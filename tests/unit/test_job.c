#include "base/mem.h"
#include "model/job.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define N(array) (sizeof(array) / sizeof((array)[0]))

/* The words stand in databases and scripts, so they are written down here once more. */
static const char *const actions[] = {"create", "revoke"};
static const char *const states[] = {
	"queued", "running", "succeeded", "failed", "cancelled", "lapsed", "rejected"};
static const char *const results[] = {"", "created", "revoked", "already_revoked",
	"already_used", "not_found", "invalid", "refused", "outcome_unknown", "gave_up",
	"lapsed", "cancelled", "duplicate_idempotency_key", "policy", "too_big"};

/* What must stand in the meaning of each result, and in no other's. */
static const char *const meanings[] = {"not finished", "made the token",
	"this job revoked", "revoked before", "signed in", "no such user",
	"does not hold", "does not allow it", "may exist", "too many attempts",
	"not_after", "operator", "earlier job", "policy", "over the limit"};

static void words(void **state)
{
	(void)state;
	assert_int_equal(JOB_ACTION__MAX, N(actions));
	for (int i = 0; i < JOB_ACTION__MAX; i++) {
		assert_string_equal(job_action_name((enum job_action)i), actions[i]);
		assert_int_equal(job_action_parse(actions[i]), i);
	}
	assert_int_equal(JOB_STATE__MAX, N(states));
	for (int i = 0; i < JOB_STATE__MAX; i++) {
		assert_string_equal(job_state_name((enum job_state)i), states[i]);
		assert_int_equal(job_state_parse(states[i]), i);
	}
	assert_int_equal(JOB_RESULT__MAX, N(results));
	for (int i = 0; i < JOB_RESULT__MAX; i++) {
		assert_string_equal(job_result_name((enum job_result)i), results[i]);
		assert_int_equal(job_result_parse(results[i]), i);
		assert_non_null(
			strstr(job_result_meaning((enum job_result)i), meanings[i]));
	}
}

static void no_such_word(void **state)
{
	static const char *const wrong[] = {
		"Create", "CREATED", "queued ", " running", "delete"};

	(void)state;
	for (size_t i = 0; i < N(wrong); i++) {
		assert_int_equal(job_action_parse(wrong[i]), -1);
		assert_int_equal(job_state_parse(wrong[i]), -1);
		assert_int_equal(job_result_parse(wrong[i]), -1);
	}
	assert_int_equal(job_action_parse(""), -1);
	assert_int_equal(job_state_parse(""), -1);
}

/* Every pair of states. Rows: from; columns: to; in the order of the states above. */
static void moves(void **state)
{
	static const char *const may[] = {
		/* queued */ "-R--CL-",
		/* running */ "Q-SF---",
		/* succeeded */ "-------",
		/* failed */ "Q------",
		/* cancelled */ "Q------",
		/* lapsed */ "-------",
		/* rejected */ "-------",
	};

	(void)state;
	for (int from = 0; from < JOB_STATE__MAX; from++)
		for (int to = 0; to < JOB_STATE__MAX; to++)
			assert_int_equal(
				job_may_move((enum job_state)from, (enum job_state)to),
				may[from][to] != '-');
}

static void finals(void **state)
{
	(void)state;
	assert_false(job_is_final(JOB_QUEUED));
	assert_false(job_is_final(JOB_RUNNING));
	assert_true(job_is_final(JOB_SUCCEEDED));
	assert_true(job_is_final(JOB_FAILED));
	assert_true(job_is_final(JOB_CANCELLED));
	assert_true(job_is_final(JOB_LAPSED));
	assert_true(job_is_final(JOB_REJECTED));
}

static void priorities(void **state)
{
	(void)state;
	assert_int_equal(job_default_priority(JOB_REVOKE, false), 10);
	assert_int_equal(job_default_priority(JOB_REVOKE, true), 10);
	assert_int_equal(job_default_priority(JOB_CREATE, false), 0);
	assert_int_equal(job_default_priority(JOB_CREATE, true), -10);
	assert_true(job_default_priority(JOB_REVOKE, true) >= JOB_PRIORITY_URGENT);
}

static void deinit(void **state)
{
	AUTO(job) struct job unused = JOB_NULL;
	struct job job = JOB_NULL;

	(void)state;
	job.id = 7;
	job.user_id = xstrdup("user_1");
	job.org_id = xstrdup("org_1");
	job.sign_in_token_id = xstrdup("sit_1");
	job.batch = xstrdup("batch");
	job.idempotency_key = xstrdup("key");
	job.reference = xstrdup("reference");
	job.requested_by = xstrdup("root");
	job.reason = xstrdup("reason");
	job.submitted_at = xstrdup("2026-01-01 00:00:00");
	job.age_from_ms = 5;
	for (int i = 0; i < 2; i++) {
		job_deinit(&job);
		assert_int_equal(job.id, 0);
		assert_null(job.user_id);
		assert_null(job.org_id);
		assert_null(job.sign_in_token_id);
		assert_null(job.batch);
		assert_null(job.idempotency_key);
		assert_null(job.reference);
		assert_null(job.requested_by);
		assert_null(job.reason);
		assert_null(job.submitted_at);
		assert_int_equal(job.age_from_ms, -1);
	}
	assert_int_equal(unused.age_from_ms, -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words),
		cmocka_unit_test(no_such_word),
		cmocka_unit_test(moves),
		cmocka_unit_test(finals),
		cmocka_unit_test(priorities),
		cmocka_unit_test(deinit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
