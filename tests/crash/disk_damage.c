/* What the disk may hold after the power went. */
#include "disk_internal.h"

#include "../sim/rng.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SECTOR 512

struct damaging {
	const struct disk *disk;
	enum disk_damage damage;
	struct rng rng;
	size_t torn; /* the write that is torn, or the last one */
};

const char *disk_damage_name(enum disk_damage damage)
{
	static const char *const names[DISK__MAX] = {"all applied", "all lost",
		"some sectors", "a torn write", "the last write cut short",
		"grown by zeros", "garbage", "names and sizes of before"};

	return names[damage];
}

/* The write at which DISK_TORN and DISK_SHORT do their damage; SIZE_MAX = none. */
static size_t choose_write(struct damaging *d)
{
	size_t chosen = SIZE_MAX, n = 0;

	for (int i = 0; i < d->disk->log->n_files; i++) {
		const struct state *state = &d->disk->files[i];

		for (size_t k = 0; k < state->n; k++) {
			size_t point = state->since[k];

			if (d->disk->log->ops[point].kind != OP_WRITE)
				continue;
			if (d->damage == DISK_SHORT) {
				if (chosen == SIZE_MAX || point > chosen)
					chosen = point;
			} else if (rng_between(&d->rng, 0, (int64_t)n++) == 0) {
				chosen = point;
			}
		}
	}
	return chosen;
}

/* One sector's worth of a write. */
static void put_sector(struct damaging *d, struct content *content, size_t durable,
	int64_t at, const unsigned char *bytes, size_t len)
{
	unsigned char other[SECTOR] = {0};
	int64_t draw = rng_between(&d->rng, 0, 5);

	switch (d->damage) {
	case DISK_SECTORS:
		if (draw % 2)
			disk_put(content, at, bytes, len);
		break;
	case DISK_ZEROS:
		if ((size_t)at >= durable)
			disk_put(content, at, other, len);
		else if (draw % 2)
			disk_put(content, at, bytes, len);
		break;
	default:
		if (draw < 2)
			disk_put(content, at, bytes, len);
		if (draw < 4)
			break;
		for (size_t i = 0; i < len; i++)
			other[i] = (unsigned char)rng_next(&d->rng);
		disk_put(content, at, other, len);
		break;
	}
}

static void put_sectors(
	struct damaging *d, struct content *content, size_t durable, const struct op *op)
{
	for (size_t done = 0; done < op->len;) {
		int64_t at = op->at + (int64_t)done;
		size_t len = SECTOR - (size_t)at % SECTOR;

		if (len > op->len - done)
			len = op->len - done;
		put_sector(d, content, durable, at, op->bytes + done, len);
		done += len;
	}
}

static void damage_op(
	struct damaging *d, struct content *content, size_t durable, size_t point)
{
	const struct op *op = &d->disk->log->ops[point];
	bool is_write = op->kind == OP_WRITE;
	size_t half = op->len / 2;

	switch (d->damage) {
	case DISK_ALL:
		disk_apply(content, op);
		break;
	case DISK_NONE:
	case DISK__MAX:
		break;
	case DISK_TORN:
		if (point < d->torn)
			disk_apply(content, op);
		else if (point == d->torn)
			disk_put(content, op->at, op->bytes, half);
		break;
	case DISK_SHORT:
		if (point == d->torn)
			disk_put(content, op->at, op->bytes,
				(size_t)rng_between(&d->rng, 0, (int64_t)op->len - 1));
		else
			disk_apply(content, op);
		break;
	case DISK_NAMES:
		if (is_write)
			disk_apply(content, op);
		break;
	case DISK_SECTORS:
	case DISK_ZEROS:
	case DISK_GARBAGE:
		if (is_write)
			put_sectors(d, content, durable, op);
		else if (rng_permille(&d->rng, 500))
			disk_apply(content, op);
		break;
	}
}

static void damage_file(struct damaging *d, int file, struct content *ret_content)
{
	const struct state *state = &d->disk->files[file];

	disk_put(ret_content, 0, state->content.bytes, state->content.len);
	for (size_t i = 0; i < state->n; i++)
		damage_op(d, ret_content, state->content.len, state->since[i]);
}

