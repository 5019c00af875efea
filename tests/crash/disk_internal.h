/* What the files of disk.h share. */
#pragma once

#include "disk.h"

#define DISK_NAME_SIZE 80
#define DISK_FOLDERS   3

extern const char *const disk_folders[DISK_FOLDERS];

enum op_kind {
	OP_WRITE,
	OP_TRUNCATE,
	OP_SYNC,
	OP_CREATE,
	OP_DELETE,
	OP_RENAME,
	OP_FOLDER
};

struct op {
	enum op_kind kind;
	unsigned tag;
	int file;   /* number of the file; OP_DELETE, OP_RENAME, OP_FOLDER: none */
	int folder; /* of a name */
	int64_t at; /* offset, or size */
	size_t len;
	unsigned char *bytes; /* owned */
	char name[DISK_NAME_SIZE], to[DISK_NAME_SIZE];
};

struct name {
	char name[DISK_NAME_SIZE];
	int file;
};

struct content {
	unsigned char *bytes;
	size_t len;
};

struct disk_log {
	struct op *ops;
	size_t n, cap;
	struct name base[DISK_FILES_MAX]; /* what was there, and what was in it */
	struct content contents[DISK_FILES_MAX];
	size_t n_base;
	int n_files;
};

/* A file: what of it is synced, and what happened to it since. */
struct state {
	struct content content;
	size_t *since; /* owned: points of the log */
	size_t n, cap;
};

struct disk {
	const struct disk_log *log;
	struct state *files; /* owned, by number */
	struct name names[DISK_FILES_MAX];
	size_t n_names;
	size_t *since[DISK_FOLDERS]; /* owned */
	size_t n_since[DISK_FOLDERS];
	size_t next; /* the point that is not on its way yet */
	size_t now;
};

/* Writes into content, and makes it longer where it has to be. */
void disk_put(
	struct content *content, int64_t at, const unsigned char *bytes, size_t len);
/* Does to content what the op, a write or a truncation, does. */
void disk_apply(struct content *content, const struct op *op);
/* Does to a list of names what the op does. */
void disk_apply_name(struct name *names, size_t *n, const struct op *op);
/* Calls fn for each file in the folder's folders. */
void disk_each_file(
	const char *root, void (*fn)(void *userdata, const char *name), void *userdata);
/* Copies a name. */
void disk_set_name(char to[DISK_NAME_SIZE], const char *name);
