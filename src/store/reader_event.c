/* Rows of the audit. */
#include "base/mem.h"
#include "store/reader_internal.h"

#include <string.h>

/* Whether the selector names jobs by what an index finds. */
static bool is_by_job(const struct reader_selector *selector)
{
	return selector->n_jobs || selector->batch || selector->user_id ||
	       selector->reference || selector->token;
}

static int64_t upto_of(const struct reader_events *events)
{
	return events->upto ? events->upto : INT64_MAX;
}

static int seqs_of_job(struct reader *reader, const struct reader_events *events,
	int64_t job_id, struct reader_ids *seqs, struct error *err)
{
	sqlite3_stmt *stmt = reader_stmt(reader, RQ_event_seqs_of_job);

	sql_bind(stmt, "iii", job_id, events->after, upto_of(events));
	return reader_ids_collect(seqs, stmt, err);
}

/* Commands for the batch as a whole; a job that is named says which rows are wanted. */
static int seqs_of_batch(struct reader *reader, const struct reader_events *events,
	struct reader_ids *seqs, struct error *err)
{
	sqlite3_stmt *stmt = reader_stmt(reader, RQ_event_seqs_of_batch);

	if (!events->selector->batch || events->selector->n_jobs)
		return 0;
	sql_bind(stmt, "iit", events->after, upto_of(events), events->selector->batch);
	return reader_ids_collect(seqs, stmt, err);
}

/* The jobs whose rows can be selected. */
static int jobs_of(struct reader *reader, const struct reader_selector *selector,
	struct reader_walk *ret_walk, struct error *err)
{
	sqlite3_stmt *stmt = reader_stmt(reader, RQ_job_ids_revoking);

	if (reader_job_walk(reader, selector, ret_walk, err) < 0)
		return -1;
	if (!selector->user_id || selector->n_jobs)
		return 0;
	sql_bind(stmt, "t", selector->user_id);
	return reader_ids_collect(&ret_walk->list, stmt, err);
}

/* The rows of all jobs that can be selected, and of the batch. */
static int seqs_by_job(struct reader *reader, const struct reader_events *events,
	struct reader_ids *seqs, struct error *err)
{
	AUTO(reader_walk) struct reader_walk walk = {0};
	AUTO(reader_ids) struct reader_ids ids = {0};

	if (seqs_of_batch(reader, events, seqs, err) < 0 ||
		jobs_of(reader, events->selector, &walk, err) < 0)
		return -1;
	do {
		if (reader_walk_page(reader, &walk, &ids, err) < 0)
			return -1;
		for (size_t i = 0; i < ids.n; i++)
			if (seqs_of_job(reader, events, ids.ids[i], seqs, err) < 0)
				return -1;
	} while (ids.n);
	return 0;
}

/* Steps event_select.sql: SQL_ROW = selected, and it stands in the statement. */
static int match(struct reader *reader, const struct reader_selector *selector,
	int64_t seq, struct error *err)
{
	sqlite3_stmt *stmt = reader_stmt(reader, RQ_event_select);

	/* Several jobs are held against by their candidates alone. */
	sql_bind(stmt, "ittttttttttt", seq, selector->event, selector->since,
		selector->until, selector->batch, selector->user_id,
		selector->requested_by, selector->reference, selector->action,
		selector->state, selector->result, selector->token);
	return sql_step(stmt, err);
}

/* Keeps of a page of candidates (newest first) those that are selected, until there are
 * limit of them. */
static int keep_matching(struct reader *reader, const struct reader_events *events,
	const struct reader_ids *candidates, struct reader_ids *seqs, struct error *err)
{
	for (size_t i = 0; i < candidates->n; i++) {
		AUTO(sql_reset) sqlite3_stmt *stmt = reader_stmt(reader, RQ_event_select);
		int rc;

		if (events->limit && (int64_t)seqs->n >= events->limit)
			return 0;
		if (candidates->ids[i] <= events->after)
			continue;
		rc = match(reader, events->selector, candidates->ids[i], err);
		if (rc < 0)
			return -1;
		if (rc == SQL_ROW)
			reader_ids_add(seqs, candidates->ids[i]);
		(void)stmt;
	}
	return 0;
}

/* Finds the newest rows that are wanted, page by page. */
static int find_newest(struct reader *reader, const struct reader_events *events,
	struct reader_walk *walk, struct reader_ids *seqs, struct error *err)
{
	AUTO(reader_ids) struct reader_ids page = {0};

