/* lockdown: the steps, in their order. */
#include "base/clock.h"
#include "ctl/alive.h"
#include "ctl/care.h"
#include "ctl/cmd.h"
#include "ctl/lockdown.h"
#include "ctl/named.h"
#include "ctl/orders.h"
#include "ctl/scope.h"
#include "ctl/submit.h"
#include "ctl/wait.h"
#include "ctl/who.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define PRIORITY 100 /* before every other revoke, at the urgent share */

static void lockdown_cleanup(struct lockdown *lockdown)
{
	free(lockdown->reason);
	free(lockdown->resume);
	free(lockdown->since);
	free(lockdown->held);
	ids_deinit(&lockdown->revokes);
}

/* ---- commands ---- */

struct taken {
	struct lockdown *lockdown;
	const struct ids *ids;
	size_t at;        /* those before it are done with */
	int64_t affected; /* by those */
	char *refused;    /* owned: what one of them was refused for */
};

static int check_taken(void *userdata, struct error *err)
{
	struct taken *taken = userdata;
	struct reader *reader = taken->lockdown->ctl->reader;

	for (; taken->at < taken->ids->n; taken->at++) {
		AUTO(reader_command) struct reader_command command = {0};
		int rc =
			reader_command(reader, taken->ids->ids[taken->at], &command, err);

		if (rc < 0)
			return -1;
		if (rc == 0 && !strcmp(command.state, "running") && command.affected)
			lockdown_progress(taken->lockdown, "%s: %" PRId64 " jobs so far",
				command.verb, command.affected);
		if (rc == READER_E_NONE || !strcmp(command.state, "running"))
			return 0;
		taken->affected += command.affected;
		if (!strcmp(command.state, "refused") && !taken->refused)
			taken->refused = xstrdup(command.message);
	}
	return 1;
}

/* Submits commands and waits until they are carried out. A refusal ends it where there is
 * one command; of several each was about a job that ended by itself meanwhile. */
static int order(
	struct lockdown *lockdown, const struct orders *orders, int64_t *ret_affected)
{
	AUTO(ids) struct ids ids = IDS_NULL;
	struct taken taken = {.lockdown = lockdown, .ids = &ids};
	int status = orders_submit(lockdown->ctl, orders, &ids);

	if (status == CTL_OK)
		status =
			lockdown_wait(lockdown, check_taken, &taken, "the daemon's word");
	if (status == CTL_OK && taken.refused && !orders->n_jobs)
		status = ctl_fail(CTL_NO, "refused: %s", taken.refused);
	free(taken.refused);
	*ret_affected = taken.affected;
	return status;
}

/* ---- creates ---- */

static int count(struct ctl *ctl, const char *state, int64_t *ret_n)
{
	struct error err = ERROR_NULL;

	if (reader_tally(ctl->reader, "create", state, ret_n, &err) < 0)
		return ctl_fail(CTL_NO, "%s", err.text);
	return CTL_OK;
}

static int on_waiting(void *userdata, int64_t id, struct error *err)
{
	int64_t *n = userdata;

	(void)id;
	(void)err;
	++*n;
	return 0;
}

/* How many creates wait: queued, or not taken yet. */
static int count_waiting(struct ctl *ctl, int64_t *ret_n)
{
	const struct reader_selector creates = {.action = "create"};
	struct reader_progress progress;
	struct error err = ERROR_NULL;
	int rc;

	if (count(ctl, "queued", ret_n))
		return CTL_NO;
	rc = reader_progress(ctl->reader, &progress, &err);
	if (rc == 0)
		rc = reader_queue_ids(ctl->queue, &creates, progress.queue_job,
			on_waiting, ret_n, &err);
	return ctl_say_outcome(ctl, "queue.db", rc, &err);
}

static int pause_creates(struct lockdown *lockdown)
{
	const struct orders pause = {
		.verb = "pause", .action = "create", .reason = lockdown->reason};
	const struct orders resume = {
		.verb = "resume", .action = "revoke", .reason = lockdown->reason};
	int64_t ignored;
	int status = CTL_OK;

	if (!lockdown->since) {
		status = order(lockdown, &pause, &ignored);
		if (status == CTL_OK)
			status = lockdown_look(lockdown);
		if (status == CTL_OK && !lockdown->since)
			status =
				ctl_fail(CTL_NO, "creates were resumed by somebody else");
	}
	if (status == CTL_OK)
		ctl_say("creates are paused since %s", lockdown->since);
	if (status == CTL_OK && lockdown->revokes_stopped) {
		status = order(lockdown, &resume, &ignored);
		if (status == CTL_OK)
			ctl_say("revokes were paused: they are resumed");
	}
	return status;
}

