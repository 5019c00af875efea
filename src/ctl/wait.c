#include "ctl/wait.h"

#include "base/clock.h"
#include "ctl/alive.h"
#include "ctl/lists.h"
#include "ctl/waits.h"
#include "ctl/when.h"
#include "model/job.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <time.h>
#include <unistd.h>

#define SLOW_POLL_MS     1000
#define QUICK_POLL_MS    20
#define QUICK_LOOKS      10
#define GONE_PATIENCE_MS 10000 /* so long a daemon may take to come back */

struct state {
	int inotify; /* owned; -1 = none, the slow poll does it */
	int64_t began_ms;
	int64_t last_seen_ms; /* when the daemon was last seen running; 0 = never */
	int quick;            /* so many more looks come soon */
	bool said_stops;
};

static int64_t mono_ms(void)
{
	return clock_now().mono_ms;
}

static void begin(const struct ctl *ctl, struct state *state)
{
	AUTO(free_ptr)
	char *folder = xasprintf("%s/audit", ctl->config->state_directory);

	*state = (struct state){.inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK),
		.began_ms = mono_ms(),
		/* Of a write just before the watch nothing tells. */
		.quick = QUICK_LOOKS};
	if (state->inotify >= 0)
		(void)inotify_add_watch(state->inotify, folder,
			IN_MODIFY | IN_CREATE | IN_MOVED_TO | IN_ONLYDIR);
}

static bool drain(const struct state *state)
{
	char events[4096];
	bool any = false;

	while (state->inotify >= 0 && read(state->inotify, events, sizeof(events)) > 0)
		any = true;
	return any;
}

/* Sleeps until the daemon may have committed, at least pause_ms and at most until_ms.
 * What inotify tells of is the write; the commit is to be seen a sync later. */
static void doze(struct state *state, int64_t pause_ms, int64_t until_ms)
{
	struct pollfd pollfd = {.fd = state->inotify, .events = POLLIN};
	struct timespec pause = {
		.tv_sec = pause_ms / 1000, .tv_nsec = (pause_ms % 1000) * 1000000};
	int64_t most = state->quick > 0 ? QUICK_POLL_MS : SLOW_POLL_MS;
	int64_t left = until_ms - mono_ms();

	if (left > most)
		left = most;
	if (left > 0)
		(void)poll(&pollfd, state->inotify >= 0 ? 1 : 0, (int)left);
	/* A busy daemon commits hundreds of times a second; looking has its price too. */
	(void)nanosleep(&pause, NULL);
	if (drain(state))
		state->quick = QUICK_LOOKS;
	else if (state->quick > 0)
		state->quick--;
}

/* Whether it makes sense to go on waiting; says why where not. */
static bool daemon_is_there(struct ctl *ctl, struct state *state, const char *what)
{
	int64_t now = mono_ms();

	if (alive_check(ctl->config->state_directory, NULL) != ALIVE_NO) {
		state->last_seen_ms = now;
		return true;
	}
	if (state->last_seen_ms && now - state->last_seen_ms < GONE_PATIENCE_MS)
		return true;
	ctl_say("the daemon is not running: %s must wait until it is started", what);
	return false;
}

static void say_stops_once(struct ctl *ctl, struct state *state, const struct wait *wait)
{
	if (wait->concerns && !state->said_stops)
		state->said_stops = waits_say_stops(ctl, wait->concerns, wait->userdata);
}

/* Whether it goes on, not done yet: CTL_OK, or an exit status, said why. */
static int go_on(
	struct ctl *ctl, struct state *state, const struct wait *wait, int64_t until_ms)
{
	if (reader_has_moved(ctl->reader))
		return ctl_fail(CTL_NO,
			"audit.db was replaced or removed meanwhile: %s can be waited "
			"for "
			"in the new one alone; start the command again",
			wait->what);
	if (mono_ms() >= until_ms) {
		say_stops_once(ctl, state, wait);
		return ctl_fail(CTL_TEMPORARY, "timed out waiting for %s", wait->what);
	}
	if (!wait->quiet && !daemon_is_there(ctl, state, wait->what))
		return CTL_TEMPORARY;
	return CTL_OK;
}

int wait_for(struct ctl *ctl, const struct wait *wait)
{
	struct state state;
	int rc = 0, status = ctl_open_audit(ctl);

	if (status)
		return status;
	begin(ctl, &state);
	while (rc == 0) {
		struct error err = ERROR_NULL;
		int64_t before = mono_ms(), until = INT64_MAX, pause;

		rc = wait->check(wait->userdata, &err);
		pause = (mono_ms() - before) * 4;
		if (wait->timeout_ms)
			until = state.began_ms + wait->timeout_ms;
		if (rc < 0)
			status = ctl_fail(CTL_NO, "%s", err.text);
		else if (rc == 0)
			status = go_on(ctl, &state, wait, until);
		if (rc || status)
			break;
		say_stops_once(ctl, &state, wait);
		doze(&state, pause < QUICK_POLL_MS ? QUICK_POLL_MS : pause, until);
	}
	if (state.inotify >= 0)
		(void)close(state.inotify);
	return status;
}

