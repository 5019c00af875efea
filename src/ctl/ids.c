#include "ctl/ids.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

void ids_deinit(struct ids *ids)
{
	free(ids->ids);
	*ids = (struct ids)IDS_NULL;
}

void ids_add(struct ids *ids, int64_t id)
{
	if (ids->n == ids->cap) {
		ids->cap = ids->cap ? ids->cap * 2 : 64;
		ids->ids = xrealloc(ids->ids, ids->cap * sizeof(*ids->ids));
	}
	ids->ids[ids->n++] = id;
}

static int ascending(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

void ids_sort(struct ids *ids)
{
	size_t kept = 0;

	if (ids->n == 0)
		return;
	qsort(ids->ids, ids->n, sizeof(*ids->ids), ascending);
	for (size_t i = 0; i < ids->n; i++)
		if (i == 0 || ids->ids[i] != ids->ids[kept - 1])
			ids->ids[kept++] = ids->ids[i];
	ids->n = kept;
}

static int on_job(void *userdata, const struct reader_job *job, struct error *err)
{
	(void)err;
	ids_add(userdata, job->id);
	return 0;
}

int ids_select(struct ctl *ctl, const struct reader_selector *selector, struct ids *ids)
{
	struct error err = ERROR_NULL;
	int status = ctl_open_audit(ctl);

	if (status)
		return status;
	if (reader_jobs(ctl->reader, selector, on_job, ids, &err) < 0)
		return ctl_fail(CTL_NO, "%s", err.text);
	return CTL_OK;
}

struct waiting {
	struct ctl *ctl;
	const struct reader_selector *selector;
	struct ids *ids;
};

static bool is_named(const struct reader_selector *selector, int64_t id)
{
	for (size_t i = 0; i < selector->n_jobs; i++)
		if (selector->jobs[i] == id)
			return true;
	return selector->n_jobs == 0;
}

/* Urgent rows were taken out of turn, so each is looked up. */
static int on_waiting(void *userdata, int64_t id, struct error *err)
{
	struct waiting *waiting = userdata;
	AUTO(reader_job) struct reader_job job = {0};
	int rc;

	if (!is_named(waiting->selector, id))
		return 0;
	rc = reader_job(waiting->ctl->reader, id, &job, err);
	if (rc == READER_E_NONE)
		ids_add(waiting->ids, id);
	return rc < 0 ? -1 : 0;
}

/* Whether rows that wait can be among those selected: what waits is queued, without a
 * result, and the audit does not know it. */
static int can_wait(struct ctl *ctl, const struct reader_selector *selector,
	bool *ret_any, struct error *err)
{
	*ret_any = (!selector->state || !strcmp(selector->state, "queued")) &&
		   !selector->result;
	if (!*ret_any || selector->n_jobs == 0)
		return 0;
	*ret_any = false;
	for (size_t i = 0; !*ret_any && i < selector->n_jobs; i++) {
		AUTO(reader_job) struct reader_job job = {0};
		int rc = reader_job(ctl->reader, selector->jobs[i], &job, err);

		if (rc < 0)
			return -1;
		*ret_any = rc == READER_E_NONE;
	}
	return 0;
}

/* Opens the queue where rows of it can be among those selected, and says how far it was
 * taken; *ret_any false: there is none to look for. 0, READER_E_BUSY or < 0. */
static int look_at_queue(struct ctl *ctl, const struct reader_selector *selector,
	bool *ret_any, struct reader_progress *ret_progress, struct error *err)
{
	int rc = can_wait(ctl, selector, ret_any, err);

	if (rc == 0 && *ret_any)
		rc = ctl_try_queue(ctl, err);
	*ret_any = rc == 0 && *ret_any && ctl->queue;
	return *ret_any ? reader_progress(ctl->reader, ret_progress, err) : rc;
}

int ids_select_waiting(
	struct ctl *ctl, const struct reader_selector *selector, struct ids *ids)
{
	struct waiting waiting = {ctl, selector, ids};
	struct reader_progress progress;
	struct error err = ERROR_NULL;
	bool any = false;
	int rc, status = ctl_open_audit(ctl);

	if (status)
		return status;
	rc = look_at_queue(ctl, selector, &any, &progress, &err);
	if (rc == 0 && any)
		rc = reader_queue_ids(ctl->queue, selector, progress.queue_job,
			on_waiting, &waiting, &err);
	return ctl_say_outcome(ctl, "queue.db", rc, &err);
}

static void say_waiting(const struct reader_waiting_count *count, int64_t n_listed)
{
	if (count->n)
		ctl_say("%s%" PRId64 "%s wait%s in the queue, not taken yet",
			count->cut ? "at least " : "", count->n, n_listed ? " more" : "",
			count->n == 1 ? "s" : "");
	else if (count->cut)
		ctl_say("others may wait behind the first %d rows of the queue that were "
			"not taken yet",
			READER_WAITING_MAX);
}

void ids_say_waiting(
	struct ctl *ctl, const struct reader_selector *selector, int64_t n_listed)
{
	struct reader_waiting_count count = {0};
	struct reader_progress progress;
	struct error err = ERROR_NULL;
	bool any = false;
	int rc = look_at_queue(ctl, selector, &any, &progress, &err);

	if (rc == 0 && any)
		rc = reader_queue_count(ctl->queue, selector, &progress, &count, &err);
	if (ctl_say_outcome(ctl, "queue.db", rc, &err) == CTL_OK)
		say_waiting(&count, n_listed);
}

int ids_find_waiting(struct ctl *ctl, int64_t id, struct reader_waiting *ret_waiting)
{
	struct error err = ERROR_NULL;
	int rc = ctl_try_queue(ctl, &err);

	if (rc == 0)
		rc = ctl->queue ? reader_queue_job(ctl->queue, id, ret_waiting, &err)
				: READER_E_NONE;
	if (rc == READER_E_NONE)
		return ctl_fail(CTL_MISSING, "there is no job %" PRId64, id);
	return ctl_say_outcome(ctl, "queue.db", rc, &err);
}
