/* Files that fail. */
#include "faults_internal.h"

#include <fcntl.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/types.h>

static int open_at(int folder, const char *path, int flags, mode_t mode)
{
	if (flags & O_CREAT && syscall(SYS_faccessat, folder, path, F_OK) != 0)
		STRIKE(create, -1);
	else
		STRIKE(open, -1);
	return (int)syscall(SYS_openat, folder, path, flags, mode);
}

#define MODE_OF(flags)                                                                   \
	__extension__({                                                                  \
		mode_t mode_ = 0;                                                        \
		if ((flags) & (O_CREAT | O_TMPFILE)) {                                   \
			va_list ap_;                                                     \
			va_start(ap_, flags);                                            \
			mode_ = va_arg(ap_, mode_t);                                     \
			va_end(ap_);                                                     \
		}                                                                        \
		mode_;                                                                   \
	})

int open(const char *path, int flags, ...)
{
	return open_at(AT_FDCWD, path, flags, MODE_OF(flags));
}

int open64(const char *path, int flags, ...)
{
	return open_at(AT_FDCWD, path, flags, MODE_OF(flags));
}

int openat(int folder, const char *path, int flags, ...)
{
	return open_at(folder, path, flags, MODE_OF(flags));
}

int openat64(int folder, const char *path, int flags, ...)
{
	return open_at(folder, path, flags, MODE_OF(flags));
}

/* The descriptor is gone even so, as Linux has it. */
int close(int fd)
{
	int errnum = faults_strike(FAULTS_close);
	int rc = (int)syscall(SYS_close, fd);

	if (errnum <= 0)
		return rc;
	errno = errnum;
	return -1;
}

ssize_t read(int fd, void *to, size_t size)
{
	STRIKE_HALF(read, size);
	return syscall(SYS_read, fd, to, size);
}

ssize_t pread(int fd, void *to, size_t size, off_t at)
{
	STRIKE_HALF(pread, size);
	return syscall(SYS_pread64, fd, to, size, at);
}

ssize_t pread64(int fd, void *to, size_t size, off64_t at)
{
	return pread(fd, to, size, at);
}

ssize_t write(int fd, const void *from, size_t size)
{
	STRIKE_HALF(write, size);
	return syscall(SYS_write, fd, from, size);
}

ssize_t pwrite(int fd, const void *from, size_t size, off_t at)
{
	STRIKE_HALF(pwrite, size);
	return syscall(SYS_pwrite64, fd, from, size, at);
}

ssize_t pwrite64(int fd, const void *from, size_t size, off64_t at)
{
	return pwrite(fd, from, size, at);
}

