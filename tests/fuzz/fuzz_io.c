/*
 * The calls of the product that reach outside, by the linker's --wrap: between begin and
 * end they write into memory, and refuse what would change something elsewhere. SQLite's
 * own calls are not among them: it opens what stands below the state directory alone.
 */
#include "fuzz.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

struct fuzz_io fuzz_io;

static bool gathering;

void fuzz_io_begin(void)
{
	buf_clear(&fuzz_io.out);
	buf_clear(&fuzz_io.err);
	gathering = true;
}

void fuzz_io_end(void)
{
	gathering = false;
}

/* Whether a call may change what is at path. */
static bool may_change(const char *path)
{
	const char *own = fuzz_folder();

	if (!gathering || (!strncmp(path, own, strlen(own)) && !strstr(path, "..")))
		return true;
	errno = EACCES;
	return false;
}

#define WRAP(type, name, ...)                                                            \
	type __real_##name(__VA_ARGS__);                                                 \
	type __wrap_##name(__VA_ARGS__);                                                 \
	type __wrap_##name(__VA_ARGS__)

WRAP(ssize_t, write, int fd, const void *bytes, size_t len)
{
	if (!gathering || fd < STDOUT_FILENO || fd > STDERR_FILENO)
		return __real_write(fd, bytes, len);
	buf_append(fd == STDOUT_FILENO ? &fuzz_io.out : &fuzz_io.err, bytes, len);
	return (ssize_t)len;
}

WRAP(int, open, const char *path, int flags, ...)
{
	mode_t mode = 0;
	va_list ap;

	va_start(ap, flags);
	if (flags & O_CREAT)
		mode = va_arg(ap, mode_t);
	va_end(ap);
	if ((flags & (O_WRONLY | O_RDWR | O_CREAT)) && !may_change(path))
		return -1;
	/* What a terminal or a pipe holds is nobody's input here. */
	if (gathering && !strncmp(path, "/dev/", 5) && strcmp(path, "/dev/null") != 0 &&
		strncmp(path, "/dev/shm/", 9) != 0) {
		errno = EACCES;
		return -1;
	}
	return __real_open(path, flags, mode);
}

WRAP(int, mkdir, const char *path, mode_t mode)
{
	return may_change(path) ? __real_mkdir(path, mode) : -1;
}

WRAP(char *, mkdtemp, char *path)
{
	return may_change(path) ? __real_mkdtemp(path) : NULL;
}

WRAP(int, mkostemp, char *path, int flags)
{
	return may_change(path) ? __real_mkostemp(path, flags) : -1;
}

WRAP(int, rename, const char *from, const char *to)
{
	return may_change(from) && may_change(to) ? __real_rename(from, to) : -1;
}

WRAP(int, link, const char *from, const char *to)
{
	return may_change(to) ? __real_link(from, to) : -1;
}

WRAP(int, unlink, const char *path)
{
	return may_change(path) ? __real_unlink(path) : -1;
}

WRAP(pid_t, fork, void)
{
	if (!gathering)
		return __real_fork();
	errno = EAGAIN;
	return -1;
}

WRAP(int, execv, const char *path, char *const argv[])
{
	(void)path;
	(void)argv;
	errno = EACCES;
	return -1;
}

WRAP(int, execvp, const char *path, char *const argv[])
{
	(void)path;
	(void)argv;
	errno = EACCES;
	return -1;
}

/* The finder of leaks has to look into this process, and whoever mends a find as well. */
WRAP(void, harden_process, void)
{
}
