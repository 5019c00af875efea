#include "daemon/files.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Says what could not be made: FILES_E_FULL or < 0. */
static int not_made(const char *path, struct error *err)
{
	int errnum = errno;

	(void)error_errno(err, errnum, "cannot make %s", path);
	return errnum == ENOSPC || errnum == EDQUOT ? FILES_E_FULL : -1;
}

/* mkdir() takes neither setgid nor what the umask holds back, and a folder with the wrong
 * mode would be left as it is by the next start: it gets its name when all is right. */
static int make_missing_folder(const char *path, mode_t mode, struct error *err)
{
	AUTO(free_ptr) char *fresh = xasprintf("%s.new", path);
	int rc;

	if (mkdir(fresh, 0700) < 0 && errno != EEXIST)
		return not_made(path, err);
	if (chmod(fresh, mode) == 0 && rename(fresh, path) == 0)
		return 0;
	rc = not_made(path, err);
	(void)rmdir(fresh);
	return rc;
}

static int make_folder(const char *path, mode_t mode, struct error *err)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? make_missing_folder(path, mode, err)
				       : error_errno(err, errno, "%s", path);
	if (!S_ISDIR(st.st_mode))
		return error_set(err, "%s is no folder; move it away", path);
	return 0;
}

int files_make_folders(const char *state_directory, struct error *err)
{
	static const struct {
		const char *name;
		mode_t mode;
	} folders[] = {{"queue", 02770}, {"audit", 02750}, {"tokens", 02750}};

	int rc = make_folder(state_directory, 0755, err);

	for (size_t i = 0; rc == 0 && i < ARRAY_LEN(folders); i++) {
		AUTO(free_ptr)
		char *path = xasprintf("%s/%s", state_directory, folders[i].name);

		rc = make_folder(path, folders[i].mode, err);
	}
	return rc;
}

int files_make_runtime(const char *runtime_directory, struct error *err)
{
	return make_folder(runtime_directory, 0755, err);
}

/* Who holds the lock wrote its process id into the file. */
static int say_holder(int fd, const char *path, struct error *err)
{
	char pid[32] = "";
	ssize_t n = pread(fd, pid, sizeof(pid) - 1, 0);

	pid[n > 0 ? n : 0] = '\0';
	pid[strcspn(pid, "\n")] = '\0';
	(void)error_set(err,
		"another clerk-tokend runs on this state directory: %s is "
		"held by process %s",
		path, *pid ? pid : "(unknown)");
	return FILES_E_HELD;
}

/* clerk-tokenctl tries the lock for a moment to see whether a daemon runs: that must not
 * keep one from starting, so a held lock is tried again for a tenth of a second. Nobody
 * is there yet whom the wait could hold up. */
static int take_lock(int fd)
{
	const struct timespec moment = {.tv_nsec = 5000000};

	for (int tries = 0; tries < 20; tries++) {
		if (flock(fd, LOCK_EX | LOCK_NB) == 0)
			return 0;
		if (errno != EWOULDBLOCK)
			return -1;
		(void)nanosleep(&moment, NULL);
	}
	errno = EWOULDBLOCK;
	return -1;
}

int files_lock(const char *state_directory, int *ret_fd, struct error *err)
{
	AUTO(free_ptr) char *path = xasprintf("%s/lock", state_directory);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0644);
	char pid[32];
	int rc;

	if (fd < 0)
		return not_made(path, err);
	if (take_lock(fd) < 0) {
		rc = errno == EWOULDBLOCK
			     ? say_holder(fd, path, err)
			     : error_errno(err, errno, "cannot lock %s", path);
		(void)close(fd);
		return rc;
	}
	/* For people and for the message above; the lock itself is what counts, so a full
	 * disk does not matter here. */
	(void)fchmod(fd, 0644);
	(void)snprintf(pid, sizeof(pid), "%ld\n", (long)getpid());
	if (ftruncate(fd, 0) == 0)
		(void)!pwrite(fd, pid, strlen(pid), 0);
	*ret_fd = fd;
	return 0;
}

static int write_all(int fd, const char *text)
{
	size_t len = strlen(text);

	while (len) {
		ssize_t n = write(fd, text, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		text += n;
		len -= (size_t)n;
	}
	return 0;
}

int files_replace(
	const char *folder, const char *name, const char *text, struct error *err)
{
	AUTO(free_ptr) char *path = xasprintf("%s/%s", folder, name);
	AUTO(free_ptr) char *fresh = xasprintf("%s/.%s.new", folder, name);
	int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	int rc;

	if (fd < 0)
		return error_errno(err, errno, "cannot write %s", fresh);
	(void)fchmod(fd, 0644);
	rc = write_all(fd, text);
	if (close(fd) < 0 || rc < 0 || rename(fresh, path) < 0) {
		rc = error_errno(err, errno, "cannot write %s", path);
		(void)unlink(fresh);
		return rc;
	}
	return 0;
}

int files_touch(const char *folder, const char *name, struct error *err)
{
	AUTO(free_ptr) char *path = xasprintf("%s/%s", folder, name);

	if (utimensat(AT_FDCWD, path, NULL, AT_SYMLINK_NOFOLLOW) < 0)
		return error_errno(err, errno, "cannot set the time of %s", path);
	return 0;
}

int64_t files_size(const char *folder, const char *name)
{
	AUTO(free_ptr) char *path = xasprintf("%s/%s", folder, name);
	struct stat st;

	return stat(path, &st) < 0 ? 0 : (int64_t)st.st_size;
}