/* Cancels what waits: everything up to the queue's highest id, taken or not. */
static int cancel_creates(struct lockdown *lockdown)
{
	const struct orders cancel = {
		.verb = "cancel", .action = "create", .reason = lockdown->reason};
	int64_t n;
	int status = count_waiting(lockdown->ctl, &n);

	if (status || n == 0)
		return status;
	status = order(lockdown, &cancel, &n);
	if (status == CTL_OK)
		ctl_say("%" PRId64 " create%s cancelled", n, n == 1 ? "" : "s");
	return status;
}

struct running {
	struct lockdown *lockdown;
	const struct ids *ids; /* the creates under way when creates were paused */
	struct ids queued;     /* of them, those that would be tried again */
};

static int check_running(void *userdata, struct error *err)
{
	struct running *running = userdata;
	size_t n = 0;

	running->queued.n = 0;
	for (size_t i = 0; i < running->ids->n; i++) {
		AUTO(reader_job) struct reader_job job = {0};
		int rc = reader_job(
			running->lockdown->ctl->reader, running->ids->ids[i], &job, err);

		if (rc < 0)
			return -1;
		n += rc == 0 && !strcmp(job.state, "running");
		if (rc == 0 && !strcmp(job.state, "queued"))
			ids_add(&running->queued, job.id);
	}
	if (n)
		lockdown_progress(running->lockdown, "%zu create%s under way", n,
			n == 1 ? "" : "s");
	return n == 0;
}

/* Waits for the creates under way. Those that did not succeed are queued again: they are
 * cancelled too. Paused as creates are, no others begin. */
static int end_creates(struct lockdown *lockdown)
{
	const struct reader_selector selector = {.action = "create", .state = "running"};
	AUTO(ids) struct ids ids = IDS_NULL;
	struct running running = {.lockdown = lockdown, .ids = &ids};
	struct orders cancel = {.verb = "cancel", .reason = lockdown->reason};
	int64_t ignored;
	int status = ids_select(lockdown->ctl, &selector, &ids);

	if (status == CTL_OK && ids.n)
		status = lockdown_wait(
			lockdown, check_running, &running, "the creates under way");
	if (status == CTL_OK && running.queued.n) {
		cancel.jobs = running.queued.ids;
		cancel.n_jobs = running.queued.n;
		status = order(lockdown, &cancel, &ignored);
	}
	ids_deinit(&running.queued);
	return status;
}

/* ---- revokes ---- */

static char *batch_name(void)
{
	char at[CLOCK_TEXT_LEN];

	clock_format_s(clock_now().wall_ms, at);
	return xasprintf("lockdown-%.4s%.2s%.2sT%.2s%.2s%.2sZ", at, at + 5, at + 8,
		at + 11, at + 14, at + 17);
}

static int submit(struct lockdown *lockdown, struct rows *rows)
{
	AUTO(free_ptr) char *batch = batch_name();
	AUTO(free_ptr) char *who = who_am_i();
	/* policy.required may want a reference of each job. */
	struct row defaults = {.batch = batch,
		.priority = PRIORITY,
		.reference = (char *)(uintptr_t) "lockdown",
		.requested_by = who,
		.reason = lockdown->reason};
	int status;

	for (size_t i = 0; i < rows->n; i++)
		rows_fill(&rows->rows[i], &defaults);
	status = submit_rows(lockdown->ctl, rows, NULL);
	if (status)
		return status;
	for (size_t i = 0; i < rows->n; i++)
		ids_add(&lockdown->revokes, rows->rows[i].job_id);
	ctl_say("revoking %zu token%s, as batch %s", rows->n, rows->n == 1 ? "" : "s",
		batch);
	return CTL_OK;
}

static int is_final(
	struct lockdown *lockdown, int64_t id, bool *ret_final, struct error *err)
{
	AUTO(reader_job) struct reader_job job = {0};
	int rc = reader_job(lockdown->ctl->reader, id, &job, err);

	*ret_final = rc == 0 && job.finished_at;
	return rc < 0 ? -1 : 0;
}

/* Those that are final leave the list's front. */
static int check_revokes(void *userdata, struct error *err)
{
	struct lockdown *lockdown = userdata;
	struct ids *ids = &lockdown->revokes;
	size_t left = 0;

	for (size_t i = 0; i < ids->n; i++) {
		int64_t id = ids->ids[i];
		bool final;

		if (is_final(lockdown, id, &final, err) < 0)
			return -1;
		if (!final)
			ids->ids[left++] = id;
	}
	ids->n = left;
	if (left)
		lockdown_progress(
			lockdown, "%zu revoke%s to go", left, left == 1 ? "" : "s");
	return left == 0;
}

