/*
 * backup: the copies are made in a folder of their own beside DIR, which becomes DIR once
 * all of them are there, checked and synced. So DIR is a whole backup or none; what a
 * killed run leaves is named DIR.unfinished-….
 */
#include "base/clock.h"
#include "ctl/cmd.h"
#include "ctl/ctl.h"
#include "store/backup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MANIFEST "manifest.json"

/* A file of the backup. */
struct copy {
	const char *name;
	int64_t bytes;
};

struct plan {
	struct ctl *ctl;
	char *dir;  /* owned: as it is to be called, without slashes at its end */
	char *work; /* owned: the folder until then; NULL = none */
	struct copy copies[BACKUP__MAX];
	int n;
	char made_at[CLOCK_TEXT_LEN];
	struct reader_event head; /* of the copied audit */
};

/* ---- the folder ---- */

static char *path_in(const char *folder, const char *name)
{
	return xasprintf("%s/%s", folder, name);
}

/* Takes back what was made. */
static void plan_cleanup(struct plan *plan)
{
	static const char *const sides[] = {"", "-journal", "-wal", "-shm"};

	for (int i = 0; plan->work && i <= BACKUP__MAX; i++) {
		AUTO(free_ptr)
		char *path =
			path_in(plan->work, i < BACKUP__MAX ? backup_name(i) : MANIFEST);

		for (size_t side = 0; side < ARRAY_LEN(sides); side++) {
			AUTO(free_ptr) char *name = xasprintf("%s%s", path, sides[side]);

			(void)unlink(name);
		}
	}
	if (plan->work)
		(void)rmdir(plan->work);
	free(plan->work);
	free(plan->dir);
	reader_event_cleanup(&plan->head);
}

static bool is_empty(const char *path)
{
	DIR *folder = opendir(path);
	const struct dirent *entry;
	bool empty = folder != NULL;

	while (folder && (entry = readdir(folder)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			empty = false;
	if (folder)
		(void)closedir(folder);
	return empty;
}

/* DIR is not there, or is an empty folder that nobody else can look into. */
static int check_dir(const char *dir)
{
	struct stat st;

	if (lstat(dir, &st) < 0 && errno == ENOENT)
		return CTL_OK;
	if (lstat(dir, &st) < 0)
		return ctl_fail(CTL_NO, "%s: %s", dir, strerror(errno));
	if (!S_ISDIR(st.st_mode))
		return ctl_fail(CTL_NO, "%s: is no folder", dir);
	if (st.st_uid != geteuid())
		return ctl_fail(CTL_NO, "%s: belongs to somebody else", dir);
	if (st.st_mode & 0077)
		return ctl_fail(CTL_NO,
			"%s: others can look into it (mode %04o): chmod 0700 it, or name "
			"a folder that is not there",
			dir, (unsigned)(st.st_mode & 07777));
	if (!is_empty(dir))
		return ctl_fail(CTL_NO,
			"%s: is not empty: each backup has a folder of its "
			"own",
			dir);
	return CTL_OK;
}

static int make_work(struct plan *plan)
{
	const char *word = plan->ctl->args->words[0];
	size_t len = strlen(word);
	AUTO(free_ptr) char *work = NULL;
	int status;

	while (len > 1 && word[len - 1] == '/')
		len--;
	if (len == 0)
		return ctl_fail(CTL_USAGE, "the folder's name is empty");
	plan->dir = xstrndup(word, len);
	status = check_dir(plan->dir);
	if (status)
		return status;
	work = xasprintf("%s.unfinished-XXXXXX", plan->dir);
	if (!mkdtemp(work)) /* 0700 */
		return ctl_fail(errno == EACCES ? CTL_PERMISSION : CTL_NO,
			"%s: cannot be made: %s", plan->dir, strerror(errno));
	plan->work = TAKE_PTR(work);
	return CTL_OK;
}

static int sync_folder(const char *path, struct error *err)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc = fd < 0 || fsync(fd) < 0 ? error_errno(err, errno, "%s", path) : 0;

	if (fd >= 0)
		(void)close(fd);
	return rc;
}

/* It becomes DIR, in the place of an empty one or of none. */
static int finish(struct plan *plan, struct error *err)
{
	const char *slash = strrchr(plan->dir, '/');
	AUTO(free_ptr)
	char *parent =
		!slash ? xstrdup(".")
		       : xstrndup(plan->dir,
				 slash == plan->dir ? 1 : (size_t)(slash - plan->dir));

	if (sync_folder(plan->work, err) < 0)
		return -1;
	if (rename(plan->work, plan->dir) < 0)
		return error_errno(err, errno, "%s", plan->dir);
	free(TAKE_PTR(plan->work));
	return sync_folder(parent, err);
}

/* ---- the copies ---- */

/* Signals that end the program wait until what was begun is taken back. */
static bool go_on(void *userdata)
{
	sigset_t pending;

	(void)userdata;
	return sigpending(&pending) < 0 || !(sigismember(&pending, SIGINT) == 1 ||
						   sigismember(&pending, SIGTERM) == 1 ||
						   sigismember(&pending, SIGHUP) == 1);
}

static void hold_signals(int how)
{
	sigset_t signals;

	(void)sigemptyset(&signals);
	(void)sigaddset(&signals, SIGINT);
	(void)sigaddset(&signals, SIGTERM);
	(void)sigaddset(&signals, SIGHUP);
	(void)sigprocmask(how, &signals, NULL);
}

static int copy(struct plan *plan, enum backup_kind kind)
{
	AUTO(free_ptr) char *path = path_in(plan->work, backup_name(kind));
	const struct backup backup = {
		.state_directory = plan->ctl->config->state_directory,
		.to = path,
		.go_on = go_on};
	struct error err = ERROR_NULL;
	struct stat st;
	int rc = backup_copy(&backup, kind, &err);

	if (rc > 0)
		return ctl_say_outcome(plan->ctl, backup_name(kind), rc, &err);
	if (rc < 0)
		return ctl_fail(CTL_NO, "%s", err.text);
	if (stat(path, &st) < 0)
		return ctl_fail(CTL_NO, "%s: %s", path, strerror(errno));
	plan->copies[plan->n++] = (struct copy){backup_name(kind), st.st_size};
	return CTL_OK;
}

static int copy_all(struct plan *plan)
{
	int status = CTL_OK;

	for (int kind = 0; status == CTL_OK && kind < BACKUP__MAX; kind++)
		if (kind != BACKUP_TOKENS || args_has(plan->ctl->args, OPT_WITH_SECRETS))
			status = copy(plan, (enum backup_kind)kind);
	return status;
}

static int read_head(struct plan *plan)
{
	AUTO(free_ptr) char *path = path_in(plan->work, backup_name(BACKUP_AUDIT));
	struct error err = ERROR_NULL;
	struct reader *reader = NULL;
	int rc = reader_open(path, &reader, &err);

	if (rc == 0)
		rc = reader_head(reader, &plan->head, &err);
	reader_free(reader);
	return rc ? ctl_fail(CTL_NO, "%s", err.text) : CTL_OK;
}

/* ---- the manifest ---- */

static json_t *describe(const struct plan *plan)
{
	json_t *files = json_array();

	for (int i = 0; i < plan->n; i++)
		(void)json_array_append_new(
			files, json_pack("{s:s, s:I}", "name", plan->copies[i].name,
				       "bytes", (json_int_t)plan->copies[i].bytes));
	return json_pack("{s:s, s:s, s:s, s:b, s:{s:I, s:s}, s:o}", "version",
		PROJECT_VERSION, "made_at", plan->made_at, "state_directory",
		plan->ctl->config->state_directory, "secrets",
		args_has(plan->ctl->args, OPT_WITH_SECRETS), "head", "seq",
		(json_int_t)plan->head.seq, "hash",
		plan->head.hash ? plan->head.hash : "", "files", files);
}

static int write_whole(const char *path, const char *text, struct error *err)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	size_t len = strlen(text), done = 0;
	int rc = fd < 0 ? -1 : 0;

	while (rc == 0 && done < len) {
		ssize_t n = write(fd, text + done, len - done);

		if (n < 0 && errno != EINTR)
			rc = -1;
		done += n > 0 ? (size_t)n : 0;
	}
	if (rc == 0)
		rc = fsync(fd);
	if (rc < 0)
		(void)error_errno(err, errno, "%s", path);
	if (fd >= 0)
		(void)close(fd);
	return rc;
}

