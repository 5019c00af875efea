#include "store/queue_file.h"

#include "base/clock.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define FILE_MODE      0660
#define FILE_MAX_BYTES ((off_t)64 << 30)

static const char *const side_suffixes[] = {"-journal", "-wal", "-shm"};

static const char *kind_name(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFLNK:
		return "a symbolic link";
	case S_IFDIR:
		return "a folder";
	case S_IFIFO:
		return "a FIFO";
	case S_IFSOCK:
		return "a socket";
	case S_IFCHR:
	case S_IFBLK:
		return "a device";
	default:
		return "a regular file";
	}
}

int queue_file_resolve(const char *folder, char **ret_folder, struct error *err)
{
	struct stat st;
	char *full;

	if (fstatat(AT_FDCWD, folder, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		(void)error_errno(err, errno,
			"%s: the queue's folder cannot be reached (it is to be there "
			"with "
			"mode 2770 and group clerk-submit)",
			folder);
		return QUEUE_E_FAULT;
	}
	if (!S_ISDIR(st.st_mode)) {
		(void)error_set(err,
			"%s: is %s where the queue's folder should be; replace it by a "
			"folder with mode 2770 and group clerk-submit",
			folder, kind_name(st.st_mode));
		return QUEUE_E_FAULT;
	}
	full = realpath(folder, NULL);
	if (!full) {
		(void)error_errno(err, errno, "%s", folder);
		return QUEUE_E_FAULT;
	}
	*ret_folder = full;
	return 0;
}

static struct queue_file_mark mark_of(const struct stat *st)
{
	return (struct queue_file_mark){.dev = st->st_dev,
		.ino = st->st_ino,
		.size = st->st_size,
		.mtime = st->st_mtim,
		.ctime = st->st_ctim};
}

/* 0 or QUEUE_E_FAULT; *ret_st.st_nlink is 0 where there is no such file. */
static int look_at(const char *path, struct stat *ret_st, struct error *err)
{
	memset(ret_st, 0, sizeof(*ret_st));
	if (fstatat(AT_FDCWD, path, ret_st, AT_SYMLINK_NOFOLLOW) == 0)
		return 0;
	memset(ret_st, 0, sizeof(*ret_st));
	if (errno == ENOENT)
		return 0;
	(void)error_errno(err, errno, "%s", path);
	return QUEUE_E_FAULT;
}

static int check_plain(const char *path, const struct stat *st, struct error *err)
{
	if (!S_ISREG(st->st_mode)) {
		(void)error_set(err, "%s: is %s, not a regular file; move it away", path,
			kind_name(st->st_mode));
		return QUEUE_E_FAULT;
	}
	if (st->st_nlink != 1) {
		(void)error_set(err,
			"%s: has %ju names (hard links), it must have one; remove the "
			"others",
			path, (uintmax_t)st->st_nlink);
		return QUEUE_E_FAULT;
	}
	return 0;
}

static int check_owner_and_size(
	const char *path, const struct stat *st, struct error *err)
{
	if (st->st_uid != geteuid() && st->st_uid != 0) {
		(void)error_set(err,
			"%s: belongs to user %ju, not to clerk-tokend (user %ju): chown "
			"it, "
			"or start clerk-tokend once with --new-queue",
			path, (uintmax_t)st->st_uid, (uintmax_t)geteuid());
		return QUEUE_E_FAULT;
	}
	if (st->st_size > FILE_MAX_BYTES) {
		(void)error_set(err,
			"%s: is %jd bytes long, more than a queue can be "
			"(%jd); " QUEUE_FILE_REMEDY,
			path, (intmax_t)st->st_size, (intmax_t)FILE_MAX_BYTES);
		return QUEUE_E_FAULT;
	}
	return 0;
}

/* Sets the mode back. Through a descriptor that only names the file, so that a link put
 * there meanwhile is not followed and no lock is dropped. Best effort. */
static void keep_mode(const char *path, const struct stat *st)
{
	char name[64];
	struct stat now;
	int fd;

	if ((st->st_mode & 07777) == FILE_MODE || (geteuid() && st->st_uid != geteuid()))
		return;
	fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return;
	(void)snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	if (fstat(fd, &now) == 0 && now.st_ino == st->st_ino &&
		now.st_dev == st->st_dev && S_ISREG(now.st_mode) && now.st_nlink == 1)
		(void)chmod(name, FILE_MODE);
	(void)close(fd);
}

static int look_at_db(const char *path, struct queue_file *file, struct error *err)
{
	struct stat st;
	int rc = look_at(path, &st, err);

	if (rc == 0 && st.st_nlink)
		rc = check_plain(path, &st, err);
	if (rc == 0 && st.st_nlink)
		rc = check_owner_and_size(path, &st, err);
	if (rc || !st.st_nlink)
		return rc;
	keep_mode(path, &st);
	/* The new mode has changed the ctime. */
	rc = look_at(path, &st, err);
	file->exists = st.st_nlink;
	file->db = mark_of(&st);
	return rc;
}

int queue_file_look(const char *path, struct queue_file *ret_file, struct error *err)
{
	struct queue_file file = {0};
	struct stat st;
	int rc = look_at_db(path, &file, err);

	for (size_t i = 0; rc == 0 && i < 2; i++) {
		AUTO(free_ptr) char *side = xasprintf("%s%s", path, side_suffixes[i]);

		rc = look_at(side, &st, err);
		if (rc == 0 && st.st_nlink)
			rc = check_plain(side, &st, err);
		if (rc == 0 && i == 0)
			file.journal = mark_of(&st);
		if (rc == 0 && i == 1)
			file.has_wal = st.st_size > 0; /* as SQLite sees it */
	}
	if (rc == 0)
		*ret_file = file;
	return rc;
}

int queue_file_make(const char *path, struct error *err)
{
	int fd =
		open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, FILE_MODE);

	if (fd < 0 && errno == EEXIST)
		return 0;
	if (fd < 0) {
		(void)error_errno(err, errno, "%s: cannot be made", path);
		return errno == ENOSPC || errno == EDQUOT ? QUEUE_E_FULL : QUEUE_E_FAULT;
	}
	/* It is new and no connection of this process knows it: no lock is lost. */
	(void)fchmod(fd, FILE_MODE);
	(void)close(fd);
	return 0;
}

