/* ctest: labels=slow timeout=600 */
/* The link is down for ten minutes while 1,000 jobs wait: under the test's clock. */
#include "world.h"

#include "base/mem.h"
#include "scratch.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define DOWN_MS  (10 * 60 * 1000)
#define AFTER_MS (2 * 60 * 1000)

static struct world world;

static int teardown(void **state)
{
	(void)state;
	world_end(&world);
	return 0;
}

/* What has been on its way for so long ends without an answer. */
static void fail_older(enum answer_kind kind, int64_t age_ms)
{
	for (int i = world.n_sent - 1; i >= 0; i--) {
		struct answer silence = world_silence(kind);

		if (world.now.mono_ms - world.sent[i].at_ms < age_ms) {
			answer_deinit(&silence);
			continue;
		}
		world_answer(&world, i, &silence);
	}
}

static int64_t figure(const char *sql)
{
	AUTO(free_ptr) char *text = scratch_sql("audit", sql);

	return atoll(text);
}

/* From the end of the outage until the last job is done, in ms. */
static int64_t catch_up(void)
{
	int64_t began = world.now.mono_ms;

	while (figure("SELECT count(*) FROM job WHERE state <> 'succeeded'") &&
		world.now.mono_ms - began <= AFTER_MS) {
		world_answer_all(&world);
		world_pass(&world, 100);
	}
	return world.now.mono_ms - began;
}

/* Requests of which the link's end took the answer are unknown; all others never left. */
static void outage(int n_lost, int64_t connect_ms)
{
	int64_t passed;

	world_begin(&world, NULL);
	world_sql(&world,
		"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
		"WHERE i < 1000) INSERT INTO job (action, user_id) "
		"SELECT 'create', 'user_' || i FROM n");
	assert_int_equal(world.n_sent, 16);
	if (n_lost) {
		world_pass(&world, 15000);
		fail_older(ANSWER_LOST, 15000);
	}
	for (int64_t end = world.now.mono_ms + DOWN_MS; world.now.mono_ms < end;) {
		fail_older(ANSWER_NOT_SENT, connect_ms);
		world_pass(&world, 500);
	}
	fail_older(ANSWER_NOT_SENT, 0);
	scratch_expect("audit", "SELECT kind FROM hold", "outage");
	/* Those that were on their way when it began, once each, and nothing after. */
	assert_in_range(figure("SELECT sum(tries) FROM job"), 4, 16);
	assert_int_equal(figure("SELECT max(tries) FROM job"), 1);
	assert_int_equal(figure("SELECT sum(unknown_attempts) FROM job"), n_lost);
	assert_int_equal(figure("SELECT count(*) FROM job WHERE state <> 'queued'"), 0);
	/* A probe a minute at most. */
	assert_true(world.n_ever < 16 + 20);
	passed = catch_up();
	if (passed > AFTER_MS)
		fail_msg("not all is done %d s after the outage", AFTER_MS / 1000);
	print_message("outage: 1,000 jobs done %" PRId64 " ms after it\n", passed);
	assert_int_equal(figure("SELECT max(tries) FROM job"), 2);
}

/* fault: N12 N3 */
static void test_connections_are_refused(void **state)
{
	(void)state;
	outage(0, 0);
}

/* fault: N12 N4 */
static void test_packets_are_lost(void **state)
{
	(void)state;
	outage(16, 5000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_connections_are_refused, teardown),
		cmocka_unit_test_teardown(test_packets_are_lost, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
