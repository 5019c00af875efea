/* ctest: labels=slow timeout=300 */
/* The store fails under the engine. Each statement on each way to it fails once, in a
 * history that has a bit of everything; what comes of the jobs is the same as if nothing
 * had failed, and both ledgers tell the same story. */
#include "test_ctl_fixture.h"

#include "store_fault.h"
#include "world.h"

#include <limits.h>

static struct world world;
static bool key_is_refused;
static bool is_stopped, is_drained;
static const char *why; /* SQLite's words for what fails */
static int failing;     /* which call does in this run: FAULT_ONLY=that runs it alone */

/* ---- what Clerk says ---- */

static struct answer reply(const struct world_sent *sent)
{
	AUTO(free_ptr) char *id = xasprintf("sit_%lld", (long long)sent->job_id);
	struct answer answer;

	if (key_is_refused)
		return world_error(401, "clerk_key_invalid");
	if (!strncmp(sent->user_id, "user_gone", 9))
		return world_error(404, "resource_not_found");
	if (sent->action == JOB_CREATE)
		return scratch_token_answer(id, sent->user_id);
	answer = scratch_token_answer(sent->token_id, "user_1");
	answer.token.status = TOKEN_REVOKED;
	return answer;
}

static void answer_one(int i)
{
	struct answer answer = reply(&world.sent[i]);

	world_answer(&world, i, &answer);
	answer_deinit(&answer);
}

/* ---- an act at a time ---- */

/* The daemon is started again for as long as it does not come up. */
static void revive(void)
{
	for (int i = 0; world.ended; i++) {
		assert_true(i < 3);
		if (!strstr(world.end.text, why))
			fail_msg("it ended for another reason: %s", world.end.text);
		world_crash(&world);
	}
}

/* The time passes at once: a turn a minute would be most of the test. */
static void go_on(int64_t ms)
{
	world.now.mono_ms += ms;
	world.now.wall_ms += ms;
	world_settle(&world);
	revive();
	/* A full disk and a lock are tried again each second. */
	world_pass(&world, 1000);
	revive();
	world_settle(&world);
	revive();
}

/* One that fails is tried again an hour later. */
static void pass_sweeps(void)
{
	go_on(2 * 3600000);
	go_on(2 * 3600000);
}

static void queue(const char *sql)
{
	world_sql(&world, sql);
	go_on(0);
}

static void answer_all(void)
{
	for (int i = 0; world.n_sent; i++) {
		assert_true(i < 200);
		answer_one(0);
		go_on(0);
	}
}

static void act_rows(void)
{
	queue("INSERT INTO batch (name, release_first) VALUES ('canary', 1);"
	      "INSERT INTO batch (name, max_failures) VALUES ('strict', 1);"
	      "INSERT INTO job (action, user_id, batch, idempotency_key) VALUES "
	      "('create', 'user_1', NULL, 'k'), ('create', 'user_2', 'canary', NULL), "
	      "('create', 'user_3', 'canary', NULL), ('create', 'user_gone1', NULL, "
	      "NULL), ('create', 'user_gone2', 'strict', NULL);"
	      "INSERT INTO job (action, user_id, not_before, batch) VALUES "
	      "('create', 'user_4', '2026-01-02 20:00', 'strict');"
	      "INSERT INTO job (action, user_id, not_before, not_after) VALUES "
	      "('create', 'user_5', '2026-01-03 00:00', '2026-01-02 12:05');"
	      "INSERT INTO job (action, sign_in_token_id) VALUES ('revoke', 'sit_99')");
	answer_all();
	queue("INSERT INTO job (action, user_id, batch) VALUES "
	      "('create', 'user_6', 'strict')");
}

static void act_refusals(void)
{
	queue("PRAGMA ignore_check_constraints = ON;"
	      "INSERT INTO job (action, user_id, expires_in_seconds) VALUES "
	      "('create', 'user_7', 0), ('create', 'user_8', 2592001);"
	      "INSERT INTO command (verb) VALUES ('burn')");
	world.config.retention_queue_ms = 1000;
	pass_sweeps();
	world.config.retention_queue_ms = INT64_C(7) * 86400000;
	queue("INSERT INTO job (action, user_id, idempotency_key) VALUES "
	      "('create', 'user_1', 'k')");
}

