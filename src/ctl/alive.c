#include "ctl/alive.h"

#include "base/mem.h"
#include "base/parse.h"
#include "ctl/ctl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define STATUS_MAX_BYTES (1 << 20)

static void fd_cleanup(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
}

/* The number that the lock's holder wrote into it. */
static int64_t read_pid(int fd)
{
	char text[32] = "";
	int64_t pid = 0;
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

	if (n <= 0)
		return 0;
	text[strcspn(text, "\n")] = '\0';
	(void)parse_int64(text, 1, INT32_MAX, &pid);
	return pid;
}

enum alive alive_check(const char *state_directory, int64_t *ret_pid)
{
	AUTO(free_ptr) char *path = xasprintf("%s/lock", state_directory);
	AUTO(fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	int64_t pid;

	if (ret_pid)
		*ret_pid = 0;
	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR ? ALIVE_NO : ALIVE_UNKNOWN;
	pid = read_pid(fd);
	if (ret_pid)
		*ret_pid = pid;
	/* Let go of at once: a daemon that starts just now must not find it taken. */
	if (flock(fd, LOCK_SH | LOCK_NB) == 0)
		return ALIVE_NO;
	return errno == EWOULDBLOCK ? ALIVE_YES : ALIVE_UNKNOWN;
}

int alive_status(const char *folder, json_t **ret_status, struct error *err)
{
	AUTO(free_ptr) char *path = xasprintf("%s/status.json", folder);
	AUTO(fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	json_error_t fault;
	struct stat st;
	json_t *status;

	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return 1;
	if (fd < 0 || fstat(fd, &st) < 0)
		return error_errno(err, errno, "%s", path);
	if (!S_ISREG(st.st_mode) || st.st_size > STATUS_MAX_BYTES)
		return error_set(err, "%s: is not the daemon's file", path);
	status = json_loadfd(fd, 0, &fault);
	if (!json_is_object(status)) {
		json_decref(status);
		return error_set(err, "%s: is not JSON", path);
	}
	*ret_status = status;
	return 0;
}

int alive_find_status(
	const struct ctl *ctl, int64_t pid, json_t **ret_status, struct error *err)
{
	const char *instance = args_get(ctl->args, OPT_INSTANCE);
	AUTO(free_ptr) char *other = NULL;
	json_t *status = NULL;
	int rc = alive_status(ctl->config->runtime_directory, ret_status, err);

	if (rc <= 0)
		return rc;
	if (!instance)
		instance = getenv("CLERK_TOKEND_INSTANCE");
	other = instance && *instance ? xasprintf("/run/clerk-tokend-%s", instance)
				      : xstrdup("/run/clerk-tokend");
	rc = alive_status(other, &status, err);
	if (rc == 0 && pid && json_integer_value(json_object_get(status, "pid")) == pid) {
		*ret_status = status;
		return 0;
	}
	json_decref(status);
	return 1;
}
