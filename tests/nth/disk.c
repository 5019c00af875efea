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

struct file {
	sqlite3_file base;
	bool is_queue;
	sqlite3_file real; /* its own fields follow */
};

static sqlite3_vfs shim, *real_vfs;
static sqlite3_io_methods methods;
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

static struct file *self(sqlite3_file *file)
{
	return (struct file *)(void *)file;
}

#define REAL(f) (&self(f)->real)
#define PASS(method, f, call, ...)                                                       \
	do {                                                                             \
		int rc_ = strike(method, self(f)->is_queue);                             \
		return rc_ ? rc_ : REAL(f)->pMethods->call(REAL(f), ##__VA_ARGS__);      \
	} while (0)

static int on_close(sqlite3_file *f)
{
	return REAL(f)->pMethods->xClose(REAL(f));
}

/* Too short is half of it, and zeros. Of queue.db that would be another file, with rows
 * that nobody wrote: damaged ones are tests/fuzz's. */
static int on_read(sqlite3_file *f, void *to, int n, sqlite3_int64 from)
{
	int rc = strike(METHOD_READ, self(f)->is_queue);

	if (rc != SQLITE_IOERR_SHORT_READ)
		return rc ? rc : REAL(f)->pMethods->xRead(REAL(f), to, n, from);
	if (self(f)->is_queue)
		return REAL(f)->pMethods->xRead(REAL(f), to, n, from);
	(void)REAL(f)->pMethods->xRead(REAL(f), to, n, from);
	memset((char *)to + n / 2, 0, (size_t)(n - n / 2));
	return rc;
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
	int rc = strike(METHOD_UNLOCK, self(f)->is_queue);
	int done = REAL(f)->pMethods->xUnlock(REAL(f), level);

	return rc ? rc : done;
}

static int on_reserved(sqlite3_file *f, int *ret)
{
	return REAL(f)->pMethods->xCheckReservedLock(REAL(f), ret);
}

static int on_control(sqlite3_file *f, int what, void *argument)
{
	return REAL(f)->pMethods->xFileControl(REAL(f), what, argument);
}

static int on_sector(sqlite3_file *f)
{
	return REAL(f)->pMethods->xSectorSize(REAL(f));
}

static int on_traits(sqlite3_file *f)
{
	return REAL(f)->pMethods->xDeviceCharacteristics(REAL(f));
}

static int on_shm_map(
	sqlite3_file *f, int page, int size, int extend, void volatile **ret)
{
	PASS(METHOD_SHM_MAP, f, xShmMap, page, size, extend, ret);
}

static int on_shm_lock(sqlite3_file *f, int offset, int n, int flags)
{
	if (flags & SQLITE_SHM_UNLOCK)
		return REAL(f)->pMethods->xShmLock(REAL(f), offset, n, flags);
	PASS(METHOD_SHM_LOCK, f, xShmLock, offset, n, flags);
}

static void on_shm_barrier(sqlite3_file *f)
{
	REAL(f)->pMethods->xShmBarrier(REAL(f));
}

static int on_shm_unmap(sqlite3_file *f, int delete)
{
	return REAL(f)->pMethods->xShmUnmap(REAL(f), delete);
}

static bool is_queue(const char *path)
{
	return path && strstr(path, "/queue.db");
}

static int on_open(
	sqlite3_vfs *vfs, const char *path, sqlite3_file *file, int flags, int *ret_flags)
{
	struct file *opened = self(file);
	int rc = strike(METHOD_OPEN, is_queue(path));

	(void)vfs;
	memset(opened, 0, sizeof(*opened));
	if (rc)
		return rc;
	rc = real_vfs->xOpen(real_vfs, path, &opened->real, flags, ret_flags);
	opened->is_queue = is_queue(path);
	if (opened->real.pMethods)
		file->pMethods = &methods;
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
	shim.szOsFile = (int)sizeof(struct file) + real_vfs->szOsFile;
	shim.xOpen = on_open;
	shim.xDelete = on_delete;
	shim.xAccess = on_access;
	shim.xSleep = on_sleep;
	methods = (sqlite3_io_methods){.iVersion = 2,
		.xClose = on_close,
		.xRead = on_read,
		.xWrite = on_write,
		.xTruncate = on_truncate,
		.xSync = on_sync,
		.xFileSize = on_size,
		.xLock = on_lock,
		.xUnlock = on_unlock,
		.xCheckReservedLock = on_reserved,
		.xFileControl = on_control,
		.xSectorSize = on_sector,
		.xDeviceCharacteristics = on_traits,
		.xShmMap = on_shm_map,
		.xShmLock = on_shm_lock,
		.xShmBarrier = on_shm_barrier,
		.xShmUnmap = on_shm_unmap};
	(void)sqlite3_vfs_register(&shim, 1);
}
