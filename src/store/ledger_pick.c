/* Which job is next, and when. */
#include "base/mem.h"
#include "store/ledger_internal.h"

#include <stdlib.h>
#include <string.h>

/* How many due jobs a probe is chosen from, and how many that must not be sent now are
 * passed over before the pick gives up for this turn. */
#define LOOK_AT_MOST 1000

/* The highest priority below `below` that the action has queued jobs of, in
 * *ret_priority. 0 or SQL_ROW, or < 0. */
static int next_priority(struct ledger *ledger, int action, int below, int *ret_priority,
	struct error *err)
{
	AUTO(sql_reset) sqlite3_stmt *stmt = ledger_stmt(ledger, AQ_job_next_priority);
	int rc;

	sql_bind(stmt, "ti", job_action_name(action), (int64_t)below);
	rc = sql_step(stmt, err);
	if (rc == SQL_ROW)
		*ret_priority = sqlite3_column_int(stmt, 0);
	return rc;
}

/* The highest priority below `below` over the wanted actions, and which of them have it.
 */
static int next_level(struct ledger *ledger, unsigned actions, int below,
	int *ret_priority, unsigned *ret_actions, struct error *err)
{
	int found = 0;

	*ret_actions = 0;
	for (int action = 0; action < JOB_ACTION__MAX; action++) {
		int priority, rc;

		if (!(actions >> action & 1))
			continue;
		rc = next_priority(ledger, action, below, &priority, err);
		if (rc < 0)
			return -1;
		if (rc != SQL_ROW || (found && priority < *ret_priority))
			continue;
		if (!found || priority > *ret_priority)
			*ret_actions = 0;
		*ret_priority = priority;
		*ret_actions |= 1u << action;
		found = SQL_ROW;
	}
	return found;
}

/* What the pick has gathered. */
struct basket {
	const struct ledger_pick *pick;
	struct job *jobs;
	int n, max;
	int n_urgent;
};

/* How many more jobs of the priority fit. */
static int room(const struct basket *basket, int priority)
{
	int allowed = priority >= JOB_PRIORITY_URGENT ? basket->pick->n_urgent
						      : basket->pick->n_normal;
	int rest = allowed - basket->n;

	if (rest > basket->max - basket->n)
		rest = basket->max - basket->n;
	return rest < 0 ? 0 : rest;
}

static sqlite3_stmt *bind_due(struct ledger *ledger, const struct ledger_pick *pick,
	int action, int priority, char now[CLOCK_TEXT_LEN])
{
	sqlite3_stmt *stmt = ledger_stmt(ledger, AQ_job_due);

	clock_format(pick->now_ms, now);
	sql_bind(stmt, "titi", job_action_name(action), (int64_t)priority, now,
		(int64_t)LOOK_AT_MOST);
	return stmt;
}

/* Puts the due jobs of one action and priority into the basket. */
static int gather(struct ledger *ledger, struct basket *basket, int action, int priority,
	struct error *err)
{
	char now[CLOCK_TEXT_LEN];
	AUTO(sql_reset)
	sqlite3_stmt *stmt = bind_due(ledger, basket->pick, action, priority, now);
	int rc = 0;

	while (room(basket, priority) && (rc = sql_step(stmt, err)) == SQL_ROW) {
		struct job *job = &basket->jobs[basket->n];

		ledger_read_job(stmt, job);
		if (basket->pick->skip && basket->pick->skip(basket->pick->userdata, job))
			job_deinit(job);
		else
			basket->n++;
	}
	return rc < 0 ? -1 : 0;
}

/* The due job with the fewest attempts of one action and priority replaces the one in the
 * basket where it has fewer. A bounded look: a poisoned job that was tried often does not
 * stay the probe, and that is what this is for. */
static int gather_probe(struct ledger *ledger, struct basket *basket, int action,
	int priority, struct error *err)
{
	char now[CLOCK_TEXT_LEN];
	AUTO(sql_reset)
	sqlite3_stmt *stmt = bind_due(ledger, basket->pick, action, priority, now);
	int rc;

	if (basket->n && basket->jobs[0].attempts == 0)
		return 0;
	while ((rc = sql_step(stmt, err)) == SQL_ROW) {
		AUTO(job) struct job job = JOB_NULL;

		ledger_read_job(stmt, &job);
		if (basket->pick->skip &&
			basket->pick->skip(basket->pick->userdata, &job))
			continue;
		if (basket->n && basket->jobs[0].attempts <= job.attempts)
			continue;
		if (basket->n)
			job_deinit(&basket->jobs[0]);
		basket->jobs[0] = job;
		job = (struct job)JOB_NULL;
		basket->n = 1;
		if (basket->jobs[0].attempts == 0)
			return 0;
	}
	return rc;
}

typedef int (*gather_fn)(struct ledger *ledger, struct basket *basket, int action,
	int priority, struct error *err);

static int by_due(const void *left, const void *right)
{
	const struct job *a = left, *b = right;

	if (a->due_ms != b->due_ms)
		return a->due_ms < b->due_ms ? -1 : 1;
	return a->id < b->id ? -1 : a->id > b->id;
}

/* Both actions have jobs of one priority (somebody set it by hand): gathers as many of
 * each as fit, then keeps those that are due first. */
static int gather_both(
	struct ledger *ledger, struct basket *basket, int priority, struct error *err)
{
	struct basket both = *basket;
	int fit = room(basket, priority), rc = 0;

