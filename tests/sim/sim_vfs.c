/* A shim over the default VFS: writes, syncs and truncates of the daemon's own two
 * databases fail when they are told to. */
#include "sim.h"

#include <string.h>

/* SQLite's methods of a database and of a WAL differ: each is kept with its copy here. */
struct table {
	sqlite3_io_methods own; /* the real ones but for what fails */
	const sqlite3_io_methods *real;
};

static sqlite3_vfs shim, *real_vfs;
static struct table tables[2];
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
static int strike(int io_error)
{
	if (disk == SIM_DISK_FINE || writes_left-- > 0)
		return SQLITE_OK;
	writes_left = 0;
	hit = true;
	return disk == SIM_DISK_FULL ? SQLITE_FULL : io_error;
}

static const sqlite3_io_methods *real(const sqlite3_file *f)
{
	return ((const struct table *)(const void *)f->pMethods)->real;
}

static int on_write(sqlite3_file *f, const void *from, int n, sqlite3_int64 at)
{
	int rc = strike(SQLITE_IOERR_WRITE);

	return rc ? rc : real(f)->xWrite(f, from, n, at);
}

static int on_truncate(sqlite3_file *f, sqlite3_int64 size)
{
	int rc = strike(SQLITE_IOERR_TRUNCATE);

	return rc ? rc : real(f)->xTruncate(f, size);
}

static int on_sync(sqlite3_file *f, int flags)
{
	int rc = strike(SQLITE_IOERR_FSYNC);

	return rc ? rc : real(f)->xSync(f, flags);
}

static bool is_ours(const char *path)
{
	return path &&
	       (strstr(path, "/audit/audit.db") || strstr(path, "/tokens/tokens.db"));
}

static int on_open(
	sqlite3_vfs *vfs, const char *path, sqlite3_file *file, int flags, int *ret_flags)
{
	struct table *table = &tables[(flags & SQLITE_OPEN_MAIN_DB) != 0];
	int rc = real_vfs->xOpen(real_vfs, path, file, flags, ret_flags);

	(void)vfs;
	if (!file->pMethods || !is_ours(path))
		return rc;
	*table = (struct table){*file->pMethods, file->pMethods};
	table->own.iVersion = 2; /* no mmap */
	table->own.xWrite = on_write;
	table->own.xTruncate = on_truncate;
	table->own.xSync = on_sync;
	file->pMethods = &table->own;
	return rc;
}

void sim_vfs_install(void)
{
	real_vfs = sqlite3_vfs_find(NULL);
	shim = *real_vfs;
	shim.zName = "sim";
	shim.xOpen = on_open;
	(void)sqlite3_vfs_register(&shim, 1);
}
