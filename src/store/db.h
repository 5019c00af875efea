/* Connections to the databases that the daemon owns: audit.db and tokens.db. */
#pragma once

#include "base/error.h"
#include "store/sql.h"

#include <stdbool.h>
#include <sys/types.h>

#define DB_APP_QUEUE  0x436c6b51 /* "ClkQ": PRAGMA application_id of queue.db */
#define DB_APP_AUDIT  0x436c6b41 /* "ClkA": of audit.db */
#define DB_APP_TOKENS 0x436c6b54 /* "ClkT": of tokens.db */

struct db_kind {
	const char *name;               /* "audit.db", for texts */
	int application_id;             /* DB_APP_… */
	const struct sql_text *schemas; /* migrations 1 … n, in order */
	int n_schemas;
};

/* The shipped schemas, in the order of their numbers. */
extern const struct db_kind db_audit, db_tokens, db_queue; /* db_queue: queue_schema.c */

/* Opens path for its one writer: makes it where it is missing (mode 0640, its folder must
 * be there), WAL, synchronous=FULL, no auto-checkpoint, no mmap, side files stay;
 * migrates. 0, or < 0; DB_E_FULL: the disk is full (err says so; try again). A newer
 * schema or another program's file is refused. The caller db_close()s *ret_db. */
#define DB_E_FULL 1
int db_open_owned(const char *path, const struct db_kind *kind, sqlite3 **ret_db,
	struct error *err);

/* Opens path read-only for a reader (the CLI). 0 or < 0; DB_E_MISSING: no such file;
 * DB_E_PERMISSION: not allowed. *ret_db's schema is checked to be kind's and not newer.
 */
#define DB_E_MISSING    2
#define DB_E_PERMISSION 3
int db_open_readonly(const char *path, const struct db_kind *kind, sqlite3 **ret_db,
	struct error *err);

/* The write-ahead log that the connection opened, by its inode. */
struct db_place {
	bool known;
	dev_t device;
	ino_t inode;
};

/* Notes where db's write-ahead log lies, once it was read or written. */
void db_note_place(sqlite3 *db, struct db_place *ret_place);

/* Whether the database and its log still lie under their names: SQLite goes on with a
 * file that was removed or replaced, and nobody would find what it commits. 0, or < 0
 * with what is gone. */
int db_check_place(sqlite3 *db, const struct db_place *place, struct error *err);

/* The SQLite library's version as text (static) and as its number, 3040001 for 3.40.1. */
const char *db_library_version(void);
int db_library_number(void);

/* Closes; all statements must be finalized. NULL is fine. */
void db_close(sqlite3 *db);

/* Brings db to kind's newest schema, each step in one transaction with its user_version.
 * 0, DB_E_FULL or < 0. */
int db_migrate(sqlite3 *db, const struct db_kind *kind, struct error *err);

/* Reads which schema the file has, into *ret_version (0 = an empty file). < 0 where it is
 * another program's, or newer than kind knows. */
int db_read_version(
	sqlite3 *db, const struct db_kind *kind, int *ret_version, struct error *err);

/* Whether the connection's last error was a full disk (SQLITE_FULL, ENOSPC, EDQUOT). */
bool db_is_full(sqlite3 *db);

/* Whether it was that another process holds a lock that only the daemon should hold. */
bool db_is_locked(sqlite3 *db);

/* Copies the WAL into the database: RESTART, or TRUNCATE where truncate. 0, or < 0;
 * DB_E_BUSY: a reader is in the way, some of it may be done. */
#define DB_E_BUSY 4
int db_checkpoint(sqlite3 *db, bool truncate, struct error *err);

/* Gives back the memory of the pages that db keeps; they are read again when needed. */
void db_forget_pages(sqlite3 *db);
