/* Every query of clerk-tokenctl finds its rows by an index; those that walk a whole table
 * are named here. */
#include "test_ctl_fixture.h"

#include "store/sql.h"

#include <sqlite3.h>

static const struct sql_text audit_texts[] = {
#define SQL(stem, text) {#stem, text},
#include "audit_ctl.inc"
#undef SQL
};

static const struct sql_text queue_texts[] = {
#define SQL(stem, text) {#stem, text},
#include "queue_ctl.inc"
#undef SQL
};

static const struct sql_text tokens_texts[] = {
#define SQL(stem, text) {#stem, text},
#include "tokens_ctl.inc"
#undef SQL
};

/* What may scan: tables of a handful of rows, walks along an index that stop at once, the
 * counts of verify, the lists of a lockdown, and the tokens of a user. */
static const char *const may_scan[] = {"head_get", "hold_list", "pause_list",
	"job_ids_running", "job_ids_failed", "job_ids_queued", "replay_tally",
	"replay_token_tally", "replay_counts", "daily_count", "job_ids_unknown",
	"token_rows_heard", "token_rows_of_user", "last_id", "replay_batches",
	"replay_command_extra", "replay_daily", "replay_holds", "replay_job_pauses",
	"replay_pauses", "replay_progress", "replay_purged_extra", "replay_running",
	"schema_list", "secret_all"};

/* What may sort: the few rows of one token or one job; the names of batches in the queue.
 */
static const char *const may_sort[] = {"replay_tally", "replay_token_tally",
	"replay_token_events", "secret_of_job", "batch_waiting", "replay_purged_extra",
	"schema_list"};

/* Reports read more than others, and sort what they print: what each of them walks whole,
 * by the names of the query. Nothing walks audit, and those of the roll-up neither jobs
 * nor tokens; an index of what failed or is unknown has only those. */
static const struct {
	const char *query, *whole;
} reports[] = {
	{"report_summary", " 11 named l d daily tally hold p report_line "},
	{"report_daily", " daily d ranked report_daily "},
	{"report_latency", " daily ranked report_latency "},
	{"report_batches", " g "},
	{"report_users", " sign_in_token a m "},
	{"report_requesters", " j g "},
	{"report_tokens", " "},
	{"report_failures", " "},
	{"report_unknown", " "},
	{"report_outstanding", " p "},
	{"report_buckets", " 11 live report_unknown n c "},
};

static bool is_among(const char *name, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(names[i], name))
			return true;
	return false;
}

/* Whether a report may walk what stands behind SCAN. */
static bool report_may_scan(const char *whole, const char *what)
{
	AUTO(free_ptr)
	char *name = xasprintf(" %.*s ", (int)strcspn(what, " "), what);

	return strstr(whole, name) || strstr(what, "USING INDEX job_failed") ||
	       strstr(what, "USING INDEX job_unknown");
}

static const char *report_whole(const char *query)
{
	for (size_t i = 0; i < ARRAY_LEN(reports); i++)
		if (!strcmp(reports[i].query, query))
			return reports[i].whole;
	return NULL;
}

static void check(sqlite3 *db, const struct sql_text *text)
{
	const char *whole = report_whole(text->name);
	AUTO(free_ptr) char *explain = xasprintf("EXPLAIN QUERY PLAN %s", text->text);
	sqlite3_stmt *stmt;

	if (sqlite3_prepare_v2(db, explain, -1, &stmt, NULL) != SQLITE_OK)
		fail_msg("%s: %s", text->name, sqlite3_errmsg(db));
	while (sqlite3_step(stmt) == SQLITE_ROW) {
		const char *step = (const char *)sqlite3_column_text(stmt, 3);

		if (!strncmp(step, "SCAN", 4) && !strstr(step, "(subquery") &&
			strcmp(step, "SCAN CONSTANT ROW") != 0 &&
			!(whole && report_may_scan(whole, step + 5)) &&
			!is_among(text->name, may_scan, ARRAY_LEN(may_scan)))
			fail_msg("%s: %s", text->name, step);
		if (!strncmp(step, "USE TEMP B-TREE", 15) && !whole &&
			!is_among(text->name, may_sort, ARRAY_LEN(may_sort)))
			fail_msg("%s: %s", text->name, step);
	}
	(void)sqlite3_finalize(stmt);
}

static void check_all(const char *name, const struct sql_text *texts, size_t n)
{
	AUTO(free_ptr) char *path = fixture_path(name);
	sqlite3 *db;

	assert_int_equal(
		sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
	for (size_t i = 0; i < n; i++)
		if (strncmp(strchr(texts[i].text, '\n') + 1, "PRAGMA", 6) != 0)
			check(db, &texts[i]);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void plans(void **state)
{
	(void)state;
	check_all("audit/audit.db", audit_texts, ARRAY_LEN(audit_texts));
	check_all("queue/queue.db", queue_texts, ARRAY_LEN(queue_texts));
	check_all("tokens/tokens.db", tokens_texts, ARRAY_LEN(tokens_texts));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(plans, fixture_setup, fixture_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
