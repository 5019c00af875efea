/* batches. */
#include "ctl/batch.h"
#include "ctl/cmd.h"
#include "ctl/ctl.h"
#include "ctl/select.h"

#include <stdlib.h>
#include <string.h>

/* A batch while they are gathered. */
struct name {
	char *text;                 /* owned */
	int64_t first_id;           /* of its jobs; INT64_MAX = none was taken yet */
	int64_t n_waiting;          /* rows of the queue that were not taken yet */
	char since[CLOCK_TEXT_LEN]; /* when the first of those was submitted */
};

struct names {
	struct name *names; /* owned */
	size_t n, cap;
	struct reader_progress progress; /* n_waiting counts from there */
};

static void names_cleanup(struct names *names)
{
	for (size_t i = 0; i < names->n; i++)
		free(names->names[i].text);
	free(names->names);
}

static struct name *add_name(struct names *names, const char *text, int64_t first_id)
{
	if (names->n == names->cap) {
		names->cap = names->cap ? names->cap * 2 : 64;
		names->names = xrealloc(names->names, names->cap * sizeof(*names->names));
	}
	names->names[names->n] =
		(struct name){.text = xstrdup(text), .first_id = first_id};
	return &names->names[names->n++];
}

static int on_taken(void *userdata, const char *name, int64_t first_id, struct error *err)
{
	(void)err;
	(void)add_name(userdata, name, first_id);
	return 0;
}

static int by_text(const void *a, const void *b)
{
	const struct name *x = a, *y = b;

	return strcmp(x->text, y->text);
}

/* The names of the queue are searched for among those that the audit knows, sorted. */
struct waiting {
	struct names *names;
	size_t n_sorted;
};

static int on_waiting(
	void *userdata, const char *text, int64_t n, const char *since, struct error *err)
{
	struct waiting *waiting = userdata;
	const struct name key = {.text = (char *)(uintptr_t)text};
	struct name *name = NULL;

	(void)err;
	if (waiting->n_sorted)
		name = bsearch(&key, waiting->names->names, waiting->n_sorted,
			sizeof(key), by_text);
	if (!name)
		name = add_name(waiting->names, text, INT64_MAX);
	name->n_waiting = n;
	(void)stpncpy(name->since, since ? since : "", sizeof(name->since) - 1);
	return 0;
}

/* Newest first: those that were not taken yet, then by their first job. */
static int newest_first(const void *a, const void *b)
{
	const struct name *x = a, *y = b;

	if (x->first_id != y->first_id)
		return x->first_id > y->first_id ? -1 : 1;
	return strcmp(y->since, x->since) ? strcmp(y->since, x->since) : by_text(x, y);
}

static int gather(struct ctl *ctl, struct names *names, struct error *err)
{
	struct waiting waiting = {.names = names};
	int rc = ctl_try_queue(ctl, err);

	if (rc)
		return rc;
	if (reader_batches(ctl->reader, on_taken, names, err) < 0 ||
		reader_progress(ctl->reader, &names->progress, err) < 0)
		return -1;
	if (names->n)
		qsort(names->names, names->n, sizeof(*names->names), by_text);
	waiting.n_sorted = names->n;
	if (ctl->queue)
		rc = reader_queue_batches(
			ctl->queue, &names->progress, NULL, on_waiting, &waiting, err);
	if (names->n)
		qsort(names->names, names->n, sizeof(*names->names), newest_first);
	return rc;
}

/* ---- one row ---- */

struct line {
	char *batch;
	const char *state;
	int64_t jobs, not_taken, queued, running, succeeded, failed, cancelled, lapsed,
		rejected;
	char *first_accepted_at, *last_finished_at;
	int64_t release_first, max_failures;
};

#define COLUMN(kind, name)                                                               \
	{                                                                                \
#name, OUT_##kind, offsetof(struct line, name)                           \
	}

static const struct out_column columns[] = {
	COLUMN(TEXT, batch),
	COLUMN(TEXT, state),
	COLUMN(INT, jobs),
	COLUMN(INT, not_taken),
	COLUMN(INT, queued),
	COLUMN(INT, running),
	COLUMN(INT, succeeded),
	COLUMN(INT, failed),
	COLUMN(INT, cancelled),
	COLUMN(INT, lapsed),
	COLUMN(INT, rejected),
	COLUMN(TEXT, first_accepted_at),
	COLUMN(TEXT, last_finished_at),
	COLUMN(INT, release_first),
	COLUMN(INT, max_failures),
};