static int write_manifest(const struct plan *plan, struct error *err)
{
	AUTO(free_ptr) char *path = path_in(plan->work, MANIFEST);
	AUTO(free_ptr) char *text = NULL;
	AUTO(free_ptr) char *lines = NULL;
	json_t *manifest = describe(plan);

	text = manifest ? json_dumps(manifest, JSON_INDENT(2)) : NULL;
	json_decref(manifest);
	if (!text)
		return error_set(err, MANIFEST ": cannot be written down");
	lines = xasprintf("%s\n", text);
	return write_whole(path, lines, err);
}

/* ---- all ---- */

struct said {
	const char *folder;
	const char *head;
	const char *made_at;
};

static void print(struct plan *plan)
{
	static const struct out_column said_columns[] = {
		{"folder", OUT_TEXT, offsetof(struct said, folder)},
		{"head", OUT_TEXT, offsetof(struct said, head)},
		{"made_at", OUT_TEXT, offsetof(struct said, made_at)},
	};
	static const struct out_column copy_columns[] = {
		{"name", OUT_TEXT, offsetof(struct copy, name)},
		{"bytes", OUT_INT, offsetof(struct copy, bytes)},
	};
	static const struct out_list said_list = {
		said_columns, ARRAY_LEN(said_columns), NULL};
	static const struct out_list copy_list = {
		copy_columns, ARRAY_LEN(copy_columns), NULL};
	AUTO(free_ptr)
	char *head = xasprintf(
		"%" PRId64 ":%s", plan->head.seq, plan->head.hash ? plan->head.hash : "");
	const struct said said = {plan->dir, head, plan->made_at};
	struct out *out = &plan->ctl->out;

	out_object_begin(out, &said_list, &said);
	out_object_list(out, "files", &copy_list);
	for (int i = 0; i < plan->n; i++)
		out_row(out, &plan->copies[i]);
	out_list_end(out);
	out_object_end(out);
}

static int make(struct plan *plan)
{
	struct error err = ERROR_NULL;
	int status = make_work(plan);

	clock_format(clock_now().wall_ms, plan->made_at);
	if (status == CTL_OK)
		status = copy_all(plan);
	if (status == CTL_OK)
		status = read_head(plan);
	if (status)
		return status;
	if (write_manifest(plan, &err) < 0 || finish(plan, &err) < 0)
		return ctl_fail(CTL_NO, "%s", err.text);
	return CTL_OK;
}

int cmd_backup(struct ctl *ctl)
{
	struct plan plan = {.ctl = ctl};
	int status;

	hold_signals(SIG_BLOCK);
	status = make(&plan);
	if (status == CTL_OK)
		print(&plan);
	plan_cleanup(&plan);
	hold_signals(SIG_UNBLOCK);
	return status;
}
