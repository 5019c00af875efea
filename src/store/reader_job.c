/* Jobs: which can be among those selected, and which are. */
#include "base/mem.h"
#include "store/reader_internal.h"

#include <string.h>

int reader_job(
	struct reader *reader, int64_t id, struct reader_job *ret_job, struct error *err)
{
	AUTO(sql_reset) sqlite3_stmt *stmt = reader_stmt(reader, RQ_job_get);
	int rc;

	sql_bind(stmt, "i", id);
	rc = sql_step(stmt, err);
	if (rc < 0)
		return -1;
	if (rc == 0)
		return READER_E_NONE;
	reader_row_load(&reader_job_shape, stmt, ret_job);
	return 0;
}

int reader_job_of_key(struct reader *reader, const char *key, struct reader_job *ret_job,
	struct error *err)
{
	AUTO(sql_reset) sqlite3_stmt *stmt = reader_stmt(reader, RQ_job_id_of_key);
	int rc;

	sql_bind(stmt, "t", key);
	rc = sql_step(stmt, err);
	if (rc < 0)
		return -1;
	if (rc == 0)
		return READER_E_NONE;
	*ret_job = (struct reader_job){.id = sqlite3_column_int64(stmt, 0),
		.action = sql_dup(stmt, 1),
		.user_id = sql_dup(stmt, 2),
		.sign_in_token_id = sql_dup(stmt, 3)};
	return 0;
}

/* The statement whose index finds the selector's jobs, bound; NULL where none does. */
static sqlite3_stmt *best_index(
	struct reader *reader, const struct reader_selector *selector)
{
	sqlite3_stmt *stmt = NULL;
	const char *state = selector->state;

	if (selector->token) {
		stmt = reader_stmt(reader, RQ_job_ids_of_token);
		sql_bind(stmt, "t", selector->token);
	} else if (selector->reference) {
		stmt = reader_stmt(reader, RQ_job_ids_of_reference);
		sql_bind(stmt, "t", selector->reference);
	} else if (selector->user_id) {
		stmt = reader_stmt(reader, RQ_job_ids_of_user);
		sql_bind(stmt, "t", selector->user_id);
	} else if (selector->batch && state) {
		stmt = reader_stmt(reader, RQ_job_ids_of_batch_state);
		sql_bind(stmt, "tt", selector->batch, state);
	} else if (selector->batch) {
		stmt = reader_stmt(reader, RQ_job_ids_of_batch);
		sql_bind(stmt, "t", selector->batch);
	} else if (state && !strcmp(state, "queued")) {
		stmt = reader_stmt(reader, RQ_job_ids_queued);
	} else if (state && !strcmp(state, "running")) {
		stmt = reader_stmt(reader, RQ_job_ids_running);
	} else if (state && !strcmp(state, "failed")) {
		stmt = reader_stmt(reader, RQ_job_ids_failed);
	} else if (selector->unknown) {
		stmt = reader_stmt(reader, RQ_job_ids_unknown);
	}
	return stmt;
}

int reader_job_walk(struct reader *reader, const struct reader_selector *selector,
	struct reader_walk *ret_walk, struct error *err)
{
	sqlite3_stmt *stmt;

	*ret_walk = (struct reader_walk){.query = RQ_job_ids_below, .below = INT64_MAX};
	for (size_t i = 0; i < selector->n_jobs; i++)
		reader_ids_add(&ret_walk->list, selector->jobs[i]);
	if (!selector->n_jobs) {
		stmt = best_index(reader, selector);
		if (!stmt) {
			ret_walk->paged = true;
			return 0;
		}
		if (reader_ids_collect(&ret_walk->list, stmt, err) < 0)
			return -1;
	}
	reader_ids_sort(&ret_walk->list, true);
	return 0;
}

int reader_job_match(struct reader *reader, const struct reader_selector *selector,
	int64_t id, struct error *err)
{
	sqlite3_stmt *stmt = reader_stmt(reader, RQ_job_select);

	sql_bind(stmt, "itttttttttt", id, selector->batch, selector->user_id,
		selector->requested_by, selector->reference, selector->action,
		selector->state, selector->result, selector->token, selector->since,
		selector->until);
	return sql_step(stmt, err);
}

/* The jobs of one page, as they stood in one moment. */
struct page {
	struct reader_job jobs[READER_PAGE];
	int n;
};

static void page_cleanup(struct page **page)
{
	while ((*page)->n)
		reader_job_cleanup(&(*page)->jobs[--(*page)->n]);
	free_ptr_cleanup(page);
}

static int load_one(struct reader *reader, const struct reader_selector *selector,
	int64_t id, struct page *page, struct error *err)
{
	AUTO(sql_reset) sqlite3_stmt *stmt = reader_stmt(reader, RQ_job_select);
	int rc = reader_job_match(reader, selector, id, err);

	if (rc == SQL_ROW)
		reader_row_load(&reader_job_shape, stmt, &page->jobs[page->n++]);
	return rc < 0 ? -1 : 0;
}

/* Reads a page; *ret_more false: the walk is at its end. */
static int load_page(struct reader *reader, const struct reader_selector *selector,
	struct reader_walk *walk, struct page *page, bool *ret_more, struct error *err)
{
	AUTO(reader_ids) struct reader_ids ids = {0};
	int rc = reader_begin(reader, err);

	if (rc == 0)
		rc = reader_walk_page(reader, walk, &ids, err);
	for (size_t i = 0; rc == 0 && i < ids.n; i++)
		rc = load_one(reader, selector, ids.ids[i], page, err);
	reader_end(reader);
	*ret_more = ids.n > 0;
	return rc;
}

int reader_jobs(struct reader *reader, const struct reader_selector *selector,
	int (*fn)(void *userdata, const struct reader_job *job, struct error *err),
	void *userdata, struct error *err)
{
	AUTO(reader_walk) struct reader_walk walk = {0};
	bool more = true;
	int rc = reader_job_walk(reader, selector, &walk, err);

	while (rc == 0 && more) {
		AUTO(page) struct page *page = xcalloc(1, sizeof(*page));

		rc = load_page(reader, selector, &walk, page, &more, err);
		for (int i = 0; rc == 0 && i < page->n; i++)
			rc = fn(userdata, &page->jobs[i], err);
	}
	return rc < 0 ? -1 : 0;
}