static const struct out_list list = {columns, ARRAY_LEN(columns),
	"batch state jobs not_taken queued running succeeded failed cancelled lapsed "
	"rejected first_accepted_at last_finished_at"};

/* The queue is looked through once, and again only where more was taken since. */
static int read_batch(struct ctl *ctl, const struct names *names, const struct name *name,
	struct batch *ret_batch, struct error *err)
{
	if (batch_read_taken(ctl, name->text, ret_batch, err) < 0)
		return -1;
	ret_batch->n_waiting = name->n_waiting;
	if (!name->n_waiting ||
		(ret_batch->taken.progress.queue_job == names->progress.queue_job &&
			ret_batch->taken.progress.queue_urgent ==
				names->progress.queue_urgent))
		return 0;
	return batch_read_waiting(ctl, ret_batch, err);
}

static int print_batch(struct ctl *ctl, const struct names *names,
	const struct name *name, struct error *err)
{
	AUTO(free_ptr) char *first = NULL;
	AUTO(free_ptr) char *last = NULL;
	struct batch batch;
	struct line line;
	int rc = read_batch(ctl, names, name, &batch, err);

	if (rc == 0)
		rc = reader_batch_times(ctl->reader, name->text, &first, &last, err);
	if (rc)
		return rc;
	line = (struct line){.batch = name->text,
		.state = batch_word(&batch),
		.jobs = batch_total(&batch),
		.not_taken = ctl->queue_unseen ? OUT_NONE : batch.n_waiting,
		.queued = batch.taken.n[JOB_QUEUED],
		.running = batch.taken.n[JOB_RUNNING],
		.succeeded = batch.taken.n[JOB_SUCCEEDED],
		.failed = batch.taken.n[JOB_FAILED],
		.cancelled = batch.taken.n[JOB_CANCELLED],
		.lapsed = batch.taken.n[JOB_LAPSED],
		.rejected = batch.taken.n[JOB_REJECTED],
		.first_accepted_at = first,
		.last_finished_at = last,
		.release_first = batch.taken.release_first < 0
					 ? OUT_NONE
					 : batch.taken.release_first,
		.max_failures =
			batch.taken.max_failures ? batch.taken.max_failures : OUT_NONE};
	out_row(&ctl->out, &line);
	return 0;
}

/* Whether the batch began within the span: its first job was taken, or submitted where
 * none was. */
static int began_within(struct ctl *ctl, const struct reader_selector *selector,
	const struct name *name, bool *ret_within, struct error *err)
{
	AUTO(reader_job) struct reader_job job = {0};
	const char *began = name->since;

	*ret_within = true;
	if (!selector->since && !selector->until)
		return 0;
	if (name->first_id != INT64_MAX) {
		if (reader_job(ctl->reader, name->first_id, &job, err) < 0)
			return -1;
		began = job.accepted_at ? job.accepted_at : "";
	}
	if ((selector->since && strcmp(began, selector->since) < 0) ||
		(selector->until && strcmp(began, selector->until) >= 0))
		*ret_within = false;
	return 0;
}

static int print_all(struct ctl *ctl, const struct reader_selector *selector,
	int64_t limit, bool *ret_more, struct error *err)
{
	AUTO(names) struct names names = {0};
	int rc = gather(ctl, &names, err);

	*ret_more = false;
	for (size_t i = 0; rc == 0 && i < names.n && !out_broken(&ctl->out); i++) {
		bool within;

		if (began_within(ctl, selector, &names.names[i], &within, err) < 0)
			return -1;
		if (!within)
			continue;
		if (limit && ctl->out.n_printed == limit) {
			*ret_more = true;
			return 0;
		}
		rc = print_batch(ctl, &names, &names.names[i], err);
	}
	return rc;
}

int cmd_batches(struct ctl *ctl)
{
	AUTO(select) struct select select = SELECT_NULL;
	struct error err = ERROR_NULL;
	bool more = false;
	int64_t limit;
	int rc, status = ctl_limit(ctl, &limit);

	if (status == CTL_OK)
		status = select_read(ctl, false, &select);
	if (status == CTL_OK)
		status = ctl_open_audit(ctl);
	if (status)
		return status;
	out_list_begin(&ctl->out, &list);
	rc = print_all(ctl, &select.selector, limit, &more, &err);
	status = ctl_say_outcome(ctl, "queue.db", rc, &err);
	out_list_end(&ctl->out);
	if (status == CTL_OK)
		ctl_end_list(ctl, "batches", more);
	return status;
}
