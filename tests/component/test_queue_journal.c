/* Journals: a dead script's is rolled back, a planted one deletes nothing; the WAL mode
 * is left. */
#include "test_queue_lab.h"

#include <fcntl.h>
#include <grp.h>

/* A child that writes so much that the database is changed before the commit. */
static const char half_written[] =
	"PRAGMA cache_size = 2; BEGIN IMMEDIATE;"
	"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000) "
	"INSERT INTO job(action, user_id, reason) SELECT 'create', 'user_' || i, "
	"printf('%.300c', 'r') FROM n;";

/* Leaves the hot journal of a script that died in mid-write, behind one good row. */
static void leave_hot_journal(struct lab *lab)
{
	lab_open(lab);
	(void)lab_program(
		lab, "INSERT INTO job(action, user_id) VALUES('create', 'u1');");
	queue_free(lab->q);
	lab_child_end(lab_child_begin(lab, half_written), true);
	assert_true(lab_exists(lab, "-journal"));
	queue_new(&(struct queue_options){.folder = lab->queue}, &lab->q);
}

static void a_dead_scripts_journal_is_rolled_back(void **state)
{
	struct lab *lab = *state;

	leave_hot_journal(lab);
	lab_take(lab, 1);
	assert_string_equal(lab->rows[0].job.user_id, "u1");
	assert_false(lab_exists(lab, "-journal"));
	assert_string_equal(lab_program(lab, "PRAGMA integrity_check;"), "ok\n");
}

static void a_script_that_dies_while_we_look(void **state)
{
	struct lab *lab = *state;
	struct lab_child child;

	lab_take(lab, 0);
	child = lab_child_begin(lab, half_written);
	assert_int_equal(lab_ensure(lab), 0);
	assert_int_equal(lab_read(lab, 1000), QUEUE_E_BUSY);
	lab_child_end(child, true);
	lab_take(lab, 0);
	assert_false(lab_exists(lab, "-journal"));
}

static void put_u32(unsigned char *at, unsigned value)
{
	for (int i = 0; i < 4; i++)
		at[i] = (unsigned char)(value >> (24 - 8 * i));
}

/* Appends the name of a super-journal, in SQLite's format: the page number of the lock
 * byte, the name, its length, the sum of its bytes, the magic. */
static void name_super_journal(struct lab *lab, const char *victim)
{
	static const unsigned char magic[] = {
		0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7};
	AUTO(free_ptr) char *journal = xasprintf("%s-journal", lab->path);
	unsigned char number[4];
	unsigned sum = 0;
	FILE *file = fopen(journal, "a");

	assert_non_null(file);
	for (const char *c = victim; *c; c++)
		sum += (unsigned)*c;
	put_u32(number, 0x40000000 / 4096 + 1);
	assert_int_equal(fwrite(number, 1, 4, file), 4);
	assert_int_equal(fwrite(victim, 1, strlen(victim), file), strlen(victim));
	put_u32(number, (unsigned)strlen(victim));
	assert_int_equal(fwrite(number, 1, 4, file), 4);
	put_u32(number, sum);
	assert_int_equal(fwrite(number, 1, 4, file), 4);
	assert_int_equal(fwrite(magic, 1, 8, file), 8);
	assert_int_equal(fclose(file), 0);
}

/* Two folders: in the first SQLite's own VFS shows that the plant works. */
/* fault: Q8 */
static void a_planted_super_journal_deletes_nothing(void **state)
{
	struct lab *lab = *state;
	AUTO(free_ptr) char *victim = xasprintf("%s/audit.db", lab->folder);
	AUTO(free_ptr)
	char *plant = xasprintf(
		"cp -a %s %s/plain && echo audit >%s", lab->queue, lab->folder, victim);
	AUTO(free_ptr) char *plain = xasprintf("%s/plain/queue.db", lab->folder);
	sqlite3 *db = NULL;

	leave_hot_journal(lab);
	name_super_journal(lab, victim);
	assert_int_equal(system(plant), 0);

	/* Ours: the victim stays, the journal is rolled back, and it goes on. */
	lab_take(lab, 1);
	assert_string_equal(lab->rows[0].job.user_id, "u1");
	assert_int_equal(access(victim, F_OK), 0);
	assert_false(lab_exists(lab, "-journal"));
	assert_string_equal(lab_program(lab, "PRAGMA integrity_check;"), "ok\n");
	/* SQLite's own: gone. */
	assert_int_equal(sqlite3_open(plain, &db), SQLITE_OK);
	(void)sqlite3_exec(db, "SELECT count(*) FROM job", NULL, NULL, NULL);
	(void)sqlite3_close(db);
	assert_int_equal(access(victim, F_OK), -1);
}

