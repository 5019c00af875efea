/* audit --follow while the daemon writes: whatever comes in between two looks at the
 * audit, each row is printed once. */
#include "test_ctl_fixture.h"

#define LOOKS 4 /* so often the head is read before the follower is ended */

/* What happens in the middle of a look, in the follower's own process. */
static int n_jobs_read, n_heads_read;

static void write_between(void)
{
	struct ledger *ledger = scratch_ledger();
	enum job_state ignored;

	/* A row of the job that was read already (the newest comes first), and then one
	 * of that which comes. */
	fixture_begin(ledger, FIXTURE_NOON);
	OK(ledger_cancel_job(ledger, 2, 1, &ignored, &err));
	OK(ledger_cancel_job(ledger, 1, 1, &ignored, &err));
	fixture_commit(ledger);
	ledger_free(ledger);
}

static int on_statement(unsigned type, void *userdata, void *stmt, void *text)
{
	const char *sql = sqlite3_sql(stmt);

	(void)type;
	(void)userdata;
	(void)text;
	if (strstr(sql, "INDEXED BY audit_job") && ++n_jobs_read == 2)
		write_between();
	if (strstr(sql, "ORDER BY seq DESC LIMIT 1") && ++n_heads_read == LOOKS)
		_exit(0);
	return 0;
}

/* Of each database that is opened; only the follower's is read so. */
static int on_open(sqlite3 *db, char **ret_text, const struct sqlite3_api_routines *api)
{
	(void)ret_text;
	(void)api;
	return sqlite3_trace_v2(db, SQLITE_TRACE_STMT, on_statement, NULL);
}

static void accept(struct ledger *ledger, int64_t id)
{
	AUTO(job) struct job job = fixture_job(id, "b");

	OK(ledger_accept(ledger, &job, "{}", &err));
}

static void nothing_is_lost_in_between(void **state)
{
	static const char *const rows[] = {"\n1,2026-01-02 12:00:00.000,accepted,1,",
		"\n2,2026-01-02 12:00:00.000,accepted,2,",
		"\n3,2026-01-02 12:00:00.000,cancelled,2,",
		"\n4,2026-01-02 12:00:00.000,cancelled,1,"};
	struct ledger *ledger = scratch_ledger();

	(void)state;
	fixture_begin(ledger, FIXTURE_NOON);
	accept(ledger, 1);
	accept(ledger, 2);
	fixture_commit(ledger);
	ledger_free(ledger);
	OK(sqlite3_auto_extension((void (*)(void))on_open));
	CTL(0, "audit", "--batch", "b", "--follow", "--csv");
	sqlite3_reset_auto_extension();
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const char *first = strstr(fixture_stdout, rows[i]);

		if (!first || strstr(first + 1, rows[i]))
			fail_msg("not once:%s: %s", rows[i], fixture_stdout);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			nothing_is_lost_in_between, fixture_setup, fixture_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
