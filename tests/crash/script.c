/* What scripts do to queue.db. */
#include "crash.h"

#include "base/mem.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static sqlite3 *script(struct life *life)
{
	AUTO(free_ptr) char *path = xasprintf("%s/queue/queue.db", life->folder);
	sqlite3 *db = NULL;

	if (sqlite3_open(path, &db) != SQLITE_OK)
		life_fail(life, "a script cannot open the queue: %s", sqlite3_errmsg(db));
	(void)sqlite3_busy_timeout(db, 10000);
	return db;
}

void life_sql(struct life *life, const char *sql)
{
	sqlite3 *db;

	if (life->failed)
		return;
	db = script(life);
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		life_fail(life, "a script: %s: %s", sql, sqlite3_errmsg(db));
	(void)sqlite3_close(db);
}

int life_create(struct life *life, const char *user_id, const char *columns,
	const char *values, bool for_good)
{
	AUTO(free_ptr)
	char *sql =
		xasprintf("PRAGMA synchronous = %s;"
			  "INSERT INTO job (action, user_id%s) VALUES ('create', '%s'%s)",
			for_good ? "EXTRA" : "FULL", columns, user_id, values);
	struct outside_job *job;
	sqlite3 *db;
	int id;

	if (life->failed)
		return 0;
	db = script(life);
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		life_fail(life, "a script: %s: %s", sql, sqlite3_errmsg(db));
	id = (int)sqlite3_last_insert_rowid(db);
	(void)sqlite3_close(db);
	job = outside_job(life, id);
	(void)snprintf(job->user_id, sizeof(job->user_id), "%s", user_id);
	job->told_for_good = for_good;
	life_changed(life);
	return id;
}

int life_revoke(struct life *life, int job_id)
{
	AUTO(free_ptr) char *sql = NULL;

	for (int i = 0; i < life->outside->n_tokens; i++)
		if (life->outside->tokens[i].job_id == job_id)
			sql = xasprintf("INSERT INTO job (action, sign_in_token_id) "
					"VALUES ('revoke', '%s')",
				life->outside->tokens[i].id);
	if (!sql)
		life_fail(life, "job %d has no token", job_id);
	else
		life_sql(life, sql);
	return 0;
}

/* ---- a script that dies ---- */

struct bytes {
	char path[300];
	unsigned char *bytes; /* owned */
	size_t len;
};

static void take_bytes(struct life *life, const char *name, struct bytes *ret)
{
	FILE *file;
	long size;

	(void)snprintf(ret->path, sizeof(ret->path), "%s/queue/%s", life->folder, name);
	file = fopen(ret->path, "rbe");
	if (!file)
		abort();
	(void)fseek(file, 0, SEEK_END);
	size = ftell(file);
	rewind(file);
	ret->len = (size_t)size;
	ret->bytes = xmalloc(ret->len + 1);
	if (fread(ret->bytes, 1, ret->len, file) != ret->len)
		abort();
	(void)fclose(file);
}

/* Page by page, and only those that differ: what SQLite did not write is not at stake. */
static void put_bytes(const struct bytes *from)
{
	int fd = open(from->path, O_RDWR | O_CREAT | O_CLOEXEC, 0660);
	unsigned char old[4096];

	for (size_t at = 0; at < from->len; at += sizeof(old)) {
		size_t len = from->len - at < sizeof(old) ? from->len - at : sizeof(old);

		if (pread(fd, old, len, (off_t)at) == (ssize_t)len &&
			!memcmp(old, from->bytes + at, len))
			continue;
		if (pwrite(fd, from->bytes + at, len, (off_t)at) < 0)
			abort();
	}
	(void)fdatasync(fd);
	(void)close(fd);
}

/* In SQLite's order: a header of the journal tells how many records stand behind it once
 * these are synced. (A record's checksum looks at one byte in 200, and would let a torn
 * one pass.) */
static void put_journal(const struct bytes *journal)
{
	static const unsigned char magic[8] = {
		0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7};
	struct bytes first = *journal;

	first.bytes = xmalloc(journal->len + 1);
	memcpy(first.bytes, journal->bytes, journal->len);
	for (size_t at = 0; at + 12 <= first.len; at += 512)
		if (!memcmp(first.bytes + at, magic, sizeof(magic)))
			memset(first.bytes + at + sizeof(magic), 0, 4);
	put_bytes(&first);
	put_bytes(journal);
	free(first.bytes);
}

/* The files are taken while the transaction stands open with pages of it in the database,
 * and are put back after it was rolled back: nobody holds a lock, and the journal is hot.
 */
void life_dead_script(struct life *life)
{
	AUTO(free_ptr) char *folder = xasprintf("%s/queue", life->folder);
	struct bytes db_bytes, journal;
	sqlite3 *db;
	int fd;

	if (life->failed)
		return;
	db = script(life);
	if (sqlite3_exec(db,
		    "PRAGMA cache_size = 2; PRAGMA cache_spill = 1; BEGIN;"
		    "WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60) "
		    "INSERT INTO job (action, user_id, reason) SELECT 'create', "
		    "'user_dead_' || i, hex(zeroblob(800)) FROM n",
		    NULL, NULL, NULL) != SQLITE_OK)
		life_fail(life, "a script: %s", sqlite3_errmsg(db));
	take_bytes(life, "queue.db", &db_bytes);
	take_bytes(life, "queue.db-journal", &journal);
	(void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
	(void)sqlite3_close(db);
	put_journal(&journal);
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	(void)fsync(fd);
	(void)close(fd);
	put_bytes(&db_bytes);
	free(db_bytes.bytes);
	free(journal.bytes);
}