/* fault: Q8 */
static void a_super_journal_planted_while_open(void **state)
{
	struct lab *lab = *state;
	AUTO(free_ptr) char *victim = xasprintf("%s/audit.db", lab->folder);
	AUTO(free_ptr) char *make = xasprintf("echo audit >%s", victim);
	struct lab_child child;

	assert_int_equal(system(make), 0);
	lab_take(lab, 0);
	child = lab_child_begin(lab, half_written);
	lab_child_end(child, true);
	name_super_journal(lab, victim);
	lab_take(lab, 0);
	assert_int_equal(access(victim, F_OK), 0);
	assert_false(lab_exists(lab, "-journal"));
	/* The sweep's connection is held to the same. */
	(void)lab_program(
		lab, "INSERT INTO job(action, user_id) VALUES('create', 'u1');");
	child = lab_child_begin(lab, half_written);
	lab_child_end(child, true);
	name_super_journal(lab, victim);
	{
		struct queue_reader reader = lab_reader(lab);
		struct queue_swept swept;

		assert_int_equal(
			queue_sweep(lab->q, 0, 5, NULL, &reader, &swept, &lab->err), 0);
	}
	assert_int_equal(access(victim, F_OK), 0);
	lab_take(lab, 1);
}

/* A super-journal that is gone means that its transaction was committed: the changes
 * stay. */
static void a_committed_transaction_over_two_files_stays(void **state)
{
	struct lab *lab = *state;
	AUTO(free_ptr) char *gone = xasprintf("%s/other.db-mj00000000", lab->folder);
	struct stat st;

	lab_take(lab, 0);
	lab_child_end(lab_child_begin(lab, half_written), true);
	name_super_journal(lab, gone);
	/* That this one was not complete is the plant's doing. */
	assert_int_equal(lab_ensure(lab), 0);
	(void)lab_read(lab, 1000);
	assert_false(lab_exists(lab, "-journal"));
	assert_int_equal(stat(lab->path, &st), 0);
	assert_true(st.st_size > 500000);
}

static void expect(struct lab *lab, const char *text)
{
	AUTO(free_ptr) char *full = xasprintf("%s%s", lab->path, text);

	lab_expect_fault(lab, full);
}

/* fault: Q5 */
static void a_journal_that_is_none(void **state)
{
	struct lab *lab = *state;
	AUTO(free_ptr) char *journal = xasprintf("%s-journal", lab->path);
	AUTO(free_ptr) char *victim = xasprintf("%s/audit.db", lab->folder);
	AUTO(free_ptr) char *make = xasprintf("echo audit >%s", victim);
	struct stat st;

	assert_int_equal(system(make), 0);
	lab_take(lab, 0);
	assert_int_equal(mkfifo(journal, 0660), 0);
	expect(lab, "-journal: is a FIFO, not a regular file; move it away");
	assert_int_equal(unlink(journal), 0);
	lab_take(lab, 0);
	assert_int_equal(symlink(victim, journal), 0);
	expect(lab, "-journal: is a symbolic link, not a regular file; move it away");
	/* Also for one who does not look first. */
	assert_int_equal(lab_read(lab, 1000), QUEUE_E_BUSY);
	assert_int_equal(unlink(journal), 0);
	assert_int_equal(link(victim, journal), 0);
	expect(lab, "-journal: has 2 names (hard links), it must have one; remove the "
		    "others");
	assert_int_equal(unlink(journal), 0);
	assert_int_equal(stat(victim, &st), 0);
	assert_int_equal(st.st_size, 6);
	lab_take(lab, 0);
}

/* Put there between the look and the read: SQLite may not open it. */
static void a_journal_that_is_none_is_not_opened(void **state)
{
	struct lab *lab = *state;
	AUTO(free_ptr) char *journal = xasprintf("%s-journal", lab->path);

	lab_open(lab);
	assert_int_equal(mkfifo(journal, 0660), 0);
	assert_int_equal(lab_read(lab, 1000), QUEUE_E_FAULT);
	assert_int_equal(unlink(journal), 0);
	lab_take(lab, 0);
}

static void garbage_as_a_journal(void **state)
{
	struct lab *lab = *state;
	AUTO(free_ptr)
	char *make =
		xasprintf("head -c 100000 /dev/zero | tr '\\0' x >%s-journal", lab->path);

	lab_take(lab, 0);
	(void)lab_program(
		lab, "INSERT INTO job(action, user_id) VALUES('create', 'u1');");
	assert_int_equal(system(make), 0);
	lab_take(lab, 1);
	assert_false(lab_exists(lab, "-journal"));
}