/* Jobs that are waited for; those that are final leave the list. */
struct jobs {
	struct reader *reader;
	int64_t *left; /* owned */
	size_t n_left;
	bool all_succeeded;
};

static int is_final(struct jobs *jobs, int64_t id, bool *ret_final, struct error *err)
{
	AUTO(reader_job) struct reader_job job = {0};
	int rc = reader_job(jobs->reader, id, &job, err);
	int state;

	*ret_final = false;
	if (rc < 0)
		return -1;
	if (rc == READER_E_NONE)
		return 0;
	state = job_state_parse(job.state);
	*ret_final = state >= 0 && job_is_final((enum job_state)state);
	if (*ret_final && state != JOB_SUCCEEDED)
		jobs->all_succeeded = false;
	return 0;
}

static int check_jobs(void *userdata, struct error *err)
{
	struct jobs *jobs = userdata;
	size_t kept = 0;

	for (size_t i = 0; i < jobs->n_left; i++) {
		bool final;

		if (is_final(jobs, jobs->left[i], &final, err) < 0)
			return -1;
		if (!final)
			jobs->left[kept++] = jobs->left[i];
	}
	jobs->n_left = kept;
	return kept == 0;
}

#define LOOKED_AT 1000 /* so many of the jobs; a batch has them in a row */

/* Whether one of those that are left would be taken or sent but for the stop. */
static bool concerns_jobs(void *userdata, const struct reader_stop *stop)
{
	struct jobs *jobs = userdata;

	for (size_t i = 0; i < jobs->n_left && i < LOOKED_AT; i++) {
		AUTO(reader_job) struct reader_job job = {0};
		struct error ignored = ERROR_NULL;
		int rc = reader_job(jobs->reader, jobs->left[i], &job, &ignored);

		if ((rc == READER_E_NONE && waits_keeps_out(stop)) ||
			(rc == 0 && waits_concerns(stop, job.action, job.batch)))
			return true;
	}
	return false;
}

int wait_jobs(struct ctl *ctl, const int64_t *ids, size_t n, int64_t timeout_ms)
{
	AUTO(free_ptr) int64_t *left = xcalloc(n, sizeof(*left));
	struct jobs jobs = {.left = left, .n_left = n, .all_succeeded = true};
	struct wait wait = {.check = check_jobs,
		.userdata = &jobs,
		.concerns = concerns_jobs,
		.timeout_ms = timeout_ms,
		.what = n == 1 ? "the job" : "the jobs"};
	int status = ctl_open_audit(ctl);

	if (status)
		return status;
	memcpy(left, ids, n * sizeof(*left));
	jobs.reader = ctl->reader;
	status = wait_for(ctl, &wait);
	if (status == CTL_TEMPORARY && jobs.n_left && n > 1)
		ctl_say("%zu of %zu jobs are not final yet", jobs.n_left, n);
	if (status == CTL_OK && !jobs.all_succeeded)
		status = CTL_NO;
	return status;
}

int wait_print(struct ctl *ctl, const int64_t *ids, size_t n)
{
	struct error err = ERROR_NULL;
	int status = ctl_open_audit(ctl);

	if (status)
		return status;
	out_list_begin(&ctl->out, &list_results);
	for (size_t i = 0; i < n && !out_broken(&ctl->out); i++) {
		AUTO(reader_job) struct reader_job job = {0};
		int rc = reader_job(ctl->reader, ids[i], &job, &err);

		if (rc < 0)
			return ctl_fail(CTL_NO, "%s", err.text);
		if (rc == 0)
			out_row(&ctl->out, &job);
	}
	out_list_end(&ctl->out);
	if (ctl->out.n_printed)
		ctl_end_list(ctl, "jobs", false);
	else
		ctl_say("not taken from the queue yet; what was submitted stays there");
	return CTL_OK;
}

int wait_timeout(
	const struct ctl *ctl, enum opt opt, int64_t fallback_ms, int64_t *ret_ms)
{
	const char *text = args_get(ctl->args, opt);
	struct error err = ERROR_NULL;

	*ret_ms = fallback_ms;
	if (text && when_parse_duration("--timeout", text, ret_ms, &err) < 0)
		return ctl_fail(CTL_USAGE, "%s", err.text);
	return CTL_OK;
}
