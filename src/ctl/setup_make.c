/* What setup changes: by systemd's own programs where they are, by hand otherwise. */
#include "ctl/setup.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* Where the programs are, whatever PATH sudo left. */
static char *find_program(const char *name)
{
	static const char *const places[] = {"/usr/bin", "/usr/sbin", "/bin", "/sbin"};

	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		char *path = xasprintf("%s/%s", places[i], name);

		if (access(path, X_OK) == 0)
			return path;
		free(path);
	}
	return NULL;
}

static void be_child(const char *path, const char *const *argv, int out)
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0 ||
		dup2(out, STDERR_FILENO) < 0)
		_exit(127);
	(void)umask(022);
	(void)execv(path, (char *const *)(uintptr_t)argv);
	_exit(127);
}

static void read_pipe(int fd, struct buf *ret_text)
{
	char part[4096];
	ssize_t n;

	while ((n = read(fd, part, sizeof(part))) > 0 || (n < 0 && errno == EINTR))
		if (n > 0)
			buf_append(ret_text, part, (size_t)n);
}

/* Runs the program; what it says is for the error alone: setup tells what came of it.
 * argv[0] is its name and argv ends with NULL. */
static int run(const char *const *argv, struct error *err)
{
	AUTO(free_ptr) char *path = find_program(argv[0]);
	AUTO(buf) struct buf said = BUF_NULL;
	int fds[2], status = 0;
	pid_t pid;

	if (!path)
		return error_set(err, "%s is not installed", argv[0]);
	if (pipe2(fds, O_CLOEXEC) < 0)
		return error_errno(err, errno, "pipe");
	pid = fork();
	if (pid == 0)
		be_child(path, argv, fds[1]);
	(void)close(fds[1]);
	if (pid > 0)
		read_pipe(fds[0], &said);
	(void)close(fds[0]);
	if (pid < 0)
		return error_errno(err, errno, "%s cannot be run", path);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	if (said.len && said.data[said.len - 1] == '\n')
		said.data[--said.len] = '\0';
	return error_set(err, "%s failed: %s", path, buf_str(&said));
}

static int make_user(const struct setup_item *item, struct error *err)
{
	const char *group[] = {"groupadd", "--system", item->name, NULL};
	const char *user[] = {"useradd", "--system", "--user-group", "--no-create-home",
		"--home-dir", *item->home ? item->home : "/", "--comment", item->about,
		"--shell", "/usr/sbin/nologin", item->name, NULL};
	const char *member[] = {
		"usermod", "--append", "--groups", item->group, item->name, NULL};

	switch (item->kind) {
	case SETUP_GROUP:
		return run(group, err);
	case SETUP_USER:
		return run(user, err);
	case SETUP_MEMBER:
		return run(member, err);
	case SETUP_FOLDER:
		break;
	}
	return 0;
}

int setup_make_users(const struct setup *setup, struct error *err)
{
	const char *argv[] = {"systemd-sysusers", "clerk-tokend.conf", NULL};
	AUTO(free_ptr) char *path = find_program(argv[0]);

	if (path)
		return run(argv, err);
	for (size_t i = 0; i < setup->n; i++)
		if (setup->items[i].kind != SETUP_FOLDER &&
			setup_state(&setup->items[i]) == SETUP_MISSING &&
			make_user(&setup->items[i], err) < 0)
			return -1;
	return 0;
}

/* Through a descriptor: the folder above may be somebody else's. */
static int make_folder(const struct setup_item *item, struct error *err)
{
	const struct passwd *user = getpwnam(item->user);
	const struct group *group = getgrnam(item->group);
	int fd, rc = 0;

	if (!user || !group)
		return error_set(err, "%s: there is no user %s or no group %s",
			item->name, item->user, item->group);
	if (mkdir(item->name, 0700) < 0 && errno != EEXIST)
		return error_errno(err, errno, "cannot make the folder %s", item->name);
	fd = open(item->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return error_set(err, "%s is no folder; move it away", item->name);
	if (fchown(fd, user->pw_uid, group->gr_gid) < 0 || fchmod(fd, item->mode) < 0)
		rc = error_errno(err, errno, "%s", item->name);
	(void)close(fd);
	return rc;
}

int setup_make_folders(
	const struct setup *setup, const char *const *files, size_t n, struct error *err)
{
	AUTO(free_ptr) char *path = find_program("systemd-tmpfiles");

	for (size_t i = 0; path && i < n; i++) {
		const char *argv[] = {"systemd-tmpfiles", "--create", files[i], NULL};

		if (run(argv, err) < 0)
			return -1;
	}
	for (size_t i = 0; !path && i < setup->n; i++)
		if (setup->items[i].kind == SETUP_FOLDER &&
			make_folder(&setup->items[i], err) < 0)
			return -1;
	return 0;
}

static int write_fresh(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
	size_t len = strlen(text);
	int rc = 0;

	if (fd < 0)
		return -1;
	while (len && rc == 0) {
		ssize_t n = write(fd, text, len);

		if (n < 0 && errno != EINTR)
			rc = -1;
		text += n > 0 ? n : 0;
		len -= n > 0 ? (size_t)n : 0;
	}
	if (rc < 0 || fchmod(fd, 0644) < 0 || fsync(fd) < 0)
		rc = -1;
	return close(fd) < 0 ? -1 : rc;
}

int setup_write(const char *path, const char *text, bool replace, struct error *err)
{
	AUTO(free_ptr) char *fresh = xasprintf("%s.setup", path);
	int rc = 0;

	if (write_fresh(fresh, text) < 0)
		rc = error_errno(err, errno, "cannot write %s", fresh);
	else if (replace ? rename(fresh, path) < 0 : link(fresh, path) < 0)
		rc = errno == EEXIST ? 1
				     : error_errno(err, errno, "cannot write %s", path);
	(void)unlink(fresh);
	return rc;
}
