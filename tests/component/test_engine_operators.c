/* Operators' commands under way with one another, with answers, with the queue: real
 * files, a clock of the test's own. */
#include "base/mem.h"
#include "scratch.h"
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct world world;

static int teardown(void **state)
{
	(void)state;
	world_end(&world);
	return 0;
}

static void answer(struct answer given)
{
	world_answer(&world, 0, &given);
}

static void command(const char *columns, const char *values)
{
	AUTO(free_ptr)
	char *sql = xasprintf("INSERT INTO command (%s) VALUES (%s)", columns, values);

	world_sql(&world, sql);
}

/* A job that was under way when its batch was paused, and comes back, waits with the
 * others. */
static void test_a_running_job_comes_back_to_a_paused_batch(void **state)
{
	(void)state;
	world_begin(&world, NULL);
	world_sql(&world, "INSERT INTO job (action, user_id, batch) "
			  "VALUES ('create', 'user_1', 'b')");
	assert_int_equal(world.n_sent, 1);
	command("verb, batch", "'pause', 'b'");
	answer(world_error(500, "internal_clerk_error"));
	world_pass(&world, 60000);
	assert_int_equal(world.n_sent, 0);
	command("verb, batch", "'resume', 'b'");
	world_pass(&world, 1000);
	assert_int_equal(world.n_sent, 1);
	world_answer_all(&world);
	scratch_expect("audit", "SELECT state FROM job", "succeeded");
}

/* The same where nobody heard the answer. */
static void test_an_interrupted_job_of_a_paused_batch_waits(void **state)
{
	(void)state;
	world_begin(&world, NULL);
	world_sql(&world, "INSERT INTO job (action, user_id, batch) "
			  "VALUES ('create', 'user_1', 'b')");
	command("verb, batch", "'pause', 'b'");
	world_crash(&world);
	world_pass(&world, 60000);
	assert_int_equal(world.n_sent, 0);
	command("verb, batch", "'resume', 'b'");
	world_pass(&world, 1000);
	assert_int_equal(world.n_sent, 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_a_running_job_comes_back_to_a_paused_batch),
		TEST(test_an_interrupted_job_of_a_paused_batch_waits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