	do {
		int rc = reader_begin(reader, err);

		if (rc == 0)
			rc = reader_walk_page(reader, walk, &page, err);
		if (rc == 0)
			rc = keep_matching(reader, events, &page, seqs, err);
		reader_end(reader);
		if (rc < 0)
			return -1;
		if (page.n && page.ids[page.n - 1] <= events->after)
			break;
	} while (page.n && !(events->limit && (int64_t)seqs->n >= events->limit));
	reader_ids_sort(seqs, false);
	return 0;
}

struct page {
	struct reader_event events[READER_PAGE];
	int n;
};

static void page_cleanup(struct page **page)
{
	while ((*page)->n)
		reader_event_cleanup(&(*page)->events[--(*page)->n]);
	free_ptr_cleanup(page);
}

/* Loads the selected ones of n seqs and lends them to fn. */
static int emit(struct reader *reader, const struct reader_events *events,
	const int64_t *seqs, size_t n, struct error *err)
{
	AUTO(page) struct page *page = xcalloc(1, sizeof(*page));
	int rc = reader_begin(reader, err);

	for (size_t i = 0; rc >= 0 && i < n; i++) {
		AUTO(sql_reset) sqlite3_stmt *stmt = reader_stmt(reader, RQ_event_select);

		rc = match(reader, events->selector, seqs[i], err);
		if (rc == SQL_ROW)
			reader_row_load(
				&reader_event_shape, stmt, &page->events[page->n++]);
	}
	reader_end(reader);
	if (rc < 0)
		return -1;
	rc = 0;
	for (int i = 0; rc == 0 && i < page->n; i++)
		rc = events->fn(events->userdata, &page->events[i], err);
	return rc;
}

static int emit_all(struct reader *reader, const struct reader_events *events,
	const struct reader_ids *seqs, struct error *err)
{
	int rc = 0;

	for (size_t at = 0; rc == 0 && at < seqs->n; at += READER_PAGE) {
		size_t left = seqs->n - at;

		rc = emit(reader, events, seqs->ids + at,
			left < READER_PAGE ? left : READER_PAGE, err);
	}
	return rc;
}

/* All rows in order, however many there are. */
static int stream(
	struct reader *reader, const struct reader_events *events, struct error *err)
{
	AUTO(reader_ids) struct reader_ids seqs = {0};
	int64_t after = events->after;
	int rc = 0;

	do {
		sqlite3_stmt *stmt = reader_stmt(reader, RQ_event_seqs_above);

		seqs.n = 0;
		sql_bind(stmt, "iii", after, upto_of(events), (int64_t)READER_PAGE);
		if (reader_ids_collect(&seqs, stmt, err) < 0)
			return -1;
		if (seqs.n) {
			after = seqs.ids[seqs.n - 1];
			rc = emit(reader, events, seqs.ids, seqs.n, err);
		}
	} while (rc == 0 && seqs.n);
	return rc;
}

int reader_events(
	struct reader *reader, const struct reader_events *events, struct error *err)
{
	AUTO(reader_walk)
	struct reader_walk walk = {.query = RQ_event_seqs_below, .below = INT64_MAX};
	AUTO(reader_ids) struct reader_ids seqs = {0};
	int rc;

	if (events->upto && events->upto < INT64_MAX)
		walk.below = events->upto + 1;
	walk.paged = !is_by_job(events->selector);
	if (walk.paged && !events->limit) {
		rc = stream(reader, events, err);
		return rc < 0 ? -1 : 0;
	}
	if (!walk.paged && seqs_by_job(reader, events, &walk.list, err) < 0)
		return -1;
	reader_ids_sort(&walk.list, true);
	if (find_newest(reader, events, &walk, &seqs, err) < 0)
		return -1;
	rc = emit_all(reader, events, &seqs, err);
	return rc < 0 ? -1 : 0;
}

int reader_head(struct reader *reader, struct reader_event *ret_event, struct error *err)
{
	AUTO(sql_reset) sqlite3_stmt *stmt = reader_stmt(reader, RQ_head_get);
	int rc = sql_step(stmt, err);

	if (rc < 0)
		return -1;
	memset(ret_event, 0, sizeof(*ret_event));
	reader_event_cleanup(ret_event);
	ret_event->seq = 0;
	if (rc != SQL_ROW)
		return 0;
	ret_event->seq = sqlite3_column_int64(stmt, 0);
	ret_event->at = sql_dup(stmt, 1);
	ret_event->hash = sql_dup(stmt, 2);
	return 0;
}
