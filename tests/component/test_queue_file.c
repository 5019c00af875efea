/* queue.db replaced, damaged, of another kind, of somebody else: a hold that explains. */
#include "test_queue_lab.h"

#include <fcntl.h>
#include <grp.h>

#define NEW_QUEUE "put the right file back, or start clerk-tokend once with --new-queue"

static void put_file(const char *path, const void *bytes, size_t len)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
}

static void expect(struct lab *lab, const char *text)
{
	AUTO(free_ptr) char *full = xasprintf("%s: %s", lab->path, text);

	lab_expect_fault(lab, full);
}

/* ---- what kind of file ---- */

static void no_folder(void **state)
{
	struct lab *lab = *state;

	assert_int_equal(rmdir(lab->queue), 0);
	lab_expect_fault(lab, "the queue's folder cannot be reached");
	assert_non_null(strstr(lab->err.text, "2770"));
	assert_int_equal(mkdir(lab->queue, 0770), 0);
	lab_take(lab, 0);
}

static void the_folder_is_a_link(void **state)
{
	struct lab *lab = *state;

	assert_int_equal(rmdir(lab->queue), 0);
	assert_int_equal(symlink("/tmp", lab->queue), 0);
	lab_expect_fault(lab, "is a symbolic link where the queue's folder should be");
	assert_int_equal(unlink(lab->queue), 0);
	put_file(lab->queue, "x", 1);
	lab_expect_fault(lab, "is a regular file where the queue's folder should be");
}

/* fault: Q5 */
static void a_link_is_not_followed(void **state)
{
	struct lab *lab = *state;
	AUTO(free_ptr) char *other = xasprintf("%s/other.db", lab->folder);
	struct stat st;

	put_file(other, "", 0);
	assert_int_equal(symlink(other, lab->path), 0);
	expect(lab, "is a symbolic link, not a regular file; move it away");
	assert_int_equal(stat(other, &st), 0);
	assert_int_equal(st.st_size, 0);
	assert_int_equal(unlink(lab->path), 0);
	assert_int_equal(symlink("/nowhere", lab->path), 0);
	expect(lab, "is a symbolic link, not a regular file; move it away");
}

/* fault: Q5 */
static void a_fifo_does_not_block(void **state)
{
	struct lab *lab = *state;

	assert_int_equal(mkfifo(lab->path, 0660), 0);
	expect(lab, "is a FIFO, not a regular file; move it away");
}

/* fault: Q5 */
static void a_folder(void **state)
{
	struct lab *lab = *state;

	assert_int_equal(mkdir(lab->path, 0770), 0);
	expect(lab, "is a folder, not a regular file; move it away");
}

static void a_second_name(void **state)
{
	struct lab *lab = *state;
	AUTO(free_ptr) char *other = xasprintf("%s/other.db", lab->folder);

	put_file(other, "", 0);
	assert_int_equal(link(other, lab->path), 0);
	expect(lab, "has 2 names (hard links), it must have one; remove the others");
	assert_int_equal(unlink(other), 0);
	lab_take(lab, 0);
}

static void an_empty_file_is_filled(void **state)
{
	struct lab *lab = *state;
	struct stat st;

	put_file(lab->path, "", 0);
	assert_int_equal(chmod(lab->path, 0644), 0);
	lab_take(lab, 0);
	assert_int_equal(stat(lab->path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0660);
}

/* fault: Q7 */
static void random_bytes(void **state)
{
	struct lab *lab = *state;
	char bytes[50000];

	srandom(1);
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)random();
	put_file(lab->path, bytes, sizeof(bytes));
	expect(lab, "is not a SQLite database; " NEW_QUEUE);
	memcpy(bytes, "SQLite format 3", 16);
	put_file(lab->path, bytes, sizeof(bytes));
	expect(lab, "is not a SQLite database; " NEW_QUEUE);
	put_file(lab->path, "xy", 2);
	expect(lab, "is not a SQLite database; " NEW_QUEUE);
}

/* fault: Q6 */
static void holes(void **state)
{
	struct lab *lab = *state;

	put_file(lab->path, "", 0);
	assert_int_equal(truncate(lab->path, 100 << 20), 0);
	expect(lab, "is not a SQLite database; " NEW_QUEUE);
	if (truncate(lab->path, (off_t)2 << 40) < 0)
		skip();
	expect(lab, "is 2199023255552 bytes long, more than a queue can be");
}