static void act_commands(void)
{
	queue("INSERT INTO command (verb) VALUES ('pause');"
	      "INSERT INTO job (action, user_id, batch) VALUES "
	      "('create', 'user_9', NULL), ('create', 'user_10', 'many'),"
	      "('create', 'user_11', 'many')");
	queue("INSERT INTO command (verb, job_id) VALUES ('cancel', 13), ('cancel', 1), "
	      "('cancel', 999), ('retry', 13), ('retry', 1), ('retry', 999)");
	queue("INSERT INTO command (verb, batch) VALUES ('cancel', 'many'), "
	      "('retry', 'many'), ('pause', 'many'), ('cancel', 'canary')");
	queue("INSERT INTO command (verb, batch, action, until) VALUES "
	      "('pause', 'many', 'create', datetime(1767355200 + 21600, 'unixepoch'))");
	queue("INSERT INTO command (verb, action) VALUES ('resume', 'create')");
	go_on(3 * 3600000);
	queue("INSERT INTO command (verb, batch) VALUES ('resume', 'many')");
	queue("INSERT INTO command (verb) VALUES ('resume')");
	answer_all();
	queue("INSERT INTO job (action, user_id, batch) VALUES "
	      "('create', 'user_12', 'busy');"
	      "INSERT INTO command (verb, batch) VALUES ('cancel', 'busy')");
	answer_all();
	queue("INSERT INTO job (action, user_id) VALUES ('create', 'user_cancelled');"
	      "INSERT INTO command (verb, job_id) SELECT 'cancel', max(id) FROM job");
}

static void reconfigure(void)
{
	const struct engine_options options = {.ledger = world.ledger,
		.queue = world.queue,
		.config = &world.config,
		.requests_per_window = 1000,
		.key_hint = "another key",
		.world = world_callbacks(&world)};

	engine_reconfigure(world.engine, &options, true, "{}");
}

static void act_key(void)
{
	queue("INSERT INTO job (action, user_id) VALUES ('create', 'user_13')");
	key_is_refused = true;
	if (world.n_sent)
		answer_one(0);
	revive();
	key_is_refused = false;
	reconfigure();
	go_on(0);
	answer_all();
}

static void act_clock(void)
{
	queue("INSERT INTO command (verb) VALUES ('pause')");
	queue("INSERT INTO job (action, user_id) VALUES ('create', 'user_14')");
	world.now.wall_ms -= 7200000;
	queue("INSERT INTO command (verb) VALUES ('resume')");
	answer_all();
	world.now.wall_ms += 7200000;
	go_on(0);
}

static void act_purge(void)
{
	world.config.retention_secrets_ms = 1000;
	go_on(120000);
}

static void act_crash(void)
{
	queue("INSERT INTO job (action, user_id) VALUES ('create', 'user_15');"
	      "INSERT INTO job (action, sign_in_token_id) VALUES ('revoke', 'sit_98')");
	world.paused = true;
	world_crash(&world);
	revive();
	world.paused = false;
	queue("INSERT INTO command (verb, submitted_at) VALUES ('resume', '2030-01-01 "
	      "00:00')");
	answer_all();
}

/* Writes what the queue's triggers keep scripts from. */
static void write_by_hand(const char *sql)
{
	AUTO(free_ptr) char *path = fixture_path("queue/queue.db");
	sqlite3 *db;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	(void)sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	(void)sqlite3_close(db);
}

static void queue_by_hand(const char *sql)
{
	write_by_hand(sql);
	go_on(0);
}

/* A row behind the ids that were taken is nobody's job. */
static void act_sweep(void)
{
	world.config.retention_queue_ms = 1000;
	queue_by_hand("INSERT INTO job (id, action, user_id) VALUES (50, 'create', "
		      "'user_16')");
	queue_by_hand("INSERT INTO job (id, action, user_id) VALUES (45, 'create', "
		      "'user_17')");
	answer_all();
	pass_sweeps();
	answer_all();
}

/* 0, or it failed. */
static int inside(int (*fn)(struct error *err))
{
	struct error err = ERROR_NULL;
	int rc;

	store_fault_inside(true);
	rc = fn(&err);
	store_fault_inside(false);
	return rc;
}

static int drained(struct error *err)
{
	const char *stuck;

	return engine_drained(world.engine, &is_drained, &stuck, err);
}

static int stop(struct error *err)
{
	return engine_stop(world.engine, "{}", world.now, err);
}

