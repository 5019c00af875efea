/* The disk as it is during one point of a log. */
#include "disk_internal.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

static void push(size_t **list, size_t *n, size_t point)
{
	/* Powers of two: the list grows when it is full. */
	if ((*n & (*n - 1)) == 0)
		*list = xrealloc(*list, sizeof(**list) * (*n ? *n * 2 : 1));
	(*list)[(*n)++] = point;
}

static void resize(struct content *content, size_t len)
{
	if (len > content->len) {
		content->bytes = xrealloc(content->bytes, len + 1);
		memset(content->bytes + content->len, 0, len - content->len);
	}
	content->len = len;
}

void disk_put(struct content *content, int64_t at, const unsigned char *bytes, size_t len)
{
	if (!len)
		return;
	if ((size_t)at + len > content->len)
		resize(content, (size_t)at + len);
	memcpy(content->bytes + at, bytes, len);
}

void disk_apply(struct content *content, const struct op *op)
{
	if (op->kind == OP_WRITE)
		disk_put(content, op->at, op->bytes, op->len);
	else if (op->kind == OP_TRUNCATE)
		resize(content, (size_t)op->at);
}

void disk_apply_name(struct name *names, size_t *n, const struct op *op)
{
	size_t i = 0;

	while (i < *n && strcmp(names[i].name, op->name) != 0)
		i++;
	switch (op->kind) {
	case OP_CREATE:
		if (i == DISK_FILES_MAX)
			abort();
		if (i == *n)
			disk_set_name(names[(*n)++].name, op->name);
		names[i].file = op->file;
		break;
	case OP_DELETE:
		if (i < *n)
			names[i] = names[--*n];
		break;
	default:
		if (i < *n)
			disk_set_name(names[i].name, op->to);
		break;
	}
}

struct disk *disk_new(const struct disk_log *log)
{
	struct disk *disk = xcalloc(1, sizeof(*disk));

	disk->log = log;
	disk->files = xcalloc((size_t)log->n_files + 1, sizeof(*disk->files));
	for (size_t i = 0; i < log->n_base; i++) {
		disk->names[disk->n_names++] = log->base[i];
		disk_put(&disk->files[log->base[i].file].content, 0,
			log->contents[i].bytes, log->contents[i].len);
	}
	return disk;
}

void disk_free(struct disk *disk)
{
	if (!disk)
		return;
	for (int i = 0; i < disk->log->n_files; i++) {
		free(disk->files[i].content.bytes);
		free(disk->files[i].since);
	}
	for (size_t i = 0; i < DISK_FOLDERS; i++)
		free(disk->since[i]);
	free(disk->files);
	free(disk);
}

static void sync_file(struct disk *disk, int file)
{
	struct state *state = &disk->files[file];

	for (size_t i = 0; i < state->n; i++)
		disk_apply(&state->content, &disk->log->ops[state->since[i]]);
	state->n = 0;
}

static void sync_folder(struct disk *disk, int folder)
{
	for (size_t i = 0; i < disk->n_since[folder]; i++)
		disk_apply_name(disk->names, &disk->n_names,
			&disk->log->ops[disk->since[folder][i]]);
	disk->n_since[folder] = 0;
}

/* What was on its way has come back. */
static void finish(struct disk *disk, size_t point)
{
	const struct op *op = &disk->log->ops[point];

	if (op->kind == OP_SYNC)
		sync_file(disk, op->file);
	else if (op->kind == OP_FOLDER)
		sync_folder(disk, op->folder);
}

static void begin(struct disk *disk, size_t point)
{
	const struct op *op = &disk->log->ops[point];
	struct state *state;

	switch (op->kind) {
	case OP_WRITE:
	case OP_TRUNCATE:
		state = &disk->files[op->file];
		push(&state->since, &state->n, point);
		break;
	case OP_CREATE:
	case OP_DELETE:
	case OP_RENAME:
		push(&disk->since[op->folder], &disk->n_since[op->folder], point);
		break;
	case OP_SYNC:
	case OP_FOLDER:
		break;
	}
}

void disk_advance(struct disk *disk, size_t point)
{
	for (; disk->next <= point; disk->next++) {
		if (disk->next)
			finish(disk, disk->next - 1);
		begin(disk, disk->next);
		disk->now = disk->next;
	}
}
