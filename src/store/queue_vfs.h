/*
 * The file system as SQLite may see it through queue.db: that file, its rollback journal,
 * nothing else.
 *
 * A journal that somebody planted can name a super-journal, and SQLite's rollback deletes
 * the file of that name. So a super-journal is never opened: SQLite has played an honest
 * journal back and removed it by the time it asks for that, hence the first statement
 * fails once with SQLITE_CANTOPEN and the next one goes on. Whether the named file exists
 * is answered truthfully, because that is what tells a committed transaction from a dead
 * one. Shared memory and mmap are not offered, so the WAL mode cannot be entered, except
 * on a connection that holds the file for itself alone (QUEUE_VFS_REPAIR).
 */
#pragma once

#include "base/error.h"

#include <stdbool.h>

struct queue_vfs;

enum queue_vfs_kind {
	QUEUE_VFS_PLAIN, /* queue.db and queue.db-journal */
	QUEUE_VFS_REPAIR /* queue.db-wal too: to leave the WAL mode */
};

/* Registers a VFS for the database at path (canonical, absolute; copied), over SQLite's
 * default one. 0, or < 0 where SQLite has none or no memory. The caller queue_vfs_free()s
 * *ret_vfs after the last connection was closed. */
int queue_vfs_new(const char *path, enum queue_vfs_kind kind, struct queue_vfs **ret_vfs,
	struct error *err);

/* Takes it back from SQLite and frees it. NULL is fine. */
void queue_vfs_free(struct queue_vfs *vfs);

/* The name to open with. Borrowed, as long as vfs. */
const char *queue_vfs_name(const struct queue_vfs *vfs);
