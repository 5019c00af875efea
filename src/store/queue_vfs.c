#include "store/queue_vfs.h"

#include "base/mem.h"

#include <sqlite3.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* What SQLite opens files as; the low bits of its flags are access modes. */
#define TYPES                                                                            \
	(SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_TEMP_DB | SQLITE_OPEN_TRANSIENT_DB |          \
		SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_TEMP_JOURNAL |                    \
		SQLITE_OPEN_SUBJOURNAL | SQLITE_OPEN_SUPER_JOURNAL | SQLITE_OPEN_WAL)

enum role { ROLE_DB, ROLE_JOURNAL, ROLE_WAL, ROLE__MAX, ROLE_NONE = ROLE__MAX };

static const struct {
	const char *suffix;
	int type;
} roles[ROLE__MAX] = {
	[ROLE_DB] = {"", SQLITE_OPEN_MAIN_DB},
	[ROLE_JOURNAL] = {"-journal", SQLITE_OPEN_MAIN_JOURNAL},
	[ROLE_WAL] = {"-wal", SQLITE_OPEN_WAL},
};

struct queue_vfs {
	sqlite3_vfs vfs; /* pAppData points back here */
	sqlite3_vfs *base;
	enum queue_vfs_kind kind;
	char *name;             /* owned, like the paths */
	char *paths[ROLE__MAX]; /* NULL: not for this kind */
	struct methods {
		sqlite3_io_methods methods; /* the base's, less shared memory and mmap */
		int (*base_read)(sqlite3_file *, void *, int, sqlite3_int64);
	} files[ROLE__MAX];
};

static struct queue_vfs *self(sqlite3_vfs *vfs)
{
	return vfs->pAppData;
}

static enum role find_role(const struct queue_vfs *vfs, const char *path)
{
	for (int role = 0; path && role < ROLE__MAX; role++)
		if (vfs->paths[role] && !strcmp(path, vfs->paths[role]))
			return role;
	return ROLE_NONE;
}

/* A link, a FIFO (opening it would block) or a second name of another file is not ours.
 */
static bool is_plain_or_missing(const char *path)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		return true;
	return S_ISREG(st.st_mode) && st.st_nlink == 1;
}

/* SQLite calls a page "malformed" where the system said EIO of reading it. It is an error
 * of the way there, which may be over at the next try; the file may be as good as ever.
 */
static int on_read(sqlite3_file *file, void *ret_bytes, int n, sqlite3_int64 offset)
{
	/* The methods are the first member of the struct. */
	const struct methods *methods = (const struct methods *)file->pMethods;
	int rc = methods->base_read(file, ret_bytes, n, offset);

	return rc == SQLITE_IOERR_CORRUPTFS ? SQLITE_IOERR_READ : rc;
}

/* SQLite reaches shared memory and mmap through the methods of an open file, not through
 * xOpen; methods of version 1 have neither. */
static void limit_methods(struct queue_vfs *vfs, enum role role, sqlite3_file *file)
{
	struct methods *methods = &vfs->files[role];

	methods->methods = *file->pMethods;
	methods->methods.iVersion = 1;
	methods->base_read = methods->methods.xRead;
	methods->methods.xRead = on_read;
	file->pMethods = &methods->methods;
}

static int on_open(
	sqlite3_vfs *vfs, const char *path, sqlite3_file *file, int flags, int *ret_flags)
{
	struct queue_vfs *queue = self(vfs);
	enum role role = find_role(queue, path);
	int rc;

	file->pMethods = NULL;
	if (role == ROLE_NONE || (flags & TYPES) != roles[role].type ||
		!is_plain_or_missing(path))
		return SQLITE_CANTOPEN;
	rc = queue->base->xOpen(queue->base, path, file, flags, ret_flags);
	if (rc == SQLITE_OK)
		limit_methods(queue, role, file);
	return rc;
}

static int on_delete(sqlite3_vfs *vfs, const char *path, int sync_folder)
{
	enum role role = find_role(self(vfs), path);

	if (role != ROLE_JOURNAL && role != ROLE_WAL)
		return SQLITE_IOERR_DELETE;
	return self(vfs)->base->xDelete(self(vfs)->base, path, sync_folder);
}