	both.jobs = xcalloc((size_t)fit * JOB_ACTION__MAX, sizeof(*both.jobs));
	both.max = 0;
	both.n = 0;
	for (int action = 0; rc == 0 && action < JOB_ACTION__MAX; action++) {
		struct ledger_pick as_if = *basket->pick;

		as_if.n_urgent = as_if.n_normal = both.max = both.n + fit;
		both.pick = &as_if;
		rc = gather(ledger, &both, action, priority, err);
	}
	qsort(both.jobs, (size_t)both.n, sizeof(*both.jobs), by_due);
	for (int i = 0; i < both.n; i++) {
		if (i < fit)
			basket->jobs[basket->n++] = both.jobs[i];
		else
			job_deinit(&both.jobs[i]);
	}
	free(both.jobs);
	return rc;
}

typedef int (*gather_fn)(struct ledger *ledger, struct basket *basket, int action,
	int priority, struct error *err);

static int gather_level(struct ledger *ledger, struct basket *basket, unsigned actions,
	int priority, gather_fn fn, struct error *err)
{
	if (actions == (1u << JOB_CREATE | 1u << JOB_REVOKE))
		return gather_both(ledger, basket, priority, err);
	return fn(ledger, basket, actions == 1u << JOB_REVOKE ? JOB_REVOKE : JOB_CREATE,
		priority, err);
}

/* Goes through the levels of priority from the top, as far as there is room. */
static int walk(struct ledger *ledger, struct basket *basket, unsigned actions,
	gather_fn fn, struct error *err)
{
	int priority = JOB_PRIORITY_MAX + 1, rc;
	unsigned level;

	while ((rc = next_level(ledger, actions, priority, &priority, &level, err)) ==
		SQL_ROW) {
		if (!basket->pick->probe && !room(basket, priority))
			return 0;
		if (gather_level(ledger, basket, level, priority, fn, err) < 0)
			return -1;
	}
	return rc;
}

int ledger_pick(struct ledger *ledger, const struct ledger_pick *pick,
	struct job *ret_jobs, int max, int *ret_n, struct error *err)
{
	struct basket basket = {.pick = pick, .jobs = ret_jobs, .max = max};
	const unsigned first = 1u << pick->probe_first;
	int rc;

	if (!pick->probe) {
		rc = walk(ledger, &basket, pick->actions, gather, err);
	} else {
		rc = walk(ledger, &basket, pick->actions & first, gather_probe, err);
		if (rc == 0 && !basket.n)
			rc = walk(ledger, &basket, pick->actions & ~first, gather_probe,
				err);
	}
	if (rc < 0)
		while (basket.n)
			job_deinit(&ret_jobs[--basket.n]);
	*ret_n = basket.n;
	return rc;
}

/* When the next job of one action and priority is due; INT64_MAX = none. */
static int due_of(struct ledger *ledger, int action, int priority, int64_t *ret_ms,
	struct error *err)
{
	AUTO(sql_reset) sqlite3_stmt *stmt = ledger_stmt(ledger, AQ_job_next_due);
	int rc;

	sql_bind(stmt, "ti", job_action_name(action), (int64_t)priority);
	rc = sql_step(stmt, err);
	if (rc < 0)
		return -1;
	*ret_ms = rc == SQL_ROW ? ledger_read_time(stmt, 0) : INT64_MAX;
	return 0;
}

int ledger_next_due(struct ledger *ledger, unsigned actions, int64_t *ret_due_ms,
	int64_t *ret_urgent_ms, struct error *err)
{
	*ret_due_ms = *ret_urgent_ms = INT64_MAX;
	for (int action = 0; action < JOB_ACTION__MAX; action++) {
		int priority = JOB_PRIORITY_MAX + 1, rc;
		int64_t due;

		if (!(actions >> action & 1))
			continue;
		while ((rc = next_priority(ledger, action, priority, &priority, err)) ==
			SQL_ROW) {
			if (due_of(ledger, action, priority, &due, err) < 0)
				return -1;
			if (due < *ret_due_ms)
				*ret_due_ms = due;
			if (priority >= JOB_PRIORITY_URGENT && due < *ret_urgent_ms)
				*ret_urgent_ms = due;
		}
		if (rc < 0)
			return -1;
	}
	return 0;
}

/* Makes at most 1,000 jobs of one action and priority due now. */
static int pull_level(struct ledger *ledger, int action, int priority,
	const struct ledger_waits *waits, int *n, struct error *err)
{
	int64_t ids[LOOK_AT_MOST];
	int n_ids = 0;

	{
		AUTO(sql_reset)
		sqlite3_stmt *stmt = ledger_stmt(ledger, AQ_job_far_due);

		sql_bind(stmt, "titii", job_action_name(action), (int64_t)priority,
			ledger->now_text, waits->initial_ms, waits->longest_ms);
		while (sql_step(stmt, err) == SQL_ROW && n_ids < LOOK_AT_MOST)
			ids[n_ids++] = sqlite3_column_int64(stmt, 0);
	}
	for (int i = 0; i < n_ids; i++) {
		sqlite3_stmt *stmt = ledger_stmt(ledger, AQ_job_set_due);

		sql_bind(stmt, "ti", ledger->now_text, ids[i]);
		if (sql_run(stmt, NULL, err) < 0)
			return -1;
	}
	ledger->wrote = ledger->wrote || n_ids > 0;
	*n += n_ids;
	return 0;
}

int ledger_pull_forward(struct ledger *ledger, const struct ledger_waits *waits,
	int *ret_n, struct error *err)
{
	*ret_n = 0;
	for (int action = 0; action < JOB_ACTION__MAX; action++) {
		int priority = JOB_PRIORITY_MAX + 1, rc;

		while ((rc = next_priority(ledger, action, priority, &priority, err)) ==
			SQL_ROW)
			if (pull_level(ledger, action, priority, waits, ret_n, err) < 0)
				return -1;
		if (rc < 0)
			return -1;
	}
	return 0;
}