static void act_stop(void)
{
	queue("INSERT INTO job (action, user_id, not_before) VALUES ('create', "
	      "'user_later', '2030-01-01 00:00')");
	if (inside(drained) < 0)
		assert_int_equal(inside(drained), 0);
	assert_true(is_drained);
	/* A reload and a clock that was set back just now are looked at even here. */
	reconfigure();
	world.now.wall_ms -= 7200000;
	is_stopped = inside(stop) == 0;
}

static void play(void)
{
	world.config.policy_max_expires_in_ms = INT64_C(30) * 86400000;
	act_rows();
	act_refusals();
	act_commands();
	act_key();
	act_clock();
	act_purge();
	act_crash();
	act_sweep();
	act_stop();
}

/* ---- what has to come of it ---- */

static const char jobs[] =
	"SELECT group_concat(id || ' ' || state || ' ' || "
	"coalesce(result, '') || ' ' || coalesce(user_id, ''), char(10)) "
	"FROM job";
static const char commands[] = "SELECT group_concat(id || ' ' || state || ' ' || "
			       "message, char(10)) FROM command";

static void judge(const char *want_jobs, const char *want_commands)
{
	AUTO(free_ptr) char *n_ever = xasprintf("%lld", (long long)world.n_ever);

	scratch_expect("audit", jobs, want_jobs);
	scratch_expect("audit", commands, want_commands);
	/* I1, I2: what left has its row, and nothing else has. */
	scratch_expect(
		"audit", "SELECT count(*) FROM audit WHERE event = 'sent'", n_ever);
	scratch_expect("audit",
		"SELECT count(*) FROM job j WHERE attempts <> (SELECT count(*) FROM "
		"audit WHERE job_id = j.id AND event = 'sent')",
		"0");
	/* I12, and the same of commands. */
	scratch_expect("audit",
		"SELECT count(*) - count(DISTINCT job_id) FROM audit "
		"WHERE event IN ('accepted', 'rejected')",
		"0");
	scratch_expect("audit",
		"SELECT count(command_id) - count(DISTINCT command_id) FROM audit "
		"WHERE event = 'commanded'",
		"0");
	scratch_expect("audit", "SELECT count(*) FROM hold", "0");
	scratch_expect("tokens", "SELECT count(*) FROM secret WHERE job_id < 21", "0");
	CTL(0, "verify");
}

static void begin(void)
{
	AUTO(free_ptr) char *conf = NULL;

	key_is_refused = is_stopped = false;
	world_begin(&world, NULL);
	world.around = store_fault_inside;
	world.mortal = true;
	conf = xasprintf("state_directory = \"%s\";\n", scratch_folder());
	fixture_write("clerk-tokend.conf", conf);
}

static int teardown(void **state)
{
	(void)state;
	if (failing)
		print_message("call %d failed: %s\n", failing, store_fault_sql());
	failing = 0;
	store_fault_disarm();
	world_end(&world);
	return 0;
}

static int from_environment(const char *name, int otherwise)
{
	const char *value = getenv(name);

	return value ? atoi(value) : otherwise;
}

/* The calls that are to fail, in *ret_at (a new array): on each way to a statement the
 * first, every eighth of them (FAULT_EVERY=1: all), or with FAULT_ALL simply all. */
static int choose(int **ret_at)
{
	bool all = from_environment("FAULT_ALL", 0);
	int every = from_environment("FAULT_EVERY", 8), only;
	const int *paths;
	int n = store_fault_paths(&paths), n_at = 0;

	n = all ? store_fault_calls() : n;
	*ret_at = xcalloc((size_t)n, sizeof(**ret_at));
	only = from_environment("FAULT_ONLY", 0);
	for (int i = 0; i < n; i++) {
		int at = all ? i + 1 : paths[i];

		if (only ? at == only : all || i % every == 0)
			(*ret_at)[n_at++] = at;
	}
	return n_at;
}

static void sweep(enum store_fault fault, const char *words)
{
	AUTO(free_ptr) char *want_jobs = NULL;
	AUTO(free_ptr) char *want_commands = NULL;
	AUTO(free_ptr) int *at = NULL;
	int n;

	why = words;
	begin();
	store_fault_arm(fault, 0);
	play();
	n = choose(&at);
	store_fault_disarm();
	want_jobs = scratch_sql("audit", jobs);
	want_commands = scratch_sql("audit", commands);
	judge(want_jobs, want_commands);
	for (int i = 0; i < n; i++) {
		world_end(&world);
		begin();
		failing = at[i];
		store_fault_arm(fault, at[i]);
		play();
		assert_true(store_fault_hit());
		store_fault_disarm();
		judge(want_jobs, want_commands);
	}
	failing = 0;
	print_message("%d statements failed, each in a run of its own\n", n);
}