static int on_access(sqlite3_vfs *vfs, const char *path, int flags, int *ret_yes)
{
	struct queue_vfs *queue = self(vfs);
	size_t len = strlen(queue->paths[ROLE_DB]);
	bool beside = !strncmp(path, queue->paths[ROLE_DB], len);

	/* Side files that this kind has not do not exist; anything else asked for is the
	 * name of a super-journal. */
	*ret_yes = 0;
	if (find_role(queue, path) == ROLE_NONE &&
		((beside && !strcmp(path + len, roles[ROLE_WAL].suffix)) ||
			flags != SQLITE_ACCESS_EXISTS))
		return SQLITE_OK;
	return queue->base->xAccess(queue->base, path, flags, ret_yes);
}

static int on_full_pathname(sqlite3_vfs *vfs, const char *path, int len, char *ret_path)
{
	return self(vfs)->base->xFullPathname(self(vfs)->base, path, len, ret_path);
}

static void *on_dl_open(sqlite3_vfs *vfs, const char *path)
{
	(void)vfs;
	(void)path;
	return NULL;
}

static void on_dl_error(sqlite3_vfs *vfs, int len, char *ret_text)
{
	(void)vfs;
	(void)sqlite3_snprintf(len, ret_text, "extensions are not loaded here");
}

static void (*on_dl_sym(sqlite3_vfs *vfs, void *handle, const char *symbol))(void)
{
	(void)vfs;
	(void)handle;
	(void)symbol;
	return NULL;
}

static void on_dl_close(sqlite3_vfs *vfs, void *handle)
{
	(void)vfs;
	(void)handle;
}

static int on_randomness(sqlite3_vfs *vfs, int len, char *ret_bytes)
{
	return self(vfs)->base->xRandomness(self(vfs)->base, len, ret_bytes);
}

static int on_sleep(sqlite3_vfs *vfs, int usec)
{
	return self(vfs)->base->xSleep(self(vfs)->base, usec);
}

static int on_current_time(sqlite3_vfs *vfs, double *ret_days)
{
	return self(vfs)->base->xCurrentTime(self(vfs)->base, ret_days);
}

static int on_last_error(sqlite3_vfs *vfs, int len, char *ret_text)
{
	return self(vfs)->base->xGetLastError(self(vfs)->base, len, ret_text);
}

static void fill_in(struct queue_vfs *vfs)
{
	vfs->vfs = (sqlite3_vfs){
		.iVersion = 1,
		.szOsFile = vfs->base->szOsFile,
		.mxPathname = vfs->base->mxPathname,
		.zName = vfs->name,
		.pAppData = vfs,
		.xOpen = on_open,
		.xDelete = on_delete,
		.xAccess = on_access,
		.xFullPathname = on_full_pathname,
		.xDlOpen = on_dl_open,
		.xDlError = on_dl_error,
		.xDlSym = on_dl_sym,
		.xDlClose = on_dl_close,
		.xRandomness = on_randomness,
		.xSleep = on_sleep,
		.xCurrentTime = on_current_time,
		.xGetLastError = on_last_error,
	};
}

int queue_vfs_new(const char *path, enum queue_vfs_kind kind, struct queue_vfs **ret_vfs,
	struct error *err)
{
	struct queue_vfs *vfs;
	sqlite3_vfs *base = sqlite3_vfs_find(NULL);

	if (!base)
		return error_set(err, "%s: SQLite has no VFS", path);
	vfs = xcalloc(1, sizeof(*vfs));
	vfs->base = base;
	vfs->kind = kind;
	/* The address makes the name the only one of its kind in this process. */
	vfs->name = xasprintf("clerk-tokend-queue-%jx", (uintmax_t)(uintptr_t)vfs);
	for (int role = 0; role < ROLE__MAX; role++)
		if (role != ROLE_WAL || kind == QUEUE_VFS_REPAIR)
			vfs->paths[role] = xasprintf("%s%s", path, roles[role].suffix);
	fill_in(vfs);
	if (sqlite3_vfs_register(&vfs->vfs, 0) != SQLITE_OK) {
		queue_vfs_free(vfs);
		return error_set(err, "%s: SQLite takes no VFS", path);
	}
	*ret_vfs = vfs;
	return 0;
}

void queue_vfs_free(struct queue_vfs *vfs)
{
	if (!vfs)
		return;
	(void)sqlite3_vfs_unregister(&vfs->vfs);
	for (int role = 0; role < ROLE__MAX; role++)
		free(vfs->paths[role]);
	free(vfs->name);
	free(vfs);
}

const char *queue_vfs_name(const struct queue_vfs *vfs)
{
	return vfs->name;
}