int fsync(int fd)
{
	STRIKE(fsync, -1);
	return (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd)
{
	STRIKE(fdatasync, -1);
	return (int)syscall(SYS_fdatasync, fd);
}

int ftruncate(int fd, off_t size)
{
	STRIKE(ftruncate, -1);
	return (int)syscall(SYS_ftruncate, fd, size);
}

int ftruncate64(int fd, off64_t size)
{
	return ftruncate(fd, size);
}

static int stat_at(int folder, const char *path, void *ret, int flags)
{
	STRIKE(stat, -1);
	return (int)syscall(SYS_newfstatat, folder, path, ret, flags);
}

int fstatat(int folder, const char *path, struct stat *ret, int flags)
{
	return stat_at(folder, path, ret, flags);
}

int stat(const char *path, struct stat *ret)
{
	return stat_at(AT_FDCWD, path, ret, 0);
}

int lstat(const char *path, struct stat *ret)
{
	return stat_at(AT_FDCWD, path, ret, AT_SYMLINK_NOFOLLOW);
}

int fstat(int fd, struct stat *ret)
{
	return stat_at(fd, "", ret, AT_EMPTY_PATH);
}

int fstatat64(int folder, const char *path, struct stat64 *ret, int flags)
{
	return stat_at(folder, path, ret, flags);
}

int stat64(const char *path, struct stat64 *ret)
{
	return stat_at(AT_FDCWD, path, ret, 0);
}

int lstat64(const char *path, struct stat64 *ret)
{
	return stat_at(AT_FDCWD, path, ret, AT_SYMLINK_NOFOLLOW);
}

int fstat64(int fd, struct stat64 *ret)
{
	return stat_at(fd, "", ret, AT_EMPTY_PATH);
}

int access(const char *path, int mode)
{
	STRIKE(access, -1);
	return (int)syscall(SYS_faccessat, AT_FDCWD, path, mode);
}

ssize_t readlink(const char *path, char *to, size_t size)
{
	STRIKE(readlink, -1);
	return syscall(SYS_readlinkat, AT_FDCWD, path, to, size);
}

int rename(const char *from, const char *to)
{
	STRIKE(rename, -1);
	return (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}

int renameat2(
	int from_folder, const char *from, int to_folder, const char *to, unsigned flags)
{
	STRIKE(rename, -1);
	return (int)syscall(SYS_renameat2, from_folder, from, to_folder, to, flags);
}

int unlink(const char *path)
{
	STRIKE(unlink, -1);
	return (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0);
}

int mkdir(const char *path, mode_t mode)
{
	STRIKE(mkdir, -1);
	return (int)syscall(SYS_mkdirat, AT_FDCWD, path, mode);
}

int fchmod(int fd, mode_t mode)
{
	STRIKE(chmod, -1);
	return (int)syscall(SYS_fchmod, fd, mode);
}

int chmod(const char *path, mode_t mode)
{
	STRIKE(chmod, -1);
	return (int)syscall(SYS_fchmodat, AT_FDCWD, path, mode);
}

int utimensat(int folder, const char *path, const struct timespec times[2], int flags)
{
	STRIKE(utime, -1);
	return (int)syscall(SYS_utimensat, folder, path, times, flags);
}

int flock(int fd, int how)
{
	STRIKE(flock, -1);
	return (int)syscall(SYS_flock, fd, how);
}

/* It cannot fail: the kernel takes memory for it only to leave a part of a lock on either
 * side, and SQLite gives back all of one. */
static bool is_unlock(int what, const void *argument)
{
	return what == F_SETLK && ((const struct flock *)argument)->l_type == F_UNLCK;
}

static int fcntl_of(int fd, int what, void *argument)
{
	if (!is_unlock(what, argument))
		STRIKE(fcntl, -1);
	return (int)syscall(SYS_fcntl, fd, what, argument);
}

#define POINTER_BEHIND(last)                                                             \
	__extension__({                                                                  \
		va_list ap_;                                                             \
		void *pointer_;                                                          \
		va_start(ap_, last);                                                     \
		pointer_ = va_arg(ap_, void *);                                          \
		va_end(ap_);                                                             \
		pointer_;                                                                \
	})

int fcntl(int fd, int what, ...)
{
	return fcntl_of(fd, what, POINTER_BEHIND(what));
}

int fcntl64(int fd, int what, ...)
{
	return fcntl_of(fd, what, POINTER_BEHIND(what));
}

void *mmap(void *at, size_t size, int protection, int flags, int fd, off_t from)
{
	STRIKE(mmap, MAP_FAILED);
	/* The call returns a long; the address is what it says. */
	return (void *)syscall(SYS_mmap, at, size, protection, flags, fd, from);
}

void *mmap64(void *at, size_t size, int protection, int flags, int fd, off64_t from)
{
	return mmap(at, size, protection, flags, fd, from);
}

ssize_t getrandom(void *to, size_t size, unsigned flags)
{
	STRIKE_HALF(random, size);
	return syscall(SYS_getrandom, to, size, flags);
}

int getentropy(void *to, size_t size)
{
	STRIKE(random, -1);
	return syscall(SYS_getrandom, to, size, 0) == (long)size ? 0 : -1;
}
