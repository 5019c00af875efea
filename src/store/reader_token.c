/* Tokens. */
#include "base/mem.h"
#include "store/reader_internal.h"

int reader_token(struct reader *reader, const char *id, struct reader_token *ret_token,
	struct error *err)
{
	AUTO(sql_reset) sqlite3_stmt *stmt = reader_stmt(reader, RQ_token_get);
	int rc;

	sql_bind(stmt, "t", id);
	rc = sql_step(stmt, err);
	if (rc < 0)
		return -1;
	if (rc == 0)
		return READER_E_NONE;
	reader_row_load(&reader_token_shape, stmt, ret_token);
	return 0;
}

/* The rows of the tokens that the selected jobs are about. */
static int rows_by_job(struct reader *reader, const struct reader_selector *selector,
	struct reader_ids *rows, struct error *err)
{
	AUTO(reader_walk) struct reader_walk walk = {0};
	AUTO(reader_ids) struct reader_ids ids = {0};

	if (reader_job_walk(reader, selector, &walk, err) < 0)
		return -1;
	do {
		if (reader_walk_page(reader, &walk, &ids, err) < 0)
			return -1;
		for (size_t i = 0; i < ids.n; i++) {
			sqlite3_stmt *stmt = reader_stmt(reader, RQ_token_row_of_job);

			sql_bind(stmt, "i", ids.ids[i]);
			if (reader_ids_collect(rows, stmt, err) < 0)
				return -1;
		}
	} while (ids.n);
	return 0;
}

static int start_walk(struct reader *reader, const struct reader_selector *selector,
	struct reader_walk *ret_walk, struct error *err)
{
	bool by_job = selector->n_jobs || selector->batch || selector->reference ||
		      selector->token;
	int rc = 0;

	*ret_walk = (struct reader_walk){.query = RQ_token_rows_below,
		.below = INT64_MAX,
		.paged = !by_job && !selector->user_id && !selector->live &&
			 !selector->heard_since};
	if (by_job) {
		rc = rows_by_job(reader, selector, &ret_walk->list, err);
	} else if (selector->user_id) {
		sqlite3_stmt *stmt = reader_stmt(reader, RQ_token_rows_of_user);

		sql_bind(stmt, "t", selector->user_id);
		rc = reader_ids_collect(&ret_walk->list, stmt, err);
	} else if (selector->heard_since) {
		sqlite3_stmt *stmt = reader_stmt(reader, RQ_token_rows_heard);

		sql_bind(stmt, "t", selector->heard_since);
		rc = reader_ids_collect(&ret_walk->list, stmt, err);
	} else if (selector->live) {
		rc = reader_ids_collect(
			&ret_walk->list, reader_stmt(reader, RQ_token_rows_live), err);
	}
	reader_ids_sort(&ret_walk->list, true);
	return rc;
}

struct page {
	struct reader_token tokens[READER_PAGE];
	int n;
};

static void page_cleanup(struct page **page)
{
	while ((*page)->n)
		reader_token_cleanup(&(*page)->tokens[--(*page)->n]);
	free_ptr_cleanup(page);
}

static int load_one(struct reader *reader, const struct reader_selector *selector,
	int64_t row, struct page *page, struct error *err)
{
	AUTO(sql_reset) sqlite3_stmt *stmt = reader_stmt(reader, RQ_token_select);
	int rc;

	sql_bind(stmt, "itttttti", row, selector->batch, selector->user_id,
		selector->requested_by, selector->reference, selector->since,
		selector->until, (int64_t)selector->live);
	rc = sql_step(stmt, err);
	if (rc == SQL_ROW)
		reader_row_load(&reader_token_shape, stmt, &page->tokens[page->n++]);
	return rc < 0 ? -1 : 0;
}

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

int reader_tokens(struct reader *reader, const struct reader_selector *selector,
	int (*fn)(void *userdata, const struct reader_token *token, struct error *err),
	void *userdata, struct error *err)
{
	AUTO(reader_walk) struct reader_walk walk = {0};
	bool more = true;
	int rc = start_walk(reader, selector, &walk, err);

	while (rc == 0 && more) {
		AUTO(page) struct page *page = xcalloc(1, sizeof(*page));

		rc = load_page(reader, selector, &walk, page, &more, err);
		for (int i = 0; rc == 0 && i < page->n; i++)
			rc = fn(userdata, &page->tokens[i], err);
	}
	return rc < 0 ? -1 : 0;
}
