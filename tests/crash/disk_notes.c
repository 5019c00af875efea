/* What is noted, at the system calls. */
#include "disk_internal.h"

#include "base/mem.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LIVE_MAX 1024

const char *const disk_folders[] = {"queue", "audit", "tokens"};

static const char *const op_names[] = {
	"write", "truncate", "sync", "create", "delete", "rename", "sync of the folder"};

/* ---- the notes ---- */

/* What is being noted; one process, one thread. */
static struct {
	struct disk_log *log;
	char root[256];
	unsigned tag;
	struct {
		dev_t dev;
		ino_t ino;
		int file; /* -1 = gone */
	} live[LIVE_MAX];
	size_t n_live;
} rec;

/* The name below the folder, or NULL: none of ours. Shared memory is memory. */
static const char *ours(const char *path)
{
	size_t len = strlen(rec.root);
	const char *end;

	if (!rec.log || strncmp(path, rec.root, len) != 0 || path[len] != '/')
		return NULL;
	end = strrchr(path, '-');
	if (end && !strcmp(end, "-shm"))
		return NULL;
	return path + len + 1;
}

static int folder_of(const char *name)
{
	for (size_t i = 0; i < DISK_FOLDERS; i++) {
		size_t len = strlen(disk_folders[i]);

		if (!strncmp(name, disk_folders[i], len) &&
			(!name[len] || name[len] == '/'))
			return (int)i;
	}
	fprintf(stderr, "a file in a folder of nobody's: %s\n", name);
	abort();
}

static struct op *add(enum op_kind kind)
{
	struct disk_log *log = rec.log;

	if (log->n == log->cap) {
		log->cap = log->cap ? log->cap * 2 : 256;
		log->ops = xrealloc(log->ops, log->cap * sizeof(*log->ops));
	}
	log->ops[log->n] = (struct op){.kind = kind, .tag = rec.tag, .file = -1};
	return &log->ops[log->n++];
}

void disk_set_name(char to[DISK_NAME_SIZE], const char *name)
{
	if (snprintf(to, DISK_NAME_SIZE, "%s", name) >= DISK_NAME_SIZE)
		abort();
}

static void remember(const struct stat *st, int file)
{
	for (size_t i = 0; i < rec.n_live; i++)
		if (rec.live[i].dev == st->st_dev && rec.live[i].ino == st->st_ino)
			rec.live[i].file = -1;
	if (rec.n_live == LIVE_MAX)
		abort();
	rec.live[rec.n_live].dev = st->st_dev;
	rec.live[rec.n_live].ino = st->st_ino;
	rec.live[rec.n_live++].file = file;
}

static int file_of(int fd, struct stat *ret_st)
{
	if (!rec.log || fstat(fd, ret_st) < 0)
		return -1;
	for (size_t i = rec.n_live; i-- > 0;)
		if (rec.live[i].dev == ret_st->st_dev &&
			rec.live[i].ino == ret_st->st_ino)
			return rec.live[i].file;
	return -1;
}

static void note_folder(int fd)
{
	char link[64], path[PATH_MAX];
	ssize_t len;

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	len = readlink(link, path, sizeof(path) - 1);
	if (len < 0)
		return;
	path[len] = '\0';
	if (ours(path))
		add(OP_FOLDER)->folder = folder_of(ours(path));
}

/* ---- the system calls, in the place of libc's for this program and its libraries ----
 */

