#include "ctl/append.h"

#include "base/clock.h"
#include "ctl/eta.h"

#include <stdlib.h>
#include <string.h>

#define OVER_MS   3600000
#define SHOWN_MAX 20

/* A batch that is added to. */
struct target {
	const char *name; /* borrowed */
	int64_t jobs;
	char *finished_at; /* owned; NULL: it is not over */
};

struct targets {
	struct target *targets; /* owned */
	size_t n;
};

static void targets_cleanup(struct targets *targets)
{
	for (size_t i = 0; i < targets->n; i++)
		free(targets->targets[i].finished_at);
	free(targets->targets);
}

static int by_name(const void *a, const void *b)
{
	const struct target *x = a, *y = b;

	return strcmp(x->name, y->name);
}

/* Each batch once, sorted. */
static void gather(const struct rows *rows, struct targets *targets)
{
	size_t kept = 0;

	targets->targets = xcalloc(rows->n, sizeof(*targets->targets));
	for (size_t i = 0; i < rows->n; i++)
		if (rows->rows[i].batch && !rows->rows[i].repeated)
			targets->targets[targets->n++].name = rows->rows[i].batch;
	if (targets->n)
		qsort(targets->targets, targets->n, sizeof(*targets->targets), by_name);
	for (size_t i = 0; i < targets->n; i++)
		if (i == 0 || by_name(&targets->targets[i], &targets->targets[kept - 1]))
			targets->targets[kept++] = targets->targets[i];
	targets->n = kept;
}

/* Sets finished_at where the audit says that the batch is over since long. */
static int look(
	struct ctl *ctl, struct target *target, const char *limit, struct error *err)
{
	AUTO(free_ptr) char *first = NULL;
	AUTO(free_ptr) char *last = NULL;
	struct reader_batch_state state;

	if (reader_batch_state(ctl->reader, target->name, &state, err) < 0)
		return -1;
	target->jobs = state.jobs;
	if (!state.jobs || state.n[JOB_QUEUED] || state.n[JOB_RUNNING])
		return 0;
	if (reader_batch_times(ctl->reader, target->name, &first, &last, err) < 0)
		return -1;
	if (last && strcmp(last, limit) < 0)
		target->finished_at = TAKE_PTR(last);
	return 0;
}

/* A batch that has rows waiting in the queue is not over. */
static int on_waiting(
	void *userdata, const char *name, int64_t n, const char *since, struct error *err)
{
	struct targets *targets = userdata;
	const struct target key = {.name = name};
	struct target *target =
		bsearch(&key, targets->targets, targets->n, sizeof(key), by_name);

	(void)n;
	(void)since;
	(void)err;
	if (target) {
		free(target->finished_at);
		target->finished_at = NULL;
	}
	return 0;
}

/* How many of the targets are over. 0, READER_E_BUSY or < 0. */
static int judge(
	struct ctl *ctl, struct targets *targets, size_t *ret_n_over, struct error *err)
{
	struct reader_progress progress;
	char limit[CLOCK_TEXT_LEN];
	size_t n = 0;
	int rc;

	*ret_n_over = 0;
	clock_format(clock_now().wall_ms - OVER_MS, limit);
	for (size_t i = 0; i < targets->n; i++) {
		if (look(ctl, &targets->targets[i], limit, err) < 0)
			return -1;
		n += targets->targets[i].finished_at != NULL;
	}
	if (n == 0)
		return 0;
	if (reader_progress(ctl->reader, &progress, err) < 0)
		return -1;
	rc = reader_queue_batches(ctl->queue, &progress, NULL, on_waiting, targets, err);
	if (rc)
		return rc;
	for (size_t i = 0; i < targets->n; i++)
		*ret_n_over += targets->targets[i].finished_at != NULL;
	return 0;
}

int append_check(struct ctl *ctl, const struct rows *rows)
{
	AUTO(targets) struct targets targets = {0};
	struct error err = ERROR_NULL;
	size_t n_over, shown = 0;
	int rc;

	if (args_has(ctl->args, OPT_APPEND_BATCH))
		return CTL_OK;
	gather(rows, &targets);
	/* Whoever may not read the audit cannot be told. */
	if (targets.n)
		ctl_try_audit(ctl);
	if (!targets.n || !ctl->reader)
		return CTL_OK;
	rc = judge(ctl, &targets, &n_over, &err);
	if (rc)
		return ctl_say_outcome(ctl, "queue.db", rc, &err);
	for (size_t i = 0; i < targets.n && shown < SHOWN_MAX; i++) {
		const struct target *target = &targets.targets[i];
		char jobs[ETA_TEXT_LEN];

		if (!target->finished_at)
			continue;
		eta_count(target->jobs, jobs);
		ctl_say("batch %s finished at %s UTC, with %s job%s", target->name,
			target->finished_at, jobs, target->jobs == 1 ? "" : "s");
		shown++;
	}
	if (n_over > shown)
		ctl_say("… and %zu more", n_over - shown);
	if (n_over)
		return ctl_fail(CTL_NO,
			"take another name, or say --append to add to it; nothing was "
			"submitted");
	return CTL_OK;
}
