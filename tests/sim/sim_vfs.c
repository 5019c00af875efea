/* A shim over the default VFS: writes, syncs and truncates of the daemon's own two
 * databases fail when they are told to. */
#include "sim.h"

#include <string.h>

struct shim_file {
	sqlite3_file base;
	bool ours;         /* audit.db, tokens.db or their WALs */
	sqlite3_file real; /* and what follows it */
};

static sqlite3_vfs shim, *real_vfs;
static sqlite3_io_methods methods;
static enum sim_disk disk;
static int64_t writes_left;
static bool hit;

void sim_vfs_set(enum sim_disk how, int64_t after_writes)
{
	disk = how;
	writes_left = after_writes;
	hit = false;
}

enum sim_disk sim_vfs_struck(void)
{
	return hit ? disk : SIM_DISK_FINE;
}

/* SQLITE_OK, or what this write comes to. */
static int strike(const struct shim_file *file, int io_error)
{
	if (!file->ours || disk == SIM_DISK_FINE || writes_left-- > 0)
		return SQLITE_OK;
	writes_left = 0;
	hit = true;
	return disk == SIM_DISK_FULL ? SQLITE_FULL : io_error;
}

static struct shim_file *self(sqlite3_file *file)
{
	return (struct shim_file *)(void *)file;
}

#define REAL(file)   (&self(file)->real)
#define CALL(f, ...) REAL(f)->pMethods->__VA_ARGS__

static int on_close(sqlite3_file *f)
{
	return CALL(f, xClose(REAL(f)));
}
static int on_read(sqlite3_file *f, void *to, int n, sqlite3_int64 at)
{
	return CALL(f, xRead(REAL(f), to, n, at));
}
static int on_write(sqlite3_file *f, const void *from, int n, sqlite3_int64 at)
{
	int rc = strike(self(f), SQLITE_IOERR_WRITE);

	return rc ? rc : CALL(f, xWrite(REAL(f), from, n, at));
}
static int on_truncate(sqlite3_file *f, sqlite3_int64 size)
{
	int rc = strike(self(f), SQLITE_IOERR_TRUNCATE);

	return rc ? rc : CALL(f, xTruncate(REAL(f), size));
}
static int on_sync(sqlite3_file *f, int flags)
{
	int rc = strike(self(f), SQLITE_IOERR_FSYNC);

	return rc ? rc : CALL(f, xSync(REAL(f), flags));
}
static int on_size(sqlite3_file *f, sqlite3_int64 *ret)
{
	return CALL(f, xFileSize(REAL(f), ret));
}
static int on_lock(sqlite3_file *f, int level)
{
	return CALL(f, xLock(REAL(f), level));
}
static int on_unlock(sqlite3_file *f, int level)
{
	return CALL(f, xUnlock(REAL(f), level));
}
static int on_reserved(sqlite3_file *f, int *ret)
{
	return CALL(f, xCheckReservedLock(REAL(f), ret));
}
static int on_control(sqlite3_file *f, int op, void *arg)
{
	return CALL(f, xFileControl(REAL(f), op, arg));
}
static int on_sector(sqlite3_file *f)
{
	return CALL(f, xSectorSize(REAL(f)));
}
static int on_traits(sqlite3_file *f)
{
	return CALL(f, xDeviceCharacteristics(REAL(f)));
}
static int on_shm_map(
	sqlite3_file *f, int page, int size, int extend, void volatile **ret)
{
	return CALL(f, xShmMap(REAL(f), page, size, extend, ret));
}
static int on_shm_lock(sqlite3_file *f, int offset, int n, int flags)
{
	return CALL(f, xShmLock(REAL(f), offset, n, flags));
}
static void on_shm_barrier(sqlite3_file *f)
{
	CALL(f, xShmBarrier(REAL(f)));
}
static int on_shm_unmap(sqlite3_file *f, int delete)
{
	return CALL(f, xShmUnmap(REAL(f), delete));
}

static bool is_ours(const char *path)
{
	return path &&
	       (strstr(path, "/audit/audit.db") || strstr(path, "/tokens/tokens.db"));
}

static int on_open(
	sqlite3_vfs *vfs, const char *path, sqlite3_file *file, int flags, int *ret_flags)
{
	struct shim_file *shim_file = self(file);
	int rc;

	(void)vfs;
	/* Files of others are none of ours, their shared memory neither. */
	if (!is_ours(path))
		return real_vfs->xOpen(real_vfs, path, file, flags, ret_flags);
	memset(shim_file, 0, sizeof(*shim_file));
	rc = real_vfs->xOpen(real_vfs, path, &shim_file->real, flags, ret_flags);
	if (shim_file->real.pMethods) {
		shim_file->ours = true;
		file->pMethods = &methods;
	}
	return rc;
}

void sim_vfs_install(void)
{
	real_vfs = sqlite3_vfs_find(NULL);
	shim = *real_vfs;
	shim.zName = "sim";
	shim.szOsFile = (int)sizeof(struct shim_file) + real_vfs->szOsFile;
	shim.xOpen = on_open;
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
