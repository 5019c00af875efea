/*
 * Anything as queue.db: a fault with one line of text, or rows; nothing else is touched,
 * and it ends. The first byte says what the rest is:
 *
 * 0 the file itself, the last two bytes saying how much of the end is its journal;
 * 1 changes to a good file: two bytes of where, one of how much, and the bytes;
 * 2 SQL that a submitter ran on a good file;
 * 3 a journal beside a good file; the next byte is odd where it is to name a victim.
 */
#include "fuzz.h"

#include "base/mem.h"
#include "model/job.h"
#include "store/queue.h"

#include <dirent.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[100], path[120], victim[120];
static struct buf good; /* a queue.db with rows */

/* ---- a good file ---- */

static void run_sql(sqlite3 *db, const char *sql)
{
	must(sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK);
}

static void read_good(void)
{
	FILE *file = fopen(path, "re");
	char chunk[4096];
	size_t n;

	must(file != NULL);
	while ((n = fread(chunk, 1, sizeof(chunk), file)) > 0)
		buf_append(&good, chunk, n);
	(void)fclose(file);
}

/* Small pages: more of the file is structure. */
static void fill_good(void)
{
	sqlite3 *db;

	must(sqlite3_open(path, &db) == SQLITE_OK);
	run_sql(db, "INSERT INTO job (action, user_id, batch, idempotency_key)"
		    " VALUES ('create', 'user_1', 'b', 'k'), ('create', 'user_2', 'b', "
		    "NULL)");
	run_sql(db, "INSERT INTO job (action, sign_in_token_id, reason, priority)"
		    " VALUES ('revoke', 'sit_1', 'why', 10)");
	run_sql(db, "INSERT INTO batch (name, release_first) VALUES ('b', 1)");
	run_sql(db, "INSERT INTO command (verb, batch) VALUES ('pause', 'b')");
	run_sql(db, "INSERT INTO command (verb, job_id) VALUES ('cancel', 2)");
	run_sql(db, "PRAGMA page_size = 512; VACUUM");
	must(sqlite3_close(db) == SQLITE_OK);
}

static void prepare(void)
{
	struct queue_options options = {.folder = folder};
	struct queue_cursor cursor = {0};
	struct queue *queue;

	if (good.len)
		return;
	(void)snprintf(victim, sizeof(victim), "%s", fuzz_file("victim", "alive", 5));
	(void)snprintf(folder, sizeof(folder), "%s/queue", fuzz_folder());
	(void)snprintf(path, sizeof(path), "%s/queue.db", folder);
	must(mkdir(folder, 0700) == 0);
	queue_new(&options, &queue);
	must(queue_ensure(queue, &cursor, NULL, NULL) == 0);
	queue_free(queue);
	fill_good();
	read_good();
}

/* ---- what was made of it ---- */

static void put_file(const char *name, const void *bytes, size_t len)
{
	AUTO(free_ptr) char *inner = xasprintf("queue/%s", name);

	(void)fuzz_file(inner, bytes, len);
}

static void put_raw(const struct fuzz_input *input)
{
	size_t len = input->len, journal_len;

	if (len < 2)
		return;
	len -= 2;
	journal_len = (size_t)input->data[len] << 8 | input->data[len + 1];
	journal_len = journal_len > len ? len : journal_len;
	put_file("queue.db", input->data, len - journal_len);
	if (journal_len)
		put_file(
			"queue.db-journal", input->data + len - journal_len, journal_len);
}

static void put_changed(struct fuzz_input *input)
{
	AUTO(free_ptr) char *bytes = xmalloc(good.len);

	memcpy(bytes, good.data, good.len);
	while (input->len) {
		size_t at = (size_t)fuzz_byte(input) << 8, n;

		at = (at | fuzz_byte(input)) % good.len;
		n = fuzz_byte(input) % 64;
		for (; n && input->len && at < good.len; n--)
			bytes[at++] = (char)fuzz_byte(input);
	}
	put_file("queue.db", bytes, good.len);
}

/* Keeps SQL to the file, and to this process's folder. */
static int on_authorize(void *userdata, int action, const char *a, const char *b,
	const char *database, const char *trigger)
{
	(void)userdata;
	(void)b;
	(void)database;
	(void)trigger;
	if (action == SQLITE_ATTACH && a && *a)
		return SQLITE_DENY;
	if (action == SQLITE_PRAGMA && a &&
		(strstr(a, "heap_limit") || strstr(a, "store") || strstr(a, "mmap")))
		return SQLITE_DENY;
	return SQLITE_OK;
}

static int on_progress(void *userdata)
{
	return ++*(int *)userdata > 20;
}