static int open_one(const char *path, int flags, mode_t mode)
{
	const char *name = flags & O_CREAT ? ours(path) : NULL;
	struct stat st;
	bool existed = name && stat(path, &st) == 0;
	int fd = (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
	struct op *op;

	if (fd < 0 || !name)
		return fd;
	if (existed) {
		if (flags & O_TRUNC)
			abort();
		return fd;
	}
	if (fstat(fd, &st) < 0)
		abort();
	op = add(OP_CREATE);
	op->file = rec.log->n_files++;
	op->folder = folder_of(name);
	disk_set_name(op->name, name);
	remember(&st, op->file);
	return fd;
}

#define OPEN_LIKE(symbol)                                                                \
	int symbol(const char *path, int flags, ...)                                     \
	{                                                                                \
		mode_t mode = 0;                                                         \
		va_list ap;                                                              \
                                                                                         \
		va_start(ap, flags);                                                     \
		if (flags & O_CREAT)                                                     \
			mode = va_arg(ap, mode_t);                                       \
		va_end(ap);                                                              \
		return open_one(path, flags, mode);                                      \
	}
OPEN_LIKE(open)
OPEN_LIKE(open64)

static ssize_t write_one(int fd, const void *bytes, size_t len, int64_t at)
{
	struct stat st;
	int file = file_of(fd, &st);

	if (file >= 0) {
		struct op *op = add(OP_WRITE);

		op->file = file;
		op->at = at;
		op->len = len;
		op->bytes = xmalloc(len + 1);
		memcpy(op->bytes, bytes, len);
	}
	return syscall(SYS_pwrite64, fd, bytes, len, at);
}

ssize_t pwrite(int fd, const void *bytes, size_t len, off_t at)
{
	return write_one(fd, bytes, len, at);
}

ssize_t pwrite64(int fd, const void *bytes, size_t len, off64_t at)
{
	return write_one(fd, bytes, len, at);
}

static int truncate_one(int fd, int64_t size)
{
	struct stat st;
	int file = file_of(fd, &st);

	if (file >= 0) {
		struct op *op = add(OP_TRUNCATE);

		op->file = file;
		op->at = size;
	}
	return (int)syscall(SYS_ftruncate, fd, size);
}

int ftruncate(int fd, off_t size)
{
	return truncate_one(fd, size);
}

int ftruncate64(int fd, off64_t size)
{
	return truncate_one(fd, size);
}

/* Nothing is really synced: the power that may go is not the real one. */
static int sync_one(int fd)
{
	struct stat st = {0};
	int file = file_of(fd, &st);

	if (file >= 0)
		add(OP_SYNC)->file = file;
	else if (rec.log && S_ISDIR(st.st_mode))
		note_folder(fd);
	return 0;
}

int fsync(int fd)
{
	return sync_one(fd);
}

int fdatasync(int fd)
{
	return sync_one(fd);
}

int unlink(const char *path)
{
	const char *name = ours(path);
	int rc = (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0);

	if (rc == 0 && name) {
		struct op *op = add(OP_DELETE);

		op->folder = folder_of(name);
		disk_set_name(op->name, name);
	}
	return rc;
}

int renameat2(int from_fd, const char *from, int to_fd, const char *to, unsigned flags)
{
	const char *name = ours(from), *new_name = ours(to);
	int rc = (int)syscall(SYS_renameat2, from_fd, from, to_fd, to, flags);

	if (rc == 0 && name && new_name) {
		struct op *op = add(OP_RENAME);

		op->folder = folder_of(name);
		disk_set_name(op->name, name);
		disk_set_name(op->to, new_name);
	}
	return rc;
}

int rename(const char *from, const char *to)
{
	return renameat2(AT_FDCWD, from, AT_FDCWD, to, 0);
}

/* ---- beginning and end of the notes ---- */

static void read_base(struct disk_log *log, const char *name)
{
	AUTO(free_ptr) char *path = xasprintf("%s/%s", rec.root, name);
	struct content *content = &log->contents[log->n_base];
	struct stat st;
	FILE *file = fopen(path, "rbe");

	if (!file || fstat(fileno(file), &st) < 0 || log->n_base == DISK_FILES_MAX)
		abort();
	content->len = (size_t)st.st_size;
	content->bytes = xmalloc(content->len + 1);
	if (fread(content->bytes, 1, content->len, file) != content->len)
		abort();
	(void)fclose(file);
	disk_set_name(log->base[log->n_base].name, name);
	log->base[log->n_base++].file = log->n_files;
	remember(&st, log->n_files++);
}

void disk_each_file(
	const char *root, void (*fn)(void *userdata, const char *name), void *userdata)
{
	for (size_t i = 0; i < DISK_FOLDERS; i++) {
		AUTO(free_ptr) char *path = xasprintf("%s/%s", root, disk_folders[i]);
		DIR *dir = opendir(path);
		struct dirent *entry;

		while (dir && (entry = readdir(dir))) {
			AUTO(free_ptr) char *name = NULL;

			if (entry->d_name[0] == '.')
				continue;
			name = xasprintf("%s/%s", disk_folders[i], entry->d_name);
			fn(userdata, name);
		}
		if (dir)
			(void)closedir(dir);
	}
}

static void on_base(void *userdata, const char *name)
{
	const char *end = strrchr(name, '-');

	if (!end || strcmp(end, "-shm") != 0)
		read_base(userdata, name);
}

struct disk_log *disk_record(const char *folder)
{
	struct disk_log *log = xcalloc(1, sizeof(*log));

	memset(&rec, 0, sizeof(rec));
	if (snprintf(rec.root, sizeof(rec.root), "%s", folder) >= (int)sizeof(rec.root))
		abort();
	disk_each_file(folder, on_base, log);
	rec.log = log;
	return log;
}

void disk_note(unsigned tag)
{
	rec.tag = tag;
}

void disk_stop(void)
{
	rec.log = NULL;
}

void disk_log_free(struct disk_log *log)
{
	if (!log)
		return;
	for (size_t i = 0; i < log->n; i++)
		free(log->ops[i].bytes);
	for (size_t i = 0; i < log->n_base; i++)
		free(log->contents[i].bytes);
	free(log->ops);
	free(log);
}

size_t disk_points(const struct disk_log *log)
{
	return log->n;
}

unsigned disk_tag(const struct disk_log *log, size_t point)
{
	return log->ops[point].tag;
}

/* The name that a file had when it was made. */
static const char *first_name(const struct disk_log *log, int file)
{
	for (size_t i = 0; i < log->n_base; i++)
		if (log->base[i].file == file)
			return log->base[i].name;
	for (size_t i = 0; i < log->n; i++)
		if (log->ops[i].kind == OP_CREATE && log->ops[i].file == file)
			return log->ops[i].name;
	return "?";
}

void disk_describe(const struct disk_log *log, size_t point, char text[160])
{
	const struct op *op = &log->ops[point];
	const char *name = *op->name               ? op->name
			   : op->kind == OP_FOLDER ? disk_folders[op->folder]
						   : first_name(log, op->file);

	(void)snprintf(text, 160, "%s %s at %lld, %zu bytes", op_names[op->kind], name,
		(long long)op->at, op->len);
}
