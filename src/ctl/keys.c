#include "ctl/keys.h"

#include "model/job.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define FAULTS_MAX 20

static const char *whom(const struct row *row)
{
	return row->user_id ? row->user_id : row->sign_in_token_id;
}

/* Names a row whose key stands for something else: printf-style, what. */
static void fault(const struct rows *rows, const struct row *row, size_t *n_faults,
	const char *format, ...) __attribute__((format(printf, 4, 5)));

static void fault(const struct rows *rows, const struct row *row, size_t *n_faults,
	const char *format, ...)
{
	AUTO(free_ptr) char *what = NULL;
	va_list ap;

	if ((*n_faults)++ >= FAULTS_MAX)
		return;
	va_start(ap, format);
	if (vasprintf(&what, format, ap) < 0)
		abort();
	va_end(ap);
	if (row->line)
		ctl_say("%s:%" PRId64 ": idempotency_key: %s %s", rows->source, row->line,
			row->idempotency_key, what);
	else
		ctl_say("key %s %s", row->idempotency_key, what);
}

/* ---- among the rows themselves ---- */

static int by_key(const void *a, const void *b)
{
	const struct row *x = *(struct row *const *)a, *y = *(struct row *const *)b;
	int order = strcmp(x->idempotency_key, y->idempotency_key);

	if (order)
		return order;
	return x < y ? -1 : x > y;
}

/* Only what asks for the very same may share a key: one of the two is not asked for. */
static void say_twin(const struct rows *rows, const struct row *first,
	const struct row *row, size_t *n_faults)
{
	const char *column = rows_differ(first, row);

	if (strcmp(whom(first), whom(row)) != 0 && first->line)
		fault(rows, row, n_faults, "stands in line %" PRId64 " too, for %s",
			first->line, whom(first));
	else if (strcmp(whom(first), whom(row)) != 0)
		fault(rows, row, n_faults, "is given to %s too", whom(first));
	else if (column)
		fault(rows, row, n_faults,
			"stands in line %" PRId64 " too, with another %s", first->line,
			column);
}

static void find_twins(struct rows *rows, size_t *n_faults)
{
	AUTO(free_ptr) struct row **keyed = xcalloc(rows->n, sizeof(struct row *));
	size_t n = 0;

	for (size_t i = 0; i < rows->n; i++)
		if (rows->rows[i].idempotency_key)
			keyed[n++] = &rows->rows[i];
	if (n)
		/* NOLINTNEXTLINE(bugprone-sizeof-expression): they are pointers */
		qsort(keyed, n, sizeof(*keyed), by_key);
	for (size_t i = 1; i < n; i++) {
		struct row *first = keyed[i - 1], *row = keyed[i];

		if (strcmp(first->idempotency_key, row->idempotency_key) != 0)
			continue;
		if (first->twin)
			first = &rows->rows[first->twin - 1];
		row->twin = (size_t)(first - rows->rows) + 1;
		say_twin(rows, first, row, n_faults);
	}
}

/* ---- in the audit and in the queue ---- */

/* A key stands for one job: asking for something else under it is a mistake. */
static void take(const struct rows *rows, struct row *row, int64_t id, const char *action,
	const char *theirs, size_t *n_faults)
{
	row->job_id = id;
	row->repeated = 1;
	if (action && !strcmp(action, rows->action) && theirs &&
		!strcmp(whom(row), theirs))
		return;
	fault(rows, row, n_faults, "belongs to job %" PRId64 ", a %s of %s", id,
		action ? action : "row", theirs ? theirs : "nobody");
}

/* Rows of the queue are swept after a while; the audit knows a key for ever. Of a create
 * the token became known later: it says nothing about the request. 0, READER_E_NONE or <
 * 0. */
static int find_taken(struct ctl *ctl, const struct rows *rows, struct row *row,
	size_t *n_faults, struct error *err)
{
	AUTO(reader_job) struct reader_job job = {0};
	int rc = READER_E_NONE;

	if (ctl->reader)
		rc = reader_job_of_key(ctl->reader, row->idempotency_key, &job, err);
	if (rc == 0)
		take(rows, row, job.id, job.action,
			job.user_id ? job.user_id : job.sign_in_token_id, n_faults);
	return rc;
}

/* A row that was rejected keeps its key for as long as it stands in the queue, but
 * nothing is done under it any more. 0 where it was, said; READER_E_NONE or < 0. */
static int say_rejected(struct ctl *ctl, const struct rows *rows, const struct row *row,
	int64_t id, size_t *n_faults, struct error *err)
{
	AUTO(reader_job) struct reader_job job = {0};
	int rc = READER_E_NONE;

	if (ctl->reader)
		rc = reader_job(ctl->reader, id, &job, err);
	if (rc)
		return rc;
	if (strcmp(job.state, job_state_name(JOB_REJECTED)) != 0)
		return READER_E_NONE;
	fault(rows, row, n_faults,
		"belongs to job %" PRId64 ", which was rejected: %s; take another key",
		id, job.error_message ? job.error_message : job.result);
	return 0;
}

/* Looked up before the insert: one that meets a key would use up an id. */
static int find_waiting(struct ctl *ctl, const struct rows *rows, struct row *row,
	size_t *n_faults, struct error *err)
{
	AUTO(reader_waiting) struct reader_waiting job = {0};
	int rc = reader_queue_job_of_key(ctl->queue, row->idempotency_key, &job, err);

	if (rc)
		return rc;
	rc = say_rejected(ctl, rows, row, job.id, n_faults, err);
	if (rc == READER_E_NONE)
		take(rows, row, job.id, job.action,
			job.user_id ? job.user_id : job.sign_in_token_id, n_faults);
	return rc < 0 ? -1 : 0;
}

int keys_find(struct ctl *ctl, struct rows *rows)
{
	struct error err = ERROR_NULL;
	size_t n_faults = 0;

	ctl_try_audit(ctl);
	find_twins(rows, &n_faults);
	for (size_t i = 0; i < rows->n; i++) {
		struct row *row = &rows->rows[i];
		int rc;

		if (!row->idempotency_key || row->twin)
			continue;
		rc = find_taken(ctl, rows, row, &n_faults, &err);
		if (rc == READER_E_NONE)
			rc = find_waiting(ctl, rows, row, &n_faults, &err);
		if (rc < 0)
			return ctl_fail(CTL_NO, "%s", err.text);
	}
	if (n_faults > FAULTS_MAX)
		ctl_say("… and %zu more", n_faults - FAULTS_MAX);
	if (n_faults)
		return ctl_fail(
			CTL_NO, "a key stands for one job: nothing was submitted");
	return CTL_OK;
}

void keys_settle(struct rows *rows)
{
	for (size_t i = 0; i < rows->n; i++)
		if (rows->rows[i].twin)
			rows->rows[i].job_id = rows->rows[rows->rows[i].twin - 1].job_id;
}