/* ---- other users ---- */

#define GROUP  54000
#define SCRIPT 54001
#define DAEMON 54002

/* Runs fn as another user in the group; its return value is the child's status. */
static void as_user(struct lab *lab, uid_t user, int (*fn)(struct lab *lab))
{
	gid_t group = GROUP;
	int status;
	pid_t pid;

	(void)fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (setgroups(1, &group) || setgid((gid_t)user) || setuid(user))
			_exit(77);
		(void)umask(077);
		_exit(fn(lab));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static int count_row(void *userdata, const struct queue_row *row, struct error *err)
{
	(void)err;
	*(int *)userdata += !row->fault;
	return 0;
}

static int daemon_takes(struct lab *lab, int want)
{
	struct queue_options options = {.folder = lab->queue};
	struct queue_cursor cursor = {0};
	struct error err = ERROR_NULL;
	struct queue *queue;
	int n = 0;
	struct queue_reader reader = {.userdata = &n, .on_row = count_row};
	bool more;
	int rc;

	queue_new(&options, &queue);
	rc = queue_ensure(queue, &cursor, NULL, &err);
	if (rc == 0)
		rc = queue_read(queue, &cursor, 1000, &reader, &more, &err);
	if (rc || n != want)
		(void)fprintf(stderr, "daemon: %d %s, %d rows\n", rc, err.text, n);
	queue_free(queue);
	return rc || n != want;
}

static int daemon_takes_none(struct lab *lab)
{
	return daemon_takes(lab, 0);
}

static int daemon_takes_one(struct lab *lab)
{
	return daemon_takes(lab, 1);
}

static int script_inserts(struct lab *lab)
{
	AUTO(free_ptr)
	char *command = xasprintf("timeout 20 sqlite3 -bail -cmd '.timeout 10000' %s "
				  "\"INSERT INTO job(action, "
				  "user_id) VALUES('create', 'u1')\"",
		lab->path);

	return system(command) != 0;
}

static int script_dies(struct lab *lab)
{
	sqlite3 *db = NULL;

	if (sqlite3_open(lab->path, &db) != SQLITE_OK ||
		sqlite3_exec(db, half_written, NULL, NULL, NULL) != SQLITE_OK)
		return 1;
	_exit(0); /* without rolling back */
}

static int script_sets_wal(struct lab *lab)
{
	sqlite3 *db = NULL;

	if (sqlite3_open(lab->path, &db) != SQLITE_OK ||
		sqlite3_exec(db,
			"PRAGMA journal_mode = WAL; INSERT INTO job(action, user_id) "
			"VALUES('create', 'u1')",
			NULL, NULL, NULL) != SQLITE_OK)
		return 1;
	_exit(0); /* the WAL and its shared memory stay, and are the script's */
}

static int setup_group(void **state)
{
	struct lab *lab;

	(void)lab_setup(state);
	lab = *state;
	if (geteuid() == 0 &&
		(chown(lab->queue, DAEMON, GROUP) || chmod(lab->queue, 02770)))
		return -1;
	return 0;
}

static void users_of_one_group_work_together(void **state)
{
	struct lab *lab = *state;
	struct stat st;

	if (geteuid() != 0)
		skip();
	as_user(lab, DAEMON, daemon_takes_none);
	assert_int_equal(stat(lab->path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0660);
	assert_int_equal(st.st_uid, DAEMON);
	assert_int_equal(st.st_gid, GROUP);
	as_user(lab, SCRIPT, script_inserts);
	as_user(lab, DAEMON, daemon_takes_one);
	as_user(lab, SCRIPT, script_dies);
	assert_true(lab_exists(lab, "-journal"));
	as_user(lab, DAEMON, daemon_takes_one);
	assert_false(lab_exists(lab, "-journal"));
}

static void another_users_wal_is_left(void **state)
{
	struct lab *lab = *state;

	if (geteuid() != 0)
		skip();
	as_user(lab, DAEMON, daemon_takes_none);
	as_user(lab, SCRIPT, script_sets_wal);
	assert_true(lab_exists(lab, "-wal"));
	as_user(lab, DAEMON, daemon_takes_one);
	assert_false(lab_exists(lab, "-wal"));
	assert_false(lab_exists(lab, "-shm"));
}

/* ---- the WAL mode ---- */

/* fault: Q3 */
static void the_wal_mode_is_left(void **state)
{
	struct lab *lab = *state;

	lab_take(lab, 0);
	(void)lab_program(lab,
		"PRAGMA journal_mode = WAL;"
		"INSERT INTO job(action, user_id) VALUES('create', 'u1');");
	assert_true(queue_changed(lab->q));
	lab_take(lab, 1);
	assert_false(lab_exists(lab, "-shm"));
	assert_string_equal(lab_program(lab, "PRAGMA journal_mode;"), "delete\n");
	lab_take(lab, 0);
}

#define USED                                                                             \
	"somebody set journal_mode=WAL and still has it open; it is set back to DELETE " \
	"as soon as they are done"

/* fault: Q3 */
static void the_wal_mode_in_use_is_waited_for(void **state)
{
	struct lab *lab = *state;
	struct lab_child child;

	lab_take(lab, 0);
	child = lab_child_begin(lab, "PRAGMA journal_mode = WAL; INSERT INTO job(action, "
				     "user_id) VALUES('create', 'u1')");
	assert_true(queue_changed(lab->q));
	expect(lab, ": " USED);
	assert_true(queue_changed(lab->q));
	expect(lab, ": " USED);
	(void)lab_program(
		lab, "INSERT INTO job(action, user_id) VALUES('create', 'u2');");
	expect(lab, ": " USED);
	lab_child_end(child, false);
	lab_take(lab, 2);
	assert_false(lab_exists(lab, "-wal"));
	assert_false(lab_exists(lab, "-shm"));
	assert_string_equal(lab_program(lab, "PRAGMA journal_mode;"), "delete\n");
}

static void the_wal_of_the_dead_is_taken_in(void **state)
{
	struct lab *lab = *state;

	lab_take(lab, 0);
	lab_child_end(
		lab_child_begin(lab, "PRAGMA journal_mode = WAL; INSERT INTO job(action, "
				     "user_id) VALUES('create', 'u1')"),
		true);
	assert_true(lab_exists(lab, "-wal"));
	assert_true(lab_exists(lab, "-shm"));
	lab_take(lab, 1);
	assert_false(lab_exists(lab, "-wal"));
	assert_false(lab_exists(lab, "-shm"));
}

/* Beside a file in DELETE mode: others would write into it, and we would see nothing. */
static void a_wal_that_was_planted_is_removed(void **state)
{
	struct lab *lab = *state;
	AUTO(free_ptr) char *empty = xasprintf(": >%s-wal", lab->path);
	AUTO(free_ptr)
	char *garbage = xasprintf("head -c 100000 /dev/urandom >%s-wal", lab->path);

	lab_take(lab, 0);
	assert_int_equal(system(empty), 0);
	lab_take(lab, 0); /* an empty one is none, to SQLite too */
	assert_int_equal(system(garbage), 0);
	/* SQLite counts nothing that is written through a WAL. */
	(void)lab_program(
		lab, "INSERT INTO job(action, user_id) VALUES('create', 'u1');");
	lab_take(lab, 1);
	assert_false(lab_exists(lab, "-wal"));
	assert_string_equal(lab_program(lab, "PRAGMA integrity_check;"), "ok\n");
}

/* A shortened -shm is a SIGBUS for whoever maps it. */
static void shared_memory_is_never_mapped(void **state)
{
	struct lab *lab = *state;
	AUTO(free_ptr) char *cut = xasprintf(": >%s-shm", lab->path);

	lab_take(lab, 0);
	lab_child_end(
		lab_child_begin(lab, "PRAGMA journal_mode = WAL; INSERT INTO job(action, "
				     "user_id) VALUES('create', 'u1')"),
		true);
	assert_int_equal(system(cut), 0);
	lab_take(lab, 1);
}

int main(void)
{
#define TEST(name)       cmocka_unit_test_setup_teardown(name, lab_setup, lab_teardown)
#define TEST_GROUP(name) cmocka_unit_test_setup_teardown(name, setup_group, lab_teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_dead_scripts_journal_is_rolled_back),
		TEST(a_script_that_dies_while_we_look),
		TEST(a_planted_super_journal_deletes_nothing),
		TEST(a_super_journal_planted_while_open),
		TEST(a_committed_transaction_over_two_files_stays),
		TEST(a_journal_that_is_none),
		TEST(a_journal_that_is_none_is_not_opened),
		TEST(garbage_as_a_journal),
		TEST_GROUP(users_of_one_group_work_together),
		TEST_GROUP(another_users_wal_is_left),
		TEST(the_wal_mode_is_left),
		TEST(the_wal_mode_in_use_is_waited_for),
		TEST(the_wal_of_the_dead_is_taken_in),
		TEST(a_wal_that_was_planted_is_removed),
		TEST(shared_memory_is_never_mapped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