/* A read that fails once is no fault of what the file holds: the next look finds it
 * right, though nobody wrote it. */
static void test_a_read_error_of_the_queue_does_not_last(void **state)
{
	(void)state;
	begin();
	store_fault_arm_at(STORE_FAULT_IO, "PRAGMA schema_version", 1);
	world_sql(&world, "INSERT INTO job (action, user_id) VALUES "
			  "('create', 'user_1')");
	assert_true(store_fault_hit());
	assert_non_null(strstr(world.said, "held: queue: "));
	assert_non_null(strstr(world.said, "disk I/O error (SQLite error 10)"));
	assert_int_equal(world.n_sent, 0);
	store_fault_disarm();
	world_settle(&world);
	assert_non_null(strstr(world.said, "released: queue: queue.db is right again"));
	assert_int_equal(world.n_sent, 1);
}

/* A read of the queue that breaks off behind a command hands it out again. */
static void test_a_command_is_carried_out_once(void **state)
{
	(void)state;
	begin();
	store_fault_arm_at(STORE_FAULT_IO, "-- The jobs behind an id", 1);
	world_sql(&world,
		"INSERT INTO command (verb) VALUES ('pause');"
		"INSERT INTO job (action, user_id) VALUES ('create', 'user_1')");
	assert_true(store_fault_hit());
	scratch_expect("audit", "SELECT count(*) FROM job", "0");
	store_fault_disarm();
	world_settle(&world);
	scratch_expect("audit", "SELECT state FROM job", "queued");
	scratch_expect(
		"audit", "SELECT count(*) FROM audit WHERE event = 'commanded'", "1");
}

static void on_unwritten(
	void *userdata, const struct job *job, const struct answer *answer)
{
	int64_t *sum = userdata;

	assert_string_equal(answer->token.user_id, job->user_id);
	*sum += job->id;
}

/* For as long as the disk is full nothing leaves, and what was answered is kept. */
/* fault: D1 D2 */
static void test_answers_wait_for_room(void **state)
{
	int64_t sum = 0;

	(void)state;
	begin();
	world_sql(&world,
		"INSERT INTO job (action, user_id) VALUES ('create', 'user_1'), "
		"('create', 'user_2')");
	store_fault_arm_at(STORE_FAULT_FULL, "UPDATE progress", 1);
	answer_one(0);
	answer_one(0);
	world_sql(
		&world, "INSERT INTO job (action, user_id) VALUES ('create', 'user_3')");
	world_pass(&world, 60000);
	assert_int_equal(world.n_ever, 2);
	assert_int_equal(engine_open(world.engine), 2);
	engine_unwritten(world.engine, on_unwritten, &sum);
	assert_int_equal(sum, 3);
	store_fault_disarm();
	world_pass(&world, 1001);
	assert_int_equal(world.n_ever, 3);
	assert_int_equal(engine_open(world.engine), 1);
	scratch_expect("audit", "SELECT group_concat(state) FROM job",
		"succeeded,succeeded,running");
	scratch_expect("audit",
		"SELECT group_concat(event) FROM audit WHERE error_code = 'disk'",
		"held,released");
}

#define MANY                                                                             \
	"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < "      \
	"2500) INSERT INTO job (action, user_id, batch) SELECT 'create', 'user_' || i, " \
	"'b' FROM n; INSERT INTO command (verb, batch) VALUES ('cancel', 'b')"

/* The turn that finds queue.db gone is taken back, and is done again: what a cancel
 * covered of the old file is not in the new one, whose jobs have the same ids. */
