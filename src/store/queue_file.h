/* queue.db as a thing in a folder that others write to: what kind of file it is, making
 * it, putting it aside. Nothing here opens it: a descriptor that is closed drops SQLite's
 * locks. */
#pragma once

#include "base/error.h"
#include "store/queue.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

/* How a fault of the file's content ends. */
#define QUEUE_FILE_REMEDY                                                                \
	"put the right file back, or start clerk-tokend once with --new-queue"

/* The state of a file as stat tells it: equal as long as nobody wrote. All 0 = missing.
 */
struct queue_file_mark {
	struct timespec mtime, ctime;
	dev_t dev;
	ino_t ino;
	off_t size;
};

/* What there is of a queue. */
struct queue_file {
	bool exists;
	bool has_wal; /* queue.db-wal lies beside it and is not empty */
	struct queue_file_mark db, journal;
};

/* The folder's canonical name into *ret_folder, a new string. The folder itself is no
 * link. 0, or QUEUE_E_FAULT. */
int queue_file_resolve(const char *folder, char **ret_folder, struct error *err);

/* Looks at queue.db (path) and its side files without following links: regular, one link,
 * ours or root's, of a size that can be read; gives it the mode 0660 where it has
 * another. 0 (also where it is missing), or QUEUE_E_FAULT. */
int queue_file_look(const char *path, struct queue_file *ret_file, struct error *err);

/* Makes the empty file, 0660, where there is none. 0, QUEUE_E_FULL, QUEUE_E_FAULT. */
int queue_file_make(const char *path, struct error *err);

/* Makes what stands in the folder (a journal that is gone) outlive a power cut. 0, or
 * QUEUE_E_FULL. */
int queue_file_sync_folder(const char *folder, struct error *err);

/* Whether both are one file that nobody wrote in between. */
bool queue_file_same(const struct queue_file_mark *a, const struct queue_file_mark *b);