/* How many of a folder's changes stay. */
static size_t n_kept(struct damaging *d, int folder)
{
	size_t n = d->disk->n_since[folder], kept = 0;

	switch (d->damage) {
	case DISK_NONE:
		return 0;
	case DISK_NAMES:
		return n ? (size_t)rng_between(&d->rng, 0, (int64_t)n - 1) : 0;
	case DISK_SECTORS:
		return (size_t)rng_between(&d->rng, 0, (int64_t)n);
	case DISK_TORN:
		while (kept < n && d->disk->since[folder][kept] < d->torn)
			kept++;
		return kept;
	default:
		return n;
	}
}

void disk_image(const struct disk *disk, enum disk_damage damage, uint64_t seed,
	struct disk_image *ret_image)
{
	struct damaging d = {.disk = disk, .damage = damage, .rng = {seed}};
	struct name names[DISK_FILES_MAX];
	size_t n = disk->n_names;

	d.torn = choose_write(&d);
	memcpy(names, disk->names, sizeof(names));
	for (size_t folder = 0; folder < DISK_FOLDERS; folder++) {
		size_t kept = n_kept(&d, (int)folder);

		for (size_t i = 0; i < kept; i++)
			disk_apply_name(
				names, &n, &disk->log->ops[disk->since[folder][i]]);
	}
	*ret_image = (struct disk_image){.n = n};
	for (size_t i = 0; i < n; i++) {
		struct content content = {0};

		damage_file(&d, names[i].file, &content);
		disk_set_name(ret_image->files[i].name, names[i].name);
		ret_image->files[i].bytes = content.bytes;
		ret_image->files[i].len = content.len;
	}
}

void disk_image_free(struct disk_image *image)
{
	for (size_t i = 0; i < image->n; i++)
		free(image->files[i].bytes);
	image->n = 0;
}

static uint64_t mix(uint64_t hash, const unsigned char *bytes, size_t len)
{
	for (; len >= 8; bytes += 8, len -= 8) {
		uint64_t word;

		memcpy(&word, bytes, 8);
		hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
		hash ^= hash >> 29;
	}
	for (; len; bytes++, len--)
		hash = (hash ^ *bytes) * UINT64_C(0x100000001b3);
	return hash;
}

uint64_t disk_image_hash(const struct disk_image *image)
{
	uint64_t sum = 0;

	/* The order of the names says nothing. */
	for (size_t i = 0; i < image->n; i++) {
		const struct disk_file *file = &image->files[i];
		uint64_t hash = mix(
			0x1234567, (const unsigned char *)file->name, strlen(file->name));

		sum += mix(hash, file->bytes, file->len);
	}
	return sum;
}

static void on_old(void *userdata, const char *name)
{
	AUTO(free_ptr) char *path = xasprintf("%s/%s", (const char *)userdata, name);

	(void)unlink(path);
}

static void write_file(
	const char *folder, const char *name, const unsigned char *bytes, size_t len)
{
	AUTO(free_ptr) char *path = xasprintf("%s/%s", folder, name);
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0660);

	if (fd < 0 || (len && pwrite(fd, bytes, len, 0) != (ssize_t)len)) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		abort();
	}
	(void)close(fd);
}

/* Memory that was never synced: anything. */
static void write_shm(const struct disk_file *wal, const char *folder, struct rng *rng)
{
	unsigned char bytes[32768];
	char name[DISK_NAME_SIZE];
	size_t len = strlen(wal->name);

	if (len < 4 || strcmp(wal->name + len - 4, "-wal") != 0 || rng_permille(rng, 500))
		return;
	for (size_t i = 0; i < sizeof(bytes); i += 8) {
		uint64_t word = rng_next(rng);

		memcpy(bytes + i, &word, 8);
	}
	(void)snprintf(name, sizeof(name), "%.*s-shm", (int)len - 4, wal->name);
	write_file(folder, name, bytes, sizeof(bytes));
}

void disk_image_write(const struct disk_image *image, const char *folder, uint64_t seed)
{
	struct rng rng = {seed};

	disk_each_file(folder, on_old, (void *)(uintptr_t)folder);
	for (size_t i = 0; i < image->n; i++) {
		const struct disk_file *file = &image->files[i];

		write_file(folder, file->name, file->bytes, file->len);
		write_shm(file, folder, &rng);
	}
}