static void test_a_new_queue_is_not_forgotten_with_its_turn(void **state)
{
	AUTO(free_ptr) char *path = NULL;
	struct error err = ERROR_NULL;

	(void)state;
	begin();
	path = fixture_path("queue/queue.db");
	write_by_hand(MANY);
	engine_look(world.engine, world.now);
	assert_int_equal(engine_turn(world.engine, world.now, &err), 0);
	scratch_expect("audit", "SELECT state || max_job_id FROM command", "running2500");
	assert_int_equal(unlink(path), 0);
	store_fault_arm_at(STORE_FAULT_FULL, "COMMIT", 2); /* the queue's is the first */
	world_settle(&world);
	assert_true(store_fault_hit());
	assert_non_null(strstr(world.said, "held: disk: "));
	store_fault_disarm();
	go_on(0);
	scratch_expect("audit", "SELECT state || ' ' || message FROM command",
		"done 999 jobs cancelled");
	queue("INSERT INTO job (action, user_id) VALUES ('create', 'user_new')");
	scratch_expect("audit", "SELECT id || state FROM job WHERE user_id = 'user_new'",
		"1000running");
}

/* ---- many commands, many pauses ---- */

/* Inserts n rows, i being 1 to n. */
static void many(int n, const char *into, const char *values)
{
	AUTO(free_ptr)
	char *sql = xasprintf("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 "
			      "FROM n WHERE i < %d) INSERT INTO %s SELECT %s FROM n",
		n, into, values);

	write_by_hand(sql);
}

static void cancel_what_is_not_taken(int n)
{
	many(n, "job (action, user_id)", "'create', 'user_' || i");
	many(n, "command (verb, job_id)", "'cancel', i");
	world_settle(&world);
	scratch_expect(
		"audit", "SELECT group_concat(DISTINCT state) FROM job", "cancelled");
}

static void hold_and_resume_batches(int n)
{
	many(n, "batch (name, release_first)", "'b' || i, 0");
	many(n, "job (action, user_id, batch, not_before)",
		"'create', 'user_' || i, 'b' || i, '2100-01-01 00:00'");
	world_settle(&world);
	scratch_expect("audit", "SELECT group_concat(DISTINCT parked) FROM job", "2");
	many(n, "command (verb, batch)", "'resume', 'b' || i");
	world_settle(&world);
	scratch_expect("audit", "SELECT group_concat(DISTINCT parked) FROM job", "0");
}

static void pause_for_a_minute(int n)
{
	many(n, "command (verb, batch, until)",
		"'pause', 'b' || i, datetime(1767355200 + 60, 'unixepoch')");
	world_settle(&world);
	go_on(60000);
	scratch_expect("audit",
		"SELECT group_concat(DISTINCT verb || ' ' || state) FROM command",
		"resume done,pause done");
	scratch_expect("audit", "SELECT count(*) FROM pause", "0");
}

/* How many steps of statements n of them take. */
static int steps_for(void (*act)(int n), int n)
{
	int calls;

	begin();
	store_fault_arm_at(STORE_FAULT_IO, "", INT_MAX);
	act(n);
	calls = store_fault_calls();
	store_fault_disarm();
	world_end(&world);
	return calls;
}

/* None looks at all the others. */
static void test_many_commands_cost_what_each_costs(void **state)
{
	void (*const acts[])(int n) = {
		cancel_what_is_not_taken, hold_and_resume_batches, pause_for_a_minute};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(acts); i++) {
		int few = steps_for(acts[i], 50);

		assert_in_range(steps_for(acts[i], 500), 1, 11 * few);
	}
}

/* fault: D3 P10 */
static void test_an_io_error_ends_it_and_the_next_start_goes_on(void **state)
{
	(void)state;
	sweep(STORE_FAULT_IO, "disk I/O error");
}

/* fault: D1 D2 D5 */
static void test_a_full_disk_costs_nothing(void **state)
{
	(void)state;
	sweep(STORE_FAULT_FULL, "database or disk is full");
}

static void test_a_lock_costs_nothing(void **state)
{
	(void)state;
	sweep(STORE_FAULT_BUSY, "database is locked");
}

int main(int argc, char **argv)
{
#define TEST(name) cmocka_unit_test_teardown(name, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_a_read_error_of_the_queue_does_not_last),
		TEST(test_a_new_queue_is_not_forgotten_with_its_turn),
		TEST(test_a_command_is_carried_out_once),
		TEST(test_answers_wait_for_room),
		TEST(test_many_commands_cost_what_each_costs),
		TEST(test_a_lock_costs_nothing),
		TEST(test_a_full_disk_costs_nothing),
		TEST(test_an_io_error_ends_it_and_the_next_start_goes_on),
	};

	/* Some 100,000 commits, none of which is about the disk. */
	if (access("/dev/shm", W_OK) == 0)
		(void)setenv("TMPDIR", "/dev/shm", 1);
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