int queue_file_sync_folder(const char *folder, struct error *err)
{
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	/* EINVAL: a file system whose folders need no sync, and have none. */
	bool ok = fd >= 0 && (fsync(fd) == 0 || errno == EINVAL);

	if (!ok)
		(void)error_errno(err, errno, "%s: cannot be synced", folder);
	if (fd >= 0)
		(void)close(fd);
	return ok ? 0 : QUEUE_E_FULL;
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

bool queue_file_same(const struct queue_file_mark *a, const struct queue_file_mark *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->size == b->size &&
	       same_time(&a->mtime, &b->mtime) && same_time(&a->ctime, &b->ctime);
}

static int rename_to(const char *from, const char *to, struct error *err)
{
	if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
		return 0;
	return error_errno(err, errno, "%s: cannot be renamed to %s", from, to);
}

/* Renames the database, then what lies beside it: a crash in between leaves a journal
 * without a database, which SQLite drops, never a database without its journal. */
static int move_all(const char *from, const char *to, struct error *err)
{
	if (rename_to(from, to, err) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(side_suffixes); i++) {
		AUTO(free_ptr) char *side = xasprintf("%s%s", from, side_suffixes[i]);
		AUTO(free_ptr) char *aside = xasprintf("%s%s", to, side_suffixes[i]);
		struct stat st;

		if (lstat(side, &st) == 0 && rename_to(side, aside, err) < 0)
			return -1;
	}
	return 0;
}

/* "queue.db.aside-YYYYMMDDTHHMMSS", numbered where there is one already; a new string. */
static char *free_name(const char *folder, int64_t wall_ms)
{
	char at[CLOCK_TEXT_LEN];

	clock_format_s(wall_ms, at);
	for (int i = 1;; i++) {
		char *name = xasprintf("queue.db.aside-%.4s%.2s%.2sT%.2s%.2s%.2s", at,
			at + 5, at + 8, at + 11, at + 14, at + 17);
		AUTO(free_ptr) char *numbered = xasprintf("%s-%d", name, i);
		AUTO(free_ptr) char *full = NULL;
		struct stat st;

		if (i > 1) {
			free(name);
			name = TAKE_PTR(numbered);
		}
		full = xasprintf("%s/%s", folder, name);
		if (lstat(full, &st) < 0)
			return name;
		free(name);
	}
}

int queue_set_aside(
	const char *folder, int64_t wall_ms, char **ret_name, struct error *err)
{
	AUTO(free_ptr) char *full = NULL;
	AUTO(free_ptr) char *name = NULL;
	AUTO(free_ptr) char *from = NULL;
	AUTO(free_ptr) char *to = NULL;
	struct stat st;

	if (queue_file_resolve(folder, &full, err))
		return -1;
	from = xasprintf("%s/queue.db", full);
	if (lstat(from, &st) < 0 && errno == ENOENT) {
		*ret_name = NULL;
		return 0;
	}
	name = free_name(full, wall_ms);
	to = xasprintf("%s/%s", full, name);
	if (move_all(from, to, err) < 0)
		return -1;
	*ret_name = TAKE_PTR(name);
	return 0;
}