static void another_owner(void **state)
{
	struct lab *lab = *state;

	if (geteuid() != 0)
		skip();
	lab_take(lab, 0);
	assert_int_equal(chown(lab->path, 54321, 0), 0);
	expect(lab, "belongs to user 54321, not to clerk-tokend (user 0): chown it");
	assert_int_equal(chown(lab->path, 0, 0), 0);
	lab_take(lab, 0);
}

static void the_mode_is_set_back(void **state)
{
	struct lab *lab = *state;
	struct stat st;

	lab_take(lab, 0);
	assert_int_equal(chmod(lab->path, 0666), 0);
	lab_take(lab, 0);
	assert_int_equal(stat(lab->path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0660);
}

static void a_file_that_may_not_be_written(void **state)
{
	struct lab *lab = *state;
	int status;
	pid_t pid;

	if (geteuid() != 0)
		skip();
	lab_take(lab, 0);
	assert_int_equal(chmod(lab->path, 0664), 0);
	(void)fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct queue_options options = {.folder = lab->queue};
		struct error err = ERROR_NULL;
		struct queue *queue;

		if (chmod(lab->queue, 02777) || setgroups(0, NULL) || setgid(54321) ||
			setuid(54321))
			_exit(2);
		queue_new(&options, &queue);
		if (queue_ensure(queue, &lab->cursor, NULL, &err) != QUEUE_E_FAULT ||
			!strstr(err.text, "may not be written by clerk-tokend: it needs "
					  "the mode 0660 and the daemon in its group"))
			(void)fprintf(stderr, "%s\n", err.text);
		else
			_exit(0);
		_exit(1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* ---- what is in it ---- */

static void another_programs_database(void **state)
{
	struct lab *lab = *state;

	lab_sql(lab, "CREATE TABLE notes(text)");
	expect(lab, "is another program's database (application_id 0), not a "
		    "queue; " NEW_QUEUE);
}

static void an_application_id_that_is_not_ours(void **state)
{
	struct lab *lab = *state;

	lab_take(lab, 0);
	lab_sql(lab, "PRAGMA application_id = 7");
	lab->cursor = (struct queue_cursor){0};
	queue_free(lab->q);
	queue_new(&(struct queue_options){.folder = lab->queue}, &lab->q);
	expect(lab, "is another program's database (application_id 7), not a "
		    "queue; " NEW_QUEUE);
}

static void a_newer_version(void **state)
{
	struct lab *lab = *state;

	lab_take(lab, 0);
	lab_sql(lab, "PRAGMA user_version = 9");
	queue_free(lab->q);
	queue_new(&(struct queue_options){.folder = lab->queue}, &lab->q);
	expect(lab, "was written by a newer version of clerk-tokend (its schema is 9, "
		    "this one "
		    "knows 1); install that version");
}

static const struct {
	const char *sql, *fault;
} schema_faults[] = {
	{"DROP TABLE batch", "the table batch is missing; " NEW_QUEUE},
	{"DROP TABLE batch; CREATE VIEW batch AS SELECT 1 AS name",
		"the view batch is not the shipped one: it was changed; " NEW_QUEUE},
	{"DROP INDEX job_urgent", "the index job_urgent is missing; " NEW_QUEUE},
	{"DROP TRIGGER job_no_update",
		"the trigger job_no_update is missing; " NEW_QUEUE},
	{"ALTER TABLE job ADD COLUMN note TEXT",
		"the table job is not the shipped one: it was changed; " NEW_QUEUE},
	{"ALTER TABLE job ADD COLUMN note TEXT GENERATED ALWAYS AS (hex(zeroblob(9))) "
	 "VIRTUAL",
		"the table job is not the shipped one: it was changed; " NEW_QUEUE},
	{"ALTER TABLE command RENAME COLUMN verb TO word",
		"the table command is not the shipped one: it was changed; " NEW_QUEUE},
	{"CREATE INDEX mine ON job (length(hex(reason)))",
		"the index mine is not the queue's own but hangs on a table of it; drop "
		"it"},
	{"CREATE TRIGGER \"a\nb\" AFTER DELETE ON JOB BEGIN SELECT 1; END",
		"the trigger a\\x0ab is not the queue's own but hangs on a table of it; "
		"drop "
		"it"},
	{"DROP TABLE job; DROP TABLE command; DROP TABLE batch",
		"the table job is missing; " NEW_QUEUE},
};

/* fault: Q2 */
static void a_changed_schema_is_named(void **state)
{
	struct lab *lab = *state;

	for (size_t i = 0; i < ARRAY_LEN(schema_faults); i++) {
		lab_take(lab, 0);
		lab_sql(lab, schema_faults[i].sql);
		/* First by the connection that is open, then by one that comes anew. */
		assert_int_equal(lab_ensure(lab), 0);
		assert_int_equal(lab_read(lab, 1000), QUEUE_E_FAULT);
		if (!strstr(lab->err.text, schema_faults[i].fault))
			fail_msg("got  %s\n  want %s", lab->err.text,
				schema_faults[i].fault);
		expect(lab, schema_faults[i].fault);
		/* Nobody wrote: nothing to look at again. */
		assert_false(queue_changed(lab->q));
		assert_int_equal(lab_read(lab, 1000), QUEUE_E_BUSY);
		assert_int_equal(unlink(lab->path), 0);
	}
	lab_take(lab, 0);
}

/* Behind SQLite's back the schema's number stays: what is open keeps the shipped schema,
 * and the next opening finds it. */
/* fault: Q2 */
static void a_schema_changed_by_hand(void **state)
{
	struct lab *lab = *state;

	lab_take(lab, 0);
	lab_sql(lab, "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = "
		     "replace(sql, "
		     "'TEXT NOT NULL', 'TEXT') WHERE name = 'command'; PRAGMA "
		     "writable_schema = RESET");
	lab_take(lab, 0);
	queue_free(lab->q);
	queue_new(&(struct queue_options){.folder = lab->queue}, &lab->q);
	expect(lab,
		"the table command is not the shipped one: it was changed; " NEW_QUEUE);
}

static void a_fault_ends_by_itself(void **state)
{
	struct lab *lab = *state;

	lab_take(lab, 0);
	lab_sql(lab, "CREATE TRIGGER t AFTER INSERT ON job BEGIN SELECT 1; END;"
		     "INSERT INTO job(action, user_id) VALUES('create', 'u')");
	assert_int_equal(lab_ensure(lab), 0);
	assert_int_equal(lab_read(lab, 1000), QUEUE_E_FAULT);
	expect(lab, "the trigger t is not the queue's own");
	lab_sql(lab, "DROP TRIGGER t");
	lab_take(lab, 1);
}

/* fault: Q2 */
static void foreign_tables_are_a_warning(void **state)
{
	struct lab *lab = *state;

	lab_take(lab, 0);
	lab_sql(lab, "CREATE TABLE notes(text DEFAULT (hex(randomblob(4))));"
		     "CREATE INDEX n ON notes (text);"
		     "CREATE TRIGGER t AFTER INSERT ON notes BEGIN DELETE FROM job; END;"
		     "CREATE VIEW v AS SELECT * FROM job;"
		     "CREATE VIRTUAL TABLE f USING fts5(x);"
		     "INSERT INTO job(action, user_id) VALUES('create', 'u')");
	lab_take(lab, 1);
	lab_take(lab, 0);
	assert_non_null(lab->warning);
	assert_non_null(strstr(lab->warning,
		"holds what is not the queue's: table notes, view v, table "
		"f, table f_data, table f_idx and more; it is left alone"));
	lab_take(lab, 0);
	assert_null(lab->warning);
	/* And with the check of the structure. */
	queue_free(lab->q);
	queue_new(&(struct queue_options){.folder = lab->queue}, &lab->q);
	lab_take(lab, 0);
	assert_non_null(lab->warning);
}

/* fault: Q4 */
static void analyze_and_vacuum_while_open(void **state)
{
	struct lab *lab = *state;

	lab_take(lab, 0);
	lab_sql(lab, "INSERT INTO job(action, user_id) VALUES('create', 'u'); ANALYZE;"
		     "PRAGMA page_size = 512; VACUUM");
	lab_take(lab, 1);
	lab_sql(lab, "INSERT INTO job(action, sign_in_token_id) VALUES('revoke', 's'); "
		     "VACUUM");
	lab_take(lab, 2);
}

/* ---- damage ---- */

/* fault: Q7 */
static void a_damaged_page(void **state)
{
	struct lab *lab = *state;
	int64_t page_size, root;
	char junk[300];
	int fd;

	lab_take(lab, 0);
	lab_sql(lab, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
		     "WHERE i < 2000) INSERT INTO job(action, user_id) "
		     "SELECT 'create', 'user_' || i FROM n;");
	page_size = lab_int(lab, "PRAGMA page_size");
	root = lab_int(lab, "SELECT rootpage FROM sqlite_schema WHERE name = 'job'");
	queue_free(lab->q);
	queue_new(&(struct queue_options){.folder = lab->queue}, &lab->q);
	memset(junk, 0xaa, sizeof(junk));
	fd = open(lab->path, O_WRONLY);
	assert_int_equal(
		pwrite(fd, junk, sizeof(junk), (root - 1) * page_size), sizeof(junk));
	assert_int_equal(close(fd), 0);
	expect(lab, "is damaged: ");
	assert_non_null(strstr(lab->err.text, NEW_QUEUE));
}

static void a_file_that_was_cut(void **state)
{
	struct lab *lab = *state;

	lab_take(lab, 0);
	lab_sql(lab, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
		     "WHERE i < 2000) INSERT INTO job(action, user_id) "
		     "SELECT 'create', 'user_' || i FROM n;");
	assert_int_equal(truncate(lab->path, 60000), 0);
	/* While it is open, at some page; and when it is opened anew. */
	while (lab_ensure(lab) == 0 && lab_read(lab, 1000) == 0)
		assert_true(lab->more);
	assert_non_null(strstr(lab->err.text, "is damaged: "));
	queue_free(lab->q);
	queue_new(&(struct queue_options){.folder = lab->queue}, &lab->q);
	expect(lab, "is damaged: ");
}

/* ---- ids ---- */

/* fault: J9 */
static void an_old_copy_is_not_read(void **state)
{
	struct lab *lab = *state;
	AUTO(free_ptr) char *copy = xasprintf("cp -p %s %s.old", lab->path, lab->path);
	AUTO(free_ptr) char *restore = xasprintf("mv %s.old %s", lab->path, lab->path);

	lab_take(lab, 0);
	(void)lab_program(lab, "INSERT INTO job(action, user_id) VALUES('create', 'u1');"
			       "INSERT INTO command(verb) VALUES('pause');");
	assert_int_equal(system(copy), 0);
	(void)lab_program(
		lab, "INSERT INTO job(action, user_id) VALUES('create', 'u2');");
	lab_take(lab, 2);
	assert_int_equal(system(restore), 0);
	expect(lab, "went backwards (an old copy restored?): the last job id it gave out "
		    "is 1, "
		    "but 2 was taken; restore the newer file, or start clerk-tokend once "
		    "with --new-queue");
	lab->cursor.job = 1;
	lab->cursor.command = 5;
	expect(lab, "went backwards (an old copy restored?): the last command id it gave "
		    "out is "
		    "1, but 5 was taken");
	lab->cursor.command = 1;
	lab->cursor.urgent = 2;
	expect(lab, "went backwards");
}

/* fault: J9 */
static void ids_rewound_while_open(void **state)
{
	struct lab *lab = *state;

	lab_take(lab, 0);
	(void)lab_program(
		lab, "INSERT INTO job(action, user_id) VALUES('create', 'u1');");
	lab_take(lab, 1);
	lab_sql(lab, "DELETE FROM job; DELETE FROM sqlite_sequence;"
		     "INSERT INTO job(action, user_id) VALUES('create', 'u2')");
	lab->cursor.job = 2;
	assert_int_equal(lab_ensure(lab), 0);
	assert_int_equal(lab_read(lab, 1000), QUEUE_E_FAULT);
	assert_non_null(strstr(lab->err.text, "went backwards"));
	assert_int_equal(lab->n_rows, 0);
}

static void an_id_that_jumps(void **state)
{
	struct lab *lab = *state;

	lab_take(lab, 0);
	lab_sql(lab,
		"INSERT INTO job(id, action, user_id) VALUES(10000000, 'create', 'u')");
	lab_take(lab, 1);
	lab_sql(lab,
		"INSERT INTO job(id, action, user_id) VALUES(20000001, 'create', 'u');"
		"INSERT INTO command(verb, action) VALUES('cancel', 'create')");
	assert_int_equal(lab_ensure(lab), 0);
	assert_int_equal(lab_read(lab, 1000), QUEUE_E_FAULT);
	assert_non_null(strstr(lab->err.text, ": job 20000001 jumps by more than "
					      "10000000 past 10000000 (an id given by "
					      "hand?)"));
	assert_int_equal(lab->n_commands, 0);
	assert_int_equal(lab->cursor.job, 10000000);
	lab_sql(lab, "DELETE FROM job; UPDATE sqlite_sequence SET seq = 10000000 WHERE "
		     "name = 'job'; INSERT INTO command(id, verb) "
		     "VALUES(999999999999, 'pause')");
	assert_int_equal(lab_ensure(lab), 0);
	assert_int_equal(lab_read(lab, 1000), QUEUE_E_FAULT);
	assert_non_null(
		strstr(lab->err.text, ": command 999999999999 jumps by more than"));
	lab_sql(lab, "DELETE FROM command; DELETE FROM sqlite_sequence WHERE name = "
		     "'command'; INSERT INTO job(id, action, user_id) "
		     "VALUES(9223372036854775807, 'create', 'u')");
	assert_int_equal(lab_ensure(lab), 0);
	assert_int_equal(lab_read(lab, 1000), QUEUE_E_FAULT);
}

/* Urgent rows are taken first, and what is taken is in the audit for good. Two of them
 * stand by each other. */
static void an_urgent_id_that_jumps(void **state)
{
	static const char *const pairs[] = {"(99999999999, 'create', 'u', 9), "
					    "(100000000000, 'create', 'u', 9)",
		"(9223372036854775807, 'create', 'u', 9)",
		"(5000000, 'create', 'u', 0), (15000001, 'create', 'u', 9), "
		"(15000002, 'create', 'u', 0)"};
	struct lab *lab = *state;

	lab_take(lab, 0);
	for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
		AUTO(free_ptr)
		char *sql = xasprintf(
			"DELETE FROM job; DELETE FROM sqlite_sequence; INSERT INTO "
			"job(id, action, user_id, priority) VALUES %s",
			pairs[i]);

		lab_sql(lab, sql);
		assert_int_equal(lab_ensure(lab), 0);
		assert_int_equal(lab_read(lab, 1000), QUEUE_E_FAULT);
		assert_non_null(strstr(lab->err.text, " jumps by more than 10000000"));
		assert_int_equal(lab->n_rows, 0);
	}
	assert_non_null(strstr(lab->err.text, ": job 15000001 jumps by more than "
					      "10000000 past 5000000"));
}

/* No row can be inserted any more, or the next one jumps: said, with what to do. */
static void a_sequence_that_ran_ahead(void **state)
{
	static const char *const tables[] = {"job", "command"};
	struct lab *lab = *state;

	lab_take(lab, 0);
	lab_sql(lab, "INSERT INTO job(action, user_id) VALUES('create', 'u');"
		     "INSERT INTO command(verb) VALUES('pause')");
	lab_take(lab, 1);
	for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
		AUTO(free_ptr)
		char *remedy =
			xasprintf("set the seq of '%s' there back to 1", tables[i]);
		AUTO(free_ptr)
		char *ahead =
			xasprintf("UPDATE sqlite_sequence SET seq = 9223372036854775807 "
				  "WHERE name = '%s'",
				tables[i]);
		AUTO(free_ptr)
		char *back =
			xasprintf("UPDATE sqlite_sequence SET seq = 1 WHERE name = '%s'",
				tables[i]);

		lab_sql(lab, ahead);
		assert_int_equal(lab_ensure(lab), 0);
		assert_int_equal(lab_read(lab, 1000), QUEUE_E_FAULT);
		assert_non_null(strstr(lab->err.text, remedy));
		lab_expect_fault(lab, remedy);
		lab_sql(lab, back);
		lab_take(lab, 0);
	}
}

/* More than 10,000,000 ids may wait, as long as they are there. */
static void far_behind_is_no_jump(void **state)
{
	struct lab *lab = *state;

	lab_take(lab, 0);
	lab_sql(lab,
		"INSERT INTO job(id, action, user_id) VALUES(9000000, 'create', 'u'), "
		"(18000000, 'create', 'u'), (27000000, 'create', 'u')");
	lab_take(lab, 3);
	assert_int_equal(lab->cursor.job, 27000000);
}

/* ---- replaced ---- */

/* fault: D7 */
static void a_removed_file_is_made_anew(void **state)
{
	struct lab *lab = *state;

	lab_take(lab, 0);
	(void)lab_program(
		lab, "INSERT INTO job(action, user_id) VALUES('create', 'u1');");
	lab_take(lab, 1);
	assert_int_equal(unlink(lab->path), 0);
	assert_true(queue_changed(lab->q));
	lab_take(lab, 0);
	assert_string_equal(lab_program(lab, "INSERT INTO job(action, user_id) "
					     "VALUES('create', 'u1') RETURNING id;"),
		"2\n");
	lab_take(lab, 1);
}

/* fault: Q5 D7 */
static void replaced_while_open(void **state)
{
	struct lab *lab = *state;
	AUTO(free_ptr) char *other = xasprintf("%s/other.db", lab->folder);

	lab_take(lab, 0);
	assert_int_equal(rename(lab->path, other), 0);
	assert_int_equal(mkfifo(lab->path, 0660), 0);
	assert_true(queue_changed(lab->q));
	expect(lab, "is a FIFO, not a regular file; move it away");
	assert_int_equal(unlink(lab->path), 0);
	lab_take(lab, 0);
	assert_int_equal(unlink(lab->path), 0);
	assert_int_equal(mkdir(lab->path, 0770), 0);
	assert_true(queue_changed(lab->q));
	expect(lab, "is a folder, not a regular file; move it away");
	assert_int_equal(rmdir(lab->path), 0);
	lab_take(lab, 0);
	/* Even one that leads to a queue. */
	assert_int_equal(unlink(lab->path), 0);
	assert_int_equal(symlink(other, lab->path), 0);
	assert_true(queue_changed(lab->q));
	expect(lab, "is a symbolic link, not a regular file; move it away");
	assert_int_equal(unlink(lab->path), 0);
	assert_int_equal(rename(other, lab->path), 0);
	lab_take(lab, 0);
}

static void set_aside(void **state)
{
	struct lab *lab = *state;
	AUTO(free_ptr) char *journal = xasprintf("%s-journal", lab->path);
	AUTO(free_ptr) char *first = NULL;
	AUTO(free_ptr) char *second = NULL;
	AUTO(free_ptr) char *none = NULL;
	AUTO(free_ptr) char *aside = NULL;

	assert_int_equal(mkdir(lab->path, 0770), 0);
	put_file(journal, "x", 1);
	assert_int_equal(
		queue_set_aside(lab->queue, 1767323045678, &first, &lab->err), 0);
	assert_string_equal(first, "queue.db.aside-20260102T030405");
	assert_false(lab_exists(lab, ""));
	assert_false(lab_exists(lab, "-journal"));
	assert_true(lab_exists(lab, ".aside-20260102T030405"));
	assert_true(lab_exists(lab, ".aside-20260102T030405-journal"));
	lab_take(lab, 0);
	assert_int_equal(
		queue_set_aside(lab->queue, 1767323045678, &second, &lab->err), 0);
	assert_string_equal(second, "queue.db.aside-20260102T030405-2");
	assert_int_equal(queue_set_aside(lab->queue, 1767323045678, &none, &lab->err), 0);
	assert_null(none);
	aside = xasprintf("%s/none", lab->folder);
	assert_int_equal(queue_set_aside(aside, 0, &none, &lab->err), -1);
	lab_take(lab, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, lab_setup, lab_teardown)
	const struct CMUnitTest tests[] = {
		TEST(no_folder),
		TEST(the_folder_is_a_link),
		TEST(a_link_is_not_followed),
		TEST(a_fifo_does_not_block),
		TEST(a_folder),
		TEST(a_second_name),
		TEST(an_empty_file_is_filled),
		TEST(random_bytes),
		TEST(holes),
		TEST(another_owner),
		TEST(the_mode_is_set_back),
		TEST(a_file_that_may_not_be_written),
		TEST(another_programs_database),
		TEST(an_application_id_that_is_not_ours),
		TEST(a_newer_version),
		TEST(a_changed_schema_is_named),
		TEST(a_schema_changed_by_hand),
		TEST(a_fault_ends_by_itself),
		TEST(foreign_tables_are_a_warning),
		TEST(analyze_and_vacuum_while_open),
		TEST(a_damaged_page),
		TEST(a_file_that_was_cut),
		TEST(an_old_copy_is_not_read),
		TEST(ids_rewound_while_open),
		TEST(an_id_that_jumps),
		TEST(an_urgent_id_that_jumps),
		TEST(a_sequence_that_ran_ahead),
		TEST(far_behind_is_no_jump),
		TEST(a_removed_file_is_made_anew),
		TEST(replaced_while_open),
		TEST(set_aside),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