/* Revokes what may be live, as far as it is not on its way already, and waits. */
static int revoke_all(struct lockdown *lockdown)
{
	AUTO(scope) struct scope scope = SCOPE_NULL;
	int status = scope_find_live(lockdown->ctl, &scope);

	for (size_t i = 0; status == CTL_OK && i < scope.underway.n; i++)
		ids_add(&lockdown->revokes, scope.underway.ids[i]);
	if (status == CTL_OK && scope.underway.n)
		ctl_say("%zu token%s being revoked already", scope.underway.n,
			scope.underway.n == 1 ? " is" : "s are");
	if (status == CTL_OK && scope.revokes.n)
		status = submit(lockdown, &scope.revokes);
	if (status == CTL_OK)
		status = lockdown_wait(lockdown, check_revokes, lockdown, "the revokes");
	return status;
}

/* ---- all ---- */

static int prepare(struct lockdown *lockdown)
{
	struct ctl *ctl = lockdown->ctl;
	const char *reason = args_get(ctl->args, OPT_REASON);
	int64_t timeout;
	int status = wait_timeout(ctl, OPT_WAIT_TIMEOUT, 0, &timeout);

	if (status)
		return status;
	if (!reason || !*reason)
		return ctl_fail(CTL_USAGE,
			"lockdown wants --reason TEXT: it is what the audit will say");
	lockdown->reason = xasprintf(LOCKDOWN_MARK "%s", reason);
	lockdown->resume = named_for(ctl, "clerk-tokenctl resume --action create");
	lockdown->until_ms = timeout ? clock_now().mono_ms + timeout : INT64_MAX;
	status = ctl_open_audit(ctl);
	if (status == CTL_OK)
		status = ctl_open_queue(ctl);
	if (status == CTL_OK)
		status = lockdown_look(lockdown);
	return status;
}

/* Says what is about to be done, with counts, and finds out whether it may be. */
static int ask(struct lockdown *lockdown, bool *ret_go)
{
	struct ctl *ctl = lockdown->ctl;
	AUTO(scope) struct scope scope = SCOPE_NULL;
	AUTO(free_ptr) char *what = NULL;
	AUTO(free_ptr) char *start = NULL;
	struct care care = {.noun = "revoke", .urgent = true, .by_yes = true};
	int64_t waiting = 0, running = 0;
	int status = scope_find_live(ctl, &scope);

	if (status == CTL_OK)
		status = count_waiting(ctl, &waiting);
	if (status == CTL_OK)
		status = count(ctl, "running", &running);
	if (status)
		return status;
	what = xasprintf("lockdown: %s, cancel the %" PRId64
			 " that wait, wait for the %" PRId64
			 " that run, revoke %zu token%s that may be live and wait for "
			 "%zu more",
		lockdown->since ? "keep creates paused" : "pause creates", waiting,
		running, scope.revokes.n, scope.revokes.n == 1 ? "" : "s",
		scope.underway.n);
	care.what = what;
	care.n = care.n_requests = (int64_t)scope.revokes.n;
	if (lockdown->since)
		ctl_say("going on with the lockdown of %s", lockdown->since);
	start = named_for(ctl, "systemctl start clerk-tokend");
	if (alive_check(ctl->config->state_directory, NULL) == ALIVE_NO)
		ctl_say("the daemon is not running: nothing happens before it is "
			"started (%s)",
			start);
	return care_ask(ctl, &care, ret_go);
}

/* Creates that were asked for meanwhile wait for the end of the lockdown. */
static void say_new_creates(struct lockdown *lockdown)
{
	int64_t n;

	if (count_waiting(lockdown->ctl, &n) == CTL_OK && n)
		ctl_say("%" PRId64 " create%s asked for meanwhile: sent once creates are "
			"resumed, unless you cancel them",
			n, n == 1 ? " was" : "s were");
}

int cmd_lockdown(struct ctl *ctl)
{
	AUTO(lockdown) struct lockdown lockdown = {.ctl = ctl};
	bool go = false;
	int printed, status = prepare(&lockdown);

	if (status == CTL_OK)
		status = ask(&lockdown, &go);
	if (status || !go)
		return status;
	status = pause_creates(&lockdown);
	if (status == CTL_OK)
		status = cancel_creates(&lockdown);
	if (status == CTL_OK)
		status = end_creates(&lockdown);
	if (status == CTL_OK)
		status = revoke_all(&lockdown);
	if (status)
		ctl_say("the lockdown is not finished: run it again, it goes on where it "
			"was");
	if (!lockdown.since)
		return status;
	printed = lockdown_print(&lockdown);
	say_new_creates(&lockdown);
	return status ? status : printed;
}