static void put_sql(struct fuzz_input *input)
{
	AUTO(free_ptr) char *sql = fuzz_rest(input);
	int steps = 0;
	sqlite3 *db;

	put_file("queue.db", good.data, good.len);
	must(sqlite3_open(path, &db) == SQLITE_OK);
	(void)sqlite3_limit(db, SQLITE_LIMIT_LENGTH, 1 << 20);
	(void)sqlite3_set_authorizer(db, on_authorize, NULL);
	sqlite3_progress_handler(db, 1000, on_progress, &steps);
	(void)sqlite3_exec(db, sql, NULL, NULL, NULL);
	(void)sqlite3_close(db);
}

/* As SQLite ends a journal that belongs to a transaction over several files: whoever
 * rolls it back deletes the file that it names. */
static void put_journal(struct fuzz_input *input)
{
	static const uint8_t magic[] = {0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7};
	bool names_victim = fuzz_byte(input) & 1;
	uint32_t len = (uint32_t)strlen(victim), sum = 0;
	AUTO(buf) struct buf journal = BUF_NULL;

	buf_append(&journal, input->data, input->len);
	for (uint32_t i = 0; i < len; i++)
		sum += (uint8_t)victim[i];
	if (names_victim) {
		const uint8_t ends[] = {(uint8_t)(len >> 24), (uint8_t)(len >> 16),
			(uint8_t)(len >> 8), (uint8_t)len, (uint8_t)(sum >> 24),
			(uint8_t)(sum >> 16), (uint8_t)(sum >> 8), (uint8_t)sum};

		buf_append(&journal, "\0\0\0", 4);
		buf_append(&journal, victim, len);
		buf_append(&journal, ends, sizeof(ends));
		buf_append(&journal, magic, sizeof(magic));
	}
	put_file("queue.db", good.data, good.len);
	put_file("queue.db-journal", buf_str(&journal), journal.len);
}

static void put(struct fuzz_input *input)
{
	switch (fuzz_byte(input) % 4) {
	case 0:
		put_raw(input);
		break;
	case 1:
		put_changed(input);
		break;
	case 2:
		put_sql(input);
		break;
	case 3:
		put_journal(input);
		break;
	}
}

static void remove_all(void)
{
	static const char *const ends[] = {"", "-journal", "-wal", "-shm"};

	for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
		AUTO(free_ptr) char *name = xasprintf("%s%s", path, ends[i]);

		(void)unlink(name);
	}
}

/* ---- what is read ---- */

static int on_command(void *userdata, const struct queue_command *command,
	int64_t snapshot, struct error *err)
{
	(void)userdata;
	(void)err;
	must(command->detail && snapshot >= 0);
	must(command->fault ? fuzz_is_line(command->fault)
			    : command->id > 0 && command->id <= JOB_ID_MAX);
	return 0;
}

static int on_row(void *userdata, const struct queue_row *row, struct error *err)
{
	(void)userdata;
	(void)err;
	must(row->detail && row->job.requested_by);
	must(row->fault ? fuzz_is_line(row->fault)
			: row->job.id > 0 && row->job.id <= JOB_ID_MAX);
	return 0;
}

static int is_known(void *userdata, int64_t id, bool *ret_known, struct error *err)
{
	(void)userdata;
	(void)err;
	*ret_known = id % 2;
	return 0;
}

static void expect_outcome(int rc, const struct error *err)
{
	must(rc == 0 || rc == QUEUE_E_FAULT || rc == QUEUE_E_BUSY);
	must(rc == 0 || fuzz_is_line(err->text));
}

static void use(struct queue *queue)
{
	const struct queue_reader reader = {.on_command = on_command, .on_row = on_row};
	struct queue_cursor cursor = {0};
	struct error err = ERROR_NULL;
	bool more = true;
	struct queue_swept swept;
	int rc = 0;

	for (int i = 0; i < 4 && more && rc == 0; i++) {
		char *warning = NULL;

		rc = queue_ensure(queue, &cursor, &warning, &err);
		must(!warning || fuzz_is_line(warning));
		free(warning);
		expect_outcome(rc, &err);
		if (rc == 0) {
			rc = queue_read(queue, &cursor, 100, &reader, &more, &err);
			expect_outcome(rc, &err);
		}
	}
	for (int i = 0; i < 2 && rc == 0; i++) {
		rc = queue_sweep(queue, 100, 100, is_known, &reader, &swept, &err);
		expect_outcome(rc, &err);
	}
	(void)queue_changed(queue);
}

/* Only what SQLite has beside a database, and the victim of a planted journal lives. */
static void check_others(void)
{
	DIR *dir = opendir(folder);
	struct dirent *entry;
	struct stat st;

	must(dir != NULL);
	while ((entry = readdir(dir)))
		must(*entry->d_name == '.' || !strncmp(entry->d_name, "queue.db", 8));
	(void)closedir(dir);
	must(stat(victim, &st) == 0 && st.st_size == 5);
}

/* fault: Q2 Q3 Q7 Q8 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct queue_options options = {.folder = folder};
	struct fuzz_input input = {data, len};
	struct queue *queue;

	prepare();
	remove_all();
	put(&input);
	queue_new(&options, &queue);
	use(queue);
	queue_free(queue);
	check_others();
	return 0;
}
