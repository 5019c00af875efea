#include "disk.h"

#include <sqlite3.h>
#include <string.h>

enum method {
	METHOD_OPEN,
	METHOD_READ,
	METHOD_WRITE,
	METHOD_TRUNCATE,
	METHOD_SYNC,
	METHOD_SIZE,
	METHOD_LOCK,
	METHOD_UNLOCK,
	METHOD_SHM_MAP,
	METHOD_SHM_LOCK,
	METHOD_DELETE,
	METHOD_ACCESS
};

static const struct {
	const char *name;
	enum method method;
	int code;
} faults[DISK__MAX] = {
#define DISK(name, method, code) {#name, method, code},
#include "disk.def"
#undef DISK
};

static sqlite3_vfs shim, *real_vfs;
/* A database's own: a journal's and a WAL's differ in locks and shared memory, which
 * nobody asks them for. */
static const sqlite3_io_methods *real;
/* Each kind's, but for what fails: [whether queue.db's][whether a database's]. */
static sqlite3_io_methods methods[2][2];
static bool armed, ever, hit_others;
static enum disk_fault fault;
static uint64_t at, seen, hits;

const char *disk_name(enum disk_fault which)
{
	return faults[which].name;
}

void disk_arm(enum disk_fault which, uint64_t n, bool for_ever)
{
	fault = which;
	at = n;
	ever = for_ever;
	seen = hits = 0;
	hit_others = false;
	armed = true;
}

void disk_disarm(void)
{
	armed = false;
}

uint64_t disk_seen(void)
{
	return seen;
}

uint64_t disk_hits(void)
{
	return hits;
}

bool disk_hit_queue_alone(void)
{
	return hits && !hit_others;
}

/* SQLITE_OK, or what this call comes to. */
static int strike(enum method method, bool is_queue)
{
	if (!armed || faults[fault].method != method)
		return SQLITE_OK;
	seen++;
	if (!at || (ever ? seen < at : seen != at))
		return SQLITE_OK;
	hits++;
	hit_others |= !is_queue;
	return faults[fault].code;
}

/* store/queue_vfs puts a table of its own in the place of queue.db's. */
static bool is_queues(const sqlite3_file *f)
{
	return f->pMethods != &methods[false][false] &&
	       f->pMethods != &methods[false][true];
}

#define PASS(method, f, call, ...)                                                       \
	do {                                                                             \
		int rc_ = strike(method, is_queues(f));                                  \
		return rc_ ? rc_ : real->call(f, ##__VA_ARGS__);                         \
	} while (0)

static int on_read(sqlite3_file *f, void *to, int n, sqlite3_int64 from)
{
	PASS(METHOD_READ, f, xRead, to, n, from);
}

static int on_write(sqlite3_file *f, const void *bytes, int n, sqlite3_int64 to)
{
	PASS(METHOD_WRITE, f, xWrite, bytes, n, to);
}

static int on_truncate(sqlite3_file *f, sqlite3_int64 size)
{
	PASS(METHOD_TRUNCATE, f, xTruncate, size);
}

static int on_sync(sqlite3_file *f, int flags)
{
	PASS(METHOD_SYNC, f, xSync, flags);
}

static int on_size(sqlite3_file *f, sqlite3_int64 *ret)
{
	PASS(METHOD_SIZE, f, xFileSize, ret);
}

static int on_lock(sqlite3_file *f, int level)
{
	PASS(METHOD_LOCK, f, xLock, level);
}

/* What could not be let go of is let go of nevertheless: a lock that stayed would be the
 * test's. */
static int on_unlock(sqlite3_file *f, int level)
{
	int rc = strike(METHOD_UNLOCK, is_queues(f));
	int done = real->xUnlock(f, level);

	return rc ? rc : done;
}

static int on_shm_map(
	sqlite3_file *f, int page, int size, int extend, void volatile **ret)
{
	PASS(METHOD_SHM_MAP, f, xShmMap, page, size, extend, ret);
}

static int on_shm_lock(sqlite3_file *f, int offset, int n, int flags)
{
	if (flags & SQLITE_SHM_UNLOCK)
		return real->xShmLock(f, offset, n, flags);
	PASS(METHOD_SHM_LOCK, f, xShmLock, offset, n, flags);
}

static bool is_queue(const char *path)
{
	return path && strstr(path, "/queue.db");
}

static void put_faults(sqlite3_file *file, sqlite3_io_methods *own)
{
	*own = *file->pMethods;
	own->iVersion = 2; /* no mmap */
	own->xRead = on_read;
	own->xWrite = on_write;
	own->xTruncate = on_truncate;
	own->xSync = on_sync;
	own->xFileSize = on_size;
	own->xLock = on_lock;
	own->xUnlock = on_unlock;
	own->xShmMap = on_shm_map;
	own->xShmLock = on_shm_lock;
	file->pMethods = own;
}

static int on_open(
	sqlite3_vfs *vfs, const char *path, sqlite3_file *file, int flags, int *ret_flags)
{
	bool is_database = flags & SQLITE_OPEN_MAIN_DB;
	int rc = strike(METHOD_OPEN, is_queue(path));

	(void)vfs;
	file->pMethods = NULL;
	if (rc)
		return rc;
	rc = real_vfs->xOpen(real_vfs, path, file, flags, ret_flags);
	if (!file->pMethods)
		return rc;
	if (is_database)
		real = file->pMethods;
	put_faults(file, &methods[is_queue(path)][is_database]);
	return rc;
}

static int on_delete(sqlite3_vfs *vfs, const char *path, int sync_folder)
{
	int rc = strike(METHOD_DELETE, is_queue(path));

	(void)vfs;
	return rc ? rc : real_vfs->xDelete(real_vfs, path, sync_folder);
}

static int on_access(sqlite3_vfs *vfs, const char *path, int flags, int *ret_yes)
{
	int rc = strike(METHOD_ACCESS, is_queue(path));

	(void)vfs;
	return rc ? rc : real_vfs->xAccess(real_vfs, path, flags, ret_yes);
}

/* Whoever waits for a lock that never comes free need not wait that long. */
static int on_sleep(sqlite3_vfs *vfs, int usec)
{
	(void)vfs;
	return usec;
}

void disk_install(void)
{
	real_vfs = sqlite3_vfs_find("unix");
	shim = *real_vfs;
	shim.zName = "nth";
	shim.xOpen = on_open;
	shim.xDelete = on_delete;
	shim.xAccess = on_access;
	shim.xSleep = on_sleep;
	(void)sqlite3_vfs_register(&shim, 1);
}
